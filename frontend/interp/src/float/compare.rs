//! Comparison.

use core::cmp::Ordering;

use super::{Env, Float, flag};

/// Which NaNs are invalid operands of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nans {
    /// Signaling ones.
    Quiet,
    /// All.
    Signal,
}

/// How a compares with b; `None` if they are unordered.
#[inline(always)]
pub(crate) fn compare<T: Float>(env: &mut Env, a: T, b: T, nans: Nans) -> Option<Ordering> {
    match a.host_cmp(b) {
        Some(order) if !a.is_denormal() && !b.is_denormal() => Some(order),
        _ => slow_compare(env, a, b, nans),
    }
}

#[inline(never)]
fn slow_compare<T: Float>(env: &mut Env, a: T, b: T, nans: Nans) -> Option<Ordering> {
    if a.is_nan() || b.is_nan() {
        if nans == Nans::Signal || a.is_signaling() || b.is_signaling() {
            env.raise(flag::INVALID);
        }
        return None;
    }
    if !env.daz() {
        env.raise(flag::DENORMAL);
    }
    Some(key(env, a).cmp(&key(env, b)))
}

/// A number in the order of the values; zeroes are equal, and denormals are zeroes under DAZ.
fn key<T: Float>(env: &Env, v: T) -> i64 {
    match v.magnitude() as i64 {
        _ if env.daz() && v.is_denormal() => 0,
        m if v.sign() => -m,
        m => m,
    }
}
