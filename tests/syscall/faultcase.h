// Cases of machine code that end in a signal: for each, from a known state, which signal came, and all of the state that is then not what it was.
//
// CASE(name, setup, code) stands at file scope. `code` is assembly that must end in a fault (INT3 is put behind it); `setup` says what registers hold, in
// hexadecimal: a c d b s B S D are rax rcx rdx rbx rsp rbp rsi rdi; f: flags to set, m: mxcsr, w: x87 control word, o: where in its page the code
// starts (b: bytes before the page's end), n: how many single steps to show, i: status flags that are not defined and not shown, x: memory is not shown,
// p: of the fault's address only the page is.
// The code lies at the start of a page of its own, and the page behind it is not mapped. Memory, for both ABIs:
//   50000000-50001fff  read, write      50010000 the same, then 50011000 read-only        50020000 a page of a file, 50021000 behind its end
//   50030000 read, write, 50031000 none 50041000 read, write, not executable (and 50040000 not mapped)
// Above where the heap may begin (1 GiB behind a program that isn't position-independent). All else around is not mapped. Each byte of the memory holds a pattern of its address.
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>
#if ABI64
#define PTR ".quad"
#define R(r64, r32) r64
#else
#define PTR ".long"
#define R(r64, r32) r32
#endif
#define CASE(name, setup, code) __asm__(".pushsection .rodata\n9: .asciz \"" name "\"\n8: .asciz \"" setup "\"\n7: " code "\n6:\n.popsection\n" \
    ".pushsection cases,\"a\"\n" PTR " 9b, 8b, 7b, 6b\n.popsection")

struct case_ { const char *name, *setup; const unsigned char *code, *end; };
extern const struct case_ __start_cases[], __stop_cases[];
#define IP_ R(REG_RIP, REG_EIP)
// Registers by the letters of `setup`; the last is the flags.
static const char letters_[] = "acdbsBSDf";
static const int regs_[] = {R(REG_RAX, REG_EAX), R(REG_RCX, REG_ECX), R(REG_RDX, REG_EDX), R(REG_RBX, REG_EBX), R(REG_RSP, REG_ESP), R(REG_RBP, REG_EBP),
    R(REG_RSI, REG_ESI), R(REG_RDI, REG_EDI), REG_EFL};
#define PAGES_ 8
static unsigned char *const areas_[PAGES_] = {(void *)0x50000000, (void *)0x50001000, (void *)0x50010000, (void *)0x50011000, (void *)0x50020000, (void *)0x50030000,
    (void *)0x50031000, (void *)0x50041000};
static sigjmp_buf back_;
static unsigned char *code_;
static unsigned long start_[9];
static unsigned mxcsr_, steps_, undefined_, hide_, page_;
static unsigned short fcw_;
static const struct case_ *case_;

