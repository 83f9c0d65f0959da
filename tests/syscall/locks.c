// Record locks, open file description locks and flock.
#include "check.h"
#include <sys/file.h>
int main(void) {
    tmpdir();
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
    OK(fcntl(fd, F_SETLK, &l));
    CHILD({
        int g = OK(open("f", O_RDWR));
        struct flock q = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
        OK(fcntl(g, F_GETLK, &q));
        EQ(q.l_type, F_WRLCK);
        EQ(q.l_pid, getppid());
        EQ(q.l_start, 10);
        EQ(q.l_len, 5);
        ERR(fcntl(g, F_SETLK, &q), EAGAIN);
        q.l_start = 20;
        OK(fcntl(g, F_GETLK, &q));
        EQ(q.l_type, F_UNLCK);
        struct flock64 w = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x100000000LL, .l_len = 1};
        OK(fcntl(g, F_SETLKW64, &w));
    });
    struct flock64 big = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x200000000LL, .l_len = 0x100000000LL};
    OK(fcntl(fd, F_SETLK64, &big));
    CHILD({
        int g = OK(open("f", O_RDWR));
        struct flock64 q = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x2000000f0LL, .l_len = 1};
        OK(fcntl(g, F_GETLK64, &q));
        EQ(q.l_start, 0x200000000LL);
        EQ(q.l_len, 0x100000000LL);
    });
    l.l_type = F_UNLCK;
    OK(fcntl(fd, F_SETLK, &l));
    // Open file description locks conflict within a process.
    int h = OK(open("f", O_RDWR));
    struct flock64 o = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    OK(fcntl64(fd, F_OFD_SETLK, &o));
    ERR(fcntl64(h, F_OFD_SETLK, &o), EAGAIN);
    OK(fcntl64(h, F_OFD_GETLK, &o));
    EQ(o.l_type, F_WRLCK);
    EQ(o.l_pid, -1);
    OK(flock(fd, LOCK_EX));
    ERR(flock(h, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(flock(fd, LOCK_UN));
    OK(flock(h, LOCK_SH | LOCK_NB));
    ERR(fcntl(fd, F_SETLK, BAD), EFAULT);
    l.l_type = 77;
    ERR(fcntl(fd, F_SETLK, &l), EINVAL);
    DONE();
}
