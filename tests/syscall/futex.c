// futex: wait, wake, time-outs, requeue, bit sets, wake-op, between processes.
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
static int *f;
static long fx(int *a, int op, int v, const void *t, void *b, int v3) { return RAW(SYS_futex, a, op, v, t, b, v3); }
static void *waker(void *n) { msleep(5); __atomic_store_n(f, 1, __ATOMIC_SEQ_CST); fx(f, FUTEX_WAKE, (intptr_t)n, 0, 0, 0); return 0; }
static void *sleeper(void *a) { return (void *)fx(a, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0); }
int main(void) {
    pthread_t t[4];
    f = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ERR(fx(f, FUTEX_WAIT, 1, 0, 0, 0), EAGAIN);
    struct timespec ts = {0, 2000000};
    ERR(fx(f, FUTEX_WAIT, 0, &ts, 0, 0), ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ERR(fx(f, FUTEX_WAIT_BITSET, 0, &ts, 0, -1), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &ts);
    ERR(fx(f, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, 0, -1), ETIMEDOUT);
    EQ(fx(f, FUTEX_WAKE, 1, 0, 0, 0), 0);
    pthread_create(t, 0, waker, (void *)1);
    while (!__atomic_load_n(f, __ATOMIC_SEQ_CST)) fx(f, FUTEX_WAIT, 0, 0, 0, 0);
    pthread_join(*t, 0);
    *f = 0;
    pid_t c = fork();
    if (!c) { waker((void *)1); _exit(0); }
    while (!__atomic_load_n(f, __ATOMIC_SEQ_CST)) fx(f, FUTEX_WAIT, 0, 0, 0, 0);
    EQ(wait_for(c), 0);
    // Three sleepers: one woken, two moved to another futex, then woken there.
    int w[2] = {0, 0};
    for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, sleeper, w);
    long moved = 0;
    while ((moved += fx(w, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)3, w + 1, 0)) < 3) msleep(1);
    long woken = 0;
    EQ(fx(w, FUTEX_WAKE_PRIVATE, 9, 0, 0, 0), 0);
    while ((woken += fx(w + 1, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0)) < 3) ;
    for (int i = 0; i < 3; i++) { void *r; pthread_join(t[i], &r); EQ((intptr_t)r, 0); }
    ERR(fx(w, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, w + 1, 7), EAGAIN);
    int x = 5, y = 5;
    EQ(fx(&x, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &y, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)), 0);
    EQ(y, 8);
    ERR(fx((int *)BAD, FUTEX_WAIT, 0, 0, 0, 0), EFAULT);
    ERR(fx((int *)((char *)f + 1), FUTEX_WAIT, 0, 0, 0, 0), EINVAL);
    ERR(fx(f, 99, 0, 0, 0, 0), ENOSYS);
    ts.tv_nsec = -1;
    ERR(fx(f, FUTEX_WAIT, 1, &ts, 0, 0), EINVAL);
    DONE();
}
