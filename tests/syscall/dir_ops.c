// mkdir, rmdir, chdir, fchdir, getcwd, unlinkat.
#include "check.h"
int main(void) {
    char b[512], deep[512];
    const char *t = tmpdir();
    OK(mkdir("a", 0755));
    ERR(mkdir("a", 0755), EEXIST);
    OK(mkdirat(AT_FDCWD, "a/b", 0700));
    ERR(rmdir("a"), ENOTEMPTY);
    OK(chdir("a/b"));
    sprintf(deep, "%s/a/b", t);
    CHECK(getcwd(b, sizeof b) == b);
    STREQ(b, deep);
    EQ(RAW(SYS_getcwd, b, sizeof b), strlen(deep) + 1);
    ERR(RAW(SYS_getcwd, b, 3), ERANGE);
    ERR(RAW(SYS_getcwd, BAD, 300), EFAULT);
    int fd = OK(open("..", O_RDONLY | O_DIRECTORY));
    OK(fchdir(fd));
    CHECK(getcwd(b, sizeof b));
    EQ(strlen(b), strlen(deep) - 2);
    OK(unlinkat(fd, "b", AT_REMOVEDIR));
    ERR(unlinkat(fd, "b", 0), ENOENT);
    put("f", "");
    ERR(rmdir("f"), ENOTDIR);
    ERR(unlinkat(fd, "f", AT_REMOVEDIR), ENOTDIR);
    ERR(unlinkat(fd, "f", 1), EINVAL);
    OK(unlinkat(fd, "f", 0));
    ERR(chdir("nowhere"), ENOENT);
    put("g", "");
    int g = OK(open("g", O_RDONLY));
    ERR(fchdir(g), ENOTDIR);
    ERR(chdir("g"), ENOTDIR);
    ERR(unlink("."), EISDIR);
    ERR(rmdir("."), EINVAL);
    OK(mkdir("gone", 0755));
    OK(chdir("gone"));
    OK(rmdir("../gone"));
    ERR(RAW(SYS_getcwd, b, sizeof b), ENOENT);
    DONE();
}
