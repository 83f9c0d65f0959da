// timerfd: relative, absolute, periodic, gettime, errors.
#include "check.h"
#include <poll.h>
#include <sys/timerfd.h>
int main(void) {
    uint64_t n;
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    struct itimerspec t = {{0, 0}, {0, 2000000}}, o;
    ERR(read(fd, &n, 8), EAGAIN);
    OK(timerfd_settime(fd, 0, &t, &o));
    EQ(o.it_value.tv_sec | o.it_value.tv_nsec, 0);
    struct pollfd p = {fd, POLLIN};
    EQ(poll(&p, 1, 1000), 1);
    EQ(read(fd, &n, 8), 8);
    EQ(n, 1);
    t.it_interval.tv_sec = 7, t.it_interval.tv_nsec = 9, t.it_value.tv_sec = 100;
    OK(timerfd_settime(fd, 0, &t, 0));
    OK(timerfd_gettime(fd, &o));
    EQ(o.it_interval.tv_sec, 7);
    EQ(o.it_interval.tv_nsec, 9);
    CHECK(o.it_value.tv_sec >= 99 && o.it_value.tv_sec <= 100);
    memset(&t, 0, sizeof t);
    OK(timerfd_settime(fd, 0, &t, &o));
    CHECK(o.it_value.tv_sec >= 99);
    OK(clock_gettime(CLOCK_MONOTONIC, &t.it_value));
    t.it_value.tv_sec -= 1;
    t.it_interval.tv_nsec = 100000000;
    OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, 0));
    EQ(read(fd, &n, 8), 8);
    CHECK(n >= 10 && n < 20);
    t.it_value.tv_nsec = 1000000000;
    ERR(timerfd_settime(fd, 0, &t, 0), EINVAL);
    ERR(RAW(SYS_timerfd_settime, fd, 0, BAD, 0), EFAULT);
    ERR(timerfd_create(99, 0), EINVAL);
    ERR(RAW(SYS_timerfd_gettime, 0, &o), EINVAL);
    DONE();
}
