//! The constants; scaling and extraction of exponents.

use super::bit::{DE, ZE};
use super::nan::{before1, before2};
use super::round::{from_magnitude, round_off, round_pack64};
use super::{BIAS, Control, F80, Out, Rounding};

/// A constant that an instruction loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Constant {
    /// FLD1: 1.
    One,
    /// FLDL2T: log₂ 10.
    Log2Of10,
    /// FLDL2E: log₂ e.
    Log2OfE,
    /// FLDPI: π.
    Pi,
    /// FLDLG2: log₁₀ 2.
    Log10Of2,
    /// FLDLN2: ln 2.
    Ln2,
    /// FLDZ: +0.
    Zero,
}

/// Exponent and 128 bits of the significands of log₂ 10, log₂ e, π, log₁₀ 2, ln 2.
const WIDE: [(i32, u128); 5] = [
    (BIAS + 1, 0xd49a_784b_cd1b_8afe_492b_f6ff_4daf_db4c),
    (BIAS, 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88),
    (BIAS + 1, 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1),
    (BIAS - 2, 0x9a20_9a84_fbcf_f798_8f89_59ac_0b7c_9178),
    (BIAS - 1, 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af),
];

/// The constant, rounded as `c` says. No exceptions are raised.
pub fn constant(k: Constant, c: Control) -> F80 {
    let wide = match k {
        Constant::Zero => return F80::ZERO,
        Constant::One => return F80::ONE,
        _ => WIDE[k as usize - 1],
    };
    let r = round_off(false, wide.1, 64, c.rounding());
    F80::new(false, wide.0, r.kept as u64)
}

/// FXTRACT: exponent and significand of a number: (exponent, significand).
pub fn extract(a: F80, c: Control) -> Out<(F80, F80)> {
    let status = match before1(a, c) {
        Ok(status) => status,
        Err(out) => return Out { value: (out.value, out.value), status: out.status },
    };
    if a.is_zero() {
        return Out { value: (F80::INFINITY.negate(), a), status: ZE };
    }
    if a.is_infinity() {
        return Out::exact((F80::INFINITY, a));
    }
    let u = a.unpack();
    let exponent = u.exp - BIAS;
    let exponent = from_magnitude(exponent < 0, u64::from(exponent.unsigned_abs()));
    Out { value: (exponent, F80::new(u.sign, BIAS, u.sig)), status }
}

/// FSCALE: a × 2^trunc(b).
pub fn scale(a: F80, b: F80, c: Control) -> Out {
    let status = match before2(a, b, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    let zero = F80::ZERO.with_sign(a.sign());
    if b.is_infinity() {
        return match (b.sign(), a.is_zero(), a.is_infinity()) {
            (false, true, _) | (true, _, true) => Out::INVALID,
            (false, ..) => Out::exact(F80::INFINITY.with_sign(a.sign())).with(status),
            (true, ..) => Out::exact(zero).with(status),
        };
    }
    if a.is_zero() || a.is_infinity() {
        return Out::exact(a).with(status);
    }
    let by = super::convert::magnitude(b, Rounding::Zero).map_or(1 << 20, |m| m.value.min(1 << 20)) as i32;
    let u = a.unpack();
    let exp = if b.sign() { u.exp - by } else { u.exp + by };
    round_pack64(u.sign, exp, u.sig, c.extended()).with(status & DE)
}
