// Errors of calls on open files, one and two at a time.
#include "sweep.h"
#include <sys/uio.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <poll.h>

static const Kind sources[] = {{"in", ROOM}, BAD_POINTERS, END};
static struct iovec good[2] = {{(void *)ROOM, 16}, {(void *)ROOM, 16}}, negative[2] = {{(void *)ROOM, 16}, {(void *)ROOM, -1}},
    second[2] = {{(void *)ROOM, 16}, {(void *)8, 16}}, first[2] = {{(void *)8, 16}, {(void *)ROOM, 16}}, sum[2] = {{(void *)ROOM, LONG_MAX}, {(void *)ROOM, LONG_MAX}},
    far[2] = {{(void *)KERNEL, 16}, {(void *)KERNEL, 0}}, hollow[2] = {{0, 0}, {(void *)8, 0}}, both[2] = {{(void *)KERNEL, 16}, {(void *)ROOM, -1}},
    both2[2] = {{(void *)ROOM, -1}, {(void *)KERNEL, 16}};
static const Kind vectors[] = {{"iov", P(good)}, BAD_POINTERS, {"negative", P(negative)}, {"second", P(second)}, {"first", P(first)}, {"sum", P(sum)},
    {"far", P(far)}, {"hollow", P(hollow)}, {"both", P(both)}, {"both2", P(both2)}, END};
static const Kind counts[] = {{"2", 2}, {"0", 0}, {"1", 1}, {"-1", -1}, {"1024", 1024}, {"1025", 1025}, END};
static const Kind lows[] = {{"0", 0}, {"50", 50}, {"-1", -1}, {"min", LONG_MIN}, {"max", LONG_MAX}, {"max-8", LONG_MAX - 8}, END};
static const Kind highs[] = {{"0", 0}, {"-1", -1}, {"1", 1}, {"max", 0x7fffffff}, END};
#if ABI64
#define OFFSET lows
#define EXTENT extents
#else
#define OFFSET lows, highs
#define EXTENT extents, extent_highs
#endif
// What isn't so much that the disk would be full.
static const Kind extents[] = {{"50", 50}, {"0", 0}, {"-1", -1}, {"min", LONG_MIN}, END};
static const Kind extent_highs[] = {{"0", 0}, {"-1", -1}, {"max", 0x7fffffff}, END};
static const Kind rw_flags[] = {{"0", 0}, {"HIPRI", 1}, {"DSYNC", 2}, {"NOWAIT", 8}, {"APPEND", 16}, {"unknown", 0x40000000}, END};
static const Kind whence[] = {{"SET", 0}, {"CUR", 1}, {"END", 2}, {"DATA", 3}, {"HOLE", 4}, {"5", 5}, {"-1", -1}, END};
static const Kind modes[] = {{"0644", 0644}, {"-1", -1}, END};
static const Kind ids[] = {{"-1", -1}, {"0", 0}, END};
static const Kind advice[] = {{"0", 0}, {"5", 5}, {"6", 6}, {"-1", -1}, END};
static const Kind falloc[] = {{"0", 0}, {"KEEP", 1}, {"PUNCH", 2}, {"PUNCHKEEP", 3}, {"COLLAPSE", 8}, {"unknown", 0x1000}, {"-1", -1}, END};
static const Kind sync_flags[] = {{"0", 0}, {"2", 2}, {"8", 8}, {"-1", -1}, END};
static const Kind locks[] = {{"SH_NB", LOCK_SH | LOCK_NB}, {"UN", LOCK_UN}, {"0", 0}, {"SHEX", LOCK_SH | LOCK_EX | LOCK_NB}, {"MAND", LOCK_MAND | LOCK_READ}, {"-1", -1}, END};

// From here on the file has its first length again.
static void cut(long result) {
    OK(ftruncate(FILE_RW, 100));
    OK(lseek(FILE_RW, 0, SEEK_SET));
    OK(lseek(FILE_RO, 0, SEEK_SET));
    OK(lseek(FILE_WO, 0, SEEK_SET));
    OK(lseek(DIRECTORY, 0, SEEK_SET));
}

