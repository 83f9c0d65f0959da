// Errors of calls on processes, signals and time, one and two at a time.
#include "sweep.h"
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/uio.h>

#define GONE 0x3fffffff
#define PIDFD 91

static Kind pids[] = {{"self", 0}, {"gone", GONE}, {"-1", -1}, {"-gone", -GONE}, {"0", 0}, END};
// Signals go to nobody else.
static Kind targets[] = {{"self", 0}, {"gone", GONE}, {"-gone", -GONE}, END}, threads[] = {{"self", 0}, {"gone", GONE}, {"-1", -1}, {"0", 0}, END};
static const Kind sigs[] = {{"0", 0}, {"USR1", SIGUSR1}, {"64", 64}, {"65", 65}, {"-1", -1}, END};
static siginfo_t queue_info, kernel_info, tkill_info;
static const Kind infos[] = {{"info", P(&queue_info)}, BAD_POINTERS, {"kernel's", P(&kernel_info)}, {"tkill's", P(&tkill_info)}, END};
static const Kind opt_infos[] = {{"null", 0}, {"info", P(&queue_info)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel's", P(&kernel_info)}, {"tkill's", P(&tkill_info)}, END};
static const Kind pidfds[] = {{"pidfd", PIDFD}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_ONLY}, {"pipe", PIPE_R}, {"-10000", -10000}, END};
static const Kind flags0[] = {{"0", 0}, {"1", 1}, {"4", 4}, {"0x800", O_NONBLOCK}, {"-1", -1}, END};
static const Kind other_fds[] = {{"file", FILE_RW}, {"-1", -1}, {"closed", CLOSED}, END};

static void set_infos(long r) {
    memset(&queue_info, 0, sizeof queue_info);
    queue_info.si_code = SI_QUEUE;
    kernel_info = tkill_info = queue_info;
    kernel_info.si_code = SI_USER;
    tkill_info.si_code = SI_TKILL;
}
static const Call signalling[] = {
    {"kill", SYS_kill, {targets, sigs}},
    {"tkill", SYS_tkill, {threads, sigs}},
    {"tgkill", SYS_tgkill, {threads, threads, sigs}},
    {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {targets, sigs, infos}, set_infos},
    {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, {threads, threads, sigs, infos}, set_infos},
    {"pidfd_send_signal", SYS_pidfd_send_signal, {pidfds, sigs, opt_infos, flags0}, set_infos},
    {"pidfd_open", SYS_pidfd_open, {threads, flags0}, close_it},
    {"pidfd_getfd", SYS_pidfd_getfd, {pidfds, other_fds, flags0}, close_it},
    {},
};

static const Kind wait_options[] = {{"NOHANG", 1}, {"WUNTRACED", 3}, {"EXITED", 5}, {"STOPPED", 3 | 0x1000000}, {"unknown", 0x101}, {"ALL", 0xe0000001}, {"-1", -1}, END};
static const Kind wait_pids[] = {{"-1", -1}, {"gone", GONE}, {"-gone", -GONE}, {"min", 0x80000000}, {"0", 0}, END};
static const Kind waitid_options[] = {{"EXITED", 5}, {"0", 0}, {"NOHANG", 1}, {"NOWAIT", 0x1000005}, {"unknown", 0x105}, {"-1", -1}, END};
static const Kind id_types[] = {{"ALL", 0}, {"PID", 1}, {"PGID", 2}, {"PIDFD", 3}, {"4", 4}, {"-1", -1}, END};
static const Kind wait_ids[] = {{"0", 0}, {"gone", GONE}, {"-1", -1}, {"closed", CLOSED}, {"pidfd", PIDFD}, {"file", FILE_RW}, END};
static const Kind outs[] = {{"out", ROOM}, BAD_POINTERS, {"ro", RONLY}, END};
static const Kind outs2[] = {{"out", ROOM + 8192}, BAD_POINTERS, {"ro", RONLY}, END};
static const Call children[] = {
    {"wait4", SYS_wait4, {wait_pids, outs, wait_options, outs2}},
    {"waitid", SYS_waitid, {id_types, wait_ids, outs, waitid_options, outs2}},
#if !ABI64
    {"waitpid", SYS_waitpid, {wait_pids, outs, wait_options}},
#endif
    {},
};

static const Kind policies[] = {{"OTHER", 0}, {"FIFO", 1}, {"BATCH", 3}, {"4", 4}, {"DEADLINE", 6}, {"RESET", 0x40000000}, {"99", 99}, {"-1", -1}, END};
static struct sched_param priority_0, priority_100 = {100}, priority_minus = {-1};
static const Kind priorities[] = {{"0", P(&priority_0)}, BAD_POINTERS, {"100", P(&priority_100)}, {"-1", P(&priority_minus)}, END};
static unsigned sched_attr[16] = {48}, attr_small[16] = {1}, attr_large[16] = {64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, attr_flags[16] = {48, 0, 0x8000}, attr_policy[16] = {48, 99}, attr_0[16] = {0};
static const Kind attrs[] = {{"attr", P(sched_attr)}, BAD_POINTERS, {"small", P(attr_small)}, {"large", P(attr_large)}, {"flags", P(attr_flags)}, {"policy", P(attr_policy)}, {"size 0", P(attr_0)}, END};
static void set_attrs(long r) {
    sched_attr[0] = 48, attr_small[0] = 1, attr_large[0] = 64, attr_0[0] = 0;
}
static const Kind attr_sizes[] = {{"48", 48}, {"56", 56}, {"47", 47}, {"0", 0}, {"4096", 4096}, {"4097", 4097}, {"-1", -1}, END};
static const Kind set_sizes[] = {{"128", 128}, {"0", 0}, {"1", 1}, {"8", 8}, {"7", 7}, {"12", 12}, {"-1", -1}, END};
static unsigned long cpus[16], no_cpus[16];
static const Kind cpu_sets[] = {{"cpus", P(cpus)}, BAD_POINTERS, {"none of them", P(no_cpus)}, END};
static const Kind which[] = {{"PROCESS", 0}, {"PGRP", 1}, {"USER", 2}, {"3", 3}, {"-1", -1}, END};
static const Kind whos[] = {{"0", 0}, {"gone", GONE}, {"-1", -1}, END};
static Kind gone_pids[] = {{"gone", GONE}, {"-1", -1}, {"min", 0x80000000}, END}, gone_groups[] = {{"gone", GONE}, {"-1", -1}, {"0", 0}, END};
static const Kind resources[] = {{"CORE", 4}, {"RTPRIO", 14}, {"16", 16}, {"99", 99}, {"-1", -1}, END};
static struct rlimit core = {0, 0}, reversed = {5, 4};
static struct { long long soft, hard; } core64, reversed64 = {5, 4}, too_many = {1LL << 40, 1LL << 40};
static const Kind limits[] = {{"0", P(&core)}, {"null", 0}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"reversed", P(&reversed)}, END};
static const Kind limits64[] = {{"null", 0}, {"0", P(&core64)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"reversed", P(&reversed64)}, {"too many", P(&too_many)}, END};
static const Kind old_limits[] = {{"null", 0}, {"out", ROOM}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, END};
static const Kind usages[] = {{"SELF", 0}, {"CHILDREN", -1}, {"THREAD", 1}, {"2", 2}, {"-2", -2}, END};
static const Kind io_which[] = {{"PROCESS", 1}, {"0", 0}, {"4", 4}, {"-1", -1}, END};
static const Kind io_priorities[] = {{"0", 0}, {"BE 4", 2 << 13 | 4}, {"BE 8", 2 << 13 | 8}, {"class 4", 4 << 13}, {"class 7", 7 << 13}, {"-1", -1}, END};

static const Call scheduling[] = {
    {"sched_getscheduler", SYS_sched_getscheduler, {pids}},
    {"sched_getparam", SYS_sched_getparam, {pids, outs}},
    {"sched_setparam", SYS_sched_setparam, {pids, priorities}},
    {"sched_setscheduler", SYS_sched_setscheduler, {pids, policies, priorities}},
    {"sched_getattr", SYS_sched_getattr, {pids, outs, attr_sizes, flags0}},
    {"sched_setattr", SYS_sched_setattr, {pids, attrs, flags0}, set_attrs},
    {"sched_get_priority_max", SYS_sched_get_priority_max, {policies}},
    {"sched_get_priority_min", SYS_sched_get_priority_min, {policies}},
    {"sched_getaffinity", SYS_sched_getaffinity, {pids, set_sizes, outs}, 0, 1},
    {"sched_setaffinity", SYS_sched_setaffinity, {pids, set_sizes, cpu_sets}},
    {"sched_rr_get_interval", ABI64 ? SYS_sched_rr_get_interval : 161, {pids, outs}},
    {"getpriority", SYS_getpriority, {which, whos}, 0, 1},
    {"setpriority", SYS_setpriority, {which, gone_pids, whos}},
    {"ioprio_get", SYS_ioprio_get, {io_which, gone_pids}},
    {"ioprio_set", SYS_ioprio_set, {io_which, gone_pids, io_priorities}},
    {"getrlimit", ABI64 ? SYS_getrlimit : 76, {resources, outs}},
    {"setrlimit", SYS_setrlimit, {resources, limits}},
    {"prlimit64", SYS_prlimit64, {pids, resources, limits64, old_limits}},
    {"getrusage", SYS_getrusage, {usages, outs}},
    {"sysinfo", SYS_sysinfo, {outs}},
    {"times", SYS_times, {outs}, 0, 1},
    {"getpgid", SYS_getpgid, {pids}, 0, 1},
    {"getsid", SYS_getsid, {pids}, 0, 1},
    {"setpgid", SYS_setpgid, {gone_pids, gone_groups}},
    {"uname", SYS_uname, {outs}},
    {"getcpu", SYS_getcpu, {outs, outs2}},
    {"ustat", SYS_ustat, {gone_pids, outs}},
    {},
};

static const Kind mask_sizes[] = {{"8", 8}, {"0", 0}, {"4", 4}, {"16", 16}, {"-1", -1}, END};
static const Kind changed[] = {{"USR2", SIGUSR2}, {"0", 0}, {"KILL", SIGKILL}, {"STOP", SIGSTOP}, {"64", 64}, {"65", 65}, {"-1", -1}, END};
static char action[256];
static const Kind actions[] = {{"action", P(action)}, BAD_POINTERS, END};
static const Kind old_outs[] = {{"null", 0}, {"out", ROOM}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, END};
static const Kind mask_how[] = {{"BLOCK", 0}, {"UNBLOCK", 1}, {"SET", 2}, {"3", 3}, {"-1", -1}, END};
static sigset_t nothing, usr1;
static const Kind masks[] = {{"set", P(&nothing)}, BAD_POINTERS, END};
static const Kind waited[] = {{"set", P(&usr1)}, BAD_POINTERS, END};
static struct timespec old_zero, old_minus = {-1, 0}, old_nanos = {0, 1000000000};
static long long zero[2], minus[2] = {-1, 0}, nanos[2] = {0, 1000000000};
static const Kind times_old[] = {{"0", P(&old_zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(&old_minus)}, {"nanos", P(&old_nanos)}, END};
static const Kind times64[] = {{"0", P(zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(minus)}, {"nanos", P(nanos)}, END};
static stack_t stack = {(void *)ROOM, 0, 32768}, stack_small = {(void *)ROOM, 0, 100}, stack_flags = {(void *)ROOM, 8, 32768}, stack_both = {(void *)ROOM, 8, 100}, stack_off = {0, SS_DISABLE, 0};
static const Kind stacks[] = {{"stack", P(&stack)}, BAD_POINTERS, {"small", P(&stack_small)}, {"flags", P(&stack_flags)}, {"both", P(&stack_both)}, {"off", P(&stack_off)}, END};
static const Kind no_masks[] = {{"8", 8}, {"none", NONE}, {"edge", EDGE}, END};
static void no_stack(long r) {
    sigaltstack(&stack_off, 0);
}
static const Call handling[] = {
    {"rt_sigaction", SYS_rt_sigaction, {changed, actions, old_outs, mask_sizes}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {mask_how, masks, old_outs, mask_sizes}},
    {"rt_sigpending", SYS_rt_sigpending, {outs, mask_sizes}},
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, {waited, old_outs, times_old, mask_sizes}},
    {"rt_sigsuspend", SYS_rt_sigsuspend, {no_masks, mask_sizes}},
    {"sigaltstack", SYS_sigaltstack, {stacks, old_outs}, no_stack},
#if !ABI64
    {"rt_sigtimedwait_time64", SYS_rt_sigtimedwait_time64, {waited, old_outs, times64, mask_sizes}},
    {"sigaction", SYS_sigaction, {changed, actions, old_outs}},
    {"signal", SYS_signal, {changed, flags0}},
    {"sigprocmask", SYS_sigprocmask, {mask_how, masks, old_outs}},
    {"sigpending", SYS_sigpending, {outs}},
#endif
    {},
};
static void reset_handlers(long r) {
    signal(SIGUSR2, SIG_DFL);
}

static const Kind clocks[] = {{"MONOTONIC", 1}, {"REALTIME", 0}, {"CPU", 2}, {"THREAD", 3}, {"RAW", 4}, {"COARSE", 5}, {"BOOT", 7}, {"ALARM", 8}, {"10", 10}, {"TAI", 11}, {"99", 99}, {"-1", -1}, {"-2", -2}, {"-3", -3}, {"-6", -6},
    {"gone", ~GONE << 3 | 2}, END};
static const Kind sleep_flags[] = {{"0", 0}, {"ABS", 1}, {"2", 2}, {"-1", -1}, END};
static const Kind bad_times[] = {{"8", 8}, {"null", 0}, {"none", NONE}, {"edge", EDGE}, {"minus", P(&old_minus)}, {"nanos", P(&old_nanos)}, END};
static const Kind bad_times64[] = {{"8", 8}, {"null", 0}, {"none", NONE}, {"edge", EDGE}, {"minus", P(minus)}, {"nanos", P(nanos)}, END};
static const Kind bad_only[] = {{"8", 8}, {"none", NONE}, {"edge", EDGE}, END};
static struct itimerval it_off, it_minus = {{0, 0}, {-1, 0}}, it_micros = {{0, 1000000}, {0, 0}};
static const Kind itimers[] = {{"0", P(&it_off)}, BAD_POINTERS, {"minus", P(&it_minus)}, {"us", P(&it_micros)}, END};
static const Kind itimer_which[] = {{"REAL", 0}, {"VIRTUAL", 1}, {"PROF", 2}, {"3", 3}, {"-1", -1}, END};
static struct sigevent event_none = {.sigev_notify = SIGEV_NONE}, event_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}, event_bad = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99},
    event_0 = {.sigev_notify = SIGEV_SIGNAL}, event_unknown = {.sigev_notify = 77, .sigev_signo = SIGUSR1}, event_id = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1, ._sigev_un = {._tid = GONE}};
