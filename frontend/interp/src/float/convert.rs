//! Conversions between the formats, to and from integers, and rounding to integral values. SDM vol. 1, 4.8.4, 11.4.1.6, 12.8.4.

use super::soft::{self, Number, round_shift};
use super::{Env, Float, Format, Rounding, flag};

/// Binary32 to binary64: exact but for the kind of a NaN.
#[inline(always)]
pub(crate) fn widen(env: &mut Env, a: u32) -> u64 {
    if a.exponent().wrapping_sub(1) < u32::SPECIAL - 1 || a.is_zero() {
        return f64::from(f32::from_bits(a)).to_bits();
    }
    slow_resize(env, a)
}

/// Binary64 to binary32.
#[inline(always)]
pub(crate) fn narrow(env: &mut Env, a: u64) -> u32 {
    if env.host_rounds() && !a.is_denormal() && !a.is_nan() {
        let r = (f64::from_bits(a) as f32).to_bits();
        if a.is_zero() || r.is_moderate() && (env.inexact_is_silent() || f64::from(f32::from_bits(r)).to_bits() == a) {
            return r;
        }
    }
    slow_resize(env, a)
}

#[inline(never)]
fn slow_resize<F: Format, T: Format>(env: &mut Env, a: F) -> T {
    if a.is_nan() {
        if a.is_signaling() {
            env.raise(flag::INVALID);
        }
        return resize_nan(a);
    }
    if a.is_infinite() {
        return T::infinity(a.sign());
    }
    if a.is_denormal() {
        if env.daz() {
            return T::zero(a.sign());
        }
        env.raise(flag::DENORMAL);
    }
    Number::unpack(a).map_or(T::zero(a.sign()), |n| soft::round(env, n))
}

/// The upper bits of the payload stay.
fn resize_nan<F: Format, T: Format>(a: F) -> T {
    let payload = (a.to_u64() & F::FRACTION_MASK) << (63 - F::FRACTION) >> (63 - T::FRACTION);
    T::from_u64(payload | T::QUIET | T::infinity(a.sign()).to_u64())
}

/// Binary16 to binary32: exact. Denormals are taken as they are, whatever MXCSR says.
pub(crate) fn from_half(env: &mut Env, a: u16) -> u32 {
    match Number::unpack(a).filter(|_| a.is_denormal()) {
        Some(n) => soft::round(env, n),
        None => slow_resize(env, a),
    }
}

/// Binary32 to binary16, in an environment that has the rounding and doesn't flush results.
pub(crate) fn to_half(env: &mut Env, a: u32) -> u16 {
    slow_resize(env, a)
}

/// A signed integer to floating point.
#[inline(always)]
pub(crate) fn from_int<T: Float>(env: &mut Env, v: i64) -> T {
    match Number::from_wide(v < 0, 127, u128::from(v.unsigned_abs()), false) {
        Some(n) => soft::round(env, n),
        None => T::zero(false),
    }
}

/// To a signed integer of `bits` bits (32 or 64), zero-extended. What doesn't fit gives the integer indefinite: the most negative one.
pub(crate) fn to_int<T: Float>(env: &mut Env, a: T, bits: u32, rounding: Rounding) -> u64 {
    let indefinite = 1 << (bits - 1);
    if a.exponent() == T::SPECIAL {
        env.raise(flag::INVALID);
        return indefinite;
    }
    let Some((magnitude, inexact)) = integral(env, a, rounding) else { return 0 };
    if magnitude > indefinite - u64::from(!a.sign()) {
        env.raise(flag::INVALID);
        return indefinite;
    }
    if inexact {
        env.raise(flag::INEXACT);
    }
    let v = if a.sign() { magnitude.wrapping_neg() } else { magnitude };
    v << (64 - bits) >> (64 - bits)
}

/// The magnitude of a finite number, rounded to an integer (2^64 − 1 if it is at least 2^63 and more), and whether that was inexact; `None` for zero.
fn integral<T: Float>(env: &Env, a: T, rounding: Rounding) -> Option<(u64, bool)> {
    if env.daz() && a.is_denormal() {
        return None;
    }
    let n = Number::unpack(a)?;
    if n.exp > 63 {
        return Some((u64::MAX, false));
    }
    Some(round_shift(n.sig, (63 - n.exp) as u32, false, n.negative, rounding))
}