static const Call reading[] = {
    {"read", SYS_read, {fds, out, lengths}, cut},
    {"write", SYS_write, {fds, sources, lengths}, cut},
    {"pread64", SYS_pread64, {fds, out, lengths, OFFSET}, cut},
    {"pwrite64", SYS_pwrite64, {fds, sources, lengths, OFFSET}, cut},
    {"readv", SYS_readv, {fds, vectors, counts}, cut},
    {"writev", SYS_writev, {fds, vectors, counts}, cut},
    {"preadv", SYS_preadv, {fds, vectors, counts, lows, highs}, cut},
    {"pwritev", SYS_pwritev, {fds, vectors, counts, lows, highs}, cut},
    {"preadv2", SYS_preadv2, {fds, vectors, counts, lows, highs, rw_flags}, cut},
    {"pwritev2", SYS_pwritev2, {fds, vectors, counts, lows, highs, rw_flags}, cut},
    {"lseek", SYS_lseek, {fds, lows, whence}, cut},
#if !ABI64
    {"_llseek", SYS__llseek, {fds, highs, lows, out, whence}, cut},
#endif
    {},
};

static const Kind dirs[] = {{"dir", DIRECTORY}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_DIR}, {"pipe", PIPE_R}, {"socket", STREAM}, END};
static const Kind sizes[] = {{"1000", 1000}, {"0", 0}, {"1", 1}, {"20", 20}, {"-1", -1}, {"2G-1", 0x7fffffff}, {"2G", (long)0x80000000}, END};
static const Kind stat_sizes[] = {{"84", 84}, {"88", 88}, {"0", 0}, {"-1", -1}, END};

static const Call metadata[] = {
    {"getdents", SYS_getdents, {dirs, out, sizes}, cut, 1},
    {"getdents64", SYS_getdents64, {dirs, out, sizes}, cut, 1},
    {"fstat", SYS_fstat, {fds, out}},
    {"fstatfs", SYS_fstatfs, {fds, out}},
#if !ABI64
    {"readdir", SYS_readdir, {dirs, out, sizes}, cut},
    {"oldfstat", SYS_oldfstat, {fds, out}},
    {"fstat64", SYS_fstat64, {fds, out}},
    {"fstatfs64", SYS_fstatfs64, {fds, stat_sizes, out}},
    {"fadvise64_64", SYS_fadvise64_64, {fds, OFFSET, OFFSET, advice}},
    {"ftruncate64", SYS_ftruncate64, {fds, OFFSET}, cut},
    {"fchown32", SYS_fchown32, {fds, ids, ids}},
#endif
    {"ftruncate", SYS_ftruncate, {fds, lows}, cut},
    {"fchmod", SYS_fchmod, {fds, modes}},
    {"fchown", SYS_fchown, {fds, ids, ids}},
    {"fsync", SYS_fsync, {fds}},
    {"fdatasync", SYS_fdatasync, {fds}},
    {"fadvise64", SYS_fadvise64, {fds, OFFSET, lows, advice}},
    {"readahead", SYS_readahead, {fds, OFFSET, lows}},
    {"sync_file_range", SYS_sync_file_range, {fds, OFFSET, OFFSET, sync_flags}},
    {"fallocate", SYS_fallocate, {fds, falloc, EXTENT, EXTENT}, cut},
    {"flock", SYS_flock, {fds, locks}},
    {"syncfs", SYS_syncfs, {fds}},
    {"fchdir", SYS_fchdir, {fds}},
    {},
};

static off_t zero = 0, minus = -1, far_off = 1LL << 60;
static long long zero64 = 0, minus64 = -1, far64 = 1LL << 62;
static const Kind offsets[] = {{"0", 0}, {"at 0", P(&zero)}, {"at -1", P(&minus)}, {"far", P(&far_off)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, {"kernel", KERNEL}, END};
static const Kind offsets64[] = {{"0", 0}, {"at 0", P(&zero64)}, {"at -1", P(&minus64)}, {"far", P(&far64)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, {"kernel", KERNEL}, END};
static const Kind outfds[] = {{"pipew", PIPE_W}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"ro", FILE_RO}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"stream", STREAM}, {"piper", PIPE_R}, {"append", APPEND}, {"null", NULLDEV}, {"epoll", EPOLL}, END};
static const Kind infds[] = {{"piper", PIPE_R}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RO}, {"wo", FILE_WO}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"stream", STREAM}, {"pipew", PIPE_W}, {"null", NULLDEV}, END};
static const Kind few[] = {{"16", 16}, {"0", 0}, {"-1", -1}, {"2G", 0x7fffffff}, END};
static const Kind splice_flags[] = {{"NB", 2}, {"15", 15}, {"16", 16}, {"-1", -1}, END};
static const Kind zero_only[] = {{"0", 0}, {"1", 1}, {"-1", -1}, END};

