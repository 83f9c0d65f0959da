//! Floating-point arithmetic of SSE to SSE4.1. SDM vol. 1, 5.5.1.2–5.5.1.4, 5.6.1.2–5.6.1.5.
//!
//! The first operand of an operation stays first (see [`Lift::keep_first`]): it decides which of two NaNs is the result.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::FloatCC,
    types::{F32, F32X4, F64, F64X2},
};
use iced_x86::{Instruction, Mnemonic};

use super::LiftFn;
use crate::cx::{Lift, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Addsd, |cx, i| scalar(cx, i, F64, add)),
    (Mnemonic::Addss, |cx, i| scalar(cx, i, F32, add)),
    (Mnemonic::Addpd, |cx, i| packed(cx, i, F64X2, add)),
    (Mnemonic::Addps, |cx, i| packed(cx, i, F32X4, add)),
    (Mnemonic::Subsd, |cx, i| scalar(cx, i, F64, sub)),
    (Mnemonic::Subss, |cx, i| scalar(cx, i, F32, sub)),
    (Mnemonic::Subpd, |cx, i| packed(cx, i, F64X2, sub)),
    (Mnemonic::Subps, |cx, i| packed(cx, i, F32X4, sub)),
    (Mnemonic::Mulsd, |cx, i| scalar(cx, i, F64, mul)),
    (Mnemonic::Mulss, |cx, i| scalar(cx, i, F32, mul)),
    (Mnemonic::Mulpd, |cx, i| packed(cx, i, F64X2, mul)),
    (Mnemonic::Mulps, |cx, i| packed(cx, i, F32X4, mul)),
    (Mnemonic::Divsd, |cx, i| scalar(cx, i, F64, div)),
    (Mnemonic::Divss, |cx, i| scalar(cx, i, F32, div)),
    (Mnemonic::Divpd, |cx, i| packed(cx, i, F64X2, div)),
    (Mnemonic::Divps, |cx, i| packed(cx, i, F32X4, div)),
    (Mnemonic::Minsd, |cx, i| scalar(cx, i, F64, min)),
    (Mnemonic::Minss, |cx, i| scalar(cx, i, F32, min)),
    (Mnemonic::Minpd, |cx, i| packed(cx, i, F64X2, min)),
    (Mnemonic::Minps, |cx, i| packed(cx, i, F32X4, min)),
    (Mnemonic::Maxsd, |cx, i| scalar(cx, i, F64, max)),
    (Mnemonic::Maxss, |cx, i| scalar(cx, i, F32, max)),
    (Mnemonic::Maxpd, |cx, i| packed(cx, i, F64X2, max)),
    (Mnemonic::Maxps, |cx, i| packed(cx, i, F32X4, max)),
    (Mnemonic::Sqrtsd, |cx, i| scalar_unary(cx, i, F64, sqrt)),
    (Mnemonic::Sqrtss, |cx, i| scalar_unary(cx, i, F32, sqrt)),
    (Mnemonic::Sqrtpd, |cx, i| packed_unary(cx, i, F64X2, sqrt)),
    (Mnemonic::Sqrtps, |cx, i| packed_unary(cx, i, F32X4, sqrt)),
    (Mnemonic::Cmpsd, cmpsd),
    (Mnemonic::Cmpss, cmpss),
    (Mnemonic::Cmppd, |cx, i| compare_packed(cx, i, F64X2)),
    (Mnemonic::Cmpps, |cx, i| compare_packed(cx, i, F32X4)),
    (Mnemonic::Ucomisd, |cx, i| compare_flags(cx, i, F64)),
    (Mnemonic::Comisd, |cx, i| compare_flags(cx, i, F64)),
    (Mnemonic::Ucomiss, |cx, i| compare_flags(cx, i, F32)),
    (Mnemonic::Comiss, |cx, i| compare_flags(cx, i, F32)),
    (Mnemonic::Roundsd, |cx, i| round_scalar(cx, i, F64)),
    (Mnemonic::Roundss, |cx, i| round_scalar(cx, i, F32)),
    (Mnemonic::Roundpd, |cx, i| round_packed(cx, i, F64X2)),
    (Mnemonic::Roundps, |cx, i| round_packed(cx, i, F32X4)),
];

type Op = fn(&mut Lift<'_, '_>, Value, Value) -> Value;
type Unary = fn(&mut Lift<'_, '_>, Value) -> Value;

fn add(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.keep_first(a);
    cx.b.ins().fadd(a, b)
}

fn sub(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.b.ins().fsub(a, b)
}

fn mul(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.keep_first(a);
    cx.b.ins().fmul(a, b)
}

fn div(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.b.ins().fdiv(a, b)
}

/// The second operand if either is NaN or both are zero.
fn min(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let less = cx.b.ins().fcmp(FloatCC::LessThan, a, b);
    choose(cx, less, a, b)
}

