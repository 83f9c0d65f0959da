//! aarch64 hosts.

use core::arch::{asm, naked_asm};

/// The virtual counter, and node << 12 | processor.
pub(crate) fn timestamp() -> (u64, u32) {
    let count: u64;
    // SAFETY: the counter is readable by user programs under Linux.
    unsafe { asm!("mrs {c}, cntvct_el0", c = out(reg) count, options(nomem, nostack)) };
    let (mut cpu, mut node) = (0u32, 0u32);
    // SAFETY: two words of ours.
    unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, &raw mut node, 0) };
    (count, node << 12 | cpu)
}

/// A system call that isn't begun if bit 0 of `*attention` is set; then the result is -512 (-ERESTARTSYS). Returns the kernel's result.
///
/// A signal handler that finds the program counter in `fl_safe_start..fl_safe_end` sends it to `fl_safe_interrupted`, so no signal falls between the test and the
/// call.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn safe_syscall(attention: *const u32, nr: i64, args: *const [u64; 6]) -> i64 {
    naked_asm!(
        "mov x9, x0",
        "mov x8, x1",
        "mov x10, x2",
        "ldp x0, x1, [x10]",
        "ldp x2, x3, [x10, #16]",
        "ldp x4, x5, [x10, #32]",
        ".globl fl_safe_start, fl_safe_end, fl_safe_interrupted",
        ".hidden fl_safe_start, fl_safe_end, fl_safe_interrupted",
        "fl_safe_start:",
        "ldr w11, [x9]",
        "tbnz w11, #0, fl_safe_interrupted",
        "svc #0",
        "fl_safe_end:",
        "ret",
        "fl_safe_interrupted:",
        "mov x0, #-512",
        "ret",
    )
}

/// Program counter of an interrupted context.
pub(crate) const fn context_pc(cx: &libc::ucontext_t) -> usize {
    cx.uc_mcontext.pc as usize
}

/// Makes the interrupted context go on at `pc`.
pub(crate) const fn set_context_pc(cx: &mut libc::ucontext_t, pc: usize) {
    cx.uc_mcontext.pc = pc as u64;
}

/// Flags and restorer of a signal's action: the kernel has its own restorer.
pub(crate) const fn with_restorer(flags: u64) -> (u64, u64) {
    (flags, 0)
}
