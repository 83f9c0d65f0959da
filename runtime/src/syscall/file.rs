//! Files by name: open and its relatives, sizes, allocation, advice, sync, locks on the whole file, memfd.

use super::flags::{self, O_LARGEFILE};
use super::large::{self, MAX_NON_LFS};
use super::show::{Advice, AtFlags, CloseRangeFlags, FallocMode, FlockOp, MemfdFlags, OpenFlags, OpenMode, Out, SyncRangeFlags};
use super::sys::{Text, int, ptr, ptr_mut, sys, wait};
use super::{Fd, Octal, Restart, Spec, Split64, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, BAD_ADDRESS};
use crate::paths::Last;
use crate::procfs;
use crate::table;
use crate::task::Task;

table![
    Open,
    OpenAt,
    OpenAt2,
    Creat,
    Close,
    CloseRange,
    Truncate,
    Ftruncate,
    Truncate64,
    Ftruncate64,
    Fallocate,
    Fadvise64,
    Fadvise6464,
    Readahead,
    Fsync,
    Fdatasync,
    Sync,
    Syncfs,
    SyncFileRange,
    Flock,
    MemfdCreate,
    NameToHandleAt,
    OpenByHandleAt,
];

/// Closes `fd` with EOVERFLOW if it is a regular file that is too large for a program that didn't say O_LARGEFILE.
fn refuse_large(fd: u64) -> SysResult {
    let st = super::stat::host_fstat(fd as i32)?;
    if st.st_mode & libc::S_IFMT == libc::S_IFREG && st.st_size > MAX_NON_LFS as i64 {
        sys(libc::SYS_close, [fd])?;
        return Err(Errno::EOVERFLOW);
    }
    Ok(fd)
}

/// Whether open(2) with these flags, x86's, follows a link at the end.
const fn last_of_open(flags: u32) -> Last {
    const NOFOLLOW: u32 = 0o400_000;
    const NEW: u32 = (libc::O_CREAT | libc::O_EXCL) as u32;
    if flags & NOFOLLOW != 0 || flags & NEW == NEW { Last::Link } else { Last::Target }
}

fn open<A: Abi>(t: &mut Task, dir: Fd, path: Str, flags: u32, mode: u32) -> SysResult {
    let name = t.mem.read_path(path.0);
    if let Ok(name) = &name
        && let Some(opened) = procfs::open(t, name, flags)
    {
        return opened;
    }
    let last = last_of_open(flags);
    let p = t.path_arg(dir, name, last)?;
    let small = A::IS_32 && flags & (O_LARGEFILE | libc::O_PATH as u32) == 0;
    let host = if small { large::open_flags(&p, flags, last) } else { flags::to_host(flags) };
    let fd = wait(t, Restart::Sys, libc::SYS_openat, [p.dir_arg(), p.arg(), host, mode.into()])?;
    if small { refuse_large(fd) } else { Ok(fd) }
}

/// open(2).
pub struct Open;
impl Syscall for Open {
    const SPEC: Spec = Spec { name: "open", x64: Some(2), i386: Some(5), support: Full };
    type Args<A: Abi> = (Str, OpenMode);
    fn call<A: Abi>(t: &mut Task, (path, OpenMode(flags, mode)): Self::Args<A>) -> SysResult {
        open::<A>(t, Fd::CWD, path, flags.0, mode.0)
    }
}

/// openat(2).
pub struct OpenAt;
impl Syscall for OpenAt {
    const SPEC: Spec = Spec { name: "openat", x64: Some(257), i386: Some(295), support: Full };
    type Args<A: Abi> = (Fd, Str, OpenMode);
    fn call<A: Abi>(t: &mut Task, (dir, path, OpenMode(flags, mode)): Self::Args<A>) -> SysResult {
        open::<A>(t, dir, path, flags.0, mode.0)
    }
}

