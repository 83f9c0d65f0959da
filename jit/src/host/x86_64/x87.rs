//! The stubs that run the guest's x87 instructions, and moving the guest's x87 state to the host's unit and back. See [`forklift_lift::X87`].
//!
//! Rust code here neither uses the x87 nor lets signal handlers see what it holds (the kernel gives those a fresh one), so the guest's state may stay there
//! from stub to stub, over everything in between but interpretation and leaving [`Thread::run`](crate::Thread::run). With [`JitState::x87_live`] 0 the
//! unit is as the ABI wants it: empty, control word 37Fh.
//!
//! A stub runs with its return address, which is in a block, at rsp; so it lies among the thunks, where a kick looks for it there.

use core::arch::{asm, global_asm};

use forklift_lift::{JitState, X87 as Stubs, offset};
use forklift_x86::X87;

global_asm!(
    ".pushsection .text.forklift_jit, \"ax\", @progbits",
    // Called by a stub: its own return address at rsp, the stub's above.
    ".p2align 4",
    ".hidden forklift_jit_x87_bring",
    ".globl forklift_jit_x87_bring",
    "forklift_jit_x87_bring:",
    "push qword ptr [rsp + 8]",
    "pop qword ptr [r15 + {helper_return}]",
    "call 7f",
    "mov qword ptr [r15 + {helper_return}], 0",
    "ret",
    // The stubs: check; instruction; return.
    ".macro forklift_x87_stub",
    ".p2align 5, 0xcc",
    "cmp dword ptr [r15 + {live}], 0",
    "jne 2f",
    "call forklift_jit_x87_bring",
    ".p2align 4, 0x90",
    "2:",
    ".endm",
    ".p2align 5, 0xcc",
    ".hidden forklift_jit_x87_stubs",
    ".globl forklift_jit_x87_stubs",
    "forklift_jit_x87_stubs:",
    ".set forklift_op, 0xd8",
    ".rept 8",
    ".set forklift_rm, 0xc0",
    ".rept 64",
    "forklift_x87_stub",
    // FCMOVcc: as the argument says.
    ".if (forklift_op == 0xda || forklift_op == 0xdb) && forklift_rm < 0xe0",
    "test rdi, rdi",
    ".byte 0xdb, 0xc8 + (forklift_rm & 7)",
    ".else",
    ".byte forklift_op, forklift_rm",
    // FUCOMI, FCOMI, FUCOMIP, FCOMIP.
    ".if (forklift_op == 0xdb || forklift_op == 0xdf) && forklift_rm >= 0xe8 && forklift_rm < 0xf8",
    "pushfq",
    "pop qword ptr [r15 + {scratch}]",
    ".endif",
    ".endif",
    "ret",
    ".set forklift_rm, forklift_rm + 1",
    ".endr",
    ".set forklift_op, forklift_op + 1",
    ".endr",
    // With an operand at rdi.
    ".set forklift_op, 0xd8",
    ".rept 8",
    ".set forklift_rm, 0x07",
    ".rept 8",
    "forklift_x87_stub",
    ".byte forklift_op, forklift_rm",
    "ret",
    ".set forklift_rm, forklift_rm + 8",
    ".endr",
    ".set forklift_op, forklift_op + 1",
    ".endr",
    ".hidden forklift_jit_thunks_end",
    ".globl forklift_jit_thunks_end",
    "forklift_jit_thunks_end:",
    // From here on `helper_return` tells where the thread came from.
    "7:",
    "push rax",
    "push rcx",
    "push rdx",
    "push rsi",
    "push rdi",
    "push r8",
    "push r9",
    "push r10",
    "push r11",
    "sub rsp, 256",
    "movaps [rsp], xmm0",
    "movaps [rsp + 16], xmm1",
    "movaps [rsp + 32], xmm2",
    "movaps [rsp + 48], xmm3",
    "movaps [rsp + 64], xmm4",
    "movaps [rsp + 80], xmm5",
    "movaps [rsp + 96], xmm6",
    "movaps [rsp + 112], xmm7",
    "movaps [rsp + 128], xmm8",
    "movaps [rsp + 144], xmm9",
    "movaps [rsp + 160], xmm10",
    "movaps [rsp + 176], xmm11",
    "movaps [rsp + 192], xmm12",
    "movaps [rsp + 208], xmm13",
    "movaps [rsp + 224], xmm14",
    "movaps [rsp + 240], xmm15",
    "mov rdi, r15",
    "call {load}",
    "movaps xmm0, [rsp]",
    "movaps xmm1, [rsp + 16]",
    "movaps xmm2, [rsp + 32]",
    "movaps xmm3, [rsp + 48]",
    "movaps xmm4, [rsp + 64]",
    "movaps xmm5, [rsp + 80]",
    "movaps xmm6, [rsp + 96]",
    "movaps xmm7, [rsp + 112]",
    "movaps xmm8, [rsp + 128]",
    "movaps xmm9, [rsp + 144]",
    "movaps xmm10, [rsp + 160]",
    "movaps xmm11, [rsp + 176]",
    "movaps xmm12, [rsp + 192]",
    "movaps xmm13, [rsp + 208]",
    "movaps xmm14, [rsp + 224]",
    "movaps xmm15, [rsp + 240]",
    "add rsp, 256",
    "pop r11",
    "pop r10",
    "pop r9",
    "pop r8",
    "pop rdi",
    "pop rsi",
    "pop rdx",
    "pop rcx",
    "pop rax",
    "ret",
    // Called by the thunk of `Helper::Step`, whose arguments stay.
    ".p2align 4",
    ".hidden forklift_jit_x87_take",
    ".globl forklift_jit_x87_take",
    "forklift_jit_x87_take:",
    "push rdi",
    "push rsi",
    "mov rdi, r15",
    "call {save}",
    "pop rsi",
    "pop rdi",
    "ret",
    ".popsection",
    live = const offset::X87_LIVE,
    scratch = const offset::X87_SCRATCH,
    helper_return = const offset::HELPER_RETURN,
    load = sym load,
    save = sym save,
);

