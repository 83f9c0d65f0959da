// Errors of calls on paths, one and two at a time.
#include "sweep.h"
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <utime.h>
#include <sys/time.h>

// A name, and a path, one byte too long; a string that ends with the page.
static char long_name[257], long_path[4097];
static char absolute[80];
#define UNENDED (PAGES + 4096 - 3)
#define PATHS BAD_POINTERS, {"unended", UNENDED}, {"empty", P("")}, {"missing", P("missing")}, {"under missing", P("missing/x")}, {"under file", P("file/x")}, {"file/", P("file/")}, {"loop", P("loop")}, {"dangling", P("dangling")}, \
    {"long name", P(long_name)}, {"long path", P(long_path)}, {"absolute", P(absolute)}
static const Kind paths[] = {{"file", P("file")}, PATHS, {"dir", P("dir")}, {"link", P("link")}, {"dot", P(".")}, {"full", P("full")}, END};
static const Kind dir_paths[] = {{"dir", P("dir")}, PATHS, {"file", P("file")}, {"link", P("link")}, {"dot", P(".")}, {"dotdot", P("dir/..")}, {"full", P("full")}, END};
static const Kind new_paths[] = {{"new", P("new")}, PATHS, {"dir", P("dir")}, {"file", P("file")}, {"dot", P("dir/.")}, {"new/", P("new/")}, {"full", P("full")}, END};
static const Kind few_paths[] = {{"file", P("file")}, BAD_POINTERS, {"empty", P("")}, {"missing", P("missing")}, {"under file", P("file/x")}, {"absolute", P(absolute)}, END};
static const Kind dirs[] = {{"cwd", AT_FDCWD}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RO}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"path dir", PATH_DIR}, {"pipe", PIPE_R}, {"-2", -2}, END};
static const Kind open_flags[] = {{"RDONLY", 0}, {"WRONLY", 1}, {"3", 3}, {"CREAT", 0100}, {"EXCL", 0300}, {"DIRECTORY", O_DIRECTORY}, {"NOFOLLOW", O_NOFOLLOW}, {"PATH", O_PATH}, {"TMPFILE", O_TMPFILE | 2}, {"TMPFILE RO", O_TMPFILE},
    {"CREAT|DIRECTORY", O_CREAT | O_DIRECTORY}, {"unknown", 0x40000000}, {"DIRECT", O_DIRECT}, {"PATH|CREAT", O_PATH | O_CREAT}, END};
static const Kind modes[] = {{"0644", 0644}, {"-1", -1}, {"0", 0}, END};
static const Kind accesses[] = {{"F", 0}, {"7", 7}, {"8", 8}, {"-1", -1}, END};
static const Kind at_flags[] = {{"0", 0}, {"NOFOLLOW", 0x100}, {"EACCESS", 0x200}, {"FOLLOW", 0x400}, {"NO_AUTOMOUNT", 0x800}, {"EMPTY", 0x1000}, {"SYNC", 0x6000}, {"unknown", 0x8000}, {"1", 1}, {"-1", -1}, END};
static const Kind ids[] = {{"-1", -1}, {"0", 0}, END};
static const Kind lengths_[] = {{"100", 100}, {"-1", -1}, {"min", LONG_MIN}, {"max", LONG_MAX}, END};
static const Kind highs[] = {{"0", 0}, {"-1", -1}, {"max", 0x7fffffff}, END};
#if ABI64
#define LENGTH lengths_
#else
#define LENGTH lengths_, highs
#endif
static const Kind sizes[] = {{"100", 100}, {"0", 0}, {"1", 1}, {"-1", -1}, {"min", LONG_MIN}, END};
static const Kind devices[] = {{"0", 0}, {"-1", -1}, END};
static const Kind node_modes[] = {{"FILE", 0100644}, {"0", 0}, {"FIFO", 010644}, {"DIR", 040644}, {"LINK", 0120644}, {"-1", -1}, {"SOCK", 0140644}, END};
static const Kind rename_flags[] = {{"0", 0}, {"NOREPLACE", 1}, {"EXCHANGE", 2}, {"3", 3}, {"8", 8}, {"-1", -1}, END};
static const Kind outs[] = {{"out", ROOM}, BAD_POINTERS, {"ro", RONLY}, END};
static const Kind masks[] = {{"BASIC", 0x7ff}, {"0", 0}, {"RESERVED", (long)0x80000000}, {"-1", -1}, END};
static const Kind stat_sizes[] = {{"84", 84}, {"88", 88}, {"0", 0}, {"-1", -1}, END};

