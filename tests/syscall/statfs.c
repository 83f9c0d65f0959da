// statfs and fstatfs, small and 64-bit.
#include "check.h"
#include <sys/statvfs.h>
#include <sys/vfs.h>
int main(void) {
    struct statfs a, b;
    struct statfs64 c;
    struct statvfs v;
    OK(statfs("/proc", &a));
    EQ(a.f_type, 0x9fa0);
    EQ(a.f_bsize, 4096);
    EQ(a.f_namelen, 255);
    int fd = OK(open("/proc", O_RDONLY));
    OK(fstatfs(fd, &b));
    EQ(b.f_type, a.f_type);
    OK(statfs64("/tmp", &c));
    CHECK(c.f_blocks >= c.f_bfree && c.f_bfree >= c.f_bavail && c.f_bsize >= 512);
    OK(statvfs("/tmp", &v));
    EQ(v.f_bsize, c.f_bsize);
    EQ(v.f_namemax, c.f_namelen);
    ERR(statfs("/none", &a), ENOENT);
    ERR(RAW(SYS_statfs, "/proc", BAD), EFAULT);
    ERR(fstatfs(-1, &a), EBADF);
#if !ABI64
    ERR(RAW(SYS_statfs64, "/proc", 83, &c), EINVAL);
#endif
    DONE();
}
