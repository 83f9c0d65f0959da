//! Entering and leaving, in machine code.
//!
//! `enter` keeps the host's stack pointer in the state and gives the guest all registers but r11. Whoever leaves has stored why in `JitState::exit`; the
//! guest's registers are where they are in the guest then, but for r11's.

use core::arch::global_asm;

use forklift_lift::{JitState, offset};
use libc::{REG_RCX, REG_RIP, ucontext_t};

use crate::table::{HASH, HASH_SHIFT, SECOND};

// [rsp] holds the host's MXCSR while the guest runs. Slots of the general purpose registers are at the state's beginning, eight bytes each.
global_asm!(
    ".pushsection .text.forklift_direct, \"ax\", @progbits",
    ".p2align 6",
    // void enter(rdi: *mut JitState, rsi: code)
    ".hidden forklift_direct_enter",
    ".globl forklift_direct_enter",
    "forklift_direct_enter:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 24",
    "stmxcsr [rsp]",
    "mov r11, rdi",
    "mov [r11 + {host_sp}], rsp",
    "mov [r11 + {target}], rsi",
    ".hidden forklift_direct_armed",
    ".globl forklift_direct_armed",
    "forklift_direct_armed:",
    "cmp dword ptr [r11 + {interrupt}], 0",
    "jne forklift_direct_gone",
    "ldmxcsr [r11 + {mxcsr}]",
    // Upper halves that are all zero are to be so for the processor, too: else each SSE instruction depends on what was in its register before.
    "vmovups xmm0, [r11 + {vectors} + 64 * 0 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 1 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 2 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 3 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 4 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 5 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 6 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 7 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 8 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 9 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 10 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 11 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 12 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 13 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 14 + 16]",
    "vorps xmm0, xmm0, [r11 + {vectors} + 64 * 15 + 16]",
    "vptest xmm0, xmm0",
    "jnz 6f",
    "vzeroupper",
    "movups xmm0, [r11 + {vectors} + 64 * 0]",
    "movups xmm1, [r11 + {vectors} + 64 * 1]",
    "movups xmm2, [r11 + {vectors} + 64 * 2]",
    "movups xmm3, [r11 + {vectors} + 64 * 3]",
    "movups xmm4, [r11 + {vectors} + 64 * 4]",
    "movups xmm5, [r11 + {vectors} + 64 * 5]",
    "movups xmm6, [r11 + {vectors} + 64 * 6]",
    "movups xmm7, [r11 + {vectors} + 64 * 7]",
    "movups xmm8, [r11 + {vectors} + 64 * 8]",
    "movups xmm9, [r11 + {vectors} + 64 * 9]",
    "movups xmm10, [r11 + {vectors} + 64 * 10]",
    "movups xmm11, [r11 + {vectors} + 64 * 11]",
    "movups xmm12, [r11 + {vectors} + 64 * 12]",
    "movups xmm13, [r11 + {vectors} + 64 * 13]",
    "movups xmm14, [r11 + {vectors} + 64 * 14]",
    "movups xmm15, [r11 + {vectors} + 64 * 15]",
    "jmp 7f",
    "6:",
    "vmovups ymm0, [r11 + {vectors} + 64 * 0]",
    "vmovups ymm1, [r11 + {vectors} + 64 * 1]",
    "vmovups ymm2, [r11 + {vectors} + 64 * 2]",
    "vmovups ymm3, [r11 + {vectors} + 64 * 3]",
    "vmovups ymm4, [r11 + {vectors} + 64 * 4]",
    "vmovups ymm5, [r11 + {vectors} + 64 * 5]",
    "vmovups ymm6, [r11 + {vectors} + 64 * 6]",
    "vmovups ymm7, [r11 + {vectors} + 64 * 7]",
    "vmovups ymm8, [r11 + {vectors} + 64 * 8]",
    "vmovups ymm9, [r11 + {vectors} + 64 * 9]",
    "vmovups ymm10, [r11 + {vectors} + 64 * 10]",
    "vmovups ymm11, [r11 + {vectors} + 64 * 11]",
    "vmovups ymm12, [r11 + {vectors} + 64 * 12]",
    "vmovups ymm13, [r11 + {vectors} + 64 * 13]",
    "vmovups ymm14, [r11 + {vectors} + 64 * 14]",
    "vmovups ymm15, [r11 + {vectors} + 64 * 15]",
    "7:",
    "push qword ptr [r11 + {rflags}]",
    "popfq",
    "mov rax, [r11 + 0]",
    "mov rcx, [r11 + 8]",
    "mov rdx, [r11 + 16]",
    "mov rbx, [r11 + 24]",
    "mov rbp, [r11 + 40]",
    "mov rsi, [r11 + 48]",
    "mov rdi, [r11 + 56]",
    "mov r8, [r11 + 64]",
    "mov r9, [r11 + 72]",
    "mov r10, [r11 + 80]",
    "mov r12, [r11 + 96]",
    "mov r13, [r11 + 104]",
    "mov r14, [r11 + 112]",
    "mov r15, [r11 + 120]",
    "mov rsp, [r11 + 32]",
    "jmp [r11 + {target}]",
    // A kick came before anything ran: the state is still complete.
    ".hidden forklift_direct_gone",
    ".globl forklift_direct_gone",
    "forklift_direct_gone:",
    "mov rsp, [r11 + {host_sp}]",
    "mov dword ptr [r11 + {exit}], {interrupted}",
    "cld",
    "jmp 3f",
    // r10: where an indirect branch goes, which the table does not tell; r10 and rcx of the guest are in the state, as is the number of the exit.
    ".hidden forklift_direct_miss",
    ".globl forklift_direct_miss",
    "forklift_direct_miss:",
    // The second table tells, too. The status flags wait in AX meanwhile.
    "mov [r11], rax",
    ".hidden forklift_direct_lahf",
    ".globl forklift_direct_lahf",
    "forklift_direct_lahf:",
    "lahf",
    "seto al",
    ".hidden forklift_direct_search",
    ".globl forklift_direct_search",
    "forklift_direct_search:",
    "cmp dword ptr [r11 + {kept}], 0",
    "je 5f",
    "movabs rcx, {hash}",
    "imul rcx, r10",
    "shr rcx, {hash_shift}",
    "shl rcx, 5",
    "add rcx, [r11 + {indirect}]",
    "add rcx, {second}",
    "cmp [rcx], r10",
    "je 4f",
    "add rcx, 16",
    "cmp [rcx], r10",
    "je 4f",
    "5:",
    "lea rcx, [rip + forklift_direct_unknown]",
    "jmp forklift_direct_found",
    "4:",
    "mov rcx, [rcx + 8]",
    ".hidden forklift_direct_found",
    ".globl forklift_direct_found",
    "forklift_direct_found:",
    "add al, 127",
    "sahf",
    "mov rax, [r11]",
    "jmp rcx",
    ".hidden forklift_direct_forget",
    ".globl forklift_direct_forget",
    "forklift_direct_forget:",
    "mov rax, [r11]",
    ".hidden forklift_direct_unknown",
    ".globl forklift_direct_unknown",
    "forklift_direct_unknown:",
    "mov [r11 + {rip}], r10",
    "mov rcx, [r11 + 8]",
    "mov r10, [r11 + 80]",
    ".hidden forklift_direct_leave",
    ".globl forklift_direct_leave",
    "forklift_direct_leave:",
    "mov [r11 + 32], rsp",
    "mov rsp, [r11 + {host_sp}]",
    "pushfq",
    "pop qword ptr [r11 + {rflags}]",
    "cld",
    "mov [r11 + 0], rax",
    "mov [r11 + 8], rcx",
    "mov [r11 + 16], rdx",
    "mov [r11 + 24], rbx",
    "mov [r11 + 40], rbp",
    "mov [r11 + 48], rsi",
    "mov [r11 + 56], rdi",
    "mov [r11 + 64], r8",
    "mov [r11 + 72], r9",
    "mov [r11 + 80], r10",
    "mov [r11 + 96], r12",
    "mov [r11 + 104], r13",
    "mov [r11 + 112], r14",
    "mov [r11 + 120], r15",
    "vmovups [r11 + {vectors} + 64 * 0], ymm0",
    "vmovups [r11 + {vectors} + 64 * 1], ymm1",
    "vmovups [r11 + {vectors} + 64 * 2], ymm2",
    "vmovups [r11 + {vectors} + 64 * 3], ymm3",
    "vmovups [r11 + {vectors} + 64 * 4], ymm4",
    "vmovups [r11 + {vectors} + 64 * 5], ymm5",
    "vmovups [r11 + {vectors} + 64 * 6], ymm6",
    "vmovups [r11 + {vectors} + 64 * 7], ymm7",
    "vmovups [r11 + {vectors} + 64 * 8], ymm8",
    "vmovups [r11 + {vectors} + 64 * 9], ymm9",
    "vmovups [r11 + {vectors} + 64 * 10], ymm10",
    "vmovups [r11 + {vectors} + 64 * 11], ymm11",
    "vmovups [r11 + {vectors} + 64 * 12], ymm12",
    "vmovups [r11 + {vectors} + 64 * 13], ymm13",
    "vmovups [r11 + {vectors} + 64 * 14], ymm14",
    "vmovups [r11 + {vectors} + 64 * 15], ymm15",
    "stmxcsr [r11 + {mxcsr}]",
    "3:",
    "vzeroupper",
    "ldmxcsr [rsp]",
    "add rsp, 24",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".popsection",
    host_sp = const offset::HOST_SP,
    target = const offset::TARGET,
    exit = const offset::EXIT,
    kept = const offset::KEPT,
    rip = const offset::RIP,
    rflags = const offset::RFLAGS,
    interrupt = const offset::INTERRUPT,
    mxcsr = const offset::MXCSR,
    vectors = const offset::xmm(0),
    indirect = const offset::INDIRECT,
    hash = const HASH,
    hash_shift = const HASH_SHIFT,
    second = const SECOND,
    interrupted = const EXIT_INTERRUPTED as i32,
);

