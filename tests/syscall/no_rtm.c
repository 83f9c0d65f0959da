// XBEGIN where CPUID shows no RTM: undefined, and exactly there.
// abi: 64
#include "check.h"
#include <cpuid.h>
#include <ucontext.h>

extern char at[];

static void handler(int sig, siginfo_t *info, void *context) {
    ucontext_t *u = context;
    printf("signal %d, code %d, address %+ld, rip %+ld\n", sig, info->si_code, (long)((char *)info->si_addr - at), (long)(u->uc_mcontext.gregs[REG_RIP] - (long)at));
    exit(0);
}

int main(void) {
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1 << 11) SKIP("a CPU with RTM");
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    __asm__ volatile("at: .byte 0xc7, 0xf8, 0, 0, 0, 0");
    puts("it ran");
    return 0;
}
