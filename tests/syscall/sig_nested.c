// Handlers within handlers, siglongjmp out of them, a signal storm while computing.
#include "check.h"
#include <setjmp.h>
#include <sys/time.h>
static volatile int depth, max_, order[8], k, ticks;
static sigjmp_buf jb;
static void two(int s) { order[k++] = s; }
static void one(int s) { order[k++] = s; raise(SIGUSR2); order[k++] = -s; }
static void again(int s) { if (++depth > max_) max_ = depth; if (depth < 5) raise(s); depth--; }
static void leap(int s) { siglongjmp(jb, s); }
static void tick(int s) { (void)s; ticks++; errno = 77; }
int main(void) {
    struct sigaction a = {.sa_handler = one};
    OK(sigaction(SIGUSR1, &a, 0));
    signal(SIGUSR2, two);
    raise(SIGUSR1);
    EQ(k, 3);
    EQ(order[0], SIGUSR1);
    EQ(order[1], SIGUSR2);
    EQ(order[2], -SIGUSR1);
    a.sa_handler = again;
    a.sa_flags = SA_NODEFER;
    OK(sigaction(SIGUSR1, &a, 0));
    raise(SIGUSR1);
    EQ(max_, 5);
    signal(SIGUSR1, leap);
    for (int i = 0; i < 3; i++) {
        int r = sigsetjmp(jb, 1);
        if (!r) { raise(SIGUSR1); FAIL("no leap"); }
        EQ(r, SIGUSR1);
    }
    sigset_t m;
    sigprocmask(SIG_BLOCK, 0, &m);
    EQ(sigismember(&m, SIGUSR1), 0);
    // Timer signals must not disturb a computation, in registers, flags, x87 or SSE.
    signal(SIGALRM, tick);
    struct itimerval t = {{0, 500}, {0, 500}};
    OK(setitimer(ITIMER_REAL, &t, 0));
    unsigned h = 1;
    double d = 1;
    long double l = 1;
    uint64_t q = 88172645463325252ULL;
    int rounds = 0;
    while (ticks < 20 || rounds % 1000) {
        rounds++;
        h = h * 1664525 + 1013904223;
        q ^= q << 13, q ^= q >> 7, q ^= q << 17;
        d = d * 1.0000001 + 1e-9;
        l = l * 1.0000001L + 1e-9L;
    }
    memset(&t, 0, sizeof t);
    OK(setitimer(ITIMER_REAL, &t, 0));
    unsigned h2 = 1;
    double d2 = 1;
    long double l2 = 1;
    uint64_t q2 = 88172645463325252ULL;
    for (int i = 0; i < rounds; i++) {
        h2 = h2 * 1664525 + 1013904223;
        q2 ^= q2 << 13, q2 ^= q2 >> 7, q2 ^= q2 << 17;
        d2 = d2 * 1.0000001 + 1e-9;
        l2 = l2 * 1.0000001L + 1e-9L;
    }
    CHECK(h == h2 && q == q2 && l == l2);
    CHECK(d == d2 || !ABI64);
    DONE();
}
