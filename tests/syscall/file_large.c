// Files beyond 2 and 4 GiB: offsets in two registers, holes, fallocate, and EOVERFLOW of the small interfaces.
#define _FILE_OFFSET_BITS 64
#include "check.h"
int main(void) {
    tmpdir();
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    off_t big = 0x1fffff123LL;
    EQ(lseek(fd, big, SEEK_SET), big);
    EQ(write(fd, "end", 3), 3);
    struct stat st;
    OK(fstat(fd, &st));
    EQ(st.st_size, big + 3);
    EQ(lseek(fd, -3, SEEK_END), big);
    OK(ftruncate(fd, 0x180000000LL));
    OK(stat("f", &st));
    EQ(st.st_size, 0x180000000LL);
    OK(truncate("f", 0x140000001LL));
    EQ(lseek(fd, 0, SEEK_END), 0x140000001LL);
    EQ(pwrite(fd, "data", 4, 0x100000000LL), 4);
    EQ(lseek(fd, 0, SEEK_DATA), 0x100000000LL);
    EQ(lseek(fd, 0, SEEK_HOLE), 0);
    ERR(lseek(fd, 0x140000001LL, SEEK_DATA), ENXIO);
    int r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0x200000000LL, 8192);
    CHECK(r == 0 || errno == EOPNOTSUPP);
    ERR(fallocate(fd, 0, -1, 1), EINVAL);
    ERR(ftruncate(fd, -1), EINVAL);
#if !ABI64
    struct { char b[256]; } old;
    ERR(RAW(SYS_stat, "f", &old), EOVERFLOW);
    ERR(RAW(SYS_fstat, fd, &old), EOVERFLOW);
    EQ(RAW(SYS_lseek, fd, 0, SEEK_END), 0x40000001);
    ERR(RAW(SYS_open, "f", O_RDONLY), EOVERFLOW);
    OK(close(OK(RAW(SYS_open, "f", O_RDONLY | 0100000))));
    long long at;
    OK(RAW(SYS__llseek, fd, 1, 5, &at, SEEK_SET));
    EQ(at, 0x100000005LL);
    ERR(RAW(SYS__llseek, fd, 0, 5, BAD, SEEK_SET), EFAULT);
#endif
    DONE();
}
