// work: 3000000 100000
// Hot loops of every kind: what the translator is for. Integer, 64-bit on 32, strings, calls, switches, floating point, tables.
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
static unsigned crc_table[256]; typedef int (*op)(int, int);
static int add(int a, int b) { return a + b; } static int sub(int a, int b) { return a - b; } static int mul(int a, int b) { return a * b; } static int mix(int a, int b) { return (a << 3 ^ b) + (a >> 5); }
__attribute__((noinline)) static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) static int vm(const unsigned char *code, int n) { int acc = 0, pc = 0, x = 1; for (int i = 0; i < n; i++) switch (code[pc++ & 15]) { case 0: acc += x; break; case 1: x ^= acc; break; case 2: acc = acc << 1 | (unsigned)acc >> 31; break; case 3: x = x * 3 + 1; break; case 4: acc -= i; break; case 5: pc += x & 1; break; case 6: acc = acc % 10007; break; default: x += pc; } return acc ^ x; }
int main(void) {
  long n = atol(getenv("N") ? getenv("N") : "10000");
  for (unsigned i = 0; i < 256; i++) { unsigned c = i; for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1; crc_table[i] = c; }
  unsigned crc = ~0u; for (long i = 0; i < n; i++) crc = crc_table[(crc ^ i) & 255] ^ crc >> 8; printf("crc %08x\n", crc);
  uint64_t h = 14695981039346656037ull; for (long i = 0; i < n; i++) { h ^= i & 255; h *= 1099511628211ull; h = h << 7 | h >> 57; } printf("hash %016llx\n", (unsigned long long)h);
  uint64_t s = 1, q = 0; for (long i = 1; i < n / 10; i++) { s = s * 6364136223846793005ull + 1442695040888963407ull; q += s / (i | 1) + s % (uint64_t)(i * 7 + 3); } printf("div %016llx\n", (unsigned long long)q);
  op ops[] = { add, sub, mul, mix }; int v = 1; for (long i = 0; i < n; i++) v = ops[(v ^ i) & 3](v, (int)i); printf("calls %d\n", v); printf("fib %d\n", fib(n > 1000000 ? 27 : 18));
  unsigned char code[16] = { 0, 3, 1, 2, 4, 6, 5, 0, 7, 1, 3, 2, 6, 4, 9, 5 }; printf("vm %d\n", vm(code, (int)n));
  double d = 0, x = 1; for (long i = 1; i < n / 4; i++) { x = x * 1.0000001 + 1e-7; d += x / i - (double)(i % 17) * 0.25; } printf("double %.12g\n", d); float f = 0; for (long i = 1; i < n / 4; i++) f = f * 0.999f + (float)(i & 1023) / 7; printf("float %.7g\n", f); long double l = 0; for (long i = 1; i < n / 20; i++) l += 1.0L / i; printf("long double %.15Lg\n", l);
  static double a[48][48], b[48][48], c[48][48]; for (int i = 0; i < 48; i++) for (int j = 0; j < 48; j++) a[i][j] = i * 0.5 + j, b[i][j] = i - j * 0.25; for (int i = 0; i < 48; i++) for (int j = 0; j < 48; j++) { double t = 0; for (int k = 0; k < 48; k++) t += a[i][k] * b[k][j]; c[i][j] = t; } printf("matmul %.10g\n", c[7][31] + c[40][2]);
  char *t = malloc(n + 1); for (long i = 0; i < n; i++) t[i] = "abcdefghij"[(i * i + i / 3) % 10]; t[n] = 0; long words = 0; for (char *p = t; (p = strstr(p, "abc")); p++) words++; printf("strings %ld %zu %p\n", words, strlen(t), memchr(t, 'z', n)); int16_t *w = malloc(n * 2 + 16); long sum = 0; for (long i = 0; i < n; i++) w[i] = (int16_t)(i * 31); for (long i = 0; i < n; i++) sum += w[i] > 0 ? w[i] : -(w[i] >> 1); printf("words %ld\n", sum);
  uint8_t sieve[20000] = { 0 }; int primes = 0; for (int i = 2; i < 20000; i++) if (!sieve[i]) { primes++; for (int j = i * 2; j < 20000; j += i) sieve[j] = 1; } printf("primes %d\n", primes); free(t); free(w);
  return 0;
}
