//! Partial remainders.

use super::bit::{C0, C1, C2, C3, DE};
use super::nan::before2;
use super::round::round_pack64;
use super::{Control, F80, Out, Unpacked};

/// FPREM: a − b × trunc(a ÷ b), if the exponents are less than 64 apart, with the low three bits of the quotient in C1, C3, C0. Otherwise C2 is set
/// and the result only nearer. Always exact.
pub fn rem(a: F80, b: F80, c: Control) -> Out {
    partial(a, b, c, false)
}

/// FPREM1: the same with the quotient rounded to the nearest integer, as IEEE 754 has it.
pub fn rem_nearest(a: F80, b: F80, c: Control) -> Out {
    partial(a, b, c, true)
}

fn partial(a: F80, b: F80, c: Control, nearest: bool) -> Out {
    let invalid = a.is_infinity() || b.is_zero();
    let status = match before2(a, b, c) {
        // This hides a denormal.
        Ok(_) if invalid => return Out::INVALID,
        Err(out) if out.status == DE && invalid => return Out::INVALID,
        Ok(status) => status,
        Err(out) => return out,
    };
    let u = a.unpack();
    if a.is_zero() || b.is_infinity() {
        return round(u, u.sig, u.exp, c).with(status);
    }
    let v = b.unpack();
    let distance = u.exp - v.exp;
    let out = if distance >= 64 { nearer(u, v, distance, c) } else { whole(u, v, distance, nearest, c) };
    out.with(status)
}

/// ±sig × 2^(exp − BIAS − 63), exact, with the sign of `u`.
fn round(u: Unpacked, sig: u64, exp: i32, c: Control) -> Out {
    if sig == 0 {
        return Out::exact(F80::ZERO.with_sign(u.sign));
    }
    let shift = sig.leading_zeros();
    round_pack64(u.sign, exp - shift as i32, sig << shift, c.extended())
}

/// One step of the reduction: 32 to 63 bits of the quotient.
fn nearer(u: Unpacked, v: Unpacked, distance: i32, c: Control) -> Out {
    let bits = distance & 31 | 32;
    let r = (u128::from(u.sig) << bits) % u128::from(v.sig);
    round(u, r as u64, u.exp - bits, c).with(C2)
}

/// The last step.
fn whole(u: Unpacked, v: Unpacked, distance: i32, nearest: bool, c: Control) -> Out {
    if distance < 0 {
        // The quotient is less than 1; it rounds to 1 if it is more than ½.
        if nearest && distance == -1 && u.sig > v.sig {
            let r = (u128::from(v.sig) << 1) - u128::from(u.sig);
            return round(Unpacked { sign: !u.sign, ..u }, r as u64, u.exp, c).with(quotient_bits(1));
        }
        return round(u, u.sig, u.exp, c);
    }
    let (n, d) = (u128::from(u.sig) << distance, u128::from(v.sig));
    let (q, r) = (n / d, n % d);
    if nearest && (2 * r > d || 2 * r == d && q & 1 != 0) {
        return round(Unpacked { sign: !u.sign, ..u }, (d - r) as u64, v.exp, c).with(quotient_bits(q + 1));
    }
    round(u, r as u64, v.exp, c).with(quotient_bits(q))
}

/// Bits 2, 1, 0 of the quotient as C0, C3, C1.
fn quotient_bits(q: u128) -> u16 {
    let bit = |k: u32, c: u16| if q >> k & 1 != 0 { c } else { 0 };
    bit(2, C0) | bit(1, C3) | bit(0, C1)
}
