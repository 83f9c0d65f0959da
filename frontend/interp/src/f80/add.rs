//! Addition and subtraction.

use super::nan::before2;
use super::round::{round_pack, shift_sticky};
use super::{Control, F80, Out, Rounding, Unpacked};

/// a + b.
#[inline]
pub fn add(a: F80, b: F80, c: Control) -> Out {
    if a.is_normal() && b.is_normal() {
        return add_finite(a.unpack(), b.unpack(), c);
    }
    add_special(a, b, false, c)
}

/// a − b.
#[inline]
pub fn sub(a: F80, b: F80, c: Control) -> Out {
    if a.is_normal() && b.is_normal() {
        return add_finite(a.unpack(), b.negate().unpack(), c);
    }
    add_special(a, b, true, c)
}

#[cold]
fn add_special(a: F80, b: F80, subtract: bool, c: Control) -> Out {
    let status = match before2(a, b, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    let b = if subtract { b.negate() } else { b };
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) if a.sign() != b.sign() => Out::INVALID,
        (true, _) => Out::exact(a).with(status),
        (_, true) => Out::exact(b).with(status),
        _ => add_finite(a.unpack(), b.unpack(), c).with(status),
    }
}

/// The sum of finite numbers.
fn add_finite(a: Unpacked, b: Unpacked, c: Control) -> Out {
    let (a, b) = if a.exp < b.exp || a.sig == 0 { (b, a) } else { (a, b) };
    // One bit is left for the carry.
    let wide = |u: Unpacked| u128::from(u.sig) << 63;
    let distance = if b.sig == 0 { 0 } else { a.exp - b.exp };
    let addend = shift_sticky(wide(b), distance as u32);
    let sum = if a.sign == b.sign { wide(a) + addend } else { wide(a).wrapping_sub(addend) };
    let (sign, sum) = if (sum as i128) < 0 && a.sign != b.sign { (!a.sign, sum.wrapping_neg()) } else { (a.sign, sum) };
    if sum == 0 {
        let sign = if a.sign == b.sign { a.sign } else { c.rounding() == Rounding::Down };
        return Out::exact(F80::ZERO.with_sign(sign));
    }
    let shift = sum.leading_zeros();
    round_pack(sign, a.exp + 1 - shift as i32, sum << shift, c)
}
