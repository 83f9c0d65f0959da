// exec of other programs: found by PATH, through a shell, their output through a pipe.
#include "check.h"
int main(void) {
    FILE *f = popen("echo from the shell; exit 3", "r");
    CHECK(f);
    char b[64];
    CHECK(fgets(b, 64, f));
    STREQ(b, "from the shell\n");
    EQ(WEXITSTATUS(pclose(f)), 3);
    EQ(WEXITSTATUS(system("test -d /tmp")), 0);
    EQ(WEXITSTATUS(system("exit 9")), 9);
    int p[2];
    OK(pipe(p));
    pid_t c = fork();
    if (!c) { dup2(p[1], 1); close(p[0]); close(p[1]); execlp("cat", "cat", "/proc/sys/kernel/ostype", (char *)0); _exit(127); }
    close(p[1]);
    EQ(read(p[0], b, 64), 6);
    MEMEQ(b, "Linux\n", 6);
    EQ(wait_for(c), 0);
    int st = system("kill -TERM $$");
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
    DONE();
}
