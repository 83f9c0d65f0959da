// TCP over loopback: a server child, addresses, options, a refused and a non-blocking connection, out-of-band data.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
int main(void) {
    struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}}, p;
    socklen_t n = sizeof a;
    int l = OK(socket(AF_INET, SOCK_STREAM, 0)), one = 1, v;
    OK(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    OK(bind(l, (void *)&a, sizeof a));
    OK(getsockname(l, (void *)&a, &n));
    EQ(n, 16);
    CHECK(a.sin_port);
    OK(listen(l, 5));
    pid_t pid = fork();
    if (!pid) {
        int s = accept(l, 0, 0);
        char b[64];
        long k = read(s, b, 64);
        for (int i = 0; i < k; i++) b[i] ^= 32;
        write(s, b, k);
        _exit(0);
    }
    int c = OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
    int r = connect(c, (void *)&a, sizeof a);
    CHECK(r == 0 || errno == EINPROGRESS);
    struct pollfd f = {c, POLLOUT};
    EQ(poll(&f, 1, 2000), 1);
    n = 4;
    OK(getsockopt(c, SOL_SOCKET, SO_ERROR, &v, &n));
    EQ(v, 0);
    OK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, 4));
    v = 0;
    OK(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, &n));
    EQ(v, 1);
    struct tcp_info ti;
    n = sizeof ti;
    OK(getsockopt(c, IPPROTO_TCP, TCP_INFO, &ti, &n));
    EQ(ti.tcpi_state, 1);
    n = sizeof p;
    OK(getpeername(c, (void *)&p, &n));
    EQ(p.sin_port, a.sin_port);
    EQ(p.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    OK(ioctl(c, FIONBIO, &(int){0}));
    EQ(write(c, "hello", 5), 5);
    char b[64];
    EQ(recv(c, b, 5, MSG_WAITALL), 5);
    MEMEQ(b, "HELLO", 5);
    EQ(read(c, b, 1), 0);
    EQ(wait_for(pid), 0);
    OK(close(l));
    OK(close(c));
    c = OK(socket(AF_INET, SOCK_STREAM, 0));
    ERR(connect(c, (void *)&a, sizeof a), ECONNREFUSED);
    ERR(connect(c, (void *)&a, 4), EINVAL);
    ERR(listen(999, 1), EBADF);
    ERR(socket(AF_INET, 77, 0), EINVAL);
    ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    DONE();
}
