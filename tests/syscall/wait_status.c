// wait4, waitpid, waitid: all kinds of status, options, groups, resource usage.
#include "check.h"
#include <sys/resource.h>
int main(void) {
    int st;
    siginfo_t i;
    struct rusage u;
    pid_t c = fork();
    if (!c) {
        // The kernel counts resident pages in batches: one page more or less doesn't show.
        memset(malloc(4 << 20), 1, 4 << 20);
        _exit(300);
    }
    memset(&i, 0, sizeof i);
    OK(waitid(P_PID, c, &i, WEXITED | WNOWAIT));
    EQ(i.si_pid, c);
    EQ(i.si_code, CLD_EXITED);
    EQ(i.si_status, 300 & 255);
    EQ(i.si_signo, SIGCHLD);
    EQ(wait4(c, &st, 0, &u), c);
    EQ(WEXITSTATUS(st), 44);
    CHECK(u.ru_maxrss > 0);
    c = fork();
    if (!c) { setpgid(0, 0); pause(); _exit(0); }
    setpgid(c, c);
    EQ(waitpid(c, &st, WNOHANG), 0);
    memset(&i, 7, sizeof i);
    OK(waitid(P_ALL, 0, &i, WEXITED | WNOHANG));
    EQ(i.si_pid, 0);
    EQ(i.si_signo, 0);
    kill(c, SIGSTOP);
    OK(waitid(P_PGID, c, &i, WSTOPPED));
    EQ(i.si_code, CLD_STOPPED);
    kill(c, SIGCONT);
    OK(waitid(P_PID, c, &i, WCONTINUED));
    EQ(i.si_code, CLD_CONTINUED);
    kill(c, SIGKILL);
    EQ(waitpid(-c, &st, 0), c);
    EQ(WTERMSIG(st), SIGKILL);
    ERR(waitpid(c, &st, 0), ECHILD);
    ERR(waitpid(-1, &st, 0), ECHILD);
    ERR(waitpid(-1, &st, 0x10000), EINVAL);
    ERR(waitid(P_PID, c, &i, 0), EINVAL);
    ERR(waitid(99, c, &i, WEXITED), EINVAL);
    // Any child of our group.
    c = fork();
    if (!c) _exit(1);
    EQ(waitpid(0, &st, 0), c);
    // A raw exit of a process with several bits.
    c = fork();
    if (!c) { RAW(SYS_exit_group, 0x1234); }
    EQ(WEXITSTATUS(wait_for(c)), 0x34);
    // A bad pointer for the status: the child is reaped all the same.
    c = fork();
    if (!c) _exit(1);
    OK(waitid(P_PID, c, 0, WEXITED | WNOWAIT));
    ERR(RAW(SYS_wait4, c, BAD, 0, 0), EFAULT);
    ERR(waitpid(c, &st, 0), ECHILD);
    DONE();
}
