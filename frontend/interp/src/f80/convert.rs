//! Conversions from and to the other formats, and rounding to an integer. Precision control doesn't apply here.

use super::bit::{C1, DE, IE, OE, PE, UE};
use super::nan::{before1, quieted};
use super::round::{from_magnitude, inexact_status, round_off, shift_sticky};
use super::{BIAS, Class, Control, EXP_MAX, F80, INT, Out, QUIET, Rounding};

/// A narrower IEEE format: bits of the fraction and of the exponent.
struct Narrow {
    fraction: u32,
    exponent: u32,
}

const SINGLE: Narrow = Narrow { fraction: 23, exponent: 8 };
const DOUBLE: Narrow = Narrow { fraction: 52, exponent: 11 };

impl Narrow {
    const fn exp_max(&self) -> i32 {
        (1 << self.exponent) - 1
    }

    const fn bias(&self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }

    const fn bits(&self) -> u32 {
        1 + self.exponent + self.fraction
    }

    const fn pack(&self, sign: bool, exp: i32, fraction: u64) -> u64 {
        (sign as u64) << (self.bits() - 1) | (exp as u64) << self.fraction | fraction
    }
}

/// FLD m32fp: the single-precision number with these bits. DE for a denormal, IE for a signaling NaN.
#[inline]
pub fn from_f32(v: u32) -> Out {
    widen(u64::from(v), &SINGLE)
}

/// FLD m64fp.
#[inline]
pub fn from_f64(v: u64) -> Out {
    widen(v, &DOUBLE)
}

#[inline(always)]
fn widen(v: u64, n: &Narrow) -> Out {
    let sign = v >> (n.bits() - 1) & 1 != 0;
    let exp = (v >> n.fraction) as i32 & n.exp_max();
    let fraction = (v & ((1 << n.fraction) - 1)) << (63 - n.fraction);
    if exp == n.exp_max() {
        let nan = F80::new(sign, EXP_MAX, INT | fraction);
        return if nan.class() == Class::Signaling { Out { value: quieted(nan), status: IE } } else { Out::exact(nan) };
    }
    if exp != 0 {
        return Out::exact(F80::new(sign, exp + BIAS - n.bias(), INT | fraction));
    }
    let shift = fraction.leading_zeros();
    if shift == 64 {
        return Out::exact(F80::ZERO.with_sign(sign));
    }
    Out { value: F80::new(sign, BIAS - n.bias() + 1 - shift as i32, fraction << shift), status: DE }
}

/// A memory operand of an arithmetic instruction: like [`from_f32`], but a signaling NaN stays one, so that the operation sees it.
#[inline(always)]
pub fn operand_f32(v: u32) -> Out {
    signaling_kept(from_f32(v))
}

/// A memory operand of an arithmetic instruction: like [`from_f64`], but a signaling NaN stays one.
#[inline(always)]
pub fn operand_f64(v: u64) -> Out {
    signaling_kept(from_f64(v))
}

#[inline(always)]
fn signaling_kept(out: Out) -> Out {
    if out.status & IE == 0 { out } else { Out::exact(F80 { sig: out.value.sig & !QUIET, ..out.value }) }
}

/// FST m32fp: the bits in single precision. With OE or UE unmasked nothing is to be stored.
#[inline]
pub fn to_f32(v: F80, c: Control) -> Out<u32> {
    let out = narrow(v, &SINGLE, c);
    Out { value: out.value as u32, status: out.status }
}

/// FST m64fp.
#[inline]
pub fn to_f64(v: F80, c: Control) -> Out<u64> {
    narrow(v, &DOUBLE, c)
}

#[inline(always)]
fn narrow(v: F80, n: &Narrow, c: Control) -> Out<u64> {
    let exp = v.exp() - BIAS + n.bias();
    if !v.is_normal() || exp <= 0 || exp >= n.exp_max() {
        return narrow_special(v, n, c);
    }
    let r = round_off(v.sign(), u128::from(v.sig) << 64, 127 - n.fraction, c.rounding());
    // The integer bit adds 1 to the exponent, a carry one more.
    let magnitude = ((exp as u64 - 1) << n.fraction) + r.kept as u64;
    if magnitude >> n.fraction >= n.exp_max() as u64 {
        return narrow_overflow(v.sign(), n, c);
    }
    Out { value: n.pack(v.sign(), 0, 0) | magnitude, status: inexact_status(&r) }
}

