// Signals 32 and 33, which C libraries keep for themselves: a program without one (Go's setgroups, for one) has them for all its threads.
#include "check.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
struct kaction { void (*handler)(int); unsigned long flags; void (*restorer)(void); unsigned long mask[8 / sizeof(long)]; };
static char stack[65536];
static volatile int got[2], ready, stop;
static int tid;
static void on(int s) { __sync_fetch_and_add(&got[s - 32], 1); }
static int body(void *p) { (void)p; ready = 1; while (!stop) sched_yield(); return 0; }
int main(void) {
    // The C library's own restorer.
    struct kaction a;
    struct sigaction l = {.sa_handler = on};
    OK(sigaction(SIGUSR1, &l, 0));
    OK(syscall(SYS_rt_sigaction, SIGUSR1, 0, &a, 8));
    for (int s = 32; s < 34; s++) OK(syscall(SYS_rt_sigaction, s, &a, 0, 8));
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    CHECK(clone(body, stack + sizeof stack, flags, 0, &tid, 0, &tid) > 0);
    while (!ready) sched_yield();
    for (int s = 32; s < 34; s++) {
        OK(syscall(SYS_tgkill, getpid(), getpid(), s));
        OK(syscall(SYS_tgkill, getpid(), tid, s));
        while (got[s - 32] < 2) sched_yield();
    }
    stop = 1;
    int t;
    while ((t = *(volatile int *)&tid)) syscall(SYS_futex, &tid, FUTEX_WAIT, t, 0);
    DONE();
}
