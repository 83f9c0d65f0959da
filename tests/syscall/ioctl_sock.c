// ioctls of sockets: interfaces, queue sizes, the out-of-band mark.
#include "check.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
int main(void) {
    int s = OK(socket(AF_INET, SOCK_DGRAM, 0)), v, p[2];
    struct ifreq r = {.ifr_name = "lo"};
    OK(ioctl(s, SIOCGIFFLAGS, &r));
    CHECK(r.ifr_flags & IFF_LOOPBACK);
    OK(ioctl(s, SIOCGIFINDEX, &r));
    int lo = r.ifr_ifindex;
    CHECK(lo > 0);
    memset(&r, 0, sizeof r);
    r.ifr_ifindex = lo;
    OK(ioctl(s, SIOCGIFNAME, &r));
    STREQ(r.ifr_name, "lo");
    OK(ioctl(s, SIOCGIFADDR, &r));
    EQ(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    OK(ioctl(s, SIOCGIFMTU, &r));
    CHECK(r.ifr_mtu > 1000);
    struct ifreq all[16];
    struct ifconf c = {.ifc_len = sizeof all, .ifc_req = all};
    OK(ioctl(s, SIOCGIFCONF, &c));
    int n = c.ifc_len / sizeof *all, found = 0;
    EQ(c.ifc_len % sizeof *all, 0);
    for (int i = 0; i < n; i++) found |= !strcmp(all[i].ifr_name, "lo");
    CHECK(found);
    c.ifc_req = 0;
    OK(ioctl(s, SIOCGIFCONF, &c));
    EQ(c.ifc_len, n * sizeof *all);
    strcpy(r.ifr_name, "nonesuch0");
    ERR(ioctl(s, SIOCGIFINDEX, &r), ENODEV);
    CHECK(if_nametoindex("lo") == lo);
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    EQ(write(p[0], "12345", 5), 5);
    OK(ioctl(p[1], FIONREAD, &v));
    EQ(v, 5);
    OK(ioctl(p[0], TIOCOUTQ, &v));
    CHECK(v > 0);
    v = 1;
    OK(ioctl(p[1], FIONBIO, &v));
    CHECK(OK(fcntl(p[1], F_GETFL)) & O_NONBLOCK);
    OK(ioctl(p[1], FIOCLEX));
    EQ(fcntl(p[1], F_GETFD), FD_CLOEXEC);
    OK(ioctl(p[1], FIONCLEX));
    EQ(fcntl(p[1], F_GETFD), 0);
    v = getpid();
    OK(ioctl(s, FIOSETOWN, &v));
    v = 0;
    OK(ioctl(s, SIOCGPGRP, &v));
    EQ(v, getpid());
    ERR(ioctl(s, FIONREAD, BAD), EFAULT);
    ERR(ioctl(s, 0xdeadbeef, &v), ENOTTY);
    ERR(ioctl(999, FIONREAD, &v), EBADF);
    DONE();
}
