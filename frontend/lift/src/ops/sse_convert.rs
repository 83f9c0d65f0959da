//! Conversions. SDM vol. 1, 5.5.1.6, 5.6.1.6.
//!
//! Those to integers that round by MXCSR are done here while that says to the nearest: see [`Lift::require_nearest`].

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::FloatCC,
    types::{F32, F32X4, F64, F64X2, I8X16, I32X4},
};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::VectorOps;
use super::host::{self, Small};
use super::lanes::{Unary, packed_unary, scalar_operand, scalar_unary, set_scalar};
use super::sse_shuffle::{elements, shuffle};
use crate::cx::{Halves, Lift, int, sources, vector_number};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Cvtsi2sd, Mnemonic::Vcvtsi2sd, |cx, i| from_integer(cx, i, F64)),
    (Mnemonic::Cvtsi2ss, Mnemonic::Vcvtsi2ss, |cx, i| from_integer(cx, i, F32)),
    (Mnemonic::Cvttsd2si, Mnemonic::Vcvttsd2si, |cx, i| to_integer(cx, i, F64, false)),
    (Mnemonic::Cvttss2si, Mnemonic::Vcvttss2si, |cx, i| to_integer(cx, i, F32, false)),
    (Mnemonic::Cvtsd2si, Mnemonic::Vcvtsd2si, |cx, i| to_integer(cx, i, F64, true)),
    (Mnemonic::Cvtss2si, Mnemonic::Vcvtss2si, |cx, i| to_integer(cx, i, F32, true)),
    (Mnemonic::Cvttps2dq, Mnemonic::Vcvttps2dq, |cx, i| singles_to_integers(cx, i, false)),
    (Mnemonic::Cvtps2dq, Mnemonic::Vcvtps2dq, |cx, i| singles_to_integers(cx, i, true)),
    (Mnemonic::Cvttpd2dq, Mnemonic::Vcvttpd2dq, |cx, i| narrowed(cx, i, host::truncated)),
    (Mnemonic::Cvtpd2dq, Mnemonic::Vcvtpd2dq, cvtpd2dq),
    (Mnemonic::Cvtpd2ps, Mnemonic::Vcvtpd2ps, |cx, i| narrowed(cx, i, demoted)),
    (Mnemonic::Cvtsd2ss, Mnemonic::Vcvtsd2ss, cvtsd2ss),
    (Mnemonic::Cvtss2sd, Mnemonic::Vcvtss2sd, cvtss2sd),
    (Mnemonic::Cvtdq2ps, Mnemonic::Vcvtdq2ps, cvtdq2ps),
    (Mnemonic::Cvtdq2pd, Mnemonic::Vcvtdq2pd, cvtdq2pd),
    (Mnemonic::Cvtps2pd, Mnemonic::Vcvtps2pd, cvtps2pd),
];

/// CVTSI2SD, CVTSI2SS.
fn from_integer(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let v = cx.read(i, sources(i)[1])?;
    let r = cx.b.ins().fcvt_from_sint(ty, v);
    set_scalar(cx, i, r)
}

/// CVTTSD2SI, CVTSD2SI and the like: truncated or rounded; the most negative integer if it doesn't fit or isn't a number.
fn to_integer(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, round: bool) -> Option<()> {
    let w = cx.width(i, 0)?;
    let v = scalar_operand(cx, i, 1, ty)?;
    let v = if round { nearest(cx, i, v) } else { v };
    let r = cx.b.ins().fcvt_to_sint_sat(int(w), v);
    // Too small a number gives the most negative one already.
    let limit = power_of_two(cx, ty, w.bits() - 1);
    let fits = cx.b.ins().fcmp(FloatCC::LessThan, v, limit);
    let indefinite = cx.iconst(w, 1 << (w.bits() - 1));
    let r = cx.b.ins().select(fits, r, indefinite);
    cx.write(i, 0, r)
}

