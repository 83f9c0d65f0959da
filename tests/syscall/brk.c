// brk: grow, shrink, zeroes, limits.
#include "check.h"
int main(void) {
    char *a = sbrk(0);
    CHECK(a != (void *)-1);
    EQ((intptr_t)sbrk(10000), (intptr_t)a);
    char *b = sbrk(0);
    EQ(b - a, 10000);
    a[0] = a[9999] = 1;
    OK(brk(a));
    EQ((intptr_t)sbrk(0), (intptr_t)a);
    OK(brk(a + 3 * 4096));
    EQ(a[2 * 4096], 0);
    char *cur = (char *)RAW(SYS_brk, 0);
    EQ((intptr_t)cur, (intptr_t)(a + 3 * 4096));
    // What can't be granted leaves it where it was.
    EQ(RAW(SYS_brk, (char *)0x1000), (intptr_t)cur);
    EQ(RAW(SYS_brk, (char *)-4096L), (intptr_t)cur);
    CHECK(malloc(100000));
    DONE();
}
