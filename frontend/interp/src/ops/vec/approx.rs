//! RCPPS, RCPSS, RSQRTPS, RSQRTSS. SDM vol. 1, 10.4.1.1; vol. 2B.
//!
//! The manual allows a relative error of 1.5 · 2^−12, and CPUs differ: the low bits of these results are those of no CPU in particular. As in
//! the CPUs of both vendors, only the upper 12 bits of the fraction count, and the result has a fraction of 12 bits: here it is the function of the
//! interval's middle, rounded to nearest. Denormals are zeroes on both sides, whatever MXCSR says, and there are no exceptions.

use iced_x86::Mnemonic;

use super::fp::bind_scalar;
use super::unary128;
use crate::build::{Pick, Table};
use crate::float::Format;
use crate::vector::V;
use crate::{Int, Memory};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Rcpps, Pick::By(|i| unary128!(rcpps, i))),
            (Mnemonic::Rcpss, Pick::By(|i| bind_scalar!(scalar_unary::<u32, u32>, i, |_, b| reciprocal(b)))),
            (Mnemonic::Rsqrtps, Pick::By(|i| unary128!(rsqrtps, i))),
            (Mnemonic::Rsqrtss, Pick::By(|i| bind_scalar!(scalar_unary::<u32, u32>, i, |_, b| reciprocal_root(b)))),
        ]
    }
}

fn rcpps(b: V<16>) -> V<16> {
    b.map(reciprocal)
}

fn rsqrtps(b: V<16>) -> V<16> {
    b.map(reciprocal_root)
}

/// Bits of the fraction that don't count.
const IGNORED: u32 = u32::FRACTION - 12;

/// The middle of the interval that `fraction` lies in, in [1, 2).
fn middle(fraction: u32) -> f64 {
    1.0 + (f64::from(fraction >> IGNORED) + 0.5) / 4096.0
}

/// A normal value, rounded to 12 bits of fraction; zero below the normal range of binary32.
fn rounded(negative: bool, v: f64) -> u32 {
    let unit = f64::from_bits(v.to_bits() & u64::INFINITY) / 4096.0;
    let v = ((v / unit).round_ties_even() * unit) as f32;
    if v < f32::MIN_POSITIVE { u32::zero(negative) } else { v.to_bits() | u32::zero(negative) }
}

/// 2^e for an exponent in the range of binary64.
fn power(e: i32) -> f64 {
    f64::from_bits(((e + u64::BIAS) as u64) << u64::FRACTION)
}

fn reciprocal(b: u32) -> u32 {
    let negative = b.sign();
    match b.exponent() {
        0 => u32::infinity(negative),
        _ if b.is_nan() => b.quieted(),
        _ if b.is_infinite() => u32::zero(negative),
        e => rounded(negative, 1.0 / middle(b & u32::FRACTION_MASK as u32) * power(u32::BIAS - e as i32)),
    }
}

fn reciprocal_root(b: u32) -> u32 {
    let negative = b.sign();
    match b.exponent() {
        0 => u32::infinity(negative),
        _ if b.is_nan() => b.quieted(),
        _ if negative => u32::indefinite(),
        _ if b.is_infinite() => 0,
        e => {
            let e = e as i32 - u32::BIAS;
            let m = middle(b & u32::FRACTION_MASK as u32) * power(e & 1);
            rounded(false, 1.0 / m.sqrt() * power(-(e >> 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_as_small_as_the_manual_says() {
        for b in (0x0080_0000..0x7e80_0000u32).step_by(9973) {
            let x = f64::from(f32::from_bits(b));
            let close = |r: u32, exact: f64| assert!((f64::from(f32::from_bits(r)) / exact - 1.0).abs() < 1.5 / 4096.0, "{b:x}: {r:x}");
            close(reciprocal(b), 1.0 / x);
            close(reciprocal_root(b), 1.0 / x.sqrt());
        }
    }

    #[test]
    fn special_operands() {
        assert_eq!([0x8000_0001, 0x7f80_0000, 0x7f80_0001, 0x7f7f_ffff].map(reciprocal), [0xff80_0000, 0, 0x7fc0_0001, 0]);
        assert_eq!([1, 0x8000_0000, 0xbf80_0000, 0x7f80_0000].map(reciprocal_root), [0x7f80_0000, 0xff80_0000, 0xffc0_0000, 0]);
    }
}
