// Faults at the edges of decoding, and gates of the other ABI: the signal, its code, its address, and where the program stands. Printed: natively and here the same.
#include "check.h"
#include <ucontext.h>
#if ABI64
#define IP gregs[REG_RIP]
#define AX gregs[REG_RAX]
#else
#define IP gregs[REG_EIP]
#define AX gregs[REG_EAX]
#endif
#include <setjmp.h>
static sigjmp_buf back;
static unsigned char *code;
static void on(int s, siginfo_t *i, void *u) {
    ucontext_t *c = u;
    long addr = (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE) ? (long)i->si_addr : 0;
    // Relative to the code, where it is an address in or behind it.
    if (addr >= (long)code && addr <= (long)code + 8192) addr -= (long)code;
    printf("signal %d code %d addr %ld ip %ld trap %ld err %ld\n", s, i->si_code, addr, (long)c->uc_mcontext.IP - (long)code,
           (long)c->uc_mcontext.gregs[REG_TRAPNO], (long)c->uc_mcontext.gregs[REG_ERR]);
    siglongjmp(back, 1);
}
static void try(const char *name, int at, int n, const unsigned char *bytes) {
    memset(code, 0xf4, 4096);
    memcpy(code + at, bytes, n);
    printf("%s: ", name);
    if (!sigsetjmp(back, 1)) { ((void (*)(void))(code + at))(); printf("came back\n"); }
}
#define TRY(name, at, ...) do { static const unsigned char b_[] = {__VA_ARGS__}; try(name, at, sizeof b_, b_); } while (0)
int main(void) {
    code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(code != MAP_FAILED);
    OK(mprotect(code + 4096, 4096, PROT_NONE));
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    static const int all[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (int k = 0; k < 5; k++) OK(sigaction(all[k], &a, 0));
    for (int n = 0; n < 3; n++) {
        TRY("nop, ret", 64, 0x90, 0xc3);
        TRY("int3", 64, 0xcc, 0xc3);
        TRY("int 3", 64, 0xcd, 3, 0xc3);
        TRY("int 5", 64, 0xcd, 5, 0xc3);
        TRY("hlt", 64, 0xf4);
        TRY("ud2", 64, 0x0f, 0x0b);
        TRY("lock nop", 64, 0xf0, 0x90, 0xc3);
        TRY("lock add eax", 64, 0xf0, 0x01, 0xc0, 0xc3);
        TRY("lock cmp", 64, 0xf0, 0x39, 0x04, 0x24, 0xc3);
        TRY("15 bytes", 64, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90, 0xc3);
        TRY("16 bytes", 64, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90, 0xc3);
        TRY("div 0", 64, 0x31, 0xc9, 0xf7, 0xf1, 0xc3);
        TRY("out", 64, 0xee, 0xc3);
        TRY("cli", 64, 0xfa, 0xc3);
        TRY("mov cr0", 64, 0x0f, 0x20, 0xc0, 0xc3);
        TRY("cut by the page", 4094, 0x05, 1);
        TRY("at the page's end", 4095, 0x90);
        TRY("cut prefix", 4095, 0x66);
#if ABI64
        TRY("push es", 64, 0x06, 0xc3);
        TRY("non-canonical load", 64, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x8b, 0, 0xc3);
#else
        TRY("into", 64, 0xb0, 0x7f, 0x04, 1, 0xce, 0xc3);
        TRY("bound", 64, 0xb8, 0xff, 0xff, 0xff, 0x7f, 0x62, 0x04, 0x24, 0xc3);
        TRY("aam 0", 64, 0xd4, 0, 0xc3);
#endif
    }
#if ABI64
    // int 0x80 takes the numbers of i386: 20 is getpid there.
    long pid;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "r8", "r9", "r10", "r11", "memory");
    EQ(pid, getpid());
#endif
    DONE();
}
