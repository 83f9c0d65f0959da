// The Mandelbrot set by packed AVX2 and FMA doubles. flags: -mavx2 -mfma
#include <immintrin.h>
#include <stdio.h>
int main(void) {
    long total = 0;
    for (int y = 0; y < 3000; y++)
        for (int x = 0; x < 3000; x += 4) {
            __m256d cx = _mm256_add_pd(_mm256_set1_pd(-2.0 + x * 0.00083), _mm256_set_pd(0.00249, 0.00166, 0.00083, 0)), cy = _mm256_set1_pd(-1.25 + y * 0.0025);
            __m256d zx = _mm256_setzero_pd(), zy = zx, n = zx, one = _mm256_set1_pd(1), four = _mm256_set1_pd(4);
            for (int i = 0; i < 150; i++) {
                __m256d x2 = _mm256_mul_pd(zx, zx), in = _mm256_cmp_pd(_mm256_fmadd_pd(zy, zy, x2), four, _CMP_LT_OQ);
                if (!_mm256_movemask_pd(in)) break;
                n = _mm256_add_pd(n, _mm256_and_pd(in, one));
                __m256d t = _mm256_fnmadd_pd(zy, zy, x2);
                zy = _mm256_fmadd_pd(_mm256_add_pd(zx, zx), zy, cy);
                zx = _mm256_add_pd(t, cx);
            }
            double d[4];
            _mm256_storeu_pd(d, n);
            total += (long)(d[0] + d[1] + d[2] + d[3]);
        }
    printf("%ld\n", total);
}
