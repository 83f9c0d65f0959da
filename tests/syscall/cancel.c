// Cancelling threads in system calls; cleanup handlers; signals to a thread.
#include "check.h"
#include <pthread.h>
static int cleaned, p[2];
static volatile int got;
static pthread_t target;
static void clean(void *x) { cleaned += *(int *)x; }
static void on(int s) { if (pthread_equal(pthread_self(), target)) got = s; }
static void *block(void *x) {
    char b;
    pthread_cleanup_push(clean, x);
    read(p[0], &b, 1);
    pthread_cleanup_pop(0);
    return 0;
}
static void *spin(void *x) { (void)x; while (!got) msleep(1); return (void *)3; }
static void *leave(void *x) { pthread_exit(x); }
int main(void) {
    pthread_t t;
    void *r;
    int one = 1;
    OK(pipe(p));
    pthread_create(&t, 0, block, &one);
    msleep(5);
    EQ(pthread_cancel(t), 0);
    EQ(pthread_join(t, &r), 0);
    CHECK(r == PTHREAD_CANCELED);
    EQ(cleaned, 1);
    signal(SIGUSR1, on);
    pthread_create(&target, 0, spin, 0);
    EQ(pthread_kill(target, SIGUSR1), 0);
    pthread_join(target, &r);
    EQ((intptr_t)r, 3);
    EQ(got, SIGUSR1);
    pthread_create(&t, 0, leave, &one);
    pthread_join(t, &r);
    CHECK(r == &one);
    ERR(RAW(SYS_tgkill, getpid(), 1, 0), ESRCH);
    ERR(RAW(SYS_tgkill, getpid(), -1, 0), EINVAL);
    OK(RAW(SYS_tgkill, getpid(), getpid(), 0));
    OK(RAW(SYS_tkill, getpid(), 0));
    DONE();
}