static const Kind events[] = {{"none", P(&event_none)}, BAD_POINTERS, {"signal", P(&event_signal)}, {"bad", P(&event_bad)}, {"0", P(&event_0)}, {"unknown", P(&event_unknown)}, {"id", P(&event_id)}, END};
static int timer_id;
static const Kind ids_out[] = {{"id", P(&timer_id)}, BAD_POINTERS, {"ro", RONLY}, END};
static Kind timers[] = {{"timer", 0}, {"gone", 12345}, {"-1", -1}, END};
static struct itimerspec its_off, its_minus = {{0, 0}, {-1, 0}}, its_nanos = {{0, 1000000000}, {1, 0}};
static const Kind its[] = {{"off", P(&its_off)}, BAD_POINTERS, {"minus", P(&its_minus)}, {"nanos", P(&its_nanos)}, END};
static long long its64[4], its64_minus[4] = {0, 0, -1, 0}, its64_nanos[4] = {0, 1000000000, 1, 0};
static const Kind itspecs64[] = {{"off", P(its64)}, BAD_POINTERS, {"minus", P(its64_minus)}, {"nanos", P(its64_nanos)}, END};
static void delete_timer(long r) {
    if (r == 0) syscall(SYS_timer_delete, timer_id);
}
static void keep_timer(long r) {
    if (r == 0) {
        OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event_none, &timer_id));
        timers[0].value = timer_id;
    }
}
static struct timeval tv_minus = {-1, 0};
static const Kind bad_tvs[] = {{"8", 8}, {"none", NONE}, {"edge", EDGE}, {"minus", P(&tv_minus)}, END};
static const Kind bad_zones[] = {{"null", 0}, {"8", 8}, {"none", NONE}, END};
static struct { unsigned modes; long rest[64]; } adjust_unknown = {0};
static const Call timing[] = {
    {"clock_gettime", ABI64 ? SYS_clock_gettime : 265, {clocks, outs}},
    {"clock_getres", ABI64 ? SYS_clock_getres : 266, {clocks, outs}},
    {"clock_settime", ABI64 ? SYS_clock_settime : 264, {clocks, bad_times}},
    {"clock_nanosleep", ABI64 ? SYS_clock_nanosleep : 267, {clocks, sleep_flags, times_old, old_outs}},
    {"clock_adjtime", ABI64 ? SYS_clock_adjtime : 343, {clocks, bad_only}},
    {"adjtimex", SYS_adjtimex, {bad_only}},
    {"nanosleep", SYS_nanosleep, {times_old, old_outs}},
    {"gettimeofday", ABI64 ? SYS_gettimeofday : 78, {outs, old_outs}},
    {"settimeofday", ABI64 ? SYS_settimeofday : 79, {bad_tvs, bad_zones}},
    {"time", SYS_time, {outs}, 0, 1},
    {"getitimer", SYS_getitimer, {itimer_which, outs}},
    {"setitimer", SYS_setitimer, {itimer_which, itimers, old_outs}},
    {"timer_create", SYS_timer_create, {clocks, events, ids_out}, delete_timer},
    {"timer_settime", ABI64 ? SYS_timer_settime : 260, {timers, sleep_flags, its, old_outs}},
    {"timer_gettime", ABI64 ? SYS_timer_gettime : 261, {timers, outs}},
    {"timer_getoverrun", SYS_timer_getoverrun, {timers}},
#if !ABI64
    {"clock_gettime64", SYS_clock_gettime64, {clocks, outs}},
    {"clock_getres_time64", SYS_clock_getres_time64, {clocks, outs}},
    {"clock_settime64", SYS_clock_settime64, {clocks, bad_times64}},
    {"clock_nanosleep_time64", SYS_clock_nanosleep_time64, {clocks, sleep_flags, times64, old_outs}},
    {"clock_adjtime64", SYS_clock_adjtime64, {clocks, bad_only}},
    {"sched_rr_get_interval_time64", SYS_sched_rr_get_interval_time64, {pids, outs}},
    {"timer_settime64", SYS_timer_settime64, {timers, sleep_flags, itspecs64, old_outs}},
    {"timer_gettime64", SYS_timer_gettime64, {timers, outs}},
#endif
    {"timer_delete", SYS_timer_delete, {timers}, keep_timer},
    {},
};

