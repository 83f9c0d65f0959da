//! What is known of files and file systems: stat in its four layouts, statx, statfs.

use core::fmt;
use core::marker::PhantomData;

use super::show::{AtFlags, FileMode, StatxMask};
use super::sys::{PathArg, int, ptr_mut, sys};
use super::{Arg, Fd, Regs, Spec, Str, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, Pod};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, GuestMem};
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Stat, Lstat, Fstat, NewFstatAt, Oldstat, Oldlstat, Oldfstat, Stat64, Lstat64, Fstat64, FstatAt64, Statx, Statfs, Fstatfs, Statfs64, Fstatfs64, Ustat,];

/// The host's stat of a descriptor.
pub(super) fn host_fstat(fd: i32) -> SysResult<libc::stat> {
    let mut st = core::mem::MaybeUninit::<libc::stat>::zeroed();
    sys(libc::SYS_fstat, [int(fd), ptr_mut(&mut st)])?;
    // SAFETY: integers, all initialised.
    Ok(unsafe { st.assume_init() })
}

/// The host's stat of a path.
pub(super) fn host_stat_at(p: &PathArg, flags: u32) -> SysResult<libc::stat> {
    let mut st = core::mem::MaybeUninit::<libc::stat>::zeroed();
    sys(libc::SYS_newfstatat, [p.dir_arg(), p.arg(), ptr_mut(&mut st), flags.into()])?;
    // SAFETY: integers, all initialised.
    Ok(unsafe { st.assume_init() })
}

/// The host's statfs of a descriptor.
pub(super) fn host_fstatfs(fd: i32) -> SysResult<StatfsX64> {
    let mut st = StatfsX64::default();
    sys(libc::SYS_fstatfs, [int(fd), ptr_mut(&mut st)])?;
    Ok(st)
}

fn stat_at(t: &Task, dir: Fd, path: Str, flags: u32) -> SysResult<libc::stat> {
    let p = match path.0.get() {
        // Since Linux 6.11 a null pointer is as good as an empty string.
        0 if flags & libc::AT_EMPTY_PATH as u32 != 0 => t.host_path(dir, c"")?.into(),
        _ => t.path_to(dir, path, Last::of_flags(flags))?,
    };
    host_stat_at(&p, flags)
}

fn stat_fd(t: &Task, fd: Fd) -> SysResult<libc::stat> {
    host_fstat(t.fd(fd)?)
}

/// A layout of `struct stat`.
trait Layout: Pod {
    /// From the host's; EOVERFLOW where a number doesn't fit and the kernel says so.
    fn from_host(s: &libc::stat) -> SysResult<Self>;
}

/// What `--strace` shows of a file: mode, and device or size.
type Shown = (u32, u64, i64);

/// A pointer to a `struct stat` of layout `L` that the call fills.
pub struct StatOut<A, L>(GuestPtr<A, u8>, PhantomData<L>);

/// The layout of the ABI's plain calls.
pub struct Plain;

/// A layout that can be shown.
pub trait ShowStat {
    /// Mode, device, size.
    fn shown<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Shown>;
}

impl ShowStat for Plain {
    fn shown<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Shown> {
        if A::IS_32 { mem.read(p.cast::<StatI386>()).map(|s| (s.mode.into(), s.rdev.into(), s.size.into())) } else { StatX64::shown(mem, p) }
    }
}

impl ShowStat for StatX64 {
    fn shown<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Shown> {
        mem.read(p.cast::<Self>()).map(|s| (s.mode, s.rdev, s.size))
    }
}

impl ShowStat for StatLarge {
    fn shown<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Shown> {
        mem.read(p.cast::<Self>()).map(|s| (s.mode, s.rdev, s.size))
    }
}

fn show_stat((mode, rdev, size): Shown, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{{st_mode={}, ", FileMode(mode))?;
    match mode & libc::S_IFMT {
        libc::S_IFCHR | libc::S_IFBLK => write!(f, "st_rdev=makedev({:#x}, {:#x}), ...}}", libc::major(rdev), libc::minor(rdev)),
        _ => write!(f, "st_size={size}, ...}}"),
    }
}

impl<A: Abi, L: ShowStat> Arg for StatOut<A, L> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r), PhantomData)
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value().and_then(|_| L::shown(v.mem, self.0).ok()) {
            Some(shown) => show_stat(shown, f),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// A pointer to a `struct statx` that the call fills.
pub struct StatxOut<A>(GuestPtr<A, u8>);

impl<A> Arg for StatxOut<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MODE: u64 = 28;
        const SIZE: u64 = 40;
        let parts = || Ok::<_, Errno>((v.mem.read(self.0.offset::<u32>(0))?, v.mem.read(self.0.offset::<u16>(MODE))?, v.mem.read(self.0.offset::<u64>(SIZE))?));
        match (v.value(), parts()) {
            (Some(_), Ok((mask, mode, size))) => {
                write!(f, "{{stx_mask={}, stx_mode={}, stx_size={size}, ...}}", StatxMask(mask), FileMode(mode.into()))
            }
            _ => write!(f, "{:?}", self.0),
        }
    }
}

