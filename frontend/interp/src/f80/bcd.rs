//! Packed decimals: eighteen digits in nine bytes, the sign in the top bit of the tenth. SDM vol. 1, 4.7.

use super::bit::IE;
use super::convert::magnitude;
use super::round::from_magnitude;
use super::{Class, Control, F80, Out};

/// Eighteen nines and one.
const LIMIT: u64 = 1_000_000_000_000_000_000;
/// The packed indefinite.
const INDEFINITE: u128 = 0xffff_c000_0000_0000_0000;

/// FBLD: the number of a packed decimal in the low 80 bits. Digits above 9 are taken at their value, which is what CPUs do with them.
pub fn from_bcd(v: u128) -> F80 {
    let m = (0..18).rev().fold(0u64, |m, i| m.wrapping_mul(10).wrapping_add((v >> (4 * i)) as u64 & 15));
    from_magnitude(v >> 79 & 1 != 0, m)
}

/// FBSTP: the packed decimal, rounded as `c` says; IE and the packed indefinite if it doesn't fit.
pub fn to_bcd(v: F80, c: Control) -> Out<u128> {
    let indefinite = Out { value: INDEFINITE, status: IE };
    if !matches!(v.class(), Class::Zero | Class::Denormal | Class::Normal) {
        return indefinite;
    }
    let Some(m) = magnitude(v, c.rounding()).filter(|m| m.value < LIMIT) else { return indefinite };
    let mut rest = m.value;
    let digits = (0..18).fold(0u128, |d, i| {
        let digit = rest % 10;
        rest /= 10;
        d | u128::from(digit) << (4 * i)
    });
    Out { value: digits | u128::from(v.sign()) << 79, status: m.status }
}
