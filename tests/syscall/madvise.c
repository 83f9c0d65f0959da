// madvise, mincore, mlock, msync and their errors.
#include "check.h"
int main(void) {
    char *p = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = p[4096] = 1;
    OK(madvise(p, 4096, MADV_DONTNEED));
    EQ(p[0], 0);
    EQ(p[4096], 1);
    OK(madvise(p, 4 * 4096, MADV_WILLNEED));
    OK(madvise(p, 4 * 4096, MADV_DONTFORK));
    OK(madvise(p, 4 * 4096, MADV_DOFORK));
    ERR(madvise(p + 1, 4096, MADV_NORMAL), EINVAL);
    ERR(madvise(p, 4096, 9999), EINVAL);
    unsigned char v[4];
    p[2 * 4096] = 1;
    OK(mincore(p, 4 * 4096, v));
    EQ(v[1] & 1, 1);
    EQ(v[2] & 1, 1);
    ERR(mincore(p + 1, 4096, v), EINVAL);
    ERR(mincore(p, 4096, BAD), EFAULT);
    OK(mlock(p, 4096));
    OK(munlock(p, 4096));
    OK(mlock2(p, 4096, MLOCK_ONFAULT));
    OK(munlockall());
    OK(munmap(p, 4 * 4096));
    ERR(mincore(p, 4096, v), ENOMEM);
    ERR(madvise(p, 4096, MADV_DONTNEED), ENOMEM);
    ERR(mlock(p, 4096), ENOMEM);
    ERR(msync(p, 4096, MS_ASYNC), ENOMEM);
    // MADV_WIPEONFORK
    p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *p = 9;
    OK(madvise(p, 4096, MADV_WIPEONFORK));
    CHILD(EQ(*p, 0));
    EQ(*p, 9);
    DONE();
}