static unsigned word, word2;
static const Kind words[] = {{"word", P(&word)}, BAD_POINTERS, {"odd", P(&word) + 1}, {"odd bad", 9}, {"ro", RONLY}, END};
static const Kind words2[] = {{"word", P(&word2)}, BAD_POINTERS, {"odd", P(&word) + 1}, END};
static const Kind wakes[] = {{"WAKE", 1}, {"WAKE_BITSET", 10}, {"CMP_REQUEUE", 4}, {"REQUEUE", 3}, {"WAKE_OP", 5}, {"FD", 2}, {"TRYLOCK_PI", 8 | 128}, {"UNLOCK_PI", 7}, {"14", 14}, {"WAKE_PRIVATE", 129}, {"WAKE_CLOCK", 257}, {"-1", -1}, END};
static const Kind waits[] = {{"WAIT", 0}, {"WAIT_BITSET", 9}, {"WAIT_PRIVATE", 128}, {"WAIT_CLOCK", 256}, {"WAIT_BITSET_CLOCK", 9 | 256}, END};
static const Kind values[] = {{"1", 1}, {"0", 0}, {"-1", -1}, END};
static const Kind bitsets[] = {{"1", 1}, {"0", 0}, END};
static const Kind list_sizes[] = {{"right", ABI64 ? 24 : 12}, {"0", 0}, {"23", 23}, {"-1", -1}, END};
static const Kind heads[] = {{"head", ROOM + 16384}, {"null", 0}, {"8", 8}, END};
static void clear_words(long r) {
    word = word2 = 0;
}
static const Kind barriers[] = {{"QUERY", 0}, {"3", 3}, {"1 << 20", 1 << 20}, {"-1", -1}, END};
static const Kind barrier_flags[] = {{"0", 0}, {"1", 1}, {"2", 2}, END};
static const Kind kcmps[] = {{"FILE", 0}, {"VM", 1}, {"FILES", 2}, {"FS", 3}, {"9", 9}, {"-1", -1}, END};
static const Call locking[] = {
    {"futex", SYS_futex, {words, wakes, values, values, words2, bitsets}, clear_words},
    {"futex", SYS_futex, {words, waits, values, times_old, words2, bitsets}, clear_words},
#if !ABI64
    {"futex_time64", SYS_futex_time64, {words, waits, values, times64, words2, bitsets}, clear_words},
#endif
    {"get_robust_list", SYS_get_robust_list, {pids, outs, outs2}},
    {"set_robust_list", SYS_set_robust_list, {heads, list_sizes}},
    {"membarrier", SYS_membarrier, {barriers, barrier_flags}, 0, 1},
    {"kcmp", SYS_kcmp, {threads, threads, kcmps, other_fds, other_fds}, 0, 1},
    {},
};

