// float, double, long double: arithmetic, conversions, libm, rounding modes, exceptions, comparisons with NaN.
#include <stdio.h>
#include <math.h>
#include <float.h>
#include <fenv.h>
#include <stdint.h>
#include <string.h>
#include <complex.h>
#pragma STDC FENV_ACCESS ON
static volatile double one = 1, three = 3, zero = 0, big = 1e300, tiny = 1e-310; static volatile float f1 = 1, f3 = 3; static volatile long double l1 = 1, l3 = 3, l10 = 1e10L;
static void bits(const char *s, double d) { uint64_t u; memcpy(&u, &d, 8); printf("%s %.17g %016llx\n", s, d, (unsigned long long)u); }
static void lbits(const char *s, long double d) { unsigned char b[16] = { 0 }; memcpy(b, &d, 10); printf("%s %.20Lg ", s, d); for (int i = 9; i >= 0; i--) printf("%02x", b[i]); puts(""); }
int main(void) {
  bits("1/3", one / three); bits("1/0", one / zero); bits("-1/0", -one / zero); bits("big*big", big * big); bits("tiny/3", tiny / three); bits("sqrt", sqrt(three)); bits("fma", fma(one / 3, three, -one));
  printf("%.9g %.9g %.9g\n", f1 / f3, (float)(one / three), (float)1e-40); printf("nan %d %d %d %d %d\n", zero / zero == zero / zero, isnan(zero / zero), zero / zero < one, isinf(one / zero), signbit(-zero) != 0);
  lbits("l 1/3", l1 / l3); lbits("l sqrt", sqrtl(l3)); lbits("l mul", l10 * l10 * 3.7L); lbits("l sub", 1.0L - 1e-19L); lbits("l pi", acosl(-1)); lbits("l exp", expl(l3)); lbits("l log", logl(l10)); lbits("l sin", sinl(l3)); lbits("l tan", tanl(l1)); lbits("l pow", powl(l3, 41.5L)); lbits("l fmod", fmodl(l10, 7.3L)); lbits("l cbrt", cbrtl(l10)); lbits("l atan2", atan2l(l1, l3)); lbits("l max", LDBL_MAX); lbits("l min", LDBL_MIN / 1024);
  for (double x = -3; x < 4; x += 1.37) printf("%.15g %.15g %.15g %.15g %.15g %.15g %.15g %.15g\n", sin(x), cos(x), tan(x), exp(x), log(fabs(x)), pow(fabs(x), x), atan(x), tanh(x));
  for (double x = -2.5; x < 3; x += 0.5) printf("%g: %g %g %g %g %g %ld %lld %d %u\n", x, floor(x), ceil(x), trunc(x), round(x), rint(x), lrint(x), llround(x), (int)x, (unsigned)(int)x);
  int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
  for (int i = 0; i < 4; i++) { fesetround(modes[i]); bits("mode", one / three); printf("%.9g %ld %.1f\n", f1 / f3, lrint(2.5 * one), rint(-1.5 * one)); lbits("mode", l1 / l3); } fesetround(FE_TONEAREST);
  feclearexcept(FE_ALL_EXCEPT); volatile double r = one / zero; printf("divbyzero %d", fetestexcept(FE_DIVBYZERO) != 0); r = big * big; printf(" overflow %d", fetestexcept(FE_OVERFLOW) != 0); r = sqrt(-one); printf(" invalid %d", fetestexcept(FE_INVALID) != 0); r = one / three; printf(" inexact %d\n", fetestexcept(FE_INEXACT) != 0);
  printf("%lld %llu %lld %d\n", (long long)(big > 0 ? 1e18 : 0), (unsigned long long)1.5e19, (long long)-9.2e18L, (int)-2147483648.0); printf("%.17g %.17g %.20Lg\n", (double)UINT64_MAX, (double)INT64_MIN, (long double)UINT64_MAX);
  int e; double m = frexp(123.456, &e); printf("%.17g %d %.17g %.17g %d %.17g\n", m, e, ldexp(m, 3), nextafter(1, 2), ilogb(1e10), remainder(10, 3.3)); printf("%.15g %.15g %.15g %.15g\n", tgamma(4.5), lgamma(10.1), erf(0.5), hypot(3e200, 4e200));
  double complex z = cexp(I * 1.25) * (2 + 3 * I); printf("%.15g %.15g\n", creal(z), cimag(z)); double s = 0; for (int i = 1; i < 20000; i++) s += 1.0 / i / i * (i % 2 ? 1 : -1); bits("sum", s); float fs = 0; for (int i = 1; i < 5000; i++) fs += 1.0f / i; printf("%.9g\n", fs); long double ls = 0; for (int i = 1; i < 5000; i++) ls += 1.0L / i; lbits("lsum", ls);
  return 0;
}