/// creat(2).
pub struct Creat;
impl Syscall for Creat {
    const SPEC: Spec = Spec { name: "creat", x64: Some(85), i386: Some(8), support: Full };
    type Args<A: Abi> = (Str, Octal);
    fn call<A: Abi>(t: &mut Task, (path, mode): Self::Args<A>) -> SysResult {
        // A 64-bit kernel has only one of these, and it makes large files.
        open::<A>(t, Fd::CWD, path, (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u32 | O_LARGEFILE, mode.0)
    }
}

guest_struct! {
    /// `struct open_how`.
    pub struct OpenHow = 24 {
        /// Flags of open(2).
        pub flags: u64,
        /// Mode of a new file.
        pub mode: u64,
        /// RESOLVE_* bits.
        pub resolve: u64,
    }
}

/// openat2(2).
pub struct OpenAt2;
impl Syscall for OpenAt2 {
    const SPEC: Spec = Spec { name: "openat2", x64: Some(437), i386: Some(437), support: Full };
    type Args<A: Abi> = (Fd, Str, GuestPtr<A, OpenHow>, u64);
    fn call<A: Abi>(t: &mut Task, (dir, path, how, size): Self::Args<A>) -> SysResult {
        if size < size_of::<OpenHow>() as u64 {
            return Err(Errno::EINVAL);
        }
        if size > 4096 {
            return Err(Errno::E2BIG);
        }
        let mut bytes = vec![0; size as usize];
        t.mem.read_bytes(how.addr(), &mut bytes)?;
        if bytes[size_of::<OpenHow>()..].iter().any(|&b| b != 0) {
            return Err(Errno::E2BIG);
        }
        let mut how = t.mem.read(how)?;
        if how.flags > u32::MAX.into() {
            return Err(Errno::EINVAL);
        }
        let last = last_of_open(how.flags as u32);
        how.flags = flags::to_host(how.flags as u32);
        let p = t.path_to(dir, path, last)?;
        wait(t, Restart::Sys, libc::SYS_openat2, [p.dir_arg(), p.arg(), ptr(&how), size_of::<OpenHow>() as u64])
    }
}

/// close(2).
pub struct Close;
impl Syscall for Close {
    const SPEC: Spec = Spec { name: "close", x64: Some(3), i386: Some(6), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        sys(libc::SYS_close, [int(fd)])
    }
}

/// close_range(2). forklift's own descriptors stay open.
pub struct CloseRange;
impl Syscall for CloseRange {
    const SPEC: Spec = Spec { name: "close_range", x64: Some(436), i386: Some(436), support: Full };
    type Args<A: Abi> = (u32, u32, CloseRangeFlags);
    fn call<A: Abi>(t: &mut Task, (first, last, flags): Self::Args<A>) -> SysResult {
        if first > last {
            return Err(Errno::EINVAL);
        }
        let close = |from: u32, to: u32| match from <= to {
            true => sys(libc::SYS_close_range, [from.into(), to.into(), flags.0.into()]),
            false => Ok(0),
        };
        // Around forklift's own, of which there is at most one.
        match t.process.strace.own_fd().map(|fd| fd as u32).filter(|fd| (first..=last).contains(fd)) {
            None => close(first, last),
            Some(own) => {
                if own > 0 {
                    close(first, own - 1)?;
                }
                close(own + 1, last)
            }
        }
    }
}

fn truncate(t: &Task, path: Str, len: i64) -> SysResult {
    let p = t.path_to(Fd::CWD, path, Last::Target)?;
    sys(libc::SYS_truncate, [p.arg(), len as u64])
}

fn ftruncate(t: &Task, fd: Fd, len: i64) -> SysResult {
    let fd = t.fd(fd)?;
    if large::is_too_long(fd, len) {
        return Err(Errno::EINVAL);
    }
    sys(libc::SYS_ftruncate, [int(fd), len as u64])
}

/// truncate(2).
pub struct Truncate;
impl Syscall for Truncate {
    const SPEC: Spec = Spec { name: "truncate", x64: Some(76), i386: Some(92), support: Full };
    type Args<A: Abi> = (Str, i64);
    fn call<A: Abi>(t: &mut Task, (path, len): Self::Args<A>) -> SysResult {
        truncate(t, path, len)
    }
}

/// truncate64(2).
pub struct Truncate64;
impl Syscall for Truncate64 {
    const SPEC: Spec = Spec { name: "truncate64", x64: None, i386: Some(193), support: Full };
    type Args<A: Abi> = (Str, Split64);
    fn call<A: Abi>(t: &mut Task, (path, len): Self::Args<A>) -> SysResult {
        truncate(t, path, len.signed())
    }
}

/// ftruncate(2).
pub struct Ftruncate;
impl Syscall for Ftruncate {
    const SPEC: Spec = Spec { name: "ftruncate", x64: Some(77), i386: Some(93), support: Full };
    type Args<A: Abi> = (Fd, i64);
    fn call<A: Abi>(t: &mut Task, (fd, len): Self::Args<A>) -> SysResult {
        ftruncate(t, fd, len)
    }
}

/// ftruncate64(2).
pub struct Ftruncate64;
impl Syscall for Ftruncate64 {
    const SPEC: Spec = Spec { name: "ftruncate64", x64: None, i386: Some(194), support: Full };
    type Args<A: Abi> = (Fd, Split64);
    fn call<A: Abi>(t: &mut Task, (fd, len): Self::Args<A>) -> SysResult {
        ftruncate(t, fd, len.signed())
    }
}

/// fallocate(2).
pub struct Fallocate;
impl Syscall for Fallocate {
    const SPEC: Spec = Spec { name: "fallocate", x64: Some(285), i386: Some(324), support: Full };
    type Args<A: Abi> = (Fd, FallocMode, Split64, Split64);
    fn call<A: Abi>(t: &mut Task, (fd, mode, offset, len): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fallocate, [int(t.fd(fd)?), mode.0.into(), offset.0, len.0])
    }
}

