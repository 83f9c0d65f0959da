// The page of old at the end of the address space: its three functions can be called, its bytes can't be read, and a bad pointer is a SIGSEGV.
// abi: 64
#include "check.h"
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>

#define PAGE 0xffffffffff600000ul

static sigjmp_buf out;
static volatile unsigned long addr, rip, rax;
static volatile int code;
static void on(int sig, siginfo_t *si, void *c) {
    greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
    addr = (unsigned long)si->si_addr, code = si->si_code, rip = g[REG_RIP], rax = g[REG_RAX];
    siglongjmp(out, 1);
}

// The statement ends with a SIGSEGV of this code and address.
#define SEGV(c, a, ...) do { if (!sigsetjmp(out, 1)) { __VA_ARGS__; FAIL("no signal"); } EQ(code, c); EQ(addr, a); } while (0)

int main(void) {
    struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, 0);
    int (*gtod)(void *, void *) = (void *)PAGE;
    time_t (*now)(void *) = (void *)(PAGE + 0x400);
    long (*cpu)(void *, void *, void *) = (void *)(PAGE + 0x800);
    char line[512];
    int there = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f))
        there |= !strcmp(line, "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
    if (!there)
        SKIP("no such page, or one that can be read");
    time_t before = time(0);
    struct timeval tv = {0};
    CHECK(gtod(&tv, 0) == 0 && tv.tv_sec >= before);
    time_t t = 0;
    CHECK(now(&t) >= before - 1 && t >= before - 1 && now(0) >= t);
    unsigned c = 12345;
    CHECK(cpu(&c, 0, 0) == 0 && c < 12345);
    SEGV(SI_KERNEL, 0, gtod(BAD, 0));
    CHECK(rip == PAGE && rax == -ENOSYS);
    SEGV(SI_KERNEL, 0, now(BAD));
    CHECK(rip == PAGE + 0x400 && rax == -ENOSYS);
    SEGV(SEGV_MAPERR, -8ul, gtod((void *)-8ul, 0));
    CHECK(rip == PAGE);
    SEGV(SEGV_MAPERR, -8ul, now((void *)-8ul));
    SEGV(SI_KERNEL, 0, ((void (*)(void))(PAGE + 8))());
    CHECK(rip == PAGE + 8);
    SEGV(SEGV_MAPERR, PAGE + 4096, ((void (*)(void))(PAGE + 4096))());
    SEGV(SEGV_MAPERR, PAGE, (void)*(volatile char *)PAGE);
    SEGV(SEGV_MAPERR, PAGE, *(volatile char *)PAGE = 1);
    DONE();
}
