// REP MOVS and STOS of all sizes, directions, overlaps and lengths against loops.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static uint8_t a[2048], b[2048];
static uint64_t seed = 1;
static uint32_t rnd(void) { seed = seed * 6364136223846793005u + 1442695040888963407u; return seed >> 33; }
#define MOVS(name, insn, size) \
    static void name(uint8_t *d, uint8_t *s, long n, int down) { \
        if (down) __asm__ volatile("std; rep " insn "; cld" : "+D"(d), "+S"(s), "+c"(n)::"memory"); \
        else __asm__ volatile("rep " insn : "+D"(d), "+S"(s), "+c"(n)::"memory"); \
    } \
    static void name##_loop(uint8_t *d, uint8_t *s, long n, int down) { \
        for (long i = 0; i < n; i++) { \
            uint8_t t[8]; long o = (down ? -i : i) * size; \
            for (int k = 0; k < size; k++) t[k] = s[o + k]; \
            for (int k = 0; k < size; k++) d[o + k] = t[k]; \
        } \
    }
#define STOS(name, insn, size) \
    static void name(uint8_t *d, uint32_t v, long n, int down) { \
        if (down) __asm__ volatile("std; rep " insn "; cld" : "+D"(d), "+c"(n) : "a"(v) : "memory"); \
        else __asm__ volatile("rep " insn : "+D"(d), "+c"(n) : "a"(v) : "memory"); \
    }
MOVS(m1, "movsb", 1) MOVS(m2, "movsw", 2) MOVS(m4, "movsl", 4)
STOS(s1, "stosb", 1) STOS(s2, "stosw", 2) STOS(s4, "stosl", 4)
int main(void) {
    void (*m[])(uint8_t *, uint8_t *, long, int) = {m1, m2, m4}, (*l[])(uint8_t *, uint8_t *, long, int) = {m1_loop, m2_loop, m4_loop};
    void (*s[])(uint8_t *, uint32_t, long, int) = {s1, s2, s4};
    unsigned sum = 0, wrong = 0;
    for (int n = 0; n < 20000; n++) {
        int k = rnd() % 3, down = rnd() & 1, size = 1 << k;
        long count = rnd() % (rnd() % 8 ? 40 : 300) / size, src = 1000, dst = 1000 + (long)(rnd() % 64) - 32;
        if (rnd() % 4 == 0) dst = 700 + rnd() % 600;
        if (n % 16 == 0) for (unsigned i = 0; i < sizeof a; i++) a[i] = rnd();
        memcpy(b, a, sizeof a);
        if (rnd() % 3) {
            m[k](a + dst, a + src, count, down);
            l[k](b + dst, b + src, count, down);
        } else {
            uint32_t v = rnd() ^ rnd() << 16;
            s[k](a + dst, v, count, down);
            for (long i = 0; i < count; i++) memcpy(b + dst + (down ? -i : i) * size, &v, size);
        }
        if (memcmp(a, b, sizeof a)) wrong++;
        sum = sum * 31 + a[dst] + a[src];
    }
    printf("%u %u\n", wrong, sum);
}
