//! 2^x − 1.

use super::bit::PE;
use super::nan::before1;
use super::wide::{Wide, high};
use super::{BIAS, Control, F80, Out};

/// ln 2, with 128 bits.
const LN2: Wide = Wide { sign: false, exp: -1, sig: 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af };

/// Coefficients of (eᵗ − 1) ÷ t: 1 ÷ (k + 1)!, with 127 bits of fraction.
const SERIES: [u128; 33] = {
    let mut c = [1 << 127; 33];
    let mut k = 1;
    while k < c.len() {
        c[k] = c[k - 1] / (k as u128 + 1);
        k += 1;
    }
    c
};

/// F2XM1: 2^x − 1 for −1 ≤ x ≤ 1. Beyond, where the manual promises nothing, x.
pub fn exp2_minus_1(x: F80, c: Control) -> Out {
    let status = match before1(x, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    if x.is_zero() {
        return Out::exact(x);
    }
    if x.is_infinity() {
        return Out::exact(if x.sign() { F80::ONE.negate() } else { x });
    }
    if x.exp() >= BIAS {
        return Out { value: beyond(x), status: PE }.with(status);
    }
    expm1(Wide::new(x).mul(LN2)).round(c).with(status)
}

/// |x| ≥ 1: the ends of the range are exact.
fn beyond(x: F80) -> F80 {
    if x == F80::ONE.negate() { F80::new(true, BIAS - 1, x.sig) } else { x }
}

/// eᵗ − 1 for |t| < 0.7.
pub(super) fn expm1(t: Wide) -> Wide {
    let z = t.to_fixed(0);
    let term = |p: u128, c: u128| if t.sign { c - high(z, p) } else { c + high(z, p) };
    let p = SERIES.iter().rev().fold(0, |p, &c| term(p, c));
    t.mul(Wide::from_fixed(false, p, 0))
}
