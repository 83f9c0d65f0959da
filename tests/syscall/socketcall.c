// abi: 32
// socketcall(2), the one door to sockets of old programs.
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
static long sc(int n, long a, long b, long c, long d, long e, long f) {
    long v[6] = {a, b, c, d, e, f};
    return RAW(SYS_socketcall, n, v);
}
int main(void) {
    int s[2], v, n = 4;
    char b[32];
    OK(sc(8, AF_UNIX, SOCK_DGRAM, 0, (long)s, 0, 0));
    EQ(sc(9, s[0], (long)"hello", 5, 0, 0, 0), 5);
    EQ(sc(10, s[1], (long)b, 32, 0, 0, 0), 5);
    EQ(sc(11, s[0], (long)"to", 2, 0, 0, 0), 2);
    EQ(sc(12, s[1], (long)b, 32, 0, 0, 0), 2);
    struct iovec io = {b, 32};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    EQ(sc(16, s[0], (long)&m, 0, 0, 0, 0), 32);
    EQ(sc(17, s[1], (long)&m, 0, 0, 0, 0), 32);
    OK(sc(15, s[0], SOL_SOCKET, SO_TYPE, (long)&v, (long)&n, 0));
    EQ(v, SOCK_DGRAM);
    v = 1;
    OK(sc(14, s[0], SOL_SOCKET, SO_REUSEADDR, (long)&v, 4, 0));
    int l = OK(sc(1, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0)), c = OK(sc(1, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0));
    tmpdir();
    struct sockaddr_un a = {AF_UNIX, "s"};
    OK(sc(2, l, (long)&a, sizeof a, 0, 0, 0));
    OK(sc(4, l, 3, 0, 0, 0, 0));
    OK(sc(3, c, (long)&a, sizeof a, 0, 0, 0));
    OK(sc(5, l, 0, 0, 0, 0, 0));
    n = sizeof a;
    OK(sc(6, l, (long)&a, (long)&n, 0, 0, 0));
    n = sizeof a;
    OK(sc(7, c, (long)&a, (long)&n, 0, 0, 0));
    OK(sc(13, c, SHUT_RDWR, 0, 0, 0, 0));
    ERR(sc(99, 0, 0, 0, 0, 0, 0), EINVAL);
    ERR(sc(0, 0, 0, 0, 0, 0, 0), EINVAL);
    ERR(RAW(SYS_socketcall, 1, BAD), EFAULT);
    DONE();
}
