// Every field of stat, through all the calls, agrees with statx and with libc's view.
#include "check.h"
#include <sys/sysmacros.h>
int main(void) {
    tmpdir();
    put("f", "0123456789");
    OK(chmod("f", 0640));
    struct stat s, l;
    struct statx x;
    OK(stat("f", &s));
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    EQ(s.st_mode, S_IFREG | 0640);
    EQ(s.st_size, 10);
    EQ(s.st_nlink, 1);
    EQ(s.st_uid, getuid());
    EQ(s.st_gid, getgid());
    EQ(x.stx_mode, s.st_mode);
    EQ(x.stx_size, s.st_size);
    EQ(x.stx_nlink, s.st_nlink);
    EQ(x.stx_ino, s.st_ino);
    EQ(x.stx_blocks, s.st_blocks);
    EQ(x.stx_blksize, s.st_blksize);
    EQ(x.stx_mtime.tv_sec, s.st_mtim.tv_sec);
    EQ(x.stx_mtime.tv_nsec, s.st_mtim.tv_nsec);
    EQ(x.stx_ctime.tv_nsec, s.st_ctim.tv_nsec);
    EQ(makedev(x.stx_dev_major, x.stx_dev_minor), s.st_dev);
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    int fd = OK(open("f", O_RDONLY));
    OK(fstat(fd, &l));
    EQ(l.st_ino, s.st_ino);
    EQ(l.st_size, 10);
    OK(fstatat(fd, "", &l, AT_EMPTY_PATH));
    EQ(l.st_ino, s.st_ino);
    OK(stat("/dev/null", &s));
    CHECK(S_ISCHR(s.st_mode));
    EQ(s.st_rdev, makedev(1, 3));
    OK(statx(AT_FDCWD, "/dev/null", 0, STATX_TYPE, &x));
    EQ(x.stx_rdev_major, 1);
    EQ(x.stx_rdev_minor, 3);
    OK(symlink("f", "l"));
    OK(fstatat(AT_FDCWD, "l", &l, AT_SYMLINK_NOFOLLOW));
    CHECK(S_ISLNK(l.st_mode));
    ERR(stat("none", &s), ENOENT);
    ERR(stat("", &s), ENOENT);
    ERR(fstat(-1, &s), EBADF);
    ERR(RAW(SYS_statx, AT_FDCWD, "f", 0x4, 0, &x), EINVAL);
    ERR(RAW(SYS_statx, AT_FDCWD, "f", 0, 0, BAD), EFAULT);
#if ABI64
    ERR(RAW(SYS_stat, "f", BAD), EFAULT);
    ERR(RAW(SYS_newfstatat, AT_FDCWD, "f", BAD, 0), EFAULT);
#else
    struct { unsigned short dev, ino, mode, nlink, uid, gid, rdev; unsigned size, at, mt, ct; } o;
    struct { unsigned dev, ino; unsigned short mode, nlink, uid, gid; unsigned rdev, size, blksize, blocks, at, atn, mt, mtn, ct, ctn, z[2]; } m;
    OK(stat("f", &s));
    if (s.st_ino < 65536) {
        OK(RAW(SYS_oldstat, "f", &o));
        EQ(o.size, 10);
        EQ(o.mode, s.st_mode);
        EQ(o.mt, s.st_mtime);
    }
    OK(RAW(SYS_stat, "f", &m));
    EQ(m.mode, S_IFREG | 0640);
    EQ(m.size, 10);
    EQ(m.nlink, 1);
    EQ(m.mtn, s.st_mtim.tv_nsec);
    EQ(m.ino, s.st_ino);
    OK(RAW(SYS_lstat, "l", &m));
    EQ(m.size, 1);
    OK(RAW(SYS_fstat, fd, &m));
    EQ(m.size, 10);
    ERR(RAW(SYS_stat64, "f", BAD), EFAULT);
#endif
    DONE();
}
