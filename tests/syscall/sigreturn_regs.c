// What a handler changes in the saved context is in force after it returns: registers, flags, the mask, the stack, FP state.
#include "check.h"
#include <ucontext.h>
#if ABI64
#define IP REG_RIP
#define AX REG_RAX
#define CX REG_RCX
#define DI REG_RDI
#else
#define IP REG_EIP
#define AX REG_EAX
#define CX REG_ECX
#define DI REG_EDI
#endif
static volatile long flags;
static void on(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    (void)s;
    (void)i;
    flags = c->uc_mcontext.gregs[REG_EFL];
    EQ(c->uc_mcontext.gregs[AX], 0x11);
    EQ(c->uc_mcontext.gregs[DI], 0x22);
    c->uc_mcontext.gregs[AX] = 0x1234567;
    c->uc_mcontext.gregs[CX] = -1;
    c->uc_mcontext.gregs[IP] += 2;
    c->uc_mcontext.gregs[REG_EFL] |= 0x801; // CF, OF
    sigaddset(&c->uc_sigmask, SIGWINCH);
}
static void fp(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    (void)s;
    (void)i;
#if ABI64
    CHECK(c->uc_mcontext.fpregs);
    c->uc_mcontext.fpregs->_xmm[3].element[0] = 0x40490fdb;
    double x = 5;
    __asm__ volatile("movsd %0, %%xmm4; finit; fld1" : : "m"(x));
#else
    CHECK(c->uc_mcontext.fpregs);
    __asm__ volatile("finit; fld1; fld1");
#endif
    c->uc_mcontext.gregs[IP] += 2;
}
int main(void) {
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGILL, &a, 0));
    long ax = 0x11, cx = 5;
    unsigned char cf, of;
    __asm__ volatile("cmpl $0, %%ecx; ud2; setc %2; seto %3" : "+a"(ax), "+c"(cx), "=&d"(cf), "=&b"(of) : "D"(0x22L) : "cc", "memory");
    EQ(ax, 0x1234567);
    EQ(cx, -1);
    EQ(cf, 1);
    EQ(of, 1);
    EQ(flags & 0x8c1, 0);
    sigset_t m;
    OK(sigprocmask(SIG_BLOCK, 0, &m));
    EQ(sigismember(&m, SIGWINCH), 1);
    a.sa_sigaction = fp;
    OK(sigaction(SIGILL, &a, 0));
#if ABI64
    float f;
    double d = 2, e;
    __asm__ volatile("movsd %2, %%xmm4; ud2; movss %%xmm3, %0; movsd %%xmm4, %1" : "=m"(f), "=m"(e) : "m"(d) : "xmm3", "xmm4", "memory");
    CHECK(f > 3.14f && f < 3.15f);
    CHECK(e == 2);
#endif
    // The x87 stack comes back whole, 80 bits of it.
    long double l = 1.0L / 3, r;
    __asm__ volatile("ud2" : "=t"(r) : "0"(l) : "memory");
    CHECK(r == l);
    DONE();
}
