// What `--strace` prints for calls of all kinds: tests/strace/calls.txt has the lines, between the two calls of close(-7).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/tmp/forklift-strace-empty"
static char buf[4096] = "forty-three bytes, of which 32 can be shown";

static void files(void) {
    syscall(SYS_open, "/nonexistent/file", O_RDWR | O_CREAT | O_TRUNC, 0640);
    syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
    syscall(SYS_openat, -1, "relative", O_WRONLY | O_APPEND | 0x40000000);
    syscall(SYS_write, 3, buf, 43L);
    syscall(SYS_write, 3, "q\"\\\n\t\0011\002", 8L);
    syscall(SYS_read, 3, buf + 100, 10L);
    syscall(SYS_read, -1, (void *)0x1000, 10L);
    struct iovec v[2] = {{buf, 5}, {buf + 6, 5}};
    syscall(SYS_writev, 3, v, 2L);
    syscall(SYS_lseek, 3, 5L, SEEK_END);
    syscall(SYS_fcntl, 3, F_SETFD, FD_CLOEXEC);
    syscall(SYS_fcntl, 3, F_GETFL);
    syscall(SYS_fcntl, 3, F_DUPFD_CLOEXEC, 100);
    syscall(SYS_fcntl, 3, F_SETFL, O_NONBLOCK | O_APPEND);
    syscall(SYS_faccessat, AT_FDCWD, "/", R_OK | X_OK);
    syscall(SYS_access, "/nonexistent", F_OK);
    syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent", AT_REMOVEDIR);
    syscall(SYS_mkdir, "/", 0755);
    syscall(SYS_mknod, "/", S_IFIFO | 0600, 0);
    syscall(SYS_umask, 022);
    syscall(SYS_umask, 022);
    syscall(SYS_close, 3);
    syscall(SYS_ioctl, 999, TCGETS, 0);
    int on = 1, pipe_fds[2];
    syscall(SYS_ioctl, 999, FIONBIO, &on);
    syscall(SYS_ioctl, 999, TIOCGWINSZ, buf);
    struct winsize size = {24, 80};
    syscall(SYS_ioctl, 999, TIOCSWINSZ, &size);
    syscall(SYS_pipe2, pipe_fds, 0);
    syscall(SYS_ioctl, pipe_fds[0], FIONREAD, &on);
    unsigned long set[1024 / 8 / sizeof(long)] = {1 << 3 | 1 << 4};
#ifdef __i386__
    syscall(SYS__newselect, 5, set, set, 0L, 0L);
#else
    syscall(SYS_select, 5, set, set, 0L, 0L);
#endif
    syscall(SYS_close, pipe_fds[0]);
    syscall(SYS_close, pipe_fds[1]);
    syscall(SYS_open, DIRECTORY, O_RDONLY);
    syscall(SYS_getdents64, 3, buf + 1024, 1024);
    syscall(SYS_getdents64, 3, buf + 1024, 1024);
    syscall(SYS_lseek, 3, 0L, SEEK_SET);
    syscall(SYS_getdents, 3, buf + 1024, 1024);
    syscall(SYS_close, 3);
    syscall(SYS_dup3, 999, 0, O_CLOEXEC);
}

static void memory(void) {
    syscall(SYS_mprotect, (void *)0x1001, 4096L, PROT_READ | PROT_WRITE);
    syscall(SYS_mprotect, (void *)0x1001, 4096L, PROT_NONE);
    syscall(SYS_madvise, (void *)0x1001, 4096L, MADV_DONTNEED);
    syscall(SYS_msync, (void *)0x1001, 4096L, MS_SYNC | MS_INVALIDATE);
#ifdef __i386__
    syscall(SYS_mmap2, 0L, 0L, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
#else
    syscall(SYS_mmap, 0L, 0L, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
#endif
    syscall(SYS_mremap, 0x1000L, 0L, 0L, MREMAP_MAYMOVE | MREMAP_FIXED, 0x2001L);
}

static void signals(void) {
    unsigned long long set = 1 << (SIGUSR1 - 1) | 1 << (SIGCHLD - 1), old;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8L);
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &old, 8L);
    set = ~set;
    syscall(SYS_rt_sigprocmask, 77, &set, 0L, 8L);
    syscall(SYS_kill, -1, 65);
    unsigned long action[5] = {(unsigned long)SIG_IGN, SA_RESTART | SA_NODEFER};
    syscall(SYS_rt_sigaction, SIGUSR2, action, 0L, 8L);
    syscall(SYS_rt_sigaction, SIGUSR2, 0L, action, 8L);
    stack_t s = {0, SS_DISABLE, 0};
    syscall(SYS_sigaltstack, &s, 0L);
}

