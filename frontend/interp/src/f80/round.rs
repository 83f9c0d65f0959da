//! Rounding: the one place where results are made from exact values.

use super::bit::{C1, OE, PE, UE};
use super::{BIAS, Control, EXP_MAX, F80, INT, Out, Rounding};

/// What the exponent of an unmasked overflow or underflow is wrapped by.
pub(crate) const WRAP: i32 = 24576;

/// A significand rounded to an integer number of units.
pub(crate) struct Rounded {
    /// The kept bits; `1 << kept bits` after a carry.
    pub kept: u128,
    pub inexact: bool,
    /// The magnitude was rounded up.
    pub up: bool,
}

/// Drops the low `drop` bits (1–127) of `sig`, rounding.
#[inline(always)]
pub(crate) fn round_off(sign: bool, sig: u128, drop: u32, mode: Rounding) -> Rounded {
    let (kept, rest) = (sig >> drop, sig << (128 - drop));
    let up = match mode {
        Rounding::Nearest => rest > 1 << 127 || rest == 1 << 127 && kept & 1 != 0,
        Rounding::Down => sign && rest != 0,
        Rounding::Up => !sign && rest != 0,
        Rounding::Zero => false,
    };
    Rounded { kept: kept + u128::from(up), inexact: rest != 0, up }
}

/// `v >> n` where a 1 that falls out stays visible in bit 0.
#[inline(always)]
pub(crate) const fn shift_sticky(v: u128, n: u32) -> u128 {
    if n == 0 {
        v
    } else if n < 128 {
        v >> n | (v << (128 - n) != 0) as u128
    } else {
        (v != 0) as u128
    }
}

/// The result ±sig × 2^(exp − BIAS − 127), rounded as `c` says. Bit 127 of `sig` is set.
#[inline(always)]
pub(crate) fn round_pack(sign: bool, exp: i32, sig: u128, c: Control) -> Out {
    let drop = 128 - c.precision();
    if exp <= 0 {
        return underflow(sign, exp, sig, c);
    }
    let r = round_off(sign, sig, drop, c.rounding());
    let (exp, sig) = carry(exp, r.kept, drop);
    if exp >= EXP_MAX {
        return overflow(sign, exp, sig, r, c);
    }
    Out { value: F80::new(sign, exp, sig), status: inexact_status(&r) }
}

/// The status of a rounding.
#[inline(always)]
pub(crate) fn inexact_status(r: &Rounded) -> u16 {
    (if r.inexact { PE } else { 0 }) | (if r.up { C1 } else { 0 })
}

/// Exponent and 64-bit significand after rounding off `drop` bits.
#[inline(always)]
fn carry(exp: i32, kept: u128, drop: u32) -> (i32, u64) {
    let sig = kept << (drop - 64);
    if sig >> 64 != 0 { (exp + 1, INT) } else { (exp, sig as u64) }
}

#[cold]
fn overflow(sign: bool, exp: i32, sig: u64, r: Rounded, c: Control) -> Out {
    if c.unmasked(OE) != 0 {
        // Only FSCALE can get so far that the wrapped exponent doesn't fit either.
        if exp - WRAP >= EXP_MAX {
            return Out { value: F80::INFINITY.with_sign(sign), status: OE | PE | C1 };
        }
        return Out { value: F80::new(sign, exp - WRAP, sig), status: OE | inexact_status(&r) };
    }
    let to_infinity = match c.rounding() {
        Rounding::Nearest => true,
        Rounding::Down => sign,
        Rounding::Up => !sign,
        Rounding::Zero => false,
    };
    if to_infinity {
        return Out { value: F80::INFINITY.with_sign(sign), status: OE | PE | C1 };
    }
    let largest = u64::MAX << (64 - c.precision());
    Out { value: F80::new(sign, EXP_MAX - 1, largest), status: OE | PE }
}

#[cold]
fn underflow(sign: bool, exp: i32, sig: u128, c: Control) -> Out {
    let drop = 128 - c.precision();
    let normal = round_off(sign, sig, drop, c.rounding());
    let (rounded_exp, rounded_sig) = carry(exp, normal.kept, drop);
    let tiny = rounded_exp <= 0;
    if tiny && c.unmasked(UE) != 0 {
        if rounded_exp + WRAP <= 0 {
            return Out { value: F80::ZERO.with_sign(sign), status: UE | PE };
        }
        return Out { value: F80::new(sign, rounded_exp + WRAP, rounded_sig), status: UE | inexact_status(&normal) };
    }
    let r = round_off(sign, shift_sticky(sig, (1 - exp).min(200) as u32), drop, c.rounding());
    let sig = (r.kept << (drop - 64)) as u64;
    let ue = if tiny && r.inexact { UE } else { 0 };
    Out { value: F80::new(sign, (sig >> 63) as i32, sig), status: ue | inexact_status(&r) }
}

/// The result of a magnitude `sig` × 2^(exp − BIAS − 63) that fits 64 bits, rounded to the precision of `c`.
#[inline(always)]
pub(crate) fn round_pack64(sign: bool, exp: i32, sig: u64, c: Control) -> Out {
    round_pack(sign, exp, u128::from(sig) << 64, c)
}

/// The integer ±m as a number. Exact for all 64-bit magnitudes.
pub(crate) fn from_magnitude(sign: bool, m: u64) -> F80 {
    let shift = m.leading_zeros();
    if shift == 64 {
        return F80::ZERO.with_sign(sign);
    }
    F80::new(sign, BIAS + 63 - shift as i32, m << shift)
}
