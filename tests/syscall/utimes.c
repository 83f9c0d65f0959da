// utime, utimes, futimesat, utimensat, with their special values.
#include "check.h"
#include <sys/time.h>
#include <utime.h>
static struct stat at(const char *p) { struct stat s; OK(lstat(p, &s)); return s; }
int main(void) {
    tmpdir();
    put("f", "");
    struct utimbuf u = {1000000000, 1100000000};
    OK(utime("f", &u));
    EQ(at("f").st_atime, 1000000000);
    EQ(at("f").st_mtime, 1100000000);
    struct timeval v[2] = {{5, 123456}, {6, 654321}};
    OK(utimes("f", v));
    EQ(at("f").st_atim.tv_nsec, 123456000);
    EQ(at("f").st_mtim.tv_nsec, 654321000);
    v[0].tv_usec = 1000000;
    ERR(RAW(SYS_utimes, "f", v), EINVAL);
    struct timespec t[2] = {{7, 8}, {9, UTIME_OMIT}};
    OK(utimensat(AT_FDCWD, "f", t, 0));
    EQ(at("f").st_atim.tv_nsec, 8);
    EQ(at("f").st_mtim.tv_sec, 6);
    t[1].tv_nsec = UTIME_NOW;
    OK(utimensat(AT_FDCWD, "f", t, 0));
    CHECK(at("f").st_mtim.tv_sec > 1500000000);
    int fd = OK(open("f", O_RDWR));
    t[1].tv_sec = 77, t[1].tv_nsec = 1;
    OK(futimens(fd, t));
    EQ(at("f").st_mtim.tv_sec, 77);
    OK(symlink("f", "l"));
    OK(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
    EQ(at("l").st_mtim.tv_sec, 77);
    OK(futimesat(AT_FDCWD, "f", 0));
    CHECK(at("f").st_mtim.tv_sec > 1500000000);
    OK(utime("f", 0));
    t[0].tv_nsec = 1000000000;
    ERR(RAW(SYS_utimensat, AT_FDCWD, "f", t, 0), EINVAL);
    ERR(utime("none", 0), ENOENT);
    ERR(RAW(SYS_utime, "f", BAD), EFAULT);
    ERR(RAW(SYS_utimes, "f", BAD), EFAULT);
#if !ABI64
    int64_t q[4] = {0x100000005LL, 3, 0x100000006LL, 4};
    OK(RAW(SYS_utimensat_time64, AT_FDCWD, "f", q, 0));
    struct statx x;
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
    EQ(x.stx_mtime.tv_sec, 0x100000006LL);
    EQ(x.stx_atime.tv_nsec, 3);
#endif
    DONE();
}