unsafe extern "C" {
    fn forklift_direct_enter(state: *mut JitState, code: *const u8);
    static forklift_direct_armed: u8;
    static forklift_direct_gone: u8;
    static forklift_direct_leave: u8;
    static forklift_direct_miss: u8;
    static forklift_direct_lahf: u8;
    static forklift_direct_search: u8;
    static forklift_direct_found: u8;
    static forklift_direct_forget: u8;
    static forklift_direct_unknown: u8;
}

/// `JitState::exit`: a kick came.
pub(crate) const EXIT_INTERRUPTED: u32 = u32::MAX;
/// `JitState::exit`: a fault handler made the thread leave.
pub(crate) const EXIT_FAULT: u32 = u32::MAX - 1;

/// `JitState::exit`: an indirect branch of 32-bit code found nothing.
pub(crate) const EXIT_UNKNOWN: u32 = u32::MAX - 2;

/// Runs the guest from `code` on until it leaves.
///
/// # Safety
/// `code` is the entry of a block whose code stays while the thread is in it; `state` is complete, the exclusive property of this thread, and its table of
/// indirect branches lies behind it.
pub(super) unsafe fn enter(state: *mut JitState, code: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { forklift_direct_enter(state, code) }
}

/// Where the guest leaves.
pub(crate) fn leave() -> u64 {
    &raw const forklift_direct_leave as u64
}

