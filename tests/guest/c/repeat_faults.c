// REP MOVS and STOS that fault midway: registers and memory as a loop leaves them.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
static sigjmp_buf back;
static uintptr_t at[3], hit;
static uint8_t *m;
static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525 + 1013904223; return seed >> 8; }
static void fault(int s, siginfo_t *i, void *p) {
    ucontext_t *u = p; (void)s;
#ifdef __x86_64__
    at[0] = u->uc_mcontext.gregs[REG_RDI]; at[1] = u->uc_mcontext.gregs[REG_RSI]; at[2] = u->uc_mcontext.gregs[REG_RCX];
#else
    at[0] = u->uc_mcontext.gregs[REG_EDI]; at[1] = u->uc_mcontext.gregs[REG_ESI]; at[2] = u->uc_mcontext.gregs[REG_ECX];
#endif
    u->uc_mcontext.gregs[REG_EFL] &= ~0x400; hit = 1; siglongjmp(back, 1); (void)i;
}
#define OP(name, insn) static void name(uint8_t *d, uint8_t *s, long n, int down) { \
    if (down) __asm__ volatile("std; rep " insn "; cld" : "+D"(d), "+S"(s), "+c"(n) : "a"(0x12345678) : "memory"); \
    else __asm__ volatile("rep " insn : "+D"(d), "+S"(s), "+c"(n) : "a"(0x12345678) : "memory"); at[0] = (uintptr_t)d, at[1] = (uintptr_t)s, at[2] = n; }
OP(m1, "movsb") OP(m2, "movsw") OP(m4, "movsl") OP(s1, "stosb") OP(s2, "stosw") OP(s4, "stosl")
#ifdef __x86_64__
OP(m8, "movsq") OP(s8, "stosq")
#else
#define m8 m4
#define s8 s4
#endif
int main(void) {
    void (*f[])(uint8_t *, uint8_t *, long, int) = {m1, m2, m4, m8, s1, s2, s4, s8};
    struct sigaction a = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &a, 0);
    m = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(m, 4096, PROT_NONE); mprotect(m + 3 * 4096, 4096, PROT_NONE);
    volatile uint32_t sum = 0;
    for (int n = 0; n < 40000; n++) {
        for (int i = 0; i < 64; i++) m[4096 + rnd() % 8192] = rnd();
        int k = rnd() % 8, size = 1 << k % 4, down = rnd() & 1;
        long count = rnd() % 600 / size;
        uint8_t *edge = down ? m + 4096 : m + 3 * 4096, *d = edge + (down ? 1 : -1) * (long)(rnd() % 300), *s = rnd() & 1 ? d + (long)(rnd() % 80) - 40 : m + 6000 + rnd() % 2000;
        if (rnd() & 1) { uint8_t *t = d; d = s; s = t; }
        if (rnd() % 3 == 0) d = (uint8_t *)((uintptr_t)d & -size);
        hit = 0;
        if (!sigsetjmp(back, 1)) f[k](d, s, count, down); else __asm__ volatile("cld");
        sum = sum * 31 + hit + (at[0] - (uintptr_t)m) * 3 + (k < 4 ? at[1] - (uintptr_t)m : 0) * 7 + at[2];
        for (int i = 4096; i < 3 * 4096; i += 4) { uint32_t v; memcpy(&v, m + i, 4); sum = sum * 33 + v; }
    }
    printf("%u\n", sum);
}