// Whether `path` is what the descriptor has open.
static int is_open(const char *path, int fd) {
    struct stat a, b;
    return lstat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino;
}
static int is_text(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 9;
}
static int leads_to(const char *path, const char *target) {
    char to[100];
    return readlink(path, to, sizeof to) == (long)strlen(target) && !memcmp(to, target, strlen(target));
}
static void build(void) {
    // Too large for nftw, maybe.
    remove("file");
    remove("other");
    nftw(".", tmp_rm_, 8, FTW_DEPTH | FTW_PHYS);
    OK(mkdir("dir", 0755));
    OK(mkdir("full", 0755));
    put("file", "some text");
    put("other", "some text");
    put("full/x", "some text");
    OK(symlink("file", "link"));
    OK(symlink("loop", "loop"));
    OK(symlink("nowhere", "dangling"));
    place(open("file", O_RDWR), FILE_RW);
    place(open("file", O_RDONLY), FILE_RO);
    place(open("dir", O_RDONLY | O_DIRECTORY), DIRECTORY);
    place(open("file", O_PATH), PATH_ONLY);
    place(open("dir", O_PATH), PATH_DIR);
}
// As at the beginning, but for times.
static void remake(void) {
    const char *gone[] = {"new", "nowhere", "missing", "dir/new", "dir/nowhere", "dir/missing", "dir/file", "dir/link", "dir/dangling", "dir/loop"};
    for (int i = 0; i < 10; i++) remove(gone[i]);
    if (!is_open("dir", DIRECTORY) || !is_open("file", FILE_RW) || !is_text("file") || !is_text("other") || !is_text("full/x") || !leads_to("link", "file") || !leads_to("loop", "loop")
        || !leads_to("dangling", "nowhere"))
        build();
    chmod("file", 0644);
    chmod("other", 0644);
    chmod("dir", 0755);
}
static void restore(long r) {
    if (r != -1) remake();
}
static void close_and_restore(long r) {
    if (r > 2) close(r);
    restore(r);
}

static const Call looking[] = {
    {"access", SYS_access, {paths, accesses}},
    {"faccessat", SYS_faccessat, {dirs, paths, accesses}},
    {"faccessat2", SYS_faccessat2, {dirs, paths, accesses, at_flags}},
    {"stat", SYS_stat, {paths, outs}},
    {"lstat", SYS_lstat, {paths, outs}},
    {"statfs", SYS_statfs, {paths, outs}},
    {"statx", SYS_statx, {dirs, paths, at_flags, masks, outs}},
    {"readlink", SYS_readlink, {paths, outs, sizes}},
    {"readlinkat", SYS_readlinkat, {dirs, paths, outs, sizes}},
    {"getcwd", SYS_getcwd, {outs, sizes}, 0, 1},
#if ABI64
    {"newfstatat", SYS_newfstatat, {dirs, paths, outs, at_flags}},
#else
    {"stat64", SYS_stat64, {paths, outs}},
    {"lstat64", SYS_lstat64, {paths, outs}},
    {"oldstat", SYS_oldstat, {few_paths, outs}},
    {"oldlstat", SYS_oldlstat, {few_paths, outs}},
    {"fstatat64", SYS_fstatat64, {dirs, paths, outs, at_flags}},
    {"statfs64", SYS_statfs64, {paths, stat_sizes, outs}},
#endif
    {},
};

