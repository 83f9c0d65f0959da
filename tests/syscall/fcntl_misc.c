// Duplicates and the smaller commands of fcntl.
#include "check.h"
int main(void) {
    int p[2];
    OK(pipe(p));
    int a = OK(fcntl(p[0], F_DUPFD, 50));
    EQ(a, 50);
    EQ(fcntl(a, F_GETFD), 0);
    a = OK(fcntl(p[0], F_DUPFD_CLOEXEC, 50));
    EQ(a, 51);
    EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
    EQ(dup2(p[0], 60), 60);
    EQ(dup2(60, 60), 60);
    EQ(dup3(p[0], 61, O_CLOEXEC), 61);
    EQ(fcntl(61, F_GETFD), FD_CLOEXEC);
    ERR(dup3(p[0], p[0], 0), EINVAL);
    ERR(dup3(p[0], 62, 7), EINVAL);
    ERR(dup2(999, 5), EBADF);
    ERR(dup2(p[0], 1 << 30), EBADF);
    ERR(dup(-1), EBADF);
    ERR(fcntl(p[0], F_DUPFD, 1 << 30), EINVAL);
    CHECK(OK(fcntl(p[1], F_GETPIPE_SZ)) >= 4096);
    EQ(fcntl(p[1], F_SETPIPE_SZ, 8192), 8192);
    EQ(fcntl(p[1], F_GETPIPE_SZ), 8192);
    OK(fcntl(p[0], F_SETOWN, getpid()));
    EQ(fcntl(p[0], F_GETOWN), getpid());
    OK(fcntl(p[0], F_SETOWN, -getpgrp()));
    EQ(fcntl(p[0], F_GETOWN), -getpgrp());
    struct f_owner_ex o = {F_OWNER_PID, getpid()}, q;
    OK(fcntl(p[0], F_SETOWN_EX, &o));
    OK(fcntl(p[0], F_GETOWN_EX, &q));
    EQ(q.type, F_OWNER_PID);
    EQ(q.pid, getpid());
    OK(fcntl(p[0], F_SETSIG, SIGUSR1));
    EQ(fcntl(p[0], F_GETSIG), SIGUSR1);
    ERR(fcntl(p[0], 9999, 0), EINVAL);
    ERR(fcntl(999, F_GETFD), EBADF);
    ERR(fcntl(p[0], F_GETOWN_EX, BAD), EFAULT);
    DONE();
}
