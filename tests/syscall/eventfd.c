// eventfd: counting, semaphore, overflow, poll.
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
int main(void) {
    uint64_t v = 3;
    int fd = OK(eventfd(2, EFD_NONBLOCK | EFD_CLOEXEC));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EQ(write(fd, &v, 8), 8);
    EQ(read(fd, &v, 8), 8);
    EQ(v, 5);
    ERR(read(fd, &v, 8), EAGAIN);
    ERR(read(fd, &v, 4), EINVAL);
    v = UINT64_MAX;
    ERR(write(fd, &v, 8), EINVAL);
    v--;
    EQ(write(fd, &v, 8), 8);
    v = 1;
    ERR(write(fd, &v, 8), EAGAIN);
    struct pollfd p = {fd, POLLIN | POLLOUT};
    EQ(poll(&p, 1, 0), 1);
    EQ(p.revents, POLLIN);
    fd = OK(eventfd(2, EFD_SEMAPHORE));
    EQ(read(fd, &v, 8), 8);
    EQ(v, 1);
    EQ(read(fd, &v, 8), 8);
    EQ(poll((p.fd = fd, &p), 1, 0), 1);
    EQ(p.revents, POLLOUT);
    fd = OK(RAW(SYS_eventfd, 7));
    EQ(eventfd_read(fd, &v), 0);
    EQ(v, 7);
    ERR(eventfd(0, 0x10), EINVAL);
    DONE();
}
