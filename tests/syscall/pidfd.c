// pidfd_open, pidfd_send_signal, pidfd_getfd, waitid by pidfd; clone with CLONE_PIDFD.
#include "check.h"
#include <poll.h>
int main(void) {
    int p[2];
    OK(pipe(p));
    pid_t c = fork();
    if (!c) { pause(); _exit(0); }
    int fd = OK(RAW(SYS_pidfd_open, c, 0));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct pollfd f = {fd, POLLIN};
    EQ(poll(&f, 1, 0), 0);
    int dup = RAW(SYS_pidfd_getfd, fd, p[1], 0);
    if (dup >= 0) EQ(write(dup, "x", 1), 1);
    OK(RAW(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0));
    EQ(poll(&f, 1, 1000), 1);
    siginfo_t i;
    OK(waitid(3 /* P_PIDFD */, fd, &i, WEXITED));
    EQ(i.si_pid, c);
    EQ(i.si_status, SIGTERM);
    ERR(RAW(SYS_pidfd_send_signal, fd, 0, 0, 0), ESRCH);
    ERR(RAW(SYS_pidfd_open, -1, 0), EINVAL);
    ERR(RAW(SYS_pidfd_open, getpid(), 1), EINVAL);
    DONE();
}
