//! Events as descriptors: eventfd, timerfd, signalfd, inotify, fanotify.

use super::flags;
use super::show::{EventfdFlags, In, InotifyFlags, InotifyMask, Out, Sec, SigSet, SignalfdFlags, TimerfdFlags, TimerfdSetFlags};
use super::sys::{int, opt_ptr_mut, ptr, ptr_mut, sys, wait};
use super::time::ClockId;
use super::{Fd, Hex, Restart, Spec, Split64, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::paths::Last;
use crate::table;
use crate::task::{Task, host_mask};

table![
    Eventfd,
    Eventfd2,
    TimerfdCreate,
    TimerfdSettime,
    TimerfdGettime,
    TimerfdSettime64,
    TimerfdGettime64,
    Signalfd,
    Signalfd4,
    InotifyInit,
    InotifyInit1,
    InotifyAddWatch,
    InotifyRmWatch,
    FanotifyInit,
    FanotifyMark,
];

/// eventfd(2).
pub struct Eventfd;
impl Syscall for Eventfd {
    const SPEC: Spec = Spec { name: "eventfd", x64: Some(284), i386: Some(323), support: Full };
    type Args<A: Abi> = (u32,);
    fn call<A: Abi>(_: &mut Task, (count,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_eventfd2, [count.into(), 0])
    }
}

/// eventfd2(2).
pub struct Eventfd2;
impl Syscall for Eventfd2 {
    const SPEC: Spec = Spec { name: "eventfd2", x64: Some(290), i386: Some(328), support: Full };
    type Args<A: Abi> = (u32, EventfdFlags);
    fn call<A: Abi>(_: &mut Task, (count, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_eventfd2, [count.into(), flags.0.into()])
    }
}

/// timerfd_create(2).
pub struct TimerfdCreate;
impl Syscall for TimerfdCreate {
    const SPEC: Spec = Spec { name: "timerfd_create", x64: Some(283), i386: Some(322), support: Full };
    type Args<A: Abi> = (ClockId, TimerfdFlags);
    fn call<A: Abi>(_: &mut Task, (ClockId(clock), flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_timerfd_create, [int(clock), flags.0.into()])
    }
}

/// Interval and value of a timer as the host has them.
fn host_spec<T: TimePair>(both: [T; 2]) -> libc::itimerspec {
    libc::itimerspec { it_interval: both[0].to_host(), it_value: both[1].to_host() }
}

fn guest_spec<T: TimePair>(s: &libc::itimerspec) -> [T; 2] {
    [T::from_host(s.it_interval), T::from_host(s.it_value)]
}

const NO_SPEC: libc::itimerspec =
    libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: libc::timespec { tv_sec: 0, tv_nsec: 0 } };

fn settime<A: Abi, T: TimePair>(t: &Task, fd: Fd, flags: u32, new: GuestPtr<A, [T; 2]>, old: GuestPtr<A, [T; 2]>) -> SysResult {
    let spec = host_spec(t.mem.read(new)?);
    let mut before = (!old.is_null()).then_some(NO_SPEC);
    sys(libc::SYS_timerfd_settime, [int(t.fd(fd)?), flags.into(), ptr(&spec), opt_ptr_mut(before.as_mut())])?;
    if let Some(b) = before {
        t.mem.write(old, guest_spec::<T>(&b))?;
    }
    Ok(0)
}

fn gettime<A: Abi, T: TimePair>(t: &Task, fd: Fd, out: GuestPtr<A, [T; 2]>) -> SysResult {
    let mut now = NO_SPEC;
    sys(libc::SYS_timerfd_gettime, [int(t.fd(fd)?), ptr_mut(&mut now)])?;
    t.mem.write(out, guest_spec::<T>(&now))?;
    Ok(0)
}

/// timerfd_settime(2).
pub struct TimerfdSettime;
impl Syscall for TimerfdSettime {
    const SPEC: Spec = Spec { name: "timerfd_settime", x64: Some(286), i386: Some(325), support: Full };
    type Args<A: Abi> = (Fd, TimerfdSetFlags, In<A, [A::Timespec; 2], Sec>, Out<A, [A::Timespec; 2], Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, flags, In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        settime(t, fd, flags.0, new, old)
    }
}

/// timerfd_gettime(2).
pub struct TimerfdGettime;
impl Syscall for TimerfdGettime {
    const SPEC: Spec = Spec { name: "timerfd_gettime", x64: Some(287), i386: Some(326), support: Full };
    type Args<A: Abi> = (Fd, Out<A, [A::Timespec; 2], Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, Out(out, _)): Self::Args<A>) -> SysResult {
        gettime(t, fd, out)
    }
}

/// timerfd_settime64(2).
pub struct TimerfdSettime64;
impl Syscall for TimerfdSettime64 {
    const SPEC: Spec = Spec { name: "timerfd_settime64", x64: None, i386: Some(411), support: Full };
    type Args<A: Abi> = (Fd, TimerfdSetFlags, In<A, [KernelTimespec; 2], Sec>, Out<A, [KernelTimespec; 2], Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, flags, In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        settime(t, fd, flags.0, new, old)
    }
}

