// sync, fsync, fdatasync, syncfs, sync_file_range, posix_fadvise, readahead, posix_fallocate: offsets of 64 bits in i386 registers.
#include "check.h"
int main(void) {
    tmpdir();
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600)), p[2];
    OK(pipe(p));
    EQ(write(fd, "abc", 3), 3);
    OK(fsync(fd));
    OK(fdatasync(fd));
    OK(syncfs(fd));
    OK(sync_file_range(fd, 0, 3, SYNC_FILE_RANGE_WRITE));
    ERR(sync_file_range(fd, 0, 3, 0x100), EINVAL);
    ERR(sync_file_range(fd, -1, 3, 0), EINVAL);
    ERR(sync_file_range(p[0], 0, 3, 0), ESPIPE);
    ERR(fsync(p[0]), EINVAL);
    ERR(fsync(-1), EBADF);
    EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
    EQ(posix_fadvise64(fd, 0x100000000LL, 0x200000000LL, POSIX_FADV_DONTNEED), 0);
    EQ(posix_fadvise(fd, 0, 0, 99), EINVAL);
    EQ(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    OK(readahead(fd, 0, 4096));
    ERR(readahead(-1, 0, 1), EBADF);
    EQ(posix_fallocate64(fd, 0x100000000LL, 4096), 0);
    struct stat64 s;
    OK(fstat64(fd, &s));
    EQ(s.st_size, 0x100001000LL);
    DONE();
}
