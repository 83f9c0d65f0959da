// splice, tee and vmsplice between pipes, files and memory.
#include "check.h"
#include <sys/uio.h>
int main(void) {
    char b[64];
    int p[2], q[2];
    tmpdir();
    OK(pipe(p));
    OK(pipe(q));
    EQ(write(p[1], "hello", 5), 5);
    EQ(tee(p[0], q[1], 100, 0), 5);
    EQ(read(q[0], b, 64), 5);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    off64_t off = 3;
    EQ(splice(p[0], 0, fd, &off, 100, SPLICE_F_MOVE), 5);
    EQ(off, 8);
    EQ(lseek(fd, 0, SEEK_CUR), 0);
    off = 4;
    EQ(splice(fd, &off, p[1], 0, 3, 0), 3);
    EQ(off, 7);
    EQ(read(p[0], b, 64), 3);
    MEMEQ(b, "ell", 3);
    ERR(splice(p[0], 0, q[1], 0, 10, SPLICE_F_NONBLOCK), EAGAIN);
    ERR(splice(p[0], &off, q[1], 0, 10, 0), ESPIPE);
    ERR(splice(fd, 0, fd, 0, 10, 0), EINVAL);
    ERR(RAW(SYS_splice, fd, BAD, p[1], 0, 10, 0), EFAULT);
    ERR(tee(fd, p[1], 10, 0), EINVAL);
    struct iovec v[2] = {{"vm", 2}, {"splice", 6}};
    EQ(vmsplice(p[1], v, 2, 0), 8);
    EQ(read(p[0], b, 64), 8);
    MEMEQ(b, "vmsplice", 8);
    EQ(write(p[1], "in", 2), 2);
    struct iovec in = {b + 10, 8};
    EQ(vmsplice(p[0], &in, 1, 0), 2);
    MEMEQ(b + 10, "in", 2);
    ERR(vmsplice(fd, v, 1, 0), EBADF);
    DONE();
}
