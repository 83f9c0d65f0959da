//! Descriptors: duplicates, fcntl with its three layouts of record locks.

use super::show::{FdFlag, LockKind, NewFdFlags, OpenFlags, Seals, Whence, names};
use super::sys::{int, ptr, ptr_mut, sys, wait};
use super::{Arg, Fd, Regs, Restart, Sig, Spec, Support::Full, Syscall, View};
use super::{flags, large};
use crate::abi::{Abi, GuestPtr, Pod};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, BAD_ADDRESS};
use crate::table;
use crate::task::Task;

table![Dup, Dup2, Dup3, Fcntl, Fcntl64];

/// dup(2).
pub struct Dup;
impl Syscall for Dup {
    const SPEC: Spec = Spec { name: "dup", x64: Some(32), i386: Some(41), support: Full };
    type Args<A: Abi> = (Fd,);
    fn call<A: Abi>(t: &mut Task, (fd,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_dup, [int(t.fd(fd)?)])
    }
}

/// dup2(2).
pub struct Dup2;
impl Syscall for Dup2 {
    const SPEC: Spec = Spec { name: "dup2", x64: Some(33), i386: Some(63), support: Full };
    type Args<A: Abi> = (Fd, Fd);
    fn call<A: Abi>(t: &mut Task, (old, new): Self::Args<A>) -> SysResult {
        let (old, new) = (t.fd(old)?, t.fd(new)?);
        if old == new {
            // dup3 refuses this, dup2 only wants it open.
            return sys(libc::SYS_fcntl, [int(old), libc::F_GETFD as u64]).map(|_| new as u64);
        }
        sys(libc::SYS_dup3, [int(old), int(new), 0])
    }
}

/// dup3(2).
pub struct Dup3;
impl Syscall for Dup3 {
    const SPEC: Spec = Spec { name: "dup3", x64: Some(292), i386: Some(330), support: Full };
    type Args<A: Abi> = (Fd, Fd, NewFdFlags);
    fn call<A: Abi>(t: &mut Task, (old, new, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_dup3, [int(t.fd(old)?), int(t.fd(new)?), flags.0.into()])
    }
}

names! {
    /// A command of fcntl, with x86's numbers.
    Cmd(i32) choices { (0xffff_ffff) {
        F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7, F_SETOWN = 8, F_GETOWN = 9, F_SETSIG = 10,
        F_GETSIG = 11, F_GETLK64 = 12, F_SETLK64 = 13, F_SETLKW64 = 14, F_SETOWN_EX = 15, F_GETOWN_EX = 16, F_GETOWNER_UIDS = 17, F_OFD_GETLK = 36,
        F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_SETLEASE = 1024, F_GETLEASE = 1025, F_NOTIFY = 1026, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031,
        F_GETPIPE_SZ = 1032, F_ADD_SEALS = 1033, F_GET_SEALS = 1034, F_GET_RW_HINT = 1035, F_SET_RW_HINT = 1036, F_GET_FILE_RW_HINT = 1037,
        F_SET_FILE_RW_HINT = 1038,
    } };
}

/// A command and its argument, which is shown if it means something.
#[derive(Clone, Copy, Debug)]
pub struct Command(Cmd, u64);

impl Arg for Command {
    fn take(r: &mut Regs) -> Self {
        Self(Cmd::take(r), r.word())
    }
    fn show(&self, v: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(cmd, arg) = *self;
        self.0.show(v, f)?;
        match cmd.0 {
            libc::F_GETFD | libc::F_GETFL | F_GETOWN | F_GETSIG | libc::F_GETLEASE | libc::F_GETPIPE_SZ | libc::F_GET_SEALS => Ok(()),
            libc::F_SETFD => write!(f, ", {}", FdFlag(arg as u32)),
            libc::F_SETFL => write!(f, ", {}", OpenFlags(arg as u32)),
            F_SETSIG => write!(f, ", {}", Sig(arg as i32)),
            libc::F_ADD_SEALS => write!(f, ", {}", Seals(arg as u32)),
            cmd if lock_op(cmd).is_some() => show_lock(v, cmd, arg, f),
            F_SETOWN_EX | F_GETOWN_EX | F_GETOWNER_UIDS | 1035..=1038 => write!(f, ", {arg:#x}"),
            _ => write!(f, ", {}", arg as i32),
        }
    }
}

