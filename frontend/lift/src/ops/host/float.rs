//! Floating-point results as x86 has them, where the host's arithmetic has other ones. SDM vol. 1, 4.8.3.5, 4.9.1.5, 10.2.3.3.
//!
//! On aarch64 the NaN that an operation makes is positive, a signalling NaN wins over a quiet one before it, and flushing to zero looks at a result before
//! it is rounded. What an operation gives is looked at: only if it may be one of these, a path of its own makes what x86 gives, out of the operands.
//!
//! Where there is no flushing and no NaN has been met in the block, the look is put off (`cx/put_off.rs`).
//!
//! Flushing costs more to look at, so it is only done for processes that have asked for it ([`Needs::FLUSHING`](crate::Needs::FLUSHING)). With FTZ and DAZ
//! both set, the host flushes, too; with FTZ alone it doesn't, and results are flushed here; with DAZ alone, blocks aren't run.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Type, Value,
    condcodes::{FloatCC, IntCC},
    types::{F32, F32X4, F64, I8X16, I32, I64},
};

use crate::cx::Lift;
use crate::ops::sse_shuffle::{elements, shuffle};
use crate::{Needs, offset};

/// MXCSR: flush results to zero.
const FTZ: i64 = 1 << 15;
/// MXCSR: denormals are zeros.
const DAZ: i64 = 1 << 6;

/// How an operation's result may be too small for a normal number.
pub(in crate::ops) enum Small<'f> {
    /// It can't be.
    Never,
    /// Only as an exact result.
    Exact,
    /// As a rounded one: the same operation with a result [`scaled`] up.
    Rounded(&'f dyn Fn(&mut Lift<'_, '_>) -> Value),
}

/// The result `r` of an operation on `operands`, of which the first NaN counts; those of another type than `r` don't.
pub(in crate::ops) fn settled(cx: &mut Lift<'_, '_>, r: Value, operands: &[Value], small: Small<'_>) -> Value {
    let flushing = cx.key.needs.has(Needs::FLUSHING) && !matches!(small, Small::Never);
    let ty = cx.type_of(r);
    let nans = operands.iter().all(|v| cx.type_of(*v) == ty);
    if cx.host.x86 || !(nans || flushing) {
        return r;
    }
    if !flushing && !cx.key.needs.has(Needs::NANS) {
        cx.put_off(r, operands);
        return r;
    }
    let good = if flushing { all_normal(cx, r) } else { all_numbers(cx, r) };
    unless(cx, good, r, |cx| {
        let v = if flushing { flushed(cx, r, &small) } else { bits(cx, r) };
        let v = if nans { with_nan(cx, r, v, operands) } else { v };
        cx.cast(v, ty)
    })
}

/// Whether no element of `r` is NaN; it may say no, where there are two infinities.
fn all_numbers(cx: &mut Lift<'_, '_>, r: Value) -> Value {
    let sum = sum_of_lanes(cx, r);
    cx.b.ins().fcmp(FloatCC::Ordered, sum, sum)
}

/// The sum of the elements of `v`, in any order.
pub(crate) fn sum_of_lanes(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let mut sum = v;
    if cx.type_of(sum) == F32X4 {
        let v = cx.cast(sum, I8X16);
        let swapped = shuffle(cx, v, v, elements(8, |n| 1 - n));
        let swapped = cx.cast(swapped, F32X4);
        sum = cx.b.ins().fadd(sum, swapped);
    }
    let ty = cx.type_of(sum);
    if ty.is_vector() {
        let (low, high) = (cx.lane(sum, ty, 0), cx.lane(sum, ty, 1));
        sum = cx.b.ins().fadd(low, high);
    }
    sum
}

/// Whether all elements of `r` are numbers beyond the least normal one.
fn all_normal(cx: &mut Lift<'_, '_>, r: Value) -> Value {
    let ty = cx.type_of(r);
    let (size, least) = (cx.b.ins().fabs(r), least_normal(cx, ty, 0));
    let normal = cx.b.ins().fcmp(FloatCC::GreaterThan, size, least);
    if ty.is_vector() { cx.b.ins().vall_true(normal) } else { normal }
}

/// An operand `v` that is a result as it is: with DAZ, zero if it is denormal.
pub(in crate::ops) fn chosen(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.host.x86 || !cx.key.needs.has(Needs::FLUSHING) {
        return v;
    }
    let ty = cx.type_of(v);
    let (size, least) = (cx.b.ins().fabs(v), least_normal(cx, ty, 0));
    let small = cx.b.ins().fcmp(FloatCC::LessThan, size, least);
    let any = if ty.is_vector() { cx.b.ins().vany_true(small) } else { small };
    let good = cx.b.ins().icmp_imm_u(IntCC::Equal, any, 0);
    unless(cx, good, v, |cx| {
        let (whole, zero) = (bits(cx, v), signed(cx, v, 0));
        let flushed = choose(cx, small, zero, whole);
        let r = if_set(cx, DAZ, flushed, whole);
        cx.cast(r, ty)
    })
}

/// `v` times a power of two that makes all results normal for which it matters, those of type `result`. It is exact, or the result is not small.
pub(in crate::ops) fn scaled(cx: &mut Lift<'_, '_>, v: Value, result: Type) -> Value {
    let ty = cx.type_of(v);
    let factor = number(cx, ty, 2f64.powi(scale(result)));
    cx.b.ins().fmul(v, factor)
}

/// By which power of two results of a type are scaled.
fn scale(ty: Type) -> i32 {
    if ty.lane_type() == F64 { 64 } else { 32 }
}

