// sendmsg and recvmsg with several buffers and names; sendmmsg and recvmmsg.
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
int main(void) {
    tmpdir();
    struct sockaddr_un a = {AF_UNIX, "a"}, b = {AF_UNIX, "b"}, from;
    int s = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), r = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    OK(bind(s, (void *)&a, sizeof a));
    OK(bind(r, (void *)&b, sizeof b));
    char x[4], y[8];
    struct iovec out[2] = {{"head", 4}, {"-tail", 5}}, in[2] = {{x, 4}, {y, 8}};
    struct msghdr m = {.msg_name = &b, .msg_namelen = sizeof b, .msg_iov = out, .msg_iovlen = 2}, n;
    EQ(sendmsg(s, &m, 0), 9);
    n = (struct msghdr){.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in, .msg_iovlen = 2, .msg_flags = 77};
    EQ(recvmsg(r, &n, 0), 9);
    EQ(n.msg_namelen, 4);
    STREQ(from.sun_path, "a");
    EQ(n.msg_flags, 0);
    MEMEQ(y, "-tail", 5);
    EQ(sendmsg(s, &m, 0), 9);
    n.msg_iovlen = 1;
    EQ(recvmsg(r, &n, 0), 4);
    EQ(n.msg_flags, MSG_TRUNC);
    m.msg_iovlen = 1025;
    ERR(sendmsg(s, &m, 0), EMSGSIZE);
    m.msg_iovlen = 1, m.msg_namelen = -1;
    ERR(sendmsg(s, &m, 0), EINVAL);
    m.msg_namelen = sizeof b;
    m.msg_iov = BAD;
    ERR(sendmsg(s, &m, 0), EFAULT);
    m.msg_iov = out, m.msg_iovlen = 2;
    struct mmsghdr mm[3] = {{m, 9}, {m, 9}, {m, 9}}, rr[4];
    EQ(sendmmsg(s, mm, 3, 0), 3);
    EQ(mm[1].msg_len, 9);
    memset(rr, 0, sizeof rr);
    char z[4][16];
    struct iovec zi[4];
    for (int i = 0; i < 4; i++) { zi[i] = (struct iovec){z[i], 16}; rr[i].msg_hdr.msg_iov = &zi[i]; rr[i].msg_hdr.msg_iovlen = 1; }
    EQ(recvmmsg(r, rr, 4, MSG_WAITFORONE, 0), 3);
    EQ(rr[2].msg_len, 9);
    MEMEQ(z[2], "head-tail", 9);
    struct timespec t = {0, 1000000};
    ERR(recvmmsg(r, rr, 4, MSG_DONTWAIT, &t), EAGAIN);
    EQ(sendmmsg(s, mm, 2, 0), 2);
    t.tv_nsec = 1;
    t.tv_sec = 0;
    CHECK(OK(recvmmsg(r, rr, 2, 0, &t)) >= 1);
    DONE();
}