/// A record lock in the command's layout.
fn show_lock(v: &View<'_>, cmd: i32, arg: u64, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
    let p = GuestPtr::<(), LockX64>::new(forklift_x86::GuestAddr::new(arg));
    let head = v.mem.read(p.cast::<[i16; 2]>());
    let Ok([kind, whence]) = head else { return write!(f, ", {p:?}") };
    write!(f, ", {{l_type={}, l_whence={}", LockKind(kind as u16 as u32), Whence(whence as u32))?;
    let is_32 = v.mem.space().mode() == forklift_x86::Mode::Bits32;
    let place = match (is_32, cmd <= F_SETLKW) {
        (true, true) => v.mem.read(p.cast::<LockI386>()).map(Lock::to_host),
        (true, false) => v.mem.read(p.cast::<LockLarge>()).map(Lock::to_host),
        _ => v.mem.read(p).map(Lock::to_host),
    };
    match place {
        Ok(l) => write!(f, ", l_start={}, l_len={}}}", l.l_start, l.l_len),
        Err(_) => f.write_str("}"),
    }
}

// The guest's numbers of commands, where hosts of 64 bits have none or others.
const F_GETLK: i32 = 5;
const F_SETLK: i32 = 6;
const F_SETLKW: i32 = 7;
const F_GETLK64: i32 = 12;
const F_SETLK64: i32 = 13;
const F_SETLKW64: i32 = 14;
const F_OFD_GETLK: i32 = 36;
const F_OFD_SETLK: i32 = 37;
const F_OFD_SETLKW: i32 = 38;
const F_GETOWN: i32 = 9;
const F_SETSIG: i32 = 10;
const F_GETSIG: i32 = 11;
const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;
const F_GETOWNER_UIDS: i32 = 17;

/// A layout of `struct flock`.
trait Lock: Pod {
    fn to_host(self) -> libc::flock64;
    /// EOVERFLOW if a number doesn't fit.
    fn from_host(l: &libc::flock64) -> SysResult<Self>;
}

guest_struct! {
    /// `struct flock` of x86-64.
    pub struct LockX64 = 32 { kind: i16, whence: i16, pad: u32, start: i64, len: i64, pid: i32, pad2: u32 }
}
guest_struct! {
    /// `struct flock` of i386.
    pub struct LockI386 = 16 { kind: i16, whence: i16, start: i32, len: i32, pid: i32 }
}
guest_struct! {
    /// `struct flock64` of i386.
    pub struct LockLarge = 24 { kind: i16, whence: i16, start: i64, len: i64, pid: i32 }
}

/// The host's structure from its parts.
const fn host_lock(kind: i16, whence: i16, start: i64, len: i64, pid: i32) -> libc::flock64 {
    libc::flock64 { l_type: kind, l_whence: whence, l_start: start, l_len: len, l_pid: pid }
}

impl Lock for LockX64 {
    fn to_host(self) -> libc::flock64 {
        host_lock(self.kind, self.whence, self.start, self.len, self.pid)
    }
    fn from_host(l: &libc::flock64) -> SysResult<Self> {
        Ok(Self { kind: l.l_type, whence: l.l_whence, start: l.l_start, len: l.l_len, pid: l.l_pid, ..Self::default() })
    }
}

impl Lock for LockI386 {
    fn to_host(self) -> libc::flock64 {
        host_lock(self.kind, self.whence, self.start.into(), self.len.into(), self.pid)
    }
    fn from_host(l: &libc::flock64) -> SysResult<Self> {
        let start = i32::try_from(l.l_start).map_err(|_| Errno::EOVERFLOW)?;
        // A lock to the end of everything is cut to what can be told.
        let len = i32::try_from(l.l_len).unwrap_or(i32::MAX);
        Ok(Self { kind: l.l_type, whence: l.l_whence, start, len, pid: l.l_pid })
    }
}

impl Lock for LockLarge {
    fn to_host(self) -> libc::flock64 {
        host_lock(self.kind, self.whence, self.start, self.len, self.pid)
    }
    fn from_host(l: &libc::flock64) -> SysResult<Self> {
        Ok(Self { kind: l.l_type, whence: l.l_whence, start: l.l_start, len: l.l_len, pid: l.l_pid })
    }
}

/// What a lock command does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LockOp {
    Get,
    Set,
    Wait,
}