static const Kind group_counts[] = {{"65536", 65536}, {"0", 0}, {"-1", -1}, END};
static const Kind set_counts[] = {{"1", 1}, {"65537", 65537}, {"-1", -1}, END};
static unsigned caps_3[2] = {0x20080522, 0}, caps_old[2] = {0x19980330, 0}, caps_bad[2] = {5, 0}, caps_gone[2] = {0x20080522, GONE}, caps_minus[2] = {0x20080522, -1};
static const Kind cap_headers[] = {{"v3", P(caps_3)}, BAD_POINTERS, {"v1", P(caps_old)}, {"version", P(caps_bad)}, {"gone", P(caps_gone)}, {"-1", P(caps_minus)}, END};
static void set_caps(long r) {
    caps_3[0] = caps_gone[0] = caps_minus[0] = 0x20080522;
    caps_old[0] = 0x19980330;
    caps_bad[0] = 5;
}
static const Kind prctls[] = {{"GET_NAME", PR_GET_NAME}, {"GET_PDEATHSIG", PR_GET_PDEATHSIG}, {"GET_TID_ADDRESS", PR_GET_TID_ADDRESS}, {"GET_UNALIGN", 5}, {"GET_TSC", 25}, {"GET_CHILD_SUBREAPER", 37}, END};
static const Kind set_prctls[] = {{"SET_PDEATHSIG", 1}, {"SET_DUMPABLE", 4}, {"GET_DUMPABLE", 3}, {"SET_KEEPCAPS", 8}, {"SET_TIMING", 14}, {"SET_TSC", 26}, {"CAPBSET_READ", 23}, {"SET_SECUREBITS", 28}, {"MCE_KILL", 33},
    {"MCE_KILL_GET", 34}, {"SET_MM", 35}, {"SET_NO_NEW_PRIVS", 38}, {"GET_NO_NEW_PRIVS", 39}, {"GET_THP_DISABLE", 42}, {"CAP_AMBIENT", 47}, {"GET_IO_FLUSHER", 58}, {"SET_VMA", 0x53564d41}, {"unknown", 999}, {"-1", -1}, END};