fn put<A: Abi, L: Layout>(t: &Task, out: GuestPtr<A, u8>, st: &libc::stat) -> SysResult {
    t.mem.write(out.cast(), L::from_host(st)?)?;
    Ok(0)
}

guest_struct! {
    /// `struct stat` of x86-64.
    pub struct StatX64 = 144 {
        dev: u64,
        ino: u64,
        nlink: u64,
        mode: u32,
        uid: u32,
        gid: u32,
        pad: u32,
        rdev: u64,
        size: i64,
        blksize: i64,
        blocks: i64,
        times: [i64; 6],
        unused: [i64; 3],
    }
}

/// The three times in the order of all layouts: seconds, nanoseconds, of access, modification, change.
const fn times(s: &libc::stat) -> [i64; 6] {
    [s.st_atime, s.st_atime_nsec, s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec]
}

impl Layout for StatX64 {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "widths differ between hosts")]
    fn from_host(s: &libc::stat) -> SysResult<Self> {
        Ok(Self {
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
            nlink: u64::from(s.st_nlink),
            mode: s.st_mode,
            uid: s.st_uid,
            gid: s.st_gid,
            rdev: s.st_rdev as u64,
            size: s.st_size as i64,
            blksize: i64::from(s.st_blksize),
            blocks: s.st_blocks as i64,
            times: times(s),
            ..Self::default()
        })
    }
}

guest_struct! {
    /// `struct stat` of i386.
    pub struct StatI386 = 64 {
        dev: u32,
        ino: u32,
        mode: u16,
        nlink: u16,
        uid: u16,
        gid: u16,
        rdev: u32,
        size: u32,
        blksize: u32,
        blocks: u32,
        times: [u32; 6],
        unused: [u32; 2],
    }
}

fn fit<T: TryFrom<u64>>(v: u64) -> SysResult<T> {
    T::try_from(v).map_err(|_| Errno::EOVERFLOW)
}

/// A user's number in 16 bits; those that don't fit are shown as 65534.
pub(super) fn id16(id: u32) -> u16 {
    u16::try_from(id).unwrap_or(65534)
}

/// Largest size that the small layouts take.
const MAX_NON_LFS: i64 = 0x7fff_ffff;

impl Layout for StatI386 {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "widths differ between hosts")]
    fn from_host(s: &libc::stat) -> SysResult<Self> {
        if s.st_size > MAX_NON_LFS {
            return Err(Errno::EOVERFLOW);
        }
        Ok(Self {
            dev: s.st_dev as u32,
            ino: fit(s.st_ino)?,
            mode: s.st_mode as u16,
            nlink: fit(u64::from(s.st_nlink))?,
            uid: id16(s.st_uid),
            gid: id16(s.st_gid),
            rdev: s.st_rdev as u32,
            size: s.st_size as u32,
            blksize: s.st_blksize as u32,
            blocks: s.st_blocks as u32,
            times: times(s).map(|t| t as u32),
            ..Self::default()
        })
    }
}

guest_struct! {
    /// `struct __old_kernel_stat`, with the padding of x86.
    pub struct StatOld = 32 {
        dev: u16,
        ino: u16,
        mode: u16,
        nlink: u16,
        uid: u16,
        gid: u16,
        rdev: u16,
        pad: u16,
        size: u32,
        times: [u32; 3],
    }
}

/// A device's number in 16 bits.
const fn old_dev(dev: u64) -> u16 {
    ((libc::major(dev) & 0xff) << 8 | libc::minor(dev) & 0xff) as u16
}

impl Layout for StatOld {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "widths differ between hosts")]
    fn from_host(s: &libc::stat) -> SysResult<Self> {
        Ok(Self {
            dev: old_dev(s.st_dev),
            ino: fit(s.st_ino)?,
            mode: s.st_mode as u16,
            nlink: fit(u64::from(s.st_nlink))?,
            uid: id16(s.st_uid),
            gid: id16(s.st_gid),
            rdev: old_dev(s.st_rdev),
            pad: 0,
            size: s.st_size as u32,
            times: [s.st_atime as u32, s.st_mtime as u32, s.st_ctime as u32],
        })
    }
}

