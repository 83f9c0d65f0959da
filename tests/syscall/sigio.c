// Asynchronous notification by O_ASYNC and F_SETSIG; leases and directory notification are refused or work.
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
static volatile int n, band, fd_;
static void on(int s, siginfo_t *i, void *u) { (void)s; (void)u; n++; band = i->si_band; fd_ = i->si_fd; }
int main(void) {
    int s[2];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGRTMIN + 6, &a, 0));
    OK(fcntl(s[0], F_SETOWN, getpid()));
    OK(fcntl(s[0], F_SETSIG, SIGRTMIN + 6));
    OK(fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    CHECK(OK(fcntl(s[0], F_GETFL)) & O_ASYNC);
    EQ(write(s[1], "x", 1), 1);
    while (!n) msleep(1);
    EQ(fd_, s[0]);
    CHECK(band & POLLIN);
    DONE();
}
