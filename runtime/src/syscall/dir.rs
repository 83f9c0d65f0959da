//! Directories: entries, making and removing, the current one.
//!
//! **Positions in a directory.** Some file systems (ext4) give 64-bit hashes as positions to 64-bit programs and 32-bit ones to 32-bit programs, whose libc refuses
//! others. forklift is a 64-bit program, so for i386 guests positions that don't fit are narrowed to their upper half, which is ext4's own 32-bit
//! form, and widened again by lseek.

use core::fmt;

use super::show::Filled;
use super::sys::{int, ptr_mut, sys};
use super::{Arg, Fd, Octal, Regs, Spec, Str, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, GuestWord, Pod};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::Access;
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Getdents, Getdents64, Readdir, Mkdir, MkdirAt, Rmdir, Chdir, Fchdir, Chroot, Getcwd];

const EXT4_SUPER_MAGIC: u64 = 0xef53;
const OVERLAYFS_SUPER_MAGIC: u64 = 0x794c_7630;

/// Whether `fd` is a directory whose positions are hashes of 64 bits.
pub(super) fn has_wide_offsets(fd: i32) -> bool {
    super::stat::host_fstat(fd).is_ok_and(|st| st.st_mode & libc::S_IFMT == libc::S_IFDIR)
        && super::stat::host_fstatfs(fd).is_ok_and(|s| matches!(s.numbers[0], EXT4_SUPER_MAGIC | OVERLAYFS_SUPER_MAGIC))
}

/// A position for an i386 program.
pub(super) const fn narrow(off: u64) -> u64 {
    if off > i32::MAX as u64 { off >> 32 } else { off }
}

/// The host's position for one that [`narrow`] made.
pub(super) const fn widen(off: u64) -> u64 {
    off << 32
}

guest_struct! {
    /// Header of `struct linux_dirent64`, the same for all ABIs; a name that ends with a zero follows.
    pub struct Dirent64 = 19 {
        /// Inode.
        pub ino: u64,
        /// Position of the next entry.
        pub off: i64,
        /// Bytes to the next entry.
        pub reclen: u16,
        /// DT_*.
        pub kind: u8,
    }
}

/// An entry as the host gave it.
struct Entry<'a> {
    head: Dirent64,
    name: &'a [u8],
}

/// The entries in a buffer that the host's getdents64 filled.
fn entries(mut buf: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    core::iter::from_fn(move || {
        let mut head = Dirent64::default();
        head.bytes_mut().copy_from_slice(buf.get(..size_of::<Dirent64>())?);
        let record = buf.get(..usize::from(head.reclen))?;
        buf = &buf[record.len()..];
        let name = record.get(size_of::<Dirent64>()..)?.split(|&b| b == 0).next()?;
        Some(Entry { head, name })
    })
}

/// Room for entries, and its size. Shown is how many came, as strace(1) does; `OLD` ones begin with two words of the ABI.
pub struct Entries<A, const OLD: bool>(GuestPtr<A, u8>, u32);

impl<A: Abi, const OLD: bool> Arg for Entries<A, OLD> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r), u32::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length_at = if OLD { 2 * A::WORD } else { 16 };
        let (mut at, mut count) = (0, 0);
        while at < v.value().unwrap_or(0) {
            let length = v.mem.read(self.0.offset::<u16>(at + length_at)).unwrap_or(0);
            if length == 0 {
                break;
            }
            at += u64::from(length);
            count += 1;
        }
        match v.value() {
            Some(_) => write!(f, "{:?} /* {count} entries */, {}", self.0, self.1),
            None => write!(f, "{:?}, {}", self.0, self.1),
        }
    }
}

/// Most bytes of entries that are converted at once.
const CHUNK: usize = 64 << 10;
/// No entry is longer.
const LONGEST: usize = 280;

fn host_entries(fd: i32, room: usize, buf: &mut Vec<u8>) -> SysResult<()> {
    buf.resize(room.min(CHUNK), 0);
    let n = sys(libc::SYS_getdents64, [int(fd), ptr_mut(&mut buf[..]), buf.len() as u64])?;
    buf.truncate(n as usize);
    Ok(())
}

