// epoll, level-triggered: data of 64 bits, several events, modification, removal, errors.
#include "check.h"
#include <sys/epoll.h>
int main(void) {
    int ep = OK(epoll_create1(EPOLL_CLOEXEC)), p[2], q[2];
    EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
    OK(pipe(p));
    OK(pipe(q));
    struct epoll_event e = {EPOLLIN, {.u64 = 0x1122334455667788ULL}}, out[4];
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
    e.data.u64 = 0xaabbccddeeff0011ULL;
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &e));
    EQ(epoll_wait(ep, out, 4, 0), 0);
    EQ(epoll_wait(ep, out, 4, 2), 0);
    EQ(write(p[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        EQ(epoll_wait(ep, out, 4, -1), 1);
        EQ(out[0].events, EPOLLIN);
        CHECK(out[0].data.u64 == 0x1122334455667788ULL);
    }
    EQ(write(q[1], "x", 1), 1);
    EQ(epoll_wait(ep, out, 4, -1), 2);
    CHECK((out[0].data.u64 ^ out[1].data.u64) == (0x1122334455667788ULL ^ 0xaabbccddeeff0011ULL));
    EQ(epoll_wait(ep, out, 1, -1), 1);
    e.events = 0, e.data.fd = 5;
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    EQ(epoll_wait(ep, out, 4, -1), 1);
    OK(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], 0));
    EQ(epoll_wait(ep, out, 4, 0), 0);
    ERR(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], 0), ENOENT);
    ERR(epoll_ctl(ep, EPOLL_CTL_MOD, q[0], &e), ENOENT);
    ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
    ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e), EBADF);
    ERR(epoll_wait(ep, out, 0, 0), EINVAL);
    ERR(epoll_wait(p[0], out, 1, 0), EINVAL);
    int f = OK(open("/proc/self/exe", O_RDONLY));
    ERR(epoll_ctl(ep, EPOLL_CTL_ADD, f, &e), EPERM);
    ERR(epoll_create(0), EINVAL);
    // Closing the other end: EPOLLHUP comes unasked.
    OK(close(p[1]));
    EQ(epoll_wait(ep, out, 4, -1), 1);
    EQ(out[0].events, EPOLLHUP);
    EQ(out[0].data.fd, 5);
    DONE();
}
