//! Conversions. SDM vol. 1, 5.5.1.6, 5.6.1.6.
//!
//! Those to integers that round by MXCSR are left to the interpreter.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::FloatCC,
    types::{F32, F32X4, F64, F64X2, I32X4},
};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lift, int, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Cvtsi2sd, |cx, i| from_integer(cx, i, F64)),
    (Mnemonic::Cvtsi2ss, |cx, i| from_integer(cx, i, F32)),
    (Mnemonic::Cvttsd2si, |cx, i| to_integer(cx, i, F64)),
    (Mnemonic::Cvttss2si, |cx, i| to_integer(cx, i, F32)),
    (Mnemonic::Cvtsd2ss, cvtsd2ss),
    (Mnemonic::Cvtss2sd, cvtss2sd),
    (Mnemonic::Cvtdq2ps, cvtdq2ps),
    (Mnemonic::Cvtdq2pd, cvtdq2pd),
    (Mnemonic::Cvtps2pd, cvtps2pd),
];

/// CVTSI2SD, CVTSI2SS.
fn from_integer(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let (to, v) = (xmm_number(i.op0_register())?, cx.read(i, 1)?);
    let r = cx.b.ins().fcvt_from_sint(ty, v);
    if ty == F64 {
        cx.set_xmm_low(to, r)
    } else {
        cx.set_xmm_single(to, r)
    }
    Some(())
}

/// CVTTSD2SI, CVTTSS2SI: truncated; the most negative integer if it doesn't fit or isn't a number.
fn to_integer(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let w = cx.width(i, 0)?;
    let v = if ty == F64 { cx.double_operand(i, 1)? } else { cx.single_operand(i, 1)? };
    let r = cx.b.ins().fcvt_to_sint_sat(int(w), v);
    // Too small a number gives the most negative one already.
    let limit = power_of_two(cx, ty, w.bits() - 1);
    let fits = cx.b.ins().fcmp(FloatCC::LessThan, v, limit);
    let indefinite = cx.iconst(w, 1 << (w.bits() - 1));
    let r = cx.b.ins().select(fits, r, indefinite);
    cx.write(i, 0, r)
}

fn power_of_two(cx: &mut Lift<'_, '_>, ty: Type, n: u32) -> Value {
    let v = 2f64.powi(n as i32);
    if ty == F64 { cx.b.ins().f64const(v) } else { cx.b.ins().f32const(v as f32) }
}

/// CVTSD2SS.
fn cvtsd2ss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, v) = (xmm_number(i.op0_register())?, cx.double_operand(i, 1)?);
    let r = cx.b.ins().fdemote(F32, v);
    cx.set_xmm_single(to, r);
    Some(())
}

/// CVTSS2SD.
fn cvtss2sd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, v) = (xmm_number(i.op0_register())?, cx.single_operand(i, 1)?);
    let r = cx.b.ins().fpromote(F64, v);
    cx.set_xmm_low(to, r);
    Some(())
}

/// CVTDQ2PS.
fn cvtdq2ps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = cx.vec_operand(i, 1, I32X4)?;
    let r = cx.b.ins().fcvt_from_sint(F32X4, v);
    cx.set_xmm(to, r);
    Some(())
}

/// The low half of operand 1 as a vector of type `ty`.
fn low_half(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<Value> {
    if i.op_kind(1) == OpKind::Register {
        return Some(cx.xmm(xmm_number(i.op1_register())?, ty));
    }
    let v = cx.double_operand(i, 1)?;
    let v = cx.b.ins().scalar_to_vector(F64X2, v);
    Some(cx.cast(v, ty))
}

/// CVTDQ2PD.
fn cvtdq2pd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, v) = (xmm_number(i.op0_register())?, low_half(cx, i, I32X4)?);
    let mut halves = [v; 2];
    for (n, h) in halves.iter_mut().enumerate() {
        let lane = cx.b.ins().extractlane(v, n as u8);
        *h = cx.b.ins().fcvt_from_sint(F64, lane);
    }
    cx.set_xmm_halves(to, halves[0], halves[1]);
    Some(())
}

/// CVTPS2PD.
fn cvtps2pd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, v) = (xmm_number(i.op0_register())?, low_half(cx, i, F32X4)?);
    let r = cx.b.ins().fvpromote_low(v);
    cx.set_xmm(to, r);
    Some(())
}
