// A UNIX stream server: bind, listen, accept4, connect, names, SO_PEERCRED.
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
int main(void) {
    tmpdir();
    struct sockaddr_un a = {AF_UNIX, "sock"}, p;
    socklen_t n = sizeof p;
    int l = OK(socket(AF_UNIX, SOCK_STREAM, 0)), c = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    ERR(connect(c, (void *)&a, sizeof a), ENOENT);
    OK(bind(l, (void *)&a, sizeof a));
    ERR(bind(c, (void *)&a, sizeof a), EADDRINUSE);
    ERR(connect(c, (void *)&a, sizeof a), ECONNREFUSED);
    OK(listen(l, 4));
    OK(connect(c, (void *)&a, sizeof a));
    ERR(connect(c, (void *)&a, sizeof a), EISCONN);
    int s = OK(accept4(l, (void *)&p, &n, SOCK_CLOEXEC | SOCK_NONBLOCK));
    EQ(n, 2);
    EQ(p.sun_family, AF_UNIX);
    EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
    ERR(accept4(l, 0, 0, 1), EINVAL);
    n = sizeof p;
    OK(getsockname(s, (void *)&p, &n));
    STREQ(p.sun_path, "sock");
    EQ(n, 2 + 5);
    // A short buffer is filled, and the full length told.
    memset(&p, '#', sizeof p);
    n = 4;
    OK(getpeername(c, (void *)&p, &n));
    EQ(n, 7);
    MEMEQ(p.sun_path, "so##", 4);
    struct ucred u;
    n = sizeof u;
    OK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &u, &n));
    EQ(u.pid, getpid());
    EQ(u.uid, getuid());
    EQ(n, sizeof u);
    int fl = 0;
    OK(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &fl, 4));
    EQ(fcntl(l, F_SETFL, O_NONBLOCK), 0);
    ERR(accept(l, 0, 0), EAGAIN);
    ERR(accept(c, 0, 0), EINVAL);
    ERR(getsockname(999, (void *)&p, &n), EBADF);
    n = -1;
    ERR(getsockname(s, (void *)&p, &n), EINVAL);
    // An abstract name.
    struct sockaddr_un x = {AF_UNIX, ""};
    int an = sprintf(x.sun_path + 1, "fl-%d", getpid());
    int d = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), e = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    OK(bind(d, (void *)&x, 3 + an));
    EQ(sendto(e, "dg", 2, 0, (void *)&x, 3 + an), 2);
    char b[8];
    n = sizeof p;
    EQ(recvfrom(d, b, 8, 0, (void *)&p, &n), 2);
    EQ(n, 0);
    DONE();
}
