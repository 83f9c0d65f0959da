// Long doubles: polynomials, square roots, a little of the transcendental functions.
#include <math.h>
#include <stdio.h>
int main(void) {
    long double s = 0, x = 0.5L;
    for (int n = 0; n < 24000000; n++) {
        long double t = x * x, p = 1 + t * (0.5L + t * (0.25L + t * (0.125L - t * 0.0625L)));
        s += p / (1 + x);
        x = x * 1.0000001L + (n & 7) * 0.001L;
        if (x > 1) x -= 0.75L;
    }
    for (int n = 0; n < 800000; n++) s += sinl(n * 0.001L) + sqrtl(n);
    printf("%.15Lg\n", s);
}
