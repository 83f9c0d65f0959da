// epoll, edge-triggered and one-shot, nested, epoll_pwait and epoll_pwait2.
#include "check.h"
#include <sys/epoll.h>
static volatile int got;
static void on(int s) { got = s; }
int main(void) {
    int ep = OK(epoll_create(1)), p[2];
    OK(pipe(p));
    struct epoll_event e = {EPOLLIN | EPOLLET, {.fd = p[0]}}, out[4];
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    EQ(write(p[1], "x", 1), 1);
    EQ(epoll_wait(ep, out, 4, 0), 1);
    EQ(epoll_wait(ep, out, 4, 0), 0);
    EQ(write(p[1], "x", 1), 1);
    EQ(epoll_wait(ep, out, 4, 0), 1);
    e.events = EPOLLIN | EPOLLONESHOT;
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    EQ(epoll_wait(ep, out, 4, 0), 1);
    EQ(write(p[1], "x", 1), 1);
    EQ(epoll_wait(ep, out, 4, 0), 0);
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    EQ(epoll_wait(ep, out, 4, 0), 1);
    int outer = OK(epoll_create1(0));
    e.events = EPOLLIN, e.data.fd = ep;
    OK(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e));
    EQ(epoll_wait(outer, out, 4, 0), 0);
    e.data.fd = p[0];
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    EQ(epoll_wait(outer, out, 4, 0), 1);
    EQ(out[0].data.fd, ep);
    char b[8];
    EQ(read(p[0], b, 8), 3);
    signal(SIGUSR1, on);
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    OK(raise(SIGUSR1));
    EQ(epoll_wait(ep, out, 4, 0), 0);
    sigemptyset(&m);
    ERR(epoll_pwait(ep, out, 4, -1, &m), EINTR);
    EQ(got, SIGUSR1);
    struct { int64_t s; int64_t n; } t = {0, 1000000};
    EQ(RAW(SYS_epoll_pwait2, ep, out, 4, &t, 0, 8), 0);
    t.n = -1;
    ERR(RAW(SYS_epoll_pwait2, ep, out, 4, &t, 0, 8), EINVAL);
    DONE();
}
