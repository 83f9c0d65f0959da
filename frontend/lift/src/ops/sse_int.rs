//! Integers in vectors: arithmetic, comparison, logic and shifts. SDM vol. 1, 5.6.3, 5.8, 5.10.
//!
//! The same mnemonics on MMX registers are left to the interpreter.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{I8X16, I16X8, I32X4, I64X2},
};
use forklift_x86::{CcKind, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::VectorOps;
use super::lanes::{packed, packed_unary};
use super::sse_product::low_products;
use crate::cx::{Halves, Lazy, Lift, sources};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Paddb, Mnemonic::Vpaddb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddw, Mnemonic::Vpaddw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddd, Mnemonic::Vpaddd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Paddq, Mnemonic::Vpaddq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Psubb, Mnemonic::Vpsubb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubw, Mnemonic::Vpsubw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubd, Mnemonic::Vpsubd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Psubq, Mnemonic::Vpsubq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Paddsb, Mnemonic::Vpaddsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().sadd_sat(a, b))),
    (Mnemonic::Paddsw, Mnemonic::Vpaddsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().sadd_sat(a, b))),
    (Mnemonic::Paddusb, Mnemonic::Vpaddusb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().uadd_sat(a, b))),
    (Mnemonic::Paddusw, Mnemonic::Vpaddusw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().uadd_sat(a, b))),
    (Mnemonic::Psubsb, Mnemonic::Vpsubsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().ssub_sat(a, b))),
    (Mnemonic::Psubsw, Mnemonic::Vpsubsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().ssub_sat(a, b))),
    (Mnemonic::Psubusb, Mnemonic::Vpsubusb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().usub_sat(a, b))),
    (Mnemonic::Psubusw, Mnemonic::Vpsubusw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().usub_sat(a, b))),
    (Mnemonic::Pmullw, Mnemonic::Vpmullw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().imul(a, b))),
    (Mnemonic::Pmulld, Mnemonic::Vpmulld, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().imul(a, b))),
    (Mnemonic::Pmuludq, Mnemonic::Vpmuludq, |cx, i| packed(cx, i, I32X4, |cx, a, b| low_products(cx, a, b, false))),
    (Mnemonic::Pmaddwd, Mnemonic::Vpmaddwd, |cx, i| packed(cx, i, I16X8, pmaddwd)),
    (Mnemonic::Pavgb, Mnemonic::Vpavgb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().avg_round(a, b))),
    (Mnemonic::Pavgw, Mnemonic::Vpavgw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().avg_round(a, b))),
    (Mnemonic::Pminub, Mnemonic::Vpminub, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminuw, Mnemonic::Vpminuw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminud, Mnemonic::Vpminud, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().umin(a, b))),
    (Mnemonic::Pminsb, Mnemonic::Vpminsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pminsw, Mnemonic::Vpminsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pminsd, Mnemonic::Vpminsd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().smin(a, b))),
    (Mnemonic::Pmaxub, Mnemonic::Vpmaxub, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxuw, Mnemonic::Vpmaxuw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxud, Mnemonic::Vpmaxud, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().umax(a, b))),
    (Mnemonic::Pmaxsb, Mnemonic::Vpmaxsb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pmaxsw, Mnemonic::Vpmaxsw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pmaxsd, Mnemonic::Vpmaxsd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().smax(a, b))),
    (Mnemonic::Pcmpeqb, Mnemonic::Vpcmpeqb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqw, Mnemonic::Vpcmpeqw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqd, Mnemonic::Vpcmpeqd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpeqq, Mnemonic::Vpcmpeqq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().icmp(IntCC::Equal, a, b))),
    (Mnemonic::Pcmpgtb, Mnemonic::Vpcmpgtb, |cx, i| packed(cx, i, I8X16, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtw, Mnemonic::Vpcmpgtw, |cx, i| packed(cx, i, I16X8, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtd, Mnemonic::Vpcmpgtd, |cx, i| packed(cx, i, I32X4, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pcmpgtq, Mnemonic::Vpcmpgtq, |cx, i| packed(cx, i, I64X2, |cx, a, b| cx.b.ins().icmp(IntCC::SignedGreaterThan, a, b))),
    (Mnemonic::Pabsb, Mnemonic::Vpabsb, |cx, i| absolute(cx, i, I8X16)),
    (Mnemonic::Pabsw, Mnemonic::Vpabsw, |cx, i| absolute(cx, i, I16X8)),
    (Mnemonic::Pabsd, Mnemonic::Vpabsd, |cx, i| absolute(cx, i, I32X4)),
    (Mnemonic::Pand, Mnemonic::Vpand, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Andps, Mnemonic::Vandps, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Andpd, Mnemonic::Vandpd, |cx, i| packed(cx, i, I8X16, and)),
    (Mnemonic::Pandn, Mnemonic::Vpandn, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Andnps, Mnemonic::Vandnps, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Andnpd, Mnemonic::Vandnpd, |cx, i| packed(cx, i, I8X16, andn)),
    (Mnemonic::Por, Mnemonic::Vpor, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Orps, Mnemonic::Vorps, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Orpd, Mnemonic::Vorpd, |cx, i| packed(cx, i, I8X16, or)),
    (Mnemonic::Pxor, Mnemonic::Vpxor, xor),
    (Mnemonic::Xorps, Mnemonic::Vxorps, xor),
    (Mnemonic::Xorpd, Mnemonic::Vxorpd, xor),
    (Mnemonic::Ptest, Mnemonic::Vptest, ptest),
    (Mnemonic::Psllw, Mnemonic::Vpsllw, |cx, i| shift(cx, i, I16X8, CcKind::Shl)),
    (Mnemonic::Pslld, Mnemonic::Vpslld, |cx, i| shift(cx, i, I32X4, CcKind::Shl)),
    (Mnemonic::Psllq, Mnemonic::Vpsllq, |cx, i| shift(cx, i, I64X2, CcKind::Shl)),
    (Mnemonic::Psrlw, Mnemonic::Vpsrlw, |cx, i| shift(cx, i, I16X8, CcKind::Shr)),
    (Mnemonic::Psrld, Mnemonic::Vpsrld, |cx, i| shift(cx, i, I32X4, CcKind::Shr)),
    (Mnemonic::Psrlq, Mnemonic::Vpsrlq, |cx, i| shift(cx, i, I64X2, CcKind::Shr)),
    (Mnemonic::Psraw, Mnemonic::Vpsraw, |cx, i| shift(cx, i, I16X8, CcKind::Sar)),
    (Mnemonic::Psrad, Mnemonic::Vpsrad, |cx, i| shift(cx, i, I32X4, CcKind::Sar)),
];

/// PABSB and the like.
fn absolute(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    packed_unary(cx, i, ty, |cx, v| cx.b.ins().iabs(v))
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
    let [x, y] = sources(i);
    if i.op_kind(y) == OpKind::Register && i.op_register(x) == i.op_register(y) {
        return cx.clear_vector(i);
    }
    packed(cx, i, I8X16, |cx, a, b| cx.b.ins().bxor(a, b))
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
    let b = cx.halves(i, 1, I8X16)?;
    let a = cx.halves(i, 0, I8X16)?;
    let common = a.zip(b, |_, a, b| cx.b.ins().band(a, b));
    let only_b = a.zip(b, |_, a, b| cx.b.ins().band_not(b, a));
    set_test_flags(cx, common, only_b);
    Some(())
}

/// ZF = no bit is set in the first, CF = none is in the second; the other flags are cleared.
pub(super) fn set_test_flags(cx: &mut Lift<'_, '_>, common: Halves, only_b: Halves) {
    let [zf, cf] = [common, only_b].map(|v| {
        let all = v.high.map_or(v.low, |high| cx.b.ins().bor(v.low, high));
        none_set(cx, all)
    });
    let (zf, cf) = (cx.flag_bit(zf, bits::ZF), cx.flag_bit(cf, bits::CF));
    let raw = cx.b.ins().bor(zf, cf);
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, raw));
}

fn none_set(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let any = cx.b.ins().vany_true(v);
    cx.b.ins().bxor_imm_u(any, 1)
}

/// Shifts of all elements by a constant, or by the low 64 bits of a register or memory; a count of the width or more gives zero, or the sign.
fn shift(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, kind: CcKind) -> Option<()> {
    let [x, y] = sources(i);
    let width = u64::from(ty.lane_bits());
    let n = match i.op_kind(y) {
        // Of 128 bits even if the others have 256.
        OpKind::Register | OpKind::Memory => {
            let v = cx.halves(i, y, I64X2)?;
            cx.lane(v.low, I64X2, 0)
        }
        _ => cx.iconst(Width::B8, u64::from(i.immediate8())),
    };
    let a = cx.halves(i, x, ty)?;
    let r = a.map(|_, a| match cx.as_const(n) {
        Some(c) if c >= width && kind != CcKind::Sar => cx.zero_vector(),
        Some(c) => {
            let n = cx.iconst(Width::B4, c.min(width - 1));
            shifted(cx, kind, a, n)
        }
        None => shifted_by(cx, kind, a, n, width),
    });
    cx.set_halves(i, r)
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
