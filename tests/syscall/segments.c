// abi: 32
// Segments of an LDT that restrict: limits, rights, expand-down, absent and null ones, 16-bit code and stacks, code with a base.
#include "check.h"
#include <asm/ldt.h>
#include <setjmp.h>
#include <ucontext.h>
static sigjmp_buf jb;
static siginfo_t si;
static greg_t trapno, err, ip, cs;
static void on(int s, siginfo_t *i, void *u) {
    greg_t *g = ((ucontext_t *)u)->uc_mcontext.gregs;
    (void)s;
    si = *i;
    trapno = g[REG_TRAPNO], err = g[REG_ERR], ip = g[REG_EIP], cs = g[REG_CS];
    siglongjmp(jb, 1);
}
#define TRAP(sig, trap, code, ...) do { if (!sigsetjmp(jb, 1)) { __VA_ARGS__; FAIL("no trap: %s", #__VA_ARGS__); } \
    EQ(si.si_signo, sig); EQ(si.si_code, SI_KERNEL); EQ((uintptr_t)si.si_addr, 0); EQ(trapno, trap); EQ(err, code); } while (0)
#define SEL(n) ((n) * 8 + 7)
static void entry(unsigned n, void *base, unsigned limit, unsigned contents, unsigned wide, unsigned read_only, unsigned absent) {
    struct user_desc d = {.entry_number = n, .base_addr = (unsigned)base, .limit = limit, .contents = contents, .seg_32bit = wide,
        .read_exec_only = read_only, .seg_not_present = absent, .useable = 1};
    OK(RAW(SYS_modify_ldt, 0x11, &d, sizeof d));
}
static unsigned read32(unsigned short sel, unsigned off) {
    unsigned v;
    __asm__ volatile("pushl %%es; movw %1, %%es; movl %%es:(%2), %0; popl %%es" : "=&r"(v) : "r"(sel), "r"(off) : "memory");
    return v;
}
static unsigned read8(unsigned short sel, unsigned off) {
    unsigned v;
    __asm__ volatile("pushl %%es; movw %1, %%es; movzbl %%es:(%2), %0; popl %%es" : "=&r"(v) : "r"(sel), "r"(off) : "memory");
    return v;
}
static void write32(unsigned short sel, unsigned off, unsigned v) {
    __asm__ volatile("pushl %%es; movw %1, %%es; movl %0, %%es:(%2); popl %%es" : : "r"(v), "r"(sel), "r"(off) : "memory");
}
static unsigned store_string(unsigned short sel, unsigned off, unsigned n) {
    __asm__ volatile("pushl %%es; movw %w2, %%es; cld; rep stosb; popl %%es" : "+c"(n), "+D"(off) : "d"(sel), "a"(0x5a) : "memory");
    return off;
}
static unsigned call_far(unsigned short sel, unsigned off, unsigned eax) {
    struct { unsigned off; unsigned short sel; } __attribute__((packed)) p = {off, sel};
    __asm__ volatile("lcall *%1" : "+a"(eax) : "m"(p) : "memory", "cc");
    return eax;
}
static unsigned char data[64];
int main(void) {
    static char alternate[32768];
    stack_t ss = {.ss_sp = alternate, .ss_size = sizeof alternate};
    OK(sigaltstack(&ss, 0));
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    OK(sigaction(SIGSEGV, &a, 0));
    OK(sigaction(SIGBUS, &a, 0));
    for (int i = 0; i < 64; i++) data[i] = i;

    entry(0, data, 15, 0, 1, 0, 0);
    EQ(read32(SEL(0), 12), 0x0f0e0d0c);
    EQ(read8(SEL(0), 15), 15);
    TRAP(SIGSEGV, 13, 0, read32(SEL(0), 13));
    TRAP(SIGSEGV, 13, 0, read8(SEL(0), 16));
    TRAP(SIGSEGV, 13, 0, read8(SEL(0), -1));
    write32(SEL(0), 4, 0x01020304);
    EQ(data[7], 1);
    // Goes on up to the limit.
    TRAP(SIGSEGV, 13, 0, store_string(SEL(0), 10, 10));
    EQ(data[15], 0x5a);
    EQ(data[16], 16);
    EQ(store_string(SEL(0), 1, 3), 4);

    entry(1, data, 15, 0, 1, 1, 0);
    EQ(read8(SEL(1), 5), 3);
    TRAP(SIGSEGV, 13, 0, write32(SEL(1), 4, 1));

    entry(2, data, 7, 1, 1, 0, 0);
    EQ(read8(SEL(2), 8), 8);
    TRAP(SIGSEGV, 13, 0, read8(SEL(2), 7));

    entry(3, data, 15, 0, 1, 0, 1);
    TRAP(SIGBUS, 11, SEL(3) & ~3, read8(SEL(3), 0));
    TRAP(SIGBUS, 12, SEL(3) & ~3, __asm__ volatile("movw %0, %%ss" : : "r"((short)SEL(3))));
    TRAP(SIGSEGV, 13, 0, read8(0, 0));
    TRAP(SIGSEGV, 13, SEL(99) & ~3, read8(SEL(99), 0));
    TRAP(SIGSEGV, 13, SEL(1) & ~3, __asm__ volatile("movw %0, %%ss" : : "r"((short)SEL(1))));

    unsigned limit = 77, rights = 0, zf = 0;
    __asm__("lsl %1, %0" : "+r"(limit) : "r"(SEL(0)));
    EQ(limit, 15);
    __asm__("lar %1, %0" : "+r"(rights) : "r"(SEL(2)));
    EQ(rights & 0xff00, 0xf600 | (rights & 0x100));
    __asm__("verw %w1; setz %b0" : "+q"(zf) : "r"(SEL(1)));
    EQ(zf, 0);

    // Code with a base, of 32 and of 16 bits.
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(code != MAP_FAILED);
    entry(4, code, 63, 2, 1, 0, 0);
    memcpy(code + 3, "\x05\x01\x00\x01\x00\xe8\x01\x00\x00\x00\xcb\x40\xc3", 13); // add eax,10001h; call +1; retf; inc eax; ret
    EQ(call_far(SEL(4), 3, 5), 0x10007);
    entry(5, code, 63, 2, 0, 0, 0);
    // mov ax,1234h; add eax,10001h (66); push ax; pop ax; call +2; retf (66)
    memcpy(code + 16, "\xb8\x34\x12\x66\x05\x01\x00\x01\x00\x50\x58\xe8\x02\x00\x66\xcb\x40\xc3", 18);
    EQ(call_far(SEL(5), 16, 0x70000), 0x81236);
    // jmp beyond the limit; running into it; data through CS can't be written.
    memcpy(code, "\xeb\x7f", 2);
    TRAP(SIGSEGV, 13, 0, call_far(SEL(4), 0, 0));
    EQ(ip, 0);
    EQ(cs & 0xffff, SEL(4));
    memset(code + 60, 0x90, 4);
    TRAP(SIGSEGV, 13, 0, call_far(SEL(4), 60, 0));
    EQ(ip, 64);
    memcpy(code, "\x2e\xa3\x20\x00\x00\x00", 6);
    TRAP(SIGSEGV, 13, 0, call_far(SEL(4), 0, 0));
    TRAP(SIGSEGV, 13, 0, call_far(SEL(4), 64, 0));
    TRAP(SIGSEGV, 13, SEL(0) & ~3, call_far(SEL(0), 0, 0));
    // mov eax,cs:[40]
    memcpy(code, "\x2e\xa1\x28\x00\x00\x00\xcb", 7);
    memcpy(code + 40, "\x44\x33\x22\x11", 4);
    EQ(call_far(SEL(4), 0, 0), 0x11223344);

    // A 16-bit stack: only SP counts.
    static unsigned char stack[256];
    entry(6, stack, 255, 0, 0, 0, 0);
    unsigned got, sp;
    __asm__ volatile("movl %%esp, %%esi; movl %%ss, %%edi; movl $0xabcd0080, %%ecx; movw %w2, %%ss; movl %%ecx, %%esp;"
        "pushl $0x11223344; movl %%esp, %0; popl %1; movl %%edi, %%ss; movl %%esi, %%esp"
        : "=&a"(sp), "=&d"(got) : "b"(SEL(6)) : "esi", "edi", "ecx", "memory");
    EQ(sp, 0xabcd007c);
    EQ(got, 0x11223344);
    EQ(stack[0x7c], 0x44);
    TRAP(SIGBUS, 12, 0, __asm__ volatile("movw %w0, %%ss; movl $0x102, %%esp; pushl $1; pushl $2" : : "b"(SEL(6)) : "memory"));
    DONE();
}
