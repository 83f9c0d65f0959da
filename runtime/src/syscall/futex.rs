//! Futexes. The words lie in guest memory that the host's kernel sees, so its futexes are the guest's.

use forklift_x86::GuestAddr;

use super::args::Shown;
use super::show::{FutexOp, In, Sec};
use super::time::{ClockId, deadline};
use super::{Arg, Args, Regs, Restart, Spec, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::host;
use crate::mem::{Access, BAD_ADDRESS};
use crate::table;
use crate::task::{RestartBlock, Task};

table![Futex, FutexTime64, FutexWaitv];

/// futex(2)'s operations without their flags.
mod op {
    pub const WAIT: u32 = 0;
    pub const WAKE: u32 = 1;
    pub const REQUEUE: u32 = 3;
    pub const CMP_REQUEUE: u32 = 4;
    pub const WAKE_OP: u32 = 5;
    pub const LOCK_PI: u32 = 6;
    pub const UNLOCK_PI: u32 = 7;
    pub const TRYLOCK_PI: u32 = 8;
    pub const WAIT_BITSET: u32 = 9;
    pub const WAKE_BITSET: u32 = 10;
    pub const WAIT_REQUEUE_PI: u32 = 11;
    pub const CMP_REQUEUE_PI: u32 = 12;
    pub const LOCK_PI2: u32 = 13;
    /// Not shared between processes.
    pub const PRIVATE: u32 = 128;
    /// Timeouts are of CLOCK_REALTIME.
    pub const REALTIME: u32 = 256;
    pub const MASK: u32 = !(PRIVATE | REALTIME);
}

/// Matches any bit of a waker.
const ANY_BIT: u64 = u32::MAX as u64;

/// The host address of a futex word. The kernel may write it, so translations of its page are given back where an operation writes.
fn word(t: &Task, addr: GuestAddr, writes: bool) -> SysResult<u64> {
    if writes {
        t.mem.host_buf(addr, 4, Access::Write)?;
    }
    Ok(t.mem.host_futex(addr))
}

/// The six arguments of futex(2).
pub struct FutexArgs<A, T> {
    uaddr: GuestPtr<A, u32>,
    op: FutexOp,
    val: u32,
    /// For some operations a number.
    timeout: GuestPtr<A, T>,
    uaddr2: GuestPtr<A, u32>,
    val3: u32,
}

impl<A, T: TimePair> Args for FutexArgs<A, T> {
    fn take(r: &mut Regs) -> Self {
        let (uaddr, op, val) = (GuestPtr::take(r), FutexOp::take(r), u32::take(r));
        Self { uaddr, op, val, timeout: GuestPtr::take(r), uaddr2: GuestPtr::take(r), val3: u32::take(r) }
    }
    fn show(&self, v: &View<'_>, out: &mut Vec<String>) {
        if v.result.is_some() {
            return;
        }
        let op = self.op.0 & op::MASK;
        out.extend([format!("{:?}", self.uaddr), self.op.to_string(), self.val.to_string()]);
        match op {
            op::WAIT | op::WAIT_BITSET | op::LOCK_PI | op::LOCK_PI2 | op::WAIT_REQUEUE_PI => {
                out.push(Shown(&|f| In::<A, T, Sec>(self.timeout, core::marker::PhantomData).show(v, f)).to_string());
            }
            op::REQUEUE | op::CMP_REQUEUE | op::CMP_REQUEUE_PI | op::WAKE_OP => out.push((self.timeout.addr().get() as u32).to_string()),
            _ => {}
        }
        if matches!(op, op::WAIT_REQUEUE_PI | op::REQUEUE | op::CMP_REQUEUE | op::CMP_REQUEUE_PI | op::WAKE_OP) {
            out.push(format!("{:?}", self.uaddr2));
        }
        match op {
            op::WAIT_BITSET | op::WAKE_BITSET if self.val3 == u32::MAX => out.push("FUTEX_BITSET_MATCH_ANY".to_owned()),
            op::WAIT_BITSET | op::WAKE_BITSET | op::WAKE_OP => out.push(format!("{:#x}", self.val3)),
            op::CMP_REQUEUE | op::CMP_REQUEUE_PI => out.push(self.val3.to_string()),
            _ => {}
        }
    }
}

fn futex<A: Abi, T: TimePair>(t: &mut Task, args: FutexArgs<A, T>) -> SysResult {
    let FutexArgs { uaddr, op: FutexOp(full_op), val, timeout, uaddr2, val3 } = args;
    let (op, nr) = (full_op & op::MASK, libc::SYS_futex);
    let at = |t: &Task, writes| word(t, uaddr.addr(), writes);
    let (flags, val, val3) = (u64::from(full_op), u64::from(val), u64::from(val3));
    // Where there is no timeout, its register is a number.
    let val2 = timeout.addr().get() & 0xffff_ffff;
    let timeout = match op {
        op::WAIT | op::WAIT_BITSET | op::LOCK_PI | op::LOCK_PI2 | op::WAIT_REQUEUE_PI => super::poll::read_timeout(t, timeout)?,
        _ => None,
    };
    if full_op & op::REALTIME != 0 && !matches!(op, op::WAIT_BITSET | op::WAIT_REQUEUE_PI | op::LOCK_PI2) {
        return Err(Errno::ENOSYS);
    }
    match op {
        op::WAIT | op::WAIT_BITSET | op::LOCK_PI | op::LOCK_PI2 | op::WAIT_REQUEUE_PI => {
            let second = if op == op::WAIT_REQUEUE_PI { word(t, uaddr2.addr(), true)? } else { 0 };
            let args = [at(t, op != op::WAIT && op != op::WAIT_BITSET)?, flags, val, 0, second, val3];
            wait(t, op, args, timeout)
        }
        // SAFETY: words of guest memory.
        op::WAKE | op::WAKE_BITSET => unsafe { host::syscall(nr, [at(t, false)?, flags, val, 0, 0, val3]) },
        // SAFETY: words of guest memory.
        op::UNLOCK_PI | op::TRYLOCK_PI => unsafe { host::syscall(nr, [at(t, true)?, flags, val, 0, 0, 0]) },
        op::REQUEUE | op::CMP_REQUEUE | op::CMP_REQUEUE_PI | op::WAKE_OP => {
            let second = word(t, uaddr2.addr(), op == op::WAKE_OP || op == op::CMP_REQUEUE_PI)?;
            // SAFETY: words of guest memory.
            unsafe { host::syscall(nr, [at(t, false)?, flags, val, val2, second, val3]) }
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// A waiting operation. A relative timeout becomes a deadline, so that an interrupted wait can go on.
fn wait(t: &mut Task, op: u32, args: [u64; 6], timeout: Option<libc::timespec>) -> SysResult {
    let Some(timeout) = timeout else {
        // SAFETY: words of guest memory; no timeout.
        return unsafe { t.block(Restart::Sys, libc::SYS_futex, args) };
    };
    if op != op::WAIT {
        let args = [args[0], args[1], args[2], (&raw const timeout) as u64, args[4], args[5]];
        // SAFETY: words of guest memory, a timespec of ours.
        return unsafe { t.block(Restart::Sys, libc::SYS_futex, args) };
    }
    let flags = args[1] as u32 & !op::MASK;
    wait_until(t, [args[0], u64::from(op::WAIT_BITSET | flags), args[2], 0, 0, ANY_BIT], deadline(ClockId(libc::CLOCK_MONOTONIC), timeout)?)
}

/// Waits until `deadline`. When it is interrupted, restart_syscall(2) waits on.
pub(super) fn wait_until(t: &mut Task, args: [u64; 6], deadline: libc::timespec) -> SysResult {
    let full = [args[0], args[1], args[2], (&raw const deadline) as u64, args[4], args[5]];
    // SAFETY: words of guest memory, a timespec of ours.
    match unsafe { t.block(Restart::NoHand, libc::SYS_futex, full) } {
        Err(Errno::ERESTARTNOHAND) => {
            t.restart_block = Some(RestartBlock::Futex { args, deadline });
            Err(Errno::ERESTART_RESTARTBLOCK)
        }
        r => r,
    }
}

/// futex(2).
pub struct Futex;
impl Syscall for Futex {
    const SPEC: Spec = Spec { name: "futex", x64: Some(202), i386: Some(240), support: Full };
    type Args<A: Abi> = FutexArgs<A, A::Timespec>;
    fn call<A: Abi>(t: &mut Task, args: Self::Args<A>) -> SysResult {
        futex(t, args)
    }
}

/// futex(2) with 64-bit times.
pub struct FutexTime64;
impl Syscall for FutexTime64 {
    const SPEC: Spec = Spec { name: "futex_time64", x64: None, i386: Some(422), support: Full };
    type Args<A: Abi> = FutexArgs<A, KernelTimespec>;
    fn call<A: Abi>(t: &mut Task, args: Self::Args<A>) -> SysResult {
        futex(t, args)
    }
}

guest_struct! {
    /// `struct futex_waitv`.
    pub struct WaitV = 24 {
        /// Expected value.
        pub val: u64,
        /// Address.
        pub uaddr: u64,
        /// Size and sharing.
        pub flags: u32,
        /// Must be 0.
        pub reserved: u32,
    }
}

/// FUTEX_WAITV_MAX.
const MAX_WAITV: u32 = 128;

/// futex_waitv(2).
pub struct FutexWaitv;
impl Syscall for FutexWaitv {
    const SPEC: Spec = Spec { name: "futex_waitv", x64: Some(449), i386: Some(449), support: Full };
    type Args<A: Abi> = (GuestPtr<A, WaitV>, u32, u32, GuestPtr<A, KernelTimespec>, ClockId);
    fn call<A: Abi>(t: &mut Task, (waiters, count, flags, timeout, clock): Self::Args<A>) -> SysResult {
        if flags != 0 || count == 0 || count > MAX_WAITV || waiters.is_null() {
            return Err(Errno::EINVAL);
        }
        // What can't be read is left to the host's kernel to refuse, in its order.
        let timeout = t.mem.read_opt(timeout).map(|v| v.map(TimePair::to_host));
        let mut list = t.mem.read_array(waiters, count as usize);
        for w in list.iter_mut().flatten() {
            w.uaddr = word(t, GuestAddr::new(w.uaddr), false)?;
        }
        let list_at = list.as_ref().map_or(BAD_ADDRESS, |l| l.as_ptr() as u64);
        let timeout_at = timeout.as_ref().map_or(BAD_ADDRESS, |v| v.as_ref().map_or(0, |x| (&raw const *x) as u64));
        let args = [list_at, count.into(), 0, timeout_at, clock.0 as u64, 0];
        // SAFETY: words of guest memory in a list of ours, or no address at all.
        unsafe { t.block(Restart::Sys, libc::SYS_futex_waitv, args) }
    }
}
