// Named pipes and other nodes; opening them.
#include "check.h"
#include <sys/sysmacros.h>
int main(void) {
    tmpdir();
    umask(0);
    OK(mkfifo("p", 0622));
    struct stat s;
    OK(stat("p", &s));
    EQ(s.st_mode, S_IFIFO | 0622);
    ERR(mkfifo("p", 0600), EEXIST);
    ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int r = OK(open("p", O_RDONLY | O_NONBLOCK)), w = OK(open("p", O_WRONLY | O_NONBLOCK));
    EQ(write(w, "x", 1), 1);
    char c;
    EQ(read(r, &c, 1), 1);
    ERR(read(r, &c, 1), EAGAIN);
    OK(close(w));
    EQ(read(r, &c, 1), 0);
    OK(mknod("reg", S_IFREG | 0600, 0));
    OK(mknodat(AT_FDCWD, "sock", S_IFSOCK | 0600, 0));
    OK(stat("sock", &s));
    CHECK(S_ISSOCK(s.st_mode));
    ERR(open("sock", O_RDONLY), ENXIO);
    ERR(mknod("bad", S_IFDIR | 0600, 0), EPERM);
    int fd = OK(open("/dev/zero", O_RDWR));
    char z[8] = "abcdefg";
    EQ(read(fd, z, 8), 8);
    EQ(z[0] | z[7], 0);
    fd = OK(open("/dev/full", O_WRONLY));
    ERR(write(fd, "x", 1), ENOSPC);
    DONE();
}