/// `v` if `good` isn't zero; otherwise what `f` makes, on a path of its own.
fn unless(cx: &mut Lift<'_, '_>, good: Value, v: Value, f: impl FnOnce(&mut Lift<'_, '_>) -> Value) -> Value {
    cx.close_group();
    let ty = cx.type_of(v);
    let (cold, next) = (cx.b.create_block(), cx.b.create_block());
    cx.b.set_cold_block(cold);
    let r = cx.b.append_block_param(next, ty);
    cx.b.ins().brif(good, next, &[BlockArg::Value(v)], cold, &[] as &[BlockArg]);
    cx.b.switch_to_block(cold);
    let other = f(cx);
    cx.b.ins().jump(next, &[BlockArg::Value(other)]);
    cx.b.switch_to_block(next);
    r
}

/// The bits of `r`, flushed to zero if MXCSR says so and it would be less than a normal number with all of its digits.
fn flushed(cx: &mut Lift<'_, '_>, r: Value, small: &Small<'_>) -> Value {
    let ty = cx.type_of(r);
    let (size, least) = (cx.b.ins().fabs(r), least_normal(cx, ty, 0));
    let whole = bits(cx, r);
    let (tiny, v) = match small {
        Small::Rounded(again) => {
            let (size_again, least_again) = (again(cx), least_normal(cx, ty, scale(ty)));
            let size_again = cx.b.ins().fabs(size_again);
            let rounded_up = cx.b.ins().fcmp(FloatCC::Equal, size_again, least_again);
            let (up, zero) = (signed(cx, r, least_bits(ty)), signed(cx, r, 0));
            let v = choose(cx, rounded_up, up, zero);
            (cx.b.ins().fcmp(FloatCC::LessThanOrEqual, size, least), v)
        }
        _ => (cx.b.ins().fcmp(FloatCC::LessThan, size, least), signed(cx, r, 0)),
    };
    let v = choose(cx, tiny, v, whole);
    if_set(cx, FTZ, v, whole)
}

/// `v`, and where `r` is NaN, the first NaN of `operands`, made quiet, or a new one.
fn with_nan(cx: &mut Lift<'_, '_>, r: Value, v: Value, operands: &[Value]) -> Value {
    let ty = cx.type_of(r);
    let (new, quiet) = if ty.lane_type() == F64 { (0xfff8 << 48, 8 << 48) } else { (0xffc0_0000, 0x0040_0000) };
    let (mut nan, quiet) = (pattern(cx, ty, new), pattern(cx, ty, quiet));
    for &o in operands.iter().rev() {
        let is_nan = is_nan(cx, o);
        let o = bits(cx, o);
        let quieted = cx.b.ins().bor(o, quiet);
        nan = choose(cx, is_nan, quieted, nan);
    }
    let is_nan = is_nan(cx, r);
    choose(cx, is_nan, nan, v)
}

fn is_nan(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    cx.b.ins().fcmp(FloatCC::NotEqual, v, v)
}

/// One of two values, lane by lane for vectors.
pub(in crate::ops) fn choose(cx: &mut Lift<'_, '_>, c: Value, a: Value, b: Value) -> Value {
    let ty = cx.type_of(a);
    if ty.is_vector() {
        let c = cx.cast(c, ty);
        return cx.b.ins().bitselect(c, a, b);
    }
    cx.b.ins().select(c, a, b)
}

/// `a` if MXCSR has this bit, else `b`.
fn if_set(cx: &mut Lift<'_, '_>, bit: i64, a: Value, b: Value) -> Value {
    let mxcsr = cx.load_state(I32, offset::MXCSR);
    let set = cx.b.ins().band_imm_u(mxcsr, bit);
    cx.b.ins().select(set, a, b)
}

/// The bits of `v`.
fn bits(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let ty = cx.type_of(v).as_int();
    cx.cast(v, ty)
}

/// A pattern without a sign, with that of `v`.
fn signed(cx: &mut Lift<'_, '_>, v: Value, magnitude: u64) -> Value {
    let ty = cx.type_of(v);
    let (v, sign, magnitude) = (bits(cx, v), pattern(cx, ty, 1 << (ty.lane_bits() - 1)), pattern(cx, ty, magnitude));
    let sign = cx.b.ins().band(v, sign);
    cx.b.ins().bor(sign, magnitude)
}

/// The least normal number's pattern.
fn least_bits(ty: Type) -> u64 {
    if ty.lane_type() == F64 { f64::MIN_POSITIVE.to_bits() } else { u64::from(f32::MIN_POSITIVE.to_bits()) }
}

/// The least normal number, times a power of two.
fn least_normal(cx: &mut Lift<'_, '_>, ty: Type, power: i32) -> Value {
    let least = if ty.lane_type() == F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
    number(cx, ty, least * 2f64.powi(power))
}

/// A number of a type, in all lanes.
fn number(cx: &mut Lift<'_, '_>, ty: Type, v: f64) -> Value {
    let one = if ty.lane_type() == F32 { cx.b.ins().f32const(v as f32) } else { cx.b.ins().f64const(v) };
    if ty.is_vector() { cx.b.ins().splat(ty, one) } else { one }
}

/// A pattern as an integer of the size of a type, in all lanes.
fn pattern(cx: &mut Lift<'_, '_>, ty: Type, v: u64) -> Value {
    let lane = if ty.lane_type() == F64 { I64 } else { I32 };
    let one = cx.b.ins().iconst(lane, v as i64);
    if ty.is_vector() { cx.b.ins().splat(ty.as_int(), one) } else { one }
}
