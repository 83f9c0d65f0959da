//! Signals. Masks, pending sets and waits are the host's (see [`crate::signal`]); actions, frames and alternate stacks are ours.

use core::fmt;

use forklift_x86::{Gpr, GuestAddr};

use super::show::{In, Out, Sec, ShowAs, SigFlags, SigHow, SigSet, StackFlags};
use super::{Arg, Regs, Restart, Sig, Spec, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, GuestWord, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::host;
use crate::mem::GuestMem;
use crate::signal::action::{Action, IGN, UNBLOCKABLE, bit, check, sa};
use crate::signal::info::{Info, InfoBytes};
use crate::signal::{AltStack, ss};
use crate::table;
use crate::task::{Task, host_mask};

table![
    RtSigaction,
    RtSigprocmask,
    RtSigpending,
    RtSigtimedwait,
    RtSigtimedwait64,
    RtSigqueueinfo,
    RtTgsigqueueinfo,
    RtSigsuspend,
    Sigaltstack,
    Kill,
    Tkill,
    Tgkill,
    Pause,
    RtSigreturn,
    Signal,
    Sigaction,
    Sigprocmask,
    Sigpending,
    Sigsuspend,
    Sigreturn,
    Sgetmask,
    Ssetmask
];

/// `sizeof(sigset_t)` of the kernel.
const SET: u64 = 8;

/// A pointer to an action that the call reads.
pub struct ActionIn<A>(GuestPtr<A, u8>);

/// A pointer to an action that the call fills.
pub struct ActionOut<A>(GuestPtr<A, u8>);

fn show_action<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(a) = (!p.is_null()).then(|| read_action(mem, p).ok()).flatten() else { return write!(f, "{p:?}") };
    match a.handler {
        0 => f.write_str("{sa_handler=SIG_DFL")?,
        1 => f.write_str("{sa_handler=SIG_IGN")?,
        h if a.flags & sa::SIGINFO != 0 => write!(f, "{{sa_sigaction={h:#x}")?,
        h => write!(f, "{{sa_handler={h:#x}")?,
    }
    f.write_str(", sa_mask=")?;
    SigSet::show_as(&a.mask, f)?;
    write!(f, ", sa_flags={}", SigFlags(a.flags as u32))?;
    if a.restorer != 0 { write!(f, ", sa_restorer={:#x}}}", a.restorer) } else { f.write_str("}") }
}

impl<A: Abi> Arg for ActionIn<A> {
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_action(v.mem, self.0, f)
    }
}

impl<A: Abi> Arg for ActionOut<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(_) => show_action(v.mem, self.0, f),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Actions are words in both ABIs: `{handler, flags, restorer, mask}`, the mask always of 64 bits.
fn read_action<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Action> {
    let w: [A::Word; 3] = mem.read(p.cast())?;
    let mask: u64 = mem.read(p.offset::<u64>(3 * A::WORD))?;
    let [handler, flags, restorer] = w.map(Into::into);
    Ok(Action { handler, flags, restorer, mask: mask & !UNBLOCKABLE })
}

fn write_action<A: Abi>(t: &Task, p: GuestPtr<A, u8>, a: &Action) -> SysResult<()> {
    t.mem.write(p.cast(), [a.handler, a.flags, a.restorer].map(A::Word::from_u64))?;
    t.mem.write(p.offset::<u64>(3 * A::WORD), a.mask)
}

/// Sets an action if there is a new one; returns the old one.
fn change_action(t: &Task, sig: i32, new: Option<Action>) -> SysResult<Action> {
    check(sig)?;
    match new {
        None => Ok(t.process.actions.get(sig)),
        Some(_) if bit(sig) & UNBLOCKABLE != 0 => Err(Errno::EINVAL),
        Some(a) => {
            if matches!(sig, libc::SIGSEGV | libc::SIGBUS) && a.handler > IGN {
                crate::engine::show_faults(t.process.space());
            }
            t.process.actions.set(sig, a)
        }
    }
}

