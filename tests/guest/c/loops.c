// Hot loops that are interrupted: what a handler sees of registers and flags at a fault far into them, signals in loops that wait for them, and a loop that changes itself.
// flags: -msse2
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#define PAGE 4096
#define N (6 * PAGE)
#ifdef __x86_64__
#define R(name) REG_R##name
#define P(name) "r" #name
#else
#define R(name) REG_E##name
#define P(name) "e" #name
#endif
static char *from, *to, *shut;
static int with_vectors;
static unsigned long place(greg_t v) {
  unsigned long a = v, f = (unsigned long)from, t = (unsigned long)to;
  return a - f <= N + 64 ? a - f : a - t <= N + 64 ? 1000000 + a - t : (unsigned)a;
}
static void show(int s, siginfo_t *i, void *u) {
  greg_t *g = ((ucontext_t *)u)->uc_mcontext.gregs;
  printf("signal %d trap %d: ax %lx bx %lx cx %lx dx %lx si %lu di %lu flags %x\n", s, (int)g[REG_TRAPNO], place(g[R(AX)]), place(g[R(BX)]), place(g[R(CX)]),
         place(g[R(DX)]), place(g[R(SI)]), place(g[R(DI)]), (unsigned)g[REG_EFL] & 0x8d5);
#ifdef __x86_64__
  if (with_vectors)
    for (int n = 0; n < 4; n++) {
      uint32_t *x = ((ucontext_t *)u)->uc_mcontext.fpregs->_xmm[n].element;
      printf("  xmm%d %08x %08x %08x %08x\n", n, x[3], x[2], x[1], x[0]);
    }
#endif
  if (shut) mprotect(shut, PAGE, PROT_READ | PROT_WRITE);
  else g[R(SI)] &= ~15l;
  shut = 0;
}
static void close_page(char *p) { shut = p; mprotect(p, PAGE, PROT_NONE); }
static void integers(void) {
  unsigned a = 1, n = N / 4, b = 0;
  char *s = from, *d = to;
  asm volatile("1: add (%%" P(si) "), %%eax; xor %%eax, %%edx; mov %%edx, (%%" P(di) "); add $4, %%" P(si) "; add $4, %%" P(di) "; test $5, %%al; jz 2f; add $3, %%ebx; 2: dec %%ecx; jnz 1b"
               : "+a"(a), "+c"(n), "+b"(b), "+S"(s), "+D"(d) : "d"(7) : "memory", "cc");
  printf("integers %x %x\n", a, b);
}
static void nested(void) {
  unsigned a = 1, n = N / 16, b = 0;
  char *s = from, *d = to;
  asm volatile("1: mov $3, %%edx; 2: add (%%" P(si) "), %%eax; rol $3, %%eax; sub $1, %%edx; jnz 2b; mov 4(%%" P(si) "), %%ebx; mov %%eax, (%%" P(di) "); cmpb $9, %%al; ja 3f; incl 8(%%" P(di) "); 3: add $16, %%" P(si) "; add $16, %%" P(di) "; sub $1, %%ecx; jnz 1b"
               : "+a"(a), "+c"(n), "+b"(b), "+S"(s), "+D"(d) : : "memory", "cc", "edx");
  printf("nested %x %x\n", a, b);
}
static void scalars(void) {
  unsigned n = N / 8;
  char *s = from, *d = to;
  double k = 1.25;
  asm volatile("xorps %%xmm1, %%xmm1; movsd %3, %%xmm2; movups (%0), %%xmm3; 1: movsd (%0), %%xmm0; mulsd %%xmm2, %%xmm0; addsd %%xmm0, %%xmm1; movsd %%xmm1, (%1); unpcklpd %%xmm0, %%xmm3; add $8, %0; add $8, %1; sub $1, %2; jnz 1b"
               : "+S"(s), "+D"(d), "+c"(n) : "m"(k), "a"(1), "b"(2), "d"(3) : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3");
}
static void vectors(long off) {
  char *s = from, *d = to + off, *end = from + N;
  asm volatile("pxor %%xmm1, %%xmm1; 1: movaps (%0), %%xmm0; paddd %%xmm0, %%xmm1; movups %%xmm1, (%1); cvttps2dq %%xmm0, %%xmm2; add $16, %1; add $16, %0; cmp %2, %0; jb 1b"
               : "+S"(s), "+D"(d) : "d"(end), "a"(1), "b"(2), "c"(3) : "memory", "cc", "xmm0", "xmm1", "xmm2");
}
static void misaligned(void) {
  unsigned n = 6000;
  char *s = from;
  asm volatile("1: movaps (%0), %%xmm0; paddd (%0), %%xmm0; lea (%%" P(cx) ", %%" P(cx) ", 4), %%eax; cmp $3000, %%ecx; jne 2f; add $4, %0; 2: sub $1, %%ecx; jnz 1b"
               : "+S"(s), "+c"(n) : "b"(2), "d"(3), "D"(from) : "memory", "cc", "eax", "xmm0");
  printf("misaligned %ld\n", (long)(s - from));
}
static unsigned sum(const char *p) {
  unsigned s = 0;
  for (int i = 0; i < N; i++) s = s * 31 + (unsigned char)p[i];
  return s;
}
static void fill(void) {
  for (int i = 0; i < N / 4; i++) ((uint32_t *)from)[i] = i * 2654435761u >> 3 | 0x3f000000;
  memset(to, 1, N);
}
static volatile sig_atomic_t stop; static sigjmp_buf out; static int jumps;
static void tick(int s) { stop = 1; if (jumps) siglongjmp(out, 1); }
static void timer(void) { struct itimerval v = { .it_value.tv_usec = 20000 }; setitimer(ITIMER_REAL, &v, NULL); }
static void waiting(void) {
  signal(SIGALRM, tick);
  for (int i = 0; i < 3; i++) {
    volatile unsigned long n = 0;
    stop = 0; timer();
    while (!stop) n += n & 5 ? 3 : 1;
    puts("stopped");
  }
  jumps = 1;
  for (int i = 0; i < 3; i++) {
    if (!sigsetjmp(out, 1)) for (unsigned a = (timer(), 1);;) asm volatile("lea 1(%0), %0; add %0, %0" : "+r"(a));
    puts("jumped");
  }
}
static void changing(void) {
  // mov ecx, 5000; xor eax, eax; 1: add eax, 1; sub ecx, 1; cmp ecx, 2000; jne 2f; mov dword ptr [the 1], 7; 2: test ecx, ecx; jnz 1b; ret
  unsigned char code[] = {0xb9, 0x88, 0x13, 0, 0, 0x31, 0xc0, 0x05, 1, 0, 0, 0, 0x83, 0xe9, 1, 0x81, 0xf9, 0xd0, 0x07, 0, 0, 0x75, 10,
                          0xc7, 0x05, 0xe7, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0x85, 0xc9, 0x75, 0xe2, 0xc3};
  unsigned char *p = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(p, code, sizeof code);
#ifndef __x86_64__
  uint32_t at = (uint32_t)p + 8;
  memcpy(p + 25, &at, 4);
#endif
  for (int i = 0; i < 3; i++) {
    printf("changed itself: %d\n", ((int (*)(void))p)());
    p[8] = 1;
  }
}
int main(void) {
  from = mmap(0, N + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  to = mmap(0, N + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction a = { .sa_sigaction = show, .sa_flags = SA_SIGINFO };
  sigaction(SIGSEGV, &a, NULL);
  void (*const loops[])(void) = {integers, nested, scalars};
  for (int k = 0; k < 3; k++)
    for (int store = 0; store < 2; store++)
      for (int page = 3; page < 6; page++) {
        with_vectors = k == 2;
        fill();
        close_page((store ? to : from) + page * PAGE);
        loops[k]();
        printf("loop %d store %d: %x\n", k, store, sum(to));
      }
  with_vectors = 1;
  for (int store = 0; store < 2; store++) {
    fill();
    close_page((store ? to : from) + 4 * PAGE);
    vectors(store ? 8 : 0);
    printf("vectors: %x\n", sum(to));
  }
  with_vectors = 0;
  misaligned(), misaligned();
  waiting();
  changing();
}
