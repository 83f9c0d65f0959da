// abi: 32
// The calls of i386 with 64-bit times.
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
typedef struct { int64_t s, n; } ts64;
typedef struct { ts64 i, v; } its64;
int main(void) {
    ts64 t, z = {0, 1000000}, far = {0x100000000LL, 0};
    its64 it = {{7, 8}, {100, 0}}, o;
    OK(RAW(SYS_clock_gettime64, CLOCK_REALTIME, &t));
    CHECK(t.s - time(0) <= 1 && t.s > 1500000000 && t.n < 1000000000);
    OK(RAW(SYS_clock_getres_time64, CLOCK_MONOTONIC, &t));
    CHECK(t.s == 0 && t.n > 0);
    OK(RAW(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, &z, 0));
    struct pollfd f = {-1, 0, 0};
    EQ(RAW(SYS_ppoll_time64, &f, 1, &z, 0, 8), 0);
    EQ(RAW(SYS_pselect6_time64, 0, 0, 0, 0, &z, 0), 0);
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
    OK(RAW(SYS_timerfd_settime64, fd, 0, &it, 0));
    OK(RAW(SYS_timerfd_gettime64, fd, &o));
    EQ(o.i.s, 7);
    EQ(o.i.n, 8);
    CHECK(o.v.s >= 99);
    it.v = far;
    OK(RAW(SYS_timerfd_settime64, fd, 0, &it, 0));
    OK(RAW(SYS_timerfd_gettime64, fd, &o));
    CHECK(o.v.s >= 0xffffffffLL);
    int id;
    OK(RAW(SYS_timer_create, CLOCK_MONOTONIC, 0, &id));
    OK(RAW(SYS_timer_settime64, id, 0, &it, 0));
    OK(RAW(SYS_timer_gettime64, id, &o));
    CHECK(o.v.s >= 0xffffffffLL);
    OK(RAW(SYS_timer_delete, id));
    int w = 0;
    z.s = 0;
    ERR(RAW(SYS_futex_time64, &w, FUTEX_WAIT, 0, &z, 0, 0), ETIMEDOUT);
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    ERR(RAW(SYS_rt_sigtimedwait_time64, &m, 0, &z, 8), EAGAIN);
    OK(RAW(SYS_sched_rr_get_interval_time64, 0, &t));
    int s[2];
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    struct mmsghdr mm = {0};
    ERR(RAW(SYS_recvmmsg_time64, s[0], &mm, 1, MSG_DONTWAIT, &z), EAGAIN);
    // Upper bits of nanoseconds are ignored from 32-bit programs' padding.
    z.n |= 0x7fLL << 32;
    OK(RAW(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, &z, 0));
    // Socket options with 64-bit times.
    int64_t tv[2] = {3, 500000}, got[2];
    socklen_t n = sizeof got;
    OK(setsockopt(s[0], SOL_SOCKET, 66, tv, sizeof tv));
    OK(getsockopt(s[0], SOL_SOCKET, 66, got, &n));
    EQ(got[0], 3);
    EQ(n, 16);
    struct { int32_t s, u; } t32;
    n = sizeof t32;
    OK(getsockopt(s[0], SOL_SOCKET, 20, &t32, &n));
    EQ(t32.s, 3);
    EQ(n, 8);
    DONE();
}
