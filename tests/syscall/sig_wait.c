// sigsuspend, sigwait, sigtimedwait, sigwaitinfo, pselect-like atomicity.
#include "check.h"
static volatile int n;
static void on(int s) { (void)s; n++; }
int main(void) {
    sigset_t m, none, cur;
    siginfo_t i;
    int s;
    sigemptyset(&none);
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    sigaddset(&m, SIGRTMIN + 2);
    signal(SIGUSR1, on);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    struct timespec t = {0, 2000000};
    ERR(sigtimedwait(&m, &i, &t), EAGAIN);
    kill(getpid(), SIGUSR1);
    EQ(sigtimedwait(&m, &i, &t), SIGUSR1);
    EQ(i.si_code, SI_USER);
    EQ(i.si_pid, getpid());
    EQ(n, 0);
    union sigval v = {.sival_int = 9};
    sigqueue(getpid(), SIGRTMIN + 2, v);
    EQ(sigwaitinfo(&m, &i), SIGRTMIN + 2);
    EQ(i.si_value.sival_int, 9);
    raise(SIGUSR1);
    EQ(sigwait(&m, &s), 0);
    EQ(s, SIGUSR1);
    raise(SIGUSR1);
    ERR(sigsuspend(&none), EINTR);
    EQ(n, 1);
    OK(sigprocmask(SIG_BLOCK, 0, &cur));
    EQ(sigismember(&cur, SIGUSR1), 1);
    pid_t me = getpid(), c = fork();
    if (!c) { msleep(5); kill(me, SIGUSR1); _exit(0); }
    ERR(sigsuspend(&none), EINTR);
    EQ(n, 2);
    wait_for(c);
    // A handled signal that is not waited for interrupts the wait.
    signal(SIGUSR2, on);
    c = fork();
    if (!c) { msleep(5); kill(me, SIGUSR2); _exit(0); }
    ERR(sigwaitinfo(&m, &i), EINTR);
    wait_for(c);
    t.tv_nsec = -1;
    ERR(sigtimedwait(&m, &i, &t), EINVAL);
    ERR(RAW(SYS_rt_sigtimedwait, BAD, 0, 0, 8), EFAULT);
    ERR(RAW(SYS_rt_sigsuspend, BAD, 8), EFAULT);
    DONE();
}
