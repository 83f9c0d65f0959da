// Pipes: ends, non-blocking, packets, SIGPIPE, atomicity of the end of file.
#include "check.h"
#include <sys/ioctl.h>
static volatile int got;
static void on(int s) { got = s; }
int main(void) {
    int p[2], n;
    char b[64];
    OK(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
    EQ(fcntl(p[0], F_GETFL), O_NONBLOCK);
    EQ(fcntl(p[1], F_GETFL), O_NONBLOCK | O_WRONLY);
    ERR(read(p[0], b, 1), EAGAIN);
    long total = 0, w;
    static char big[65536];
    while ((w = write(p[1], big, sizeof big)) > 0) total += w;
    EQ(errno, EAGAIN);
    CHECK(total >= 4096);
    OK(ioctl(p[0], FIONREAD, &n));
    EQ(n, total);
    OK(close(p[1]));
    while ((w = OK(read(p[0], big, sizeof big))) > 0) total -= w;
    EQ(total, 0);
    ERR(pipe2(p, 0x1), EINVAL);
    OK(pipe(p));
    OK(close(p[0]));
    signal(SIGPIPE, on);
    ERR(write(p[1], "x", 1), EPIPE);
    EQ(got, SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    ERR(write(p[1], "x", 1), EPIPE);
    OK(pipe2(p, O_DIRECT));
    CHECK(OK(fcntl(p[1], F_GETFL)) & O_DIRECT);
    EQ(write(p[1], "one", 3), 3);
    EQ(write(p[1], "three", 5), 5);
    EQ(read(p[0], b, 64), 3);
    EQ(read(p[0], b, 2), 2);
    ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
    ERR(pread(p[0], b, 1, 0), ESPIPE);
    OK(pipe(p));
    if (!fork()) { msleep(20); write(p[1], "late", 4); _exit(0); }
    OK(close(p[1]));
    EQ(read(p[0], b, 64), 4);
    EQ(read(p[0], b, 64), 0);
    DONE();
}
