//! Numbers at which things change.

use forklift_x86::X87Reg;

use super::Rng;

/// An integer: often small, or next to a power of two.
pub fn integer(rng: &mut Rng) -> u64 {
    match rng.below(8) {
        0 => rng.below(4),
        1 => (rng.below(9) as i64 - 4) as u64,
        2 => (1u64 << rng.below(64)).wrapping_add(rng.below(3)).wrapping_sub(1),
        3 => rng.next() & 0xffff_ffff,
        4 => (rng.next() as i32) as i64 as u64,
        5 => rng.below(70),
        // The same in each byte, half or quarter: what packed and decimal instructions see.
        6 => *rng.pick(&[0x0101_0101_0101_0101, 0x0001_0001_0001_0001, 0x1_0000_0001]) * rng.below(256),
        _ => rng.next(),
    }
}

/// A number of sixteenths, of any size up to some thousands.
fn sixteenths(rng: &mut Rng) -> u64 {
    let most = 2 << rng.below(16);
    rng.below(most)
}

/// A binary32 number.
pub fn single(rng: &mut Rng) -> u32 {
    const EDGES: [u32; 20] = [
        0,
        1,
        0x7f_ffff,
        0x80_0000,
        0x80_0001,
        0x3f80_0000,
        0x3f80_0001,
        0x3f7f_ffff,
        0x4f00_0000,
        0x4eff_ffff,
        0x5f00_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7f80_0001,
        0x7fbf_ffff,
        0x7fc0_0000,
        0x7fff_ffff,
        0x4b00_0001,
        0x3f00_0000,
        0x4780_0000,
    ];
    let v = match rng.below(8) {
        0..=2 => *rng.pick(&EDGES),
        3 => (sixteenths(rng) as f32 / 16.0).to_bits(),
        4 => 0x3f80_0000 + (rng.below(0x40_0000) as u32) - 0x20_0000,
        5 => rng.below(0x0180_0000) as u32,
        6 => (0x3f80_0000 + (rng.below(64) as u32) * 0x80_0000) | rng.below(0x80_0000) as u32,
        _ => rng.next() as u32,
    };
    v ^ (rng.below(2) as u32) << 31
}

/// A binary64 number.
pub fn double(rng: &mut Rng) -> u64 {
    const EDGES: [u64; 20] = [
        0,
        1,
        0xf_ffff_ffff_ffff,
        0x10_0000_0000_0000,
        0x10_0000_0000_0001,
        0x3ff0_0000_0000_0000,
        0x3ff0_0000_0000_0001,
        0x3fef_ffff_ffff_ffff,
        0x3fe0_0000_0000_0000,
        0x41e0_0000_0000_0000,
        0x41df_ffff_ffc0_0000,
        0x43e0_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0x7ff7_ffff_ffff_ffff,
        0x7ff8_0000_0000_0000,
        0x36a0_0000_0000_0000,
        0x380f_ffff_ffff_ffff,
        0x47ef_ffff_f000_0000,
    ];
    let v = match rng.below(8) {
        0..=2 => *rng.pick(&EDGES),
        3 => (sixteenths(rng) as f64 / 16.0).to_bits(),
        4 => 0x3ff0_0000_0000_0000 + (rng.next() >> 10) - (1 << 53),
        5 => rng.next() >> 10,
        6 => (0x3680_0000_0000_0000 + (rng.below(0x120) << 52)) | rng.next() >> 12,
        _ => rng.next(),
    };
    v ^ rng.below(2) << 63
}

/// 64 bits of a vector or of memory.
pub fn lane(rng: &mut Rng) -> u64 {
    match rng.below(7) {
        0 | 1 => u64::from(single(rng)) | u64::from(single(rng)) << 32,
        2 | 3 => double(rng),
        4 => (0..8).fold(0, |v, i| v | u64::from(*rng.pick(&[0u8, 1, 2, 0x7f, 0x80, 0xff, 0xfe, b'a'])) << (8 * i)),
        5 => (0..4).fold(0, |v, i| v | u64::from(*rng.pick(&[0u16, 1, 0x3c00, 0x7c00, 0x7c01, 0x7fff, 0x8000, 0x8001, 0xfbff, 0x0400])) << (16 * i)),
        _ => integer(rng),
    }
}

/// A number of 80 bits, or what is none: denormal, unnormal, pseudo-infinite.
pub fn extended(rng: &mut Rng) -> X87Reg {
    let exponent = match rng.below(8) {
        0 => *rng.pick(&[0, 1, 2, 0x7ffe, 0x7fff, 0x3fff]),
        1 => rng.next() as u16 & 0x7fff,
        2 => 0x3fff - 63 + rng.below(130) as u16,
        // About the ends of the narrower formats.
        3 => *rng.pick(&[0x3fff - 1075, 0x3fff - 1022, 0x3fff + 1024, 0x3fff - 149, 0x3fff - 126, 0x3fff + 128]) - 1 + rng.below(3) as u16,
        _ => 0x3fff - 4 + rng.below(9) as u16,
    };
    let fraction = match rng.below(6) {
        0 => 0,
        1 => 1 << rng.below(63),
        2 => rng.below(4).wrapping_neg() >> 1,
        3 => rng.next() << (8 + rng.below(50)) >> 1,
        _ => rng.next() >> 1,
    };
    // The integer bit, seldom wrong.
    let integer = if exponent == 0 { rng.chance(8) } else { !rng.chance(24) };
    X87Reg { mantissa: u64::from(integer) << 63 | fraction, sign_exp: exponent | if rng.chance(2) { 0x8000 } else { 0 }, pad: [0; 3] }
}
