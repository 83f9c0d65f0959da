//! Logarithms to base 2.

use super::bit::{DE, PE, ZE};
use super::nan::before2;
use super::wide::{Wide, high};
use super::{BIAS, Control, F80, Out};

/// 2 × log₂ e, with 128 bits.
const TWICE_LOG2E: Wide = Wide { sign: false, exp: 1, sig: 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88 };

/// The significand of √2.
const SQRT2: u128 = 0xb504_f333_f9de_6484 << 64;

/// Coefficients of atanh(s) ÷ s in s²: 1 ÷ (2k + 1), with 127 bits of fraction.
pub(super) const SERIES: [u128; 26] = {
    let mut c = [0; 26];
    let mut k = 0;
    while k < c.len() {
        c[k] = (1 << 127) / (2 * k as u128 + 1);
        k += 1;
    }
    c
};

/// log₂ ((1 + s) ÷ (1 − s)) for |s| < 0.18.
fn log2_ratio(s: Wide) -> Wide {
    let z = s.mul(s).to_fixed(0);
    let p = SERIES.iter().rev().fold(0, |p, &c| c + high(z, p));
    s.mul(Wide::from_fixed(false, p, 0)).mul(TWICE_LOG2E)
}

/// log₂ of a positive number.
fn log2(x: Wide) -> Wide {
    let up = i32::from(x.sig > SQRT2);
    let m = Wide { exp: -up, ..x };
    let s = m.sub(Wide::ONE).div(m.add(Wide::ONE));
    Wide::from_int(x.exp + up).add(log2_ratio(s))
}

/// log₂ (1 + x) for x > −1.
fn log2_plus_1(x: Wide) -> Wide {
    if x.exp < -2 {
        return log2_ratio(x.div(Wide::ONE.scale(1).add(x)));
    }
    log2(Wide::ONE.add(x))
}

/// FYL2X: y × log₂ x.
pub fn y_log2(x: F80, y: F80, c: Control) -> Out {
    let negative = x.sign() && !x.is_zero();
    let status = match before2(x, y, c) {
        // These hide a denormal.
        Ok(_) if negative => return Out::INVALID,
        Err(out) if out.status == DE && negative => return Out::INVALID,
        Err(out) if out.status == DE && x.is_zero() => 0,
        Ok(status) => status,
        Err(out) => return out,
    };
    let above = x.exp() >= BIAS;
    if x.is_zero() {
        return match (y.is_zero(), y.is_infinity()) {
            (true, _) => Out::INVALID,
            (_, true) => Out::exact(F80::INFINITY.with_sign(!y.sign())),
            _ => Out { value: F80::INFINITY.with_sign(!y.sign()), status: ZE },
        };
    }
    if x.is_infinity() {
        return if y.is_zero() { Out::INVALID } else { Out::exact(F80::INFINITY.with_sign(y.sign())).with(status) };
    }
    if y.is_infinity() {
        return if x == F80::ONE { Out::INVALID } else { Out::exact(F80::INFINITY.with_sign(y.sign() == above)).with(status) };
    }
    product(y, log2(Wide::new(x)), c).with(status)
}

/// y × l, for a finite y.
fn product(y: F80, l: Wide, c: Control) -> Out {
    if y.is_zero() || l.sig == 0 {
        return Out::exact(F80::ZERO.with_sign(y.sign() != l.sign));
    }
    Wide::new(y).mul(l).round(c)
}

/// FYL2XP1: y × log₂ (1 + x), for |x| ≤ 1 − √½.
pub fn y_log2_plus_1(x: F80, y: F80, c: Control) -> Out {
    let invalid = x.is_infinity() && (x.sign() || y.is_zero());
    let status = match before2(x, y, c) {
        Ok(_) if invalid => return Out::INVALID,
        Err(out) if out.status == DE && invalid => return Out::INVALID,
        Ok(status) => status,
        Err(out) => return out,
    };
    if x.is_infinity() {
        return Out::exact(x.with_sign(y.sign())).with(status);
    }
    if x.is_zero() && y.is_infinity() {
        return Out::INVALID;
    }
    if x.is_zero() || y.is_zero() {
        return Out::exact(F80::ZERO.with_sign(x.sign() != y.sign())).with(status);
    }
    if y.is_infinity() {
        return Out::exact(F80::INFINITY.with_sign(x.sign() != y.sign())).with(status);
    }
    if x.sign() && x.exp() >= BIAS {
        return Out { value: x, status: PE }.with(status);
    }
    product(y, log2_plus_1(Wide::new(x)), c).with(status)
}