static const Kind bad_values[] = {{"99", 99}, {"-1", -1}, {"1000", 1000}, END};
static const Kind more[] = {{"1", 1}, {"0", 0}, {"99", 99}, END};
static const Kind random_flags[] = {{"0", 0}, {"1", 1}, {"2", 2}, {"6", 6}, {"8", 8}, {"-1", -1}, END};
static const Kind lengths4[] = {{"4", 4}, {"0", 0}, {"5000", 5000}, {"-1", -1}, END};
static const Call identity[] = {
    {"getgroups", SYS_getgroups, {group_counts, outs}, 0, 1},
    {"setgroups", SYS_setgroups, {set_counts, bad_only}},
    {"getresuid", SYS_getresuid, {outs, outs2, outs}},
    {"getresgid", SYS_getresgid, {outs, outs2, outs}},
#if !ABI64
    {"getgroups32", SYS_getgroups32, {group_counts, outs}, 0, 1},
    {"getresuid32", SYS_getresuid32, {outs, outs2, outs}},
#endif
    {"capget", SYS_capget, {cap_headers, outs}, set_caps},
    {"capset", SYS_capset, {cap_headers, bad_only}, set_caps},
    {"prctl", SYS_prctl, {prctls, outs}},
    {"prctl", SYS_prctl, {set_prctls, bad_values, more, more, more}},
    {"getrandom", SYS_getrandom, {outs, lengths4, random_flags}},
    {},
};

