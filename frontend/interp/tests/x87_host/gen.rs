//! Random machine states with a taste for edges.

use crate::host::State;

/// xorshift64*.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A significand: random, few bits, runs of ones, near a rounding boundary.
pub fn significand(r: &mut Rng) -> u64 {
    let v = match r.below(6) {
        0 => 1 << r.below(64) | 1 << r.below(64),
        1 => u64::MAX << r.below(64),
        2 => (u64::MAX << r.below(64)).wrapping_add(1 << r.below(64)),
        3 => r.next() << r.below(64),
        4 => r.pick(&[0, 1 << 63, u64::MAX, 1 << 62, 3 << 62, 1, (1 << 63) + 1, 1 << 10, 1 << 39]),
        _ => r.next(),
    };
    v | 1 << 63
}

/// A number of the 80-bit format, all kinds of encodings.
pub fn number(r: &mut Rng) -> (u64, u16) {
    let sign = (r.next() as u16) & 0x8000;
    let sig = significand(r);
    let small = |r: &mut Rng| 16383 + r.below(140) as u16 - 70;
    match r.below(20) {
        0 => (0, sign),
        1 => (sig << 1 >> 1, sign),
        2 => (sig, sign),
        3 => (1 << 63, sign | 0x7fff),
        4 => (sig | 1 << 62, sign | 0x7fff),
        5 => ((sig & !(1 << 62)) | 1, sign | 0x7fff),
        6 if r.below(3) == 0 => (sig & !(1 << 63), sign | r.next() as u16 & 0x7fff | 1),
        7 => (sig, sign | (1 + r.below(70) as u16)),
        8 => (sig, sign | (0x7ffe - r.below(70) as u16)),
        9 => (
            sig,
            sign | (16383 + r.pick(&[127i32, 128, -126, -127, -149, -150, 1023, 1024, -1022, -1074, -1075, 63, 62, 31, 15]) + r.below(3) as i32 - 1) as u16,
        ),
        10 => (sig, sign | r.next() as u16 & 0x7fff),
        11 => (sig >> r.below(64) | 1 << 63, sign | small(r)),
        _ => (sig, sign | small(r)),
    }
}

/// A memory operand: a number of one of the formats at random.
fn operand(r: &mut Rng) -> u128 {
    let edge64 = |r: &mut Rng| match r.below(6) {
        0 => r.next() & 0x800f_ffff_ffff_ffff,
        1 => r.next() | 0x7ff0 << 48,
        2 => r.pick(&[0, 1 << 63, 0x7ff0 << 48, 0xfff0 << 48, 1, u64::MAX]),
        3 => 0x3ff0_0000_0000_0000 ^ r.next() >> r.below(64),
        _ => r.next(),
    };
    match r.below(4) {
        0 => {
            let (sig, se) = number(r);
            u128::from(sig) | u128::from(se) << 64
        }
        1 => {
            let v = match r.below(5) {
                0 => r.next() as u32 & 0x807f_ffff,
                1 => r.next() as u32 | 0x7f80_0000,
                2 => r.pick(&[0, 1 << 31, 0x7f80_0000, 0xff80_0000, 1, 0x7fff_ffff]),
                3 => 0x3f80_0000 ^ (r.next() as u32) >> r.below(32),
                _ => r.next() as u32,
            };
            u128::from(v)
        }
        2 => u128::from(edge64(r)),
        _ => {
            // Decimal digits.
            let digits = (0..18).fold(0, |d, _| d << 4 | u128::from(r.below(10)));
            digits | u128::from(r.next() & 0x80) << 72
        }
    }
}

/// A control word: all masked most of the time, all rounding modes and precisions.
pub fn control(r: &mut Rng) -> u16 {
    let masks = match r.below(4) {
        0 => r.next() as u16 & 0x3f,
        1 => 0x3f & !(1 << r.below(6)),
        _ => 0x3f,
    };
    let precision = r.pick(&[0u16, 1, 2, 3, 3, 3]);
    masks | 0x40 | precision << 8 | (r.next() as u16 & 3) << 10
}

pub fn state(r: &mut Rng) -> State {
    let cw = control(r);
    let mut regs = [(0, 0); 8];
    regs.fill_with(|| number(r));
    if r.below(8) == 0 {
        // Close to each other, so that sums cancel.
        let k = r.below(8) as usize;
        regs[(k + 1) & 7] = (regs[k].0 ^ r.below(4), regs[k].1 ^ (r.next() as u16 & 0x8000));
    }
    let mut mem = [0; 128];
    for b in &mut mem {
        *b = r.next() as u8;
    }
    mem[..16].copy_from_slice(&operand(r).to_le_bytes());
    let top = r.below(8) as u32;
    // Full, or with room for a push, or anything.
    let used = match r.below(8) {
        0 => r.next() as u8,
        1 => 0xff,
        _ => !(1u8 << ((top + 7) & 7)),
    };
    let sw = r.next() as u16 & 0x477f;
    let pending = if sw & !cw & 0x3f == 0 { 0 } else { 0x8080 };
    State {
        regs,
        top,
        used,
        cw,
        sw: sw | pending,
        fop: r.next() as u16 & 0x7ff,
        fip: 0x1234_5678,
        fdp: 0x8765_4321,
        fcs: 0,
        fds: 0,
        rax: r.next(),
        rflags: r.next() & 0x8d5 | 2,
        mem,
    }
}
