// UDP over loopback, IPv4 and IPv6; packet info and time stamps as ancillary data.
#include "check.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
int main(void) {
    struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}}, f;
    socklen_t n = sizeof a;
    int r = OK(socket(AF_INET, SOCK_DGRAM, 0)), s = OK(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
    OK(bind(r, (void *)&a, sizeof a));
    OK(getsockname(r, (void *)&a, &n));
    OK(setsockopt(r, IPPROTO_IP, IP_PKTINFO, &on, 4));
    OK(setsockopt(r, SOL_SOCKET, SO_TIMESTAMP, &on, 4));
    EQ(sendto(s, "packet", 6, 0, (void *)&a, sizeof a), 6);
    char b[64], ctl[256] __attribute__((aligned(8)));
    struct iovec io = {b, 64};
    struct msghdr m = {.msg_name = &f, .msg_namelen = sizeof f, .msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
    EQ(recvmsg(r, &m, 0), 6);
    EQ(f.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    int seen = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo pi;
            memcpy(&pi, CMSG_DATA(c), sizeof pi);
            EQ(c->cmsg_len, CMSG_LEN(sizeof pi));
            EQ(pi.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
            seen |= 1;
        }
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMP) {
            struct timeval t;
            EQ(c->cmsg_len, CMSG_LEN(sizeof t));
            memcpy(&t, CMSG_DATA(c), sizeof t);
            CHECK(t.tv_sec - time(0) <= 1 && time(0) - t.tv_sec < 5 && t.tv_usec < 1000000);
            seen |= 2;
        }
    }
    EQ(seen, 3);
    OK(connect(s, (void *)&a, sizeof a));
    EQ(send(s, "conn", 4, 0), 4);
    n = sizeof f;
    EQ(recvfrom(r, b, 2, MSG_TRUNC, (void *)&f, &n), 4);
    ERR(recvfrom(r, b, 2, MSG_DONTWAIT, 0, 0), EAGAIN);
    struct sockaddr un = {AF_UNSPEC};
    OK(connect(s, &un, sizeof un));
    ERR(send(s, "x", 1, 0), EDESTADDRREQ);
    int s6 = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 a6 = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT, 0};
    if (s6 >= 0 && bind(s6, (void *)&a6, sizeof a6) == 0) {
        n = sizeof a6;
        OK(getsockname(s6, (void *)&a6, &n));
        EQ(n, 28);
        EQ(sendto(s6, "self", 4, 0, (void *)&a6, sizeof a6), 4);
        EQ(recv(s6, b, 64, 0), 4);
    }
    DONE();
}