static struct iovec local[2] = {{(void *)ROOM, 16}, {(void *)ROOM, 16}}, local_bad[2] = {{(void *)8, 16}, {(void *)ROOM, 16}}, local_minus[2] = {{(void *)ROOM, -1}, {(void *)ROOM, 16}};
static const Kind locals[] = {{"local", P(local)}, BAD_POINTERS, {"bad", P(local_bad)}, {"minus", P(local_minus)}, END};
static const Kind counts[] = {{"2", 2}, {"0", 0}, {"1025", 1025}, {"-1", -1}, END};
static Kind processes[] = {{"self", 0}, {"gone", GONE}, {"-1", -1}, {"0", 0}, END};
static const Kind vm_flags[] = {{"0", 0}, {"1", 1}, END};
static const Kind codes[] = {{"GET_FS", 0x1003}, {"GET_GS", 0x1004}, {"unknown", 0x9999}, {"-1", -1}, END};
static struct { unsigned long long value, address; unsigned flags, reserved; } waiter[2] = {{1, PAGES, 2}}, waiter_flags[2] = {{1, PAGES, 77}}, waiter_reserved[2] = {{1, PAGES, 2, 1}}, waiter_bad[2] = {{1, 8, 2}},
    waiter_odd[2] = {{1, PAGES + 1, 2}};
