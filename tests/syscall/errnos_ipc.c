// Errors of System V IPC and POSIX message queues, one and two at a time.
#include "sweep.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define QUEUE 90
#define IPC_64 0x100
#define ATTACHED 0x60000000L
// Bits that keep other users' objects away.
#define GONE 0x7ffffffe

static Kind sems[] = {{"set", 0}, {"-1", -1}, {"gone", GONE}, END}, queues[] = {{"queue", 0}, {"-1", -1}, {"gone", GONE}, END}, segments[] = {{"segment", 0}, {"-1", -1}, {"gone", GONE}, END};
static Kind keys[] = {{"PRIVATE", IPC_PRIVATE}, {"missing", 0x7b000000}, END};
static const Kind sem_counts[] = {{"2", 2}, {"0", 0}, {"-1", -1}, {"32001", 32001}, END};
static const Kind get_flags[] = {{"CREAT", IPC_CREAT | 0600}, {"0", 0}, {"EXCL", IPC_CREAT | IPC_EXCL | 0600}, {"-1 - CREAT", ~IPC_CREAT & 0777}, END};
// As many as a call takes, so that none waits.
#define OPS 502
static struct sembuf up[OPS], down[OPS], big[OPS], over[OPS];
static const Kind ops[] = {{"up", P(up)}, BAD_POINTERS, {"down", P(down)}, {"number", P(big)}, {"over", P(over)}, END};
static const Kind op_counts[] = {{"1", 1}, {"0", 0}, {"2", 2}, {"500", 500}, {"501", 501}, {"70000", 70000}, {"-1", -1}, END};
static long long zero[2], minus[2] = {-1, 0}, nanos[2] = {0, 1000000000};
static struct timespec old_zero, old_minus = {-1, 0}, old_nanos = {0, 1000000000};
static const Kind times64[] = {{"null", 0}, {"0", P(zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(minus)}, {"nanos", P(nanos)}, END};
static const Kind times_old[] = {{"null", 0}, {"0", P(&old_zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(&old_minus)}, {"nanos", P(&old_nanos)}, END};
static const Kind sem_numbers[] = {{"0", 0}, {"1", 1}, {"2", 2}, {"-1", -1}, END};
static const Kind sem_commands[] = {{"STAT", IPC_STAT}, {"SET", IPC_SET}, {"GETPID", GETPID}, {"GETVAL", GETVAL}, {"GETALL", GETALL}, {"GETNCNT", GETNCNT}, {"GETZCNT", GETZCNT}, {"SETVAL", SETVAL}, {"SETALL", SETALL},
    {"SEM_STAT", SEM_STAT}, {"SEM_STAT_ANY", 20}, {"INFO", IPC_INFO}, {"SEM_INFO", SEM_INFO}, {"unknown", 77}, {"-1", -1}, {"STAT64", IPC_STAT | IPC_64}, {"SET64", IPC_SET | IPC_64}, {"GETPID64", GETPID | IPC_64},
    {"GETVAL64", GETVAL | IPC_64}, {"GETALL64", GETALL | IPC_64}, {"SETVAL64", SETVAL | IPC_64}, {"SETALL64", SETALL | IPC_64}, {"SEM_STAT64", SEM_STAT | IPC_64}, {"INFO64", IPC_INFO | IPC_64}, {"RMID64", IPC_RMID | IPC_64 | 0x200}, END};
static const Kind arguments[] = {{"room", ROOM}, BAD_POINTERS, {"ro", RONLY}, {"5", 5}, {"40000", 40000}, {"-1", -1}, END};

static void make_ops(void) {
    for (int i = 0; i < OPS; i++) {
        up[i] = (struct sembuf){i % 2, 1, IPC_NOWAIT};
        down[i] = (struct sembuf){0, -1000, IPC_NOWAIT};
        big[i] = (struct sembuf){i % 2 * 99, 1, IPC_NOWAIT};
        over[i] = (struct sembuf){0, 32767, IPC_NOWAIT};
    }
}
static void reset_sems(long r) {
    unsigned short none[2] = {0, 0};
    union { int val; struct semid_ds *buf; unsigned short *array; } arg = {.array = none};
    struct semid_ds ds;
    arg.buf = &ds;
    OK(semctl(sems[0].value, 0, IPC_STAT, arg));
    ds.sem_perm.mode = 0600;
    ds.sem_perm.uid = ds.sem_perm.gid = 0;
    OK(semctl(sems[0].value, 0, IPC_SET, arg));
    arg.array = none;
    OK(semctl(sems[0].value, 0, SETALL, arg));
    memset((void *)ROOM, 0, 256);
}
static void remove_set(long r) {
    if (r >= 0 && r != sems[0].value) OK(semctl(r, 0, IPC_RMID));
}

static struct { long type; char text[64]; } message = {1, "text"}, type_0 = {0, "text"}, type_minus = {-1, "text"};
static const Kind messages[] = {{"message", P(&message)}, BAD_POINTERS, {"ro", RONLY}, {"type 0", P(&type_0)}, {"type -1", P(&type_minus)}, END};
static const Kind message_lengths[] = {{"16", 16}, {"0", 0}, {"8193", 8193}, {"-1", -1}, {"min", LONG_MIN}, {"2G-1", 0x7fffffff}, END};
static const Kind send_flags[] = {{"NOWAIT", IPC_NOWAIT}, {"-1", -1}, END};
static const Kind message_types[] = {{"0", 0}, {"1", 1}, {"-1", -1}, {"min", LONG_MIN}, {"5", 5}, END};
static const Kind receive_flags[] = {{"NOWAIT", IPC_NOWAIT}, {"NOERROR", IPC_NOWAIT | MSG_NOERROR}, {"EXCEPT", IPC_NOWAIT | 020000}, {"COPYEXCEPT", IPC_NOWAIT | 060000}, END};
static const Kind queue_commands[] = {{"STAT", IPC_STAT}, {"SET", IPC_SET}, {"MSG_STAT", 11}, {"MSG_INFO", 12}, {"MSG_STAT_ANY", 13}, {"INFO", IPC_INFO}, {"unknown", 77}, {"-1", -1}, {"STAT64", IPC_STAT | IPC_64},
    {"SET64", IPC_SET | IPC_64}, {"MSG_STAT64", 11 | IPC_64}, {"INFO64", IPC_INFO | IPC_64}, END};
static void reset_queue(long r) {
    struct { long type; char text[9000]; } m;
    struct msqid_ds ds;
    OK(msgctl(queues[0].value, IPC_STAT, &ds));
    ds.msg_perm.mode = 0600;
    ds.msg_perm.uid = ds.msg_perm.gid = 0;
    ds.msg_qbytes = 16384;
    OK(msgctl(queues[0].value, IPC_SET, &ds));
    while (msgrcv(queues[0].value, &m, sizeof m.text, 0, IPC_NOWAIT) >= 0) {}
    m.type = 1;
    OK(msgsnd(queues[0].value, &m, 10, IPC_NOWAIT));
    message.type = 1;
    type_0.type = 0;
    type_minus.type = -1;
    memset((void *)ROOM, 0, 256);
}
static void remove_queue(long r) {
    if (r >= 0 && r != queues[0].value) OK(msgctl(r, IPC_RMID, 0));
}

static const Kind segment_sizes[] = {{"8192", 8192}, {"0", 0}, {"-1", -1}, {"-4095", -4095}, END};
static const Kind segment_flags[] = {{"CREAT", IPC_CREAT | 0600}, {"0", 0}, {"EXCL", IPC_CREAT | IPC_EXCL | 0600}, {"NORESERVE", IPC_CREAT | 0600 | 010000}, END};
static const Kind attach_addresses[] = {{"0", 0}, {"good", ATTACHED}, {"odd", ATTACHED + 1}, {"taken", PAGES}, {"kernel", KERNEL & -4096}, {"-4096", -4096}, {"-1", -1}, END};
static const Kind attach_flags[] = {{"0", 0}, {"RDONLY", SHM_RDONLY}, {"RND", SHM_RND}, {"REMAP", SHM_REMAP}, {"EXEC", SHM_EXEC}, {"unknown", 0x100000}, END};
static const Kind detach_addresses[] = {{"good", ATTACHED}, {"odd", ATTACHED + 1}, {"null", 0}, {"kernel", KERNEL & -4096}, {"room", ROOM}, END};
static const Kind segment_commands[] = {{"STAT", IPC_STAT}, {"SET", IPC_SET}, {"LOCK", SHM_LOCK}, {"UNLOCK", SHM_UNLOCK}, {"SHM_STAT", 13}, {"SHM_INFO", 14}, {"SHM_STAT_ANY", 15}, {"INFO", IPC_INFO}, {"unknown", 77},
    {"-1", -1}, {"STAT64", IPC_STAT | IPC_64}, {"SET64", IPC_SET | IPC_64}, {"LOCK64", SHM_LOCK | IPC_64}, {"INFO64", IPC_INFO | IPC_64}, {"SHM_INFO64", 14 | IPC_64}, END};
static void reset_segment(long r) {
    struct shmid_ds ds;
    OK(shmctl(segments[0].value, IPC_STAT, &ds));
    ds.shm_perm.mode = 0600;
    ds.shm_perm.uid = ds.shm_perm.gid = 0;
    OK(shmctl(segments[0].value, IPC_SET, &ds));
    memset((void *)ROOM, 0, 256);
}
static void detach(long r) {
    if (r != -1) shmdt((void *)r);
    pages(PAGES, 4096, PROT_READ | PROT_WRITE);
    munmap((void *)(PAGES + 4096), 2 * 4096);
    pages(NONE, 4096, PROT_NONE);
    reset_segment(0);
}
static void remove_segment(long r) {
    if (r >= 0 && r != segments[0].value) OK(shmctl(r, IPC_RMID, 0));
}
static void attach(long r) {
    shmdt((void *)ATTACHED);
    EQ(P(shmat(segments[0].value, (void *)ATTACHED, 0)), ATTACHED);
}

static const Call sysv[] = {
    {"semget", SYS_semget, {keys, sem_counts, get_flags}, remove_set, 1},
#if ABI64
    {"semop", SYS_semop, {sems, ops, op_counts}, reset_sems},
    {"semtimedop", SYS_semtimedop, {sems, ops, op_counts, times_old}, reset_sems},
#else
    {"semtimedop_time64", SYS_semtimedop_time64, {sems, ops, op_counts, times64}, reset_sems},
#endif
    {"semctl", SYS_semctl, {sems, sem_numbers, sem_commands, arguments}, reset_sems, 1},
    {"msgget", SYS_msgget, {keys, get_flags}, remove_queue, 1},
    {"msgsnd", SYS_msgsnd, {queues, messages, message_lengths, send_flags}, reset_queue},
    {"msgrcv", SYS_msgrcv, {queues, messages, message_lengths, message_types, receive_flags}, reset_queue},
    {"msgctl", SYS_msgctl, {queues, queue_commands, arguments}, reset_queue, 1},
    {"shmget", SYS_shmget, {keys, segment_sizes, segment_flags}, remove_segment, 1},
    {"shmat", SYS_shmat, {segments, attach_addresses, attach_flags}, detach, 1},
    {"shmctl", SYS_shmctl, {segments, segment_commands, arguments}, reset_segment, 1},
    {},
};
static const Call detaching[] = {{"shmdt", SYS_shmdt, {detach_addresses}, attach}, {}};

#if !ABI64
static unsigned inner[4] = {ROOM, 0}, inner_bad[4] = {8, 0}, inner_0[4], inner_5[4] = {5, 0};
static const Kind pointers[] = {{"inner", P(inner)}, BAD_POINTERS, {"to bad", P(inner_bad)}, {"to 0", P(inner_0)}, {"to 5", P(inner_5)}, {"room", ROOM}, {"message", P(&message)}, {"ops", P(up)}, END};
static const Kind sem_doors[] = {{"SEMOP", 1}, {"SEMTIMEDOP", 4}, {"v1 SEMOP", 0x10001}, {"SEMGET", 2}, END};
static const Kind semctl_door[] = {{"SEMCTL", 3}, END};
static const Kind msg_doors[] = {{"MSGSND", 11}, {"MSGRCV", 12}, {"v1 MSGRCV", 0x1000c}, {"v2 MSGRCV", 0x2000c}, END};
static const Kind msgctl_door[] = {{"MSGCTL", 14}, END};
static const Kind shmat_door[] = {{"SHMAT", 21}, {"v1 SHMAT", 0x10015}, END};
static const Kind shmctl_door[] = {{"SHMCTL", 24}, END};
static const Kind no_doors[] = {{"0", 0}, {"5", 5}, {"15", 15}, {"25", 25}, {"65535", 65535}, END};
static const Kind small[] = {{"1", 1}, {"0", 0}, {"-1", -1}, {"600", 600}, END};
static void reset_all(long r) {
    reset_sems(0);
    reset_queue(0);
    inner[0] = ROOM, inner[1] = 0, inner_bad[0] = 8, inner_bad[1] = 0, inner_0[0] = inner_0[1] = 0, inner_5[0] = 5;
    make_ops();
}
static void detach_it(long r) {
    unsigned at = *(unsigned *)ROOM;
    if (r == 0 && at) shmdt((void *)at);
    reset_all(0);
    detach(-1);
}
static const Kind flag_only[] = {{"NOWAIT", IPC_NOWAIT}, END};
static const Call doors[] = {
    {"ipc", SYS_ipc, {sem_doors, sems, small, flag_only, pointers, times_old}, reset_all, 1},
    {"ipc", SYS_ipc, {semctl_door, sems, sem_numbers, sem_commands, pointers}, reset_all, 1},
    {"ipc", SYS_ipc, {msg_doors, queues, message_lengths, flag_only, pointers, message_types}, reset_all},
    {"ipc", SYS_ipc, {msgctl_door, queues, queue_commands, flag_only, arguments}, reset_all, 1},
    {"ipc", SYS_ipc, {shmat_door, segments, attach_flags, out, attach_addresses}, detach_it, 1},
    {"ipc", SYS_ipc, {shmctl_door, segments, segment_commands, flag_only, arguments}, reset_segment, 1},
    {"ipc", SYS_ipc, {no_doors, sems, small, flag_only, pointers}},
    {},
};
#endif

static char name[32], missing[32];
static const Kind names[] = {{"queue", P(name)}, BAD_POINTERS, {"missing", P(missing)}, {"empty", P("")}, {"dots", P("..")}, {"slash", P("a/b")},
    {"long", P("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234")}, END};
static const Kind open_flags[] = {{"RDWR", O_RDWR}, {"CREAT", O_RDWR | O_CREAT}, {"EXCL", O_RDWR | O_CREAT | O_EXCL}, {"3", 3}, {"-1 - CREAT", 0x7ffff000 & ~O_CREAT}, END};
static const Kind modes[] = {{"0600", 0600}, {"-1", -1}, END};
static long attr[8] = {0, 5, 100}, attr_0[8] = {0, 0, 100}, attr_minus[8] = {0, 5, -1}, attr_huge[8] = {0, 100000000, 100}, attr_flags[8] = {O_NONBLOCK}, attr_unknown[8] = {1};
static const Kind attrs[] = {{"null", 0}, {"attr", P(attr)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"0", P(attr_0)}, {"minus", P(attr_minus)}, {"huge", P(attr_huge)}, END};
static const Kind set_attrs[] = {{"null", 0}, {"attr", P(attr)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"NONBLOCK", P(attr_flags)}, {"unknown", P(attr_unknown)}, END};
static const Kind old_attrs[] = {{"null", 0}, {"out", ROOM}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, END};
static const Kind mqs[] = {{"queue", QUEUE}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_ONLY}, {"pipe", PIPE_R}, END};
static const Kind sources[] = {{"in", ROOM}, BAD_POINTERS, END};
static const Kind mq_lengths[] = {{"100", 100}, {"0", 0}, {"16", 16}, {"101", 101}, {"-1", -1}, {"2G", (long)0x80000000}, END};
static const Kind priorities[] = {{"0", 0}, {"32767", 32767}, {"32768", 32768}, {"-1", -1}, END};
static const Kind priority_outs[] = {{"null", 0}, {"out", ROOM + 8192}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, END};
static struct sigevent none = {.sigev_notify = SIGEV_NONE}, by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1}, bad_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99}, unknown = {.sigev_notify = 77},
    by_thread = {.sigev_notify = SIGEV_THREAD, .sigev_signo = FILE_RW, .sigev_value = {.sival_ptr = (void *)8}}, by_id = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