static void sockets(void) {
    int pair[2];
    syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 999);
    syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 999);
    syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    int one = 1;
    syscall(SYS_setsockopt, pair[0], SOL_SOCKET, SO_KEEPALIVE, &one, 4L);
    unsigned len = 4;
    syscall(SYS_getsockopt, pair[0], SOL_SOCKET, SO_TYPE, &one, &len);
    syscall(SYS_sendto, pair[0], "hello", 5L, MSG_NOSIGNAL | MSG_DONTWAIT, 0L, 0L);
    syscall(SYS_recvfrom, pair[1], buf, 100L, MSG_PEEK, 0L, 0L);
    struct iovec v = {buf, 64};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    syscall(SYS_recvmsg, pair[1], &m, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    syscall(SYS_connect, pair[1], &in, sizeof in);
    struct sockaddr_un un = {AF_UNIX, "/nonexistent"};
    syscall(SYS_connect, pair[1], &un, sizeof un);
    syscall(SYS_shutdown, pair[0], SHUT_RDWR);
    struct pollfd p[2] = {{pair[1], POLLIN | POLLOUT, 0}, {-1, POLLPRI, 0}};
    syscall(SYS_poll, p, 1, 0);
    int ep = syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
    struct epoll_event e = {EPOLLIN | EPOLLET, {.u64 = 7}};
    syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, pair[1], &e);
    syscall(SYS_epoll_wait, ep, &e, 8, 0);
#ifdef __i386__
    long args[] = {AF_INET6, SOCK_DGRAM, 999};
    syscall(SYS_socketcall, 1, args);
#endif
}

static void processes(void) {
    int status;
    long usage[18];
    siginfo_t info;
    syscall(SYS_getrusage, RUSAGE_CHILDREN, usage);
    syscall(SYS_waitid, P_ALL, 0, &info, WEXITED, 0L);
    syscall(SYS_clone, CLONE_VM | CLONE_THREAD | SIGCHLD, 0L, 0L, 0L, 0L);
    syscall(SYS_wait4, -1, &status, WNOHANG | WUNTRACED, 0L);
    syscall(SYS_waitid, P_ALL, 0, 0L, WEXITED | WNOHANG, 0L);
    unsigned long long args[8] = {CLONE_SIGHAND | CLONE_PARENT_SETTID, 0, 0, 0, SIGCHLD};
    syscall(SYS_clone3, args, sizeof args);
#ifdef __i386__
    syscall(SYS_ipc, 23, IPC_PRIVATE, 0, IPC_CREAT | 0600, 0L, 0L);
    syscall(SYS_ipc, 22, 0, 0, 0, 0x1001L, 0L);
#endif
    int word = 1;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
    struct timespec ts = {0, 1};
    syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0L);
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &ts, 0L, -1);
    syscall(SYS_nanosleep, &ts, 0L);
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, 0L);
    struct rlimit r;
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0L, 0L);
    syscall(SYS_getpriority, PRIO_PROCESS, -1);
    syscall(SYS_prctl, 999, 0L, 0L, 0L, 0L);
    syscall(SYS_getrandom, buf, 0L, 1);
    char *argv[] = {"a", "b c", 0};
    syscall(SYS_execve, "/nonexistent", argv, argv + 2);
}

int main(void) {
    chdir("/");
    mkdir(DIRECTORY, 0700);
    if (!fork()) _exit(3);
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
    syscall(SYS_close, -7);
    files();
    memory();
    signals();
    sockets();
    processes();
    syscall(SYS_close, -7);
    rmdir(DIRECTORY);
    return 0;
}