/// rt_sigaction(2).
pub struct RtSigaction;
impl Syscall for RtSigaction {
    const SPEC: Spec = Spec { name: "rt_sigaction", x64: Some(13), i386: Some(174), support: Full };
    type Args<A: Abi> = (Sig, ActionIn<A>, ActionOut<A>, u64);
    fn call<A: Abi>(t: &mut Task, (sig, ActionIn(new), ActionOut(old), size): Self::Args<A>) -> SysResult {
        if size != SET {
            return Err(Errno::EINVAL);
        }
        let new = new.non_null().map(|p| read_action(&t.mem, p)).transpose()?;
        let was = change_action(t, sig.0, new)?;
        if !old.is_null() {
            write_action(t, old, &was)?;
        }
        Ok(0)
    }
}

/// Changes the mask. A signal that has arrived already goes first.
fn change_mask(t: &mut Task, how: i32, set: u64) -> SysResult<()> {
    let mask = match how {
        libc::SIG_BLOCK => t.sigmask | set,
        libc::SIG_UNBLOCK => t.sigmask & !set,
        libc::SIG_SETMASK => set,
        _ => return Err(Errno::EINVAL),
    };
    let old = host::set_sigmask(u64::MAX);
    if t.signal_queued() {
        host::set_sigmask(old);
        return Err(Errno::ERESTARTNOINTR);
    }
    t.set_sigmask(mask);
    Ok(())
}

/// rt_sigprocmask(2).
pub struct RtSigprocmask;
impl Syscall for RtSigprocmask {
    const SPEC: Spec = Spec { name: "rt_sigprocmask", x64: Some(14), i386: Some(175), support: Full };
    type Args<A: Abi> = (SigHow, In<A, u64, SigSet>, Out<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (SigHow(how), In(new, _), Out(old, _), size): Self::Args<A>) -> SysResult {
        if size != SET {
            return Err(Errno::EINVAL);
        }
        let was = t.sigmask;
        if let Some(set) = t.mem.read_opt(new)? {
            change_mask(t, how, set)?;
        }
        t.mem.write_opt(old, was)?;
        Ok(0)
    }
}

/// The pending set: the host's, and what it can't hold back.
fn pending(t: &Task) -> SysResult<u64> {
    let mut set = 0u64;
    // SAFETY: a set of ours.
    unsafe { host::syscall(libc::SYS_rt_sigpending, [(&raw mut set) as u64, SET, 0, 0, 0, 0]) }?;
    Ok(t.held.iter().fold(set, |s, i| s | bit(i.signo())))
}

/// rt_sigpending(2).
pub struct RtSigpending;
impl Syscall for RtSigpending {
    const SPEC: Spec = Spec { name: "rt_sigpending", x64: Some(127), i386: Some(176), support: Full };
    type Args<A: Abi> = (Out<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (Out(out, _), size): Self::Args<A>) -> SysResult {
        if size > SET {
            return Err(Errno::EINVAL);
        }
        let set = pending(t)?.to_le_bytes();
        t.mem.write_bytes(out.addr(), &set[..size as usize])?;
        Ok(0)
    }
}

fn write_info<A: Abi>(t: &Task, p: GuestPtr<A, InfoBytes>, info: &Info) -> SysResult<()> {
    t.mem.write_opt(p, if A::IS_32 { info.to_i386() } else { InfoBytes { bytes: info.0 } })
}