guest_struct! {
    /// `struct stat64` of i386.
    pub struct StatLarge = 96 {
        dev: u64,
        pad0: u32,
        low_ino: u32,
        mode: u32,
        nlink: u32,
        uid: u32,
        gid: u32,
        rdev: u64,
        pad3: u32,
        size: i64,
        blksize: u32,
        blocks: i64,
        times: [u32; 6],
        ino: u64,
    }
}

impl Layout for StatLarge {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "widths differ between hosts")]
    fn from_host(s: &libc::stat) -> SysResult<Self> {
        Ok(Self {
            dev: s.st_dev as u64,
            low_ino: s.st_ino as u32,
            mode: s.st_mode,
            nlink: s.st_nlink as u32,
            uid: s.st_uid,
            gid: s.st_gid,
            rdev: s.st_rdev as u64,
            size: s.st_size as i64,
            blksize: s.st_blksize as u32,
            blocks: s.st_blocks as i64,
            times: times(s).map(|t| t as u32),
            ino: s.st_ino as u64,
            ..Self::default()
        })
    }
}

/// Writes the layout of the ABI's plain calls.
fn put_plain<A: Abi>(t: &Task, out: GuestPtr<A, u8>, st: &libc::stat) -> SysResult {
    if A::IS_32 { put::<A, StatI386>(t, out, st) } else { put::<A, StatX64>(t, out, st) }
}

const NOFOLLOW: u32 = libc::AT_SYMLINK_NOFOLLOW as u32;

