//! Integers in vectors: arithmetic, comparison, logic and shifts. SDM vol. 1, 5.6.3, 5.8, 5.10.
//!
//! The same mnemonics on MMX registers are left to the interpreter.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{F64X2, I8X16, I16X8, I32X4, I64, I64X2},
};
use forklift_x86::{CcKind, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lazy, Lift, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Paddb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Psubb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Paddsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().sadd_sat(a, b))),
    (Mnemonic::Paddsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().sadd_sat(a, b))),
    (Mnemonic::Paddusb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().uadd_sat(a, b))),
    (Mnemonic::Paddusw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().uadd_sat(a, b))),
    (Mnemonic::Psubsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().ssub_sat(a, b))),
    (Mnemonic::Psubsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().ssub_sat(a, b))),
    (Mnemonic::Psubusb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().usub_sat(a, b))),
    (Mnemonic::Psubusw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().usub_sat(a, b))),
    (Mnemonic::Pmullw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().imul(a, b))),
    (Mnemonic::Pmulld, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().imul(a, b))),
    (Mnemonic::Pmuludq, |cx, i| packed(cx, i, I64X2, pmuludq)),
    (Mnemonic::Pmaddwd, |cx, i| packed(cx, i, I16X8, pmaddwd)),
    (Mnemonic::Pavgb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().avg_round(a, b))),
    (Mnemonic::Pavgw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().avg_round(a, b))),
    (Mnemonic::Pminub, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminuw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminud, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pminsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pminsd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pmaxub, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxuw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxud, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pmaxsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pmaxsd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pcmpeqb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpgtb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pabsb, |cx, i| absolute(cx, i, I8X16)),
    (Mnemonic::Pabsw, |cx, i| absolute(cx, i, I16X8)),
    (Mnemonic::Pabsd, |cx, i| absolute(cx, i, I32X4)),
    (Mnemonic::Pand, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Andps, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Andpd, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Pandn, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Andnps, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Andnpd, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Por, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Orps, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Orpd, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Pxor, xor),
    (Mnemonic::Xorps, xor),
    (Mnemonic::Xorpd, xor),
    (Mnemonic::Ptest, ptest),
    (Mnemonic::Psllw, |cx, i| shift(cx, i, I16X8, CcKind::Shl)),
    (Mnemonic::Pslld, |cx, i| shift(cx, i, I32X4, CcKind::Shl)),
    (Mnemonic::Psllq, |cx, i| shift(cx, i, I64X2, CcKind::Shl)),
    (Mnemonic::Psrlw, |cx, i| shift(cx, i, I16X8, CcKind::Shr)),
    (Mnemonic::Psrld, |cx, i| shift(cx, i, I32X4, CcKind::Shr)),
    (Mnemonic::Psrlq, |cx, i| shift(cx, i, I64X2, CcKind::Shr)),
    (Mnemonic::Psraw, |cx, i| shift(cx, i, I16X8, CcKind::Sar)),
    (Mnemonic::Psrad, |cx, i| shift(cx, i, I32X4, CcKind::Sar)),
];

type Op = fn(&mut Lift<'_, '_>, Value, Value) -> Value;

/// An operation on all elements.
pub(super) fn packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, ty)?;
    let a = cx.xmm(to, ty);
    let r = f(cx, a, b);
    cx.set_xmm(to, r);
    Some(())
}

/// PABSB and the like.
fn absolute(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = cx.vec_operand(i, 1, ty)?;
    let r = cx.b.ins().iabs(v);
    cx.set_xmm(to, r);
    Some(())
}

fn and(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.b.ins().band(a, b)
}

fn andn(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.b.ins().band_not(b, a)
}

fn or(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.b.ins().bor(a, b)
}

/// PXOR, XORPS, XORPD; of a register with itself, a zero that depends on nothing.
fn xor(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    match xmm_number(i.op0_register()) {
        Some(to) if i.op_kind(1) == OpKind::Register && i.op0_register() == i.op1_register() => {
            cx.clear_xmm(to);
            Some(())
        }
        _ => packed(cx, i, I8X16, |cx, a, b| cx.b.ins().bxor(a, b)),
    }
}

/// PMULUDQ: products of the low halves of 64-bit elements.
fn pmuludq(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let mask = cx.b.ins().iconst(I64, 0xffff_ffff);
    let mask = cx.b.ins().splat(I64X2, mask);
    let (a, b) = (cx.b.ins().band(a, mask), cx.b.ins().band(b, mask));
    cx.b.ins().imul(a, b)
}

/// PMADDWD: sums of neighbouring products.
fn pmaddwd(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let (al, bl) = (cx.b.ins().swiden_low(a), cx.b.ins().swiden_low(b));
    let (ah, bh) = (cx.b.ins().swiden_high(a), cx.b.ins().swiden_high(b));
    let (low, high) = (cx.b.ins().imul(al, bl), cx.b.ins().imul(ah, bh));
    cx.b.ins().iadd_pairwise(low, high)
}

/// PTEST: ZF = no common bit, CF = the source has no bit that the destination lacks; the other flags are cleared.
fn ptest(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, I8X16)?;
    let a = cx.xmm(to, I8X16);
    let (common, only_b) = (cx.b.ins().band(a, b), cx.b.ins().band_not(b, a));
    let (zf, cf) = (none_set(cx, common), none_set(cx, only_b));
    let (zf, cf) = (cx.flag_bit(zf, bits::ZF), cx.flag_bit(cf, bits::CF));
    let raw = cx.b.ins().bor(zf, cf);
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, raw));
    Some(())
}

fn none_set(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let any = cx.b.ins().vany_true(v);
    cx.b.ins().bxor_imm_u(any, 1)
}

/// Shifts of all elements by a constant, or by the low 64 bits of a register or memory; a count of the width or more gives zero, or the sign.
fn shift(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, kind: CcKind) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let width = u64::from(ty.lane_bits());
    let n = match i.op_kind(1) {
        OpKind::Register | OpKind::Memory => {
            let v = cx.vec_operand(i, 1, F64X2)?;
            cx.lane(v, I64X2, 0)
        }
        _ => cx.iconst(Width::B8, u64::from(i.immediate8())),
    };
    let a = cx.xmm(to, ty);
    let r = match cx.as_const(n) {
        Some(c) if c >= width && kind != CcKind::Sar => cx.zero_vector(),
        Some(c) => {
            let n = cx.iconst(Width::B4, c.min(width - 1));
            shifted(cx, kind, a, n)
        }
        None => shifted_by(cx, kind, a, n, width),
    };
    cx.set_xmm(to, r);
    Some(())
}

fn shifted(cx: &mut Lift<'_, '_>, kind: CcKind, a: Value, n: Value) -> Value {
    match kind {
        CcKind::Shl => cx.b.ins().ishl(a, n),
        CcKind::Shr => cx.b.ins().ushr(a, n),
        _ => cx.b.ins().sshr(a, n),
    }
}

fn shifted_by(cx: &mut Lift<'_, '_>, kind: CcKind, a: Value, n: Value, width: u64) -> Value {
    let small = cx.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, n, width as i64);
    if kind == CcKind::Sar {
        let most = cx.iconst(Width::B8, width - 1);
        let n = cx.b.ins().select(small, n, most);
        return shifted(cx, kind, a, n);
    }
    let r = shifted(cx, kind, a, n);
    let zero = cx.zero_vector();
    let ty = cx.type_of(r);
    let zero = cx.cast(zero, ty);
    cx.b.ins().select(small, r, zero)
}