static unsigned long long how[4] = {0}, how_mode[4] = {0, 0644}, how_flags[4] = {1ULL << 40}, how_resolve[4] = {0, 0, 1 << 20}, how_beneath[4] = {0, 0, 8 | 16}, how_more[4] = {0, 0, 0, 1}, how_creat[4] = {O_CREAT, 01000000};
static const Kind hows[] = {{"how", P(how)}, BAD_POINTERS, {"mode", P(how_mode)}, {"flags", P(how_flags)}, {"resolve", P(how_resolve)}, {"beneath", P(how_beneath)}, {"more", P(how_more)}, {"creat", P(how_creat)}, END};
static const Kind how_sizes[] = {{"24", 24}, {"32", 32}, {"23", 23}, {"0", 0}, {"4097", 4097}, {"-1", -1}, END};
static const Call opening[] = {
    {"open", SYS_open, {paths, open_flags, modes}, close_and_restore},
    {"openat", SYS_openat, {dirs, paths, open_flags, modes}, close_and_restore},
    {"openat2", SYS_openat2, {dirs, few_paths, hows, how_sizes}, close_and_restore},
    {"creat", SYS_creat, {new_paths, modes}, close_and_restore},
    {},
};

static const Call changing[] = {
    {"chmod", SYS_chmod, {few_paths, modes}, restore},
    {"fchmodat", SYS_fchmodat, {dirs, few_paths, modes}, restore},
    {"fchmodat2", 452, {dirs, few_paths, modes, at_flags}, restore},
    {"chown", SYS_chown, {few_paths, ids, ids}, restore},
    {"lchown", SYS_lchown, {few_paths, ids, ids}, restore},
    {"fchownat", SYS_fchownat, {dirs, few_paths, ids, ids, at_flags}, restore},
    {"truncate", SYS_truncate, {paths, lengths_}, restore},
#if !ABI64
    {"truncate64", SYS_truncate64, {paths, LENGTH}, restore},
    {"chown32", SYS_chown32, {few_paths, ids, ids}, restore},
    {"lchown32", SYS_lchown32, {few_paths, ids, ids}, restore},
#endif
    {"link", SYS_link, {paths, new_paths}, restore},
    {"linkat", SYS_linkat, {dirs, few_paths, dirs, new_paths, at_flags}, restore},
    {"symlink", SYS_symlink, {paths, new_paths}, restore},
    {"symlinkat", SYS_symlinkat, {paths, dirs, new_paths}, restore},
    {"rename", SYS_rename, {paths, new_paths}, restore},
    {"renameat", SYS_renameat, {dirs, few_paths, dirs, new_paths}, restore},
    {"renameat2", SYS_renameat2, {dirs, few_paths, dirs, new_paths, rename_flags}, restore},
    {"mkdir", SYS_mkdir, {new_paths, modes}, restore},
    {"mkdirat", SYS_mkdirat, {dirs, new_paths, modes}, restore},
    {"rmdir", SYS_rmdir, {dir_paths}, restore},
    {"unlink", SYS_unlink, {few_paths}, restore},
    {"unlinkat", SYS_unlinkat, {dirs, few_paths, at_flags}, restore},
    {"mknod", SYS_mknod, {new_paths, node_modes, devices}, restore},
    {"mknodat", SYS_mknodat, {dirs, new_paths, node_modes, devices}, restore},
    {},
};

