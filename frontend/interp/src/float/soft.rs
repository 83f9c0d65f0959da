//! Exact arithmetic in integers: the slow way, for every rounding mode and all exceptions but those of special operands.

use super::{Env, Format, Rounding, flag};

/// A finite number other than zero: ±`sig` · 2^(`exp` − 63), bit 63 of `sig` set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number {
    pub(crate) negative: bool,
    pub(crate) exp: i32,
    pub(crate) sig: u64,
    /// The value lies a little further from zero, by less than the last bit of `sig`.
    pub(crate) sticky: bool,
}

impl Number {
    /// The value of a finite bit pattern; `None` for zeroes.
    pub(crate) fn unpack<T: Format>(v: T) -> Option<Self> {
        let (fraction, field) = (v.to_u64() & T::FRACTION_MASK, v.exponent());
        let (sig, exp) = if field == 0 { (fraction, 1) } else { (fraction | 1 << T::FRACTION, field as i32) };
        let up = sig.checked_ilog2().map(|top| 63 - top)?;
        let exp = exp - T::BIAS + (63 - T::FRACTION as i32) - up as i32;
        Some(Self { negative: v.sign(), exp, sig: sig << up, sticky: false })
    }

    /// ±`sig` · 2^(`exp` − 127) for any `sig`; `None` for zero.
    pub(crate) fn from_wide(negative: bool, exp: i32, sig: u128, sticky: bool) -> Option<Self> {
        let up = sig.checked_ilog2().map(|top| 127 - top)?;
        let sig = sig << up;
        Some(Self { negative, exp: exp - up as i32, sig: (sig >> 64) as u64, sticky: sticky || sig as u64 != 0 })
    }
}

/// `sig` without its `drop` low bits, rounded; and whether something was lost.
pub(crate) fn round_shift(sig: u64, drop: u32, sticky: bool, negative: bool, rounding: Rounding) -> (u64, bool) {
    let (kept, half, below) = match drop {
        0 => (sig, false, sticky),
        1..=63 => (sig >> drop, sig >> (drop - 1) & 1 != 0, sig & ((1 << (drop - 1)) - 1) != 0 || sticky),
        64 => (0, sig >> 63 != 0, sig << 1 != 0 || sticky),
        _ => (0, false, sig != 0 || sticky),
    };
    let inexact = half || below;
    let away = match rounding {
        Rounding::Nearest => half && (below || kept & 1 != 0),
        Rounding::Down => negative && inexact,
        Rounding::Up => !negative && inexact,
        Rounding::Zero => false,
    };
    (kept + u64::from(away), inexact)
}

/// Rounds to the format; raises overflow, underflow, inexact. SDM vol. 1, 4.9.1.4–4.9.1.6.
pub(crate) fn round<T: Format>(env: &mut Env, n: Number) -> T {
    let drop = 63 - T::FRACTION;
    let field = n.exp + T::BIAS;
    if field < 1 {
        return round_tiny(env, n, field);
    }
    let (kept, inexact) = round_shift(n.sig, drop, n.sticky, n.negative, env.rounding());
    // The carry of a significand that was rounded up to 2 goes into the exponent.
    let magnitude = ((field as u64 - 1) << T::FRACTION) + kept;
    if magnitude >= T::INFINITY {
        return overflow(env, n.negative, inexact);
    }
    if inexact {
        env.raise(flag::INEXACT);
    }
    signed(n.negative, magnitude)
}

/// `inexact` counts only for the handler of an unmasked exception, which would get the result of an unbounded exponent.
fn overflow<T: Format>(env: &mut Env, negative: bool, inexact: bool) -> T {
    env.raise(flag::OVERFLOW | if inexact || env.is_masked(flag::OVERFLOW) { flag::INEXACT } else { 0 });
    let to_infinity = match env.rounding() {
        Rounding::Nearest => true,
        Rounding::Down => negative,
        Rounding::Up => !negative,
        Rounding::Zero => false,
    };
    signed(negative, if to_infinity { T::INFINITY } else { T::INFINITY - 1 })
}

/// A number below the normal ones. It is tiny unless rounding it with an unbounded exponent gives the smallest normal number.
fn round_tiny<T: Format>(env: &mut Env, n: Number, field: i32) -> T {
    let (unbounded, unbounded_inexact) = round_shift(n.sig, 63 - T::FRACTION, n.sticky, n.negative, env.rounding());
    let tiny = field < 0 || unbounded >> (T::FRACTION + 1) == 0;
    let drop = (64 - T::FRACTION as i32 - field) as u32;
    let (kept, inexact) = round_shift(n.sig, drop, n.sticky, n.negative, env.rounding());
    env.raise(match (tiny, env.is_masked(flag::UNDERFLOW)) {
        // The handler would get the result of the unbounded exponent.
        (true, false) => flag::UNDERFLOW | if unbounded_inexact { flag::INEXACT } else { 0 },
        (true, true) if env.ftz() => {
            env.raise(flag::UNDERFLOW | flag::INEXACT);
            return T::zero(n.negative);
        }
        (true, true) if inexact => flag::UNDERFLOW | flag::INEXACT,
        (false, _) if inexact => flag::INEXACT,
        _ => 0,
    });
    signed(n.negative, kept)
}

fn signed<T: Format>(negative: bool, magnitude: u64) -> T {
    T::from_u64(magnitude | if negative { T::SIGN } else { 0 })
}

/// a + b; `None` if it is exactly zero.
pub(crate) fn add(a: Number, b: Number) -> Option<Number> {
    let (a, b) = if (a.exp, a.sig) >= (b.exp, b.sig) { (a, b) } else { (b, a) };
    // One bit for the carry, 63 bits below: what falls off behind them is sticky, and then at most one bit can cancel.
    let (x, y) = (u128::from(a.sig) << 63, u128::from(b.sig) << 63);
    let d = (a.exp - b.exp) as u32;
    let (y, lost) = if d < 128 { (y >> d, y & !(u128::MAX << d) != 0) } else { (0, true) };
    let y = y | u128::from(lost);
    let sum = if a.negative == b.negative { x + y } else { x - y };
    Number::from_wide(a.negative, a.exp + 1, sum, false)
}

/// a · b.
pub(crate) fn mul(a: Number, b: Number) -> Option<Number> {
    Number::from_wide(a.negative != b.negative, a.exp + b.exp + 1, u128::from(a.sig) * u128::from(b.sig), false)
}

/// a / b.
pub(crate) fn div(a: Number, b: Number) -> Option<Number> {
    let (dividend, divisor) = (u128::from(a.sig) << 63, u128::from(b.sig));
    // The quotient has 63 or 64 bits.
    Number::from_wide(a.negative != b.negative, a.exp - b.exp + 64, dividend / divisor, dividend % divisor != 0)
}

/// The square root of a positive number.
pub(crate) fn sqrt(a: Number) -> Option<Number> {
    let square = u128::from(a.sig) << (63 + (a.exp & 1));
    let root = square.isqrt();
    Number::from_wide(false, (a.exp >> 1) + 64, root, root * root != square)
}
