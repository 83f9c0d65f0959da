// link, symlink, readlink and the *at variants; loops.
#include "check.h"
int main(void) {
    char b[256];
    tmpdir();
    put("f", "text");
    OK(link("f", "h"));
    struct stat s, t;
    OK(stat("f", &s));
    OK(stat("h", &t));
    EQ(s.st_ino, t.st_ino);
    EQ(s.st_nlink, 2);
    ERR(link("f", "h"), EEXIST);
    ERR(link("none", "x"), ENOENT);
    OK(symlink("f", "l"));
    ERR(symlink("f", "l"), EEXIST);
    EQ(readlink("l", b, sizeof b), 1);
    EQ(b[0], 'f');
    ERR(readlink("f", b, sizeof b), EINVAL);
    ERR(readlink("l", b, 0), EINVAL);
    OK(symlinkat("a-longer-target", AT_FDCWD, "m"));
    memset(b, '#', sizeof b);
    EQ(readlinkat(AT_FDCWD, "m", b, 8), 8);
    MEMEQ(b, "a-longer#", 9);
    OK(lstat("l", &s));
    CHECK(S_ISLNK(s.st_mode));
    EQ(s.st_size, 1);
    OK(linkat(AT_FDCWD, "l", AT_FDCWD, "l2", 0));
    OK(lstat("l2", &s));
    CHECK(S_ISLNK(s.st_mode));
    OK(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW));
    OK(lstat("l3", &s));
    CHECK(S_ISREG(s.st_mode));
    OK(symlink("loop2", "loop1"));
    OK(symlink("loop1", "loop2"));
    ERR(open("loop1", O_RDONLY), ELOOP);
    ERR(readlink("l", BAD, 10), EFAULT);
    ERR(symlink("", "e"), ENOENT);
    int fd = OK(open("m", O_PATH | O_NOFOLLOW));
    EQ(readlinkat(fd, "", b, sizeof b), 15);
    OK(unlink("l"));
    CHECK(access("f", F_OK) == 0);
    DONE();
}
