// The x87 over faults, signals, system calls, forks and threads, in code that runs often enough to be translated.
#include "check.h"
#include <pthread.h>
#include <sys/time.h>
static char *page;
static volatile sig_atomic_t faults, alarms;
static void on_fault(int s, siginfo_t *i, void *u) {
    (void)s; (void)u;
    if ((char *)i->si_addr < page || (char *)i->si_addr >= page + 4096) _exit(9);
    // What a handler computes doesn't show behind it.
    __asm__ volatile("fninit; fldpi; fldpi; faddp; fld1; fld1; fld1");
    faults++;
    if (mprotect(page, 4096, PROT_READ | PROT_WRITE)) _exit(8);
}
static void on_alarm(int s) { (void)s; __asm__ volatile("fninit; fldl2e; fldz; fdivp; fld1"); alarms++; }
// A sum that every precision but the full one gets wrong, and that keeps four registers busy.
static long double work(int n) {
    long double a = 1, b = 1 / 3.0L, c = 0, d = 1e-19L;
    for (int i = 1; i <= n; i++) {
        c += a / i + d;
        d = d * 0.999L + b * 1e-20L;
        if (a > 1.5L) a -= 0.5L; else a += b;
    }
    return c + d;
}
static void *thread(void *want) { for (int n = 0; n < 40; n++) if (work(3000) != *(long double *)want) return want; return 0; }
int main(void) {
    long double want = work(3000);
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, al = {.sa_handler = on_alarm};
    OK(sigaction(SIGSEGV, &sa, 0));
    OK(sigaction(SIGALRM, &al, 0));
    page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    // Loads and stores that fault now and then: nothing popped, nothing lost.
    static volatile long double s;
    for (int n = 0; n < 20000; n++) {
        if (n % 1000 == 999) OK(mprotect(page, 4096, n % 2000 == 999 ? PROT_READ : PROT_NONE));
        short sw;
        __asm__ volatile("fldt %2\n fld1\n faddp\n fld %%st(0)\n fstpt %0\n fistpll %3\n fnstsw %%ax"
                         : "=m"(*(long double *)(page + 32)), "=a"(sw) : "m"(*(long double *)(page + 32)), "m"(*(long long *)(page + 64)) : "memory");
        EQ(sw & 0x3800, 0);
        s += *(long double *)(page + 32);
        EQ(*(long long *)(page + 64), n + 1);
    }
    CHECK(s == 20000.0L * 20001 / 2);
    EQ(faults, 20);
    // Signals at any point.
    struct itimerval t = {{0, 300}, {0, 300}};
    OK(setitimer(ITIMER_REAL, &t, 0));
    for (int n = 0; n < 3000 || alarms < 20; n++) CHECK(work(3000) == want);
    t = (struct itimerval){{0, 0}, {0, 0}};
    OK(setitimer(ITIMER_REAL, &t, 0));
    // System calls and forks with registers in use.
    long double x = 0;
    for (int n = 0; n < 3000; n++) {
        __asm__ volatile("fldt %0\n fld1\n" : : "m"(x));
        RAW(SYS_getppid);
        if (n % 500 == 0) CHILD(CHECK(work(3000) == want));
        __asm__ volatile("faddp\n fstpt %0" : "=m"(x));
    }
    CHECK(x == 3000);
    pthread_t p[3];
    for (int i = 0; i < 3; i++) EQ(pthread_create(&p[i], 0, thread, &want), 0);
    for (int i = 0; i < 3; i++) { void *r; EQ(pthread_join(p[i], &r), 0); CHECK(!r); }
    // The precision and the rounding that FLDCW sets.
    unsigned short cw[4] = {0x37f, 0x27f, 0x07f, 0xf7f};
    static const double third[] = {0x1.5555555555555p-2, 0x1.5555555555555p-2, 0x1.555556p-2, 0x1.5555555555555p-2};
    for (int n = 0; n < 8000; n++) {
        double r;
        __asm__ volatile("fldcw %1\n fld1\n fldpi\n fisttpl %2\n fidivl %2\n fstpl %0\n fninit" : "=m"(r), "+m"(cw[n % 4]) : "m"(*(int *)page) : "memory");
        CHECK(r == third[n % 4]);
    }
    DONE();
}
