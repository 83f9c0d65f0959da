// Fixed mappings and hints anywhere in the 47 bits of an x86-64 program, and what becomes of them.
// abi: 64
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define HIGH ((char *)0x100200000000)
#define HIGHER ((char *)0x7a0000000000)

static void use(char *p, size_t len) {
    CHECK(p[0] == 0 && p[len - 1] == 0);
    memset(p, 0x5a, len);
    CHECK(p[len / 2] == 0x5a);
    // An access over the boundary of two pages.
    *(long *)(p + 4096 - 3) = 0x1122334455667788;
    CHECK(*(volatile int *)(p + 4096 - 3) == 0x55667788);
    // The kernel reads and writes there, too.
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], p + 100, 50) == 50);
    memset(p + 100, 0, 50);
    CHECK(read(fds[0], p + 100, 50) == 50 && p[149] == 0x5a);
    struct iovec *v = (struct iovec *)p;
    v->iov_base = p + 200, v->iov_len = 8;
    CHECK(writev(fds[1], v, 1) == 8);
    ERR(write(fds[1], p + len, 1), EFAULT);
    close(fds[0]), close(fds[1]);
}

int main(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *places[] = {HIGH, HIGHER};
    for (int i = 0; i < 2; i++) {
        char *p = mmap(places[i], 8192, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0);
        CHECK(p == places[i]);
        use(p, 8192);
        CHECK(mmap(p, 4096, PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
        CHECK(mremap(p, 8192, 16384, 0) == p && p[12000] == 0);
        CHECK(mmap(p + 4096, 4096, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == p + 4096 && p[4096] == 0);
        CHECK(munmap(p, 16384) == 0);
        ERR(mprotect(p, 4096, PROT_READ), ENOMEM);
        // A hint that can be followed is.
        CHECK(mmap(p, 8192, PROT_READ | PROT_WRITE, flags, -1, 0) == p);
        use(p, 8192);
        // One that can't is not.
        CHECK(mmap(p, 4096, PROT_READ, flags, -1, 0) != p);
        char *q = mmap(0, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
        q[0] = 7;
        CHECK(mremap(q, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, p + 65536) == p + 65536 && p[65536] == 7);
        CHECK(munmap(p, 131072) == 0);
    }
    // A large part of it all.
    char *p = mmap(HIGH, 1ul << 43, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0);
    CHECK(p == HIGH);
    p[(1ul << 43) - 1] = 3;
    CHECK(munmap(p, 1ul << 43) == 0);
    CHECK(mmap((void *)0x7ffffffff000, 4096, PROT_READ, flags | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
    DONE();
}
