// Masks: blocked and pending signals, sa_mask, coalescing of standard signals, queues of real-time ones, order of delivery.
#include "check.h"
static volatile int log_[32], n;
static void on(int s) { log_[n++] = s; }
static void probe(int s) {
    sigset_t m;
    sigprocmask(SIG_BLOCK, 0, &m);
    log_[n++] = s * 1000 + sigismember(&m, s) * 100 + sigismember(&m, SIGUSR2) * 10 + sigismember(&m, SIGHUP);
}
int main(void) {
    sigset_t all, old, p, none;
    sigfillset(&all);
    sigemptyset(&none);
    int rt = SIGRTMIN + 1;
    signal(SIGUSR1, on);
    signal(SIGUSR2, on);
    signal(rt, on);
    OK(sigprocmask(SIG_SETMASK, &all, &old));
    EQ(sigismember(&old, SIGUSR1), 0);
    for (int i = 0; i < 3; i++) { kill(getpid(), rt); kill(getpid(), SIGUSR2); kill(getpid(), SIGUSR1); }
    EQ(n, 0);
    OK(sigpending(&p));
    CHECK(sigismember(&p, SIGUSR1) && sigismember(&p, SIGUSR2) && sigismember(&p, rt) && !sigismember(&p, SIGHUP));
    OK(sigprocmask(SIG_BLOCK, &none, &p));
    CHECK(!sigismember(&p, SIGKILL) && !sigismember(&p, SIGSTOP) && sigismember(&p, SIGTERM));
    OK(sigprocmask(SIG_SETMASK, &old, 0));
    EQ(n, 5);
    int us1 = 0, us2 = 0, rts = 0;
    for (int i = 0; i < n; i++) us1 += log_[i] == SIGUSR1, us2 += log_[i] == SIGUSR2, rts += log_[i] == rt;
    EQ(us1, 1);
    EQ(us2, 1);
    EQ(rts, 3);
    struct sigaction a = {.sa_handler = probe};
    sigaddset(&a.sa_mask, SIGUSR2);
    OK(sigaction(SIGUSR1, &a, 0));
    n = 0;
    raise(SIGUSR1);
    EQ(log_[0], SIGUSR1 * 1000 + 110);
    a.sa_flags = SA_NODEFER;
    OK(sigaction(SIGUSR1, &a, 0));
    raise(SIGUSR1);
    EQ(log_[1], SIGUSR1 * 1000 + 10);
    OK(sigprocmask(SIG_BLOCK, 0, &p));
    EQ(sigismember(&p, SIGUSR2), 0);
    ERR(sigprocmask(77, &all, 0), EINVAL);
    ERR(RAW(SYS_rt_sigprocmask, SIG_BLOCK, &all, 0, 4), EINVAL);
    // A pending signal that gets ignored is gone.
    OK(sigprocmask(SIG_SETMASK, &all, &old));
    raise(SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    OK(sigpending(&p));
    EQ(sigismember(&p, SIGUSR2), 0);
    DONE();
}
