// printf, strings, sorting, conversions, allocation, files, time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <limits.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <stdint.h>
#include <inttypes.h>
#include <wchar.h>
#include <stddef.h>
static int by_value(const void *a, const void *b) { int x = *(const int *)a, y = *(const int *)b; return (x > y) - (x < y); }
int main(int argc, char **argv) {
  printf("%d %i %u %x %X %o %c %s %5d|%-5d|%05d %+d %%\n", -1, 2, 3u, 255, 255, 8, 'c', "str", 42, 42, 42, 42);
  printf("%f %e %g %a %.3f %10.2f %Lf %.18Lg %La\n", 3.14159, 12345.678, 1e-5, 1.0, 2.0 / 3, -1.5, 1.0L / 3, 2.0L / 3, 1.5L);
  printf("%ld %lld %zu %jd %hhd %hd\n", 1L << 30, 1LL << 40, sizeof(int), (intmax_t)-5, (char)300, (short)70000);
  printf("%" PRIu64 " %" PRIx64 " %lld %lld\n", UINT64_MAX, UINT64_C(0x123456789abcdef), LLONG_MIN / 7, LLONG_MAX % 1000007);
  char b[100]; int n = snprintf(b, 10, "%s", "a long string"); printf("%d %s\n", n, b);
  static int v[20000]; unsigned seed = 1;
  for (int i = 0; i < 20000; i++) v[i] = (int)((seed = seed * 1103515245u + 12345u) >> 8) - (1 << 22);
  qsort(v, 20000, sizeof *v, by_value);
  int key = v[777]; int *found = bsearch(&key, v, 20000, sizeof *v, by_value);
  printf("%d %d %d %d\n", v[0], v[10000], v[19999], *found == key);
  printf("%ld %lu %.17g %.17g %.20Lg\n", strtol("-0x7f", NULL, 0), strtoul("777", NULL, 8), strtod("1.7976931348623157e308", NULL), atof("4.9e-324"), strtold("0.1", NULL));
  errno = 0; strtol("999999999999999999999", NULL, 10); printf("%d %s\n", errno == ERANGE, strerror(ENOENT));
  char s[300]; memset(s, 'x', 299); s[299] = 0;
  printf("%zu %td %td %d\n", strlen(s), strchr("hello", 'l') - "hello" >= 0 ? (ptrdiff_t)2 : 0, (ptrdiff_t)strcspn("abc,def", ","), strcmp("abc", "abd"));
  memmove(s + 3, s, 200); memcpy(s, "abc", 3); printf("%.8s %s %p\n", s, strstr("needle in a haystack", "hay"), (void *)0);
  char t[] = "a:b::c"; for (char *p = strtok(t, ":"); p; p = strtok(NULL, ":")) printf("[%s]", p);
  puts("");
  size_t sum = 0; void *ptr[500];
  for (int r = 0; r < 4; r++) { for (int i = 0; i < 500; i++) { ptr[i] = malloc((i * 37 + r) % 5000 + 1); memset(ptr[i], i, 1); } for (int i = 0; i < 500; i++) { sum += *(unsigned char *)ptr[i]; free(ptr[i]); } }
  char *big = realloc(calloc(1, 1 << 20), 1 << 24); big[(1 << 24) - 1] = 1; printf("%zu %d\n", sum, big[100]); free(big);
  FILE *f = fopen("out.txt", "w+"); for (int i = 0; i < 1000; i++) fprintf(f, "%d,%d\n", i, i * i);
  rewind(f); int a, c, total = 0; while (fscanf(f, "%d,%d", &a, &c) == 2) total += c % 1000; printf("%d %ld\n", total, ftell(f)); fclose(f);
  struct tm tm; time_t when = 1234567890; gmtime_r(&when, &tm); strftime(b, sizeof b, "%Y-%m-%d %H:%M:%S %j %a", &tm); puts(b);
  wchar_t w[] = L"wide"; printf("%ls %zu\n", w, wcslen(w));
  printf("%d %d %d\n", toupper('a'), isalpha('1') != 0, isspace(' ') != 0);
  printf("%d %s %d\n", argc, strrchr(argv[0], '/') != NULL ? "path" : "none", getenv("HOME") != NULL);
  div_t d = div(-7, 2); lldiv_t ld = lldiv(-70000000000LL, 3); printf("%d %d %lld %lld %d\n", d.quot, d.rem, ld.quot, ld.rem, abs(-3));
  fprintf(stderr, "to stderr\n");
  return 42;
}