// What a run showed, and the first run of the case.
static char text_[8192], first_[8192];
#define SHOW(...) snprintf(text_ + strlen(text_), sizeof text_ - strlen(text_), __VA_ARGS__)
static unsigned char pattern_(unsigned at) { return at * 7 + (at >> 8) * 31 + 3; }
static void fill_(void) {
    for (int p = 0; p < PAGES_; p++) {
        OK(mprotect(areas_[p], 4096, PROT_READ | PROT_WRITE));
        for (unsigned k = 0; k < 4096; k++) areas_[p][k] = pattern_((unsigned)(uintptr_t)areas_[p] + k);
    }
    OK(mprotect(areas_[3], 4096, PROT_READ));
    OK(mprotect(areas_[6], 4096, PROT_NONE));
}
// What changed in memory.
static void show_memory_(void) {
    OK(mprotect(areas_[6], 4096, PROT_READ));
    for (int p = 0; p < PAGES_; p++)
        for (unsigned k = 0, shown = 0; k < 4096; k++) {
            unsigned char *at = areas_[p] + k;
            if (*at == pattern_((unsigned)(uintptr_t)at) || shown++ > 40) continue;
            SHOW(" [%lx]=%02x", (unsigned long)at, *at);
        }
}
static unsigned long relative_(unsigned long a) { return a - (unsigned long)code_ < 8192 ? a - (unsigned long)code_ + 0xc0de0000 : a; }
#define SHOWN_FLAGS_ (0x54dd5u & ~undefined_)
static void show_registers_(greg_t *g) {
    for (int k = 0; k < 9; k++) {
        unsigned long v = g[regs_[k]];
        if (k == 8 ? (v & SHOWN_FLAGS_) != (start_[k] & SHOWN_FLAGS_) : v != start_[k])
            SHOW(" %c=%lx", letters_[k], k == 8 ? v & SHOWN_FLAGS_ : relative_(v));
    }
}
static void begin_(int s, siginfo_t *i, void *u) {
    (void)s, (void)i;
    ucontext_t *c = u;
    greg_t *g = c->uc_mcontext.gregs;
    undefined_ = steps_ = hide_ = page_ = 0, mxcsr_ = 0x1f80, fcw_ = 0x37f;
    unsigned long at = 0;
    for (int k = 0; k < 9; k++) start_[k] = k == 8 ? 0x202 : 0x11111111ul * (k + 1);
    start_[4] = 0x50000800;
    for (const char *p = case_->setup + strspn(case_->setup, " "); *p;) {
        char name = *p++;
        char *end;
        unsigned long long v = strtoull(p, &end, 16);
        p = end + strspn(end, " ");
        const char *l = strchr(letters_, name);
        if (name == 'f') start_[8] |= v;
        else if (l) start_[l - letters_] = v;
        else if (name == 'm') mxcsr_ = v;
        else if (name == 'w') fcw_ = v;
        else if (name == 'o') at = v;
        else if (name == 'b') at = 4096 - v;
        else if (name == 'n') steps_ = v;
        else if (name == 'i') undefined_ = v;
        else if (name == 'x') hide_ = 1;
        else if (name == 'p') page_ = 1;
        else CHECK(!"a letter of setup");
    }
    memset(code_, 0xf4, 4096);
    unsigned n = case_->end - case_->code;
    if (at + n > 4096) n = 4096 - at;
    memcpy(code_ + at, case_->code, n);
    if (at + n < 4096) code_[at + n] = 0xcc;
    for (int k = 0; k < 9; k++) g[regs_[k]] = start_[k];
    g[IP_] = (greg_t)(uintptr_t)(code_ + at);
    // The image of FXSAVE; i386's frames have FSAVE's in front, of which the kernel takes nothing.
    unsigned char *fx = (unsigned char *)c->uc_mcontext.fpregs + R(0, 112);
    memset(fx + 32, 0, 384);
    memcpy(fx + 24, &mxcsr_, 4);
    memcpy(fx, &fcw_, 2);
    fx[4] = 0;
    // Both parts are there, in the header that follows where the kernel says so.
    if (!memcmp(fx + 464, "SXPF", 4)) fx[512] |= 3;
#if ABI64
    for (int k = 0; k < 8; k++) g[REG_R8 + k] = 0x0808080808080808ul + k;
#else
    c->uc_mcontext.fpregs->cw = 0xffff0000 | fcw_;
#endif
}
static void on_(int s, siginfo_t *i, void *u) {
    // The kernel leaves NT, AC and ID as they were.
    __asm__ volatile("pushf; andl $~0x244000, " R("(%%rsp)", "(%%esp)") "; popf" : : : "memory", "cc");
    ucontext_t *c = u;
    greg_t *g = c->uc_mcontext.gregs;
    SHOW(" signal %d code %d addr %lx trap %ld err %lx ip %lx", s, i->si_code, relative_((unsigned long)i->si_addr) & (page_ ? ~0xffful : ~0ul), (long)g[REG_TRAPNO], (unsigned long)g[REG_ERR],
        relative_(g[IP_]));
    show_registers_(g);
#if ABI64
    for (int k = 0; k < 8; k++) if (g[REG_R8 + k] != 0x0808080808080808l + k) SHOW(" r%d=%lx", 8 + k, relative_(g[REG_R8 + k]));
#endif
    unsigned char *fx = (unsigned char *)c->uc_mcontext.fpregs + R(0, 112);
    unsigned mx;
    memcpy(&mx, fx + 24, 4);
    unsigned short cw = *(unsigned short *)fx, sw = *(unsigned short *)(fx + 2);
    if (mx != mxcsr_) SHOW(" mxcsr=%x", mx);
    if (cw != fcw_) SHOW(" cw=%x", cw);
    if (sw) SHOW(" sw=%x", sw);
    if (i->si_code == 2 && s == SIGTRAP && steps_ > 1) { steps_--; SHOW("\n   "); return; }
    g[REG_EFL] &= ~0x40100;
    if (!hide_) show_memory_();
    siglongjmp(back_, 1);
}
// Runs all cases, each three times. What the second and third show is printed if it differs.
static int run_cases(void) {
    char name[] = "/tmp/fl-fault-XXXXXX";
    int fd = OK(mkstemp(name));
    OK(unlink(name));
    OK(ftruncate(fd, 4096));
    static const uintptr_t maps[] = {0x50000000, 0x50010000, 0x50020000, 0x50030000, 0x50041000};
    for (int k = 0; k < 5; k++) {
        int file = k == 2;
        unsigned size = k == 4 ? 4096 : 8192;
        void *p = mmap((void *)maps[k], size, PROT_READ | PROT_WRITE, MAP_FIXED | (file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS), file ? fd : -1, 0);
        CHECK(p == (void *)maps[k]);
    }
    static char alternate[65536];
    stack_t ss = {.ss_sp = alternate, .ss_size = sizeof alternate};
    OK(sigaltstack(&ss, 0));
    struct sigaction a = {.sa_sigaction = on_, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int all[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (int k = 0; k < 5; k++) OK(sigaction(all[k], &a, 0));
    a.sa_sigaction = begin_;
    OK(sigaction(SIGUSR1, &a, 0));
    unsigned n = 0;
    for (const struct case_ *c = __start_cases; c < __stop_cases; c++, n++) {
        // Pages of its own, so that nothing is known of what was there.
        code_ = (unsigned char *)0x60000000 + 8192 * n;
        CHECK(mmap(code_, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == code_);
        case_ = c;
        for (int k = 0; k < 3; k++) {
            fill_();
            text_[0] = 0;
            if (!sigsetjmp(back_, 0)) { raise(SIGUSR1); FAIL("no signal"); }
            if (!k || strcmp(text_, first_)) printf("%s%s:%s\n", c->name, k ? ", again" : "", text_);
            if (!k) strcpy(first_, text_);
        }
    }
    DONE();
}
