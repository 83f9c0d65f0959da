//! x86-64: `rel32` jumps, MXCSR, r15 as the pinned register, r10 as the register of indirect tail calls.
//!
//! A patched jump's four bytes lie in one cache line, so that one store changes all of them at once for whoever fetches them (`strip` places them so).
//! This architecture needs no cache maintenance.

mod x87;

use core::arch::{asm, global_asm};

use forklift_lift::{HELPERS, Helper, JitState, PARAM_REGS, RepString, offset};
use forklift_x86::{CcOp, Gpr, bits};
use libc::{REG_RAX, REG_RCX, REG_RDI, REG_RIP, REG_RSI, REG_RSP, ucontext_t};

pub(crate) use x87::{X87_STUBS, in_x87_stub, x87_bring, x87_take};

use super::{FRAME_ROOM, LEFT_FAULT, LEFT_INTERRUPTED, Left, STUB, TRAMPOLINE, Way};
use crate::table::{HASH, HASH_SHIFT, SECOND};

/// What blocks are made for makes no difference: this host orders accesses and flushes as the guest wants.
pub(crate) const NEEDS: bool = false;

/// There are none.
pub(crate) const fn narrow_barriers(_compiled: &cranelift_codegen::CompiledCode, _code: &mut [u8]) {}

/// Never.
pub(crate) const fn flushes(_mxcsr: u32) -> bool {
    false
}

/// Always.
pub(crate) const fn runs_with(_mxcsr: u32) -> bool {
    true
}

