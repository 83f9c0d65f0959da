// Socket pairs: streams, datagrams, sequenced packets, flags, shutdown.
#include "check.h"
#include <sys/socket.h>
int main(void) {
    int s[2];
    char b[64];
    OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
    EQ(fcntl(s[1], F_GETFD), FD_CLOEXEC);
    CHECK(OK(fcntl(s[1], F_GETFL)) & O_NONBLOCK);
    ERR(recv(s[0], b, 1, 0), EAGAIN);
    EQ(send(s[1], "hello", 5, 0), 5);
    EQ(recv(s[0], b, 3, MSG_PEEK), 3);
    EQ(recv(s[0], b, 64, 0), 5);
    OK(shutdown(s[1], SHUT_WR));
    EQ(recv(s[0], b, 64, 0), 0);
    ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    EQ(write(s[0], "back", 4), 4);
    EQ(read(s[1], b, 64), 4);
    OK(close(s[1]));
    ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    EQ(send(s[0], "abcdef", 6, 0), 6);
    EQ(send(s[0], "gh", 2, 0), 2);
    EQ(recv(s[1], b, 3, MSG_TRUNC), 6);
    EQ(recv(s[1], b, 64, 0), 2);
    ERR(recv(s[1], b, 64, MSG_DONTWAIT), EAGAIN);
    OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    EQ(send(s[0], "one", 3, 0), 3);
    EQ(send(s[0], "", 0, 0), 0);
    EQ(recv(s[1], b, 64, 0), 3);
    EQ(recv(s[1], b, 64, 0), 0);
    int p9 = s[0];
    ERR(socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
    ERR(socketpair(999, SOCK_STREAM, 0, s), EAFNOSUPPORT);
    ERR(shutdown(p9, 9), EINVAL);
    ERR(send(0, "", 0, 0), ENOTSOCK);
    DONE();
}
