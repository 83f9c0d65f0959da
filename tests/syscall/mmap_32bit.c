// abi: 64
// MAP_32BIT: the hint is kept if it is free and below 2 GiB (SBCL needs that), else the mapping goes to the second GiB.
#include "check.h"
#define AT ((void *)0x50000000)
static char *map(void *hint, size_t len) { return mmap(hint, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1, 0); }
static int second_gib(char *p, size_t len) { return p >= (char *)0x40000000 && p + len <= (char *)0x80000000; }
int main(void) {
    CHECK(map(AT, 1 << 20) == AT);
    char *p = map(AT, 1 << 20);
    CHECK(p != AT && second_gib(p, 1 << 20));
    p[0] = 1;
    CHECK(second_gib(map(0, 4096), 4096));
    CHECK(second_gib(map((void *)0x100000000, 4096), 4096));
    CHECK(second_gib(map((void *)0x7ffff000, 8192), 8192));
    CHECK(map((void *)0x30000000, 4096) == (void *)0x30000000);
    ERR(map(0, 0x40001000), ENOMEM);
    DONE();
}
