//! Waiting for descriptors: poll and select with their relatives. All of it is the host's ppoll and pselect6.
//!
//! Both host calls count the remaining time down in our copy, so a call that goes on after an interruption waits for the rest only.

use core::fmt;

use forklift_x86::GuestAddr;

use super::show::{In, PollEvents, Sec, SigSet, Usec};
use super::sys::{opt_ptr, opt_ptr_mut, ptr, ptr_mut, wait};
use super::{Arg, Regs, Restart, Spec, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::table;
use crate::task::Task;

table![Poll, Ppoll, PpollTime64, Select, OldSelect, NewSelect, Pselect6, Pselect6Time64];

guest_struct! {
    /// `struct pollfd`.
    pub struct PollFd = 8 {
        fd: i32,
        events: i16,
        revents: i16,
    }
}

/// An array of `struct pollfd` and its length. What came of each is shown when the call has returned.
pub struct Polled<A>(GuestPtr<A, PollFd>, u32);

impl<A> Arg for Polled<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r), u32::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: u32 = 32;
        match v.mem.read_array(self.0, self.1.min(SHOWN) as usize) {
            Ok(fds) if !self.0.is_null() => {
                f.write_str("[")?;
                for (i, p) in fds.iter().enumerate() {
                    let (fd, events, revents) = (p.fd, p.events as u16, p.revents as u16);
                    write!(f, "{}{{fd={fd}, events={}", if i > 0 { ", " } else { "" }, PollEvents(events.into()))?;
                    match v.value() {
                        Some(n) if n > 0 && revents != 0 => write!(f, ", revents={}}}", PollEvents(revents.into()))?,
                        _ => f.write_str("}")?,
                    }
                }
                f.write_str(if self.1 > SHOWN { ", ...]" } else { "]" })?;
            }
            _ => write!(f, "{:?}", self.0)?,
        }
        write!(f, ", {}", self.1)
    }
}

/// Length of a signal set. Unit: bytes.
const SIGSET: u64 = 8;

fn timespec(sec: i64, nsec: i64) -> SysResult<libc::timespec> {
    if sec < 0 || !(0..1_000_000_000).contains(&nsec) { Err(Errno::EINVAL) } else { Ok(libc::timespec { tv_sec: sec, tv_nsec: nsec }) }
}

/// Reads a time-out of layout `T`. EINVAL for a time that can't be.
pub(super) fn read_timeout<A: Abi, T: TimePair>(t: &Task, p: GuestPtr<A, T>) -> SysResult<Option<libc::timespec>> {
    let Some(v) = t.mem.read_opt(p)? else { return Ok(None) };
    let (sec, nsec) = v.get();
    timespec(sec, nsec).map(Some)
}

fn poll<A: Abi>(t: &mut Task, fds: GuestPtr<A, PollFd>, count: u32, timeout: &mut Option<libc::timespec>, mask: Option<u64>) -> SysResult {
    if u64::from(count) > max_files() {
        return Err(Errno::EINVAL);
    }
    let mut v = t.mem.read_array(fds, count as usize)?;
    let guest: Vec<i32> = v.iter().map(|p| p.fd).collect();
    for p in &mut v {
        if t.process.is_own_fd(p.fd) {
            // Nobody has this one open: POLLNVAL.
            p.fd = i32::MAX;
        }
    }
    let args = [ptr_mut(&mut v[..]), v.len() as u64, opt_ptr_mut(timeout.as_mut()), opt_ptr(mask.as_ref()), SIGSET];
    let result = wait(t, Restart::NoHand, libc::SYS_ppoll, args)?;
    for (p, fd) in v.iter_mut().zip(guest) {
        p.fd = fd;
    }
    if !t.mem.is_address(fds.addr(), 8 * u64::from(count)) {
        return Err(Errno::EFAULT);
    }
    t.mem.write_array(fds, &v)?;
    Ok(result)
}

/// RLIMIT_NOFILE: poll takes no more entries.
fn max_files() -> u64 {
    let mut r = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut r) };
    r.rlim_cur
}

/// poll(2).
pub struct Poll;
impl Syscall for Poll {
    const SPEC: Spec = Spec { name: "poll", x64: Some(7), i386: Some(168), support: Full };
    type Args<A: Abi> = (Polled<A>, i32);
    fn call<A: Abi>(t: &mut Task, (Polled(fds, count), ms): Self::Args<A>) -> SysResult {
        let mut timeout = (ms >= 0).then(|| libc::timespec { tv_sec: (ms / 1000).into(), tv_nsec: i64::from(ms % 1000) * 1_000_000 });
        poll(t, fds, count, &mut timeout, None)
    }
}

