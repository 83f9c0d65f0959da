//! Multiplication, division, square root.

use super::bit::{DE, ZE};
use super::nan::{before1, before2};
use super::round::round_pack;
use super::{BIAS, Class, Control, F80, Out, Unpacked};

/// a × b.
#[inline]
pub fn mul(a: F80, b: F80, c: Control) -> Out {
    if a.is_normal() && b.is_normal() {
        return mul_finite(a.unpack(), b.unpack(), c);
    }
    mul_special(a, b, c)
}

#[cold]
fn mul_special(a: F80, b: F80, c: Control) -> Out {
    let status = match before2(a, b, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    let sign = a.sign() != b.sign();
    if a.is_infinity() || b.is_infinity() {
        return if a.is_zero() || b.is_zero() { Out::INVALID } else { Out::exact(F80::INFINITY.with_sign(sign)).with(status) };
    }
    if a.is_zero() || b.is_zero() {
        return Out::exact(F80::ZERO.with_sign(sign)).with(status);
    }
    mul_finite(a.unpack(), b.unpack(), c).with(status)
}

#[inline(always)]
fn mul_finite(a: Unpacked, b: Unpacked, c: Control) -> Out {
    let product = u128::from(a.sig) * u128::from(b.sig);
    let shift = product.leading_zeros();
    round_pack(a.sign != b.sign, a.exp + b.exp - BIAS + 1 - shift as i32, product << shift, c)
}

/// a ÷ b.
#[inline]
pub fn div(a: F80, b: F80, c: Control) -> Out {
    if a.is_normal() && b.is_normal() {
        return div_finite(a.unpack(), b.unpack(), c);
    }
    div_special(a, b, c)
}

#[cold]
fn div_special(a: F80, b: F80, c: Control) -> Out {
    // Division by zero hides a denormal operand.
    let status = match before2(a, b, c) {
        Err(out) if out.status != DE || !b.is_zero() => return out,
        _ if b.is_zero() && a.class() == Class::Denormal => 0,
        Err(out) => return out,
        Ok(status) => status,
    };
    let sign = a.sign() != b.sign();
    let infinity = F80::INFINITY.with_sign(sign);
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => Out::INVALID,
        (true, _) => Out::exact(infinity).with(status),
        (_, true) => Out::exact(F80::ZERO.with_sign(sign)).with(status),
        _ if b.is_zero() && a.is_zero() => Out::INVALID,
        _ if b.is_zero() => Out { value: infinity, status: ZE | status },
        _ if a.is_zero() => Out::exact(F80::ZERO.with_sign(sign)).with(status),
        _ => div_finite(a.unpack(), b.unpack(), c).with(status),
    }
}

fn div_finite(a: Unpacked, b: Unpacked, c: Control) -> Out {
    let less = a.sig < b.sig;
    let (n, d) = (u128::from(a.sig) << (63 + u32::from(less)), u128::from(b.sig));
    let (q, r) = (n / d, n % d);
    // The bits below only need to say: zero, less than half, half, more than half.
    let low = u64::from(r != 0) | u64::from(2 * r >= d) << 63;
    let low = if 2 * r == d { 1 << 63 } else { low };
    round_pack(a.sign != b.sign, a.exp - b.exp + BIAS - i32::from(less), q << 64 | u128::from(low), c)
}

/// √a.
pub fn sqrt(a: F80, c: Control) -> Out {
    let status = match before1(a, c) {
        Err(out) if out.status != DE || !a.sign() => return out,
        Err(out) => out.status,
        Ok(status) => status,
    };
    if a.is_zero() || a.is_infinity() && !a.sign() {
        return Out::exact(a);
    }
    if a.sign() {
        return Out::INVALID;
    }
    let u = a.unpack();
    let e = u.exp - BIAS;
    let odd = e & 1;
    let n = u128::from(u.sig) << (63 + odd);
    let (root, r) = root(n);
    // (root + ½)² = root² + root + ¼: the remainder is never exactly half.
    let low = u64::from(r != 0) | u64::from(r > root) << 63;
    round_pack(false, (e - odd) / 2 + BIAS, root << 64 | u128::from(low), c).with(status)
}

/// ⌊√n⌋ and n − ⌊√n⌋², for n ≥ 2^126: from a double-precision estimate, one step of Newton's, and at most a few of one.
fn root(n: u128) -> (u128, u128) {
    let estimate = (n as f64).sqrt();
    let mut root = u128::from(estimate as u64);
    let error = n.wrapping_sub(root * root) as i128;
    root = root.saturating_add_signed((error as f64 / (2.0 * estimate)) as i128).min(u128::from(u64::MAX));
    while root * root > n {
        root -= 1;
    }
    while n - root * root > 2 * root {
        root += 1;
    }
    (root, n - root * root)
}
