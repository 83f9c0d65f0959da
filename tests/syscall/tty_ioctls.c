// A pseudo terminal's ioctls and line discipline.
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
// Reads `n` bytes: the kernel may hand the echo over in pieces.
static void whole(int fd, char *b, long n) { for (long r; n; b += r, n -= r) CHECK((r = read(fd, b, n)) > 0); }
int main(void) {
    int m = OK(posix_openpt(O_RDWR | O_NOCTTY)), n, v;
    OK(ioctl(m, TIOCGPTN, &n));
    v = 0;
    OK(ioctl(m, TIOCSPTLCK, &v));
    OK(grantpt(m));
    char want[32], b[64];
    sprintf(want, "/dev/pts/%d", n);
    STREQ(ptsname(m), want);
    int s = OK(open(want, O_RDWR | O_NOCTTY));
    CHECK(isatty(s));
    OK(ttyname_r(s, b, 64));
    STREQ(b, want);
    struct winsize w = {24, 80, 1, 2}, x;
    OK(ioctl(m, TIOCSWINSZ, &w));
    OK(ioctl(s, TIOCGWINSZ, &x));
    MEMEQ(&w, &x, sizeof w);
    struct termios t, u;
    OK(tcgetattr(s, &t));
    CHECK(t.c_lflag & ICANON && t.c_lflag & ECHO && t.c_iflag & ICRNL && t.c_oflag & OPOST);
    EQ(t.c_cc[VINTR], 3);
    EQ(t.c_cc[VEOF], 4);
    EQ(cfgetospeed(&t), B38400);
    // Canonical input: nothing until the line ends; the echo comes back with CR LF.
    EQ(write(m, "ab\177c\r", 5), 5);
    EQ(read(s, b, 64), 3);
    MEMEQ(b, "ac\n", 3);
    whole(m, b, 8);
    MEMEQ(b, "ab\b \bc\r\n", 8);
    EQ(write(s, "x\n", 2), 2);
    whole(m, b, 3);
    MEMEQ(b, "x\r\n", 3);
    // Raw.
    cfmakeraw(&t);
    t.c_cc[VMIN] = 1, t.c_cc[VTIME] = 0;
    cfsetspeed(&t, B9600);
    OK(tcsetattr(s, TCSANOW, &t));
    OK(tcgetattr(s, &u));
    EQ(u.c_lflag, t.c_lflag);
    EQ(u.c_cc[VMIN], 1);
    EQ(cfgetispeed(&u), B9600);
    EQ(write(m, "q", 1), 1);
    EQ(read(s, b, 64), 1);
    EQ(write(m, "pending", 7), 7);
    do OK(ioctl(s, FIONREAD, &v)); while (v < 7);
    EQ(v, 7);
    OK(tcflush(s, TCIFLUSH));
    OK(ioctl(s, TIOCINQ, &v));
    EQ(v, 0);
    t.c_cc[VMIN] = 0, t.c_cc[VTIME] = 1;
    OK(tcsetattr(s, TCSAFLUSH, &t));
    EQ(read(s, b, 64), 0);
    OK(tcdrain(s));
    OK(ioctl(s, TIOCOUTQ, &v));
    EQ(v, 0);
    OK(ioctl(s, TIOCEXCL));
    OK(ioctl(s, TIOCNXCL));
    ERR(ioctl(s, TCGETS, BAD), EFAULT);
    OK(close(s));
    ERR(read(m, b, 1), EIO);
    DONE();
}