/// The kernel counts room in an `int`: in a negative one nothing fits.
fn room(count: u32) -> usize {
    usize::try_from(count as i32).unwrap_or(0)
}

/// getdents64(2).
pub struct Getdents64;
impl Syscall for Getdents64 {
    const SPEC: Spec = Spec { name: "getdents64", x64: Some(217), i386: Some(220), support: Full };
    type Args<A: Abi> = (Fd, Entries<A, false>);
    fn call<A: Abi>(t: &mut Task, (fd, Entries(out, count)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        if !A::IS_32 {
            let b = t.mem.host_buf(out.addr(), count.into(), Access::Write)?;
            return sys(libc::SYS_getdents64, [int(fd), b.ptr as u64, count.into()]);
        }
        let mut buf = Vec::new();
        host_entries(fd, room(count), &mut buf)?;
        let mut at = 0;
        while at + size_of::<Dirent64>() <= buf.len() {
            let off = u64::from_le_bytes(buf[at + 8..at + 16].try_into().map_err(|_| Errno::EINVAL)?);
            buf[at + 8..at + 16].copy_from_slice(&narrow(off).to_le_bytes());
            at += usize::from(u16::from_le_bytes([buf[at + 16], buf[at + 17]])).max(1);
        }
        t.mem.write_bytes(out.addr(), &buf)?;
        Ok(buf.len() as u64)
    }
}

/// Appends an entry as `struct linux_dirent`: two words, length, name, zeroes, and the type in the last byte.
fn push_old<A: Abi>(out: &mut Vec<u8>, e: &Entry<'_>) {
    let word = A::WORD as usize;
    let len = (2 * word + 2 + e.name.len() + 2).next_multiple_of(word);
    let start = out.len();
    let off = if A::IS_32 { narrow(e.head.off as u64) } else { e.head.off as u64 };
    out.extend_from_slice(A::Word::from_u64(e.head.ino).bytes());
    out.extend_from_slice(A::Word::from_u64(off).bytes());
    out.extend_from_slice(&(len as u16).to_le_bytes());
    out.extend_from_slice(e.name);
    out.resize(start + len - 1, 0);
    out.push(e.head.kind);
}

/// getdents(2). An entry in the ABI's form is never longer than in the host's, so that all that the host gave fits; where not even one of the host's does, one
/// may still.
pub struct Getdents;
impl Syscall for Getdents {
    const SPEC: Spec = Spec { name: "getdents", x64: Some(78), i386: Some(141), support: Full };
    type Args<A: Abi> = (Fd, Entries<A, true>);
    fn call<A: Abi>(t: &mut Task, (fd, Entries(out, count)): Self::Args<A>) -> SysResult {
        let (fd, room) = (t.fd(fd)?, room(count));
        let before = sys(libc::SYS_lseek, [int(fd), 0, libc::SEEK_CUR as u64]);
        let mut buf = Vec::new();
        host_entries(fd, room.max(LONGEST), &mut buf)?;
        let (mut old, mut read_on) = (Vec::with_capacity(buf.len()), before?);
        for e in entries(&buf) {
            let len = old.len();
            push_old::<A>(&mut old, &e);
            if old.len() > room {
                old.truncate(len);
                sys(libc::SYS_lseek, [int(fd), read_on, libc::SEEK_SET as u64])?;
                break;
            }
            read_on = e.head.off as u64;
        }
        if old.is_empty() && !buf.is_empty() {
            return Err(Errno::EINVAL);
        }
        t.mem.write_bytes(out.addr(), &old)?;
        Ok(old.len() as u64)
    }
}

/// readdir(2), the system call of old i386 programs: one entry, whose length field has that of the name.
pub struct Readdir;
impl Syscall for Readdir {
    const SPEC: Spec = Spec { name: "readdir", x64: None, i386: Some(89), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u32);
    fn call<A: Abi>(t: &mut Task, (fd, out, _): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let before = sys(libc::SYS_lseek, [int(fd), 0, libc::SEEK_CUR as u64]);
        let mut buf = Vec::new();
        // One entry at a time can't be asked for: read some, go back behind the first.
        host_entries(fd, 1024, &mut buf)?;
        let before = before?;
        let Some(e) = entries(&buf).next() else { return Ok(0) };
        sys(libc::SYS_lseek, [int(fd), e.head.off as u64, libc::SEEK_SET as u64])?;
        let mut old = Vec::new();
        old.extend_from_slice(&(e.head.ino as u32).to_le_bytes());
        old.extend_from_slice(&(narrow(before) as u32).to_le_bytes());
        old.extend_from_slice(&(e.name.len() as u16).to_le_bytes());
        old.extend_from_slice(e.name);
        old.push(0);
        t.mem.write_bytes(out.addr(), &old)?;
        Ok(1)
    }
}

/// mkdir(2).
pub struct Mkdir;
impl Syscall for Mkdir {
    const SPEC: Spec = Spec { name: "mkdir", x64: Some(83), i386: Some(39), support: Full };
    type Args<A: Abi> = (Str, Octal);
    fn call<A: Abi>(t: &mut Task, (path, mode): Self::Args<A>) -> SysResult {
        let p = t.path(Fd::CWD, path)?;
        sys(libc::SYS_mkdirat, [p.dir_arg(), p.arg(), mode.0.into()])
    }
}

/// mkdirat(2).
pub struct MkdirAt;
impl Syscall for MkdirAt {
    const SPEC: Spec = Spec { name: "mkdirat", x64: Some(258), i386: Some(296), support: Full };
    type Args<A: Abi> = (Fd, Str, Octal);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode): Self::Args<A>) -> SysResult {
        let p = t.path(dir, path)?;
        sys(libc::SYS_mkdirat, [p.dir_arg(), p.arg(), mode.0.into()])
    }
}

