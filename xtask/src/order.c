// Runs a program step by step and prints, for each instruction that lies in the program's own file, its offset there: once, in hexadecimal.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        freopen("/dev/null", "w", stdout);
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return 1;
    char path[64], line[4096], own[4096], rights[8];
    if (!realpath(argv[1], own)) return 1;
    snprintf(path, sizeof path, "/proc/%d/maps", child);
    FILE *maps = fopen(path, "r");
    unsigned long start, end, offset, low = 0, high = 0, file = 0;
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, rights, &offset) == 4 && rights[2] == 'x' && strstr(line, own))
            low = start, high = end, file = offset;
    char *seen = calloc(1, high - low + 1);
    if (!seen || !low) return 1;
    for (;;) {
        struct user_regs_struct r;
        if (ptrace(PTRACE_GETREGS, child, 0, &r)) return 1;
        if (r.rip >= low && r.rip < high && !seen[r.rip - low]) {
            seen[r.rip - low] = 1;
            printf("%lx\n", r.rip - low + file);
        }
        if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) || waitpid(child, &status, 0) < 0) return 1;
        if (WIFEXITED(status)) return WEXITSTATUS(status);
        if (WIFSIGNALED(status)) return 1;
    }
}