// Slots of the frame: rbp - 8 … rbp - 40 hold the callee-saved registers, rbp - 48 the host's MXCSR.
global_asm!(
    ".pushsection .text.forklift_jit, \"ax\", @progbits",
    ".p2align 6",
    // Left enter(rdi: *mut JitState, rsi: code)
    ".hidden forklift_jit_enter",
    ".globl forklift_jit_enter",
    "forklift_jit_enter:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, {frame}",
    "mov r15, rdi",
    "stmxcsr [rbp - 48]",
    "ldmxcsr [r15 + {mxcsr}]",
    ".hidden forklift_jit_armed",
    ".globl forklift_jit_armed",
    "forklift_jit_armed:",
    "cmp dword ptr [r15 + {interrupt}], 0",
    "jne 2f",
    "mov rdi, [r15 + {p0}]",
    "mov r10, rsi",
    "mov rsi, [r15 + {p1}]",
    "mov rdx, [r15 + {p2}]",
    "mov rcx, [r15 + {p3}]",
    "mov r8, [r15 + {p4}]",
    "mov r9, [r15 + {p5}]",
    "jmp r10",
    ".hidden forklift_jit_gone",
    ".globl forklift_jit_gone",
    "forklift_jit_gone:",
    "2:",
    "mov eax, {interrupted}",
    ".hidden forklift_jit_leave",
    ".globl forklift_jit_leave",
    "forklift_jit_leave:",
    "stmxcsr [r15 + {mxcsr}]",
    "ldmxcsr [rbp - 48]",
    "mov rdx, r10",
    "lea rsp, [rbp - 40]",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".p2align 4",
    ".hidden forklift_jit_save",
    ".globl forklift_jit_save",
    "forklift_jit_save:",
    "mov [r15 + {p0}], rdi",
    "mov [r15 + {p1}], rsi",
    "mov [r15 + {p2}], rdx",
    "mov [r15 + {p3}], rcx",
    "mov [r15 + {p4}], r8",
    "mov [r15 + {p5}], r9",
    "jmp forklift_jit_leave",
    // eax, the exit's number, stays; so do the blocks' parameters.
    ".p2align 4",
    ".hidden forklift_jit_lookup",
    ".globl forklift_jit_lookup",
    "forklift_jit_lookup:",
    "mov r10, [r15 + {rip}]",
    "movabs r11, {hash}",
    "imul r11, r10",
    "shr r11, {hash_shift}",
    "shl r11, 5",
    "add r11, [r15 + {indirect}]",
    "add r11, {second}",
    "cmp [r11], r10",
    "je 4f",
    "add r11, 16",
    "cmp [r11], r10",
    "jne forklift_jit_save",
    "4:",
    "mov r10, [r11 + 8]",
    "jmp r10",
    ".hidden forklift_jit_lookup_end",
    ".globl forklift_jit_lookup_end",
    "forklift_jit_lookup_end:",
    ".p2align 4",
    // Thunks of the helpers. rax is free: emitted code expects the result there.
    ".hidden forklift_jit_thunks",
    ".globl forklift_jit_thunks",
    "forklift_jit_thunks:",
    ".hidden forklift_jit_step",
    ".globl forklift_jit_step",
    "forklift_jit_step:",
    "mov rax, [rsp]",
    "mov [r15 + {helper_return}], rax",
    "stmxcsr [r15 + {mxcsr}]",
    "ldmxcsr [rbp - 48]",
    "cmp dword ptr [r15 + {x87_live}], 0",
    "je 3f",
    "call forklift_jit_x87_take",
    "3:",
    "sub rsp, 8",
    "call [r15 + {step}]",
    "add rsp, 8",
    "ldmxcsr [r15 + {mxcsr}]",
    "mov qword ptr [r15 + {helper_return}], 0",
    "ret",
    ".p2align 4",
    ".hidden forklift_jit_status",
    ".globl forklift_jit_status",
    "forklift_jit_status:",
    "mov rax, [rsp]",
    "mov [r15 + {helper_return}], rax",
    "sub rsp, 8",
    "call {status}",
    "add rsp, 8",
    "mov qword ptr [r15 + {helper_return}], 0",
    "ret",
    ".p2align 4",
    ".hidden forklift_jit_cond",
    ".globl forklift_jit_cond",
    "forklift_jit_cond:",
    "mov rax, [rsp]",
    "mov [r15 + {helper_return}], rax",
    "sub rsp, 8",
    "call {cond}",
    "add rsp, 8",
    "mov qword ptr [r15 + {helper_return}], 0",
    "ret",
    ".p2align 4",
    ".hidden forklift_jit_take",
    ".globl forklift_jit_take",
    "forklift_jit_take:",
    "mov rax, [rsp]",
    "mov [r15 + {helper_return}], rax",
    "sub rsp, 8",
    "call {take}",
    "add rsp, 8",
    "mov qword ptr [r15 + {helper_return}], 0",
    "ret",
    // Those of `CompareStrings`, for xmm0, xmm1: CF, ZF, SF and OF are the flags that matter.
    ".macro forklift_flags_to_rax",
    "pushfq",
    "pop rax",
    "and eax, 0x8c1",
    ".endm",
    ".macro forklift_flags_and_index",
    "forklift_flags_to_rax",
    "shl rax, 32",
    "mov ecx, ecx",
    "or rax, rcx",
    ".endm",
    ".hidden forklift_jit_compare_strings",
    ".globl forklift_jit_compare_strings",
    ".p2align 5, 0xcc",
    "forklift_jit_compare_strings:",
    ".set forklift_imm, 0",
    ".rept 128",
    ".p2align 5, 0xcc",
    "pcmpistri xmm0, xmm1, forklift_imm",
    "forklift_flags_and_index",
    "ret",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    ".set forklift_imm, 0",
    ".rept 128",
    ".p2align 5, 0xcc",
    "pcmpistrm xmm0, xmm1, forklift_imm",
    "forklift_flags_to_rax",
    "ret",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    // With REX.W, for lengths of 64 bits.
    ".set forklift_imm, 0",
    ".rept 128",
    ".p2align 5, 0xcc",
    "mov rax, rdi",
    "mov rdx, rsi",
    ".byte 0x66, 0x48, 0x0f, 0x3a, 0x61, 0xc1, forklift_imm",
    "forklift_flags_and_index",
    "ret",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    ".set forklift_imm, 0",
    ".rept 128",
    ".p2align 5, 0xcc",
    "mov rax, rdi",
    "mov rdx, rsi",
    ".byte 0x66, 0x48, 0x0f, 0x3a, 0x60, 0xc1, forklift_imm",
    "forklift_flags_to_rax",
    "ret",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    // Those of `HostOp`: they change nothing but the result's register.
    ".macro forklift_host_op insn:vararg",
    ".p2align 5, 0xcc",
    "\\insn",
    "ret",
    ".endm",
    ".p2align 5, 0xcc",
    ".hidden forklift_jit_host_ops",
    ".globl forklift_jit_host_ops",
    "forklift_jit_host_ops:",
    "forklift_host_op aesenc xmm0, xmm1",
    "forklift_host_op aesenclast xmm0, xmm1",
    "forklift_host_op aesdec xmm0, xmm1",
    "forklift_host_op aesdeclast xmm0, xmm1",
    "forklift_host_op aesimc xmm0, xmm0",
    "forklift_host_op pclmulqdq xmm0, xmm1, 0x00",
    "forklift_host_op pclmulqdq xmm0, xmm1, 0x01",
    "forklift_host_op pclmulqdq xmm0, xmm1, 0x10",
    "forklift_host_op pclmulqdq xmm0, xmm1, 0x11",
    "forklift_host_op sha1nexte xmm0, xmm1",
    "forklift_host_op sha1msg1 xmm0, xmm1",
    "forklift_host_op sha1msg2 xmm0, xmm1",
    "forklift_host_op sha1rnds4 xmm0, xmm1, 0",
    "forklift_host_op sha1rnds4 xmm0, xmm1, 1",
    "forklift_host_op sha1rnds4 xmm0, xmm1, 2",
    "forklift_host_op sha1rnds4 xmm0, xmm1, 3",
    "forklift_host_op sha256msg1 xmm0, xmm1",
    "forklift_host_op sha256msg2 xmm0, xmm1",
    // xmm0 is an operand, and xmm1 the destination.
    ".p2align 5, 0xcc",
    "movups [rsp - 24], xmm1",
    "sha256rnds2 xmm1, xmm2",
    "movaps xmm0, xmm1",
    "movups xmm1, [rsp - 24]",
    "ret",
    "forklift_host_op pdep rax, rdi, rsi",
    "forklift_host_op pext rax, rdi, rsi",
    "forklift_host_op vpsllvd xmm0, xmm0, xmm1",
    "forklift_host_op vpsllvq xmm0, xmm0, xmm1",
    "forklift_host_op vpsrlvd xmm0, xmm0, xmm1",
    "forklift_host_op vpsrlvq xmm0, xmm0, xmm1",
    "forklift_host_op vpsravd xmm0, xmm0, xmm1",
    "forklift_host_op vcvtph2ps xmm0, xmm0",
    ".set forklift_imm, 0",
    ".rept 8",
    "forklift_host_op vcvtps2ph xmm0, xmm0, forklift_imm",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    "forklift_host_op phminposuw xmm0, xmm0",
    "forklift_host_op aeskeygenassist xmm0, xmm0, 0",
    ".set forklift_imm, 0",
    ".rept 8",
    "forklift_host_op mpsadbw xmm0, xmm1, forklift_imm",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    ".set forklift_imm, 0",
    ".rept 256",
    "forklift_host_op dpps xmm0, xmm1, forklift_imm",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    // DPPD xmm0, xmm1.
    ".set forklift_imm, 0",
    ".rept 16",
    "forklift_host_op .byte 0x66, 0x0f, 0x3a, 0x41, 0xc1, (forklift_imm & 3) + ((forklift_imm >> 2) << 4)",
    ".set forklift_imm, forklift_imm + 1",
    ".endr",
    // Of rdx:rdi by rsi.
    ".p2align 5, 0xcc",
    "mov [rsp - 8], rdx",
    "mov rax, rdi",
    "div rsi",
    "mov rdx, [rsp - 8]",
    "ret",
    ".p2align 5, 0xcc",
    "mov [rsp - 8], edi",
    "ldmxcsr [rsp - 8]",
    "mov eax, edi",
    "ret",
    ".p2align 5, 0xcc",
    "stmxcsr [rsp - 8]",
    "mov eax, [rsp - 8]",
    "ret",
    // Those of `RepString`. rsp stays, so that a kick finds the return address; what they save lies below it, behind the room for a push.
    ".macro forklift_rep_stub mode, insn:vararg",
    ".p2align 8, 0xcc",
    "mov [rsp - 16], rdi",
    "mov [rsp - 24], rsi",
    "mov [rsp - 32], rcx",
    "mov [rsp - 40], rax",
    ".if \\mode == 64",
    "mov rdi, [r15 + {rdi}]",
    "mov rsi, [r15 + {rsi}]",
    "mov rcx, [r15 + {rcx}]",
    ".else",
    "mov edi, [r15 + {rdi}]",
    "mov esi, [r15 + {rsi}]",
    "mov ecx, [r15 + {rcx}]",
    ".endif",
    "mov rax, [r15 + {rax}]",
    "add rdi, [r15 + {mem_base}]",
    "add rsi, [r15 + {mem_base}]",
    ".if forklift_compares",
    "jrcxz 2f",
    "\\insn",
    "pushfq",
    "pop rax",
    "and eax, {status_flags}",
    "mov [r15 + {cc_a}], rax",
    "mov dword ptr [r15 + {cc_op}], {raw}",
    "2:",
    ".else",
    "\\insn",
    ".endif",
    "sub rdi, [r15 + {mem_base}]",
    "sub rsi, [r15 + {mem_base}]",
    ".if \\mode == 64",
    "mov [r15 + {rdi}], rdi",
    "mov [r15 + {rsi}], rsi",
    "mov [r15 + {rcx}], rcx",
    ".else",
    "mov [r15 + {rdi}], edi",
    "mov [r15 + {rsi}], esi",
    "mov [r15 + {rcx}], ecx",
    ".endif",
    "mov rdi, [rsp - 16]",
    "mov rsi, [rsp - 24]",
    "mov rcx, [rsp - 32]",
    "mov rax, [rsp - 40]",
    "ret",
    ".endm",
    ".macro forklift_rep_stubs mode, movs, stos, cmps, scas",
    ".set forklift_compares, 0",
    "forklift_rep_stub \\mode, rep \\movs",
    "forklift_rep_stub \\mode, rep \\stos",
    ".set forklift_compares, 1",
    "forklift_rep_stub \\mode, repe \\cmps",
    "forklift_rep_stub \\mode, repne \\cmps",
    "forklift_rep_stub \\mode, repe \\scas",
    "forklift_rep_stub \\mode, repne \\scas",
    ".endm",
    ".p2align 8, 0xcc",
    ".hidden forklift_jit_rep_strings",
    ".globl forklift_jit_rep_strings",
    "forklift_jit_rep_strings:",
    ".irp mode, 32, 64",
    "forklift_rep_stubs \\mode, movsb, stosb, cmpsb, scasb",
    "forklift_rep_stubs \\mode, movsw, stosw, cmpsw, scasw",
    "forklift_rep_stubs \\mode, movsd, stosd, cmpsd, scasd",
    "forklift_rep_stubs \\mode, movsq, stosq, cmpsq, scasq",
    ".endr",
    // More of them, and their end, in `x87`.
    ".popsection",
    // Five pushes leave rsp at 8 modulo 16.
    frame = const FRAME_ROOM + 8,
    mxcsr = const offset::MXCSR,
    interrupt = const offset::INTERRUPT,
    helper_return = const offset::HELPER_RETURN,
    rip = const offset::RIP,
    rdi = const offset::gpr(Gpr::Rdi),
    rsi = const offset::gpr(Gpr::Rsi),
    rcx = const offset::gpr(Gpr::Rcx),
    rax = const offset::gpr(Gpr::Rax),
    mem_base = const offset::MEM_BASE,
    cc_a = const offset::CC_A,
    cc_op = const offset::CC_OP,
    raw = const CcOp::RAW.0,
    status_flags = const bits::STATUS,
    indirect = const offset::INDIRECT,
    second = const SECOND,
    hash = const HASH,
    hash_shift = const HASH_SHIFT,
    step = const offset::STEP,
    x87_live = const offset::X87_LIVE,
    p0 = const offset::gpr(PARAM_REGS[0]),
    p1 = const offset::gpr(PARAM_REGS[1]),
    p2 = const offset::gpr(PARAM_REGS[2]),
    p3 = const offset::gpr(PARAM_REGS[3]),
    p4 = const offset::gpr(PARAM_REGS[4]),
    p5 = const offset::gpr(PARAM_REGS[5]),
    interrupted = const LEFT_INTERRUPTED,
    take = sym take,
    status = sym super::status,
    cond = sym super::cond,
);

