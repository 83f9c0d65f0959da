// Signals to a process of several threads: taken by one that doesn't block them; sigwait by a thread; masks are per thread.
#include "check.h"
#include <pthread.h>
static volatile int n, by;
static void on(int s) { (void)s; n++; by = syscall(SYS_gettid); }
static volatile int stop, tid;
static void *open_(void *x) { sigset_t m; sigemptyset(&m); pthread_sigmask(SIG_SETMASK, &m, 0); tid = syscall(SYS_gettid); while (!stop) msleep(1); return x; }
static void *waiter(void *x) { sigset_t m; int s; sigemptyset(&m); sigaddset(&m, SIGUSR2); sigwait(&m, &s); *(int *)x = s; return 0; }
static void *exec_exit(void *x) { (void)x; RAW(SYS_exit_group, 17); return 0; }
int main(void) {
    sigset_t all;
    pthread_t t, w;
    int got = 0;
    signal(SIGUSR1, on);
    sigemptyset(&all);
    sigaddset(&all, SIGUSR1);
    sigaddset(&all, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &all, 0);
    pthread_create(&w, 0, waiter, &got);
    pthread_create(&t, 0, open_, 0);
    while (!tid) msleep(1);
    OK(kill(getpid(), SIGUSR1));
    while (!n) msleep(1);
    EQ(by, tid);
    // To a thread that blocks it: stays pending there.
    OK(RAW(SYS_tgkill, getpid(), getpid(), SIGUSR1));
    msleep(3);
    EQ(n, 1);
    sigset_t p;
    OK(sigpending(&p));
    EQ(sigismember(&p, SIGUSR1), 1);
    pthread_sigmask(SIG_UNBLOCK, &all, 0);
    EQ(n, 2);
    EQ(by, getpid());
    sigset_t usr2;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &usr2, 0);
    EQ(pthread_kill(w, SIGUSR2), 0);
    pthread_join(w, 0);
    EQ(got, SIGUSR2);
    stop = 1;
    pthread_join(t, 0);
    // exit_group by one thread ends all.
    pid_t c = fork();
    if (!c) { pthread_create(&t, 0, exec_exit, 0); for (;;) pause(); }
    EQ(WEXITSTATUS(wait_for(c)), 17);
    // The leader leaves, the process lives on until the last thread.
    c = fork();
    if (!c) { stop = 0; pthread_create(&t, 0, exec_exit, 0); pthread_exit(0); }
    EQ(WEXITSTATUS(wait_for(c)), 17);
    DONE();
}