static const Kind notes[] = {{"none", P(&none)}, {"null", 0}, {"8", 8}, {"page", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"signal", P(&by_signal)}, {"bad signal", P(&bad_signal)}, {"unknown", P(&unknown)}, {"thread", P(&by_thread)},
    {"id", P(&by_id)}, END};

static void empty_queue(long r) {
    char text[101];
    attr[0] = 0;
    OK(syscall(SYS_mq_getsetattr, QUEUE, attr_flags, 0));
    syscall(SYS_mq_notify, QUEUE, 0);
    while (syscall(SYS_mq_timedreceive, QUEUE, text, 100, 0, 0) >= 0) {}
    OK(syscall(SYS_mq_timedsend, QUEUE, "text", 4, 1, 0));
}
static void close_queue(long r) {
    if (r > 2) close(r);
    syscall(SYS_mq_unlink, missing);
}
static void reopen(long r) {
    if (r == 0) {
        close(QUEUE);
        long old[8] = {0, 5, 100};
        place(syscall(SYS_mq_open, name, O_RDWR | O_CREAT, 0600, old), QUEUE);
    }
}
static const Call posix[] = {
    {"mq_open", SYS_mq_open, {names, open_flags, modes, attrs}, close_queue},
    {"mq_getsetattr", SYS_mq_getsetattr, {mqs, set_attrs, old_attrs}, empty_queue},
    {"mq_timedsend", SYS_mq_timedsend, {mqs, sources, mq_lengths, priorities, times_old}, empty_queue},
    {"mq_timedreceive", SYS_mq_timedreceive, {mqs, out, mq_lengths, priority_outs, times_old}, empty_queue},
#if !ABI64
    {"mq_timedsend_time64", SYS_mq_timedsend_time64, {mqs, sources, mq_lengths, priorities, times64}, empty_queue},
    {"mq_timedreceive_time64", SYS_mq_timedreceive_time64, {mqs, out, mq_lengths, priority_outs, times64}, empty_queue},
#endif
    {"mq_notify", SYS_mq_notify, {mqs, notes}, empty_queue},
    {"mq_unlink", SYS_mq_unlink, {names}, reopen},
    {},
};

int main(void) {
    setup();
    signal(SIGUSR1, SIG_IGN);
    sprintf(name, "errnos-%d", getpid());
    sprintf(missing, "errnos-%d-missing", getpid());
    keys[1].value += getpid();
    sems[0].value = OK(semget(IPC_PRIVATE, 2, 0600));
    queues[0].value = OK(msgget(IPC_PRIVATE, 0600));
    segments[0].value = OK(shmget(IPC_PRIVATE, 8192, 0600));
    make_ops();
    reset_sems(0);
    reset_queue(0);
    sweep(sysv);
#if !ABI64
    sweep(doors);
#endif
    attach(0);
    sweep(detaching);
    OK(semctl(sems[0].value, 0, IPC_RMID));
    OK(msgctl(queues[0].value, IPC_RMID, 0));
    OK(shmctl(segments[0].value, IPC_RMID, 0));
    place(syscall(SYS_mq_open, name, O_RDWR | O_CREAT, 0600, attr), QUEUE);
    sweep(posix);
    syscall(SYS_mq_unlink, name);
    DONE();
}