fn timed_wait<A: Abi, T: TimePair>(t: &mut Task, set: GuestPtr<A, u64>, out: GuestPtr<A, InfoBytes>, timeout: GuestPtr<A, T>, size: u64) -> SysResult {
    if size != SET {
        return Err(Errno::EINVAL);
    }
    let set = t.mem.read(set)? & !UNBLOCKABLE;
    let timeout = t.mem.read_opt(timeout)?.map(TimePair::to_host);
    if let Some(i) = t.held.iter().position(|i| set & bit(i.signo()) != 0) {
        let info = t.held.remove(i);
        write_info(t, out, &info)?;
        return Ok(info.signo() as u64);
    }
    let mut info = Info([0; 128]);
    let ts = timeout.as_ref().map_or(0, |t| core::ptr::from_ref(t) as u64);
    let args = [(&raw const set) as u64, info.0.as_mut_ptr() as u64, ts, SET, 0, 0];
    // SAFETY: all three are ours.
    let sig = unsafe { t.block(Restart::Never, libc::SYS_rt_sigtimedwait, args) }?;
    write_info(t, out, &info)?;
    Ok(sig)
}

/// rt_sigtimedwait(2).
pub struct RtSigtimedwait;
impl Syscall for RtSigtimedwait {
    const SPEC: Spec = Spec { name: "rt_sigtimedwait", x64: Some(128), i386: Some(177), support: Full };
    type Args<A: Abi> = (In<A, u64, SigSet>, GuestPtr<A, InfoBytes>, In<A, A::Timespec, Sec>, u64);
    fn call<A: Abi>(t: &mut Task, (In(set, _), info, In(timeout, _), size): Self::Args<A>) -> SysResult {
        timed_wait(t, set, info, timeout, size)
    }
}

/// rt_sigtimedwait(2) with 64-bit times.
pub struct RtSigtimedwait64;
impl Syscall for RtSigtimedwait64 {
    const SPEC: Spec = Spec { name: "rt_sigtimedwait_time64", x64: None, i386: Some(421), support: Full };
    type Args<A: Abi> = (In<A, u64, SigSet>, GuestPtr<A, InfoBytes>, In<A, KernelTimespec, Sec>, u64);
    fn call<A: Abi>(t: &mut Task, (In(set, _), info, In(timeout, _), size): Self::Args<A>) -> SysResult {
        timed_wait(t, set, info, timeout, size)
    }
}

pub(super) fn read_info<A: Abi>(t: &Task, p: GuestPtr<A, InfoBytes>) -> SysResult<Info> {
    let b = t.mem.read(p)?;
    Ok(if A::IS_32 { Info::from_i386(&b) } else { Info(b.bytes) })
}

/// rt_sigqueueinfo(2).
pub struct RtSigqueueinfo;
impl Syscall for RtSigqueueinfo {
    const SPEC: Spec = Spec { name: "rt_sigqueueinfo", x64: Some(129), i386: Some(178), support: Full };
    type Args<A: Abi> = (i32, Sig, GuestPtr<A, InfoBytes>);
    fn call<A: Abi>(t: &mut Task, (pid, sig, info): Self::Args<A>) -> SysResult {
        let info = read_info(t, info)?;
        // SAFETY: a siginfo of ours.
        unsafe { host::syscall(libc::SYS_rt_sigqueueinfo, [pid as u64, sig.0 as u64, info.0.as_ptr() as u64, 0, 0, 0]) }
    }
}

/// rt_tgsigqueueinfo(2).
pub struct RtTgsigqueueinfo;
impl Syscall for RtTgsigqueueinfo {
    const SPEC: Spec = Spec { name: "rt_tgsigqueueinfo", x64: Some(297), i386: Some(335), support: Full };
    type Args<A: Abi> = (i32, i32, Sig, GuestPtr<A, InfoBytes>);
    fn call<A: Abi>(t: &mut Task, (pid, tid, sig, info): Self::Args<A>) -> SysResult {
        let info = read_info(t, info)?;
        // SAFETY: a siginfo of ours.
        unsafe { host::syscall(libc::SYS_rt_tgsigqueueinfo, [pid as u64, tid as u64, sig.0 as u64, info.0.as_ptr() as u64, 0, 0]) }
    }
}

