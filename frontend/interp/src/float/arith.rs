//! Addition, subtraction, multiplication, division, square root, minimum, maximum.

use core::cmp::Ordering;

use super::compare::{Nans, compare};
use super::soft::{self, Number};
use super::{Env, Float, flag};

/// a + b.
#[inline(always)]
pub(crate) fn add<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if env.host_rounds() && !a.is_denormal() && !b.is_denormal() {
        let r = a.host_add(b);
        if r.is_moderate() && (env.inexact_is_silent() || sum_is_exact(a, b, r)) || r.is_zero() {
            return r;
        }
    }
    slow_add(env, a, b)
}

/// a − b.
#[inline(always)]
pub(crate) fn sub<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if env.host_rounds() && !a.is_denormal() && !b.is_denormal() {
        let r = a.host_sub(b);
        if r.is_moderate() && (env.inexact_is_silent() || sum_is_exact(a, flip(b), r)) || r.is_zero() {
            return r;
        }
    }
    slow_sub(env, a, b)
}

/// a · b.
#[inline(always)]
pub(crate) fn mul<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if env.host_rounds() && !a.is_denormal() && !b.is_denormal() {
        let r = a.host_mul(b);
        if r.is_moderate() && (env.inexact_is_silent() || product_is_exact(a, b)) || r.is_zero() && (a.is_zero() || b.is_zero()) {
            return r;
        }
    }
    slow_mul(env, a, b)
}

/// a / b.
#[inline(always)]
pub(crate) fn div<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if env.host_rounds() && !a.is_denormal() && !b.is_denormal() {
        let r = a.host_div(b);
        if r.is_moderate() && (env.inexact_is_silent() || product_is_exact(r, b) && r.host_mul(b) == a) {
            return r;
        }
    }
    slow_div(env, a, b)
}

/// √a.
#[inline(always)]
pub(crate) fn sqrt<T: Float>(env: &mut Env, a: T) -> T {
    if env.host_rounds() && !a.is_denormal() && !a.sign() {
        let r = a.host_sqrt();
        if r.is_moderate() && (env.inexact_is_silent() || product_is_exact(r, r) && r.host_mul(r) == a) {
            return r;
        }
    }
    slow_sqrt(env, a)
}

/// The smaller one; b unless a < b.
#[inline(always)]
pub(crate) fn min<T: Float>(env: &mut Env, a: T, b: T) -> T {
    pick(env, a, b, Ordering::Less)
}

/// The larger one; b unless a > b.
#[inline(always)]
pub(crate) fn max<T: Float>(env: &mut Env, a: T, b: T) -> T {
    pick(env, a, b, Ordering::Greater)
}

fn pick<T: Float>(env: &mut Env, a: T, b: T, first: Ordering) -> T {
    let chosen = if compare(env, a, b, Nans::Signal) == Some(first) { a } else { b };
    flush(env, chosen)
}

#[inline(always)]
fn both_zero<T: Float>(a: T, b: T) -> bool {
    a.is_zero() && b.is_zero()
}

fn flip<T: Float>(v: T) -> T {
    T::from_u64(v.to_u64() ^ T::SIGN)
}

/// Whether r = a + b without rounding, by the error term of Knuth's TwoSum. May say no if something overflows on the way.
fn sum_is_exact<T: Float>(a: T, b: T, r: T) -> bool {
    let b_seen = r.host_sub(a);
    let a_seen = r.host_sub(b_seen);
    a.host_sub(a_seen).host_add(b.host_sub(b_seen)).is_zero()
}

/// Whether a · b surely has no more bits than the format.
fn product_is_exact<T: Float>(a: T, b: T) -> bool {
    let zeroes = |v: T| (v.to_u64() & T::FRACTION_MASK | 1 << T::FRACTION).trailing_zeros();
    let (p, q) = (zeroes(a), zeroes(b));
    // n bits times m bits are at most n + m bits, or m bits if n is 1.
    p + q > T::FRACTION || p.max(q) == T::FRACTION
}

