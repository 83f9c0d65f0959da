// A session with a controlling terminal: foreground groups, ^C, ^Z, SIGTTIN, SIGWINCH, SIGHUP.
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>
static int m;
static volatile int got[65];
static void on(int s) { got[s]++; }
static void session(const char *slave, int up) {
    CHECK(setsid() == getpid());
    int s = OK(open(slave, O_RDWR)), st;
    OK(ioctl(s, TIOCSCTTY, 0));
    EQ(tcgetpgrp(s), getpid());
    EQ(tcgetsid(s), getpid());
    int d = OK(open("/dev/tty", O_RDWR));
    OK(close(d));
    struct sigaction a = {.sa_handler = on};
    OK(sigaction(SIGINT, &a, 0));
    OK(sigaction(SIGWINCH, &a, 0));
    OK(sigaction(SIGHUP, &a, 0));
    signal(SIGTTOU, SIG_IGN);
    write(up, "1", 1);
    while (!got[SIGINT]) msleep(1);
    write(up, "2", 1);
    while (!got[SIGWINCH]) msleep(1);
    // A child in the background that reads is stopped by SIGTTIN.
    pid_t c = fork();
    if (!c) { char b; setpgid(0, 0); read(s, &b, 1); _exit(b); }
    setpgid(c, c);
    EQ(waitpid(c, &st, WUNTRACED), c);
    CHECK(WIFSTOPPED(st));
    EQ(WSTOPSIG(st), SIGTTIN);
    OK(tcsetpgrp(s, c));
    OK(kill(-c, SIGCONT));
    EQ(waitpid(c, &st, WCONTINUED), c);
    CHECK(WIFCONTINUED(st));
    write(up, "3", 1);
    EQ(waitpid(c, &st, WUNTRACED), c);
    CHECK(WIFSTOPPED(st));
    EQ(WSTOPSIG(st), SIGTSTP);
    OK(kill(-c, SIGCONT));
    write(up, "4", 1);
    EQ(waitpid(c, &st, 0), c);
    EQ(WEXITSTATUS(st), 'z');
    OK(tcsetpgrp(s, getpid()));
    write(up, "5", 1);
    while (!got[SIGHUP]) msleep(1);
    _exit(42);
}
int main(void) {
    m = OK(posix_openpt(O_RDWR | O_NOCTTY));
    OK(grantpt(m));
    OK(unlockpt(m));
    char name[64], b;
    strcpy(name, ptsname(m));
    int p[2];
    OK(pipe(p));
    pid_t c = fork();
    if (!c) { close(p[0]); int keep = m; (void)keep; close(m); session(name, p[1]); }
    close(p[1]);
    EQ(read(p[0], &b, 1), 1);
    EQ(write(m, "\3", 1), 1);
    EQ(read(p[0], &b, 1), 1);
    struct winsize w = {10, 20};
    OK(ioctl(m, TIOCSWINSZ, &w));
    EQ(read(p[0], &b, 1), 1);
    EQ(b, '3');
    EQ(write(m, "\32", 1), 1);
    EQ(read(p[0], &b, 1), 1);
    EQ(write(m, "z\n", 2), 2);
    EQ(read(p[0], &b, 1), 1);
    EQ(b, '5');
    OK(close(m));
    EQ(WEXITSTATUS(wait_for(c)), 42);
    DONE();
}
