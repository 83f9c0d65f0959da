// Default actions: killed by a signal, core flag, stop and continue, what the parent sees.
#include "check.h"
#include <sys/resource.h>
static volatile siginfo_t si;
static volatile int n;
static void on(int s, siginfo_t *i, void *u) { (void)s; (void)u; si = *(siginfo_t *)i; n++; }
static int killed(int sig) {
    pid_t c = fork();
    if (!c) { signal(sig, SIG_DFL); kill(getpid(), sig); msleep(5); _exit(99); }
    return wait_for(c);
}
int main(void) {
    struct rlimit z = {0, 0};
    setrlimit(RLIMIT_CORE, &z);
    int sigs[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGFPE, SIGKILL, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGBUS, SIGSYS, SIGTRAP, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO, SIGRTMIN + 4};
    for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
        int st = killed(sigs[i]);
        CHECK(WIFSIGNALED(st));
        EQ(WTERMSIG(st), sigs[i]);
    }
    EQ(WEXITSTATUS(killed(SIGCHLD)), 99);
    EQ(WEXITSTATUS(killed(SIGWINCH)), 99);
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGCHLD, &a, 0));
    int st, p[2];
    OK(pipe(p));
    pid_t c = fork();
    if (!c) { raise(SIGSTOP); while (read(p[0], &st, 1) != 1) ; *(volatile int *)4 = 1; _exit(0); }
    EQ(waitpid(c, &st, WUNTRACED), c);
    CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
    while (n < 1) msleep(1);
    EQ(si.si_code, CLD_STOPPED);
    EQ(si.si_pid, c);
    EQ(si.si_status, SIGSTOP);
    kill(c, SIGCONT);
    while (n < 2) msleep(1);
    EQ(si.si_code, CLD_CONTINUED);
    EQ(write(p[1], "x", 1), 1);
    do { errno = 0; } while (waitpid(c, &st, 0) != c && errno == EINTR);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
    while (n < 3) msleep(1);
    EQ(si.si_code, CLD_KILLED);
    EQ(si.si_status, SIGSEGV);
    c = fork();
    if (!c) abort();
    do { errno = 0; } while (waitpid(c, &st, 0) != c && errno == EINTR);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGABRT);
    // Children of those who ignore SIGCHLD don't become zombies.
    signal(SIGCHLD, SIG_IGN);
    c = fork();
    if (!c) _exit(1);
    ERR(waitpid(c, &st, 0), ECHILD);
    DONE();
}
