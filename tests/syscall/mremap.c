// mremap: shrink, grow in place, move, fixed, DONTUNMAP.
#include "check.h"
int main(void) {
    char *p = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++) p[i * 4096] = 'a' + i;
    EQ((intptr_t)mremap(p, 4 * 4096, 2 * 4096, 0), (intptr_t)p);
    EQ((intptr_t)mremap(p, 2 * 4096, 4 * 4096, 0), (intptr_t)p);
    EQ(p[4096], 'b');
    EQ(p[8192], 0);
    // Something in the way.
    OK(munmap(p + 8192, 8192));
    char *w = mmap(p + 8192, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(w == p + 8192);
    ERR((intptr_t)mremap(p, 8192, 1 << 20, 0), ENOMEM);
    char *q = mremap(p, 8192, 1 << 20, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p);
    EQ(q[0], 'a');
    EQ(q[4096], 'b');
    q[(1 << 20) - 1] = 1;
    ERR(mprotect(p, 4096, PROT_READ), ENOMEM);
    char *t = mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EQ((intptr_t)mremap(q, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, t), (intptr_t)t);
    EQ(t[4096], 'b');
    char *d = mremap(t, 8192, 8192, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    CHECK(d != MAP_FAILED && d != t);
    EQ(d[4096], 'b');
    EQ(t[4096], 0);
    ERR((intptr_t)mremap(t + 1, 4096, 4096, 0), EINVAL);
    ERR((intptr_t)mremap(t, 4096, 0, 0), EINVAL);
    ERR((intptr_t)mremap(t, 4096, 8192, 8), EINVAL);
    ERR((intptr_t)mremap(page_end(), 4096, 8192, MREMAP_MAYMOVE), EFAULT);
    // A shared mapping, duplicated by an old size of 0.
    char *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *s2 = mremap(s, 0, 4096, MREMAP_MAYMOVE);
    CHECK(s2 != MAP_FAILED && s2 != s);
    *s = 'x';
    EQ(*s2, 'x');
    DONE();
}
