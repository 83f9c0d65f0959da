//! Times of files: utime, utimes, futimesat, utimensat.

use super::show::{AtFlags, In, Sec, Usec};
use super::sys::{opt_ptr, sys};
use super::{Fd, Spec, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Utime, Utimes, Futimesat, Utimensat, UtimensatTime64];

/// Sets the times of a file. A null path means the descriptor itself.
fn set(t: &Task, dir: Fd, path: Str, times: Option<[libc::timespec; 2]>, flags: u32) -> SysResult {
    if path.0.get() == 0 {
        let fd = t.fd(dir)?;
        return sys(libc::SYS_utimensat, [super::sys::int(fd), 0, opt_ptr(times.as_ref()), flags.into()]);
    }
    let p = t.path_to(dir, path, Last::of_flags(flags))?;
    sys(libc::SYS_utimensat, [p.dir_arg(), p.arg(), opt_ptr(times.as_ref()), flags.into()])
}

fn read_specs<A: Abi, T: TimePair>(t: &Task, p: GuestPtr<A, [T; 2]>) -> SysResult<Option<[libc::timespec; 2]>> {
    Ok(t.mem.read_opt(p)?.map(|both| both.map(TimePair::to_host)))
}

/// Reads two timevals: EINVAL for microseconds out of range.
fn read_vals<A: Abi>(t: &Task, p: GuestPtr<A, [A::Timeval; 2]>) -> SysResult<Option<[libc::timespec; 2]>> {
    let Some(both) = t.mem.read_opt(p)? else { return Ok(None) };
    let mut out = [libc::timespec { tv_sec: 0, tv_nsec: 0 }; 2];
    for (o, v) in out.iter_mut().zip(both) {
        let (sec, usec) = v.get();
        if !(0..1_000_000).contains(&usec) {
            return Err(Errno::EINVAL);
        }
        *o = libc::timespec { tv_sec: sec, tv_nsec: usec * 1000 };
    }
    Ok(Some(out))
}

/// utime(2).
pub struct Utime;
impl Syscall for Utime {
    const SPEC: Spec = Spec { name: "utime", x64: Some(132), i386: Some(30), support: Full };
    type Args<A: Abi> = (Str, GuestPtr<A, [A::Word; 2]>);
    fn call<A: Abi>(t: &mut Task, (path, times): Self::Args<A>) -> SysResult {
        let times = t.mem.read_opt(times)?.map(|both| both.map(|sec| libc::timespec { tv_sec: sec.signed(), tv_nsec: 0 }));
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_utimensat, [p.dir_arg(), p.arg(), opt_ptr(times.as_ref()), 0])
    }
}

/// utimes(2).
pub struct Utimes;
impl Syscall for Utimes {
    const SPEC: Spec = Spec { name: "utimes", x64: Some(235), i386: Some(271), support: Full };
    type Args<A: Abi> = (Str, In<A, [A::Timeval; 2], Usec>);
    fn call<A: Abi>(t: &mut Task, (path, In(times, _)): Self::Args<A>) -> SysResult {
        let times = read_vals(t, times)?;
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_utimensat, [p.dir_arg(), p.arg(), opt_ptr(times.as_ref()), 0])
    }
}

/// futimesat(2).
pub struct Futimesat;
impl Syscall for Futimesat {
    const SPEC: Spec = Spec { name: "futimesat", x64: Some(261), i386: Some(299), support: Full };
    type Args<A: Abi> = (Fd, Str, In<A, [A::Timeval; 2], Usec>);
    fn call<A: Abi>(t: &mut Task, (dir, path, In(times, _)): Self::Args<A>) -> SysResult {
        let times = read_vals(t, times)?;
        set(t, dir, path, times, 0)
    }
}

/// utimensat(2).
pub struct Utimensat;
impl Syscall for Utimensat {
    const SPEC: Spec = Spec { name: "utimensat", x64: Some(280), i386: Some(320), support: Full };
    type Args<A: Abi> = (Fd, Str, In<A, [A::Timespec; 2], Sec>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, In(times, _), flags): Self::Args<A>) -> SysResult {
        let times = read_specs(t, times)?;
        set(t, dir, path, times, flags.0)
    }
}

/// utimensat_time64(2).
pub struct UtimensatTime64;
impl Syscall for UtimensatTime64 {
    const SPEC: Spec = Spec { name: "utimensat_time64", x64: None, i386: Some(412), support: Full };
    type Args<A: Abi> = (Fd, Str, In<A, [KernelTimespec; 2], Sec>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, In(times, _), flags): Self::Args<A>) -> SysResult {
        let times = read_specs(t, times)?;
        set(t, dir, path, times, flags.0)
    }
}