fn suspend(t: &mut Task, mask: u64) -> SysResult {
    let mask = mask & !UNBLOCKABLE;
    t.wait_mask = Some(mask);
    if t.held.iter().any(|i| mask & bit(i.signo()) == 0) {
        t.release_held(mask);
        return Err(Errno::ERESTARTNOHAND);
    }
    let host = host_mask(mask);
    // SAFETY: a mask of ours.
    unsafe { t.block(Restart::NoHand, libc::SYS_rt_sigsuspend, [(&raw const host) as u64, SET, 0, 0, 0, 0]) }
}

/// rt_sigsuspend(2).
pub struct RtSigsuspend;
impl Syscall for RtSigsuspend {
    const SPEC: Spec = Spec { name: "rt_sigsuspend", x64: Some(130), i386: Some(179), support: Full };
    type Args<A: Abi> = (In<A, u64, SigSet>, u64);
    fn call<A: Abi>(t: &mut Task, (In(set, _), size): Self::Args<A>) -> SysResult {
        if size != SET {
            return Err(Errno::EINVAL);
        }
        let mask = t.mem.read(set)?;
        suspend(t, mask)
    }
}

guest_struct! {
    /// `stack_t` of x86-64.
    pub struct Stack64 = 24 {
        /// Lowest address.
        pub sp: u64,
        /// `SS_*`.
        pub flags: u32,
        /// Padding.
        pub pad: u32,
        /// Unit: bytes.
        pub size: u64,
    }
}

guest_struct! {
    /// `stack_t` of i386.
    pub struct Stack32 = 12 {
        /// Lowest address.
        pub sp: u32,
        /// `SS_*`.
        pub flags: u32,
        /// Unit: bytes.
        pub size: u32,
    }
}

/// A pointer to an alternate stack that the call reads.
pub struct StackIn<A>(GuestPtr<A, u8>);

/// A pointer to an alternate stack that the call fills.
pub struct StackOut<A>(GuestPtr<A, u8>);

fn show_stack<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(s) = (!p.is_null()).then(|| read_stack(mem, p).ok()).flatten() else { return write!(f, "{p:?}") };
    let sp = GuestPtr::<A, u8>::new(GuestAddr::new(s.sp));
    write!(f, "{{ss_sp={sp:?}, ss_flags={}, ss_size={}}}", StackFlags(s.flags), s.size)
}

impl<A: Abi> Arg for StackIn<A> {
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_stack(v.mem, self.0, f)
    }
}

impl<A: Abi> Arg for StackOut<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(_) => show_stack(v.mem, self.0, f),
            None => write!(f, "{:?}", self.0),
        }
    }
}

fn read_stack<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<AltStack> {
    if A::IS_32 {
        let s: Stack32 = mem.read(p.cast())?;
        return Ok(AltStack { sp: s.sp.into(), flags: s.flags, size: s.size.into() });
    }
    let s: Stack64 = mem.read(p.cast())?;
    Ok(AltStack { sp: s.sp, flags: s.flags, size: s.size })
}

fn write_stack<A: Abi>(t: &Task, p: GuestPtr<A, u8>, s: &AltStack) -> SysResult<()> {
    if A::IS_32 {
        return t.mem.write(p.cast(), Stack32 { sp: s.sp as u32, flags: s.flags, size: s.size as u32 });
    }
    t.mem.write(p.cast(), Stack64 { sp: s.sp, flags: s.flags, pad: 0, size: s.size })
}

/// sigaltstack(2).
pub struct Sigaltstack;
impl Syscall for Sigaltstack {
    const SPEC: Spec = Spec { name: "sigaltstack", x64: Some(131), i386: Some(186), support: Full };
    type Args<A: Abi> = (StackIn<A>, StackOut<A>);
    fn call<A: Abi>(t: &mut Task, (StackIn(new), StackOut(old)): Self::Args<A>) -> SysResult {
        const MINSIGSTKSZ: u64 = 2048;
        let sp = t.cpu().get(Gpr::Rsp);
        let was = AltStack { flags: t.altstack.reported_flags(sp), ..t.altstack };
        if let Some(p) = new.non_null() {
            let s = read_stack(&t.mem, p)?;
            if t.altstack.contains(sp) {
                return Err(Errno::EPERM);
            }
            match s.flags & !ss::AUTODISARM {
                ss::DISABLE => t.altstack = AltStack { sp: 0, flags: s.flags, size: 0 },
                0 | ss::ONSTACK if s.size < MINSIGSTKSZ => return Err(Errno::ENOMEM),
                0 | ss::ONSTACK => t.altstack = s,
                _ => return Err(Errno::EINVAL),
            }
        }
        if let Some(p) = old.non_null() {
            write_stack(t, p, &was)?;
        }
        Ok(0)
    }
}

