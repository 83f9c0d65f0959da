// Clocks: all kinds, resolutions, their order, nanosleep and clock_nanosleep, interrupted ones.
#include "check.h"
#include <sys/time.h>
#include <sys/times.h>
static void on(int s) { (void)s; }
static double d(struct timespec t) { return t.tv_sec + t.tv_nsec * 1e-9; }
int main(void) {
    clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    struct timespec a, b, r;
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        OK(clock_gettime(ids[i], &a));
        OK(RAW(SYS_clock_gettime, ids[i], &b));
        CHECK(d(b) >= d(a) && d(b) < d(a) + 1);
        OK(clock_getres(ids[i], &r));
        CHECK(r.tv_sec == 0 && r.tv_nsec > 0);
    }
    ERR(RAW(SYS_clock_gettime, 99, &a), EINVAL);
    ERR(clock_getres(99, &a), EINVAL);
    struct timeval v;
    struct timezone z;
    OK(gettimeofday(&v, &z));
    CHECK(labs(v.tv_sec - time(0)) < 2);
    time_t t;
    EQ(time(&t), t);
    OK(clock_gettime(CLOCK_MONOTONIC, &a));
    struct timespec ms = {0, 3000000};
    OK(nanosleep(&ms, 0));
    OK(clock_gettime(CLOCK_MONOTONIC, &b));
    CHECK(d(b) - d(a) >= 0.003);
    EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, 0), 0);
    b.tv_nsec += 2000000;
    if (b.tv_nsec >= 1000000000) b.tv_sec++, b.tv_nsec -= 1000000000;
    EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &b, 0), 0);
    OK(clock_gettime(CLOCK_MONOTONIC, &a));
    CHECK(d(a) >= d(b));
    EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ms, 0), EINVAL);
    ms.tv_nsec = 1000000000;
    ERR(nanosleep(&ms, 0), EINVAL);
    ms.tv_nsec = 0, ms.tv_sec = -1;
    ERR(nanosleep(&ms, 0), EINVAL);
    struct sigaction sa = {.sa_handler = on};
    OK(sigaction(SIGALRM, &sa, 0));
    struct itimerval it = {{0, 0}, {0, 5000}};
    OK(setitimer(ITIMER_REAL, &it, 0));
    ms = (struct timespec){10, 0};
    ERR(nanosleep(&ms, &r), EINTR);
    CHECK(r.tv_sec == 9 && r.tv_nsec > 0);
    OK(setitimer(ITIMER_REAL, &it, 0));
    EQ(clock_nanosleep(CLOCK_REALTIME, 0, &ms, &r), EINTR);
    CHECK(r.tv_sec == 9);
    struct tms tm;
    CHECK(OK(times(&tm)) > 0 && tm.tms_utime >= 0);
    OK(clock() + 1);
    clockid_t mine;
    EQ(clock_getcpuclockid(getpid(), &mine), 0);
    OK(clock_gettime(mine, &a));
    ERR(RAW(SYS_clock_settime, CLOCK_MONOTONIC, &a), EINVAL);
    DONE();
}
