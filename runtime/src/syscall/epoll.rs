//! epoll. The guest's `struct epoll_event` is packed in both ABIs; the host's only on x86-64.

use core::fmt;

use super::show::{EpollEvents, EpollFlags, EpollOp, FilledArray, In, Sec, ShowAs, SigSet};
use super::sys::{int, opt_ptr, ptr, ptr_mut, sys, wait};
use super::{Fd, Restart, Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, KernelTimespec};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::BAD_ADDRESS;
use crate::table;
use crate::task::Task;

table![EpollCreate, EpollCreate1, EpollCtl, EpollWait, EpollPwait, EpollPwait2];

guest_struct! {
    /// `struct epoll_event`.
    pub struct Event = 12 {
        events: u32,
        data: u64,
    }
}

/// How events are shown.
pub struct Events;

impl ShowAs<Event> for Events {
    fn show_as(value: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, data) = (value.events, value.data);
        write!(f, "{{events={}, data={data:#x}}}", EpollEvents(events))
    }
}

/// epoll_create(2).
pub struct EpollCreate;
impl Syscall for EpollCreate {
    const SPEC: Spec = Spec { name: "epoll_create", x64: Some(213), i386: Some(254), support: Full };
    type Args<A: Abi> = (i32,);
    fn call<A: Abi>(_: &mut Task, (size,): Self::Args<A>) -> SysResult {
        if size <= 0 { Err(Errno::EINVAL) } else { sys(libc::SYS_epoll_create1, [0]) }
    }
}

/// epoll_create1(2).
pub struct EpollCreate1;
impl Syscall for EpollCreate1 {
    const SPEC: Spec = Spec { name: "epoll_create1", x64: Some(291), i386: Some(329), support: Full };
    type Args<A: Abi> = (EpollFlags,);
    fn call<A: Abi>(_: &mut Task, (flags,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_epoll_create1, [flags.0.into()])
    }
}

/// epoll_ctl(2).
pub struct EpollCtl;
impl Syscall for EpollCtl {
    const SPEC: Spec = Spec { name: "epoll_ctl", x64: Some(233), i386: Some(255), support: Full };
    type Args<A: Abi> = (Fd, EpollOp, Fd, In<A, Event, Events>);
    fn call<A: Abi>(t: &mut Task, (ep, EpollOp(op), fd, In(event, _)): Self::Args<A>) -> SysResult {
        let (ep, fd) = (t.fd(ep)?, t.fd(fd)?);
        let e = if op == libc::EPOLL_CTL_DEL { Event::default() } else { t.mem.read(event)? };
        let host = libc::epoll_event { events: e.events, u64: e.data };
        sys(libc::SYS_epoll_ctl, [int(ep), int(op), int(fd), ptr(&host)])
    }
}

/// Most events that are fetched at once if there is no memory for as many as the caller has room for; it gets the others with its next call.
const BATCH: i32 = 1024;

/// What bounds a wait.
enum Limit {
    Ms(i32),
    Time(Option<libc::timespec>),
}

/// Most events that a call may ask for.
const MAX_EVENTS: i32 = i32::MAX / size_of::<Event>() as i32;

fn epoll_wait<A: Abi>(t: &mut Task, ep: Fd, out: GuestPtr<A, Event>, max: i32, limit: &Limit, mask: Option<u64>) -> SysResult {
    let ep = t.fd(ep)?;
    // A number or an address that can't be is one for the host, too, which says so in its order.
    let is_address = t.mem.is_address(out.addr(), size_of::<Event>() as u64 * max.max(0) as u64);
    let mut events: Vec<libc::epoll_event> = Vec::new();
    let fits = max > MAX_EVENTS || events.try_reserve_exact(max.max(0) as usize).is_ok();
    let max = if fits { max } else { BATCH };
    events.reserve_exact(if fits { 0 } else { BATCH as usize });
    let buf = if is_address { ptr_mut(events.spare_capacity_mut()) } else { BAD_ADDRESS };
    let sig = opt_ptr(mask.as_ref());
    let n = match limit {
        Limit::Ms(ms) => wait(t, Restart::Never, libc::SYS_epoll_pwait, [int(ep), buf, int(max), int(*ms), sig, 8])?,
        Limit::Time(ts) => wait(t, Restart::Never, libc::SYS_epoll_pwait2, [int(ep), buf, int(max), opt_ptr(ts.as_ref()), sig, 8])?,
    };
    // SAFETY: the host has written that many; it refuses more than MAX_EVENTS.
    unsafe { events.set_len((n as usize).min(events.capacity())) };
    let events: Vec<Event> = events.iter().map(|e| Event { events: e.events, data: e.u64 }).collect();
    t.mem.write_array(out, &events)?;
    Ok(n)
}

/// epoll_wait(2).
pub struct EpollWait;
impl Syscall for EpollWait {
    const SPEC: Spec = Spec { name: "epoll_wait", x64: Some(232), i386: Some(256), support: Full };
    type Args<A: Abi> = (Fd, FilledArray<A, Event, i32, Events>, i32);
    fn call<A: Abi>(t: &mut Task, (ep, FilledArray(out, max, _), ms): Self::Args<A>) -> SysResult {
        epoll_wait(t, ep, out, max, &Limit::Ms(ms), None)
    }
}

/// epoll_pwait(2).
pub struct EpollPwait;
impl Syscall for EpollPwait {
    const SPEC: Spec = Spec { name: "epoll_pwait", x64: Some(281), i386: Some(319), support: Full };
    type Args<A: Abi> = (Fd, FilledArray<A, Event, i32, Events>, i32, In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (ep, FilledArray(out, max, _), ms, In(set, _), size): Self::Args<A>) -> SysResult {
        let mask = t.sigmask_for_wait(set, size)?;
        epoll_wait(t, ep, out, max, &Limit::Ms(ms), mask)
    }
}

/// epoll_pwait2(2).
pub struct EpollPwait2;
impl Syscall for EpollPwait2 {
    const SPEC: Spec = Spec { name: "epoll_pwait2", x64: Some(441), i386: Some(441), support: Full };
    type Args<A: Abi> = (Fd, FilledArray<A, Event, i32, Events>, In<A, KernelTimespec, Sec>, In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (ep, FilledArray(out, max, _), In(timeout, _), In(set, _), size): Self::Args<A>) -> SysResult {
        let timeout = super::poll::read_timeout(t, timeout)?;
        let mask = t.sigmask_for_wait(set, size)?;
        epoll_wait(t, ep, out, max, &Limit::Time(timeout), mask)
    }
}
