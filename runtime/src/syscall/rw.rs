//! Reading and writing at positions and in pieces: pread and pwrite, readv and its relatives, lseek.

use core::fmt;

use super::large;
use super::show::{Bytes, Filled, FilledVectors, Out, RwFlags, Vectors, Whence};
use super::sys::{int, sys, wait};
use super::{Arg, Fd, Regs, Restart, Spec, Split64, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::mem::Access;
use crate::table;
use crate::task::Task;

table![Pread64, Pwrite64, Readv, Writev, Preadv, Pwritev, Preadv2, Pwritev2, Lseek, Llseek];

/// A position in two registers in both ABIs; on x86-64 the first has all of it.
#[derive(Clone, Copy, Debug)]
pub struct Pos(i64);

impl Arg for Pos {
    fn take(r: &mut Regs) -> Self {
        let (low, high) = (r.word(), r.word());
        Self(if r.is_32() { low | high << 32 } else { low } as i64)
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Position registers for the host's preadv and pwritev: low word, high word (which 64-bit hosts ignore). EINVAL, before all else, if it's negative.
const fn host_pos(pos: i64) -> SysResult<[u64; 2]> {
    if pos < 0 { Err(Errno::EINVAL) } else { Ok([pos as u64, 0]) }
}

/// pread64(2).
pub struct Pread64;
impl Syscall for Pread64 {
    const SPEC: Spec = Spec { name: "pread64", x64: Some(17), i386: Some(180), support: Full };
    type Args<A: Abi> = (Fd, Filled<A>, Split64);
    fn call<A: Abi>(t: &mut Task, (fd, Filled(buf, count), pos): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let b = t.mem.host_buf(buf.addr(), count, Access::Write)?;
        wait(t, Restart::Sys, libc::SYS_pread64, [int(fd), b.ptr as u64, b.len as u64, pos.0])
    }
}

/// pwrite64(2).
pub struct Pwrite64;
impl Syscall for Pwrite64 {
    const SPEC: Spec = Spec { name: "pwrite64", x64: Some(18), i386: Some(181), support: Full };
    type Args<A: Abi> = (Fd, Bytes<A>, Split64);
    fn call<A: Abi>(t: &mut Task, (fd, Bytes(buf, count), pos): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let count = large::room::<A>(fd, Some(pos.signed()), count)?;
        let b = t.mem.host_buf(buf.addr(), count, Access::Read)?;
        wait(t, Restart::Sys, libc::SYS_pwrite64, [int(fd), b.ptr as u64, b.len as u64, pos.0])
    }
}

/// A call with vectors. The kernel takes an `unsigned long` for their number and looks at 32 bits of it.
fn vectors<A: Abi>(t: &mut Task, nr: i64, fd: Fd, iov: GuestPtr<A, u8>, count: u64, access: Access, rest: [u64; 3]) -> SysResult {
    let fd = t.fd(fd)?;
    let mut v = t.mem.host_iovecs::<A>(iov.cast(), u64::from(count as u32), access)?;
    if access == Access::Read && !v.is_bad() {
        // pwritev2 with a position of -1 is writev.
        let at = (nr != libc::SYS_writev && rest[0] != u64::MAX).then_some(rest[0] as i64);
        v.cut(large::room::<A>(fd, at, v.total())?);
    }
    wait(t, Restart::Sys, nr, [int(fd), v.addr(), v.count(), rest[0], rest[1], rest[2]])
}

/// readv(2).
pub struct Readv;
impl Syscall for Readv {
    const SPEC: Spec = Spec { name: "readv", x64: Some(19), i386: Some(145), support: Full };
    type Args<A: Abi> = (Fd, FilledVectors<A>);
    fn call<A: Abi>(t: &mut Task, (fd, FilledVectors(iov, count)): Self::Args<A>) -> SysResult {
        vectors(t, libc::SYS_readv, fd, iov, count, Access::Write, [0; 3])
    }
}

/// writev(2).
pub struct Writev;
impl Syscall for Writev {
    const SPEC: Spec = Spec { name: "writev", x64: Some(20), i386: Some(146), support: Full };
    type Args<A: Abi> = (Fd, Vectors<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Vectors(iov, count)): Self::Args<A>) -> SysResult {
        vectors(t, libc::SYS_writev, fd, iov, count, Access::Read, [0; 3])
    }
}

/// preadv(2).
pub struct Preadv;
impl Syscall for Preadv {
    const SPEC: Spec = Spec { name: "preadv", x64: Some(295), i386: Some(333), support: Full };
    type Args<A: Abi> = (Fd, FilledVectors<A>, Pos);
    fn call<A: Abi>(t: &mut Task, (fd, FilledVectors(iov, count), pos): Self::Args<A>) -> SysResult {
        let [low, high] = host_pos(pos.0)?;
        vectors(t, libc::SYS_preadv, fd, iov, count, Access::Write, [low, high, 0])
    }
}

/// pwritev(2).
pub struct Pwritev;
impl Syscall for Pwritev {
    const SPEC: Spec = Spec { name: "pwritev", x64: Some(296), i386: Some(334), support: Full };
    type Args<A: Abi> = (Fd, Vectors<A>, Pos);
    fn call<A: Abi>(t: &mut Task, (fd, Vectors(iov, count), pos): Self::Args<A>) -> SysResult {
        let [low, high] = host_pos(pos.0)?;
        vectors(t, libc::SYS_pwritev, fd, iov, count, Access::Read, [low, high, 0])
    }
}

/// preadv2(2).
pub struct Preadv2;
impl Syscall for Preadv2 {
    const SPEC: Spec = Spec { name: "preadv2", x64: Some(327), i386: Some(378), support: Full };
    type Args<A: Abi> = (Fd, FilledVectors<A>, Pos, RwFlags);
    fn call<A: Abi>(t: &mut Task, (fd, FilledVectors(iov, count), pos, flags): Self::Args<A>) -> SysResult {
        let [low, high] = [pos.0 as u64, 0];
        vectors(t, libc::SYS_preadv2, fd, iov, count, Access::Write, [low, high, flags.0.into()])
    }
}

/// pwritev2(2).
pub struct Pwritev2;
impl Syscall for Pwritev2 {
    const SPEC: Spec = Spec { name: "pwritev2", x64: Some(328), i386: Some(379), support: Full };
    type Args<A: Abi> = (Fd, Vectors<A>, Pos, RwFlags);
    fn call<A: Abi>(t: &mut Task, (fd, Vectors(iov, count), pos, flags): Self::Args<A>) -> SysResult {
        let [low, high] = [pos.0 as u64, 0];
        vectors(t, libc::SYS_pwritev2, fd, iov, count, Access::Read, [low, high, flags.0.into()])
    }
}

/// Seeks; positions in directories are made to fit 32 bits for i386, see [`super::dir`].
fn seek<A: Abi>(t: &Task, fd: Fd, offset: i64, whence: u32) -> SysResult {
    let fd = t.fd(fd)?;
    let wide = A::IS_32 && super::dir::has_wide_offsets(fd);
    let offset = match u64::try_from(offset) {
        Ok(o) if wide && o > i32::MAX as u64 => return Err(Errno::EINVAL),
        Ok(o) if wide => super::dir::widen(o),
        _ => offset as u64,
    };
    let at = sys(libc::SYS_lseek, [int(fd), offset, whence.into()])?;
    Ok(if wide { super::dir::narrow(at) } else { at })
}

/// lseek(2).
pub struct Lseek;
impl Syscall for Lseek {
    const SPEC: Spec = Spec { name: "lseek", x64: Some(8), i386: Some(19), support: Full };
    type Args<A: Abi> = (Fd, i64, Whence);
    fn call<A: Abi>(t: &mut Task, (fd, offset, Whence(whence)): Self::Args<A>) -> SysResult {
        seek::<A>(t, fd, offset, whence)
    }
}

/// _llseek(2).
pub struct Llseek;
impl Syscall for Llseek {
    const SPEC: Spec = Spec { name: "_llseek", x64: None, i386: Some(140), support: Full };
    type Args<A: Abi> = (Fd, u32, u32, Out<A, u64>, Whence);
    fn call<A: Abi>(t: &mut Task, (fd, high, low, Out(result, _), Whence(whence)): Self::Args<A>) -> SysResult {
        let at = seek::<A>(t, fd, (u64::from(high) << 32 | u64::from(low)) as i64, whence)?;
        t.mem.write(result, at)?;
        Ok(0)
    }
}
