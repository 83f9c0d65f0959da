//! What depends on the host's architecture: raw system calls, the interruptible one, the registers in a signal's context, the time stamp counter.
//!
//! Sibling modules of one interface, one for each architecture.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as arch;
#[cfg(target_arch = "x86_64")]
use x86_64 as arch;

pub(crate) use arch::{context_pc, safe_syscall, set_context_pc, timestamp};

use crate::errno::{Errno, SysResult};

/// A host system call that does not block.
///
/// # Safety
/// As the system call: pointers among `args` are of the guest's memory, or valid for what the call does.
pub unsafe fn syscall(nr: i64, args: [u64; 6]) -> SysResult {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller's contract.
    Errno::check(unsafe { libc::syscall(nr, a, b, c, d, e, f) })
}

unsafe extern "C" {
    static fl_safe_start: u8;
    static fl_safe_end: u8;
    static fl_safe_interrupted: u8;
}

/// Where a signal handler must send a thread whose program counter is `pc`: a system call that has not begun ends as if interrupted.
pub(crate) fn interrupted_syscall(pc: usize) -> Option<usize> {
    let (start, end) = (&raw const fl_safe_start as usize, &raw const fl_safe_end as usize);
    (start..end).contains(&pc).then_some(&raw const fl_safe_interrupted as usize)
}

/// `struct sigaction` of the host's kernel (not of its C library, which hides two signals).
#[repr(C)]
struct KernelAction {
    handler: u64,
    flags: u64,
    restorer: u64,
    mask: u64,
}

/// Handler, SIG_DFL (0) or SIG_IGN (1) of a signal on the host.
pub(crate) fn disposition(sig: i32) -> u64 {
    let mut old = KernelAction { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the kernel's structure.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, sig, 0, &raw mut old, 8) };
    old.handler
}

/// Sets a signal's disposition on the host. A handler runs with all signals blocked and gets three arguments.
pub(crate) fn set_disposition(sig: i32, handler: u64, flags: u64) -> SysResult<()> {
    let flags = flags | if handler > 1 { (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64 } else { 0 };
    let (flags, restorer) = arch::with_restorer(flags);
    let new = KernelAction { handler, flags, restorer, mask: u64::MAX };
    // SAFETY: the kernel's structure; a handler is async-signal-safe.
    Errno::check(unsafe { libc::syscall(libc::SYS_rt_sigaction, sig, &raw const new, 0, 8) }).map(drop)
}

/// A stack for the handlers of a thread: where a guest runs directly, the stack pointer is the guest's.
pub(crate) struct SignalStack {
    memory: *mut libc::c_void,
    before: libc::stack_t,
}

/// Unit: bytes.
const SIGNAL_STACK: usize = 64 << 10;

impl SignalStack {
    /// Gives the calling thread one, until it is dropped. Without memory, what it has stays.
    pub(crate) fn new() -> Self {
        let mut stack = Self { memory: libc::MAP_FAILED, before: libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 } };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: fresh memory, which becomes the stack and nothing else.
        unsafe {
            stack.memory = libc::mmap(core::ptr::null_mut(), SIGNAL_STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if stack.memory != libc::MAP_FAILED {
                let new = libc::stack_t { ss_sp: stack.memory, ss_flags: 0, ss_size: SIGNAL_STACK };
                libc::sigaltstack(&raw const new, &raw mut stack.before);
            }
        }
        stack
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        if self.memory != libc::MAP_FAILED {
            // SAFETY: no handler runs on it: we are not in one.
            unsafe {
                libc::sigaltstack(&raw const self.before, core::ptr::null_mut());
                libc::munmap(self.memory, SIGNAL_STACK);
            }
        }
    }
}

/// Sets the host thread's signal mask and returns the old one.
pub(crate) fn set_sigmask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: two masks of 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, &raw mut old, 8) };
    old
}

/// The host thread's signal mask.
pub(crate) fn sigmask() -> u64 {
    let mut old = 0u64;
    // SAFETY: a mask of 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut old, 8) };
    old
}

/// The mask that the interrupted context will have again when the handler returns.
pub(crate) fn context_sigmask(cx: &mut libc::ucontext_t) -> &mut u64 {
    // SAFETY: the kernel's mask is the first 8 bytes of the C library's.
    unsafe { &mut *(&raw mut cx.uc_sigmask).cast::<u64>() }
}
