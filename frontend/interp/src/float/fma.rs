//! Fused multiply-add. SDM vol. 1, 14.5.

use super::soft::{self, Number};
use super::{Env, Float, Rounding, flag};

/// ±(x · y) ± z, rounded once. NaNs and denormals count in the order of `operands`, and NaNs keep their signs.
pub(crate) fn mul_add<T: Float>(env: &mut Env, operands: [T; 3], negate: bool, subtract: bool) -> T {
    if operands.iter().any(|v| v.is_nan()) {
        return nan(env, operands);
    }
    let [x, y, z] = operands.map(|v| if env.daz() && v.is_denormal() { T::zero(v.sign()) } else { v });
    let product_sign = (x.sign() != y.sign()) != negate;
    let z = if subtract { T::from_u64(z.to_u64() ^ T::SIGN) } else { z };
    let infinite = x.is_infinite() || y.is_infinite();
    if infinite && (x.is_zero() || y.is_zero() || z.is_infinite() && z.sign() != product_sign) {
        env.raise(flag::INVALID);
        return T::indefinite();
    }
    if x.is_denormal() || y.is_denormal() || z.is_denormal() {
        env.raise(flag::DENORMAL);
    }
    if infinite || z.is_infinite() {
        return if infinite { T::infinity(product_sign) } else { z };
    }
    let product = Number::unpack(x).zip(Number::unpack(y));
    let sum = match (product, Number::unpack(z)) {
        (None, None) if product_sign == z.sign() => return z,
        (None, z) => z,
        (Some((x, y)), None) => soft::mul(x, y).map(|n| Number { negative: product_sign, ..n }),
        (Some((x, y)), Some(z)) => add_product(x, y, product_sign, z),
    };
    match sum {
        Some(n) => soft::round(env, n),
        None => T::zero(env.rounding() == Rounding::Down),
    }
}

/// The first NaN, made quiet. Infinity times zero is invalid also when a quiet NaN is added; and so is a signalling NaN.
fn nan<T: Float>(env: &mut Env, operands: [T; 3]) -> T {
    if operands.iter().any(|v| v.is_signaling()) {
        env.raise(flag::INVALID);
    }
    operands.into_iter().find(|v| v.is_nan()).map_or_else(T::indefinite, T::quieted)
}

/// x · y + z, exact but for what lies below everything that rounding sees. `None` for zero.
///
/// Significands have at most 53 bits here. Both terms are multiples of 2^−124 at exponent 0, and below 2^126: the product leaves 20 bits free below it, the
/// addend 72. A shift that loses bits thus goes with a difference in exponents so large that the leading bits can't cancel.
fn add_product(x: Number, y: Number, negative: bool, z: Number) -> Option<Number> {
    let product = (u128::from(x.sig >> 11) * u128::from(y.sig >> 11)) << 20;
    let addend = u128::from(z.sig >> 11) << 72;
    let d = (x.exp + y.exp) - z.exp;
    let (product, addend) = if d >= 0 { (product, shifted(addend, d)) } else { (shifted(product, -d), addend) };
    let exp = (x.exp + y.exp).max(z.exp) + 3;
    if negative == z.negative {
        Number::from_wide(negative, exp, product + addend, false)
    } else if product >= addend {
        Number::from_wide(negative, exp, product - addend, false)
    } else {
        Number::from_wide(z.negative, exp, addend - product, false)
    }
}

/// `v` shifted right, its last bit set if something was lost.
fn shifted(v: u128, n: i32) -> u128 {
    match v.checked_shr(n as u32) {
        Some(s) => s | u128::from(s << n != v),
        None => u128::from(v != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: u32 = 0x1f80;

    #[test]
    fn agrees_with_the_host() {
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x & !(0x7ff << 52) | (0x3e0 + (x >> 52 & 0x3f)) << 52
        };
        for _ in 0..50_000 {
            let v = [next(), next(), next()];
            let [a, b, c] = v.map(f64::from_bits);
            assert_eq!(mul_add(&mut Env::new(DEFAULT), v, false, false), a.mul_add(b, c).to_bits(), "{a:e} {b:e} {c:e}");
            let close = -(a * b);
            assert_eq!(mul_add(&mut Env::new(DEFAULT), [v[0], v[1], close.to_bits()], false, false), a.mul_add(b, close).to_bits());
        }
    }
}
