//! What of MMX has no form with vector registers, and what moves between both. SDM vol. 1, 5.4, 5.5.1.6, 5.6.1.6.
//!
//! MASKMOVQ is left to the interpreter.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    types::{F32X4, F64, F64X2, I32, I32X4, I64},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic};

use super::sse_convert::nearest;
use super::sse_shuffle::pshufmmx;
use super::{LiftFn, host};
use crate::cx::{Halves, Lift, mmx_number, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Emms, emms),
    (Mnemonic::Pshufw, pshufmmx),
    (Mnemonic::Movntq, movq),
    (Mnemonic::Movq2dq, movq2dq),
    (Mnemonic::Movdq2q, movdq2q),
    (Mnemonic::Cvtpi2ps, cvtpi2ps),
    (Mnemonic::Cvtpi2pd, cvtpi2pd),
    (Mnemonic::Cvtps2pi, |cx, i| singles(cx, i, true)),
    (Mnemonic::Cvttps2pi, |cx, i| singles(cx, i, false)),
    (Mnemonic::Cvtpd2pi, |cx, i| doubles(cx, i, true)),
    (Mnemonic::Cvttpd2pi, |cx, i| doubles(cx, i, false)),
];

/// EMMS.
fn emms(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.leave_mmx();
    Some(())
}

/// MOVD of an MMX register, zero-extended into one, and MOVQ between it and a general register.
pub(super) fn movd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if let Some(to) = mmx_number(i.op0_register()) {
        let v = cx.read(i, 1)?;
        let v = cx.zext(v, I64);
        cx.set_mmx(to, v);
        return Some(());
    }
    let v = cx.mmx(mmx_number(i.op1_register())?);
    let v = cx.cast(v, I64);
    let v = if cx.width(i, 0)? == Width::B4 { cx.zext(v, I32) } else { v };
    cx.write(i, 0, v)?;
    cx.enter_mmx();
    Some(())
}

/// MOVQ, MOVNTQ of an MMX register, from or to another or memory.
pub(super) fn movq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = match mmx_number(i.op1_register()) {
        Some(from) => cx.mmx(from),
        None => cx.double_operand(i, 1)?,
    };
    if let Some(to) = mmx_number(i.op0_register()) {
        cx.set_mmx(to, v);
        return Some(());
    }
    let a = cx.addr(i)?;
    cx.store(v, a);
    cx.enter_mmx();
    Some(())
}

/// MOVQ2DQ: to the low half of a vector register, the high one being cleared.
fn movq2dq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.mmx(mmx_number(i.op1_register())?);
    cx.enter_mmx();
    cx.set_xmm_low_zero(xmm_number(i.op0_register())?, v);
    Some(())
}

/// MOVDQ2Q.
fn movdq2q(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.xmm_low(xmm_number(i.op1_register())?);
    cx.set_mmx(mmx_number(i.op0_register())?, v);
    Some(())
}

/// Two integers, from an MMX register or from memory, which leaves the x87 alone.
fn integers(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<Value> {
    let v = match mmx_number(i.op1_register()) {
        Some(from) => {
            let v = cx.mmx(from);
            cx.enter_mmx();
            v
        }
        None => cx.double_operand(i, 1)?,
    };
    let v = cx.b.ins().scalar_to_vector(F64X2, v);
    Some(cx.cast(v, I32X4))
}

/// CVTPI2PS: the high half stays.
fn cvtpi2ps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = integers(cx, i)?;
    let r = cx.b.ins().fcvt_from_sint(F32X4, v);
    let r = cx.lane(r, F64X2, 0);
    cx.set_xmm_low(xmm_number(i.op0_register())?, r);
    Some(())
}

/// CVTPI2PD.
fn cvtpi2pd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = integers(cx, i)?;
    let [low, high] = [0, 1].map(|n| {
        let lane = cx.b.ins().extractlane(v, n);
        cx.b.ins().fcvt_from_sint(F64, lane)
    });
    cx.set_xmm_halves(xmm_number(i.op0_register())?, low, high);
    Some(())
}

/// CVTPS2PI, CVTTPS2PI.
fn singles(cx: &mut Lift<'_, '_>, i: &Instruction, round: bool) -> Option<()> {
    let v = cx.double_operand(i, 1)?;
    let v = cx.b.ins().scalar_to_vector(F64X2, v);
    let v = cx.cast(v, F32X4);
    converted(cx, i, v, round)
}

/// CVTPD2PI, CVTTPD2PI.
fn doubles(cx: &mut Lift<'_, '_>, i: &Instruction, round: bool) -> Option<()> {
    let v = cx.halves(i, 1, F64X2)?;
    converted(cx, i, v.low, round)
}

fn converted(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value, round: bool) -> Option<()> {
    let v = if round { nearest(cx, i, v) } else { v };
    let r = host::truncated(cx, v);
    cx.set_halves(i, Halves::low(r))
}
