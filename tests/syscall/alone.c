// A process with one thread is seen to have one, however its code is compiled meanwhile: what else only such a process may do, descriptors that end with their last copy, forks in the middle.
#include "check.h"
#include <dirent.h>
#include <sched.h>

// Many small loops, each hot by itself.
#define LOOP(n) static unsigned loop##n(unsigned x) { for (volatile int i = 0; i < 300; i++) x = x * 33 + n ^ x >> 3; return x; }
LOOP(0) LOOP(1) LOOP(2) LOOP(3) LOOP(4) LOOP(5) LOOP(6) LOOP(7)
static unsigned heat(void) {
    unsigned x = 0;
    for (int i = 0; i < 8; i++) x = loop0(loop1(loop2(loop3(loop4(loop5(loop6(loop7(x))))))));
    return x;
}

static int threads(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(void) {
    unsigned want = heat();
    for (int i = 0; i < 20; i++) {
        int ends[2];
        OK(pipe(ends));
        pid_t c = OK(fork());
        if (!c) {
            // A table of its own: the pipe must end with the parent's copy.
            OK(unshare(CLONE_FILES));
            OK(close(ends[1]));
            char b;
            EQ(read(ends[0], &b, 1), 1);
            EQ(read(ends[0], &b, 1), 0);
            _exit(heat() == want ? 0 : 1);
        }
        EQ(heat(), want);
        EQ(write(ends[1], "x", 1), 1);
        OK(close(ends[1]));
        EQ(WEXITSTATUS(wait_for(c)), 0);
        OK(close(ends[0]));
    }
    pid_t c = OK(fork());
    if (!c) {
        heat();
        if (unshare(CLONE_NEWUSER) < 0) _exit(errno == EINVAL ? 1 : 77);
        heat();
        EQ(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD), 0);
        _exit(0);
    }
    int s = WEXITSTATUS(wait_for(c));
    CHECK(s == 0 || s == 77);
    for (int i = 0; threads() != 1; i++) {
        CHECK(i < 100);
        usleep(20000);
    }
    DONE();
}