static const Kind waiters[] = {{"one", P(waiter)}, BAD_POINTERS, {"flags", P(waiter_flags)}, {"reserved", P(waiter_reserved)}, {"bad", P(waiter_bad)}, {"odd", P(waiter_odd)}, END};
static const Kind waiter_counts[] = {{"1", 1}, {"0", 0}, {"129", 129}, {"-1", -1}, END};
static const Kind wait_clocks[] = {{"MONOTONIC", 1}, {"REALTIME", 0}, {"2", 2}, {"-1", -1}, END};
static const Kind bad_names[] = {{"8", 8}, {"null", 0}, {"none", NONE}, {"edge", EDGE}, END};
static const Kind name_lengths[] = {{"5", 5}, {"-1", -1}, {"65", 65}, END};
static const Kind log_types[] = {{"SIZE", 10}, {"ALL", 3}, {"99", 99}, {"-1", -1}, END};
static const Kind log_lengths[] = {{"16", 16}, {"0", 0}, {"-1", -1}, END};
// Not EDGE: a time of 32 bits can be read there, and would be set.
static const Kind unreadable[] = {{"8", 8}, {"null", 0}, {"none", NONE}, END};
static const Kind some_flags[] = {{"0", 0}, {"1", 1}, {"-1", -1}, END};
static const Call others[] = {
    {"arch_prctl", SYS_arch_prctl, {codes, outs}},
    {"futex_waitv", SYS_futex_waitv, {waiters, waiter_counts, some_flags, times64, wait_clocks}},
    {"sethostname", SYS_sethostname, {bad_names, name_lengths}},
    {"setdomainname", SYS_setdomainname, {bad_names, name_lengths}},
    {"syslog", SYS_syslog, {log_types, outs, log_lengths}, 0, 1},
    {"process_mrelease", SYS_process_mrelease, {pidfds, some_flags}},
#if !ABI64
    {"ugetrlimit", SYS_ugetrlimit, {resources, outs}},
    {"setgroups32", SYS_setgroups32, {set_counts, bad_only}},
    {"getresgid32", SYS_getresgid32, {outs, outs2, outs}},
    {"stime", SYS_stime, {unreadable}},
    {"get_thread_area", SYS_get_thread_area, {outs}},
    {"set_thread_area", SYS_set_thread_area, {bad_only}},
#endif
    {"process_vm_readv", SYS_process_vm_readv, {processes, locals, counts, locals, counts, vm_flags}},
    {"process_vm_writev", SYS_process_vm_writev, {processes, locals, counts, locals, counts, vm_flags}},
    {},
};

