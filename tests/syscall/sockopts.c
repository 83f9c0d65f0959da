// Socket options with integers, structures, strings and times.
#include "check.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
int main(void) {
    int s = OK(socket(AF_INET, SOCK_STREAM, 0)), v;
    socklen_t n = sizeof v;
    OK(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n));
    EQ(v, SOCK_STREAM);
    OK(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &v, &n));
    EQ(v, AF_INET);
    OK(getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &v, &n));
    EQ(v, IPPROTO_TCP);
    OK(getsockopt(s, SOL_SOCKET, SO_ACCEPTCONN, &v, &n));
    EQ(v, 0);
    v = 20000;
    OK(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, 4));
    OK(getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &n));
    EQ(v, 40000);
    struct linger l = {1, 5}, m;
    OK(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    n = sizeof m;
    OK(getsockopt(s, SOL_SOCKET, SO_LINGER, &m, &n));
    EQ(m.l_linger, 5);
    struct timeval t = {2, 500000}, u;
    OK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    n = sizeof u;
    OK(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &u, &n));
    EQ(n, sizeof u);
    EQ(u.tv_sec, 2);
    CHECK(u.tv_usec >= 500000 && u.tv_usec <= 510000);
    ERR(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, 4), EINVAL);
    t.tv_usec = 1000000;
    ERR(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t), EDOM);
    ERR(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, 2), EINVAL);
    ERR(setsockopt(s, SOL_SOCKET, 999, &v, 4), ENOPROTOOPT);
    ERR(getsockopt(s, 999, 1, &v, &n), EOPNOTSUPP);
    n = 1;
    v = 0;
    OK(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n));
    EQ(n, 1);
    EQ(v & 255, SOCK_STREAM);
    n = -1;
    ERR(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n), EINVAL);
    ERR(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, BAD), EFAULT);
    n = 4;
    ERR(getsockopt(s, SOL_SOCKET, SO_TYPE, BAD, &n), EFAULT);
    // A receive time-out at work.
    int p[2];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    t = (struct timeval){0, 20000};
    OK(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    ERR(read(p[0], &v, 4), EAGAIN);
    OK(setsockopt(s, IPPROTO_IP, IP_TTL, &(int){33}, 4));
    n = 4;
    OK(getsockopt(s, IPPROTO_IP, IP_TTL, &v, &n));
    EQ(v, 33);
    DONE();
}
