// chmod, chown, umask, access and their relatives.
#include "check.h"
static int mode(const char *p) { struct stat s; OK(stat(p, &s)); return s.st_mode & 07777; }
int main(void) {
    tmpdir();
    umask(027);
    EQ(umask(027), 027);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0666));
    EQ(mode("f"), 0640);
    OK(mkdir("d", 0777));
    EQ(mode("d"), 0750);
    OK(chmod("f", 04711));
    EQ(mode("f"), 04711);
    OK(fchmod(fd, 0600));
    EQ(mode("f"), 0600);
    OK(fchmodat(AT_FDCWD, "f", 0444, 0));
    EQ(mode("f"), 0444);
    OK(access("f", R_OK | F_OK));
    ERR(access("f", X_OK), EACCES);
    ERR(access("f", 8), EINVAL);
    ERR(access("none", F_OK), ENOENT);
    OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
    OK(RAW(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
    ERR(RAW(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x10), EINVAL);
    OK(chown("f", getuid(), getgid()));
    OK(fchown(fd, -1, -1));
    OK(lchown("f", getuid(), -1));
    OK(fchownat(fd, "", -1, getgid(), AT_EMPTY_PATH));
    if (getuid() == 0) {
        struct stat s;
        OK(chown("f", 1234, 70000));
        OK(stat("f", &s));
        EQ(s.st_uid, 1234);
        EQ(s.st_gid, 70000);
    }
    ERR(chmod("none", 0), ENOENT);
    ERR(chmod(BAD, 0), EFAULT);
    ERR(fchmod(-1, 0), EBADF);
    DONE();
}