static char *no_args[] = {0}, *bad_args[] = {(char *)8, 0}, *far_args[] = {(char *)KERNEL, 0};
static const Kind programs[] = {{"missing", P("missing")}, BAD_POINTERS, {"empty", P("")}, {"file", P("file")}, {"dir", P("dir")}, {"under file", P("file/x")}, END};
static const Kind arg_lists[] = {{"none", P(no_args)}, {"null", 0}, {"8", 8}, {"page", NONE}, {"edge", EDGE}, {"bad", P(bad_args)}, {"far", P(far_args)}, END};
static const Kind dirs[] = {{"cwd", AT_FDCWD}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RO}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, END};
static const Kind exec_flags[] = {{"0", 0}, {"EMPTY", AT_EMPTY_PATH}, {"NOFOLLOW", AT_SYMLINK_NOFOLLOW}, {"1", 1}, {"-1", -1}, END};
static unsigned long long clone_0[11] = {0x100}, clone_signal[11] = {0, 0, 0, 0, 99}, clone_stack[11] = {0, 0, 0, 0, 17, 4096, 0}, clone_size[11] = {0, 0, 0, 0, 17, 0, 4096}, clone_sighand[11] = {0x800, 0, 0, 0, 17},
    clone_thread[11] = {0x10000, 0, 0, 0, 17}, clone_ns[11] = {0x20200, 0, 0, 0, 17}, clone_tid[11] = {0, 0, 0, 0, 17, 0, 0, 0, 8, 1}, clone_tids[11] = {0, 0, 0, 0, 17, 0, 0, 0, 8, 33}, clone_tid_0[11] = {0, 0, 0, 0, 17, 0, 0, 0, 0, 1},
    clone_cgroup[11] = {0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, CLOSED}, clone_cgroup_file[11] = {0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, FILE_RW}, clone_unknown[11] = {1ULL << 60, 0, 0, 0, 17}, clone_detached[11] = {0x400000, 0, 0, 0, 17},
    clone_cgroup_far[11] = {0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 1ULL << 40};
#define C(n) {#n, P(clone_##n)}
static const Kind clones[] = {C(signal), BAD_POINTERS, C(stack), C(size), C(sighand), C(thread), C(ns), C(tid), C(tids), C(tid_0), C(cgroup), C(cgroup_file), C(cgroup_far), C(unknown), C(detached), END};
static const Kind clone_sizes[] = {{"88", 88}, {"63", 63}, {"0", 0}, {"4096", 4096}, {"4097", 4097}, {"-1", -1}, END};
static const Kind clone_flags[] = {{"SIGHAND", 0x800 | 17}, {"THREAD", 0x10000 | 17}, {"NS|FS", 0x20200 | 17}, {"THREAD|SIGHAND", 0x10800 | 17}, {"DETACHED|PIDFD", 0x401000 | 17}, {"SETTID|PIDFD", 0x101000 | 17}, END};
static const Kind unshares[] = {{"1", 1}, {"-1", -1}, {"THREADUSER", 0x10000001}, END};
static const Kind ns_fds[] = {{"file", FILE_RW}, {"-1", -1}, {"closed", CLOSED}, {"path", PATH_ONLY}, END};
static const Kind ns_types[] = {{"0", 0}, {"NS", 0x20000}, {"-1", -1}, END};
static const Call making[] = {
    {"execve", SYS_execve, {programs, arg_lists, arg_lists}},
    {"execveat", SYS_execveat, {dirs, programs, arg_lists, arg_lists, exec_flags}},
    {"clone3", SYS_clone3, {clones, clone_sizes}},
    {"clone", SYS_clone, {clone_flags, outs, outs2}},
    {"unshare", SYS_unshare, {unshares}},
    {"setns", SYS_setns, {ns_fds, ns_types}},
    {},
};

int main(void) {
    setup();
    signal(SIGUSR1, SIG_IGN);
    signal(64, SIG_IGN);
    set_infos(0);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    cpus[0] = -1;
    Kind *with_self[] = {pids, targets, threads, processes};
    for (int i = 0; i < 4; i++) with_self[i]->value = getpid();
    place(syscall(SYS_pidfd_open, getpid(), 0), PIDFD);
    sweep(signalling);
    sweep(children);
    sweep(scheduling);
    set_attrs(0);
    sweep(handling);
    reset_handlers(0);
    keep_timer(0);
    sweep(timing);
    sweep(locking);
    set_caps(0);
    sweep(identity);
    sweep(others);
    sweep(making);
    DONE();
}
