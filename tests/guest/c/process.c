// fork, exec of itself, pipes, waiting, environment, exit codes, shared memory, vfork, posix_spawn, popen.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <spawn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/resource.h>
extern char **environ;
int main(int argc, char **argv) {
  if (argc > 1) { printf("exec'd: %d %s %s\n", argc, argv[1], getenv("MARK") ? getenv("MARK") : "-"); return atoi(argv[1]); }
  setvbuf(stdout, NULL, _IONBF, 0); int fd[2], st; pipe(fd);
  int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 5; i++) { if (fork() == 0) { __sync_fetch_and_add(shared, i); dprintf(fd[1], "%d", i); _exit(i * 10); } wait(&st); printf("child %d\n", WEXITSTATUS(st)); }
  close(fd[1]); char b[50] = { 0 }; read(fd[0], b, 49); printf("pipe %s shared %d\n", b, *shared);
  pid_t p = fork(); if (!p) { setenv("MARK", "set", 1); execl("/proc/self/exe", "self", "9", (char *)NULL); _exit(1); } waitpid(p, &st, 0); printf("exec %d\n", WEXITSTATUS(st));
  p = vfork(); if (!p) { execl(argv[0], argv[0], "12", "x", (char *)NULL); _exit(1); } waitpid(p, &st, 0); printf("vfork %d\n", WEXITSTATUS(st));
  char *args[] = { argv[0], "13", NULL }; int e = posix_spawn(&p, argv[0], NULL, NULL, args, environ); waitpid(p, &st, 0); printf("spawned %d %d\n", e, WEXITSTATUS(st));
  FILE *f = popen("echo popen works; exit 4", "r"); fgets(b, 50, f); printf("%s", b); printf("pclose %d\n", WEXITSTATUS(pclose(f))); printf("system %d\n", WEXITSTATUS(system("exit 3")));
  execl("/nonexistent", "x", (char *)NULL); printf("exec of nothing: %s\n", strerror(errno)); execl("/", "x", (char *)NULL); printf("exec of a directory: %s\n", strerror(errno));
  close(open("text", O_CREAT | O_WRONLY, 0755)); execl("./text", "x", (char *)NULL); printf("exec of an empty file: %s\n", strerror(errno));
  int s = open("script", O_CREAT | O_WRONLY, 0755); dprintf(s, "#!%s 21\n", argv[0]); close(s); p = fork(); if (!p) { execl("./script", "x", (char *)NULL); printf("script: %s\n", strerror(errno)); _exit(1); } waitpid(p, &st, 0); printf("script %d\n", WEXITSTATUS(st)); unlink("script"); unlink("text");
  struct rlimit r; getrlimit(RLIMIT_NOFILE, &r); printf("limit %d\n", r.rlim_cur > 10); printf("pids %d %d\n", getpid() != getppid(), getpgrp() > 0); char exe[500]; ssize_t n = readlink("/proc/self/exe", exe, 499); exe[n > 0 ? n : 0] = 0; printf("exe %d\n", strcmp(exe, realpath(argv[0], NULL)) == 0);
  f = fopen("/proc/self/cmdline", "r"); n = fread(exe, 1, 499, f); exe[n] = 0; printf("cmdline %d\n", strcmp(exe, argv[0]) == 0); fclose(f); f = fopen("/proc/self/maps", "r"); int stack = 0, self = 0; while (fgets(exe, 499, f)) { stack |= strstr(exe, "[stack]") != NULL; self |= strstr(exe, "process") != NULL; } printf("maps %d %d\n", stack, self);
  atexit((void (*)(void))abort); _exit(99);
}
