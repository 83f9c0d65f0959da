// missing: 32 a 64-bit kernel walks no 32-bit list
// A robust mutex whose owner is killed by SIGKILL, which leaves nobody but the kernel to walk its list.
#include "check.h"
#include <pthread.h>
int main(void) {
    pthread_mutexattr_t a;
    pthread_mutex_t *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    EQ(pthread_mutex_init(m, &a), 0);
    pid_t c = fork();
    if (!c) { pthread_mutex_lock(m); kill(getpid(), SIGKILL); }
    EQ(WTERMSIG(wait_for(c)), SIGKILL);
    EQ(pthread_mutex_lock(m), EOWNERDEAD);
    EQ(pthread_mutex_consistent(m), 0);
    EQ(pthread_mutex_unlock(m), 0);
    DONE();
}