/// stat(2).
pub struct Stat;
impl Syscall for Stat {
    const SPEC: Spec = Spec { name: "stat", x64: Some(4), i386: Some(106), support: Full };
    type Args<A: Abi> = (Str, StatOut<A, Plain>);
    fn call<A: Abi>(t: &mut Task, (path, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put_plain(t, out, &stat_at(t, Fd::CWD, path, 0)?)
    }
}

/// lstat(2).
pub struct Lstat;
impl Syscall for Lstat {
    const SPEC: Spec = Spec { name: "lstat", x64: Some(6), i386: Some(107), support: Full };
    type Args<A: Abi> = (Str, StatOut<A, Plain>);
    fn call<A: Abi>(t: &mut Task, (path, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put_plain(t, out, &stat_at(t, Fd::CWD, path, NOFOLLOW)?)
    }
}

/// fstat(2).
pub struct Fstat;
impl Syscall for Fstat {
    const SPEC: Spec = Spec { name: "fstat", x64: Some(5), i386: Some(108), support: Full };
    type Args<A: Abi> = (Fd, StatOut<A, Plain>);
    fn call<A: Abi>(t: &mut Task, (fd, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put_plain(t, out, &stat_fd(t, fd)?)
    }
}

/// newfstatat(2).
pub struct NewFstatAt;
impl Syscall for NewFstatAt {
    const SPEC: Spec = Spec { name: "newfstatat", x64: Some(262), i386: None, support: Full };
    type Args<A: Abi> = (Fd, Str, StatOut<A, Plain>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, StatOut(out, _), flags): Self::Args<A>) -> SysResult {
        put_plain(t, out, &stat_at(t, dir, path, flags.0)?)
    }
}

/// oldstat(2).
pub struct Oldstat;
impl Syscall for Oldstat {
    const SPEC: Spec = Spec { name: "oldstat", x64: None, i386: Some(18), support: Full };
    type Args<A: Abi> = (Str, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (path, out): Self::Args<A>) -> SysResult {
        put::<A, StatOld>(t, out, &stat_at(t, Fd::CWD, path, 0)?)
    }
}

/// oldlstat(2).
pub struct Oldlstat;
impl Syscall for Oldlstat {
    const SPEC: Spec = Spec { name: "oldlstat", x64: None, i386: Some(84), support: Full };
    type Args<A: Abi> = (Str, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (path, out): Self::Args<A>) -> SysResult {
        put::<A, StatOld>(t, out, &stat_at(t, Fd::CWD, path, NOFOLLOW)?)
    }
}

/// oldfstat(2).
pub struct Oldfstat;
impl Syscall for Oldfstat {
    const SPEC: Spec = Spec { name: "oldfstat", x64: None, i386: Some(28), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (fd, out): Self::Args<A>) -> SysResult {
        put::<A, StatOld>(t, out, &stat_fd(t, fd)?)
    }
}

/// stat64(2).
pub struct Stat64;
impl Syscall for Stat64 {
    const SPEC: Spec = Spec { name: "stat64", x64: None, i386: Some(195), support: Full };
    type Args<A: Abi> = (Str, StatOut<A, StatLarge>);
    fn call<A: Abi>(t: &mut Task, (path, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put::<A, StatLarge>(t, out, &stat_at(t, Fd::CWD, path, 0)?)
    }
}

/// lstat64(2).
pub struct Lstat64;
impl Syscall for Lstat64 {
    const SPEC: Spec = Spec { name: "lstat64", x64: None, i386: Some(196), support: Full };
    type Args<A: Abi> = (Str, StatOut<A, StatLarge>);
    fn call<A: Abi>(t: &mut Task, (path, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put::<A, StatLarge>(t, out, &stat_at(t, Fd::CWD, path, NOFOLLOW)?)
    }
}

/// fstat64(2).
pub struct Fstat64;
impl Syscall for Fstat64 {
    const SPEC: Spec = Spec { name: "fstat64", x64: None, i386: Some(197), support: Full };
    type Args<A: Abi> = (Fd, StatOut<A, StatLarge>);
    fn call<A: Abi>(t: &mut Task, (fd, StatOut(out, _)): Self::Args<A>) -> SysResult {
        put::<A, StatLarge>(t, out, &stat_fd(t, fd)?)
    }
}

/// fstatat64(2).
pub struct FstatAt64;
impl Syscall for FstatAt64 {
    const SPEC: Spec = Spec { name: "fstatat64", x64: None, i386: Some(300), support: Full };
    type Args<A: Abi> = (Fd, Str, StatOut<A, StatLarge>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, StatOut(out, _), flags): Self::Args<A>) -> SysResult {
        put::<A, StatLarge>(t, out, &stat_at(t, dir, path, flags.0)?)
    }
}

/// Size of `struct statx`, the same everywhere.
const STATX_SIZE: u64 = 256;

/// statx(2).
pub struct Statx;
impl Syscall for Statx {
    const SPEC: Spec = Spec { name: "statx", x64: Some(332), i386: Some(383), support: Full };
    type Args<A: Abi> = (Fd, Str, AtFlags, StatxMask, StatxOut<A>);
    fn call<A: Abi>(t: &mut Task, (dir, path, flags, mask, StatxOut(out)): Self::Args<A>) -> SysResult {
        let p = match path.0.get() {
            0 if flags.0 & libc::AT_EMPTY_PATH as u32 != 0 => t.host_path(dir, c"")?.into(),
            _ => t.path_to(dir, path, Last::of_flags(flags.0))?,
        };
        let b = t.mem.host_buf(out.addr(), STATX_SIZE, Access::Write)?;
        sys(libc::SYS_statx, [p.dir_arg(), p.arg(), flags.0.into(), mask.0.into(), b.ptr as u64])
    }
}

guest_struct! {
    /// `struct statfs` of x86-64 and of every 64-bit host.
    pub struct StatfsX64 = 120 {
        /// Type, block size, blocks: all, free, available; inodes: all, free.
        pub numbers: [u64; 7],
        fsid: [i32; 2],
        namelen: u64,
        frsize: u64,
        flags: u64,
        spare: [u64; 4],
    }
}

guest_struct! {
    /// `struct statfs` of i386.
    pub struct StatfsI386 = 64 {
        numbers: [u32; 7],
        fsid: [i32; 2],
        namelen: u32,
        frsize: u32,
        flags: u32,
        spare: [u32; 4],
    }
}

guest_struct! {
    /// `struct statfs64` of i386.
    pub struct StatfsLarge = 84 {
        kind: u32,
        bsize: u32,
        counts: [u64; 5],
        fsid: [i32; 2],
        namelen: u32,
        frsize: u32,
        flags: u32,
        spare: [u32; 4],
    }
}

/// Bytes of `struct statfs64` on i386, as the kernel demands it.
const STATFS64_SIZE: u64 = 84;

fn put_statfs<A: Abi>(t: &Task, out: GuestPtr<A, u8>, s: &StatfsX64) -> SysResult {
    if !A::IS_32 {
        t.mem.write(out.cast(), *s)?;
        return Ok(0);
    }
    let mut numbers = [0u32; 7];
    for (out, v) in numbers.iter_mut().zip(s.numbers) {
        // Inode counts of -1 mean "none", and are truncated.
        *out = if v == u64::MAX { u32::MAX } else { fit(v)? };
    }
    let (namelen, frsize, flags) = (s.namelen as u32, s.frsize as u32, s.flags as u32);
    t.mem.write(out.cast(), StatfsI386 { numbers, fsid: s.fsid, namelen, frsize, flags, ..StatfsI386::default() })?;
    Ok(0)
}

/// A wrong size is refused before all else.
fn check_size(size: u64) -> SysResult<()> {
    if size == STATFS64_SIZE { Ok(()) } else { Err(Errno::EINVAL) }
}

fn put_statfs64<A: Abi>(t: &Task, out: GuestPtr<A, u8>, s: &StatfsX64) -> SysResult {
    let [kind, bsize, counts @ ..] = s.numbers;
    let v = StatfsLarge {
        kind: kind as u32,
        bsize: bsize as u32,
        counts,
        fsid: s.fsid,
        namelen: s.namelen as u32,
        frsize: s.frsize as u32,
        flags: s.flags as u32,
        ..StatfsLarge::default()
    };
    t.mem.write(out.cast(), v)?;
    Ok(0)
}

fn statfs_path(t: &Task, path: Str) -> SysResult<StatfsX64> {
    let p = t.path_to(Fd::CWD, path, Last::Target)?;
    let mut st = StatfsX64::default();
    sys(libc::SYS_statfs, [p.arg(), ptr_mut(&mut st)])?;
    Ok(st)
}

/// statfs(2).
pub struct Statfs;
impl Syscall for Statfs {
    const SPEC: Spec = Spec { name: "statfs", x64: Some(137), i386: Some(99), support: Full };
    type Args<A: Abi> = (Str, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (path, out): Self::Args<A>) -> SysResult {
        put_statfs(t, out, &statfs_path(t, path)?)
    }
}

/// fstatfs(2).
pub struct Fstatfs;
impl Syscall for Fstatfs {
    const SPEC: Spec = Spec { name: "fstatfs", x64: Some(138), i386: Some(100), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (fd, out): Self::Args<A>) -> SysResult {
        put_statfs(t, out, &host_fstatfs(t.fd(fd)?)?)
    }
}

/// statfs64(2).
pub struct Statfs64;
impl Syscall for Statfs64 {
    const SPEC: Spec = Spec { name: "statfs64", x64: None, i386: Some(268), support: Full };
    type Args<A: Abi> = (Str, u64, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (path, size, out): Self::Args<A>) -> SysResult {
        check_size(size)?;
        put_statfs64(t, out, &statfs_path(t, path)?)
    }
}

/// fstatfs64(2).
pub struct Fstatfs64;
impl Syscall for Fstatfs64 {
    const SPEC: Spec = Spec { name: "fstatfs64", x64: None, i386: Some(269), support: Full };
    type Args<A: Abi> = (Fd, u64, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (fd, size, out): Self::Args<A>) -> SysResult {
        check_size(size)?;
        put_statfs64(t, out, &host_fstatfs(t.fd(fd)?)?)
    }
}

/// Where a file system is mounted whose device has this number.
fn mount_point(dev: u32) -> Option<std::ffi::CString> {
    let number = format!("{}:{}", dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xf_ff00);
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    let mut lines = mounts.split(|&b| b == b'\n').map(|line| line.split(|&b| b == b' ').skip(2));
    let path = lines.find_map(|mut fields| (fields.next()? == number.as_bytes()).then(|| fields.nth(1)).flatten())?;
    std::ffi::CString::new(unescape(path)).ok()
}

/// A path of /proc/self/mountinfo, where spaces and the like are octal numbers.
fn unescape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).and_then(|d| core::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// ustat(2), which asks for a mounted file system by its device: free blocks and inodes, and two names that are always empty.
pub struct Ustat;
impl Syscall for Ustat {
    const SPEC: Spec = Spec { name: "ustat", x64: Some(136), i386: Some(62), support: Full };
    type Args<A: Abi> = (u32, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (dev, out): Self::Args<A>) -> SysResult {
        let mut st = StatfsX64::default();
        let path = mount_point(dev).ok_or(Errno::EINVAL)?;
        sys(libc::SYS_statfs, [path.as_ptr() as u64, ptr_mut(&mut st)])?;
        let [_, _, _, free, _, _, inodes] = st.numbers;
        match A::IS_32 {
            true => t.mem.write(out.cast(), [free as u32, inodes as u32, 0, 0, 0])?,
            false => t.mem.write(out.cast(), [free & 0xffff_ffff, inodes, 0, 0])?,
        }
        Ok(0)
    }
}
