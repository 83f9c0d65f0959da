//! aarch64: `b` within 128 MiB, FPCR and FPSR, x21 as the pinned register, x1 as the register of indirect tail calls.
//!
//! Instructions are patched by one aligned store and then made visible to instruction fetch line by line, which a signal handler may do too.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, Ordering};

use forklift_lift::{HELPERS, Helper, JitState, PARAM_REGS, offset};
use libc::ucontext_t;

use super::{FRAME_ROOM, LEFT_FAULT, LEFT_INTERRUPTED, Left, STUB, TRAMPOLINE, Way};
use crate::table::{HASH, HASH_SHIFT, SECOND};

// Slots of the frame: x29 - 16 … x29 - 144 hold the callee-saved registers, x29 - 160 the host's FPCR.
global_asm!(
    ".pushsection .text.forklift_jit, \"ax\", @progbits",
    ".p2align 6",
    // Left enter(x0: *mut JitState, x1: code, x2: FPCR); bits 32 … of the exit are FPSR.
    ".hidden forklift_jit_enter",
    ".globl forklift_jit_enter",
    "forklift_jit_enter:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "stp x27, x28, [sp, #-16]!",
    "stp x25, x26, [sp, #-16]!",
    "stp x23, x24, [sp, #-16]!",
    "stp x21, x22, [sp, #-16]!",
    "stp x19, x20, [sp, #-16]!",
    "stp d14, d15, [sp, #-16]!",
    "stp d12, d13, [sp, #-16]!",
    "stp d10, d11, [sp, #-16]!",
    "stp d8, d9, [sp, #-16]!",
    "mrs x9, fpcr",
    "stp x9, xzr, [sp, #-16]!",
    "sub sp, sp, #{frame}",
    "mov x21, x0",
    "mov x16, x1",
    "cmp x2, x9",
    "b.eq 3f",
    "msr fpcr, x2",
    "3:",
    "msr fpsr, xzr",
    ".hidden forklift_jit_armed",
    ".globl forklift_jit_armed",
    "forklift_jit_armed:",
    "ldr w9, [x21, #{interrupt}]",
    "cbnz w9, forklift_jit_gone",
    "ldr x2, [x21, #{p0}]",
    "ldr x3, [x21, #{p1}]",
    "ldr x4, [x21, #{p2}]",
    "ldr x5, [x21, #{p3}]",
    "ldr x6, [x21, #{p4}]",
    "ldr x7, [x21, #{p5}]",
    "br x16",
    ".hidden forklift_jit_gone",
    ".globl forklift_jit_gone",
    "forklift_jit_gone:",
    "mov w0, #{interrupted}",
    ".hidden forklift_jit_leave",
    ".globl forklift_jit_leave",
    "forklift_jit_leave:",
    "mrs x9, fpsr",
    "mov w0, w0",
    "orr x0, x0, x9, lsl #32",
    "ldur x9, [x29, #-160]",
    "mrs x10, fpcr",
    "cmp x9, x10",
    "b.eq 4f",
    "msr fpcr, x9",
    "4:",
    "sub sp, x29, #144",
    "ldp d8, d9, [sp], #16",
    "ldp d10, d11, [sp], #16",
    "ldp d12, d13, [sp], #16",
    "ldp d14, d15, [sp], #16",
    "ldp x19, x20, [sp], #16",
    "ldp x21, x22, [sp], #16",
    "ldp x23, x24, [sp], #16",
    "ldp x25, x26, [sp], #16",
    "ldp x27, x28, [sp], #16",
    "ldp x29, x30, [sp], #16",
    "ret",
    ".p2align 4",
    ".hidden forklift_jit_save",
    ".globl forklift_jit_save",
    "forklift_jit_save:",
    "str x2, [x21, #{p0}]",
    "str x3, [x21, #{p1}]",
    "str x4, [x21, #{p2}]",
    "str x5, [x21, #{p3}]",
    "str x6, [x21, #{p4}]",
    "str x7, [x21, #{p5}]",
    "b forklift_jit_leave",
    // w0, the exit's number, stays; so do the blocks' parameters.
    ".p2align 4",
    ".hidden forklift_jit_lookup",
    ".globl forklift_jit_lookup",
    "forklift_jit_lookup:",
    "ldr x16, [x21, #{rip}]",
    "ldr x17, 6f",
    "mul x17, x17, x16",
    "lsr x17, x17, #{hash_shift}",
    "ldr x9, [x21, #{indirect}]",
    "add x17, x9, x17, lsl #5",
    "add x17, x17, #{second}, lsl #12",
    "ldr x9, [x17]",
    "cmp x9, x16",
    "b.eq 5f",
    "ldr x9, [x17, #16]!",
    "cmp x9, x16",
    "b.ne forklift_jit_save",
    "5:",
    "ldr x1, [x17, #8]",
    "br x1",
    ".hidden forklift_jit_lookup_end",
    ".globl forklift_jit_lookup_end",
    "forklift_jit_lookup_end:",
    ".p2align 3",
    "6:",
    ".xword {hash}",
    // As `thunk_returns` wants it, the link register is in the second word as soon as it has another value.
    ".macro forklift_save_all",
    "sub sp, sp, #688",
    "stp x29, x30, [sp]",
    "stp x0, x1, [sp, #16]",
    "stp x2, x3, [sp, #32]",
    "stp x4, x5, [sp, #48]",
    "stp x6, x7, [sp, #64]",
    "stp x8, x9, [sp, #80]",
    "stp x10, x11, [sp, #96]",
    "stp x12, x13, [sp, #112]",
    "stp x14, x15, [sp, #128]",
    "stp x16, x17, [sp, #144]",
    "str x18, [sp, #160]",
    "stp q0, q1, [sp, #176]",
    "stp q2, q3, [sp, #208]",
    "stp q4, q5, [sp, #240]",
    "stp q6, q7, [sp, #272]",
    "stp q8, q9, [sp, #304]",
    "stp q10, q11, [sp, #336]",
    "stp q12, q13, [sp, #368]",
    "stp q14, q15, [sp, #400]",
    "stp q16, q17, [sp, #432]",
    "stp q18, q19, [sp, #464]",
    "stp q20, q21, [sp, #496]",
    "stp q22, q23, [sp, #528]",
    "stp q24, q25, [sp, #560]",
    "stp q26, q27, [sp, #592]",
    "stp q28, q29, [sp, #624]",
    "stp q30, q31, [sp, #656]",
    ".endm",
    ".macro forklift_restore_all",
    "ldp x0, x1, [sp, #16]",
    "ldp x2, x3, [sp, #32]",
    "ldp x4, x5, [sp, #48]",
    "ldp x6, x7, [sp, #64]",
    "ldp x8, x9, [sp, #80]",
    "ldp x10, x11, [sp, #96]",
    "ldp x12, x13, [sp, #112]",
    "ldp x14, x15, [sp, #128]",
    "ldp x16, x17, [sp, #144]",
    "ldr x18, [sp, #160]",
    "ldp q0, q1, [sp, #176]",
    "ldp q2, q3, [sp, #208]",
    "ldp q4, q5, [sp, #240]",
    "ldp q6, q7, [sp, #272]",
    "ldp q8, q9, [sp, #304]",
    "ldp q10, q11, [sp, #336]",
    "ldp q12, q13, [sp, #368]",
    "ldp q14, q15, [sp, #400]",
    "ldp q16, q17, [sp, #432]",
    "ldp q18, q19, [sp, #464]",
    "ldp q20, q21, [sp, #496]",
    "ldp q22, q23, [sp, #528]",
    "ldp q24, q25, [sp, #560]",
    "ldp q26, q27, [sp, #592]",
    "ldp q28, q29, [sp, #624]",
    "ldp q30, q31, [sp, #656]",
    "ldp x29, x30, [sp]",
    "add sp, sp, #688",
    ".endm",
    ".p2align 4",
    ".hidden forklift_jit_thunks",
    ".globl forklift_jit_thunks",
    "forklift_jit_thunks:",
    ".hidden forklift_jit_step",
    ".globl forklift_jit_step",
    "forklift_jit_step:",
    "str x30, [x21, #{helper_return}]",
    "stp x29, x30, [sp, #-16]!",
    "bl {step}",
    "str xzr, [x21, #{helper_return}]",
    "ldp x29, x30, [sp], #16",
    "ret",
    ".hidden forklift_jit_status",
    ".globl forklift_jit_status",
    "forklift_jit_status:",
    "str x30, [x21, #{helper_return}]",
    "forklift_save_all",
    "bl {status}",
    "str x0, [x21, #{scratch}]",
    "str xzr, [x21, #{helper_return}]",
    "forklift_restore_all",
    "ret",
    ".hidden forklift_jit_cond",
    ".globl forklift_jit_cond",
    "forklift_jit_cond:",
    "str x30, [x21, #{helper_return}]",
    "forklift_save_all",
    "bl {cond}",
    "str x0, [x21, #{scratch}]",
    "str xzr, [x21, #{helper_return}]",
    "forklift_restore_all",
    "ret",
    ".hidden forklift_jit_thunks_end",
    ".globl forklift_jit_thunks_end",
    "forklift_jit_thunks_end:",
    ".popsection",
    frame = const FRAME_ROOM,
    interrupt = const offset::INTERRUPT,
    helper_return = const offset::HELPER_RETURN,
    scratch = const offset::X87_SCRATCH,
    rip = const offset::RIP,
    indirect = const offset::INDIRECT,
    second = const SECOND >> 12,
    hash = const HASH,
    hash_shift = const HASH_SHIFT,
    p0 = const offset::gpr(PARAM_REGS[0]),
    p1 = const offset::gpr(PARAM_REGS[1]),
    p2 = const offset::gpr(PARAM_REGS[2]),
    p3 = const offset::gpr(PARAM_REGS[3]),
    p4 = const offset::gpr(PARAM_REGS[4]),
    p5 = const offset::gpr(PARAM_REGS[5]),
    interrupted = const LEFT_INTERRUPTED as i32,
    step = sym step,
    status = sym super::status,
    cond = sym super::cond,
);

unsafe extern "C" {
    fn forklift_jit_enter(state: *mut JitState, code: *const u8, fpcr: u64) -> Left;
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
    static forklift_jit_thunks_end: u8;
}

/// Whether it makes a difference what blocks are made for.
pub(crate) const NEEDS: bool = true;

/// Puts the barriers and loads into `code` that Cranelift doesn't know.
pub(crate) fn narrow_barriers(compiled: &cranelift_codegen::CompiledCode, code: &mut [u8]) {
    crate::barriers::narrow(compiled, code, std::arch::is_aarch64_feature_detected!("rcpc"));
}

const FTZ: u32 = 0x8000;
const DAZ: u32 = 0x40;

/// Whether blocks must be made for flushing.
pub(crate) const fn flushes(mxcsr: u32) -> bool {
    mxcsr & (FTZ | DAZ) != 0
}

/// Whether blocks can be run with this MXCSR: the host can't flush operands alone.
pub(crate) const fn runs_with(mxcsr: u32) -> bool {
    mxcsr & (FTZ | DAZ) != DAZ
}

/// FPCR for a guest's MXCSR: rounding mode, and flush to zero if both of its two halves are on. No traps.
const fn fpcr_of(mxcsr: u32) -> u64 {
    let (down, up) = (mxcsr >> 13 & 1, mxcsr >> 14 & 1);
    let flush = (mxcsr & (FTZ | DAZ) == FTZ | DAZ) as u32;
    (up << 22 | down << 23 | flush << 24) as u64
}

/// The flags of MXCSR that FPSR stands for: invalid, division by zero, overflow, underflow, inexact, denormal input.
const fn mxcsr_flags(fpsr: u32) -> u32 {
    fpsr & 1 | (fpsr >> 1 & 1) << 2 | (fpsr >> 2 & 1) << 3 | (fpsr >> 3 & 1) << 4 | (fpsr >> 4 & 1) << 5 | (fpsr >> 7 & 1) << 1
}

/// Runs emitted code from `code` on until it leaves.
///
/// # Safety
/// `code` is the entry of a block whose code stays while the thread is in it; `state` is complete, and the exclusive property of this thread.
pub(crate) unsafe fn enter(state: *mut JitState, code: *const u8) -> Left {
    // SAFETY: the caller's promise.
    unsafe {
        let left = forklift_jit_enter(state, code, fpcr_of((*state).cpu.mxcsr));
        (*state).cpu.mxcsr |= mxcsr_flags((left.exit >> 32) as u32);
        Left { exit: left.exit & 0xffff_ffff, ..left }
    }
}

/// What the thunk of `Helper::Step` calls: the step itself, with the host's floating-point mode.
extern "C" fn step(state: &mut JitState, token: u64) -> u64 {
    let fpsr: u64;
    // SAFETY: reads a flag register and sets the mode that Rust code expects.
    unsafe { asm!("mrs {0}, fpsr", "msr fpcr, xzr", out(reg) fpsr) };
    state.cpu.mxcsr |= mxcsr_flags(fpsr as u32);
    // SAFETY: whoever attached the state put the address of a function of this type there.
    let run: extern "C" fn(&mut JitState, u64) -> u64 = unsafe { core::mem::transmute(state.step as usize) };
    let result = run(state, token);
    // SAFETY: back to the guest's mode, for emitted code.
    unsafe { asm!("msr fpcr, {0}", "msr fpsr, xzr", in(reg) fpcr_of(state.cpu.mxcsr)) };
    result
}

/// Address of the thunk of each helper.
pub(crate) fn thunks() -> [u64; HELPERS] {
    let mut table = [0; HELPERS];
    table[Helper::Step as usize] = &raw const forklift_jit_step as u64;
    table[Helper::Status as usize] = &raw const forklift_jit_status as u64;
    table[Helper::Cond as usize] = &raw const forklift_jit_cond as u64;
    table
}

/// `br x1`.
pub(crate) const BR_X1: u32 = 0xd61f_0020;

/// `b` from `at` to `target`.
fn branch(at: *const u8, target: *const u8) -> u32 {
    let words = (target as usize).wrapping_sub(at as usize) as isize >> 2;
    0x1400_0000 | words as u32 & 0x03ff_ffff
}

/// Writes a jump that stubs can reach.
///
/// # Safety
/// `at` is writable for [`TRAMPOLINE`] bytes that nobody executes.
pub(crate) unsafe fn write_trampoline(at: *mut u8, way: Way) {
    let address = match way {
        Way::Leave => &raw const forklift_jit_leave,
        Way::Lookup => &raw const forklift_jit_lookup,
        Way::Save => &raw const forklift_jit_save,
    } as u64;
    // ldr x16, [pc + 8]; br x16; the address.
    let code = [0x5800_0050, 0xd61f_0200, address as u32, (address >> 32) as u32];
    const { assert!(TRAMPOLINE == 16) };
    // SAFETY: the caller's promise.
    unsafe { at.cast::<[u32; 4]>().write_unaligned(code) };
}

/// Writes the stub of the exit `id`: movz w0, low; movk w0, high; b trampoline.
///
/// # Safety
/// `at` is writable for [`STUB`] bytes that nobody executes, within 128 MiB of `trampoline`, which [`write_trampoline`] wrote.
pub(crate) unsafe fn write_stub(at: *mut u8, id: u32, trampoline: *const u8) {
    let code = [0x5280_0000 | (id & 0xffff) << 5, 0x72a0_0000 | (id >> 16) << 5, branch(at.wrapping_add(8), trampoline), 0];
    const { assert!(STUB == 16) };
    // SAFETY: the caller's promise.
    unsafe { at.cast::<[u32; 4]>().write_unaligned(code) };
}

/// Replaces one instruction.
///
/// # Safety
/// `site` is an instruction in the arena, aligned.
unsafe fn replace(site: *mut u8, insn: u32) {
    // SAFETY: the caller's promise.
    unsafe { AtomicU32::from_ptr(site.cast()) }.store(insn, Ordering::SeqCst);
    sync_icache(site, 4);
}

/// Makes the jump at `site` go to `target`, atomically for threads that run it.
///
/// # Safety
/// `site` is the site of a direct exit.
pub(crate) unsafe fn patch_jump(site: *mut u8, target: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { replace(site, branch(site, target)) };
}

/// Makes the indirect jump at `site` leave instead, by a jump to the exit's stub.
///
/// # Safety
/// `site` is the site of an indirect jump.
pub(crate) unsafe fn disarm_tail(site: *mut u8, stub: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { replace(site, branch(site, stub)) };
}

/// Undoes [`disarm_tail`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn rearm_tail(site: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { replace(site, BR_X1) };
}

