// Extended attributes: set, get, list, remove, through path, link and descriptor.
#include "check.h"
#include <sys/xattr.h>
int main(void) {
    char b[256];
    tmpdir();
    put("f", "");
    if (setxattr("f", "user.k", "value", 5, 0) < 0 && errno == ENOTSUP) SKIP("no user.* attributes in /tmp");
    EQ(getxattr("f", "user.k", b, sizeof b), 5);
    MEMEQ(b, "value", 5);
    EQ(getxattr("f", "user.k", 0, 0), 5);
    ERR(getxattr("f", "user.k", b, 3), ERANGE);
    ERR(getxattr("f", "user.none", b, 9), ENODATA);
    ERR(setxattr("f", "user.k", "v", 1, XATTR_CREATE), EEXIST);
    ERR(setxattr("f", "user.n", "v", 1, XATTR_REPLACE), ENODATA);
    int fd = OK(open("f", O_RDWR));
    OK(fsetxattr(fd, "user.second", "", 0, 0));
    EQ(fgetxattr(fd, "user.second", b, 9), 0);
    long n = OK(listxattr("f", b, sizeof b));
    CHECK(n >= 7 + 12 && memmem(b, n, "user.k", 7) && memmem(b, n, "user.second", 12));
    EQ(flistxattr(fd, 0, 0), n);
    EQ(llistxattr("f", b, sizeof b), n);
    ERR(listxattr("f", b, 3), ERANGE);
    OK(lsetxattr("f", "user.l", "L", 1, 0));
    EQ(lgetxattr("f", "user.l", b, 9), 1);
    OK(removexattr("f", "user.k"));
    OK(fremovexattr(fd, "user.second"));
    OK(lremovexattr("f", "user.l"));
    ERR(removexattr("f", "user.k"), ENODATA);
    ERR(setxattr("f", BAD, "v", 1, 0), EFAULT);
    ERR(setxattr("f", "user.k", BAD, 1, 0), EFAULT);
    ERR(setxattr("f", "bogus.k", "v", 1, 0), ENOTSUP);
    DONE();
}
