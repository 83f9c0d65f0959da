//! What registers and data start with: numbers at which things change.

use forklift_x86::{Gpr, Mode, bits};

use super::Rng;
use crate::machine::Input;

/// An integer: often small, or next to a power of two.
pub(super) fn integer(rng: &mut Rng) -> u64 {
    match rng.below(6) {
        0 => rng.below(4),
        1 => (rng.below(5) as i64 - 2) as u64,
        2 => (1u64 << rng.below(64)).wrapping_add(rng.below(3)).wrapping_sub(1),
        3 => rng.next() & 0xffff_ffff,
        4 => (rng.next() as i32) as i64 as u64,
        _ => rng.next(),
    }
}

fn double(rng: &mut Rng) -> u64 {
    const SPECIAL: [u64; 16] = [
        0,
        1 << 63,
        0x3ff0_0000_0000_0000,
        0xbff0_0000_0000_0000,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
        0x7ff8_0000_0000_0001,
        0xfff8_0000_0000_0002,
        0x7ff4_0000_0000_0003,
        0x0000_0000_0000_0001,
        0x0010_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x41e0_0000_0000_0000,
        0xc1e0_0000_0020_0000,
        0x43e0_0000_0000_0000,
        0x4008_0000_0000_0000,
    ];
    match rng.below(3) {
        0 => *rng.pick(&SPECIAL),
        1 => (rng.below(20001) as f64 / 16.0 - 600.0).to_bits(),
        _ => rng.next(),
    }
}

fn single(rng: &mut Rng) -> u32 {
    const SPECIAL: [u32; 12] =
        [0, 1 << 31, 0x3f80_0000, 0xbf80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0001, 0xffc0_0002, 0x7fa0_0003, 0x0000_0001, 0x7f7f_ffff, 0x4f00_0000];
    match rng.below(3) {
        0 => *rng.pick(&SPECIAL),
        1 => (rng.below(20001) as f32 / 16.0 - 600.0).to_bits(),
        _ => rng.next() as u32,
    }
}

/// 64 bits of a vector.
fn lane(rng: &mut Rng) -> u64 {
    match rng.below(3) {
        0 => double(rng),
        1 => u64::from(single(rng)) | u64::from(single(rng)) << 32,
        _ => integer(rng),
    }
}

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

/// Fills the upper halves of the vector registers, those behind the last register of the mode aside.
pub(super) fn fill_uppers(input: &mut Input, rng: &mut Rng) {
    let count = if input.cpu.mode == Mode::Bits64 { 16 } else { 8 };
    for v in &mut input.cpu.vec[..count] {
        for chunk in v.0[16..32].chunks_exact_mut(8) {
            chunk.copy_from_slice(&lane(rng).to_le_bytes());
        }
    }
}
