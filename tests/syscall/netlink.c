// Netlink: a dump of the links has the loopback device.
#include "check.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
int main(void) {
    int s = OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct sockaddr_nl a = {AF_NETLINK};
    OK(bind(s, (void *)&a, sizeof a));
    socklen_t n = sizeof a;
    OK(getsockname(s, (void *)&a, &n));
    EQ(n, 12);
    CHECK(a.nl_pid);
    struct { struct nlmsghdr h; struct ifinfomsg i; } q = {{sizeof q, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {AF_UNSPEC}};
    EQ(send(s, &q, sizeof q, 0), sizeof q);
    static char b[32768] __attribute__((aligned(8)));
    int found = 0, done = 0;
    while (!done) {
        long len = OK(recv(s, b, sizeof b, 0));
        for (struct nlmsghdr *h = (void *)b; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
            EQ(h->nlmsg_seq, 7);
            if (h->nlmsg_type == NLMSG_DONE) done = 1;
            if (h->nlmsg_type == RTM_NEWLINK) found |= ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_flags & IFF_LOOPBACK;
        }
    }
    CHECK(found);
    DONE();
}