/// timerfd_gettime64(2).
pub struct TimerfdGettime64;
impl Syscall for TimerfdGettime64 {
    const SPEC: Spec = Spec { name: "timerfd_gettime64", x64: None, i386: Some(410), support: Full };
    type Args<A: Abi> = (Fd, Out<A, [KernelTimespec; 2], Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, Out(out, _)): Self::Args<A>) -> SysResult {
        gettime(t, fd, out)
    }
}

fn signalfd<A: Abi>(t: &Task, fd: Fd, set: GuestPtr<A, u64>, size: u64, flags: u32) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let mask = host_mask(t.mem.read(set)?);
    let fd = if fd.0 == -1 { -1 } else { t.fd(fd)? };
    sys(libc::SYS_signalfd4, [int(fd), ptr(&mask), 8, flags.into()])
}

/// signalfd(2).
pub struct Signalfd;
impl Syscall for Signalfd {
    const SPEC: Spec = Spec { name: "signalfd", x64: Some(282), i386: Some(321), support: Full };
    type Args<A: Abi> = (Fd, In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (fd, In(set, _), size): Self::Args<A>) -> SysResult {
        signalfd(t, fd, set, size, 0)
    }
}

/// signalfd4(2).
pub struct Signalfd4;
impl Syscall for Signalfd4 {
    const SPEC: Spec = Spec { name: "signalfd4", x64: Some(289), i386: Some(327), support: Full };
    type Args<A: Abi> = (Fd, In<A, u64, SigSet>, u64, SignalfdFlags);
    fn call<A: Abi>(t: &mut Task, (fd, In(set, _), size, flags): Self::Args<A>) -> SysResult {
        signalfd(t, fd, set, size, flags.0)
    }
}

/// inotify_init(2).
pub struct InotifyInit;
impl Syscall for InotifyInit {
    const SPEC: Spec = Spec { name: "inotify_init", x64: Some(253), i386: Some(291), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(_: &mut Task, (): Self::Args<A>) -> SysResult {
        sys(libc::SYS_inotify_init1, [0])
    }
}

/// inotify_init1(2).
pub struct InotifyInit1;
impl Syscall for InotifyInit1 {
    const SPEC: Spec = Spec { name: "inotify_init1", x64: Some(294), i386: Some(332), support: Full };
    type Args<A: Abi> = (InotifyFlags,);
    fn call<A: Abi>(_: &mut Task, (flags,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_inotify_init1, [flags.0.into()])
    }
}

/// inotify_add_watch(2).
pub struct InotifyAddWatch;
impl Syscall for InotifyAddWatch {
    const SPEC: Spec = Spec { name: "inotify_add_watch", x64: Some(254), i386: Some(292), support: Full };
    type Args<A: Abi> = (Fd, Str, InotifyMask);
    fn call<A: Abi>(t: &mut Task, (fd, path, mask): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let p = t.path_to(Fd::CWD, path, Last::target_unless(mask.0 & libc::IN_DONT_FOLLOW != 0))?;
        sys(libc::SYS_inotify_add_watch, [int(fd), p.arg(), mask.0.into()])
    }
}

/// inotify_rm_watch(2).
pub struct InotifyRmWatch;
impl Syscall for InotifyRmWatch {
    const SPEC: Spec = Spec { name: "inotify_rm_watch", x64: Some(255), i386: Some(293), support: Full };
    type Args<A: Abi> = (Fd, i32);
    fn call<A: Abi>(t: &mut Task, (fd, watch): Self::Args<A>) -> SysResult {
        sys(libc::SYS_inotify_rm_watch, [int(t.fd(fd)?), int(watch)])
    }
}

/// fanotify_init(2).
pub struct FanotifyInit;
impl Syscall for FanotifyInit {
    const SPEC: Spec = Spec { name: "fanotify_init", x64: Some(300), i386: Some(338), support: Full };
    type Args<A: Abi> = (Hex, Hex);
    fn call<A: Abi>(_: &mut Task, (flags, event_flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fanotify_init, [flags.0.into(), flags::to_host(event_flags.0)])
    }
}

/// fanotify_mark(2).
pub struct FanotifyMark;
impl Syscall for FanotifyMark {
    const SPEC: Spec = Spec { name: "fanotify_mark", x64: Some(301), i386: Some(339), support: Full };
    type Args<A: Abi> = (Fd, Hex, Split64, Fd, Str);
    fn call<A: Abi>(t: &mut Task, (fd, flags, mask, dir, path): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        if path.0.get() == 0 {
            let dir = t.fd(dir)?;
            return sys(libc::SYS_fanotify_mark, [int(fd), flags.0.into(), mask.0, int(dir), 0]);
        }
        let p = t.path_to(dir, path, Last::target_unless(flags.0 & libc::FAN_MARK_DONT_FOLLOW != 0))?;
        wait(t, Restart::Sys, libc::SYS_fanotify_mark, [int(fd), flags.0.into(), mask.0, p.dir_arg(), p.arg()])
    }
}
