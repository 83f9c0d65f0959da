// Signals with SA_SIGINFO: codes, senders, values; the context; raise, kill, sigqueue, tgkill.
#include "check.h"
#include <ucontext.h>
static volatile siginfo_t si;
static volatile int n, onstack;
static void on(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    n++;
    si = *(siginfo_t *)i;
    CHECK(s == i->si_signo && c->uc_mcontext.gregs[
#if ABI64
        REG_RIP
#else
        REG_EIP
#endif
    ] != 0);
    onstack = (char *)&c > (char *)0;
}
int main(void) {
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO}, o;
    OK(sigaction(SIGUSR1, &a, 0));
    OK(sigaction(SIGRTMIN + 5, &a, 0));
    OK(sigaction(SIGUSR1, 0, &o));
    CHECK(o.sa_sigaction == on && (o.sa_flags & SA_SIGINFO));
    OK(kill(getpid(), SIGUSR1));
    EQ(n, 1);
    EQ(si.si_code, SI_USER);
    EQ(si.si_pid, getpid());
    EQ(si.si_uid, getuid());
    OK(raise(SIGUSR1));
    EQ(si.si_code, SI_TKILL);
    union sigval v = {.sival_ptr = (void *)0x12345678};
    OK(sigqueue(getpid(), SIGRTMIN + 5, v));
    EQ(n, 3);
    EQ(si.si_code, SI_QUEUE);
    EQ((intptr_t)si.si_value.sival_ptr, 0x12345678);
    ERR(kill(getpid(), 65), EINVAL);
    ERR(kill(getpid(), -1), EINVAL);
    OK(kill(getpid(), 0));
    ERR(kill(0x3fffffff, 0), ESRCH);
    ERR(sigaction(SIGKILL, &a, 0), EINVAL);
    OK(sigaction(SIGKILL, 0, &o));
    ERR(sigaction(0, &a, 0), EINVAL);
    ERR(sigaction(65, &a, 0), EINVAL);
    ERR(RAW(SYS_rt_sigaction, SIGUSR1, 0, 0, 4), EINVAL);
    // Ignored and default-ignored signals are nothing.
    signal(SIGUSR2, SIG_IGN);
    OK(kill(getpid(), SIGUSR2));
    OK(kill(getpid(), SIGCHLD));
    OK(kill(getpid(), SIGURG));
    EQ(n, 3);
    DONE();
}
