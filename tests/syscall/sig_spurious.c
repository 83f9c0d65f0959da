// Signals whose handler doesn't have SA_RESTART, and calls that don't wait: none of them ends with EINTR, whenever the signal comes.
#include "check.h"
#include <sys/time.h>

static volatile sig_atomic_t ticks;
static void tick(int sig) { ticks++; }

int main(void) {
    struct sigaction a = {.sa_handler = tick};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    char b[64] = "";
    int p[2], status;
    tmpdir();
    OK(pipe(p));
    OK(sigaction(SIGALRM, &a, 0));
    OK(setitimer(ITIMER_REAL, &often, 0));
    for (int i = 0; i < 4000; i++) {
        int fd = OK(open("file", O_RDWR | O_CREAT, 0600));
        EQ(pwrite(fd, b, sizeof b, 0), sizeof b);
        EQ(read(fd, b, sizeof b), sizeof b);
        EQ(write(p[1], b, 1), 1);
        EQ(read(p[0], b, 1), 1);
        OK(fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK}));
        OK(close(fd));
    }
    OK(setitimer(ITIMER_REAL, &never, 0));
    CHECK(ticks > 0);
    DONE();
}
