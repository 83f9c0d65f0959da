// flags: -msse2
// What a guest can't see is not kept for it: hot loops that fault without a handler, on a stack that grows, on code that is written, and with a handler after all; vectors that aren't aligned; NaNs in stretches of arithmetic.
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// Hot code on a stack that grows page by page.
static unsigned deep(unsigned n, unsigned x) {
    volatile char room[200];
    room[n % 200] = x;
    return n ? deep(n - 1, x * 33 + n) + room[n % 200] : x;
}

// Functions that are written again and again: mov eax, imm32; add eax, imm32; ret.
static unsigned written(unsigned char *code, int protect) {
    unsigned sum = 0;
    for (unsigned i = 0; i < 4000; i++) {
        if (protect) mprotect(code, 4096, PROT_READ | PROT_WRITE);
        unsigned char *f = code + i % 7 * 64;
        unsigned a = i * 0x01000193, b = i;
        f[0] = 0xb8; memcpy(f + 1, &a, 4); f[5] = 0x05; memcpy(f + 6, &b, 4); f[10] = 0xc3;
        if (protect) mprotect(code, 4096, PROT_READ | PROT_EXEC);
        for (int k = 0; k < 3; k++) sum = sum * 31 + ((unsigned (*)(void))f)();
    }
    return sum;
}

// Reads words until that faults.
static unsigned until_fault(volatile unsigned *p) {
    unsigned s = 0;
    for (;;) s = s * 3 + *p++;
}

static void dies(const char *what, volatile unsigned *p) {
    fflush(stdout);
    pid_t c = fork();
    if (!c) { until_fault(p); _exit(0); }
    int s;
    waitpid(c, &s, 0);
    printf("%s: signal %d\n", what, WIFSIGNALED(s) ? WTERMSIG(s) : -1);
}

static sigjmp_buf back;
static uintptr_t where;
static void handler(int s, siginfo_t *i, void *u) { (void)s, (void)u; where = (uintptr_t)i->si_addr; siglongjmp(back, 1); }

#define MIX(h, v) do { uint64_t b_ = 0; memcpy(&b_, &(v), sizeof(v)); h = (h ^ b_) * 0x100000001b3u; } while (0)
static uint32_t seed = 1;
static double special(void) {
    static const uint64_t bits[] = {0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000123, 0xfff8000000000456, 0x7ff0000000000789, 0, 0x8000000000000000, 1};
    seed = seed * 1664525 + 1013904223;
    double d = (int)(seed >> 8) * 0.37;
    if (seed >> 26 == 5) memcpy(&d, &bits[seed >> 16 & 7], 8);
    return d;
}

static uint64_t doubles(int rounds, int specials) {
    static double a[256], b[256], c[256];
    uint64_t h = 1469598103934665603u;
    for (int n = 0; n < rounds; n++) {
        for (int i = 0; i < 256; i++) a[i] = specials ? special() : i * 0.5 + n, b[i] = specials ? special() : i - n * 0.25;
        for (int i = 0; i < 256; i++) c[i] += a[i] * b[i];
        double s = 0;
        for (int i = 0; i < 256; i++) s += a[i] * a[i] - b[i] / (a[i] + 1), c[i] = s - c[i];
        for (int i = 0; i < 256; i++) if (a[i] < b[i]) c[i] = sqrt(a[i]) + b[i]; else c[i] -= a[i];
        for (int i = 0; i < 256; i++) MIX(h, c[i]);
    }
    return h;
}

static uint64_t floats(int rounds, int specials) {
    static float a[256], b[256], c[256];
    uint64_t h = 1469598103934665603u;
    for (int n = 0; n < rounds; n++) {
        for (int i = 0; i < 256; i++) a[i] = specials ? (float)special() : i * 0.5f + n, b[i] = specials ? (float)special() : i - n * 0.25f;
        for (int i = 0; i < 256; i++) c[i] = (a[i] - b[i]) * a[i] + c[i];
        float s = 1;
        for (int i = 0; i < 256; i++) s = s * 0.5f + a[i] / b[i], c[i] += s > b[i] ? s : b[i];
        for (int i = 0; i < 256; i++) MIX(h, c[i]);
    }
    return h;
}

// Adds vectors that must be aligned if `strict`.
static uint32_t vectors(const void *p, long n, int strict) {
    uint32_t r;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n1: test %3, %3\nje 2f\npaddd (%1), %%xmm0\n2: movdqu (%1), %%xmm1\npaddd %%xmm1, %%xmm0\nadd $16, %1\ndec %2\njnz 1b\n"
        "pshufd $0x4e, %%xmm0, %%xmm1\npaddd %%xmm1, %%xmm0\npshufd $0xb1, %%xmm0, %%xmm1\npaddd %%xmm1, %%xmm0\nmovd %%xmm0, %0"
        : "=r"(r), "+r"(p), "+r"(n) : "r"(strict) : "xmm0", "xmm1", "memory");
    return r;
}

int main(void) {
    printf("deep %x\n", deep(20000, 1));
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("written %x\n", written(code, 0));
    printf("in turns %x\n", written(code, 1));
    unsigned *data = mmap(0, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(data + 63 * 1024, 4096, PROT_NONE);
    for (int i = 0; i < 63 * 1024; i++) data[i] = i * 7;
    dies("not mapped so", data);
    FILE *f = tmpfile();
    ftruncate(fileno(f), 8 * 4096);
    unsigned *file = mmap(0, 16 * 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
    dies("behind the end", file);
    for (int specials = 0; specials < 2; specials++) printf("doubles %llx\n", (unsigned long long)doubles(60, specials));
    for (int specials = 0; specials < 2; specials++) printf("floats %llx\n", (unsigned long long)floats(60, specials));
    uint32_t v = 0;
    for (int i = 0; i < 40; i++) v = v * 3 + vectors((char *)data + i % 4 * 16, 500, 1), v = v * 3 + vectors((char *)data + i, 500, 0);
    printf("vectors %x\n", v);
    fflush(stdout);
    pid_t c = fork();
    if (!c) { vectors((char *)data + 8, 500, 1); _exit(0); }
    int s;
    waitpid(c, &s, 0);
    printf("not aligned: signal %d\n", WIFSIGNALED(s) ? WTERMSIG(s) : -1);
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &a, 0);
    for (int i = 0; i < 3; i++) {
        if (!sigsetjmp(back, 1)) until_fault(data + i);
        printf("at %lx\n", (unsigned long)(where - (uintptr_t)data));
    }
    where = 1;
    if (!sigsetjmp(back, 1)) vectors((char *)data + 24, 500, 1);
    printf("not aligned, at %lx\n", (unsigned long)where);
    printf("deep %x\n", deep(30000, 2));
}
