//! x86-64 hosts.

use core::arch::naked_asm;
use core::arch::x86_64::__rdtscp;

/// The time stamp counter and TSC_AUX: node << 12 | processor on Linux.
pub(crate) fn timestamp() -> (u64, u32) {
    let mut aux = 0;
    // SAFETY: every x86-64 host with SSE4.1 has RDTSCP.
    let tsc = unsafe { __rdtscp(&raw mut aux) };
    (tsc, aux)
}

/// A system call that isn't begun if bit 0 of `*attention` is set; then the result is -512 (-ERESTARTSYS). Returns the kernel's result.
///
/// A signal handler that finds the program counter in `fl_safe_start..fl_safe_end` sends it to `fl_safe_interrupted`, so no signal falls between the test and the
/// call.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn safe_syscall(attention: *const u32, nr: i64, args: *const [u64; 6]) -> i64 {
    naked_asm!(
        "mov r11, rdi",
        "mov rax, rsi",
        "mov rcx, rdx",
        "mov rdi, [rcx]",
        "mov rsi, [rcx + 8]",
        "mov rdx, [rcx + 16]",
        "mov r10, [rcx + 24]",
        "mov r8, [rcx + 32]",
        "mov r9, [rcx + 40]",
        ".globl fl_safe_start, fl_safe_end, fl_safe_interrupted",
        ".hidden fl_safe_start, fl_safe_end, fl_safe_interrupted",
        "fl_safe_start:",
        "test dword ptr [r11], 1",
        "jnz fl_safe_interrupted",
        "syscall",
        "fl_safe_end:",
        "ret",
        "fl_safe_interrupted:",
        "mov rax, -512",
        "ret",
    )
}

/// Program counter of an interrupted context.
pub(crate) const fn context_pc(cx: &libc::ucontext_t) -> usize {
    cx.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}

/// Makes the interrupted context go on at `pc`.
pub(crate) const fn set_context_pc(cx: &mut libc::ucontext_t, pc: usize) {
    cx.uc_mcontext.gregs[libc::REG_RIP as usize] = pc as i64;
}

/// Flags and restorer of a signal's action.
pub(crate) fn with_restorer(flags: u64) -> (u64, u64) {
    const SA_RESTORER: u64 = 0x0400_0000;
    (flags | SA_RESTORER, restorer as *const () as u64)
}

/// Returns from a signal handler.
#[unsafe(naked)]
unsafe extern "C" fn restorer() {
    naked_asm!("mov eax, 15", "syscall")
}
