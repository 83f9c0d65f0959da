// Interrupted calls: EINTR without SA_RESTART, restart with it, those that never restart; SA_RESETHAND.
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
static volatile int n;
static int p[2];
static void on(int s) { (void)s; n++; }
static void feed(int s) { (void)s; n++; write(p[1], "x", 1); }
static void in(int ms) { struct itimerval t = {{0, 0}, {0, ms * 1000}}; setitimer(ITIMER_REAL, &t, 0); }
int main(void) {
    char b[8];
    int s[2], st;
    OK(pipe(p));
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    struct sigaction a = {.sa_handler = on};
    OK(sigaction(SIGALRM, &a, 0));
    in(5);
    ERR(read(p[0], b, 8), EINTR);
    EQ(n, 1);
    in(5);
    ERR(recv(s[0], b, 8, 0), EINTR);
    in(5);
    ERR(poll(0, 0, -1), EINTR);
    in(5);
    ERR(pause(), EINTR);
    pid_t c = fork();
    if (!c) { pause(); _exit(0); }
    in(5);
    ERR(waitpid(c, &st, 0), EINTR);
    kill(c, SIGKILL);
    wait_for(c);
    a.sa_flags = SA_RESTART;
    a.sa_handler = feed;
    OK(sigaction(SIGALRM, &a, 0));
    n = 0;
    in(5);
    EQ(read(p[0], b, 8), 1);
    EQ(n, 1);
    // The kernel never restarts these.
    a.sa_handler = on;
    OK(sigaction(SIGALRM, &a, 0));
    in(5);
    ERR(poll(0, 0, -1), EINTR);
    in(5);
    ERR(pause(), EINTR);
    struct timespec t = {5, 0};
    in(5);
    ERR(nanosleep(&t, &t), EINTR);
    CHECK(t.tv_sec == 4);
    c = fork();
    if (!c) { msleep(30); _exit(6); }
    in(5);
    EQ(waitpid(c, &st, 0), c);
    EQ(WEXITSTATUS(st), 6);
    a.sa_flags = SA_RESETHAND;
    OK(sigaction(SIGALRM, &a, 0));
    raise(SIGALRM);
    OK(sigaction(SIGALRM, 0, &a));
    CHECK(a.sa_handler == SIG_DFL);
    // A write that is interrupted in its middle tells how much it wrote.
    a = (struct sigaction){.sa_handler = on};
    OK(sigaction(SIGALRM, &a, 0));
    static char big[1 << 20];
    in(10);
    long w = OK(write(p[1], big, sizeof big));
    CHECK(w > 0 && w < (long)sizeof big);
    DONE();
}
