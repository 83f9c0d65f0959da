// The Mandelbrot set by packed SSE2 doubles.
#include <emmintrin.h>
#include <stdio.h>
int main(void) {
    long total = 0;
    for (int y = 0; y < 2100; y++)
        for (int x = 0; x < 2100; x += 2) {
            __m128d cx = _mm_set_pd(-2.0 + (x + 1) * 0.00116, -2.0 + x * 0.00116), cy = _mm_set1_pd(-1.25 + y * 0.00116);
            __m128d zx = _mm_setzero_pd(), zy = zx, n = zx, one = _mm_set1_pd(1), four = _mm_set1_pd(4);
            for (int i = 0; i < 150; i++) {
                __m128d x2 = _mm_mul_pd(zx, zx), y2 = _mm_mul_pd(zy, zy), in = _mm_cmplt_pd(_mm_add_pd(x2, y2), four);
                if (!_mm_movemask_pd(in)) break;
                n = _mm_add_pd(n, _mm_and_pd(in, one));
                zy = _mm_add_pd(_mm_mul_pd(_mm_add_pd(zx, zx), zy), cy);
                zx = _mm_add_pd(_mm_sub_pd(x2, y2), cx);
            }
            double d[2];
            _mm_storeu_pd(d, n);
            total += (long)(d[0] + d[1]);
        }
    printf("%ld\n", total);
}
