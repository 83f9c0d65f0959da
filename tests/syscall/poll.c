// poll and ppoll: events, timeouts, bad descriptors, the mask of ppoll.
#include "check.h"
#include <poll.h>
static volatile int got;
static void on(int s) { got = s; }
int main(void) {
    int p[2];
    OK(pipe(p));
    struct pollfd f[4] = {{p[0], POLLIN, 9}, {p[1], POLLOUT, 9}, {-1, POLLIN, 9}, {999, POLLIN, 9}};
    EQ(poll(f, 4, 0), 2);
    EQ(f[0].revents, 0);
    EQ(f[1].revents, POLLOUT);
    EQ(f[2].revents, 0);
    EQ(f[3].revents, POLLNVAL);
    EQ(poll(f, 1, 10), 0);
    EQ(write(p[1], "x", 1), 1);
    EQ(poll(f, 1, -1), 1);
    EQ(f[0].revents, POLLIN);
    OK(close(p[1]));
    EQ(poll(f, 1, -1), 1);
    EQ(f[0].revents, POLLIN | POLLHUP);
    struct timespec t = {0, 1000000};
    OK(pipe(p));
    f[0].fd = p[0];
    EQ(ppoll(f, 1, &t, 0), 0);
    t.tv_nsec = 1000000000;
    ERR(RAW(SYS_ppoll, f, 1, &t, 0, 8), EINVAL);
    ERR(RAW(SYS_ppoll, f, 1, BAD, 0, 8), EFAULT);
    // A signal that is blocked outside of ppoll only.
    signal(SIGUSR1, on);
    sigset_t m, old;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &m, &old));
    OK(kill(getpid(), SIGUSR1));
    EQ(got, 0);
    sigemptyset(&m);
    ERR(ppoll(f, 1, 0, &m), EINTR);
    EQ(got, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, 0, &m));
    EQ(sigismember(&m, SIGUSR1), 1);
    EQ(poll(0, 0, 1), 0);
    DONE();
}
