// Recursive calls.
#include <stdio.h>
__attribute__((noinline)) static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) static unsigned ack(unsigned m, unsigned n) { return !m ? n + 1 : ack(m - 1, n ? ack(m, n - 1) : 1); }
int main(void) { printf("%u %u\n", fib(41), ack(2, 4000)); }