/// `v` rounded as MXCSR says.
pub(super) fn nearest(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Value {
    cx.require_nearest(i);
    cx.b.ins().nearest(v)
}

/// CVTTPS2DQ, CVTPS2DQ.
fn singles_to_integers(cx: &mut Lift<'_, '_>, i: &Instruction, round: bool) -> Option<()> {
    packed_unary(cx, i, F32X4, |cx, v| {
        let v = if round { nearest(cx, i, v) } else { v };
        host::truncated(cx, v)
    })
}

/// CVTPD2DQ.
fn cvtpd2dq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    cx.require_nearest(i);
    narrowed(cx, i, |cx, v| {
        let v = cx.b.ins().nearest(v);
        host::truncated(cx, v)
    })
}

/// Elements of half the width, which `f` makes of two doubles, zero above them: those of 256 bits make one vector of 128.
fn narrowed(cx: &mut Lift<'_, '_>, i: &Instruction, f: Unary) -> Option<()> {
    let v = cx.halves(i, 1, F64X2)?.map(|_, v| f(cx, v));
    let Some(high) = v.high else { return cx.set_halves(i, v) };
    let (low, high) = (cx.cast(v.low, I8X16), cx.cast(high, I8X16));
    let r = shuffle(cx, low, high, elements(8, |n| 2 * n));
    cx.set_halves(i, Halves::low(r))
}

fn power_of_two(cx: &mut Lift<'_, '_>, ty: Type, n: u32) -> Value {
    let v = 2f64.powi(n as i32);
    if ty == F64 { cx.b.ins().f64const(v) } else { cx.b.ins().f32const(v as f32) }
}

/// CVTSD2SS.
fn cvtsd2ss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    scalar_unary(cx, i, F64, demoted)
}

/// A double as a single, or two, with zero above them.
fn demoted(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let demote = |cx: &mut Lift<'_, '_>, v| if cx.type_of(v) == F64 { cx.b.ins().fdemote(F32, v) } else { cx.b.ins().fvdemote(v) };
    let r = demote(cx, v);
    let again = |cx: &mut Lift<'_, '_>| {
        let v = host::scaled(cx, v, cx.type_of(r));
        demote(cx, v)
    };
    host::settled(cx, r, &[v], Small::Rounded(&again))
}

/// CVTSS2SD.
fn cvtss2sd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    scalar_unary(cx, i, F32, |cx, v| cx.b.ins().fpromote(F64, v))
}

/// CVTDQ2PS.
fn cvtdq2ps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    packed_unary(cx, i, I32X4, |cx, v| cx.b.ins().fcvt_from_sint(F32X4, v))
}

/// What of operand 1 becomes doubles: four elements if the destination has 256 bits, else two; as a vector of type `ty`.
fn narrow(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<Value> {
    if i.op_kind(1) == OpKind::Register || i.op0_register().is_ymm() {
        return cx.low_operand(i, 1, ty);
    }
    let v = cx.double_operand(i, 1)?;
    let v = cx.b.ins().scalar_to_vector(F64X2, v);
    Some(cx.cast(v, ty))
}

/// CVTDQ2PD.
fn cvtdq2pd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, v) = (vector_number(i.op0_register())?, narrow(cx, i, I32X4)?);
    let element = |cx: &mut Lift<'_, '_>, n| {
        let lane = cx.b.ins().extractlane(v, n);
        cx.b.ins().fcvt_from_sint(F64, lane)
    };
    let (a, b) = (element(cx, 0), element(cx, 1));
    if i.op0_register().is_ymm() {
        let (c, d) = (element(cx, 2), element(cx, 3));
        let c = cx.b.ins().scalar_to_vector(F64X2, c);
        let upper = cx.b.ins().insertlane(c, d, 1);
        cx.set_upper(to, upper);
    } else {
        cx.extend(i, to);
    }
    cx.set_xmm_halves(to, a, b);
    Some(())
}

/// CVTPS2PD.
fn cvtps2pd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = narrow(cx, i, F32X4)?;
    let low = cx.b.ins().fvpromote_low(v);
    let high = i.op0_register().is_ymm().then(|| {
        let v = cx.cast(v, I8X16);
        let v = shuffle(cx, v, v, elements(8, |_| 1));
        let v = cx.cast(v, F32X4);
        cx.b.ins().fvpromote_low(v)
    });
    cx.set_halves(i, Halves { low, high })
}