/// rmdir(2).
pub struct Rmdir;
impl Syscall for Rmdir {
    const SPEC: Spec = Spec { name: "rmdir", x64: Some(84), i386: Some(40), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let p = t.path(Fd::CWD, path)?;
        sys(libc::SYS_unlinkat, [p.dir_arg(), p.arg(), libc::AT_REMOVEDIR as u64])
    }
}

/// chdir(2).
pub struct Chdir;
impl Syscall for Chdir {
    const SPEC: Spec = Spec { name: "chdir", x64: Some(80), i386: Some(12), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_chdir, [p.arg()])
    }
}

/// fchdir(2).
pub struct Fchdir;
impl Syscall for Fchdir {
    const SPEC: Spec = Spec { name: "fchdir", x64: Some(81), i386: Some(133), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fchdir, [int(t.fd(fd)?)])
    }
}

/// chroot(2).
pub struct Chroot;
impl Syscall for Chroot {
    const SPEC: Spec = Spec { name: "chroot", x64: Some(161), i386: Some(61), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_chroot, [p.arg()])
    }
}

/// getcwd(2).
pub struct Getcwd;
impl Syscall for Getcwd {
    const SPEC: Spec = Spec { name: "getcwd", x64: Some(79), i386: Some(183), support: Full };
    type Args<A: Abi> = (Filled<A>,);
    fn call<A: Abi>(t: &mut Task, (Filled(buf, size),): Self::Args<A>) -> SysResult {
        let mut path = [0u8; 4096];
        let len = sys(libc::SYS_getcwd, [ptr_mut(&mut path), path.len() as u64])?;
        let path = t.guest_path(&path[..len as usize]);
        if path.len() as u64 > size {
            return Err(Errno::ERANGE);
        }
        t.mem.write_bytes(buf.addr(), path)?;
        Ok(path.len() as u64)
    }
}

impl Task {
    /// A host path, with its final zero, as the guest sees it: without `--root`.
    pub(super) fn guest_path<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        use std::os::unix::ffi::OsStrExt;
        let Some(root) = &self.process.config.root else { return path };
        match path.strip_prefix(root.as_os_str().as_bytes()) {
            Some(b"\0") => b"/\0",
            Some(rest) if rest.first() == Some(&b'/') => rest,
            _ => path,
        }
    }
}