/// To an integral value in the same format. Raises inexact only if `inexact`. SDM vol. 2B, "ROUNDPD".
pub(crate) fn round_to_integral<T: Float>(env: &mut Env, a: T, rounding: Rounding, inexact: bool) -> T {
    if a.is_nan() {
        if a.is_signaling() {
            env.raise(flag::INVALID);
        }
        return a.quieted();
    }
    if a.exponent() >= T::BIAS as u64 + u64::from(T::FRACTION) {
        return a;
    }
    let Some((magnitude, lost)) = integral(env, a, rounding) else { return T::zero(a.sign()) };
    if lost && inexact {
        env.raise(flag::INEXACT);
    }
    // Exact: the magnitude has no more bits than the significand.
    let n = Number::from_wide(a.sign(), 127, u128::from(magnitude), false);
    n.map_or(T::zero(a.sign()), |n| soft::round(env, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<R>(mxcsr: u32, f: impl Fn(&mut Env) -> R) -> (R, u32) {
        let mut env = Env::new(mxcsr);
        (f(&mut env), env.raised)
    }

    #[test]
    fn integers() {
        let to = |v: f64, bits, r| run(0x1f80, |e| to_int(e, v.to_bits(), bits, r));
        assert_eq!(to(2.5, 32, Rounding::Nearest), (2, flag::INEXACT));
        assert_eq!(to(-2.5, 32, Rounding::Down), (0xffff_fffd, flag::INEXACT));
        assert_eq!(to(-2147483648.9, 32, Rounding::Zero), (0x8000_0000, flag::INEXACT));
        assert_eq!(to(-2147483649.0, 32, Rounding::Zero), (0x8000_0000, flag::INVALID));
        assert_eq!(to(2147483648.0, 32, Rounding::Zero), (0x8000_0000, flag::INVALID));
        assert_eq!(to(9.3e18, 64, Rounding::Zero), (1 << 63, flag::INVALID));
        assert_eq!(to(f64::NAN, 64, Rounding::Zero), (1 << 63, flag::INVALID));
        assert_eq!(to(0.25, 64, Rounding::Nearest), (0, flag::INEXACT));
        for v in [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) + 1, 0x7fff_fff0_0000_0001] {
            assert_eq!(run(0x1f80, |e| from_int::<u64>(e, v)).0, (v as f64).to_bits());
            assert_eq!(run(0x1f80, |e| from_int::<u32>(e, v)).0, (v as f32).to_bits());
        }
    }

    #[test]
    fn formats() {
        let narrowed = |v: f64| run(0x1f80, |e| narrow(e, v.to_bits()));
        assert_eq!(narrowed(1.5), (1.5f32.to_bits(), 0));
        assert_eq!(narrowed(0.1), (0.1f32.to_bits(), flag::INEXACT));
        assert_eq!(narrowed(1e300), (f32::INFINITY.to_bits(), flag::OVERFLOW | flag::INEXACT));
        assert_eq!(narrowed(1e-40), (1e-40f64 as f32).to_bits().pipe(|b| (b, flag::UNDERFLOW | flag::INEXACT)));
        assert_eq!(run(0x1f80, |e| narrow(e, 0x7ff0_0000_2000_0000)), (0x7fc0_0001, flag::INVALID));
        assert_eq!(run(0x1f80, |e| widen(e, 0xff80_0001)), (0xfff8_0000_2000_0000, flag::INVALID));
        assert_eq!(run(0x1f80, |e| widen(e, 1)), ((f32::from_bits(1) as f64).to_bits(), flag::DENORMAL));
    }

    trait Pipe: Sized {
        fn pipe<R>(self, f: impl FnOnce(Self) -> R) -> R {
            f(self)
        }
    }
    impl Pipe for u32 {}

    #[test]
    fn integral_values() {
        let round = |v: f64, r| run(0x1f80, |e| round_to_integral(e, v.to_bits(), r, true));
        assert_eq!(round(-0.5, Rounding::Nearest), ((-0.0f64).to_bits(), flag::INEXACT));
        assert_eq!(round(1.5, Rounding::Nearest), (2f64.to_bits(), flag::INEXACT));
        assert_eq!(round(1.1, Rounding::Up), (2f64.to_bits(), flag::INEXACT));
        assert_eq!(round(1e300, Rounding::Up), (1e300f64.to_bits(), 0));
    }
}
