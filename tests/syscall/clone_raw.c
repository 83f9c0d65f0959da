// clone itself: a thread with its own stack, CLEARTID, PARENT_SETTID; a child with CLONE_VFORK; clone3.
#include "check.h"
#include <linux/futex.h>
#include <sched.h>
static volatile int ran;
static char stack[2][65536] __attribute__((aligned(16)));
static int child(void *x) { ran = (int)(intptr_t)x; return 7; }
struct args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; };
int main(void) {
    int tid = -1, ctid = -1;
    int fl = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
    pid_t t = OK(clone(child, stack[0] + 65536, fl, (void *)5, &tid, 0, &ctid));
    EQ(tid, t);
    while (ctid) RAW(SYS_futex, &ctid, FUTEX_WAIT, t, 0, 0, 0);
    EQ(ran, 5);
    // A separate process that shares memory, its parent waiting.
    t = OK(clone(child, stack[1] + 65536, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)9));
    EQ(ran, 9);
    EQ(WEXITSTATUS(wait_for(t)), 7);
    // A plain fork by clone, without a signal: needs __WCLONE.
    t = OK(clone(child, stack[1] + 65536, 0, (void *)11));
    int st;
    ERR(waitpid(t, &st, 0), ECHILD);
    EQ(waitpid(t, &st, __WCLONE), t);
    EQ(WEXITSTATUS(st), 7);
    EQ(ran, 9);
    struct args a = {.exit_signal = SIGCHLD, .parent_tid = (uintptr_t)&tid, .flags = CLONE_PARENT_SETTID};
    t = RAW(SYS_clone3, &a, sizeof a);
    if (t == 0) _exit(33);
    CHECK(t > 0);
    EQ(tid, t);
    EQ(WEXITSTATUS(wait_for(t)), 33);
    ERR(RAW(SYS_clone3, &a, 8), EINVAL);
    ERR(RAW(SYS_clone3, BAD, sizeof a), EFAULT);
    ERR(clone(child, stack[0] + 65536, CLONE_THREAD, 0), EINVAL);
    ERR(clone(child, stack[0] + 65536, CLONE_SIGHAND, 0), EINVAL);
    DONE();
}
