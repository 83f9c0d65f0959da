// Errors of calls on memory, one and two at a time.
#include "sweep.h"
#include <sys/uio.h>

// Two pages that can be written, one that can't, a hole, and a shared one of a file, with a hole behind it.
#define AREA 0x40000000L
#define HOLE_AT (AREA + 3 * 4096)
#define SHARED_AT (AREA + 4 * 4096)
// Room for what is moved.
#define ELSEWHERE 0x50000000L
#if ABI64
#define TOP ((long)0x7ffffffff000)
#define WHOLE (1L << 47)
#define MAPPING SYS_mmap
#else
#define TOP ((long)0xffffe000)
#define WHOLE ((long)0xc0000000)
#define MAPPING SYS_mmap2
#endif

static void area(long r) {
    munmap((void *)AREA, 64 * 4096);
    munmap((void *)ELSEWHERE, 64 * 4096);
    pages(AREA, 2 * 4096, PROT_READ | PROT_WRITE);
    pages(AREA + 2 * 4096, 4096, PROT_READ);
    EQ(P(mmap((void *)SHARED_AT, 4096, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, FILE_RW, 0)), SHARED_AT);
    memset((void *)ROOM, 0, 4096);
}
// The same, without what was mapped anywhere.
static long unmap_length = 4096;
static void unmap(long r) {
    if (r != -1) munmap((void *)(r & ~4095L), unmap_length);
    area(0);
}

static const Kind starts[] = {{"area", AREA}, {"odd", AREA + 1}, {"hole", HOLE_AT}, {"ro", AREA + 2 * 4096}, {"shared", SHARED_AT}, {"null", 0}, {"kernel", KERNEL & -4096}, {"top", TOP}, {"-4096", -4096}, {"-1", -1}, END};
static const Kind sizes[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"4 pages", 4 * 4096}, {"5 pages", 5 * 4096}, {"6 pages", 6 * 4096}, {"-1", -1}, {"-4095", -4095}, {"-4096", -4096}, {"whole", WHOLE}, END};
// For what would do something to the program itself.
static const Kind safe_sizes[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"4 pages", 4 * 4096}, {"5 pages", 5 * 4096}, {"6 pages", 6 * 4096}, {"-1", -1}, {"-4095", -4095}, {"-4096", -4096}, END};
// On i386, most of the address space would be what a huge length is about, and how things lie there isn't the same everywhere.
#if ABI64
#define ADVISED safe_sizes
#else
static const Kind small_sizes[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"4 pages", 4 * 4096}, {"5 pages", 5 * 4096}, {"6 pages", 6 * 4096}, END};
#define ADVISED small_sizes
#endif
static const Kind prots[] = {{"3", 3}, {"0", 0}, {"1", 1}, {"7", 7}, {"SEM", 11}, {"16", 16}, {"DOWN", 0x01000003}, {"UP", 0x02000003}, {"DOWNUP", 0x03000003}, {"-1", -1}, END};
static const Kind keys[] = {{"-1", -1}, {"99", 99}, {"-2", -2}, END};
static const Kind key_flags[] = {{"1", 1}, {"-1", -1}, END};
static const Kind key_rights[] = {{"4", 4}, {"-1", -1}, END};
static const Kind advices[] = {{"NORMAL", 0}, {"RANDOM", 1}, {"WILLNEED", 3}, {"DONTNEED", 4}, {"FREE", 8}, {"REMOVE", 9}, {"DONTFORK", 10}, {"DOFORK", 11}, {"DONTDUMP", 16}, {"DODUMP", 17}, {"WIPEONFORK", 18},
    {"KEEPONFORK", 19}, {"COLD", 20}, {"PAGEOUT", 21}, {"POPULATE_READ", 22}, {"POPULATE_WRITE", 23}, {"DONTNEED_LOCKED", 24}, {"unknown", 5}, {"unknown", 77}, {"-1", -1}, END};
static const Kind syncs[] = {{"SYNC", MS_SYNC}, {"0", 0}, {"ASYNC", MS_ASYNC}, {"INVALIDATE", MS_INVALIDATE}, {"both", MS_SYNC | MS_ASYNC}, {"8", 8}, {"-1", -1}, END};
static const Kind lock_flags[] = {{"0", 0}, {"1", 1}, {"2", 2}, {"-1", -1}, END};
static const Kind all_flags[] = {{"0", 0}, {"4", 4}, {"8", 8}, {"-1", -1}, END};
static const Kind vectors[] = {{"out", ROOM}, BAD_POINTERS, {"ro", RONLY}, END};
static void unlock(long r) {
    syscall(SYS_munlockall);
    area(0);
}