/// fadvise64(2): on i386 with a length of 32 bits.
pub struct Fadvise64;
impl Syscall for Fadvise64 {
    const SPEC: Spec = Spec { name: "fadvise64", x64: Some(221), i386: Some(250), support: Full };
    type Args<A: Abi> = (Fd, Split64, u64, Advice);
    fn call<A: Abi>(t: &mut Task, (fd, offset, len, Advice(advice)): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fadvise64, [int(t.fd(fd)?), offset.0, len, advice.into()])
    }
}

/// fadvise64_64(2).
pub struct Fadvise6464;
impl Syscall for Fadvise6464 {
    const SPEC: Spec = Spec { name: "fadvise64_64", x64: None, i386: Some(272), support: Full };
    type Args<A: Abi> = (Fd, Split64, Split64, Advice);
    fn call<A: Abi>(t: &mut Task, (fd, offset, len, Advice(advice)): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fadvise64, [int(t.fd(fd)?), offset.0, len.0, advice.into()])
    }
}

/// readahead(2).
pub struct Readahead;
impl Syscall for Readahead {
    const SPEC: Spec = Spec { name: "readahead", x64: Some(187), i386: Some(225), support: Full };
    type Args<A: Abi> = (Fd, Split64, u64);
    fn call<A: Abi>(t: &mut Task, (fd, offset, count): Self::Args<A>) -> SysResult {
        sys(libc::SYS_readahead, [int(t.fd(fd)?), offset.0, count])
    }
}

/// fsync(2).
pub struct Fsync;
impl Syscall for Fsync {
    const SPEC: Spec = Spec { name: "fsync", x64: Some(74), i386: Some(118), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fsync, [int(t.fd(fd)?)])
    }
}

/// fdatasync(2).
pub struct Fdatasync;
impl Syscall for Fdatasync {
    const SPEC: Spec = Spec { name: "fdatasync", x64: Some(75), i386: Some(148), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fdatasync, [int(t.fd(fd)?)])
    }
}

/// sync(2).
pub struct Sync;
impl Syscall for Sync {
    const SPEC: Spec = Spec { name: "sync", x64: Some(162), i386: Some(36), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(_: &mut Task, (): Self::Args<A>) -> SysResult {
        sys(libc::SYS_sync, [])
    }
}

/// syncfs(2).
pub struct Syncfs;
impl Syscall for Syncfs {
    const SPEC: Spec = Spec { name: "syncfs", x64: Some(306), i386: Some(344), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_syncfs, [int(t.fd(fd)?)])
    }
}