static struct timespec ts[2], ts_omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, ts_bad[2] = {{0, 0}, {0, 1000000000}};
static long long ts64[4], ts64_bad[4] = {0, 0, 0, 1000000000}, ts64_omit[4] = {0, UTIME_OMIT, 0, UTIME_OMIT};
static const Kind times_old[] = {{"null", 0}, {"times", P(ts)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"omit", P(ts_omit)}, {"bad", P(ts_bad)}, END};
static const Kind times64[] = {{"null", 0}, {"times", P(ts64)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"omit", P(ts64_omit)}, {"bad", P(ts64_bad)}, END};
static struct timeval tv[2], tv_bad[2] = {{0, 0}, {0, 1000000}};
static const Kind timevals[] = {{"null", 0}, {"times", P(tv)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"bad", P(tv_bad)}, END};
static const Kind utimbufs[] = {{"null", 0}, {"times", P(tv)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, END};
static const Call times[] = {
    {"utime", SYS_utime, {few_paths, utimbufs}},
    {"utimes", SYS_utimes, {few_paths, timevals}},
    {"futimesat", SYS_futimesat, {dirs, few_paths, timevals}},
    {"utimensat", SYS_utimensat, {dirs, few_paths, times_old, at_flags}},
#if !ABI64
    {"utimensat_time64", SYS_utimensat_time64, {dirs, few_paths, times64, at_flags}},
#endif
    {},
};

static char long_attr[300];
static const Kind names[] = {{"user.a", P("user.a")}, BAD_POINTERS, {"empty", P("")}, {"no space", P("other.a")}, {"none", P("plain")}, {"prefix", P("user.")}, {"missing", P("user.missing")}, {"long", P(long_attr)}, {"trusted", P("trusted.a")}, END};
static const Kind values[] = {{"value", ROOM}, BAD_POINTERS, END};
static const Kind value_sizes[] = {{"16", 16}, {"0", 0}, {"1", 1}, {"65537", 65537}, {"-1", -1}, END};
static const Kind xattr_flags[] = {{"0", 0}, {"CREATE", 1}, {"REPLACE", 2}, {"3", 3}, {"4", 4}, {"-1", -1}, END};
static void attr_again(long r) {
    setxattr("file", "user.a", "0123456789012345", 16, 0);
    removexattr("dir", "user.a");
    removexattr("file", "trusted.a");
}
static const Call xattrs[] = {
    {"getxattr", SYS_getxattr, {few_paths, names, outs, value_sizes}, attr_again},
    {"lgetxattr", SYS_lgetxattr, {few_paths, names, outs, value_sizes}, attr_again},
    {"fgetxattr", SYS_fgetxattr, {fds, names, outs, value_sizes}, attr_again},
    {"setxattr", SYS_setxattr, {few_paths, names, values, value_sizes, xattr_flags}, attr_again},
    {"lsetxattr", SYS_lsetxattr, {few_paths, names, values, value_sizes, xattr_flags}, attr_again},
    {"fsetxattr", SYS_fsetxattr, {fds, names, values, value_sizes, xattr_flags}, attr_again},
    {"listxattr", SYS_listxattr, {few_paths, outs, value_sizes}, attr_again},
    {"llistxattr", SYS_llistxattr, {few_paths, outs, value_sizes}, attr_again},
    {"flistxattr", SYS_flistxattr, {fds, outs, value_sizes}, attr_again},
    {"removexattr", SYS_removexattr, {few_paths, names}, attr_again},
    {"lremovexattr", SYS_lremovexattr, {few_paths, names}, attr_again},
    {"fremovexattr", SYS_fremovexattr, {fds, names}, attr_again},
    {},
};

static const Kind bad_paths[] = {{"missing", P("missing")}, {"8", 8}, {"none", NONE}, {"unended", UNENDED}, {"empty", P("")}, {"under file", P("file/x")}, END};
static const Kind mount_types[] = {{"null", 0}, {"8", 8}, {"none", NONE}, {"unknown", P("nosuchfs")}, END};
static const Kind mount_flags[] = {{"0", 0}, {"BIND", 4096}, END};
static const Kind umount_flags[] = {{"0", 0}, {"EXPIRE", 4}, {"EXPIRE|FORCE", 5}, {"unknown", 0x100}, END};
static const Kind handle_outs[] = {{"out", ROOM}, BAD_POINTERS, {"edge", EDGE}, END};
static unsigned handle[40] = {128, 1}, handle_0[40] = {0, 1}, handle_huge[40] = {129, 1};
static const Kind handles[] = {{"handle", P(handle)}, BAD_POINTERS, {"0", P(handle_0)}, {"129", P(handle_huge)}, END};
static const Kind fanotify_flags[] = {{"unknown", 0x80000000}, {"-1", -1}, END};
static void set_handles(long r) {
    handle[0] = 128, handle_0[0] = 0, handle_huge[0] = 129;
    if (r > 2) close(r);
}
static unsigned none_open[40] = {8, 1};
static const Kind foreign_handles[] = {{"nobody's", P(none_open)}, BAD_POINTERS, {"0", P(handle_0)}, {"129", P(handle_huge)}, END};
static const Kind zero_one[] = {{"0", 0}, {"unknown", 0x10000}, {"-1", -1}, END};
static const Kind filesystems[] = {{"unknown", P("nosuchfs")}, BAD_POINTERS, {"empty", P("")}, END};
static const Kind tree_flags[] = {{"0", 0}, {"CLOEXEC", 0x80000}, {"RECURSIVE", 0x8000}, {"2", 2}, {"-1", -1}, END};
static unsigned long long no_change[4], unknown_change[4] = {1ULL << 40}, unknown_propagation[4] = {0, 0, 1};
static const Kind changes[] = {{"none", P(no_change)}, BAD_POINTERS, {"unknown", P(unknown_change)}, {"propagation", P(unknown_propagation)}, END};
static const Kind change_sizes[] = {{"32", 32}, {"31", 31}, {"0", 0}, {"4097", 4097}, {"-1", -1}, END};
static const Kind commands[] = {{"CREATE", 6}, {"FLAG", 0}, {"STRING", 1}, {"99", 99}, {"-1", -1}, END};
static const Kind nothing[] = {{"null", 0}, {"8", 8}, {"key", P("key")}, END};
static const Kind mark_flags[] = {{"ADD", 1}, {"0", 0}, {"REMOVE", 2}, {"FLUSH", 0x80}, {"-1", -1}, END};
static const Kind mark_masks[] = {{"ACCESS", 1}, {"0", 0}, {"-1", -1}, END};
static const Kind high_words[] = {{"0", 0}, {"1", 1}, END};
#if ABI64
#define MARK_MASK mark_masks
#else
#define MARK_MASK mark_masks, high_words
#endif
static const Call special[] = {
    {"open_by_handle_at", SYS_open_by_handle_at, {dirs, foreign_handles, zero_one}, set_handles},
    {"fsopen", SYS_fsopen, {filesystems, zero_one}, set_handles},
    {"fspick", SYS_fspick, {dirs, few_paths, zero_one}, set_handles},
    {"open_tree", SYS_open_tree, {dirs, few_paths, tree_flags}, set_handles},
    {"mount_setattr", SYS_mount_setattr, {dirs, few_paths, zero_one, changes, change_sizes}},
    {"move_mount", SYS_move_mount, {dirs, bad_paths, dirs, bad_paths, zero_one}},
    {"fsmount", SYS_fsmount, {dirs, zero_one, zero_one}, set_handles},
    {"fsconfig", SYS_fsconfig, {dirs, commands, nothing, nothing, zero_one}},
    {"fanotify_mark", SYS_fanotify_mark, {dirs, mark_flags, MARK_MASK, dirs, few_paths}},
#if !ABI64
    {"umount", SYS_umount, {bad_paths}},
#endif
    {"mount", SYS_mount, {bad_paths, bad_paths, mount_types, mount_flags, mount_types}},
    {"umount2", SYS_umount2, {bad_paths, umount_flags}},
    {"pivot_root", SYS_pivot_root, {bad_paths, bad_paths}},
    {"chroot", SYS_chroot, {bad_paths}},
    {"chdir", SYS_chdir, {bad_paths}},
    {"acct", SYS_acct, {bad_paths}},
    {"swapon", SYS_swapon, {bad_paths, ids}},
    {"swapoff", SYS_swapoff, {bad_paths}},
    {"name_to_handle_at", SYS_name_to_handle_at, {dirs, few_paths, handles, handle_outs, at_flags}, set_handles},
    {"fanotify_init", SYS_fanotify_init, {fanotify_flags, ids}},
    {},
};

int main(void) {
    setup();
    snprintf(absolute, sizeof absolute, "%s/other", tmp_);
    memset(long_name, 'n', sizeof long_name - 1);
    for (int i = 0; i < 4096; i += 2) memcpy(long_path + i, "./", 2);
    memset(long_attr, 'n', sizeof long_attr - 1);
    memcpy(long_attr, "user.", 5);
    memset((void *)(PAGES + 4000), 'x', 96);
    build();
    sweep(looking);
    sweep(opening);
    sweep(changing);
    sweep(times);
    attr_again(0);
    sweep(xattrs);
    sweep(special);
    DONE();
}
