//! From a gate to a system call and back: numbers, registers, restarts.

use std::time::Instant;

use forklift_x86::{Gate, Gpr, GuestAddr};

use super::{BY_I386, BY_X64, Entry, Handler, NUMBERS, View, names};
use crate::abi::{Abi, I386, X64};
use crate::errno::{Errno, SysResult};
use crate::hooks::Call;
use crate::host;
use crate::task::Task;

/// What an interruption by a signal does to a blocking call, as the kernel's source has it for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// ERESTARTSYS: begun anew unless a handler without SA_RESTART runs: read, write, wait4, futex, accept, …
    Sys,
    /// ERESTARTNOHAND: EINTR whenever a handler runs: pause, sigsuspend, poll, select, …
    NoHand,
    /// EINTR always: epoll_wait, semop, sockets with timeouts, …
    Never,
    /// ERESTARTNOINTR: begun anew whatever runs.
    Always,
}

impl Restart {
    const fn errno(self) -> Errno {
        match self {
            Self::Sys => Errno::ERESTARTSYS,
            Self::NoHand => Errno::ERESTARTNOHAND,
            Self::Never => Errno::EINTR,
            Self::Always => Errno::ERESTARTNOINTR,
        }
    }
}

/// The registers that carry a call's arguments.
const X64_ARGS: [Gpr; 6] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::R10, Gpr::R8, Gpr::R9];
const I386_ARGS: [Gpr; 6] = [Gpr::Rbx, Gpr::Rcx, Gpr::Rdx, Gpr::Rsi, Gpr::Rdi, Gpr::Rbp];

/// Length of SYSCALL, INT 80h and SYSENTER, all the same: what a restart goes back by.
const GATE_LEN: u64 = 2;

impl Task {
    /// A host system call that may block. If a signal for the guest is queued, or comes, the call ends with what `restart` says, and the dispatcher does the
    /// rest.
    ///
    /// # Safety
    /// As [`host::syscall`].
    ///
    /// # Errors
    /// Those of the call.
    pub unsafe fn block(&mut self, restart: Restart, nr: i64, args: [u64; 6]) -> SysResult {
        loop {
            // SAFETY: the caller's contract; the attention word lives as long as the task.
            let raw = unsafe { host::safe_syscall(self.attention.as_ptr(), nr, &raw const args) };
            match Errno::from_raw(raw) {
                // Not begun: as if the signal had come before it. It must not be told that it was interrupted, as it may be one that never waits.
                Err(Errno::ERESTARTSYS) if restart == Restart::Sys && self.signal_queued() => return Err(Errno::ERESTARTNOINTR),
                Err(Errno::EINTR | Errno::ERESTARTSYS) if self.signal_queued() => return Err(restart.errno()),
                // Interrupted by something that isn't the guest's business.
                Err(Errno::EINTR | Errno::ERESTARTSYS) if restart != Restart::Never => {}
                Err(Errno::ERESTARTSYS) => return Err(Errno::EINTR),
                result => return result,
            }
        }
    }
}

/// Does the system call that the guest has entered through `gate`.
pub fn dispatch(t: &mut Task, gate: Gate) {
    match gate {
        Gate::Syscall => run::<X64>(t, X64_ARGS.map(|r| t.cpu().get(r)), &BY_X64, |e| e.x64),
        Gate::Int80 => run::<I386>(t, I386_ARGS.map(|r| t.cpu().get(r) & 0xffff_ffff), &BY_I386, |e| e.i386),
        Gate::Sysenter => sysenter(t),
    }
}

/// SYSENTER: the user's stack pointer is in ebp, which points to the pushed ebp, the sixth argument. Returns to the vdso behind its `int 0x80`.
fn sysenter(t: &mut Task) {
    let ebp = t.cpu().get(Gpr::Rbp);
    t.cpu_mut().set(Gpr::Rsp, ebp);
    t.cpu_mut().rip = t.process.sysenter_return().get();
    let mut word = [0u8; 4];
    if t.mem.read_bytes(GuestAddr::new(ebp), &mut word).is_err() {
        return t.cpu_mut().set(Gpr::Rax, u64::from(-Errno::EFAULT.0 as u32));
    }
    t.cpu_mut().set(Gpr::Rbp, u32::from_le_bytes(word).into());
    run::<I386>(t, I386_ARGS.map(|r| t.cpu().get(r) & 0xffff_ffff), &BY_I386, |e| e.i386);
}

fn run<A: Abi>(t: &mut Task, regs: [u64; 6], table: &[Option<&'static Entry>; NUMBERS], pick: fn(&Entry) -> Handler) {
    let nr = t.cpu().get(Gpr::Rax) & if A::IS_32 { 0xffff_ffff } else { u64::MAX };
    t.syscall = Some(nr);
    t.counters.syscalls += 1;
    (t.restart, t.wait_mask) = (None, None);
    let found = usize::try_from(nr).ok().and_then(|n| table.get(n).copied().flatten());
    let start = t.process.config.stats.then(Instant::now);
    let hooked = hooked::<A>(t, nr, regs);
    let result = match found {
        _ if hooked.is_some() => hooked.unwrap_or(Err(Errno::ENOSYS)),
        Some(e) if t.process.strace.is_on() => traced(t, e, pick(e), regs),
        Some(e) => (pick(e).run)(t, regs),
        None => {
            t.process.strace.missing(t.tid, names::name(if A::IS_32 { names::I386 } else { names::X64 }, nr), nr, A::MODE);
            Err(Errno::ENOSYS)
        }
    };
    if let Some(start) = start {
        t.counters.syscall_time += start.elapsed();
    }
    finish::<A>(t, nr, result);
}

/// What the embedder says to this call, if anything.
fn hooked<A: Abi>(t: &mut Task, number: u64, args: [u64; 6]) -> Option<SysResult> {
    let hook = t.process.hooks.syscall.clone()?;
    let name = names::name(if A::IS_32 { names::I386 } else { names::X64 }, number);
    hook(t, &Call { abi: A::MODE, number, name, args })
}

fn traced(t: &mut Task, e: &Entry, h: Handler, regs: [u64; 6]) -> SysResult {
    let mut args = Vec::new();
    (h.show)(&View { mem: &t.mem, result: None }, regs, &mut args);
    t.process.strace.begin(t.tid, e.spec.name, &args);
    let result = (h.run)(t, regs);
    (h.show)(&View { mem: &t.mem, result: Some(result) }, regs, &mut args);
    t.process.strace.end(t.tid, e.spec.name, &args, result, e.returns);
    result
}

/// Puts the result into rax, or arranges for a restart, which the delivery of signals may still turn into EINTR.
fn finish<A: Abi>(t: &mut Task, nr: u64, result: SysResult) {
    if t.keep_registers() {
        return;
    }
    if !matches!(result, Err(e) if e.is_restart() || e == Errno::EINTR) {
        t.wait_mask = None;
    }
    let raw = match result {
        Err(e) if e.is_restart() => {
            t.cpu_mut().rip = t.cpu().rip.wrapping_sub(GATE_LEN);
            t.restart = Some(e);
            if e == Errno::ERESTART_RESTARTBLOCK { if A::IS_32 { 0 } else { 219 } } else { nr }
        }
        r => Errno::to_raw(r),
    };
    t.cpu_mut().set(Gpr::Rax, if A::IS_32 { raw & 0xffff_ffff } else { raw });
}
