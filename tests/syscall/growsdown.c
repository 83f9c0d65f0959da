// MAP_GROWSDOWN: a mapping grows when something below it is accessed, by the program or by the kernel for it, up to the limit and with a distance.
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static sigjmp_buf out;
static void on_segv(int s, siginfo_t *i, void *u) { siglongjmp(out, i->si_code); }
static int touch(volatile char *p) {
    int code = sigsetjmp(out, 1);
    if (code) return code;
    *p = 1;
    return 0;
}
static int look(volatile char *p) {
    int code = sigsetjmp(out, 1);
    if (code) return code;
    return *p ? -1 : 0;
}
#define KB 1024
#define MB (1024 * KB)

int main(void) {
    char alt[16384];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    CHECK(sigaltstack(&ss, 0) == 0);
    struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &sa, 0);
    struct rlimit lim = {8 * MB, RLIM_INFINITY};
    getrlimit(RLIMIT_STACK, &lim);
    lim.rlim_cur = 8 * MB;
    CHECK(setrlimit(RLIMIT_STACK, &lim) == 0);

    // Room of 32 MiB, a stack of 64 KiB at its end.
    char *room = mmap(0, 32 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    CHECK(munmap(room, 32 * MB) == 0);
    char *top = room + 32 * MB;
    char *st = mmap(top - 64 * KB, 64 * KB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    CHECK(st == top - 64 * KB);
    printf("inside %d\n", touch(st));
    printf("one below %d\n", touch(st - 1));
    printf("far below %d\n", touch(top - 4 * MB + 1));
    printf("between %d\n", look(top - 2 * MB));
    printf("read below %d\n", look(top - 6 * MB));
    printf("the last page %d\n", touch(top - 8 * MB));
    printf("beyond the limit %d\n", touch(top - 8 * MB - 1));
    CHECK(munmap(top - 8 * MB, 8 * MB) == 0);
    printf("gone %d\n", touch(top - 4096));

    // The kernel's accesses.
    st = mmap(top - 64 * KB, 64 * KB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK(write(p[1], "0123456789", 10) == 10);
    printf("read(2) below %d\n", (int)read(p[0], top - 1 * MB, 10));
    printf("%.10s\n", top - 1 * MB);
    printf("write(2) from below %d\n", (int)write(p[1], top - 2 * MB, 5));
    CHECK(getrlimit(RLIMIT_STACK, (struct rlimit *)(top - 3 * MB)) == 0);
    printf("getrlimit below %d\n", ((struct rlimit *)(top - 3 * MB))->rlim_cur == 8 * MB);

    // What is accessible below keeps it away, what isn't doesn't.
    char *low = mmap(top - 5 * MB, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(low == top - 5 * MB);
    printf("near a neighbour %d\n", touch(low + 4096 + 255 * 4096));
    printf("at a distance %d\n", touch(low + 4096 + 256 * 4096));
    CHECK(mprotect(low, 4096, PROT_NONE) == 0);
    printf("near nothing %d\n", touch(low + 4096));
    printf("the neighbour %d\n", touch(low));
    CHECK(munmap(low, 5 * MB) == 0);

    // Not for what is shared, or a file.
    errno = 0;
    printf("shared %d", mmap(0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0) == MAP_FAILED);
    printf(" %s\n", strerror(errno));
    // Others keep their distance when the kernel chooses.
    st = mmap(top - 4 * MB, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    char *hint = mmap(st - 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("hint just below %d\n", hint == st - 4096);
    char *fine = mmap(st - 257 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("hint at a distance %d\n", fine == st - 257 * 4096);
    return 0;
}