/// Makes code written to `[start, start + len)` visible to instruction fetch.
pub(crate) fn sync_icache(start: *const u8, len: usize) {
    let ctr: u64;
    // SAFETY: CTR_EL0 can be read by programs on Linux.
    unsafe { asm!("mrs {0}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let line = |shift: u32| 4usize << (ctr >> shift & 15);
    let lines = |line: usize| (start as usize & !(line - 1)..start as usize + len).step_by(line);
    for at in lines(line(16)) {
        // SAFETY: cleaning a line changes nothing that a program can see.
        unsafe { asm!("dc cvau, {0}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for at in lines(line(0)) {
        // SAFETY: as above.
        unsafe { asm!("ic ivau, {0}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// The registers of an interrupted thread that matter here.
pub(crate) struct Context<'a>(&'a mut ucontext_t);

impl<'a> Context<'a> {
    /// The registers in `uc`.
    pub(crate) fn new(uc: &'a mut ucontext_t) -> Self {
        Self(uc)
    }

    /// The pc.
    pub(crate) fn pc(&mut self) -> u64 {
        self.0.uc_mcontext.pc
    }

    /// Sets the pc.
    pub(crate) fn set_pc(&mut self, pc: u64) {
        self.0.uc_mcontext.pc = pc;
    }

    /// Sends the thread, which is in emitted code, to `leave`.
    pub(crate) fn leave(&mut self) {
        self.leave_with(LEFT_FAULT);
    }

    fn leave_with(&mut self, exit: u32) {
        self.0.uc_mcontext.regs[0] = u64::from(exit);
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

    /// There are no stubs of `RepString`.
    pub(crate) fn leave_rep_string(&mut self, _state: &mut JitState) -> bool {
        false
    }

    /// If the pc is in a helper's thunk: the two words one of which is the address that the thunk returns to.
    pub(crate) fn thunk_returns(&mut self) -> Option<[u64; 2]> {
        let (start, end) = (&raw const forklift_jit_thunks as u64, &raw const forklift_jit_thunks_end as u64);
        if !(start..end).contains(&self.pc()) {
            return None;
        }
        let sp = self.0.uc_mcontext.sp as usize as *const [u64; 2];
        // SAFETY: in a thunk, sp points into the frame that `enter` made; if the link register is saved, it is in the second word.
        Some([self.0.uc_mcontext.regs[30], unsafe { sp.read() }[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_modes() {
        assert_eq!(fpcr_of(0x1f80), 0);
        assert_eq!(fpcr_of(0x3f80), 2 << 22);
        assert_eq!(fpcr_of(0x5f80), 1 << 22);
        assert_eq!(fpcr_of(0xff80), 3 << 22);
        assert_eq!(fpcr_of(0xffc0), 3 << 22 | 1 << 24);
    }
}
