// getrusage and the accounting of children; exit codes of processes.
#include "check.h"
#include <sys/resource.h>
#include <sys/times.h>
int main(void) {
    struct rusage u;
    OK(getrusage(RUSAGE_SELF, &u));
    CHECK(u.ru_maxrss > 0 && u.ru_utime.tv_usec < 1000000 && u.ru_stime.tv_usec < 1000000);
    pid_t c = fork();
    if (!c) { struct timespec t; do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); while (t.tv_sec == 0 && t.tv_nsec < 30000000); _exit(0); }
    EQ(wait_for(c), 0);
    OK(getrusage(RUSAGE_CHILDREN, &u));
    long long us = u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec;
    CHECK(us >= 20000);
    struct tms t;
    times(&t);
    long ticks = t.tms_cutime + t.tms_cstime;
    CHECK(ticks >= 0 && ticks <= us / 10000 + 2);
    OK(getrusage(RUSAGE_THREAD, &u));
    ERR(getrusage(99, &u), EINVAL);
    int codes[] = {0, 1, 77, 127, 128, 255};
    for (int i = 0; i < 6; i++) {
        c = fork();
        if (!c) _exit(codes[i]);
        int s = wait_for(c);
        CHECK(WIFEXITED(s));
        EQ(WEXITSTATUS(s), codes[i]);
    }
    DONE();
}
