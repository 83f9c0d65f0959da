// Handlers, masks, queued signals, alternate stack, restart, faults with si_code and si_addr, sigaltstack, timers, sigsuspend, context.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <time.h>
static volatile sig_atomic_t got, value; static char stack[65536]; static volatile int on_stack; static char *page;
static void simple(int s) { got++; }
static void info(int s, siginfo_t *i, void *u) { got = s; value = i->si_value.sival_int; char x; on_stack = &x >= stack && &x < stack + sizeof stack; }
static void fault(int s, siginfo_t *i, void *u) {
  printf("signal %d code %d addr %d\n", s, i->si_code, (int)((char *)i->si_addr - page));
  if (s == SIGSEGV) mprotect(page, 4096, PROT_READ | PROT_WRITE);
}
#ifdef __x86_64__
#define IP REG_RIP
#define AX REG_RAX
#else
#define IP REG_EIP
#define AX REG_EAX
#endif
static void skip(int s, siginfo_t *i, void *u) {
  ucontext_t *c = u; greg_t *g = c->uc_mcontext.gregs;
  printf("signal %d code %d trap %d\n", s, i->si_code, (int)g[REG_TRAPNO]);
  if (s != SIGTRAP) g[IP] += 2;
  g[AX] = 77;
}
static void set(int s, void (*h)(int, siginfo_t *, void *), int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = h; a.sa_flags = SA_SIGINFO | flags; sigaction(s, &a, NULL); }
int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGUSR1, simple); raise(SIGUSR1); kill(getpid(), SIGUSR1); printf("got %d\n", got);
  sigset_t m, old, p; sigemptyset(&m); sigaddset(&m, SIGUSR1); sigprocmask(SIG_BLOCK, &m, &old); raise(SIGUSR1); raise(SIGUSR1);
  sigpending(&p); printf("blocked: got %d pending %d\n", got, sigismember(&p, SIGUSR1)); sigprocmask(SIG_SETMASK, &old, NULL); printf("after: %d\n", got);
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack }; sigaltstack(&ss, NULL); set(SIGUSR2, info, SA_ONSTACK);
  union sigval v = { .sival_int = 4711 }; sigqueue(getpid(), SIGUSR2, v); printf("queued %d %d on stack %d\n", got, value, on_stack);
  page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); set(SIGSEGV, fault, 0); page[100] = 5; printf("written %d\n", page[100]);
  set(SIGILL, skip, 0); set(SIGTRAP, skip, 0); set(SIGFPE, skip, 0); long ax = 0;
  __asm__ volatile("ud2" : "=a"(ax) :: "memory"); printf("ax %ld\n", ax);
  __asm__ volatile("int3" : "=a"(ax) :: "memory"); printf("ax %ld\n", ax);
  int zero = 0, q; __asm__ volatile("idivl %%ecx" : "=a"(q) : "a"(1), "d"(0), "c"(zero)); printf("div %d\n", q);
  got = 0; signal(SIGALRM, simple); struct itimerval it = { { 0, 0 }, { 0, 20000 } }; setitimer(ITIMER_REAL, &it, NULL); while (!got); printf("alarm in a loop\n");
  int fd[2]; pipe(fd); struct sigaction sa = { .sa_handler = simple }; sigaction(SIGALRM, &sa, NULL); setitimer(ITIMER_REAL, &it, NULL); char c; int r = read(fd[0], &c, 1); printf("read %d eintr %d\n", r, errno == EINTR);
  sa.sa_flags = SA_RESTART; sigaction(SIGALRM, &sa, NULL); got = 0; setitimer(ITIMER_REAL, &it, NULL);
  pid_t pid = fork(); if (!pid) { usleep(100000); write(fd[1], "x", 1); _exit(0); } r = read(fd[0], &c, 1); printf("restarted: %d %c got %d\n", r, c, got); waitpid(pid, NULL, 0);
  sigprocmask(SIG_BLOCK, &m, NULL); got = 0; if (!(pid = fork())) { kill(getppid(), SIGUSR1); _exit(0); } sigfillset(&p); sigdelset(&p, SIGUSR1); sigsuspend(&p); printf("suspended until %d\n", got); int st; waitpid(pid, &st, 0);
  siginfo_t si; raise(SIGUSR1); struct timespec ts = { 1, 0 }; printf("sigtimedwait %d\n", sigtimedwait(&m, &si, &ts) == SIGUSR1);
  if (!(pid = fork())) { signal(SIGSEGV, SIG_DFL); *(volatile int *)0 = 0; } waitpid(pid, &st, 0); printf("child died of %d\n", WTERMSIG(st));
  if (!(pid = fork())) abort(); waitpid(pid, &st, 0); printf("child died of %d\n", WTERMSIG(st));
  if (!(pid = fork())) { for (;;) ; } kill(pid, SIGTERM); waitpid(pid, &st, 0); printf("child died of %d\n", WTERMSIG(st));
  if (!(pid = fork())) { raise(SIGSTOP); _exit(6); } waitpid(pid, &st, WUNTRACED); printf("stopped %d\n", WIFSTOPPED(st)); kill(pid, SIGCONT); waitpid(pid, &st, 0); printf("exit %d\n", WEXITSTATUS(st));
  signal(SIGFPE, SIG_DFL); fflush(stdout); raise(SIGFPE); return 0;
}
