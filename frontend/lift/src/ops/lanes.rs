//! The shapes of operations on vectors: what an operation does to 128 bits, applied as its encoding has it.

use cranelift_codegen::ir::{
    Type, Value,
    types::{F32, F64},
};
use iced_x86::Instruction;

use crate::cx::{Lift, sources, vector_number};

/// A result from two sources.
pub(super) type Op = fn(&mut Lift<'_, '_>, Value, Value) -> Value;
/// A result from one source.
pub(super) type Unary = fn(&mut Lift<'_, '_>, Value) -> Value;

/// An operation on all elements of two sources.
pub(super) fn packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: impl Fn(&mut Lift<'_, '_>, Value, Value) -> Value) -> Option<()> {
    by_lane(cx, i, ty, |cx, _, a, b| f(cx, a, b))
}

/// The same, if it differs between the halves of 256 bits: `f` gets the number of the half.
pub(super) fn by_lane(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: impl Fn(&mut Lift<'_, '_>, u8, Value, Value) -> Value) -> Option<()> {
    let [x, y] = sources(i);
    let b = cx.halves(i, y, ty)?;
    let a = cx.halves(i, x, ty)?;
    let r = a.zip(b, |lane, a, b| f(cx, lane, a, b));
    cx.set_halves(i, r)
}

/// An operation on all elements of operand 1.
pub(super) fn packed_unary(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: impl Fn(&mut Lift<'_, '_>, Value) -> Value) -> Option<()> {
    let v = cx.halves(i, 1, ty)?;
    let r = v.map(|_, v| f(cx, v));
    cx.set_halves(i, r)
}

/// Operand `n` as a scalar of type F32 or F64.
pub(super) fn scalar_operand(cx: &mut Lift<'_, '_>, i: &Instruction, n: u32, ty: Type) -> Option<Value> {
    if ty == F64 { cx.double_operand(i, n) } else { cx.single_operand(i, n) }
}

/// Sets the lowest element of operand 0; the others come from the first source.
pub(super) fn set_scalar(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Option<()> {
    let to = vector_number(i.op0_register())?;
    cx.merge(i, to)?;
    match cx.type_of(v) {
        F32 => cx.set_xmm_single(to, v),
        _ => cx.set_xmm_low(to, v),
    }
    Some(())
}

/// An operation on the lowest elements of two sources.
pub(super) fn scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let [x, y] = sources(i);
    let b = scalar_operand(cx, i, y, ty)?;
    let a = scalar_operand(cx, i, x, ty)?;
    let r = f(cx, a, b);
    set_scalar(cx, i, r)
}

/// An operation on the second source's lowest element.
pub(super) fn scalar_unary(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Unary) -> Option<()> {
    let v = scalar_operand(cx, i, sources(i)[1], ty)?;
    let r = f(cx, v);
    set_scalar(cx, i, r)
}
