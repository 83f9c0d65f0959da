// mmap, munmap, mprotect, fixed addresses, hints, errors.
#include "check.h"
int main(void) {
    char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    EQ((uintptr_t)p & 4095, 0);
    EQ(p[0] | p[12287], 0);
    strcpy(p, "one");
    strcpy(p + 8192, "three");
    OK(munmap(p + 4096, 4096));
    STREQ(p, "one");
    STREQ(p + 8192, "three");
    EQ((intptr_t)mmap(p + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), (intptr_t)(p + 4096));
    EQ(p[4096], 0);
    ERR((intptr_t)mmap(p + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    ERR((intptr_t)mmap(p + 1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    OK(munmap(p, 3 * 4096));
    EQ((intptr_t)mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), (intptr_t)p);
    OK(munmap(p, 4096));
    ERR((intptr_t)mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    ERR((intptr_t)mmap(0, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    ERR((intptr_t)mmap(0, 4096, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
    ERR(munmap(p + 1, 4096), EINVAL);
    ERR(munmap(p, 0), EINVAL);
    ERR(mprotect(p + 1, 4096, PROT_READ), EINVAL);
    ERR(mprotect(p, 4096, PROT_READ), ENOMEM);
    ERR(mprotect(p, 4096, 0x100), EINVAL);
    OK(mprotect(p + 1 - 1, 0, PROT_READ));
    ERR((intptr_t)mmap(0, (size_t)-8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    // Memory that is shared with a child, and memory that is not.
    int *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int *q = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHILD(*s = 5, *q = 5);
    EQ(*s, 5);
    EQ(*q, 0);
    // Code in data: mapped, written, run; rewritten, run again.
    unsigned char *x = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(x != MAP_FAILED);
    for (int i = 0; i < 2000; i += 199) {
        memcpy(x, (unsigned char[]){0xb8, i, i >> 8, 0, 0, 0xc3}, 6);
        EQ(((int (*)(void))x)(), i);
    }
    void *st = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE | MAP_GROWSDOWN, -1, 0);
    CHECK(st != MAP_FAILED);
    DONE();
}
