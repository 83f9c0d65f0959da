// Quicksort with insertion sort below 12, 3 million integers, twice; then qsort with a comparison function.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#define N 3000000
static uint32_t a[N];
static void quick(uint32_t *lo, uint32_t *hi) {
    while (hi - lo > 12) {
        uint32_t p = lo[(hi - lo) / 2], *i = lo, *j = hi;
        while (i <= j) {
            while (*i < p) i++;
            while (*j > p) j--;
            if (i <= j) { uint32_t t = *i; *i++ = *j; *j-- = t; }
        }
        if (j - lo < hi - i) quick(lo, j), lo = i; else quick(i, hi), hi = j;
    }
    for (uint32_t *i = lo + 1; i <= hi; i++) {
        uint32_t v = *i, *j = i;
        for (; j > lo && j[-1] > v; j--) *j = j[-1];
        *j = v;
    }
}
static int cmp(const void *x, const void *y) { uint32_t a = *(uint32_t *)x, b = *(uint32_t *)y; return a < b ? -1 : a > b; }
int main(void) {
    uint32_t x = 1, s = 0;
    for (int n = 0; n < 2; n++) {
        for (int i = 0; i < N; i++) a[i] = x = x * 1664525 + 1013904223;
        quick(a, a + N - 1);
        for (int i = 0; i < N; i += 1000) s = s * 31 + a[i];
    }
    for (int i = 0; i < N / 4; i++) a[i] = x = x * 1664525 + 1013904223;
    qsort(a, N / 4, 4, cmp);
    for (int i = 0; i < N / 4; i += 1000) s = s * 31 + a[i];
    printf("%08x\n", s);
}
