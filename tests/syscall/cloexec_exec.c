// O_CLOEXEC and what else survives exec: descriptors, ignored signals, the mask, the working directory, arguments.
#include "check.h"
int main(int argc, char **argv) {
    if (argc == 5) {
        ERR(fcntl(atoi(argv[1]), F_GETFD), EBADF);
        EQ(fcntl(atoi(argv[2]), F_GETFD), 0);
        STREQ(argv[3], "");
        STREQ(argv[4], "a b");
        STREQ(getenv("ONLY"), "1");
        CHECK(!getenv("PATH"));
        sigset_t m;
        OK(sigprocmask(SIG_BLOCK, 0, &m));
        CHECK(sigismember(&m, SIGUSR2) == 1 && sigismember(&m, SIGUSR1) == 0);
        struct sigaction s;
        OK(sigaction(SIGHUP, 0, &s));
        CHECK(s.sa_handler == SIG_IGN);
        OK(sigaction(SIGTERM, 0, &s));
        CHECK(s.sa_handler == SIG_DFL);
        char b[64];
        CHECK(getcwd(b, 64));
        STREQ(b, "/");
        char *n = strrchr(argv[0], '/');
        STREQ(n ? n + 1 : argv[0], "renamed");
        DONE();
    }
    char x[16], k[16];
    sprintf(x, "%d", (int)OK(open("/dev/null", O_RDONLY | O_CLOEXEC)));
    sprintf(k, "%d", (int)OK(open("/dev/null", O_RDONLY)));
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, _exit);
    sigset_t m;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR2);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    char self[512];
    long n = OK(readlink("/proc/self/exe", self, sizeof self - 1));
    self[n] = 0;
    OK(chdir("/"));
    char *env[] = {"ONLY=1", 0};
    execle(self, "renamed", x, k, "", "a b", (char *)0, env);
    FAIL("execle: %s", strerror(errno));
}