#[cold]
fn narrow_special(v: F80, n: &Narrow, c: Control) -> Out<u64> {
    let sign = v.sign();
    match v.class() {
        Class::Unsupported => Out { value: n.pack(true, n.exp_max(), 1 << (n.fraction - 1)), status: IE },
        Class::Zero => Out::exact(n.pack(sign, 0, 0)),
        Class::Infinity => Out::exact(n.pack(sign, n.exp_max(), 0)),
        class @ (Class::Quiet | Class::Signaling) => {
            let fraction = (v.sig | QUIET) << 1 >> (64 - n.fraction);
            Out { value: n.pack(sign, n.exp_max(), fraction), status: if class == Class::Signaling { IE } else { 0 } }
        }
        Class::Normal | Class::Denormal => {
            let u = v.unpack();
            let exp = u.exp - BIAS + n.bias();
            if exp >= n.exp_max() { narrow_overflow(sign, n, c) } else { narrow_underflow(sign, exp, u.sig, n, c) }
        }
    }
}

fn narrow_overflow(sign: bool, n: &Narrow, c: Control) -> Out<u64> {
    if c.unmasked(OE) != 0 {
        return Out { value: 0, status: OE };
    }
    let to_infinity = match c.rounding() {
        Rounding::Nearest => true,
        Rounding::Down => sign,
        Rounding::Up => !sign,
        Rounding::Zero => false,
    };
    let infinity = n.pack(sign, n.exp_max(), 0);
    if to_infinity { Out { value: infinity, status: OE | PE | C1 } } else { Out { value: infinity - 1, status: OE | PE } }
}

fn narrow_underflow(sign: bool, exp: i32, sig: u64, n: &Narrow, c: Control) -> Out<u64> {
    let (sig, drop) = (u128::from(sig) << 64, 127 - n.fraction);
    let normal = round_off(sign, sig, drop, c.rounding());
    let tiny = exp < 0 || normal.kept >> (n.fraction + 1) == 0;
    if tiny && c.unmasked(UE) != 0 {
        return Out { value: 0, status: UE };
    }
    let r = round_off(sign, shift_sticky(sig, (1 - exp).min(200) as u32), drop, c.rounding());
    let ue = if tiny && r.inexact { UE } else { 0 };
    Out { value: n.pack(sign, 0, 0) | r.kept as u64, status: ue | inexact_status(&r) }
}

/// FILD: the integer as a number; always exact.
#[inline]
pub fn from_int(v: i64) -> F80 {
    from_magnitude(v < 0, v.unsigned_abs())
}

/// FIST: the integer of `bits` bits (16, 32, 64), rounded as `c` says; IE and the integer indefinite (the most negative one) if it doesn't fit.
#[inline]
pub fn to_int(v: F80, bits: u32, c: Control) -> Out<i64> {
    to_int_by(v, bits, c.rounding())
}

/// FISTTP: the same, rounded towards zero.
#[inline]
pub fn to_int_truncated(v: F80, bits: u32) -> Out<i64> {
    to_int_by(v, bits, Rounding::Zero)
}

fn to_int_by(v: F80, bits: u32, mode: Rounding) -> Out<i64> {
    let indefinite = Out { value: i64::MIN >> (64 - bits), status: IE };
    if !matches!(v.class(), Class::Zero | Class::Denormal | Class::Normal) {
        return indefinite;
    }
    let Some(out) = magnitude(v, mode) else { return indefinite };
    let limit = 1u64 << (bits - 1);
    if out.value > limit || out.value == limit && !v.sign() {
        return indefinite;
    }
    let value = out.value as i64;
    Out { value: if v.sign() { value.wrapping_neg() } else { value }, status: out.status }
}

/// |v| of a finite number, rounded to an integer; `None` if it doesn't fit 64 bits.
pub(crate) fn magnitude(v: F80, mode: Rounding) -> Option<Out<u64>> {
    let u = v.unpack();
    let above = BIAS + 63 - u.exp;
    if u.sig == 0 || above == 0 {
        return Some(Out::exact(u.sig));
    }
    if above < 0 {
        return None;
    }
    let r = round_off(v.sign(), shift_sticky(u128::from(u.sig) << 63, above.min(130) as u32 - 1), 64, mode);
    let value = u64::try_from(r.kept).ok()?;
    Some(Out { value, status: inexact_status(&r) })
}

/// FRNDINT.
pub fn round_to_int(a: F80, c: Control) -> Out {
    let status = match before1(a, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    if matches!(a.class(), Class::Zero | Class::Infinity) || a.exp() >= BIAS + 63 {
        return Out::exact(a);
    }
    match magnitude(a, c.rounding()) {
        Some(m) => Out { value: from_magnitude(a.sign(), m.value), status: m.status | status },
        None => Out::exact(a),
    }
}
