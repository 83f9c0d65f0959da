// Exceptions of the CPU as signals: number, code, address, trap number.
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>
static sigjmp_buf jb;
static siginfo_t si;
static greg_t trapno, err, ip;
static void on(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    (void)s;
    si = *i;
    trapno = c->uc_mcontext.gregs[REG_TRAPNO];
    err = c->uc_mcontext.gregs[REG_ERR];
    ip = c->uc_mcontext.gregs[
#if ABI64
        REG_RIP
#else
        REG_EIP
#endif
    ];
    siglongjmp(jb, 1);
}
#define TRAP(sig, code, trap, e) do { memset(&si, 0, sizeof si); if (!sigsetjmp(jb, 1)) { e; FAIL("no trap: %s", #e); } \
    EQ(si.si_signo, sig); EQ(si.si_code, code); EQ(trapno, trap); } while (0)
#if ABI64
#define PUSHF "pushf; orl $0x100, (%rsp)"
#else
#define PUSHF "pushf; orl $0x100, (%esp)"
#endif
#define ASM(s) __asm__ volatile(s)
int main(void) {
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    int sigs[] = {SIGFPE, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};
    for (int i = 0; i < 5; i++) OK(sigaction(sigs[i], &a, 0));
    TRAP(SIGFPE, FPE_INTDIV, 0, ASM("xorl %eax,%eax; xorl %edx,%edx; xorl %ecx,%ecx; divl %ecx"));
    EQ((uintptr_t)si.si_addr, (uintptr_t)ip);
    TRAP(SIGFPE, FPE_INTDIV, 0, ASM("movl $0x80000000,%eax; cltd; movl $-1,%ecx; idivl %ecx"));
    TRAP(SIGILL, ILL_ILLOPN, 6, ASM("ud2"));
    EQ((uintptr_t)si.si_addr, (uintptr_t)ip);
    TRAP(SIGTRAP, SI_KERNEL, 3, ASM("int3"));
    TRAP(SIGTRAP, SI_KERNEL, 3, ASM(".byte 0xcd, 3"));
    TRAP(SIGSEGV, SI_KERNEL, 13, ASM("hlt"));
    EQ((uintptr_t)si.si_addr, 0);
    TRAP(SIGSEGV, SI_KERNEL, 13, ASM("cli"));
    TRAP(SIGSEGV, SI_KERNEL, 13, ASM("inb $0x60, %al"));
    TRAP(SIGSEGV, SI_KERNEL, 13, ASM("int $0x70"));
    EQ(err, 0x70 * 8 + 2);
    TRAP(SIGSEGV, SI_KERNEL, 13, ASM("movl $0xffff, %eax; movl %eax, %fs"));
    TRAP(SIGSEGV, SEGV_MAPERR, 14, *(volatile int *)8 = 1);
    EQ(err, 6);
    TRAP(SIGSEGV, SEGV_MAPERR, 14, *(volatile int *)8);
    EQ(err, 4);
    // Single step.
    TRAP(SIGTRAP, TRAP_TRACE, 1, ASM("" PUSHF "; popf; nop; nop") );
#if !ABI64
    TRAP(SIGSEGV, SI_KERNEL, 4, ASM("movl $0x7fffffff,%eax; addl $1,%eax; into"));
    static int lim[2] = {1, 5};
    TRAP(SIGSEGV, SI_KERNEL, 5, __asm__ volatile("bound %0, %1" : : "r"(9), "m"(*(int(*)[2])lim)));
#endif
    // Floating point.
    unsigned mx = 0x1f80 & ~0x200;
    TRAP(SIGFPE, FPE_FLTDIV, 19, __asm__ volatile("ldmxcsr %0; pcmpeqd %%xmm0,%%xmm0; cvtdq2ps %%xmm0,%%xmm0; xorps %%xmm1,%%xmm1; divss %%xmm1,%%xmm0" : : "m"(mx)));
    unsigned short cw = 0x37f & ~4;
    TRAP(SIGFPE, FPE_FLTDIV, 16, __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(cw)));
    DONE();
}
