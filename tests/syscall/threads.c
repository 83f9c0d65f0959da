// Threads: results, mutexes, condition variables, barriers, rwlocks, once, TLS, ids.
#include "check.h"
#include <pthread.h>
enum { N = 4, R = 2000 };
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t bar;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static __thread int tls = 11;
static int count, atomic, ready, onces, destroyed;
static void init(void) { onces++; }
static void destroy(void *p) { (void)p; __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST); }
static void *work(void *n) {
    pthread_once(&once, init);
    pthread_setspecific(key, n);
    tls += (intptr_t)n;
    for (int i = 0; i < R; i++) {
        pthread_mutex_lock(&mu);
        count++;
        pthread_mutex_unlock(&mu);
        __atomic_add_fetch(&atomic, 1, __ATOMIC_SEQ_CST);
        if (i % 100 == 0) { pthread_rwlock_rdlock(&rw); pthread_rwlock_unlock(&rw); }
    }
    pthread_barrier_wait(&bar);
    pthread_mutex_lock(&mu);
    while (!ready) pthread_cond_wait(&cv, &mu);
    pthread_mutex_unlock(&mu);
    CHECK(syscall(SYS_gettid) != getpid());
    return (void *)(intptr_t)tls;
}
int main(void) {
    pthread_t t[N];
    void *r;
    pthread_key_create(&key, destroy);
    pthread_barrier_init(&bar, 0, N + 1);
    for (intptr_t i = 0; i < N; i++) EQ(pthread_create(&t[i], 0, work, (void *)(i + 1)), 0);
    pthread_barrier_wait(&bar);
    EQ(count, N * R);
    EQ(atomic, N * R);
    pthread_mutex_lock(&mu);
    ready = 1;
    pthread_cond_broadcast(&cv);
    pthread_mutex_unlock(&mu);
    for (int i = 0; i < N; i++) { EQ(pthread_join(t[i], &r), 0); EQ((intptr_t)r, 12 + i); }
    EQ(tls, 11);
    EQ(onces, 1);
    EQ(destroyed, N);
    EQ(syscall(SYS_gettid), getpid());
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    pthread_mutex_lock(&mu);
    EQ(pthread_cond_timedwait(&cv, &mu, &ts), ETIMEDOUT);
    EQ(pthread_mutex_trylock(&mu), EBUSY);
    EQ(pthread_mutex_timedlock(&mu, &ts), ETIMEDOUT);
    // Many short-lived ones.
    for (int i = 0; i < 50; i++) { pthread_create(t, 0, (void *(*)(void *))pthread_self, 0); pthread_join(*t, 0); }
    DONE();
}
