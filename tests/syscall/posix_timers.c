// POSIX timers: signals with values, threads' delivery, overruns, absolute times.
#include "check.h"
static volatile int n, val, code, over;
static timer_t id;
static void on(int s, siginfo_t *i, void *u) { (void)s; (void)u; val = i->si_value.sival_int; code = i->si_code; if (i->si_overrun > over) over = i->si_overrun; n++; }
static void none(union sigval v) { val = v.sival_int; __atomic_add_fetch(&n, 1, __ATOMIC_SEQ_CST); }
int main(void) {
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGRTMIN + 1, &a, 0));
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 42};
    OK(timer_create(CLOCK_MONOTONIC, &e, &id));
    struct itimerspec t = {{0, 0}, {0, 2000000}}, o;
    OK(timer_settime(id, 0, &t, 0));
    while (!n) msleep(1);
    EQ(val, 42);
    EQ(code, SI_TIMER);
    t.it_interval.tv_sec = 3, t.it_value.tv_sec = 50;
    OK(timer_settime(id, 0, &t, 0));
    OK(timer_gettime(id, &o));
    EQ(o.it_interval.tv_sec, 3);
    CHECK(o.it_value.tv_sec >= 49);
    EQ(timer_getoverrun(id), 0);
    // Overruns gather while the signal is blocked.
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGRTMIN + 1);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    t = (struct itimerspec){{0, 500000}, {0, 500000}};
    OK(timer_settime(id, 0, &t, 0));
    msleep(10);
    n = 0;
    OK(sigprocmask(SIG_UNBLOCK, &m, 0));
    while (!n) msleep(1);
    CHECK(over >= 5);
    OK(clock_gettime(CLOCK_MONOTONIC, &t.it_value));
    t.it_interval.tv_nsec = 0;
    n = 0;
    OK(timer_settime(id, TIMER_ABSTIME, &t, 0));
    while (!n) msleep(1);
    OK(timer_delete(id));
    ERR(timer_delete(id), EINVAL);
    ERR(timer_settime((timer_t)0x7ffff, 0, &t, 0), EINVAL);
    ERR(timer_create(99, &e, &id), EINVAL);
    // Without a sigevent it is SIGALRM with the timer's id.
    a.sa_flags = SA_SIGINFO;
    OK(sigaction(SIGALRM, &a, 0));
    int kid;
    OK(RAW(SYS_timer_create, CLOCK_REALTIME, 0, &kid));
    t = (struct itimerspec){{0, 0}, {0, 1}};
    n = 0;
#if ABI64
    OK(RAW(SYS_timer_settime, kid, 0, &t, 0));
#else
    OK(RAW(SYS_timer_settime, kid, 0, &t, 0));
#endif
    while (!n) msleep(1);
    EQ(val, kid);
    OK(RAW(SYS_timer_delete, kid));
    // By a thread.
    e = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = none, .sigev_value.sival_int = 7};
    OK(timer_create(CLOCK_REALTIME, &e, &id));
    n = 0;
    OK(timer_settime(id, 0, &t, 0));
    while (!n) msleep(1);
    EQ(val, 7);
    DONE();
}
