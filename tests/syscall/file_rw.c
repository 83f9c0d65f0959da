// open, read, write, lseek, append, truncation.
#include "check.h"
int main(void) {
    char b[64];
    tmpdir();
    int fd = OK(open("a", O_RDWR | O_CREAT, 0600));
    EQ(write(fd, "hello world", 11), 11);
    EQ(lseek(fd, 0, SEEK_CUR), 11);
    EQ(lseek(fd, -5, SEEK_END), 6);
    EQ(read(fd, b, sizeof b), 5);
    MEMEQ(b, "world", 5);
    EQ(read(fd, b, sizeof b), 0);
    EQ(lseek(fd, 2, SEEK_SET), 2);
    EQ(write(fd, "XY", 2), 2);
    OK(close(fd));
    STREQ(get("a"), "heXYo world");
    ERR(lseek(fd, 0, SEEK_SET), EBADF);
    fd = OK(open("a", O_WRONLY | O_APPEND));
    EQ(lseek(fd, 0, SEEK_SET), 0);
    EQ(write(fd, "!", 1), 1);
    EQ(lseek(fd, 0, SEEK_CUR), 12);
    ERR(read(fd, b, 1), EBADF);
    OK(close(fd));
    STREQ(get("a"), "heXYo world!");
    fd = OK(open("a", O_RDWR | O_TRUNC));
    EQ(lseek(fd, 0, SEEK_END), 0);
    OK(ftruncate(fd, 10));
    EQ(lseek(fd, 0, SEEK_END), 10);
    EQ(pwrite(fd, "zz", 2, 8), 2);
    EQ(pread(fd, b, 64, 7), 3);
    MEMEQ(b, "\0zz", 3);
    ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    ERR(lseek(fd, 0, 99), EINVAL);
    ERR(pread(fd, b, 1, -1), EINVAL);
    OK(close(fd));
    fd = OK(creat("b", 0644));
    ERR(read(fd, b, 1), EBADF);
    OK(close(fd));
    DONE();
}
