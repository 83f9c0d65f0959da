// Mapped files: private and shared, offsets, beyond the end (SIGBUS), msync, permissions.
#include "check.h"
#include <setjmp.h>
static sigjmp_buf jb;
static siginfo_t si;
static void on(int s, siginfo_t *i, void *u) { (void)s; (void)u; si = *i; siglongjmp(jb, 1); }
int main(void) {
    tmpdir();
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 3 * 4096));
    EQ(pwrite(fd, "second page", 12, 4096), 12);
    char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
    char *s = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    STREQ(p, "second page");
    strcpy(p, "changed");
    STREQ(s, "second page");
    strcpy(s, "shared");
    STREQ(p, "changed");
    OK(msync(s, 8192, MS_SYNC));
    ERR(msync(s, 8192, 8), EINVAL);
    ERR(msync(s + 1, 1, MS_SYNC), EINVAL);
    char b[16];
    EQ(pread(fd, b, 7, 4096), 7);
    STREQ(b, "shared");
    EQ(pwrite(fd, "written", 8, 8192), 8);
    STREQ(s + 4096, "written");
    STREQ(p + 4096, "written");
    int ro = OK(open("f", O_RDONLY));
    ERR((intptr_t)mmap(0, 4096, PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
    ERR((intptr_t)mmap(0, 4096, PROT_READ, MAP_SHARED, ro, 1), EINVAL);
    char *r = mmap(0, 4096, PROT_READ, MAP_SHARED, ro, 0);
    ERR(mprotect(r, 4096, PROT_READ | PROT_WRITE), EACCES);
    char *w = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
    CHECK(w != MAP_FAILED);
    *w = 1;
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGBUS, &a, 0));
    char *t = mmap(0, 2 * 4096, PROT_READ, MAP_SHARED, fd, 2 * 4096);
    EQ(t[4095], 0);
    if (!sigsetjmp(jb, 1)) { *(volatile char *)(t + 4096 + 5); FAIL("no SIGBUS"); }
    EQ(si.si_signo, SIGBUS);
    EQ(si.si_code, BUS_ADRERR);
    EQ((uintptr_t)si.si_addr, (uintptr_t)(t + 4096 + 5));
    ERR(write(fd, t + 4096, 1), EFAULT);
    OK(close(fd));
    STREQ(s, "shared");
    DONE();
}
