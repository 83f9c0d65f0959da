// Descriptors and credentials as ancillary data: layout, several messages, truncation, MSG_CMSG_CLOEXEC.
#include "check.h"
#include <sys/socket.h>
#include <sys/uio.h>
static char ctl[256] __attribute__((aligned(8)));
static int data;
static struct iovec io = {&data, 4};
static struct msghdr msg(size_t n) { memset(ctl, 0, sizeof ctl); return (struct msghdr){.msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = n}; }
static void send_fds(int s, int *fds, int n) {
    struct msghdr m = msg(CMSG_SPACE(n * sizeof(int)));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    data = 77;
    EQ(sendmsg(s, &m, 0), 4);
}
int main(void) {
    int s[2], p[2], f[3];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    OK(pipe(p));
    EQ(write(p[1], "through", 7), 7);
    send_fds(s[0], (int[]){p[0], p[1], 0}, 3);
    struct msghdr m = msg(sizeof ctl);
    EQ(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC), 4);
    EQ(data, 77);
    EQ(m.msg_flags & ~MSG_CMSG_CLOEXEC, 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c);
    EQ(c->cmsg_level, SOL_SOCKET);
    EQ(c->cmsg_type, SCM_RIGHTS);
    EQ(c->cmsg_len, CMSG_LEN(12));
    EQ(m.msg_controllen, CMSG_SPACE(12));
    memcpy(f, CMSG_DATA(c), 12);
    CHECK(f[0] != p[0] && f[0] > 2 && f[2] != 0);
    EQ(fcntl(f[0], F_GETFD), FD_CLOEXEC);
    char b[16];
    EQ(read(f[0], b, 16), 7);
    MEMEQ(b, "through", 7);
    // Room for one descriptor only: the others are dropped and MSG_CTRUNC says so.
    send_fds(s[0], f, 2);
    m = msg(CMSG_LEN(4));
    EQ(recvmsg(s[1], &m, 0), 4);
    EQ(m.msg_flags, MSG_CTRUNC);
    EQ(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(4));
    EQ(m.msg_controllen, CMSG_LEN(4));
    // No room at all.
    send_fds(s[0], f, 1);
    m = msg(0);
    EQ(recvmsg(s[1], &m, 0), 4);
    EQ(m.msg_flags, MSG_CTRUNC);
    EQ(m.msg_controllen, 0);
    // Credentials and descriptors in one message.
    int on = 1;
    OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, 4));
    m = msg(CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4));
    c = CMSG_FIRSTHDR(&m);
    struct ucred u = {getpid(), getuid(), getgid()}, v;
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof u), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(c), &u, sizeof u);
    c = CMSG_NXTHDR(&m, c);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), f, 4);
    EQ(sendmsg(s[0], &m, 0), 4);
    m = msg(sizeof ctl);
    EQ(recvmsg(s[1], &m, 0), 4);
    int seen = 0;
    for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&v, CMSG_DATA(c), sizeof v);
            EQ(v.pid, getpid());
            EQ(v.uid, getuid());
            seen |= 1;
        }
        if (c->cmsg_type == SCM_RIGHTS) {
            EQ(c->cmsg_len, CMSG_LEN(4));
            seen |= 2;
        }
    }
    EQ(seen, 3);
    // A bad descriptor, a bad length.
    m = msg(CMSG_SPACE(4));
    c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), (int[]){999}, 4);
    ERR(sendmsg(s[0], &m, 0), EBADF);
    c->cmsg_len = 500;
    ERR(sendmsg(s[0], &m, 0), EINVAL);
    c->cmsg_len = 2;
    ERR(sendmsg(s[0], &m, 0), EINVAL);
    DONE();
}