unsafe extern "C" {
    fn forklift_jit_enter(state: *mut JitState, code: *const u8) -> Left;
    static forklift_jit_armed: u8;
    static forklift_jit_gone: u8;
    static forklift_jit_leave: u8;
    static forklift_jit_save: u8;
    static forklift_jit_lookup: u8;
    static forklift_jit_lookup_end: u8;
    static forklift_jit_thunks: u8;
    static forklift_jit_step: u8;
    static forklift_jit_status: u8;
    static forklift_jit_cond: u8;
    static forklift_jit_take: u8;
    static forklift_jit_compare_strings: u8;
    static forklift_jit_host_ops: u8;
    static forklift_jit_rep_strings: u8;
    static forklift_jit_thunks_end: u8;
}

/// Runs emitted code from `code` on until it leaves.
///
/// # Safety
/// `code` is the entry of a block whose code stays while the thread is in it; `state` is complete, and the exclusive property of this thread.
pub(crate) unsafe fn enter(state: *mut JitState, code: *const u8) -> Left {
    // SAFETY: the caller's promise.
    unsafe { forklift_jit_enter(state, code) }
}

/// `Helper::TakeX87`.
extern "C" fn take(state: &mut JitState) -> u64 {
    x87_take(state);
    0
}

/// Address of the thunk of each helper.
pub(crate) fn thunks() -> [u64; HELPERS] {
    let mut table = [0; HELPERS];
    table[Helper::Step as usize] = &raw const forklift_jit_step as u64;
    table[Helper::Status as usize] = &raw const forklift_jit_status as u64;
    table[Helper::X87 as usize] = x87::stubs();
    table[Helper::Cond as usize] = &raw const forklift_jit_cond as u64;
    table[Helper::CompareStrings as usize] = &raw const forklift_jit_compare_strings as u64;
    table[Helper::HostOp as usize] = &raw const forklift_jit_host_ops as u64;
    table[Helper::TakeX87 as usize] = &raw const forklift_jit_take as u64;
    table[Helper::RepString as usize] = &raw const forklift_jit_rep_strings as u64;
    table
}

