// Checks for the programs in this directory: each prints `ok NAME` and exits with 0, says what failed and exits with 1, or says why
// it can't run here and exits with 77. A program is right when it passes on real Linux, in every ABI that it names.
//
// Comments that runtime/tests/syscall.rs reads, each on a line of its own near the top:
//   // abi: 64        only this ABI (64 or 32); both without it
//   // missing: 32 …  under forklift this ABI doesn't pass, and why: not run there
//   // cpu: x86-64-v3 the CPU model under forklift, if not the default one
//   // jit: hot=8     options of the JIT, as in FORKLIFT_JIT
//   // link: dynamic  linked dynamically; statically without it
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#define ABI64 1
#else
#define ABI64 0
#endif

#define FAIL(...) (fprintf(stdout, "%s:%d: ", __FILE_NAME__, __LINE__), fprintf(stdout, __VA_ARGS__), fputc('\n', stdout), fflush(stdout), _exit(1))
#define SKIP(...) (fprintf(stdout, "skipped: "), fprintf(stdout, __VA_ARGS__), fputc('\n', stdout), fflush(stdout), _exit(77))

// `c` is true.
#define CHECK(c) do { if (!(c)) FAIL("not true: %s (errno %d, %s)", #c, errno, strerror(errno)); } while (0)
// Integers `a` and `b` are equal.
#define EQ(a, b) do { long long a_ = (long long)(a), b_ = (long long)(b); \
    if (a_ != b_) FAIL("%s is %lld (%#llx), not %s = %lld (%#llx), errno %d", #a, a_, a_, #b, b_, b_, errno); } while (0)
// Strings `a` and `b` are equal.
#define STREQ(a, b) do { const char *a_ = (a), *b_ = (b); if (strcmp(a_, b_)) FAIL("%s is \"%s\", not \"%s\"", #a, a_, b_); } while (0)
// `n` bytes at `a` and `b` are equal.
#define MEMEQ(a, b, n) do { if (memcmp((a), (b), (n))) FAIL("%s and %s differ", #a, #b); } while (0)
// The call succeeds (does not return -1); its value.
#define OK(e) ({ errno = 0; long long r_ = (long long)(e); if (r_ == -1) FAIL("%s: %s", #e, strerror(errno)); r_; })
// The call returns -1 with this errno.
#define ERR(e, want) do { errno = 0; long long r_ = (long long)(e); int e_ = errno; \
    if (r_ != -1 || e_ != (want)) FAIL("%s gave %lld, errno %d (%s), not %s", #e, r_, e_, strerror(e_), #want); } while (0)

#define DONE() do { char n_[] = __FILE_NAME__; n_[strlen(n_) - 2] = 0; printf("ok %s\n", n_); fflush(stdout); exit(0); } while (0)

// Raw system calls, as libc's syscall() makes them.
#define RAW(n, ...) syscall(n __VA_OPT__(, ) __VA_ARGS__)

static char tmp_[64];
static int tmp_pid_;
__attribute__((unused)) static int tmp_rm_(const char *p, const struct stat *s, int t, struct FTW *f) { (void)s; (void)t; (void)f; return remove(p); }
__attribute__((unused)) static void tmp_end_(void) { if (getpid() == tmp_pid_ && chdir("/") == 0) nftw(tmp_, tmp_rm_, 8, FTW_DEPTH | FTW_PHYS); }
// Makes an empty directory and goes there; it is removed at exit.
__attribute__((unused)) static const char *tmpdir(void) {
    strcpy(tmp_, "/tmp/fl-syscall-XXXXXX");
    CHECK(mkdtemp(tmp_));
    OK(chdir(tmp_));
    tmp_pid_ = getpid();
    atexit(tmp_end_);
    return tmp_;
}
// Makes a file with these contents.
__attribute__((unused)) static void put(const char *path, const char *text) {
    int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    EQ(write(fd, text, strlen(text)), (long)strlen(text));
    OK(close(fd));
}
// The contents of a file, of up to 4095 bytes.
__attribute__((unused)) static char *get(const char *path) {
    static char b[4096];
    int fd = OK(open(path, O_RDONLY));
    long n = OK(read(fd, b, sizeof b - 1));
    b[n] = 0;
    OK(close(fd));
    return b;
}
// A writable page behind which nothing is mapped: the address of the hole.
__attribute__((unused)) static char *page_end(void) {
    char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    OK(munmap(p + 4096, 4096));
    return p + 4096;
}
// Sleeps for `ms` milliseconds, or less if a signal comes.
__attribute__((unused)) static void msleep(int ms) { struct timespec t = {ms / 1000, ms % 1000 * 1000000L}; nanosleep(&t, 0); }
// Waits for child `pid`; its status.
__attribute__((unused)) static int wait_for(pid_t pid) { int s; EQ(waitpid(pid, &s, 0), pid); return s; }
// Runs the statement in a child, which exits with 0 behind it; checks that it did.
#define CHILD(...) do { fflush(stdout); pid_t p_ = fork(); CHECK(p_ >= 0); if (!p_) { __VA_ARGS__; _exit(0); } EQ(wait_for(p_), 0); } while (0)
// An address that no program has mapped.
#define BAD ((void *)8)
#endif
