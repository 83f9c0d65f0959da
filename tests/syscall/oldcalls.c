// abi: 32
// Calls that only old i386 programs make.
#include "check.h"
#include <dirent.h>
#include <sys/time.h>
#include <sys/utsname.h>
static volatile int n;
static void on(int s) { (void)s; n++; }
int main(void) {
    tmpdir();
    put("f", "0123456789");
    int fd = OK(open("f", O_RDWR)), st;
    long long at;
    OK(RAW(SYS__llseek, fd, 0, 4, &at, SEEK_SET));
    EQ(at, 4);
    char b[16];
    EQ(RAW(SYS_pread64, fd, b, 3, 5, 0), 3);
    MEMEQ(b, "567", 3);
    OK(RAW(SYS_ftruncate64, fd, 8, 0));
    OK(RAW(SYS_truncate64, "f", 6, 0));
    EQ(lseek(fd, 0, SEEK_END), 6);
    struct { char s[9], n[9], r[9], v[9], m[9]; } oo;
    OK(RAW(SYS_oldolduname, &oo));
    STREQ(oo.s, "Linux");
    struct { char s[65], n[65], r[65], v[65], m[65]; } ou;
    OK(RAW(SYS_olduname, &ou));
    STREQ(ou.s, "Linux");
    struct { unsigned a, len, prot, flags, fd, off; } m = {0, 4096, PROT_READ, MAP_PRIVATE, fd, 0};
    char *p = (char *)RAW(SYS_mmap, &m);
    CHECK(p != MAP_FAILED);
    MEMEQ(p, "012345", 6);
    char *q = (char *)RAW(SYS_mmap2, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    MEMEQ(q, "012345", 6);
    pid_t c = fork();
    if (!c) _exit(7);
    EQ(RAW(SYS_waitpid, c, &st, 0), c);
    EQ(WEXITSTATUS(st), 7);
    EQ((long)RAW(SYS_signal, SIGUSR1, on), (long)SIG_DFL);
    EQ(RAW(SYS_ssetmask, 1 << (SIGUSR1 - 1)), 0);
    EQ(RAW(SYS_sgetmask), 1 << (SIGUSR1 - 1));
    raise(SIGUSR1);
    EQ(n, 0);
    unsigned pend;
    OK(RAW(SYS_sigpending, &pend));
    CHECK(pend & 1 << (SIGUSR1 - 1));
    RAW(SYS_ssetmask, 0);
    EQ(n, 1);
    struct { void *h; unsigned m, f; void *r; } act = {on, 0, 0, 0}, old;
    OK(RAW(SYS_sigaction, SIGUSR2, &act, 0));
    OK(RAW(SYS_sigaction, SIGUSR2, 0, &old));
    CHECK(old.h == on);
    raise(SIGUSR2);
    EQ(n, 2);
    unsigned set = 1 << (SIGUSR2 - 1), oset;
    OK(RAW(SYS_sigprocmask, SIG_BLOCK, &set, &oset));
    raise(SIGUSR2);
    EQ(n, 2);
    ERR(RAW(SYS_sigsuspend, 0, 0, 0), EINTR);
    EQ(n, 3);
    CHECK(labs(RAW(SYS_time, 0) - time(0)) <= 1);
    OK(RAW(SYS_nice, 1));
    EQ(RAW(SYS_getuid), getuid());
    EQ(RAW(SYS_getegid), getegid());
    OK(RAW(SYS_chown, "f", -1, -1));
    OK(RAW(SYS_lchown, "f", getuid(), getgid()));
    OK(RAW(SYS_fchown, fd, -1, -1));
    unsigned short r, e, s;
    OK(RAW(SYS_getresuid, &r, &e, &s));
    EQ(e, geteuid());
    struct { unsigned long ino, off; unsigned short len; char name[256]; } de;
    int d = OK(open(".", O_RDONLY | O_DIRECTORY));
    EQ(RAW(SYS_readdir, d, &de, 1), 1);
    CHECK(de.len >= 1 && strlen(de.name) == de.len);
    OK(RAW(SYS_unlink, "f"));
    EQ(RAW(SYS_creat, "g", 0600) >= 0, 1);
    struct { unsigned long a; } al = {0};
    (void)al;
    EQ(RAW(SYS_alarm, 0), 0);
    EQ(RAW(SYS_getpgrp), getpgrp());
    OK(RAW(SYS_umask, 022) >= 0 ? 0 : -1);
    DONE();
}
