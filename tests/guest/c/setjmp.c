// setjmp and longjmp, nested, with signal masks, out of handlers.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static jmp_buf a; static sigjmp_buf b;
static void deep(int n) { volatile char pad[200]; pad[0] = n; if (n == 0) longjmp(a, 7); deep(n - 1); }
static void on_segv(int s, siginfo_t *i, void *u) { siglongjmp(b, i->si_addr == (void *)16 ? 3 : 4); }
int main(void) {
  volatile int count = 0; int r = setjmp(a);
  count++; printf("setjmp %d, %d\n", r, count);
  if (count < 5) deep(count * 10);
  struct sigaction sa; memset(&sa, 0, sizeof sa); sa.sa_sigaction = on_segv; sa.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &sa, NULL);
  for (volatile int i = 0; i < 3; i++) { r = sigsetjmp(b, 1); if (r == 0) *(volatile int *)16 = 1; printf("caught %d\n", r); }
  sigset_t set; sigprocmask(SIG_BLOCK, NULL, &set); printf("blocked %d\n", sigismember(&set, SIGSEGV));
  return r;
}