/// Operation and the host's number of a lock command; numbers of 32-bit commands are mapped by the caller.
const fn lock_op(cmd: i32) -> Option<(LockOp, i32)> {
    Some(match cmd {
        F_GETLK | F_GETLK64 => (LockOp::Get, libc::F_GETLK),
        F_SETLK | F_SETLK64 => (LockOp::Set, libc::F_SETLK),
        F_SETLKW | F_SETLKW64 => (LockOp::Wait, libc::F_SETLKW),
        F_OFD_GETLK => (LockOp::Get, F_OFD_GETLK),
        F_OFD_SETLK => (LockOp::Set, F_OFD_SETLK),
        F_OFD_SETLKW => (LockOp::Wait, F_OFD_SETLKW),
        _ => return None,
    })
}

fn lock<A: Abi, L: Lock>(t: &mut Task, fd: i32, (op, cmd): (LockOp, i32), arg: u64) -> SysResult {
    let p = GuestPtr::<A, L>::new(forklift_x86::GuestAddr::new(arg));
    let Ok(l) = t.mem.read(p) else { return sys(libc::SYS_fcntl, [int(fd), int(cmd), BAD_ADDRESS]) };
    let mut l = l.to_host();
    match op {
        LockOp::Wait => wait(t, Restart::Sys, libc::SYS_fcntl, [int(fd), int(cmd), ptr(&l)]),
        LockOp::Set => sys(libc::SYS_fcntl, [int(fd), int(cmd), ptr(&l)]),
        LockOp::Get => {
            sys(libc::SYS_fcntl, [int(fd), int(cmd), ptr_mut(&mut l)])?;
            t.mem.write(p, L::from_host(&l)?)?;
            Ok(0)
        }
    }
}

/// A command whose argument points to `len` bytes of one layout everywhere.
fn by_pointer(t: &Task, fd: i32, cmd: i32, arg: u64, len: u64) -> SysResult {
    let b = t.mem.host_buf(forklift_x86::GuestAddr::new(arg), len, Access::Write)?;
    sys(libc::SYS_fcntl, [int(fd), int(cmd), b.ptr as u64])
}

fn other<A: Abi>(t: &Task, fd: i32, cmd: i32, arg: u64) -> SysResult {
    match cmd {
        libc::F_GETFL => sys(libc::SYS_fcntl, [int(fd), int(cmd)]).map(|f| large::seen_flags::<A>(fd, f)),
        libc::F_SETFL => sys(libc::SYS_fcntl, [int(fd), int(cmd), flags::to_host(arg as u32)]),
        F_SETOWN_EX | F_GETOWN_EX | F_GETOWNER_UIDS => by_pointer(t, fd, cmd, arg, 8),
        // Hints about the life of written data.
        1035..=1038 => by_pointer(t, fd, cmd, arg, 8),
        _ => sys(libc::SYS_fcntl, [int(fd), int(cmd), arg]),
    }
}

fn fcntl<A: Abi>(t: &mut Task, fd: Fd, cmd: i32, arg: u64) -> SysResult {
    let fd = t.fd(fd)?;
    match (lock_op(cmd), A::IS_32) {
        (Some(op), true) if cmd <= F_SETLKW => lock::<A, LockI386>(t, fd, op, arg),
        (Some(op), true) => lock::<A, LockLarge>(t, fd, op, arg),
        (Some(op), false) if !matches!(cmd, F_GETLK64..=F_SETLKW64) => lock::<A, LockX64>(t, fd, op, arg),
        _ => other::<A>(t, fd, cmd, arg),
    }
}

/// fcntl(2).
pub struct Fcntl;
impl Syscall for Fcntl {
    const SPEC: Spec = Spec { name: "fcntl", x64: Some(72), i386: Some(55), support: Full };
    type Args<A: Abi> = (Fd, Command);
    fn call<A: Abi>(t: &mut Task, (fd, Command(cmd, arg)): Self::Args<A>) -> SysResult {
        fcntl::<A>(t, fd, cmd.0, arg)
    }
}

/// fcntl64(2): a 64-bit kernel has one call for both numbers of i386.
pub struct Fcntl64;
impl Syscall for Fcntl64 {
    const SPEC: Spec = Spec { name: "fcntl64", x64: None, i386: Some(221), support: Full };
    type Args<A: Abi> = (Fd, Command);
    fn call<A: Abi>(t: &mut Task, (fd, Command(cmd, arg)): Self::Args<A>) -> SysResult {
        fcntl::<A>(t, fd, cmd.0, arg)
    }
}