/// Writes a jump that stubs can reach.
///
/// # Safety
/// `at` is writable for [`TRAMPOLINE`] bytes that nobody executes.
pub(crate) unsafe fn write_trampoline(at: *mut u8, way: Way) {
    let address = match way {
        Way::Leave => &raw const forklift_jit_leave as u64,
        Way::Lookup => &raw const forklift_jit_lookup as u64,
        Way::Save => &raw const forklift_jit_save as u64,
        Way::DirectLeave => crate::direct::leave(),
        Way::DirectMiss => crate::direct::miss(),
    };
    // jmp [rip + 0]; the address.
    let mut code = [0xff, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcc, 0xcc];
    code[6..14].copy_from_slice(&address.to_le_bytes());
    // SAFETY: the caller's promise.
    unsafe { at.cast::<[u8; TRAMPOLINE]>().write_unaligned(code) };
}

/// Writes the stub of the exit `id`: mov eax, id; jmp trampoline.
///
/// # Safety
/// `at` is writable for [`STUB`] bytes that nobody executes, within 2 GiB of `trampoline`, which [`write_trampoline`] wrote.
pub(crate) unsafe fn write_stub(at: *mut u8, id: u32, trampoline: *const u8) {
    let mut code = [0xb8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc];
    code[1..5].copy_from_slice(&id.to_le_bytes());
    let rel = (trampoline as usize).wrapping_sub(at as usize + 10) as u32;
    code[6..10].copy_from_slice(&rel.to_le_bytes());
    // SAFETY: the caller's promise.
    unsafe { at.cast::<[u8; STUB]>().write_unaligned(code) };
}