// The pipe and the socket hold nothing, the file has its first length.
static void drain(long result) {
    char b[4096];
    cut(0);
    zero = zero64 = 0;
    minus = minus64 = -1;
    far_off = 1LL << 60;
    far64 = 1LL << 62;
    while (read(PIPE_R, b, sizeof b) > 0) {}
    while (read(PEER, b, sizeof b) > 0) {}
    while (read(STREAM, b, sizeof b) > 0) {}
}
// The same, with something in pipe and socket.
static void fill(long result) {
    drain(0);
    OK(write(PIPE_W, "some text in a pipe", 19));
    OK(write(PEER, "some text in a socket", 21));
}

static const Call copying[] = {
    {"sendfile", SYS_sendfile, {outfds, infds, offsets, few}, drain},
#if !ABI64
    {"sendfile64", SYS_sendfile64, {outfds, infds, offsets64, few}, drain},
#endif
    {"copy_file_range", SYS_copy_file_range, {fds, offsets64, infds, offsets64, few, zero_only}, drain},
    {"splice", SYS_splice, {infds, offsets64, outfds, offsets64, few, splice_flags}, fill},
    {"tee", SYS_tee, {infds, outfds, few, splice_flags}, fill},
    {"vmsplice", SYS_vmsplice, {outfds, vectors, counts, splice_flags}, drain},
    {},
};

static const Kind fcntls[] = {{"GETFD", F_GETFD}, {"GETFL", F_GETFL}, {"SETFD", F_SETFD}, {"GETOWN", F_GETOWN}, {"GETSIG", 11}, {"SETSIG", 10}, {"GETPIPE_SZ", 1032}, {"GET_SEALS", 1034},
    {"ADD_SEALS", 1033}, {"GETLEASE", 1025}, {"SETLEASE", 1024}, {"NOTIFY", 1026}, {"SETPIPE_SZ", 1031}, {"DUPFD_QUERY", 1027}, {"unknown", 4000}, {"-1", -1}, END};
static const Kind fcntl_ptrs[] = {{"GETLK", F_GETLK}, {"SETLK", F_SETLK}, {"GETLK64", 12}, {"SETLK64", 13}, {"OFD_GETLK", 36}, {"OFD_SETLK", 37}, {"GETOWN_EX", 16}, {"SETOWN_EX", 15},
    {"GET_RW_HINT", 1035}, {"SET_RW_HINT", 1036}, {"GET_FILE_RW_HINT", 1037}, {"SET_FILE_RW_HINT", 1038}, END};
static struct flock unlock = {F_UNLCK, SEEK_SET, 0, 10}, shared = {F_RDLCK, SEEK_SET, 0, 10}, exclusive = {F_WRLCK, SEEK_SET, 0, 10}, kind = {7, SEEK_SET, 0, 10}, whence9 = {F_RDLCK, 9, 0, 10},
    before = {F_RDLCK, SEEK_SET, -5, 10}, with_pid = {F_RDLCK, SEEK_SET, 0, 10, 5};
static const Kind lock_args[] = {{"unlock", P(&unlock)}, {"shared", P(&shared)}, {"exclusive", P(&exclusive)}, {"kind", P(&kind)}, {"whence", P(&whence9)}, {"before", P(&before)},
    {"pid", P(&with_pid)}, {"out", ROOM}, BAD_POINTERS, {"ro", RONLY}, END};
