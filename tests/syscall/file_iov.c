// readv, writev, preadv, pwritev, preadv2, pwritev2 and their limits.
#include "check.h"
#include <sys/uio.h>
int main(void) {
    char a[4] = {0}, c[8] = {0};
    tmpdir();
    int fd = OK(open("f", O_RDWR | O_CREAT | O_LARGEFILE, 0600));
    struct iovec w[3] = {{"abc", 3}, {0, 0}, {"defgh", 5}}, r[2] = {{a, 4}, {c, 8}};
    EQ(writev(fd, w, 3), 8);
    OK(lseek(fd, 0, SEEK_SET));
    EQ(readv(fd, r, 2), 8);
    MEMEQ(a, "abcd", 4);
    MEMEQ(c, "efgh", 4);
    EQ(pwritev(fd, w, 3, 100), 8);
    EQ(lseek(fd, 0, SEEK_CUR), 8);
    EQ(preadv(fd, r, 2, 102), 6);
    MEMEQ(a, "cdef", 4);
    MEMEQ(c, "gh", 2);
    EQ(pwritev2(fd, w, 1, -1, 0), 3);
    EQ(lseek(fd, 0, SEEK_CUR), 11);
    EQ(preadv2(fd, r, 1, 8, 0), 4);
    MEMEQ(a, "abc", 3);
    EQ(pwritev2(fd, w, 1, 0, RWF_APPEND), 3);
    EQ(lseek(fd, 0, SEEK_END), 111);
    ERR(preadv(fd, r, 2, -5), EINVAL);
    EQ(readv(fd, r, 0), 0);
    ERR(RAW(SYS_readv, fd, r, -1), EINVAL);
    ERR(RAW(SYS_readv, fd, r, 1025), EINVAL);
    ERR(readv(fd, BAD, 1), EFAULT);
    // A bad second buffer: what fitted in the first one counts.
    struct iovec half[2] = {{a, 4}, {BAD, 4}};
    OK(lseek(fd, 0, SEEK_SET));
    EQ(readv(fd, half, 2), 4);
    struct iovec neg[1] = {{a, (size_t)-1}};
    ERR(readv(fd, neg, 1), EINVAL);
    // Offsets beyond 4 GiB take two registers on i386.
    off64_t far = 0x123456789LL;
    EQ(pwritev64(fd, w, 3, far), 8);
    EQ(preadv64(fd, r, 1, far + 4), 4);
    MEMEQ(a, "efgh", 4);
    EQ(pwrite64(fd, "Q", 1, far), 1);
    EQ(pread64(fd, a, 2, far), 2);
    MEMEQ(a, "Qb", 2);
    DONE();
}