/// Writes the rest of the time back as the kernel does: whatever became of the call, and without complaint.
fn write_rest<A: Abi, T: TimePair>(t: &Task, p: GuestPtr<A, T>, rest: Option<libc::timespec>) {
    if let Some(rest) = rest {
        let _ = t.mem.write(p, T::from_host(rest));
    }
}

fn ppoll<A: Abi, T: TimePair>(t: &mut Task, fds: GuestPtr<A, PollFd>, count: u32, at: GuestPtr<A, T>, set: GuestPtr<A, u64>, size: u64) -> SysResult {
    let mut timeout = read_timeout(t, at)?;
    let mask = t.sigmask_for_wait(set, size)?;
    let result = poll(t, fds, count, &mut timeout, mask);
    write_rest(t, at, timeout);
    result
}

/// ppoll(2).
pub struct Ppoll;
impl Syscall for Ppoll {
    const SPEC: Spec = Spec { name: "ppoll", x64: Some(271), i386: Some(309), support: Full };
    type Args<A: Abi> = (Polled<A>, In<A, A::Timespec, Sec>, In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (Polled(fds, count), In(timeout, _), In(set, _), size): Self::Args<A>) -> SysResult {
        ppoll(t, fds, count, timeout, set, size)
    }
}

/// ppoll_time64(2).
pub struct PpollTime64;
impl Syscall for PpollTime64 {
    const SPEC: Spec = Spec { name: "ppoll_time64", x64: None, i386: Some(414), support: Full };
    type Args<A: Abi> = (Polled<A>, In<A, KernelTimespec, Sec>, In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (Polled(fds, count), In(timeout, _), In(set, _), size): Self::Args<A>) -> SysResult {
        ppoll(t, fds, count, timeout, set, size)
    }
}

/// Addresses of three sets of descriptors.
type Sets<A> = [GuestPtr<A, u8>; 3];

/// How many descriptors there may be in three sets, and those. Shown is what is asked for.
pub struct Selected<A>(i32, Sets<A>);

impl<A: Abi> Arg for Selected<A> {
    fn take(r: &mut Regs) -> Self {
        Self(i32::take(r), core::array::from_fn(|_| GuestPtr::take(r)))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// FD_SETSIZE.
        const SHOWN: i32 = 1024;
        write!(f, "{}", self.0)?;
        let count = self.0.clamp(0, SHOWN) as usize;
        for set in self.1 {
            match v.mem.read_array(set, count.div_ceil(8)) {
                Ok(bytes) if !set.is_null() => {
                    let fds = (0..count).filter(|fd| bytes[fd / 8] >> (fd % 8) & 1 != 0).map(|fd| fd.to_string());
                    write!(f, ", [{}]", fds.collect::<Vec<_>>().join(" "))?;
                }
                _ => write!(f, ", {set:?}")?,
            }
        }
        Ok(())
    }
}

/// select on `count` descriptors. Sets are bits in words of the ABI; the bytes are the same for all little-endian words.
fn select<A: Abi>(t: &mut Task, count: i32, sets: Sets<A>, timeout: &mut Option<libc::timespec>, mask: Option<u64>) -> SysResult {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(max_files() as usize);
    let bytes = count.div_ceil(A::WORD as usize * 8) * A::WORD as usize;
    let mut host: [Option<Vec<u64>>; 3] = [None, None, None];
    for (h, p) in host.iter_mut().zip(sets) {
        if !p.is_null() {
            let mut raw = vec![0u8; bytes.next_multiple_of(8)];
            t.mem.read_bytes(p.addr(), &mut raw[..bytes])?;
            *h = Some(raw.chunks_exact(8).map(|c| u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]])).collect());
        }
    }
    let pair = [opt_ptr(mask.as_ref()), SIGSET];
    let [r, w, x] = host.each_mut().map(|h| h.as_mut().map_or(0, |v| ptr_mut(&mut v[..])));
    let result = wait(t, Restart::NoHand, libc::SYS_pselect6, [count as u64, r, w, x, opt_ptr_mut(timeout.as_mut()), ptr(&pair)])?;
    for (h, p) in host.iter().zip(sets) {
        if let Some(words) = h {
            let raw: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            t.mem.write_bytes(p.addr(), &raw[..bytes])?;
        }
    }
    Ok(result)
}