/// kill(2).
pub struct Kill;
impl Syscall for Kill {
    const SPEC: Spec = Spec { name: "kill", x64: Some(62), i386: Some(37), support: Full };
    type Args<A: Abi> = (i32, Sig);
    fn call<A: Abi>(_: &mut Task, (pid, sig): Self::Args<A>) -> SysResult {
        // SAFETY: no pointers.
        unsafe { host::syscall(libc::SYS_kill, [pid as u64, sig.0 as u64, 0, 0, 0, 0]) }
    }
}

/// tkill(2).
pub struct Tkill;
impl Syscall for Tkill {
    const SPEC: Spec = Spec { name: "tkill", x64: Some(200), i386: Some(238), support: Full };
    type Args<A: Abi> = (i32, Sig);
    fn call<A: Abi>(_: &mut Task, (tid, sig): Self::Args<A>) -> SysResult {
        // SAFETY: no pointers.
        unsafe { host::syscall(libc::SYS_tkill, [tid as u64, sig.0 as u64, 0, 0, 0, 0]) }
    }
}

/// tgkill(2).
pub struct Tgkill;
impl Syscall for Tgkill {
    const SPEC: Spec = Spec { name: "tgkill", x64: Some(234), i386: Some(270), support: Full };
    type Args<A: Abi> = (i32, i32, Sig);
    fn call<A: Abi>(_: &mut Task, (pid, tid, sig): Self::Args<A>) -> SysResult {
        // SAFETY: no pointers.
        unsafe { host::syscall(libc::SYS_tgkill, [pid as u64, tid as u64, sig.0 as u64, 0, 0, 0]) }
    }
}

/// pause(2).
pub struct Pause;
impl Syscall for Pause {
    const SPEC: Spec = Spec { name: "pause", x64: Some(34), i386: Some(29), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        // aarch64 has no pause.
        // SAFETY: no memory.
        unsafe { t.block(Restart::NoHand, libc::SYS_ppoll, [0; 6]) }
    }
}

/// Goes on where the frame says, or dies if it's broken.
fn sigreturn(t: &mut Task, pop: fn(&mut Task) -> SysResult<u64>) -> SysResult {
    match pop(t) {
        Ok(mask) => t.set_sigmask(mask),
        Err(_) => t.force(Info::new(libc::SIGSEGV, crate::signal::info::SI_KERNEL)),
    }
    t.set_keep_registers();
    Ok(0)
}

/// rt_sigreturn(2).
pub struct RtSigreturn;
impl Syscall for RtSigreturn {
    const SPEC: Spec = Spec { name: "rt_sigreturn", x64: Some(15), i386: Some(173), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        sigreturn(t, if A::IS_32 { Task::pop_rt_frame32 } else { Task::pop_frame64 })
    }
}

/// sigreturn(2) of i386.
pub struct Sigreturn;
impl Syscall for Sigreturn {
    const SPEC: Spec = Spec { name: "sigreturn", x64: None, i386: Some(119), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        sigreturn(t, Task::pop_frame32)
    }
}