/// A denormal operand is zero under DAZ.
fn flush<T: Float>(env: &Env, v: T) -> T {
    if env.daz() && v.is_denormal() { T::zero(v.sign()) } else { v }
}

/// The result of an operation with a NaN among its operands: the first that is one, quiet. SDM vol. 1, table 4-7.
fn nan_result<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if a.is_signaling() || b.is_signaling() {
        env.raise(flag::INVALID);
    }
    if a.is_nan() { a.quieted() } else { b.quieted() }
}

fn invalid<T: Float>(env: &mut Env) -> T {
    env.raise(flag::INVALID);
    T::indefinite()
}

/// Raises the denormal-operand exception if one of them is.
fn note_denormals<T: Float>(env: &mut Env, a: T, b: T) {
    if a.is_denormal() || b.is_denormal() {
        env.raise(flag::DENORMAL);
    }
}

#[inline(never)]
fn slow_add<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        return nan_result(env, a, b);
    }
    sum(env, a, b)
}

/// The sign of b changes only if it is no NaN.
#[inline(never)]
fn slow_sub<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        return nan_result(env, a, b);
    }
    sum(env, a, flip(b))
}

fn sum<T: Float>(env: &mut Env, a: T, b: T) -> T {
    let (a, b) = (flush(env, a), flush(env, b));
    if a.is_infinite() && b.is_infinite() && a.sign() != b.sign() {
        return invalid(env);
    }
    note_denormals(env, a, b);
    if a.is_infinite() || b.is_infinite() {
        return if a.is_infinite() { a } else { b };
    }
    match (Number::unpack(a), Number::unpack(b)) {
        (None, None) if a.sign() == b.sign() => a,
        (Some(x), Some(y)) => finish_sum(env, soft::add(x, y)),
        (x, y) => finish_sum(env, x.or(y)),
    }
}

/// An exact zero is positive, but when rounding down. SDM vol. 1, 4.8.3.1.
fn finish_sum<T: Float>(env: &mut Env, n: Option<Number>) -> T {
    match n {
        Some(n) => soft::round(env, n),
        None => T::zero(env.rounding() == super::Rounding::Down),
    }
}

#[inline(never)]
fn slow_mul<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        return nan_result(env, a, b);
    }
    let (a, b) = (flush(env, a), flush(env, b));
    let negative = a.sign() != b.sign();
    if a.is_infinite() && b.is_zero() || a.is_zero() && b.is_infinite() {
        return invalid(env);
    }
    note_denormals(env, a, b);
    if a.is_infinite() || b.is_infinite() {
        return T::infinity(negative);
    }
    match Number::unpack(a).zip(Number::unpack(b)).and_then(|(x, y)| soft::mul(x, y)) {
        Some(n) => soft::round(env, n),
        None => T::zero(negative),
    }
}

#[inline(never)]
fn slow_div<T: Float>(env: &mut Env, a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        return nan_result(env, a, b);
    }
    let (a, b) = (flush(env, a), flush(env, b));
    let negative = a.sign() != b.sign();
    if a.is_infinite() && b.is_infinite() || both_zero(a, b) {
        return invalid(env);
    }
    if b.is_zero() && !a.is_infinite() {
        env.raise(flag::ZERO_DIVIDE);
        return T::infinity(negative);
    }
    note_denormals(env, a, b);
    if a.is_infinite() || b.is_infinite() {
        return if a.is_infinite() { T::infinity(negative) } else { T::zero(negative) };
    }
    match Number::unpack(a).zip(Number::unpack(b)).and_then(|(x, y)| soft::div(x, y)) {
        Some(n) => soft::round(env, n),
        None => T::zero(negative),
    }
}

