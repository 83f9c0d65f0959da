// sendfile and copy_file_range.
#include "check.h"
#include <sys/sendfile.h>
int main(void) {
    char b[64];
    int p[2];
    tmpdir();
    put("f", "0123456789");
    int fd = OK(open("f", O_RDONLY)), out = OK(open("g", O_RDWR | O_CREAT, 0600));
    OK(pipe(p));
    off_t off = 2;
    EQ(sendfile(p[1], fd, &off, 4), 4);
    EQ(off, 6);
    EQ(lseek(fd, 0, SEEK_CUR), 0);
    EQ(sendfile(p[1], fd, 0, 3), 3);
    EQ(lseek(fd, 0, SEEK_CUR), 3);
    EQ(read(p[0], b, 64), 7);
    MEMEQ(b, "2345012", 7);
    off64_t o64 = 8;
    EQ(sendfile64(out, fd, &o64, 100), 2);
    EQ(o64, 10);
    STREQ(get("g"), "89");
    ERR(sendfile(out, p[0], 0, 1), EINVAL);
    ERR(sendfile(-1, fd, 0, 1), EBADF);
    ERR(RAW(SYS_sendfile, out, fd, BAD, 1), EFAULT);
    off64_t i = 1, j = 5;
    EQ(copy_file_range(fd, &i, out, &j, 3, 0), 3);
    EQ(i, 4);
    EQ(j, 8);
    EQ(pread(out, b, 64, 0), 8);
    MEMEQ(b, "89\0\0\000123", 8);
    ERR(copy_file_range(fd, &i, out, &j, 3, 1), EINVAL);
    DONE();
}