/// The second operand if either is NaN or both are zero.
fn max(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let less = cx.b.ins().fcmp(FloatCC::LessThan, b, a);
    choose(cx, less, a, b)
}

fn choose(cx: &mut Lift<'_, '_>, c: Value, a: Value, b: Value) -> Value {
    let ty = cx.type_of(a);
    if ty.is_vector() {
        let mask = cx.cast(c, ty);
        return cx.b.ins().bitselect(mask, a, b);
    }
    cx.b.ins().select(c, a, b)
}

fn sqrt(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    cx.b.ins().sqrt(v)
}

/// An operand of type F32 or F64.
fn operand(cx: &mut Lift<'_, '_>, i: &Instruction, n: u32, ty: Type) -> Option<Value> {
    if ty == F64 { cx.double_operand(i, n) } else { cx.single_operand(i, n) }
}

fn set(cx: &mut Lift<'_, '_>, n: usize, v: Value) {
    if cx.type_of(v) == F64 { cx.set_xmm_low(n, v) } else { cx.set_xmm_single(n, v) }
}

/// An operation on the lowest elements; the others of the destination stay.
fn scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = operand(cx, i, 1, ty)?;
    let a = operand(cx, i, 0, ty)?;
    let r = f(cx, a, b);
    set(cx, to, r);
    Some(())
}

/// An operation on all elements.
fn packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, ty)?;
    let a = cx.xmm(to, ty);
    let r = f(cx, a, b);
    cx.set_xmm(to, r);
    Some(())
}

/// An operation on the source's lowest element.
fn scalar_unary(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Unary) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = operand(cx, i, 1, ty)?;
    let r = f(cx, v);
    set(cx, to, r);
    Some(())
}

/// An operation on all elements of the source.
fn packed_unary(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Unary) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = cx.vec_operand(i, 1, ty)?;
    let r = f(cx, v);
    cx.set_xmm(to, r);
    Some(())
}

/// The predicates of CMPPS and the like, SDM vol. 2A, "CMPPD", table 3-1; only the eight of SSE.
fn predicate(i: &Instruction) -> Option<FloatCC> {
    const PREDICATES: [FloatCC; 8] = [
        FloatCC::Equal,
        FloatCC::LessThan,
        FloatCC::LessThanOrEqual,
        FloatCC::Unordered,
        FloatCC::NotEqual,
        FloatCC::UnorderedOrGreaterThanOrEqual,
        FloatCC::UnorderedOrGreaterThan,
        FloatCC::Ordered,
    ];
    PREDICATES.get(usize::from(i.immediate8())).copied()
}

/// CMPSD (not the string instruction).
fn cmpsd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.is_string_instruction() {
        return None;
    }
    compare_scalar(cx, i, F64)
}

/// CMPSS.
fn cmpss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    compare_scalar(cx, i, F32)
}

fn compare_scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let (to, cc) = (xmm_number(i.op0_register())?, predicate(i)?);
    let b = operand(cx, i, 1, ty)?;
    let a = operand(cx, i, 0, ty)?;
    // In vectors, where the comparison gives a mask.
    let vector = if ty == F64 { F64X2 } else { F32X4 };
    let (a, b) = (cx.b.ins().scalar_to_vector(vector, a), cx.b.ins().scalar_to_vector(vector, b));
    let mask = cx.b.ins().fcmp(cc, a, b);
    let r = cx.lane(mask, vector, 0);
    set(cx, to, r);
    Some(())
}

fn compare_packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let (to, cc) = (xmm_number(i.op0_register())?, predicate(i)?);
    let b = cx.vec_operand(i, 1, ty)?;
    let a = cx.xmm(to, ty);
    let r = cx.b.ins().fcmp(cc, a, b);
    cx.set_xmm(to, r);
    Some(())
}

/// UCOMISD and the like: ZF, PF, CF; the other flags are cleared.
fn compare_flags(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let b = operand(cx, i, 1, ty)?;
    let a = operand(cx, i, 0, ty)?;
    cx.set_flags_float(a, b);
    Some(())
}

/// The rounding that an immediate selects; `None` for the mode of MXCSR.
fn rounding(i: &Instruction) -> Option<Unary> {
    match i.immediate8() & 7 {
        0 => Some(|cx, b| cx.b.ins().nearest(b)),
        1 => Some(|cx, b| cx.b.ins().floor(b)),
        2 => Some(|cx, b| cx.b.ins().ceil(b)),
        3 => Some(|cx, b| cx.b.ins().trunc(b)),
        _ => None,
    }
}

/// ROUNDSD, ROUNDSS.
fn round_scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let f = rounding(i)?;
    scalar_unary(cx, i, ty, f)
}

/// ROUNDPD, ROUNDPS.
fn round_packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let f = rounding(i)?;
    packed_unary(cx, i, ty, f)
}
