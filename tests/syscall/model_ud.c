// What the CPU model lacks raises #UD, in code that is translated, too.
// cpu: i686
// abi: 32
#include "check.h"
#include <setjmp.h>
static sigjmp_buf back;
static void on(int s) { (void)s; siglongjmp(back, 1); }
int main(void) {
    unsigned a = 1, b, c, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    // Real CPUs have SSE3 (ecx bit 0); this model must not.
    int has = c & 1;
    signal(SIGILL, on);
    volatile int faults = 0;
    for (volatile int n = 0; n < 5000; n++) {
        if (sigsetjmp(back, 0)) { faults++; sigset_t m; sigemptyset(&m); sigprocmask(SIG_SETMASK, &m, 0); continue; }
        __asm__ volatile("xorps %xmm0, %xmm0\n haddps %xmm0, %xmm0");
    }
    EQ(faults, has ? 0 : 5000);
    DONE();
}
