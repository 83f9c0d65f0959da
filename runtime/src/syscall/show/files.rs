//! Files and descriptors: flags of open and its relatives, seeking, locks, events.

use core::fmt;

use super::super::{Arg, Octal, Regs};
use super::{View, names};

names! {
    /// Flags of open(2).
    OpenFlags(u32) choices { (3) { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3 } } bits {
        O_CREAT = 0o100, O_EXCL = 0o200, O_NOCTTY = 0o400, O_TRUNC = 0o1000, O_APPEND = 0o2000, O_NONBLOCK = 0o4000, O_SYNC = 0o4_010_000, O_DSYNC = 0o10_000,
        FASYNC = 0o20_000, O_DIRECT = 0o40_000, O_LARGEFILE = 0o100_000, O_TMPFILE = 0o20_200_000, O_DIRECTORY = 0o200_000, O_NOFOLLOW = 0o400_000,
        O_NOATIME = 0o1_000_000, O_CLOEXEC = 0o2_000_000, O_PATH = 0o10_000_000,
    };
    /// Flags of new descriptors: of pipe2, dup3, epoll_create1, eventfd2 and others.
    NewFdFlags(u32) bits { O_CLOEXEC = 0o2_000_000, O_NONBLOCK = 0o4000, O_DIRECT = 0o40_000, O_EXCL = 0o200 };
    /// eventfd2(2).
    EventfdFlags(u32) bits { EFD_SEMAPHORE, EFD_CLOEXEC, EFD_NONBLOCK };
    /// timerfd_create(2).
    TimerfdFlags(u32) bits { TFD_CLOEXEC, TFD_NONBLOCK };
    /// timerfd_settime(2).
    TimerfdSetFlags(u32) bits { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET };
    /// signalfd4(2).
    SignalfdFlags(u32) bits { SFD_CLOEXEC, SFD_NONBLOCK };
    /// inotify_init1(2).
    InotifyFlags(u32) bits { IN_CLOEXEC, IN_NONBLOCK };
    /// inotify_add_watch(2).
    InotifyMask(u32) bits {
        IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE, IN_OPEN, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF,
        IN_ONLYDIR, IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_MASK_CREATE, IN_MASK_ADD, IN_ONESHOT,
    };
    /// Flags of the `*at` calls.
    AtFlags(u32) bits {
        AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC, AT_RECURSIVE,
    };
    /// faccessat2(2).
    AccessFlags(u32) bits { AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH };
    /// unlinkat(2).
    UnlinkFlags(u32) bits { AT_REMOVEDIR };
    /// access(2).
    AccessMode(u32) choices { (0xffff_ffff) { F_OK } } bits { R_OK, W_OK, X_OK };
    /// renameat2(2).
    RenameFlags(u32) bits { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT };
    /// What statx(2) is asked for.
    StatxMask(u32) bits {
        STATX_ALL, STATX_BASIC_STATS, STATX_TYPE, STATX_MODE, STATX_NLINK, STATX_UID, STATX_GID, STATX_ATIME, STATX_MTIME, STATX_CTIME, STATX_INO, STATX_SIZE,
        STATX_BLOCKS, STATX_BTIME, STATX_MNT_ID = 0x1000, STATX_DIOALIGN = 0x2000,
    };
    /// lseek(2).
    Whence(u32) choices { (0xffff_ffff) { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE } };
    /// fallocate(2).
    FallocMode(u32) bits {
        FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_NO_HIDE_STALE = 4, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_INSERT_RANGE,
        FALLOC_FL_UNSHARE_RANGE,
    };
    /// posix_fadvise(2).
    Advice(u32) choices { (0xffff_ffff) {
        POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE,
    } };
    /// flock(2).
    FlockOp(u32) bits { LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB };
    /// memfd_create(2).
    MemfdFlags(u32) bits { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL = 8, MFD_EXEC = 16 };
    /// sync_file_range(2).
    SyncRangeFlags(u32) bits { SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, SYNC_FILE_RANGE_WAIT_AFTER };
    /// close_range(2).
    CloseRangeFlags(u32) bits { CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC };
    /// splice(2) and its relatives.
    SpliceFlags(u32) bits { SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT };
    /// preadv2(2).
    RwFlags(u32) bits { RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND };
    /// setxattr(2).
    XattrFlags(u32) bits { XATTR_CREATE, XATTR_REPLACE };
    /// umount2(2).
    UmountFlags(u32) bits { MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW };
    /// mount(2).
    MountFlags(u64) bits {
        MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT, MS_MANDLOCK, MS_DIRSYNC, MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_MOVE, MS_REC,
        MS_SILENT, MS_POSIXACL, MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_RELATIME, MS_STRICTATIME, MS_LAZYTIME,
    };
    /// epoll_ctl(2).
    EpollOp(i32) choices { (0xffff_ffff) { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } };
    /// What epoll waits for.
    EpollEvents(u32) bits {
        EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDNORM, EPOLLRDBAND, EPOLLWRNORM, EPOLLWRBAND, EPOLLMSG, EPOLLRDHUP, EPOLLEXCLUSIVE, EPOLLWAKEUP,
        EPOLLONESHOT, EPOLLET,
    };
    /// epoll_create1(2).
    EpollFlags(u32) bits { EPOLL_CLOEXEC };
    /// What poll waits for.
    PollEvents(u32) bits { POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND, POLLMSG = 0x400, POLLRDHUP };
    /// The type in a file's mode.
    FileType(u32) choices { (0o170_000) { S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFLNK, S_IFSOCK } };
    /// The flag of a descriptor.
    FdFlag(u32) bits { FD_CLOEXEC };
    /// The kind of a record lock.
    LockKind(u32) choices { (0xffff) { F_RDLCK, F_WRLCK, F_UNLCK } };
    /// Seals of a memfd.
    Seals(u32) bits { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE };
}

/// Flags of open(2) and the mode of a file that it makes, which is shown if it makes one.
#[derive(Clone, Copy, Debug)]
pub struct OpenMode(pub OpenFlags, pub Octal);

impl Arg for OpenMode {
    fn take(r: &mut Regs) -> Self {
        Self(OpenFlags::take(r), Octal::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAKES: u32 = 0o100 | 0o20_000_000;
        self.0.show(v, f)?;
        if self.0.0 & MAKES != 0 {
            f.write_str(", ")?;
            self.1.show(v, f)?;
        }
        Ok(())
    }
}

/// A file's mode, type and all.
#[derive(Clone, Copy, Debug)]
pub struct FileMode(pub u32);

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 & 0o170_000 {
            0 => write!(f, "{}", Octal(self.0)),
            kind => write!(f, "{}|{}", FileType(kind), Octal(self.0 & 0o7777)),
        }
    }
}

impl Arg for FileMode {
    fn take(r: &mut Regs) -> Self {
        Self(u32::take(r))
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
