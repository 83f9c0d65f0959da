//! Pipes, and moving data between descriptors without copying it: splice, tee, vmsplice, sendfile, copy_file_range.

use super::flags;
use super::large::{self, MAX_NON_LFS};
use super::show::{In, NewFdFlags, Out, SpliceFlags, Vectors};
use super::sys::{int, opt_ptr_mut, ptr_mut, sys, wait};
use super::{Fd, Hex, Restart, Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::SysResult;
use crate::mem::{Access, BAD_ADDRESS};
use crate::table;
use crate::task::Task;

table![Pipe, Pipe2, Splice, Tee, Vmsplice, Sendfile, Sendfile64, CopyFileRange];

fn pipe<A: Abi>(t: &Task, out: GuestPtr<A, [i32; 2]>, flags: u32) -> SysResult {
    let mut fds = [0i32; 2];
    sys(libc::SYS_pipe2, [ptr_mut(&mut fds), flags::to_host(flags)])?;
    if let Err(e) = t.mem.write(out, fds) {
        for fd in fds {
            sys(libc::SYS_close, [int(fd)])?;
        }
        return Err(e);
    }
    Ok(0)
}

/// pipe(2).
pub struct Pipe;
impl Syscall for Pipe {
    const SPEC: Spec = Spec { name: "pipe", x64: Some(22), i386: Some(42), support: Full };
    type Args<A: Abi> = (Out<A, [i32; 2]>,);
    fn call<A: Abi>(t: &mut Task, (Out(out, _),): Self::Args<A>) -> SysResult {
        pipe(t, out, 0)
    }
}

/// pipe2(2).
pub struct Pipe2;
impl Syscall for Pipe2 {
    const SPEC: Spec = Spec { name: "pipe2", x64: Some(293), i386: Some(331), support: Full };
    type Args<A: Abi> = (Out<A, [i32; 2]>, NewFdFlags);
    fn call<A: Abi>(t: &mut Task, (Out(out, _), flags): Self::Args<A>) -> SysResult {
        pipe(t, out, flags.0)
    }
}

/// Makes a call with offsets that live in guest memory: read before, written back behind if the result, not an error, is one that moves them. The host gets a
/// bad address for a bad one, and decides when to say so.
fn with_offsets<A: Abi, const N: usize>(
    t: &mut Task,
    at: [GuestPtr<A, i64>; N],
    moves: impl FnOnce(u64) -> bool,
    call: impl FnOnce(&mut Task, [u64; N]) -> SysResult,
) -> SysResult {
    let mut offsets = [None; N];
    let mut regs = [0; N];
    for ((o, r), p) in offsets.iter_mut().zip(&mut regs).zip(at) {
        match t.mem.read_opt(p) {
            Ok(v) => {
                *o = v;
                *r = opt_ptr_mut(o.as_mut());
            }
            Err(_) => *r = BAD_ADDRESS,
        }
    }
    let result = call(t, regs)?;
    if moves(result) {
        for (o, p) in offsets.into_iter().zip(at) {
            if let Some(v) = o {
                t.mem.write(p, v)?;
            }
        }
    }
    Ok(result)
}

/// splice(2).
pub struct Splice;
impl Syscall for Splice {
    const SPEC: Spec = Spec { name: "splice", x64: Some(275), i386: Some(313), support: Full };
    type Args<A: Abi> = (Fd, In<A, i64>, Fd, In<A, i64>, u64, SpliceFlags);
    fn call<A: Abi>(t: &mut Task, (from, In(from_at, _), to, In(to_at, _), len, flags): Self::Args<A>) -> SysResult {
        let (from, to) = (t.fd(from)?, t.fd(to)?);
        let len = large::room::<A>(to, t.mem.read_opt(to_at).ok().flatten(), len)?;
        let call = |t: &mut Task, [f, o]: [u64; 2]| wait(t, Restart::Sys, libc::SYS_splice, [int(from), f, int(to), o, len, flags.0.into()]);
        with_offsets(t, [from_at, to_at], |_| len > 0, call)
    }
}

/// tee(2).
pub struct Tee;
impl Syscall for Tee {
    const SPEC: Spec = Spec { name: "tee", x64: Some(276), i386: Some(315), support: Full };
    type Args<A: Abi> = (Fd, Fd, u64, SpliceFlags);
    fn call<A: Abi>(t: &mut Task, (from, to, len, flags): Self::Args<A>) -> SysResult {
        let (from, to) = (t.fd(from)?, t.fd(to)?);
        wait(t, Restart::Sys, libc::SYS_tee, [int(from), int(to), len, flags.0.into()])
    }
}

/// vmsplice(2).
pub struct Vmsplice;
impl Syscall for Vmsplice {
    const SPEC: Spec = Spec { name: "vmsplice", x64: Some(278), i386: Some(316), support: Full };
    type Args<A: Abi> = (Fd, Vectors<A>, SpliceFlags);
    fn call<A: Abi>(t: &mut Task, (fd, Vectors(iov, count), flags): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let mode = sys(libc::SYS_fcntl, [int(fd), libc::F_GETFL as u64]).unwrap_or(0);
        let access = if mode as i32 & libc::O_ACCMODE == libc::O_RDONLY { Access::Write } else { Access::Read };
        let v = t.mem.host_iovecs::<A>(iov.cast(), u64::from(count as u32), access)?;
        wait(t, Restart::Sys, libc::SYS_vmsplice, [int(fd), v.addr(), v.count(), flags.0.into()])
    }
}

/// sendfile with an offset in memory or none. It is read before all else and written whatever comes of the call. `most` bounds what is sent from an offset on.
fn sendfile<A: Abi, T: GuestWord>(t: &mut Task, to: Fd, from: Fd, at: GuestPtr<A, T>, count: u64, most: impl FnOnce(i64) -> u64) -> SysResult {
    let mut offset = t.mem.read_opt(at)?.map(GuestWord::signed);
    let count = offset.map_or(count, |o| count.min(most(o)));
    let (to, from) = (t.fd(to)?, t.fd(from)?);
    let count = large::room::<A>(to, None, count)?;
    let result = wait(t, Restart::Sys, libc::SYS_sendfile, [int(to), int(from), opt_ptr_mut(offset.as_mut()), count]);
    if let Some(o) = offset {
        t.mem.write(at, T::from_u64(o as u64))?;
    }
    result
}

/// sendfile(2): its offset is a word of the ABI.
pub struct Sendfile;
impl Syscall for Sendfile {
    const SPEC: Spec = Spec { name: "sendfile", x64: Some(40), i386: Some(187), support: Full };
    type Args<A: Abi> = (Fd, Fd, In<A, A::Word>, u64);
    fn call<A: Abi>(t: &mut Task, (to, from, In(at, _), count): Self::Args<A>) -> SysResult {
        sendfile(t, to, from, at, count, |from| match u64::try_from(MAX_NON_LFS as i64 - from) {
            // More than can be told is EOVERFLOW from the host, as is this.
            Ok(0) if A::IS_32 => u64::MAX,
            Ok(most) if A::IS_32 => most,
            _ => u64::MAX,
        })
    }
}

/// sendfile64(2).
pub struct Sendfile64;
impl Syscall for Sendfile64 {
    const SPEC: Spec = Spec { name: "sendfile64", x64: None, i386: Some(239), support: Full };
    type Args<A: Abi> = (Fd, Fd, In<A, u64>, u64);
    fn call<A: Abi>(t: &mut Task, (to, from, In(at, _), count): Self::Args<A>) -> SysResult {
        sendfile(t, to, from, at, count, |_| u64::MAX)
    }
}

/// copy_file_range(2).
pub struct CopyFileRange;
impl Syscall for CopyFileRange {
    const SPEC: Spec = Spec { name: "copy_file_range", x64: Some(326), i386: Some(377), support: Full };
    type Args<A: Abi> = (Fd, In<A, i64>, Fd, In<A, i64>, u64, Hex);
    fn call<A: Abi>(t: &mut Task, (from, In(from_at, _), to, In(to_at, _), len, flags): Self::Args<A>) -> SysResult {
        let (from, to) = (t.fd(from)?, t.fd(to)?);
        let len = large::room::<A>(to, t.mem.read_opt(to_at).ok().flatten(), len)?;
        let call = |t: &mut Task, [f, o]: [u64; 2]| wait(t, Restart::Sys, libc::SYS_copy_file_range, [int(from), f, int(to), o, len, flags.0.into()]);
        with_offsets(t, [from_at, to_at], |copied| copied > 0, call)
    }
}