unsafe extern "C" {
    static forklift_jit_x87_stubs: u8;
}

/// There are stubs.
pub(crate) const X87_STUBS: bool = true;

/// Address of the first stub.
pub(super) fn stubs() -> u64 {
    &raw const forklift_jit_x87_stubs as u64
}

/// Whether the host address `pc` is in a stub.
pub(crate) fn in_x87_stub(pc: u64) -> bool {
    const LEN: u64 = ((Stubs::MEMORY + 64) * Stubs::SIZE) as u64;
    pc.wrapping_sub(stubs()) < LEN
}

/// Takes the guest's x87 state back, if the host's unit holds it.
pub(crate) fn x87_take(state: &mut JitState) {
    if state.x87_live != 0 {
        save(state);
    }
}

/// Brings the guest's x87 state to the host's unit, unless it is there.
pub(crate) fn x87_bring(state: &mut JitState) {
    if state.x87_live == 0 {
        load(state);
    }
}

/// What FNSAVE writes in 32-bit protected mode's format, SDM vol. 1, 8.1.10: control, status and tag word, pointers, ST(0)–ST(7).
#[repr(C, packed)]
struct Image {
    control: u32,
    status: u32,
    tags: u32,
    pointers: [u32; 4],
    regs: [[u8; 10]; 8],
}

/// The guest's state to the host's unit.
extern "C" fn load(state: &mut JitState) {
    let x = &state.cpu.x87;
    let mut image = Image { control: u32::from(x.cw), status: u32::from(x.status_word()), tags: u32::from(x.tag_word()), pointers: [0; 4], regs: [[0; 10]; 8] };
    for (i, bytes) in image.regs.iter_mut().enumerate() {
        let r = &x.regs[(x.top as usize + i) & 7];
        bytes[..8].copy_from_slice(&r.mantissa.to_le_bytes());
        bytes[8..].copy_from_slice(&r.sign_exp.to_le_bytes());
    }
    // SAFETY: reads the image. The unit is empty and nobody else's; see the module.
    unsafe { asm!("frstor [{}]", in(reg) &raw const image, options(nostack, readonly)) };
    state.x87_live = 1;
}

/// The host's unit to the guest's state; the unit is empty then.
extern "C" fn save(state: &mut JitState) {
    let mut image = Image { control: 0, status: 0, tags: 0, pointers: [0; 4], regs: [[0; 10]; 8] };
    // SAFETY: writes the image, and initialises the unit.
    unsafe { asm!("fnsave [{}]", in(reg) &raw mut image, options(nostack)) };
    let x: &mut X87 = &mut state.cpu.x87;
    x.cw = image.control as u16;
    x.set_status_word(image.status as u16);
    x.set_tag_word(image.tags as u16);
    for (i, bytes) in image.regs.iter().enumerate() {
        let r = &mut x.regs[(x.top as usize + i) & 7];
        let (mantissa, sign_exp) = bytes.split_at(8);
        r.mantissa = mantissa.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
        r.sign_exp = u16::from(sign_exp[0]) | u16::from(sign_exp[1]) << 8;
    }
    state.x87_live = 0;
}
