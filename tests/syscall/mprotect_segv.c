// SIGSEGV: si_code, si_addr, and going on after the handler has repaired the page.
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>
static sigjmp_buf jb;
static siginfo_t si;
static char *page;
static volatile int repaired;
static void jump(int s, siginfo_t *i, void *u) { (void)s; (void)u; si = *i; siglongjmp(jb, 1); }
static void repair(int s, siginfo_t *i, void *u) { (void)s; (void)i; (void)u; repaired++; mprotect(page, 4096, PROT_READ | PROT_WRITE); }
#define SEGV(e) do { memset(&si, 0, sizeof si); if (!sigsetjmp(jb, 1)) { e; FAIL("no fault: %s", #e); } EQ(si.si_signo, SIGSEGV); } while (0)
int main(void) {
    struct sigaction a = {.sa_sigaction = jump, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSEGV, &a, 0));
    page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EQ(page[5], 0);
    SEGV(*(volatile char *)(page + 5) = 1);
    EQ(si.si_code, SEGV_ACCERR);
    EQ((uintptr_t)si.si_addr, (uintptr_t)page + 5);
    OK(mprotect(page, 4096, PROT_NONE));
    SEGV(*(volatile int *)(page + 8));
    EQ(si.si_code, SEGV_ACCERR);
    SEGV(*(volatile int *)0x10);
    EQ(si.si_code, SEGV_MAPERR);
    EQ((uintptr_t)si.si_addr, 0x10);
    char *e = page_end();
    // An access that straddles: the address is that of the first bad byte.
    SEGV(*(volatile int *)(e - 2));
    EQ(si.si_code, SEGV_MAPERR);
    EQ((uintptr_t)si.si_addr, (uintptr_t)e);
    SEGV(((void (*)(void))0x1000)());
    EQ((uintptr_t)si.si_addr, 0x1000);
    char *code = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *code = (char)0xc3;
    SEGV(((void (*)(void))code)());
    EQ(si.si_code, SEGV_ACCERR);
    EQ((uintptr_t)si.si_addr, (uintptr_t)code);
    OK(mprotect(code, 4096, PROT_READ | PROT_EXEC));
    ((void (*)(void))code)();
    SEGV(*(volatile char *)code = 1);
#if ABI64
    SEGV(*(volatile char *)0x8000000000000000UL);
    EQ(si.si_code, SI_KERNEL);
    EQ((uintptr_t)si.si_addr, 0);
    SEGV(*(volatile char *)0xffffffffff000000UL);
    EQ(si.si_code, SEGV_MAPERR);
#endif
    a.sa_sigaction = repair;
    OK(sigaction(SIGSEGV, &a, 0));
    for (int i = 0; i < 3; i++) {
        OK(mprotect(page, 4096, PROT_NONE));
        page[100] += 1;
    }
    EQ(repaired, 3);
    EQ(page[100], 3);
    // A copy that faults in its middle goes on where it was.
    OK(mprotect(page, 4096, PROT_READ));
    char *two = mmap(page - 4096, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = two + 4096;
    OK(mprotect(page, 4096, PROT_NONE));
    memset(two + 4000, 7, 200);
    EQ(repaired, 4);
    EQ(two[3999], 0);
    EQ(two[4000] + two[4199], 14);
    EQ(two[4200], 0);
    DONE();
}
