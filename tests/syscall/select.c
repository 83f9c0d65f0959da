// select and pselect: sets, the remaining time, errors.
#include "check.h"
#include <sys/select.h>
static volatile int got;
static void on(int s) { got = s; }
int main(void) {
    int p[2];
    OK(pipe(p));
    fd_set r, w, x;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&x);
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    FD_SET(p[0], &x);
    struct timeval t = {0, 0};
    EQ(select(p[1] + 1, &r, &w, &x, &t), 1);
    CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &x));
    EQ(write(p[1], "x", 1), 1);
    FD_SET(p[0], &r);
    EQ(select(p[1] + 1, &r, &w, 0, 0), 2);
    CHECK(FD_ISSET(p[0], &r));
    // The rest of the time is written back.
    t.tv_sec = 100;
    EQ(select(p[1] + 1, &r, 0, 0, &t), 1);
    CHECK(t.tv_sec >= 99 && t.tv_sec <= 100);
    t.tv_sec = 0, t.tv_usec = 2000;
    EQ(select(0, 0, 0, 0, &t), 0);
    EQ(t.tv_usec, 0);
    FD_ZERO(&r);
    FD_SET(50, &r);
    ERR(select(51, &r, 0, 0, 0), EBADF);
    ERR(select(-1, 0, 0, 0, 0), EINVAL);
    t.tv_sec = -1;
    ERR(select(0, 0, 0, 0, &t), EINVAL);
    // High descriptors: beyond the first word.
    EQ(dup2(p[0], 200), 200);
    FD_ZERO(&r);
    FD_SET(200, &r);
    EQ(select(201, &r, 0, 0, 0), 1);
    CHECK(FD_ISSET(200, &r) && !FD_ISSET(p[0], &r));
    struct timespec n = {0, 1000000};
    EQ(pselect(0, 0, 0, 0, &n, 0), 0);
    EQ(n.tv_nsec, 1000000);
    signal(SIGUSR1, on);
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    OK(raise(SIGUSR1));
    sigemptyset(&m);
    n.tv_sec = 5;
    ERR(pselect(0, 0, 0, 0, &n, &m), EINTR);
    EQ(got, SIGUSR1);
#if !ABI64
    struct { unsigned long n; fd_set *r, *w, *x; struct timeval *t; } a = {201, &r, 0, 0, 0};
    EQ(RAW(SYS_select, &a), 1);
#endif
    DONE();
}
