// signalfd: what it reads, its flags, changing its mask.
#include "check.h"
#include <poll.h>
#include <sys/signalfd.h>
int main(void) {
    sigset_t m;
    struct signalfd_siginfo i[2];
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    sigaddset(&m, SIGRTMIN + 3);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    int fd = OK(signalfd(-1, &m, SFD_NONBLOCK | SFD_CLOEXEC));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ERR(read(fd, i, sizeof i), EAGAIN);
    OK(kill(getpid(), SIGUSR1));
    struct pollfd p = {fd, POLLIN};
    EQ(poll(&p, 1, 0), 1);
    EQ(read(fd, i, sizeof i), sizeof i[0]);
    EQ(i[0].ssi_signo, SIGUSR1);
    EQ(i[0].ssi_code, SI_USER);
    EQ(i[0].ssi_pid, getpid());
    EQ(i[0].ssi_uid, getuid());
    union sigval v = {.sival_int = 42};
    OK(sigqueue(getpid(), SIGRTMIN + 3, v));
    v.sival_int = 43;
    OK(sigqueue(getpid(), SIGRTMIN + 3, v));
    EQ(read(fd, i, sizeof i), sizeof i);
    EQ(i[0].ssi_int, 42);
    EQ(i[1].ssi_int, 43);
    EQ(i[1].ssi_code, SI_QUEUE);
    sigdelset(&m, SIGUSR1);
    EQ(signalfd(fd, &m, 0), fd);
    OK(kill(getpid(), SIGUSR1));
    ERR(read(fd, i, sizeof i), EAGAIN);
    ERR(read(fd, i, 8), EINVAL);
    ERR(signalfd(0, &m, 0), EINVAL);
    ERR(signalfd(-1, &m, 1), EINVAL);
    DONE();
}
