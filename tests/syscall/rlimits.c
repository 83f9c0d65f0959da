// Resource limits: get, set, prlimit, 64-bit values, their effect.
#include "check.h"
#include <sys/resource.h>
int main(void) {
    struct rlimit r, o;
    OK(getrlimit(RLIMIT_NOFILE, &r));
    CHECK(r.rlim_cur > 3 && r.rlim_cur <= r.rlim_max);
    r.rlim_cur = 20;
    OK(setrlimit(RLIMIT_NOFILE, &r));
    OK(getrlimit(RLIMIT_NOFILE, &o));
    EQ(o.rlim_cur, 20);
    int fd, last = 0;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
    EQ(errno, EMFILE);
    EQ(last, 19);
    OK(close(last));
    EQ(sysconf(_SC_OPEN_MAX), 20);
    struct rlimit64 q = {30, r.rlim_max}, p;
    OK(prlimit64(0, RLIMIT_NOFILE, &q, &p));
    EQ(p.rlim_cur, 20);
    OK(prlimit64(getpid(), RLIMIT_NOFILE, 0, &p));
    EQ(p.rlim_cur, 30);
    r.rlim_cur = 10, r.rlim_max = 5;
    ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
    ERR(getrlimit(99, &r), EINVAL);
    ERR(prlimit64(1 << 29, RLIMIT_NOFILE, 0, &p), ESRCH);
    // File sizes.
    tmpdir();
    r.rlim_cur = 100, r.rlim_max = RLIM_INFINITY;
    OK(setrlimit(RLIMIT_FSIZE, &r));
    signal(SIGXFSZ, SIG_IGN);
    fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    char b[150] = {0};
    EQ(write(fd, b, 150), 100);
    ERR(write(fd, b, 1), EFBIG);
    OK(getrlimit(RLIMIT_STACK, &r));
    CHECK(r.rlim_cur >= 1 << 20);
    OK(getrlimit(RLIMIT_CORE, &r));
    // A limit survives fork and exec; a child's is its own.
    CHILD(struct rlimit c = {7, 20}; OK(setrlimit(RLIMIT_NOFILE, &c)));
    OK(getrlimit(RLIMIT_NOFILE, &r));
    EQ(r.rlim_cur, 30);
#if !ABI64
    unsigned v[2];
    OK(RAW(SYS_getrlimit, RLIMIT_NOFILE, v));
    EQ(v[0], 30);
    OK(RAW(SYS_ugetrlimit, RLIMIT_FSIZE, v));
    EQ(v[0], 100);
    EQ(v[1], 0xffffffff);
#endif
    DONE();
}
