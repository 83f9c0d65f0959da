// The upper halves of the YMM registers in signal frames: they are there, a handler's changes come back, and its own use of them does not.
// cpu: x86-64-v3
#include "check.h"
#include <ucontext.h>

typedef unsigned char ymm[32];

// i386 programs are compiled without SSE: the compiler doesn't know of the register.
#if ABI64
#define CLOBBER(...) : __VA_ARGS__, "xmm5"
#else
#define CLOBBER(...) : __VA_ARGS__
#endif

static volatile int seen;

static void fill(ymm v, int seed) {
    for (int i = 0; i < 32; i++)
        v[i] = seed + i;
}

static void load(const ymm v) { __asm__ volatile("vmovdqu %0, %%ymm5" ::"m"(*(const ymm *)v) CLOBBER("memory")); }

static void handler(int sig, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    unsigned char *fp = (unsigned char *)uc->uc_mcontext.fpregs;
    if (!ABI64)
        fp += 112;
    unsigned magic, extended, size;
    unsigned long long features;
    memcpy(&magic, fp + 464, 4);
    memcpy(&extended, fp + 468, 4);
    memcpy(&features, fp + 472, 8);
    memcpy(&size, fp + 480, 4);
    unsigned long long held;
    memcpy(&held, fp + 512, 8);
    ymm want, other;
    fill(want, 1);
    int ok = magic == 0x46505853 && (features & 7) == 7 && size >= 832 && extended >= size + 4 && (held & 4) != 0 && (uc->uc_flags & 1) != 0;
    ok &= !memcmp(fp + 160 + 16 * 5, want, 16) && !memcmp(fp + 576 + 16 * 5, want + 16, 16);
    fill(want, 100);
    memcpy(fp + 160 + 16 * 5, want, 16);
    memcpy(fp + 576 + 16 * 5, want + 16, 16);
    fill(other, 200);
    load(other);
    seen = ok;
}

int main(void) {
    if (!__builtin_cpu_supports("avx2"))
        SKIP("no AVX2");
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &a, NULL) == 0);
    ymm before, after, want;
    fill(before, 1);
    fill(want, 100);
    long pid = getpid(), nr = SYS_kill;
#if ABI64
    __asm__ volatile("vmovdqu %2, %%ymm5\n syscall\n vmovdqu %%ymm5, %1" : "+a"(nr), "=m"(after) : "m"(before), "D"(pid), "S"(SIGUSR1) CLOBBER("rcx", "r11", "memory"));
#else
    __asm__ volatile("vmovdqu %2, %%ymm5\n int $0x80\n vmovdqu %%ymm5, %1" : "+a"(nr), "=m"(after) : "m"(before), "b"(pid), "c"(SIGUSR1) CLOBBER("memory"));
#endif
    CHECK(seen);
    CHECK(!memcmp(after, want, 32));
    puts("ok sigframe_avx");
    return 0;
}
