// setitimer, getitimer, alarm; CPU-time timers.
#include "check.h"
#include <sys/time.h>
static volatile int n, last;
static void on(int s) { n++, last = s; }
int main(void) {
    struct itimerval t = {{0, 2000}, {0, 2000}}, o;
    signal(SIGALRM, on);
    signal(SIGVTALRM, on);
    signal(SIGPROF, on);
    OK(setitimer(ITIMER_REAL, &t, 0));
    while (n < 3) pause();
    OK(getitimer(ITIMER_REAL, &o));
    EQ(o.it_interval.tv_usec, 2000);
    memset(&t, 0, sizeof t);
    OK(setitimer(ITIMER_REAL, &t, &o));
    EQ(o.it_interval.tv_usec, 2000);
    OK(getitimer(ITIMER_REAL, &o));
    EQ(o.it_value.tv_sec | o.it_value.tv_usec, 0);
    EQ(alarm(100), 0);
    int left = alarm(0);
    CHECK(left == 100 || left == 99);
    t.it_value.tv_usec = 1000;
    n = 0;
    OK(setitimer(ITIMER_VIRTUAL, &t, 0));
    while (!n) ;
    EQ(last, SIGVTALRM);
    OK(setitimer(ITIMER_PROF, &t, 0));
    while (n < 2) getppid();
    EQ(last, SIGPROF);
    ERR(setitimer(9, &t, 0), EINVAL);
    t.it_value.tv_usec = 1000000;
    ERR(setitimer(ITIMER_REAL, &t, 0), EINVAL);
    ERR(getitimer(9, &o), EINVAL);
    DONE();
}