static const Kind numbers[] = {{"0", 0}, {"1", 1}, {"70", 70}, {"-1", -1}, {"5000", 5000}, END};
static void reset_locks(long r) {
    OK(flock(FILE_RW, LOCK_UN));
    for (int fd = FILE_RW; fd <= APPEND; fd++) {
        struct flock all = {F_UNLCK};
        fcntl(fd, F_SETLK, &all);
        fcntl(fd, 37, &all);
        fcntl(fd, F_SETFD, 0);
        fcntl(fd, F_SETSIG, 0);
        fcntl(fd, 1024, F_UNLCK);
        fcntl(fd, 1026, 0);
    }
    unlock = (struct flock){F_UNLCK, SEEK_SET, 0, 10}, shared = (struct flock){F_RDLCK, SEEK_SET, 0, 10}, exclusive = (struct flock){F_WRLCK, SEEK_SET, 0, 10};
    kind = (struct flock){7, SEEK_SET, 0, 10}, whence9 = (struct flock){F_RDLCK, 9, 0, 10}, before = (struct flock){F_RDLCK, SEEK_SET, -5, 10};
    with_pid = (struct flock){F_RDLCK, SEEK_SET, 0, 10, 5};
    memset((void *)ROOM, 0, 256);
}
static const Kind ioctls[] = {{"FIONREAD", FIONREAD}, {"FIONBIO", FIONBIO}, {"FIOASYNC", FIOASYNC}, {"FIOQSIZE", FIOQSIZE}, {"TCGETS", TCGETS}, {"TIOCGWINSZ", TIOCGWINSZ}, {"TIOCGPGRP", TIOCGPGRP},
    {"TIOCGSID", TIOCGSID}, {"TCSBRK", TCSBRK}, {"TIOCGPTN", TIOCGPTN}, {"TIOCSPTLCK", TIOCSPTLCK}, {"FIGETBSZ", 2}, {"GETFLAGS", (long)0x80086601}, {"SIOCGIFCONF", 0x8912}, {"SIOCGIFINDEX", 0x8933},
    {"SIOCATMARK", 0x8905}, {"unknown", 0x1234}, {"0", 0}, {"-1", -1}, END};
static const Kind fds_pty[] = {{"pty", PTY}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"piper", PIPE_R}, {"stream", STREAM}, {"dgram", DGRAM},
    {"event", EVENT}, {"inotify", INOTIFY}, {"null", NULLDEV}, END};

static const Kind newfds[] = {{"90", 90}, {"-1", -1}, {"max", 0x7fffffff}, {"same", FILE_RW}, {"limit", 4096}, END};
static const Kind dup_flags[] = {{"0", 0}, {"CLOEXEC", O_CLOEXEC}, {"1", 1}, {"-1", -1}, END};
static void close_above(long r) {
    if (r > APPEND) close(r);
    else if (r >= 0 && r < CLOSED && r > 2) close(r);
}
static const Kind firsts[] = {{"5000", 5000}, {"-1", -1}, END};
static const Kind lasts[] = {{"6000", 6000}, {"100", 100}, {"-1", -1}, END};
static const Kind range_flags[] = {{"0", 0}, {"2", 2}, {"4", 4}, {"6", 6}, {"1", 1}, {"8", 8}, END};

static const Call control[] = {
    {"fcntl", SYS_fcntl, {fds, fcntls, numbers}, reset_locks},
    {"fcntl", SYS_fcntl, {fds, fcntl_ptrs, lock_args}, reset_locks},
#if !ABI64
    {"fcntl64", SYS_fcntl64, {fds, fcntls, numbers}, reset_locks},
#endif
    {"ioctl", SYS_ioctl, {fds_pty, ioctls, out}},
    {"dup", SYS_dup, {fds}, close_it},
    {"dup2", SYS_dup2, {fds, newfds}, close_above},
    {"dup3", SYS_dup3, {fds, newfds, dup_flags}, close_above},
    {"close_range", SYS_close_range, {firsts, lasts, range_flags}},
    {},
};

int main(void) {
    setup();
    OK(fchmod(FILE_RW, 0644));
    struct rlimit files = {1024, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    sweep(reading);
    fill(0);
    sweep(metadata);
    drain(0);
    sweep(copying);
    reset_locks(0);
    sweep(control);
    DONE();
}