static const Call ranges[] = {
    {"munmap", SYS_munmap, {starts, safe_sizes}, area},
    {"mprotect", SYS_mprotect, {starts, safe_sizes, prots}, area},
    {"pkey_mprotect", SYS_pkey_mprotect, {starts, safe_sizes, prots, keys}, area},
    {"pkey_alloc", SYS_pkey_alloc, {key_flags, key_rights}},
    {"pkey_free", SYS_pkey_free, {keys}},
    {"madvise", SYS_madvise, {starts, ADVISED, advices}, area},
    {"msync", SYS_msync, {starts, sizes, syncs}, area},
    {"mincore", SYS_mincore, {starts, sizes, vectors}, area},
    {"mlock", SYS_mlock, {starts, safe_sizes}, unlock},
    {"mlock2", SYS_mlock2, {starts, safe_sizes, lock_flags}, unlock},
    {"munlock", SYS_munlock, {starts, sizes}, unlock},
    {"mlockall", SYS_mlockall, {all_flags}, unlock},
    {},
};

static const Kind places[] = {{"0", 0}, {"elsewhere", ELSEWHERE}, {"odd", ELSEWHERE + 1}, {"kernel", KERNEL & -4096}, {"top", TOP}, {"-4096", -4096}, {"taken", AREA}, END};
static const Kind lengths_[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"-1", -1}, {"-4095", -4095}, {"-4096", -4096}, END};
static const Kind map_prots[] = {{"1", 1}, {"0", 0}, {"3", 3}, {"5", 5}, {"8", 8}, {"-1", -1}, END};
static const Kind map_flags[] = {{"PRIVATE", 2}, {"0", 0}, {"SHARED", 1}, {"VALIDATE", 3}, {"VALIDATE+unknown", 3 | 0x8000000}, {"4", 4}, {"PRIVATE|ANON", 0x22}, {"SHARED|ANON", 0x21}, {"ANON", 0x20}, {"FIXED", 0x12},
    {"FIXED_ANON", 0x32}, {"NOREPLACE", 0x100002}, {"NOREPLACE_ANON", 0x100022}, {"GROWSDOWN", 0x102}, {"GROWSDOWN_ANON", 0x122}, {"GROWSDOWN_SHARED", 0x101}, {"SYNC", 0x80003}, {"LOCKED", 0x2002}, {"DENYWRITE", 0x802}, END};
static const Kind map_fds[] = {{"file", FILE_RW}, {"-1", -1}, {"closed", CLOSED}, {"ro", FILE_RO}, {"wo", FILE_WO}, {"path", PATH_ONLY}, {"dir", DIRECTORY}, {"pipe", PIPE_R}, {"stream", STREAM}, {"epoll", EPOLL}, {"event", EVENT},
    {"timer", TIMER}, {"inotify", INOTIFY}, {"null", NULLDEV}, {"pty", PTY}, {"max", 0x7fffffff}, END};
static const Kind map_offsets[] = {{"0", 0}, {"1", 1}, {"4096", 4096}, {"-1", -1}, {"-4096", -4096}, {"max", LONG_MAX}, {"max-4095", LONG_MAX - 4095}, {"min", LONG_MIN}, END};
static const Kind remaps[] = {{"MAYMOVE", 1}, {"0", 0}, {"FIXED", 3}, {"FIXED only", 2}, {"DONTUNMAP", 5}, {"DONTUNMAP only", 4}, {"all", 7}, {"8", 8}, {"-1", -1}, END};
static const Kind old_sizes[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"2 pages", 2 * 4096}, {"3 pages", 3 * 4096}, {"5 pages", 5 * 4096}, {"-1", -1}, {"-4096", -4096}, {"whole", WHOLE}, END};
static const Kind new_sizes[] = {{"4096", 4096}, {"0", 0}, {"1", 1}, {"2 pages", 2 * 4096}, {"3 pages", 3 * 4096}, {"-1", -1}, {"-4095", -4095}, {"-4096", -4096}, {"whole", WHOLE}, END};
static const Kind new_places[] = {{"elsewhere", ELSEWHERE}, {"odd", ELSEWHERE + 1}, {"same", AREA}, {"within", AREA + 4096}, {"kernel", KERNEL & -4096}, {"top", TOP}, {"-4096", -4096}, END};

#if !ABI64
static unsigned old_good[6] = {0, 4096, 1, 2, FILE_RW, 0}, old_offset[6] = {0, 4096, 1, 2, FILE_RW, 1}, old_fd[6] = {0, 4096, 1, 2, -1, 0}, old_both[6] = {0, 0, 1, 0, -1, 1};
static const Kind old_args[] = {{"args", P(old_good)}, BAD_POINTERS, {"offset", P(old_offset)}, {"fd", P(old_fd)}, {"both", P(old_both)}, END};
#endif

static const Call mappings[] = {
    {"mmap", MAPPING, {places, lengths_, map_prots, map_flags, map_fds, map_offsets}, unmap, 1},
    {"mremap", SYS_mremap, {starts, old_sizes, new_sizes, remaps, new_places}, unmap, 1},
#if !ABI64
    {"old mmap", SYS_mmap, {old_args}, unmap, 1},
#endif
    {},
};

int main(void) {
    setup();
    // What isn't there can't be swapped out; and the hole behind the program stays as it is.
    area(0);
    sweep(ranges);
    sweep(mappings);
    DONE();
}
