// work: 300 60
// Code that is written while the program runs: a small generator, code patched between calls, code in the page of its writer's data.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
typedef int (*fn)(int);
int main(void) {
  int n = atoi(getenv("N") ? getenv("N") : "50");
  unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  long total = 0;
  for (int i = 0; i < n; i++) { unsigned char c[] = { 0xb8, i, 0, 0, 0, 0xc3 }; memcpy(p, c, 6); total += ((fn)p)(0); }
  printf("rewritten: %ld\n", total);
  for (int i = 0; i < n; i++) for (int j = 0; j < 20; j++) { unsigned char *q = p + 64 * j; unsigned char c[] = { 0xb8, i + j, 0, 0, 0, 0xc3 }; memcpy(q, c, 6); total += ((fn)q)(0); }
  printf("twenty functions: %ld\n", total);
  /* A counter in the page of the code that counts: every store is beside translations. */
#ifdef __x86_64__
  unsigned char loop[] = { 0xb9, 0xe8, 3, 0, 0, 0xff, 0x05, 0xf5, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf6, 0xc3 };
  memset(p + 0x100, 0, 8); memcpy(p, loop, sizeof loop); int *counter = (int *)(p + 0x0b + 0xf5); *counter = 0; ((void (*)(void))p)(); printf("beside: %d\n", *counter);
#endif
  /* Protect, run, unprotect, change, run: what a JIT does. */
  for (int i = 0; i < 10; i++) { mprotect(p, 4096, PROT_READ | PROT_WRITE); unsigned char c[] = { 0xb8, i * 3, 0, 0, 0, 0xc3 }; memcpy(p, c, 6); mprotect(p, 4096, PROT_READ | PROT_EXEC); for (int j = 0; j < 1000; j++) total += ((fn)p)(0); }
  printf("protected: %ld\n", total);
  munmap(p, 8192); unsigned char *q = mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); unsigned char c[] = { 0xb8, 99, 0, 0, 0, 0xc3 }; memcpy(q, c, 6); printf("mapped anew: %d\n", ((fn)q)(0));
  return 0;
}