fn select_timeval<A: Abi>(t: &mut Task, count: i32, sets: Sets<A>, at: GuestPtr<A, A::Timeval>) -> SysResult {
    let mut timeout = match t.mem.read_opt(at)? {
        Some(v) => {
            let (sec, usec) = v.get();
            Some(timespec(sec.saturating_add(usec.div_euclid(1_000_000)), usec.rem_euclid(1_000_000) * 1000)?)
        }
        None => None,
    };
    let result = select(t, count, sets, &mut timeout, None);
    if let Some(rest) = timeout {
        let _ = t.mem.write(at, A::Timeval::make(rest.tv_sec, rest.tv_nsec / 1000));
    }
    result
}

/// select(2) of x86-64.
pub struct Select;
impl Syscall for Select {
    const SPEC: Spec = Spec { name: "select", x64: Some(23), i386: None, support: Full };
    type Args<A: Abi> = (Selected<A>, In<A, A::Timeval, Usec>);
    fn call<A: Abi>(t: &mut Task, (Selected(count, sets), In(timeout, _)): Self::Args<A>) -> SysResult {
        select_timeval(t, count, sets, timeout)
    }
}

/// select(2) of i386, the old one: its arguments lie in memory.
pub struct OldSelect;
impl Syscall for OldSelect {
    const SPEC: Spec = Spec { name: "select", x64: None, i386: Some(82), support: Full };
    type Args<A: Abi> = (GuestPtr<A, [u32; 5]>,);
    fn call<A: Abi>(t: &mut Task, (args,): Self::Args<A>) -> SysResult {
        let words = t.mem.read(args)?;
        let at = |i: usize| GuestAddr::new(words[i].into());
        select_timeval(t, words[0] as i32, [1, 2, 3].map(|i| GuestPtr::<A, u8>::new(at(i))), GuestPtr::new(at(4)))
    }
}

/// _newselect(2).
pub struct NewSelect;
impl Syscall for NewSelect {
    const SPEC: Spec = Spec { name: "_newselect", x64: None, i386: Some(142), support: Full };
    type Args<A: Abi> = (Selected<A>, In<A, A::Timeval, Usec>);
    fn call<A: Abi>(t: &mut Task, (Selected(count, sets), In(timeout, _)): Self::Args<A>) -> SysResult {
        select_timeval(t, count, sets, timeout)
    }
}

fn pselect<A: Abi, T: TimePair>(t: &mut Task, count: i32, sets: Sets<A>, at: GuestPtr<A, T>, sig: GuestPtr<A, [A::Word; 2]>) -> SysResult {
    let sig = t.mem.read_opt(sig)?;
    let mut timeout = read_timeout(t, at)?;
    let mask = match sig {
        Some([set, size]) => t.sigmask_for_wait(GuestPtr::<A, u64>::new(GuestAddr::new(set.into())), size.into())?,
        None => None,
    };
    let result = select(t, count, sets, &mut timeout, mask);
    write_rest(t, at, timeout);
    result
}

/// pselect6(2).
pub struct Pselect6;
impl Syscall for Pselect6 {
    const SPEC: Spec = Spec { name: "pselect6", x64: Some(270), i386: Some(308), support: Full };
    type Args<A: Abi> = (Selected<A>, In<A, A::Timespec, Sec>, GuestPtr<A, [A::Word; 2]>);
    fn call<A: Abi>(t: &mut Task, (Selected(count, sets), In(timeout, _), sig): Self::Args<A>) -> SysResult {
        pselect(t, count, sets, timeout, sig)
    }
}

/// pselect6_time64(2).
pub struct Pselect6Time64;
impl Syscall for Pselect6Time64 {
    const SPEC: Spec = Spec { name: "pselect6_time64", x64: None, i386: Some(413), support: Full };
    type Args<A: Abi> = (Selected<A>, In<A, KernelTimespec, Sec>, GuestPtr<A, [A::Word; 2]>);
    fn call<A: Abi>(t: &mut Task, (Selected(count, sets), In(timeout, _), sig): Self::Args<A>) -> SysResult {
        pselect(t, count, sets, timeout, sig)
    }
}
