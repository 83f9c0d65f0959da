// ioctls of files: sizes, flags, close-on-exec; of things that have none.
#include "check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <termios.h>
int main(void) {
    tmpdir();
    put("f", "0123456789");
    int fd = OK(open("f", O_RDWR)), v;
    OK(lseek(fd, 4, SEEK_SET));
    OK(ioctl(fd, FIONREAD, &v));
    EQ(v, 6);
    OK(ioctl(fd, FIOCLEX));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    OK(ioctl(fd, FIONCLEX));
    OK(ioctl(fd, FIGETBSZ, &v));
    EQ(v, 4096);
    int r = ioctl(fd, FS_IOC_GETFLAGS, &v);
    CHECK(r == 0 || errno == ENOTTY || errno == EOPNOTSUPP);
    int g = OK(open("g", O_RDWR | O_CREAT, 0600));
    r = ioctl(g, FICLONE, fd);
    CHECK(r == 0 || errno == EOPNOTSUPP || errno == EINVAL);
    struct termios t;
    ERR(ioctl(fd, TCGETS, &t), ENOTTY);
    ERR(tcgetattr(fd, &t), ENOTTY);
    CHECK(!isatty(fd));
    EQ(errno, ENOTTY);
    struct winsize w;
    ERR(ioctl(fd, TIOCGWINSZ, &w), ENOTTY);
    int n = OK(open("/dev/null", O_RDWR));
    ERR(ioctl(n, TCGETS, &t), ENOTTY);
    ERR(ioctl(fd, FIGETBSZ, BAD), EFAULT);
    int u = OK(open("/dev/urandom", O_RDONLY));
    OK(ioctl(u, 0x80045200 /* RNDGETENTCNT */, &v));
    CHECK(v >= 0);
    DONE();
}