/// Writes the stub of the exit `id` of direct code: mov dword ptr [r11 + exit], id; jmp trampoline.
///
/// # Safety
/// `at` is writable for [`STUB`] bytes that nobody executes.
pub(crate) unsafe fn write_direct_stub(at: *mut u8, id: u32, trampoline: *const u8) {
    let mut code = [0; STUB];
    code[..3].copy_from_slice(&[0x41, 0xc7, 0x83]);
    code[3..7].copy_from_slice(&offset::EXIT.to_le_bytes());
    code[7..11].copy_from_slice(&id.to_le_bytes());
    code[11] = 0xe9;
    let rel = (trampoline as usize).wrapping_sub(at as usize + STUB) as u32;
    code[12..].copy_from_slice(&rel.to_le_bytes());
    // SAFETY: the caller's promise.
    unsafe { at.cast::<[u8; STUB]>().write_unaligned(code) };
}

/// Makes the jump whose displacement lies at `site` go to `target`, atomically for threads that run it.
///
/// # Safety
/// `site` is the site of a direct exit.
pub(crate) unsafe fn patch_jump(site: *mut u8, target: *const u8) {
    let rel = (target as usize).wrapping_sub(site as usize + 4) as u32;
    // SAFETY: the caller's promise. Plain `mov`, because Rust's atomics want alignment, and a store within a cache line is atomic without.
    unsafe { asm!("mov dword ptr [{0}], {1:e}", in(reg) site, in(reg) rel, options(nostack, preserves_flags)) };
}