/// signal(2) of i386: one shot, not blocked.
pub struct Signal;
impl Syscall for Signal {
    const SPEC: Spec = Spec { name: "signal", x64: None, i386: Some(48), support: Full };
    type Args<A: Abi> = (Sig, GuestAddr);
    fn call<A: Abi>(t: &mut Task, (sig, handler): Self::Args<A>) -> SysResult {
        let new = Action { handler: handler.get(), flags: sa::RESETHAND | sa::NODEFER, ..Action::default() };
        change_action(t, sig.0, Some(new)).map(|old| old.handler)
    }
}

/// sigaction(2) of i386: `{handler, mask, flags, restorer}`, a mask of 32 bits.
pub struct Sigaction;
impl Syscall for Sigaction {
    const SPEC: Spec = Spec { name: "sigaction", x64: None, i386: Some(67), support: Full };
    type Args<A: Abi> = (Sig, GuestPtr<A, [u32; 4]>, GuestPtr<A, [u32; 4]>);
    fn call<A: Abi>(t: &mut Task, (sig, new, old): Self::Args<A>) -> SysResult {
        let new = t.mem.read_opt(new)?.map(|w| w.map(u64::from));
        let new = new.map(|[handler, mask, flags, restorer]| Action { handler, flags, restorer, mask: mask & !UNBLOCKABLE });
        let was = change_action(t, sig.0, new)?;
        t.mem.write_opt(old, [was.handler, was.mask, was.flags, was.restorer].map(|w| w as u32))?;
        Ok(0)
    }
}

/// Upper half of the mask, which the old calls leave alone.
const HIGH: u64 = 0xffff_ffff_0000_0000;

/// sigprocmask(2) of i386.
pub struct Sigprocmask;
impl Syscall for Sigprocmask {
    const SPEC: Spec = Spec { name: "sigprocmask", x64: None, i386: Some(126), support: Full };
    type Args<A: Abi> = (SigHow, In<A, u32, SigSet>, Out<A, u32, SigSet>);
    fn call<A: Abi>(t: &mut Task, (SigHow(how), In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        let was = t.sigmask as u32;
        if let Some(set) = t.mem.read_opt(new)? {
            let keep = if how == libc::SIG_SETMASK { t.sigmask & HIGH } else { 0 };
            change_mask(t, how, keep | u64::from(set))?;
        }
        t.mem.write_opt(old, was)?;
        Ok(0)
    }
}

/// sigpending(2) of i386.
pub struct Sigpending;
impl Syscall for Sigpending {
    const SPEC: Spec = Spec { name: "sigpending", x64: None, i386: Some(73), support: Full };
    type Args<A: Abi> = (Out<A, u32, SigSet>,);
    fn call<A: Abi>(t: &mut Task, (Out(out, _),): Self::Args<A>) -> SysResult {
        let set = pending(t)?;
        t.mem.write(out, set as u32)?;
        Ok(0)
    }
}

/// sigsuspend(2) of i386: the mask is the third argument.
pub struct Sigsuspend;
impl Syscall for Sigsuspend {
    const SPEC: Spec = Spec { name: "sigsuspend", x64: None, i386: Some(72), support: Full };
    type Args<A: Abi> = (i32, i32, u32);
    fn call<A: Abi>(t: &mut Task, (_, _, mask): Self::Args<A>) -> SysResult {
        suspend(t, mask.into())
    }
}

/// sgetmask(2) of i386.
pub struct Sgetmask;
impl Syscall for Sgetmask {
    const SPEC: Spec = Spec { name: "sgetmask", x64: None, i386: Some(68), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        Ok(t.sigmask & !HIGH)
    }
}

/// ssetmask(2) of i386.
pub struct Ssetmask;
impl Syscall for Ssetmask {
    const SPEC: Spec = Spec { name: "ssetmask", x64: None, i386: Some(69), support: Full };
    type Args<A: Abi> = (u32,);
    fn call<A: Abi>(t: &mut Task, (mask,): Self::Args<A>) -> SysResult {
        let old = t.sigmask & !HIGH;
        change_mask(t, libc::SIG_SETMASK, mask.into())?;
        Ok(old)
    }
}