#[inline(never)]
fn slow_sqrt<T: Float>(env: &mut Env, a: T) -> T {
    if a.is_nan() {
        return nan_result(env, a, a);
    }
    let a = flush(env, a);
    if a.is_zero() {
        return a;
    }
    if a.sign() {
        return invalid(env);
    }
    note_denormals(env, a, a);
    if a.is_infinite() {
        return a;
    }
    match Number::unpack(a).and_then(soft::sqrt) {
        Some(n) => soft::round(env, n),
        None => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::{DAZ, Format};

    const DEFAULT: u32 = 0x1f80;

    /// Runs `f` under `mxcsr`; the result and the flags.
    fn run<T: Float>(mxcsr: u32, f: impl Fn(&mut Env) -> T) -> (T, u32) {
        let mut env = Env::new(mxcsr);
        (f(&mut env), env.raised)
    }

    fn d(v: f64) -> u64 {
        v.to_bits()
    }

    #[test]
    fn slow_agrees_with_host() {
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        for _ in 0..100_000 {
            let near = |v: u64| v & !(0x7ff << 52) | (0x3c0 + (v >> 52 & 0x7f)) << 52;
            let (a, b) = (near(next()), near(next()));
            let (p, q) = (f64::from_bits(a), f64::from_bits(b));
            let same = |slow: fn(&mut Env, u64, u64) -> u64, host: f64| assert_eq!(run(DEFAULT, |e| slow(e, a, b)).0, host.to_bits(), "{p:e} {q:e}");
            same(slow_add, p + q);
            same(slow_sub, p - q);
            same(slow_mul, p * q);
            same(slow_div, p / q);
            assert_eq!(run(DEFAULT, |e| slow_sqrt(e, a & !u64::SIGN)).0, p.abs().sqrt().to_bits());
            let (a, b) = (a as u32, b as u32);
            let host = f32::from_bits(a) * f32::from_bits(b);
            if !host.is_nan() {
                assert_eq!(run(DEFAULT, |e| slow_mul(e, a, b)).0, host.to_bits());
            }
        }
    }

    #[test]
    fn exceptions() {
        assert_eq!(run(DEFAULT, |e| add(e, d(1.0), d(2.0))), (d(3.0), 0));
        assert_eq!(run(DEFAULT, |e| add(e, d(1.0), d(1e-30))), (d(1.0), flag::INEXACT));
        assert_eq!(run(DEFAULT, |e| div(e, d(1.0), d(-0.0))), (d(f64::NEG_INFINITY), flag::ZERO_DIVIDE));
        assert_eq!(run(DEFAULT, |e| div(e, d(0.0), d(0.0))), (u64::INDEFINITE, flag::INVALID));
        assert_eq!(run(DEFAULT, |e| mul(e, d(1e300), d(1e300))), (u64::INFINITY, flag::OVERFLOW | flag::INEXACT));
        assert_eq!(run(DEFAULT | 0x6000, |e| mul(e, d(1e300), d(1e300))), (d(f64::MAX), flag::OVERFLOW | flag::INEXACT));
        assert_eq!(run(DEFAULT, |e| mul(e, d(1e-200), d(1e-200))), (0, flag::UNDERFLOW | flag::INEXACT));
        assert_eq!(run(DEFAULT, |e| mul(e, 1, d(2.0))), (2, flag::DENORMAL));
        assert_eq!(run(DEFAULT | DAZ, |e| mul(e, 1, d(2.0))), (0, 0));
        assert_eq!(run(DEFAULT, |e| sqrt(e, d(-1.0))), (u64::INDEFINITE, flag::INVALID));
        assert_eq!(run(DEFAULT | 0x2000, |e| sub(e, d(1.0), d(1.0))), (d(-0.0), 0));
    }

    #[test]
    fn nans() {
        let (snan, qnan) = (0x7ff0_0000_0000_0001, 0xfff8_0000_0000_0002);
        assert_eq!(run(DEFAULT, |e| add(e, snan, qnan)), (0x7ff8_0000_0000_0001, flag::INVALID));
        assert_eq!(run(DEFAULT, |e| sub(e, d(1.0), qnan)), (qnan, 0));
        assert_eq!(run(DEFAULT, |e| min(e, qnan, d(1.0))), (d(1.0), flag::INVALID));
        assert_eq!(run(DEFAULT, |e| max(e, d(1.0), snan)), (snan, flag::INVALID));
        assert_eq!(run(DEFAULT, |e| max(e, d(0.0), d(-0.0))), (d(-0.0), 0));
    }
}
