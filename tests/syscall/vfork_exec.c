// vfork and posix_spawn, exec and its errors, #! scripts, fexecve, execveat, the environment.
#include "check.h"
#include <spawn.h>
static char self[512];
static int run(const char *how, int fd) {
    char *av[] = {"me", "child", 0}, *ev[] = {"A=1", 0};
    pid_t c = fork();
    if (!c) {
        if (*how == 'f') fexecve(fd, av, ev);
        else if (*how == 'a') syscall(SYS_execveat, fd, "", av, ev, AT_EMPTY_PATH);
        else execve(how, av, ev);
        _exit(errno);
    }
    return WEXITSTATUS(wait_for(c));
}
int main(int argc, char **argv) {
    if (argc > 1) {
        if (!strcmp(argv[1], "child")) _exit(100 + !!getenv("A") + argc);
        // As the interpreter of a script: interpreter, argument, script, arguments.
        EQ(argc, 5);
        STREQ(argv[1], "one arg");
        CHECK(strstr(argv[2], "script"));
        STREQ(argv[3], "child");
        STREQ(argv[4], "x");
        _exit(55);
    }
    long n = OK(readlink("/proc/self/exe", self, sizeof self - 1));
    self[n] = 0;
    int x = 0;
    pid_t c = vfork();
    if (!c) { x = 5; execl(self, "me", "child", (char *)0); _exit(1); }
    EQ(WEXITSTATUS(wait_for(c)), 102 + !!getenv("A"));
    (void)x;
    char *av[] = {"me", "child", "and", 0}, *ev[] = {"A=1", "B=2", 0};
    EQ(posix_spawn(&c, self, 0, 0, av, ev), 0);
    EQ(WEXITSTATUS(wait_for(c)), 104);
    EQ(posix_spawn(&c, "/none", 0, 0, av, ev), ENOENT);
    EQ(run(self, 0), 103);
    int fd = OK(open(self, O_RDONLY | O_CLOEXEC));
    EQ(run("f", fd), 103);
    EQ(run("a", fd), 103);
    tmpdir();
    char text[600];
    sprintf(text, "#! %s one arg\nrest\n", self);
    put("script", text);
    OK(chmod("script", 0755));
    c = fork();
    if (!c) { execl("./script", "ignored", "child", "x", (char *)0); _exit(errno); }
    EQ(WEXITSTATUS(wait_for(c)), 55);
    put("plain", "text");
    EQ(run("./plain", 0), EACCES);
    OK(chmod("plain", 0755));
    EQ(run("./plain", 0), ENOEXEC);
    put("lost", "#!/no/such/interpreter\n");
    OK(chmod("lost", 0755));
    EQ(run("./lost", 0), ENOENT);
    put("empty", "");
    OK(chmod("empty", 0755));
    EQ(run("./empty", 0), ENOEXEC);
    EQ(run("./none", 0), ENOENT);
    EQ(run(".", 0), EACCES);
    EQ(run("plain/x", 0), ENOTDIR);
    EQ(run("a", 999), EBADF);
    DONE();
}
