// Four threads: atomic additions, compare and exchange, a mutex, and work of their own between. flags: -pthread
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
static uint32_t sum, cas;
static long locked;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static uint32_t own[4][16];
static void *work(void *arg) {
    uint32_t id = (uint32_t)(uintptr_t)arg, x = id + 1;
    for (int n = 0; n < 1600000; n++) {
        for (int i = 0; i < 40; i++) x = x * 1664525 + 1013904223 + (x >> 13);
        __atomic_fetch_add(&sum, n, __ATOMIC_SEQ_CST);
        uint32_t old = __atomic_load_n(&cas, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&cas, &old, old + 3, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
        if (n % 16 == 0) { pthread_mutex_lock(&m); locked++; pthread_mutex_unlock(&m); }
    }
    own[id][0] = x;
    return 0;
}
int main(void) {
    pthread_t t[4];
    for (uintptr_t i = 0; i < 4; i++) pthread_create(&t[i], 0, work, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    printf("%u %u %ld %08x\n", sum, cas, locked, own[0][0] ^ own[1][0] ^ own[2][0] ^ own[3][0]);
}
