// work: 20000 2000
// Mutexes, condition variables, barriers, atomics, thread-local storage, joining, detaching, cancelling.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <semaphore.h>
#include <unistd.h>
#include <sched.h>
#define T 4
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier; static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER; static pthread_once_t once = PTHREAD_ONCE_INIT;
static long counter, n; static atomic_long atomic; static atomic_llong wide; static __thread long local; static sem_t sem; static int turn, inits;
static void init(void) { inits++; }
static void *work(void *arg) {
  long id = (long)arg;
  pthread_once(&once, init);
  for (long i = 0; i < n; i++) {
    pthread_mutex_lock(&m); counter++; pthread_mutex_unlock(&m);
    atomic_fetch_add(&atomic, i & 3); local += i; atomic_fetch_add(&wide, 1LL << 33);
    long old = atomic; while (!atomic_compare_exchange_weak(&atomic, &old, old + 1));
  }
  pthread_barrier_wait(&barrier);
  pthread_rwlock_rdlock(&rw); pthread_rwlock_unlock(&rw); pthread_rwlock_wrlock(&rw); counter += id; pthread_rwlock_unlock(&rw);
  pthread_mutex_lock(&m); while (turn != id) pthread_cond_wait(&c, &m); printf("thread %ld: local %ld\n", id, local); turn++; pthread_cond_broadcast(&c); pthread_mutex_unlock(&m);
  sem_post(&sem);
  return (void *)(id * 10);
}
static void *forever(void *arg) { for (;;) pause(); }
static pthread_key_t key; static int freed;
static void drop(void *p) { freed++; free(p); }
static void *keyed(void *arg) { pthread_setspecific(key, malloc(10)); return NULL; }
int main(void) {
  n = atol(getenv("N") ? getenv("N") : "1000");
  pthread_t t[T]; sem_init(&sem, 0, 0); pthread_barrier_init(&barrier, NULL, T);
  for (long i = 0; i < T; i++) pthread_create(&t[i], NULL, work, (void *)i);
  long sum = 0; for (int i = 0; i < T; i++) { void *r; pthread_join(t[i], &r); sum += (long)r; sem_wait(&sem); }
  printf("%ld %ld %lld %ld %d %ld\n", counter, atomic, (long long)wide >> 33, sum, inits, local);
  pthread_t f; void *r; pthread_create(&f, NULL, forever, NULL); pthread_cancel(f); pthread_join(f, &r); printf("cancelled %d\n", r == PTHREAD_CANCELED);
  pthread_key_create(&key, drop); for (int i = 0; i < 20; i++) { pthread_create(&f, NULL, keyed, NULL); pthread_join(f, NULL); } printf("freed %d\n", freed);
  struct timespec ts; clock_gettime(CLOCK_REALTIME, &ts); ts.tv_nsec += 1000000; if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  pthread_mutex_lock(&m); int e = pthread_cond_timedwait(&c, &m, &ts); printf("timed out %d\n", e != 0); pthread_mutex_unlock(&m);
  return 5;
}
