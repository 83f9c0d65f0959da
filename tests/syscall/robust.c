// Robust mutexes: the owner dies (a thread, a process); priority inheritance.
#include "check.h"
#include <pthread.h>
static pthread_mutex_t *m;
static void *die(void *p) { pthread_mutex_lock(p); return 0; }
int main(void) {
    pthread_mutexattr_t a;
    pthread_t t;
    m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    EQ(pthread_mutex_init(m, &a), 0);
    pthread_create(&t, 0, die, m);
    pthread_join(t, 0);
    EQ(pthread_mutex_lock(m), EOWNERDEAD);
    EQ(pthread_mutex_consistent(m), 0);
    EQ(pthread_mutex_unlock(m), 0);
    pid_t c = fork();
    if (!c) { pthread_mutex_lock(m); _exit(0); }
    EQ(wait_for(c), 0);
    EQ(pthread_mutex_lock(m), EOWNERDEAD);
    EQ(pthread_mutex_unlock(m), 0);
    EQ(pthread_mutex_lock(m), ENOTRECOVERABLE);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_t pi;
    EQ(pthread_mutex_init(&pi, &a), 0);
    EQ(pthread_mutex_lock(&pi), 0);
    EQ(pthread_mutex_unlock(&pi), 0);
    void *head;
    size_t n;
    OK(RAW(SYS_get_robust_list, 0, &head, &n));
    CHECK(head);
    EQ(n, 3 * sizeof(long));
    ERR(RAW(SYS_set_robust_list, head, 5), EINVAL);
    DONE();
}
