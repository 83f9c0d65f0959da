// Flags of open and what F_GETFL and F_GETFD say of them: numbers are the guest's.
#include "check.h"
int main(void) {
    tmpdir();
    put("f", "x");
    OK(mkdir("d", 0755));
    OK(symlink("f", "l"));
    ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    ERR(open("d", O_WRONLY), EISDIR);
    ERR(open("none", O_RDONLY), ENOENT);
    ERR(open("f/x", O_RDONLY), ENOTDIR);
    int fd = OK(open("l", O_PATH | O_NOFOLLOW));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
    ERR(read(fd, &st, 1), EBADF);
    CHECK((OK(fcntl(fd, F_GETFL)) & (O_PATH | O_NOFOLLOW)) == (O_PATH | O_NOFOLLOW));
    OK(close(fd));
    fd = OK(open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(OK(fcntl(fd, F_GETFL)) & O_DIRECTORY);
    int in = OK(openat(fd, "g", O_RDWR | O_CREAT | O_NONBLOCK | O_APPEND | O_SYNC | O_NOATIME, 0600));
    int fl = OK(fcntl(in, F_GETFL)), want = O_RDWR | O_NONBLOCK | O_APPEND | O_SYNC | O_NOATIME;
    EQ(fl & ~0100000, want);
    OK(fcntl(in, F_SETFL, O_RDWR));
    EQ(fcntl(in, F_GETFL) & (O_NONBLOCK | O_APPEND | O_NOATIME), 0);
    EQ(fcntl(in, F_GETFD), 0);
    OK(fcntl(in, F_SETFD, FD_CLOEXEC));
    EQ(fcntl(in, F_GETFD), FD_CLOEXEC);
    CHECK(access("d/g", F_OK) == 0);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd >= 0) {
        EQ(write(fd, "abc", 3), 3);
        OK(fstat(fd, &st));
        EQ(st.st_nlink, 0);
    }
    // Unknown bits are ignored by open, refused by openat2.
    struct { uint64_t flags, mode, resolve; } how = {O_RDONLY, 0, 0};
    fd = OK(RAW(SYS_openat2, AT_FDCWD, "f", &how, sizeof how));
    how.flags = 1ULL << 40;
    ERR(RAW(SYS_openat2, AT_FDCWD, "f", &how, sizeof how), EINVAL);
    how.flags = O_RDONLY, how.resolve = 8;
    ERR(RAW(SYS_openat2, AT_FDCWD, "/tmp", &how, sizeof how), EXDEV);
    ERR(RAW(SYS_openat2, AT_FDCWD, "f", &how, 8), EINVAL);
    DONE();
}
