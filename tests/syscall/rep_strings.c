// Repeated string instructions: results, flags and, at the end of what is mapped, where they stop. Printed: natively and here the same.
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>
#if ABI64
#define REG(c, r) (c)->uc_mcontext.gregs[REG_R##r]
#else
#define REG(c, r) (c)->uc_mcontext.gregs[REG_E##r]
#endif
static char a[20000], b[20000];
static sigjmp_buf back;
static unsigned long left[3];
static void on(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    left[0] = REG(c, DI), left[1] = REG(c, SI) - (unsigned long)a, left[2] = REG(c, CX);
    siglongjmp(back, 1);
}
#define RUN(insn, ...) asm volatile(insn : "+D"(d), "+S"(f), "+c"(n), "+a"(ax) : : "memory", "cc")
static unsigned long sum;
static void add(unsigned long v) { sum = sum * 31 + v; }
// The instruction forwards and, if `both`, backwards; then from and to the end of a page behind which there is none.
#define TRY(name, insn, both) do { \
    for (int l = 0; l < 3000; l++) { \
        void *d = b + 64 + l % 61, *f = a + 64 + l % 37; unsigned long n = l % 700, ax = (unsigned char)a[l % 300] * 0x01010101UL; unsigned char flags; \
        asm volatile("cmp $7, %b3\n" insn "\nlahf\nmov %%ah, %4" : "+D"(d), "+S"(f), "+c"(n), "+a"(ax), "=m"(flags) : : "memory", "cc"); \
        add(flags & 0xd5), add((char *)d - b), add((char *)f - a), add(n), add(b[100 + l % 500]); \
        if (both && l % 3 == 0) { d = b + 9000, f = a + 8900 + l % 300, n = l % 300; RUN("std\n" insn "\ncld"); add((char *)d - b), add(n), add(b[8999 - l % 300]); } \
        if (l % 9) continue; \
        if (!sigsetjmp(back, 1)) { d = end - l % 700, f = a, n = 800, memset(d, a[0], l % 700), ax = (unsigned char)a[0] * 0x01010101UL; RUN(insn); add(n); } \
        else add(left[0] - (unsigned long)end), add(left[1]), add(left[2]); \
    } \
    printf("%s %lx\n", name, sum); \
} while (0)
int main(void) {
    struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSEGV, &sa, 0));
    char *page = mmap((void *)0x20000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), *end = page + 4096;
    OK(munmap(end, 4096));
    for (int i = 0; i < 20000; i++) a[i] = i * i / 7 % 5;
    TRY("rep movsb", "rep movsb", 1);
    TRY("rep movsw", "rep movsw", 1);
    TRY("rep movsl", "rep movsl", 1);
    TRY("rep stosb", "rep stosb", 1);
    TRY("rep stosw", "rep stosw", 0);
    TRY("rep stosl", "rep stosl", 1);
    TRY("repe cmpsb", "repe cmpsb", 1);
    TRY("repne cmpsb", "repne cmpsb", 0);
    TRY("repe cmpsl", "repe cmpsl", 1);
    TRY("repne cmpsw", "repne cmpsw", 0);
    TRY("repe scasb", "repe scasb", 1);
    TRY("repne scasb", "repne scasb", 1);
    TRY("repne scasw", "repne scasw", 0);
    TRY("repe scasl", "repe scasl", 0);
#if ABI64
    TRY("rep movsq", "rep movsq", 1);
    TRY("rep stosq", "rep stosq", 0);
    TRY("repe cmpsq", "repe cmpsq", 0);
    TRY("repne scasq", "repne scasq", 0);
#endif
    return 0;
}
