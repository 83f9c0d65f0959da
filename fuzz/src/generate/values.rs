//! What registers and data of a block start with.

use forklift_x86::{CpuState, Gpr, Mode, bits};

use super::Rng;
use super::number::{integer, lane};
use crate::machine::Input;

/// Fills registers, flags and data.
pub(super) fn fill(input: &mut Input, rng: &mut Rng) {
    let mask = input.cpu.mode.addr_mask();
    let count = if input.cpu.mode == Mode::Bits64 { 16 } else { 8 };
    for r in &Gpr::ALL[..count] {
        input.cpu.set(*r, integer(rng) & mask);
    }
    for n in 0..count {
        let v = u128::from(lane(rng)) | u128::from(lane(rng)) << 64;
        input.cpu.set_xmm(n, v);
    }
    let status = rng.next() as u32 & bits::STATUS;
    input.cpu.flags.set_status(status);
    for chunk in input.data[0x380..0x680].chunks_exact_mut(8) {
        chunk.copy_from_slice(&lane(rng).to_le_bytes());
    }
    for chunk in input.data[0x1780..0x1880].chunks_exact_mut(8) {
        chunk.copy_from_slice(&(lane(rng) & mask).to_le_bytes());
    }
}

/// Rounding, precision, denormals as zero, and which exceptions are unmasked: as programs find them mostly.
pub(super) fn fill_control(input: &mut Input, rng: &mut Rng) {
    if rng.chance(2) {
        input.cpu.mxcsr = CpuState::MXCSR_DEFAULT | rng.next() as u32 & 0xe07f;
        input.cpu.x87.set_control_word(0x7f | rng.next() as u16 & 0x0f00);
    }
    if rng.chance(16) {
        input.cpu.mxcsr &= !(0x80 << rng.below(6));
        input.cpu.x87.set_control_word(input.cpu.x87.cw & !(1 << rng.below(6)));
    }
    // Nothing is pending.
    input.cpu.mxcsr &= !0x3f | input.cpu.mxcsr >> 7;
}

/// Fills the upper halves of the vector registers, those behind the last register of the mode aside.
pub(super) fn fill_uppers(input: &mut Input, rng: &mut Rng) {
    let count = if input.cpu.mode == Mode::Bits64 { 16 } else { 8 };
    for v in &mut input.cpu.vec[..count] {
        for chunk in v.0[16..32].chunks_exact_mut(8) {
            chunk.copy_from_slice(&lane(rng).to_le_bytes());
        }
    }
}
