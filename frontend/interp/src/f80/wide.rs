//! Floating point with 128-bit significands, for the transcendental functions: precise enough that a rounded result is the correctly rounded one in all but
//! about one of 2^55 cases. No special values, no exponent limits; results are truncated, with errors of a few units of the last place.

use super::round::round_pack;
use super::{BIAS, Control, F80, Out};

/// A number: sig × 2^(exp − 127), with bit 127 of `sig` set; or zero, with `sig` = 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wide {
    pub sign: bool,
    pub exp: i32,
    pub sig: u128,
}

/// High and low half of a product.
#[inline]
pub(super) fn multiply(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0, b1, b0) = (a >> 64, a & MASK, b >> 64, b & MASK);
    let (low, mid1, mid2, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
    let mid = (low >> 64) + (mid1 & MASK) + (mid2 & MASK);
    (high + (mid1 >> 64) + (mid2 >> 64) + (mid >> 64), mid << 64 | low & MASK)
}

const MASK: u128 = u64::MAX as u128;

/// The high half of a product: of fixed-point numbers with 128 bits of fraction the product.
#[inline]
pub(super) fn high(a: u128, b: u128) -> u128 {
    multiply(a, b).0
}

/// floor(r × 2^64 ÷ d) and the remainder, for r < d and a `d` with its top bit set. Knuth, algorithm D, for one digit.
fn digit(r: u128, d: u128) -> (u128, u128) {
    let (d1, d0) = (d >> 64, d & MASK);
    let mut q = (r / d1).min(MASK);
    let mut rest = r - q * d1;
    while rest <= MASK && q * d0 > rest << 64 {
        q -= 1;
        rest += d1;
    }
    (q, (rest << 64).wrapping_sub(q * d0))
}

/// floor(n × 2^128 ÷ d), for n < d and a `d` with its top bit set.
fn divide(n: u128, d: u128) -> u128 {
    let (q1, r) = digit(n, d);
    let (q0, _) = digit(r, d);
    q1 << 64 | q0
}

impl Wide {
    /// 0.
    pub const ZERO: Self = Self { sign: false, exp: 0, sig: 0 };
    /// 1.
    pub const ONE: Self = Self { sign: false, exp: 0, sig: 1 << 127 };

    /// A finite number.
    pub fn new(v: F80) -> Self {
        let u = v.unpack();
        Self { sign: u.sign, exp: u.exp - BIAS, sig: u128::from(u.sig) << 64 }
    }

    /// fraction × 2^(exp − 127), normalised.
    pub fn from_fixed(sign: bool, fraction: u128, exp: i32) -> Self {
        let shift = fraction.leading_zeros();
        if shift == 128 {
            return Self { sign, ..Self::ZERO };
        }
        Self { sign, exp: exp - shift as i32, sig: fraction << shift }
    }

    /// An integer.
    pub fn from_int(v: i32) -> Self {
        Self::from_fixed(v < 0, u128::from(v.unsigned_abs()), 127)
    }

    /// The magnitude with `128 - int_bits` bits of fraction; it must be less than 2^`int_bits`.
    pub fn to_fixed(self, int_bits: i32) -> u128 {
        let shift = int_bits - 1 - self.exp;
        if shift < 128 { self.sig >> shift.max(0) } else { 0 }
    }

    /// −self.
    pub fn negate(self) -> Self {
        Self { sign: !self.sign, ..self }
    }

    /// |self|.
    pub fn abs(self) -> Self {
        Self { sign: false, ..self }
    }

    /// self × 2^n.
    pub fn scale(self, n: i32) -> Self {
        Self { exp: self.exp + n, ..self }
    }

    /// Whether |self| < |other|.
    pub fn less(self, other: Self) -> bool {
        other.sig != 0 && (self.sig == 0 || (self.exp, self.sig) < (other.exp, other.sig))
    }

    pub fn mul(self, other: Self) -> Self {
        let sign = self.sign != other.sign;
        let (high, low) = multiply(self.sig, other.sig);
        if high == 0 {
            return Self { sign, ..Self::ZERO };
        }
        if high >> 127 != 0 {
            return Self { sign, exp: self.exp + other.exp + 1, sig: high };
        }
        Self { sign, exp: self.exp + other.exp, sig: high << 1 | low >> 127 }
    }

    /// self ÷ other, which isn't zero.
    pub fn div(self, other: Self) -> Self {
        let sign = self.sign != other.sign;
        if self.sig == 0 {
            return Self { sign, ..Self::ZERO };
        }
        let exp = self.exp - other.exp;
        if self.sig < other.sig {
            return Self::from_fixed(sign, divide(self.sig, other.sig), exp - 1);
        }
        Self { sign, exp, sig: 1 << 127 | divide(self.sig - other.sig, other.sig) >> 1 }
    }

    pub fn add(self, other: Self) -> Self {
        if self.sig == 0 {
            return other;
        }
        if other.sig == 0 {
            return self;
        }
        let (a, b) = if self.less(other) { (other, self) } else { (self, other) };
        let distance = (a.exp - b.exp) as u32;
        let addend = b.sig.checked_shr(distance).unwrap_or(0);
        if a.sign != b.sign {
            // At least one unit, so that a result just below a round number stays below.
            let addend = if addend == 0 { 1 } else { addend };
            return Self::from_fixed(a.sign, a.sig - addend, a.exp);
        }
        match a.sig.overflowing_add(addend) {
            (sum, false) => Self { sig: sum, ..a },
            (sum, true) => Self { sig: 1 << 127 | sum >> 1, exp: a.exp + 1, sign: a.sign },
        }
    }

    pub fn sub(self, other: Self) -> Self {
        self.add(other.negate())
    }

    /// The number as the inexact result of an operation. Precision control doesn't apply.
    pub fn round(self, c: Control) -> Out {
        if self.sig == 0 {
            return Out::exact(F80::ZERO.with_sign(self.sign));
        }
        round_pack(self.sign, self.exp + BIAS, self.sig | 1, c.extended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_inverts_multiplication() {
        let mut x = 0x1234_5678_9abc_def0_u128;
        for _ in 0..10000 {
            x = x.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(0x5851_f42d_4c95_7f2d);
            let a = Wide { sign: false, exp: 3, sig: x | 1 << 127 };
            let b = Wide { sign: true, exp: -5, sig: x.rotate_left(71) | 1 << 127 };
            let q = a.mul(b).div(b);
            let error = q.sub(a);
            assert!(error.sig == 0 || error.exp < a.exp - 125, "{a:?} {b:?} {q:?}");
        }
    }
}
