// Buffers and strings that reach over the end of mapped memory.
#include "check.h"
#include <sys/utsname.h>
int main(void) {
    tmpdir();
    char *e = page_end();
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600)), p[2];
    OK(pipe(p));
    // A path that ends in time, and one that doesn't.
    memcpy(e - 2, "f", 2);
    OK(access(e - 2, F_OK));
    e[-1] = 'x';
    ERR(access(e - 2, F_OK), EFAULT);
    ERR(access(e, F_OK), EFAULT);
    // write: what can be read of the buffer is written.
    memset(e - 16, 'y', 16);
    EQ(write(fd, e - 16, 16), 16);
    ERR(write(fd, e, 1), EFAULT);
    // read: a buffer without room is EFAULT.
    OK(lseek(fd, 0, SEEK_SET));
    ERR(read(fd, e, 4), EFAULT);
    EQ(read(fd, e - 4, 4), 4);
    EQ(write(p[1], "abc", 3), 3);
    ERR(read(p[0], BAD, 3), EFAULT);
    EQ(read(p[0], e - 3, 3), 3);
    MEMEQ(e - 3, "abc", 3);
    // Structures that don't fit.
    ERR(uname((struct utsname *)(e - 10)), EFAULT);
    ERR(RAW(SYS_pipe, e - 4), EFAULT);
    ERR(RAW(SYS_getcwd, e - 1, 4096), EFAULT);
    struct timespec *t = (void *)(e - 4);
    ERR(RAW(SYS_clock_gettime, CLOCK_REALTIME, t), EFAULT);
    ERR(RAW(SYS_nanosleep, t, 0), EFAULT);
    ERR(RAW(SYS_clock_gettime, 99, t), EINVAL);
    // A read-only page.
    char *ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(lseek(fd, 0, SEEK_SET));
    ERR(read(fd, ro, 4), EFAULT);
    EQ(write(fd, ro, 4), 4);
    // PROT_NONE.
    OK(mprotect(ro, 4096, PROT_NONE));
    ERR(write(fd, ro, 4), EFAULT);
    // Lengths that wrap around.
    ERR(write(fd, (void *)-8, 16), EFAULT);
    DONE();
}
