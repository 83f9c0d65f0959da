// Files opened without O_LARGEFILE by a 32-bit program: no byte beyond the first 2^31 - 1 can be written, no larger file opened, and no signal comes of it.
// abi: 32
#include "check.h"
#include <sys/sendfile.h>
#include <sys/uio.h>
#define LIMIT 0x7fffffffLL
#define LARGE 0100000
static long long seek(int fd, long long to, int whence) {
    long long at;
    OK(RAW(SYS__llseek, fd, (long)(to >> 32), (long)to, &at, whence));
    return at;
}
static long pwrite_at(int fd, const void *p, long n, long long at) { return RAW(SYS_pwrite64, fd, p, n, (long)at, (long)(at >> 32)); }
static long cut(int fd, long long len) { return RAW(SYS_ftruncate64, fd, (long)len, (long)(len >> 32)); }
static char text[16] = "0123456789abcdef";

static void writes(int fd) {
    struct iovec v[3] = {{text, 2}, {text, 3}, {text, 10}};
    EQ(seek(fd, LIMIT - 6, SEEK_SET), LIMIT - 6);
    EQ(write(fd, text, 4), 4);
    EQ(write(fd, text, 4), 2);
    EQ(seek(fd, 0, SEEK_CUR), LIMIT);
    ERR(write(fd, text, 4), EFBIG);
    // Before the buffer is looked at, but nothing is as much as allowed.
    ERR(RAW(SYS_write, fd, BAD, 4), EFBIG);
    EQ(write(fd, text, 0), 0);
    ERR(write(fd, text, 1), EFBIG);
    seek(fd, LIMIT - 4, SEEK_SET);
    EQ(writev(fd, v, 3), 4);
    ERR(writev(fd, v, 3), EFBIG);
    ERR(RAW(SYS_writev, fd, BAD, 3), EFAULT);
    EQ(pwrite_at(fd, text, 16, LIMIT - 1), 1);
    ERR(pwrite_at(fd, text, 16, LIMIT), EFBIG);
    ERR(pwrite_at(fd, text, 16, LIMIT + 1), EFBIG);
    ERR(pwrite_at(fd, text, 16, 1LL << 40), EFBIG);
    ERR(pwrite_at(fd, text, 16, -1), EINVAL);
    EQ(RAW(SYS_pwritev, fd, v, 3, (long)(LIMIT - 3), 0), 3);
    ERR(RAW(SYS_pwritev, fd, v, 3, 0, 1), EFBIG);
    ERR(cut(fd, LIMIT + 1), EINVAL);
    OK(cut(fd, LIMIT));
    EQ(RAW(SYS_pread64, fd, text + 8, 4, (long)LIMIT, 0), 0);
}

static void copies(int fd, int from) {
    off_t at = 0;
    long long out = LIMIT - 5;
    seek(fd, LIMIT - 2, SEEK_SET);
    EQ(sendfile(fd, from, &at, 8), 2);
    EQ(at, 2);
    ERR(sendfile(fd, from, &at, 8), EFBIG);
    long r = RAW(SYS_copy_file_range, from, &(long long){0}, fd, &out, 8, 0);
    CHECK(r == 5 || (r == -1 && (errno == EXDEV || errno == ENOSYS)));
    out = LIMIT;
    ERR(RAW(SYS_copy_file_range, from, &(long long){0}, fd, &out, 8, 0), EFBIG);
}

static void appends(void) {
    int fd = OK(open("f", O_WRONLY | O_APPEND));
    seek(fd, 0, SEEK_SET);
    ERR(write(fd, text, 4), EFBIG);
    OK(cut(fd, LIMIT - 1));
    seek(fd, 0, SEEK_SET);
    EQ(write(fd, text, 4), 1);
    OK(close(fd));
}

int main(void) {
    tmpdir();
    put("from", "some text");
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600)), from = OK(open("from", O_RDONLY));
    EQ(RAW(SYS_fcntl64, fd, F_GETFL), O_RDWR);
    OK(RAW(SYS_fcntl64, fd, F_SETFL, O_NONBLOCK));
    EQ(RAW(SYS_fcntl64, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    OK(RAW(SYS_fcntl64, fd, F_SETFL, 0));
    writes(fd);
    copies(fd, from);
    appends();
    // It belongs to the open file: to duplicates, and in children.
    writes(OK(dup(fd)));
    CHILD(writes(fd));
    // Opened as a large one, there is no limit, and the other sees what was written.
    int large = OK(open("f", O_RDWR | LARGE));
    EQ(RAW(SYS_fcntl64, large, F_GETFL), O_RDWR | LARGE);
    EQ(pwrite_at(large, text, 16, LIMIT), 16);
    EQ(RAW(SYS_pread64, fd, text, 16, (long)LIMIT, 0), 16);
    ERR(open("f", O_RDONLY), EOVERFLOW);
    ERR(open("f", O_RDONLY | O_TRUNC), EOVERFLOW);
    // It wasn't emptied.
    EQ(seek(large, 0, SEEK_END), LIMIT + 16);
    ERR(RAW(SYS_oldstat, "f", text), EOVERFLOW);
    int path = OK(open("f", O_PATH));
    EQ(RAW(SYS_fcntl64, path, F_GETFL), O_PATH);
    // What creat(2) makes is a large one.
    int made = OK(RAW(SYS_creat, "made", 0600));
    EQ(pwrite_at(made, text, 16, LIMIT), 16);
    int dir = OK(open(".", O_RDONLY)), large_dir = OK(open(".", O_RDONLY | LARGE));
    EQ(RAW(SYS_fcntl64, dir, F_GETFL), 0);
    EQ(RAW(SYS_fcntl64, large_dir, F_GETFL), LARGE);
    // Too large for what clears up.
    OK(unlink("f"));
    OK(unlink("made"));
    DONE();
}
