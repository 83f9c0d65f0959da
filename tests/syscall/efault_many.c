// EFAULT from many calls that take a structure.
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
int main(void) {
    int ep = OK(epoll_create1(0)), p[2], sv[2];
    OK(pipe(p));
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    ERR(RAW(SYS_pipe2, BAD, 0), EFAULT);
    ERR(RAW(SYS_poll, BAD, 1, 0), EFAULT);
    ERR(RAW(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], BAD), EFAULT);
    ERR(RAW(SYS_epoll_wait, ep, BAD, 0, 0), EINVAL);
    ERR(RAW(SYS_getrlimit, RLIMIT_NOFILE, BAD), EFAULT);
    ERR(RAW(SYS_setrlimit, RLIMIT_NOFILE, BAD), EFAULT);
    ERR(RAW(SYS_getrusage, RUSAGE_SELF, BAD), EFAULT);
    ERR(RAW(SYS_sysinfo, BAD), EFAULT);
    ERR(RAW(SYS_times, BAD), EFAULT);
    ERR(RAW(SYS_gettimeofday, BAD, 0), EFAULT);
    ERR(RAW(SYS_setitimer, ITIMER_REAL, BAD, 0), EFAULT);
    ERR(RAW(SYS_getitimer, ITIMER_REAL, BAD), EFAULT);
    ERR(RAW(SYS_rt_sigaction, SIGUSR1, BAD, 0, 8), EFAULT);
    ERR(RAW(SYS_rt_sigprocmask, SIG_BLOCK, BAD, 0, 8), EFAULT);
    ERR(RAW(SYS_rt_sigpending, BAD, 8), EFAULT);
    ERR(RAW(SYS_sigaltstack, BAD, 0), EFAULT);
    ERR(RAW(SYS_clock_getres, CLOCK_MONOTONIC, BAD), EFAULT);
    ERR(RAW(SYS_sched_getaffinity, 0, 128, BAD), EFAULT);
    ERR(RAW(SYS_sched_getparam, 0, BAD), EFAULT);
    ERR(RAW(SYS_getrandom, BAD, 8, 0), EFAULT);
    ERR(RAW(SYS_sendmsg, sv[0], BAD, 0), EFAULT);
    ERR(RAW(SYS_recvmsg, sv[0], BAD, 0), EFAULT);
    ERR(RAW(SYS_bind, sv[0], BAD, 16), EFAULT);
    ERR(RAW(SYS_getsockname, sv[0], BAD, BAD), EFAULT);
    ERR(RAW(SYS_setsockopt, sv[0], SOL_SOCKET, SO_KEEPALIVE, BAD, 4), EFAULT);
    ERR(RAW(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
    ERR(RAW(SYS_prctl, 16, BAD), EFAULT);
    ERR(RAW(SYS_execve, BAD, 0, 0), EFAULT);
    ERR(RAW(SYS_execve, "/bin/true", BAD, 0), EFAULT);
    ERR(RAW(SYS_chdir, BAD), EFAULT);
    ERR(RAW(SYS_rename, "a", BAD), EFAULT);
    ERR(RAW(SYS_timer_create, CLOCK_REALTIME, BAD, BAD), EFAULT);
    ERR(RAW(SYS_mincore, 0, 1, 0), ENOMEM);
    CHECK(labs(RAW(SYS_time, 0) - time(0)) <= 1);
    ERR(RAW(SYS_time, BAD), EFAULT);
    DONE();
}