const HLT: u8 = 0xf4;
/// First byte of `jmp r10`.
const REX_B: u8 = 0x41;

/// Makes the indirect jump at `site` leave instead. Here it becomes HLT, which raises SIGSEGV, so that one byte is enough; `stub` is the exit's stub.
///
/// # Safety
/// `site` is the site of an indirect jump.
pub(crate) unsafe fn disarm_tail(site: *mut u8, _stub: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { core::sync::atomic::AtomicU8::from_ptr(site).store(HLT, core::sync::atomic::Ordering::SeqCst) };
}

/// Undoes [`disarm_tail`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn rearm_tail(site: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { core::sync::atomic::AtomicU8::from_ptr(site).store(REX_B, core::sync::atomic::Ordering::SeqCst) };
}

/// Makes code written to `[start, start + len)` visible to instruction fetch.
pub(crate) fn sync_icache(_start: *const u8, _len: usize) {}

/// The registers of an interrupted thread that matter here.
pub(crate) struct Context<'a>(&'a mut ucontext_t);

impl<'a> Context<'a> {
    /// The registers in `uc`.
    pub(crate) fn new(uc: &'a mut ucontext_t) -> Self {
        Self(uc)
    }

    fn reg(&mut self, r: i32) -> &mut i64 {
        &mut self.0.uc_mcontext.gregs[r as usize]
    }

    /// The pc.
    pub(crate) fn pc(&mut self) -> u64 {
        *self.reg(REG_RIP) as u64
    }

    /// Sets the pc.
    pub(crate) fn set_pc(&mut self, pc: u64) {
        *self.reg(REG_RIP) = pc as i64;
    }

    /// Sends the thread, which is in emitted code, to `leave`.
    pub(crate) fn leave(&mut self) {
        self.leave_with(LEFT_FAULT);
    }

    fn leave_with(&mut self, exit: u32) {
        *self.reg(REG_RAX) = i64::from(exit);
        self.set_pc(&raw const forklift_jit_leave as u64);
    }

    /// If the pc is between the look at `interrupt` and the block, makes the thread leave as if the look had seen the kick; if it is in `lookup`, as if
    /// that had found nothing.
    pub(crate) fn cancel_entry(&mut self) {
        let (lookup, end) = (&raw const forklift_jit_lookup as u64, &raw const forklift_jit_lookup_end as u64);
        if (lookup..end).contains(&self.pc()) {
            self.set_pc(&raw const forklift_jit_save as u64);
        }
        let (armed, gone) = (&raw const forklift_jit_armed as u64, &raw const forklift_jit_gone as u64);
        if (armed..gone).contains(&self.pc()) {
            self.leave_with(LEFT_INTERRUPTED);
        }
    }

    /// If the pc is in a stub of [`RepString`], whose instruction has faulted: gives `state` the registers.
    pub(crate) fn leave_rep_string(&mut self, state: &mut JitState) -> bool {
        const LEN: u64 = (RepString::COUNT * RepString::SIZE) as u64;
        if self.pc().wrapping_sub(&raw const forklift_jit_rep_strings as u64) >= LEN {
            return false;
        }
        let mask = state.cpu.mode.addr_mask();
        for (r, base, host) in [(Gpr::Rdi, state.mem_base, REG_RDI), (Gpr::Rsi, state.mem_base, REG_RSI), (Gpr::Rcx, 0, REG_RCX)] {
            let v = (*self.reg(host) as u64).wrapping_sub(base) & mask;
            state.cpu.set(r, v);
        }
        true
    }

    /// If the pc is in a helper's thunk: the two words one of which is the address that the thunk returns to.
    pub(crate) fn thunk_returns(&mut self) -> Option<[u64; 2]> {
        let (start, end) = (&raw const forklift_jit_thunks as u64, &raw const forklift_jit_thunks_end as u64);
        if !(start..end).contains(&self.pc()) {
            return None;
        }
        let sp = *self.reg(REG_RSP) as usize as *const [u64; 2];
        // SAFETY: in a thunk, rsp points into the frame that `enter` made, with the return address at rsp or rsp + 8.
        Some(unsafe { sp.read() })
    }
}