/// Where an indirect branch goes that found nothing.
pub(crate) fn miss() -> u64 {
    &raw const forklift_direct_miss as u64
}

/// If the interrupted code is about to enter the guest, or looks into the second table: makes it go on so that nothing of the guest runs. Whether it was.
pub(super) fn cancel(uc: &mut ucontext_t) -> bool {
    let registers = &mut uc.uc_mcontext.gregs;
    let pc = registers[REG_RIP as usize] as u64;
    let at = |label: *const u8| label as u64;
    let unknown = at(&raw const forklift_direct_unknown);
    if (at(&raw const forklift_direct_armed)..at(&raw const forklift_direct_gone)).contains(&pc) {
        registers[REG_RIP as usize] = at(&raw const forklift_direct_gone) as i64;
    } else if pc == at(&raw const forklift_direct_miss) {
        registers[REG_RIP as usize] = unknown as i64;
    } else if (at(&raw const forklift_direct_lahf)..at(&raw const forklift_direct_search)).contains(&pc) {
        registers[REG_RIP as usize] = at(&raw const forklift_direct_forget) as i64;
    } else if (at(&raw const forklift_direct_search)..at(&raw const forklift_direct_forget)).contains(&pc) {
        // From `found` on, AX may be the flags' no more; before, it is.
        if pc < at(&raw const forklift_direct_found) {
            registers[REG_RIP as usize] = at(&raw const forklift_direct_found) as i64;
        }
        registers[REG_RCX as usize] = unknown as i64;
    } else {
        return false;
    }
    true
}