/// sync_file_range(2).
pub struct SyncFileRange;
impl Syscall for SyncFileRange {
    const SPEC: Spec = Spec { name: "sync_file_range", x64: Some(277), i386: Some(314), support: Full };
    type Args<A: Abi> = (Fd, Split64, Split64, SyncRangeFlags);
    fn call<A: Abi>(t: &mut Task, (fd, offset, len, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_sync_file_range, [int(t.fd(fd)?), offset.0, len.0, flags.0.into()])
    }
}

/// flock(2).
pub struct Flock;
impl Syscall for Flock {
    const SPEC: Spec = Spec { name: "flock", x64: Some(73), i386: Some(143), support: Full };
    type Args<A: Abi> = (Fd, FlockOp);
    fn call<A: Abi>(t: &mut Task, (fd, FlockOp(op)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        wait(t, Restart::Sys, libc::SYS_flock, [int(fd), op.into()])
    }
}

/// memfd_create(2).
pub struct MemfdCreate;
impl Syscall for MemfdCreate {
    const SPEC: Spec = Spec { name: "memfd_create", x64: Some(319), i386: Some(356), support: Full };
    type Args<A: Abi> = (Str, MemfdFlags);
    fn call<A: Abi>(t: &mut Task, (name, flags): Self::Args<A>) -> SysResult {
        // A name of 249 bytes is the longest.
        sys(libc::SYS_memfd_create, [Text::new(t.mem.read_cstr(name.0, 250))?.arg(), flags.0.into()])
    }
}

/// Bytes of `struct file_handle` before the handle itself: its length and its type.
const HANDLE_HEADER: u64 = 8;
/// MAX_HANDLE_SZ.
const MAX_HANDLE: u32 = 128;

/// name_to_handle_at(2).
pub struct NameToHandleAt;
impl Syscall for NameToHandleAt {
    const SPEC: Spec = Spec { name: "name_to_handle_at", x64: Some(303), i386: Some(341), support: Full };
    type Args<A: Abi> = (Fd, Str, GuestPtr<A, u32>, Out<A, i32>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, handle, Out(mount, _), flags): Self::Args<A>) -> SysResult {
        const MNT_ID_UNIQUE: u32 = 1;
        let p = t.path_to(dir, path, Last::target_unless(flags.0 & libc::AT_SYMLINK_FOLLOW as u32 == 0))?;
        let room = t.mem.read(handle.cast::<[u32; 2]>()).map(|[room, _]| room);
        let at = match room {
            Ok(room) if room <= MAX_HANDLE => t.mem.host_buf(handle.addr(), HANDLE_HEADER + u64::from(room), Access::Write)?.ptr as u64,
            // The host's kernel refuses it, after what it checks before.
            Ok(ref room) => ptr(room),
            Err(_) => BAD_ADDRESS,
        };
        let mut id = 0u64;
        let result = sys(libc::SYS_name_to_handle_at, [p.dir_arg(), p.arg(), at, ptr_mut(&mut id), flags.0.into()]);
        if matches!(result, Ok(_) | Err(Errno::EOVERFLOW)) {
            match flags.0 & MNT_ID_UNIQUE {
                0 => t.mem.write(mount, id as i32)?,
                _ => t.mem.write(mount.cast(), id)?,
            }
        }
        result
    }
}

/// open_by_handle_at(2).
pub struct OpenByHandleAt;
impl Syscall for OpenByHandleAt {
    const SPEC: Spec = Spec { name: "open_by_handle_at", x64: Some(304), i386: Some(342), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u32>, OpenFlags);
    fn call<A: Abi>(t: &mut Task, (mount, handle, flags): Self::Args<A>) -> SysResult {
        let [room, _] = t.mem.read(handle.cast::<[u32; 2]>())?;
        if room > MAX_HANDLE {
            return Err(Errno::EINVAL);
        }
        let fd = t.fd(mount)?;
        let b = t.mem.host_buf(handle.addr(), HANDLE_HEADER + u64::from(room), Access::Read)?;
        wait(t, Restart::Sys, libc::SYS_open_by_handle_at, [int(fd), b.ptr as u64, flags::to_host(flags.0)])
    }
}
