// sigaltstack: running there, its flags, overflow of the main stack, nesting, errors.
#include "check.h"
#include <setjmp.h>
static char alt[65536];
static volatile int inside;
static stack_t seen;
static sigjmp_buf jb;
static void on(int s) { char x; (void)s; inside = &x >= alt && &x < alt + sizeof alt; sigaltstack(0, &seen); stack_t d = {.ss_flags = SS_DISABLE}; CHECK(!inside || (sigaltstack(&d, 0) == -1 && errno == EPERM)); }
static void overflow(int s) { char x; (void)s; inside = &x >= alt && &x < alt + sizeof alt; siglongjmp(jb, 1); }
static int __attribute__((noinline)) deep(int n) { volatile char b[1024]; b[0] = n; return n < 0 ? 0 : deep(n + 1) + b[0]; }
int main(void) {
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt}, o;
    OK(sigaltstack(0, &o));
    EQ(o.ss_flags, SS_DISABLE);
    OK(sigaltstack(&s, 0));
    OK(sigaltstack(0, &o));
    CHECK(o.ss_sp == alt && o.ss_size == sizeof alt);
    EQ(o.ss_flags, 0);
    struct sigaction a = {.sa_handler = on};
    OK(sigaction(SIGUSR1, &a, 0));
    raise(SIGUSR1);
    EQ(inside, 0);
    a.sa_flags = SA_ONSTACK;
    OK(sigaction(SIGUSR1, &a, 0));
    raise(SIGUSR1);
    EQ(inside, 1);
    EQ(seen.ss_flags, SS_ONSTACK);
    OK(sigaltstack(0, &o));
    EQ(o.ss_flags, 0);
    s.ss_size = 100;
    ERR(sigaltstack(&s, 0), ENOMEM);
    s.ss_size = sizeof alt;
    s.ss_flags = 77;
    ERR(sigaltstack(&s, 0), EINVAL);
    a.sa_handler = overflow;
    OK(sigaction(SIGSEGV, &a, 0));
    inside = 0;
    if (!sigsetjmp(jb, 1)) deep(0);
    EQ(inside, 1);
    inside = 0;
    if (!sigsetjmp(jb, 1)) deep(0);
    EQ(inside, 1);
    s.ss_flags = (int)(1u << 31); // SS_AUTODISARM
    OK(sigaltstack(&s, 0));
    a.sa_handler = on;
    s.ss_flags = SS_DISABLE;
    OK(sigaltstack(&s, 0));
    OK(sigaction(SIGUSR1, &a, 0));
    raise(SIGUSR1);
    EQ(inside, 0);
    DONE();
}
