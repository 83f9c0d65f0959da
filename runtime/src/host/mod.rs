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
