//! Shuffles, packs, inserts and extracts. SDM vol. 1, 5.5.1.5, 5.6.1.4, 5.6.3, 5.9, 5.10.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lift, int, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Punpcklbw, |cx, i| unpack(cx, i, 1, 0)),
    (Mnemonic::Punpcklwd, |cx, i| unpack(cx, i, 2, 0)),
    (Mnemonic::Punpckldq, |cx, i| unpack(cx, i, 4, 0)),
    (Mnemonic::Punpcklqdq, |cx, i| unpack(cx, i, 8, 0)),
    (Mnemonic::Unpcklps, |cx, i| unpack(cx, i, 4, 0)),
    (Mnemonic::Unpcklpd, |cx, i| unpack(cx, i, 8, 0)),
    (Mnemonic::Punpckhbw, |cx, i| unpack(cx, i, 1, 8)),
    (Mnemonic::Punpckhwd, |cx, i| unpack(cx, i, 2, 8)),
    (Mnemonic::Punpckhdq, |cx, i| unpack(cx, i, 4, 8)),
    (Mnemonic::Punpckhqdq, |cx, i| unpack(cx, i, 8, 8)),
    (Mnemonic::Unpckhps, |cx, i| unpack(cx, i, 4, 8)),
    (Mnemonic::Unpckhpd, |cx, i| unpack(cx, i, 8, 8)),
    (Mnemonic::Pshufd, pshufd),
    (Mnemonic::Pshuflw, |cx, i| pshufw(cx, i, 0)),
    (Mnemonic::Pshufhw, |cx, i| pshufw(cx, i, 4)),
    (Mnemonic::Shufps, shufps),
    (Mnemonic::Shufpd, shufpd),
    (Mnemonic::Pshufb, pshufb),
    (Mnemonic::Palignr, palignr),
    (Mnemonic::Pslldq, pslldq),
    (Mnemonic::Psrldq, psrldq),
    (Mnemonic::Movshdup, |cx, i| duplicate(cx, i, 1)),
    (Mnemonic::Movsldup, |cx, i| duplicate(cx, i, 0)),
    (Mnemonic::Packsswb, |cx, i| pack(cx, i, I16X8, |cx, a, b| cx.b.ins().snarrow(a, b))),
    (Mnemonic::Packssdw, |cx, i| pack(cx, i, I32X4, |cx, a, b| cx.b.ins().snarrow(a, b))),
    (Mnemonic::Packuswb, |cx, i| pack(cx, i, I16X8, |cx, a, b| cx.b.ins().unarrow(a, b))),
    (Mnemonic::Packusdw, |cx, i| pack(cx, i, I32X4, |cx, a, b| cx.b.ins().unarrow(a, b))),
    (Mnemonic::Pinsrb, |cx, i| insert(cx, i, I8X16)),
    (Mnemonic::Pinsrw, |cx, i| insert(cx, i, I16X8)),
    (Mnemonic::Pinsrd, |cx, i| insert(cx, i, I32X4)),
    (Mnemonic::Pinsrq, |cx, i| insert(cx, i, I64X2)),
    (Mnemonic::Pextrb, |cx, i| extract(cx, i, I8X16)),
    (Mnemonic::Pextrw, |cx, i| extract(cx, i, I16X8)),
    (Mnemonic::Pextrd, |cx, i| extract(cx, i, I32X4)),
    (Mnemonic::Pextrq, |cx, i| extract(cx, i, I64X2)),
    (Mnemonic::Extractps, |cx, i| extract(cx, i, I32X4)),
    (Mnemonic::Pmovzxbw, |cx, i| widen(cx, i, I8X16, 1, false)),
    (Mnemonic::Pmovzxbd, |cx, i| widen(cx, i, I8X16, 2, false)),
    (Mnemonic::Pmovzxwd, |cx, i| widen(cx, i, I16X8, 1, false)),
    (Mnemonic::Pmovzxdq, |cx, i| widen(cx, i, I32X4, 1, false)),
    (Mnemonic::Pmovsxbw, |cx, i| widen(cx, i, I8X16, 1, true)),
    (Mnemonic::Pmovsxbd, |cx, i| widen(cx, i, I8X16, 2, true)),
    (Mnemonic::Pmovsxwd, |cx, i| widen(cx, i, I16X8, 1, true)),
    (Mnemonic::Pmovsxdq, |cx, i| widen(cx, i, I32X4, 1, true)),
    (Mnemonic::Pblendw, pblendw),
    (Mnemonic::Blendps, |cx, i| blend(cx, i, 4)),
    (Mnemonic::Blendpd, |cx, i| blend(cx, i, 8)),
];

/// A shuffle of the bytes of `a` (0–15) and `b` (16–31).
pub(super) fn shuffle(cx: &mut Lift<'_, '_>, a: Value, b: Value, lanes: [u8; 16]) -> Value {
    let mask = cx.b.func.dfg.immediates.push(lanes.as_slice().into());
    cx.b.ins().shuffle(a, b, mask)
}

/// Shuffles the destination (0–15) and the source (16–31) into the destination.
fn two(cx: &mut Lift<'_, '_>, i: &Instruction, lanes: [u8; 16]) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, I8X16)?;
    let a = cx.xmm(to, I8X16);
    let r = shuffle(cx, a, b, lanes);
    cx.set_xmm(to, r);
    Some(())
}

/// Shuffles the source into the destination.
fn one(cx: &mut Lift<'_, '_>, i: &Instruction, lanes: [u8; 16]) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, I8X16)?;
    let r = shuffle(cx, b, b, lanes);
    cx.set_xmm(to, r);
    Some(())
}

/// The bytes of elements of `size` bytes, from the number of the element that each takes (those of the second operand counted on).
pub(super) fn elements(size: u8, f: impl Fn(u8) -> u8) -> [u8; 16] {
    core::array::from_fn(|n| f(n as u8 / size) * size + n as u8 % size)
}

/// Interleaves elements of `size` bytes from byte `from` of both operands on.
fn unpack(cx: &mut Lift<'_, '_>, i: &Instruction, size: u8, from: u8) -> Option<()> {
    let count = 16 / size;
    two(cx, i, elements(size, |n| from / size + n / 2 + if n % 2 == 0 { 0 } else { count }))
}

/// PSHUFD.
fn pshufd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    one(cx, i, elements(4, |n| imm >> (2 * n) & 3))
}

/// PSHUFLW, PSHUFHW: the four words from `first` on.
fn pshufw(cx: &mut Lift<'_, '_>, i: &Instruction, first: u8) -> Option<()> {
    let imm = i.immediate8();
    one(cx, i, elements(2, |n| if n & 4 == first { first + (imm >> (2 * (n & 3)) & 3) } else { n }))
}

/// SHUFPS: two singles of the destination, two of the source.
fn shufps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, elements(4, |n| (imm >> (2 * n) & 3) + if n < 2 { 0 } else { 4 }))
}

/// SHUFPD: one double of the destination, one of the source.
fn shufpd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, elements(8, |n| (imm >> n & 1) + 2 * n))
}

/// MOVSHDUP, MOVSLDUP: each odd or even single twice.
fn duplicate(cx: &mut Lift<'_, '_>, i: &Instruction, odd: u8) -> Option<()> {
    one(cx, i, elements(4, |n| n & 2 | odd))
}

/// PSHUFB: a byte selected by each byte of the source, or zero if its top bit is set.
fn pshufb(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, I8X16)?;
    let a = cx.xmm(to, I8X16);
    // A selector of 16 or more gives zero.
    let mask = cx.iconst(Width::B1, 0x8f);
    let mask = cx.b.ins().splat(I8X16, mask);
    let selector = cx.b.ins().band(b, mask);
    let r = cx.b.ins().swizzle(a, selector);
    cx.set_xmm(to, r);
    Some(())
}

/// PALIGNR: sixteen bytes of destination:source, from a byte on.
fn palignr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let n = i.immediate8();
    let low = cx.vec_operand(i, 1, I8X16)?;
    let high = cx.xmm(to, I8X16);
    let zero = cx.zero_vector();
    let r = match n {
        0..=16 => window(cx, low, high, n),
        17..=31 => window(cx, high, zero, n - 16),
        _ => zero,
    };
    cx.set_xmm(to, r);
    Some(())
}

/// Bytes `n` to `n + 15` of `high:low`, n up to 16.
fn window(cx: &mut Lift<'_, '_>, low: Value, high: Value, n: u8) -> Value {
    match n {
        0 => low,
        16 => high,
        _ => shuffle(cx, low, high, core::array::from_fn(|k| k as u8 + n)),
    }
}

/// PSLLDQ: shifted left by bytes.
fn pslldq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let (a, zero) = (cx.xmm(to, I8X16), cx.zero_vector());
    let r = window(cx, zero, a, 16 - i.immediate8().min(16));
    cx.set_xmm(to, r);
    Some(())
}

/// PSRLDQ: shifted right by bytes.
fn psrldq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let (a, zero) = (cx.xmm(to, I8X16), cx.zero_vector());
    let r = window(cx, a, zero, i.immediate8().min(16));
    cx.set_xmm(to, r);
    Some(())
}

/// PBLENDW.
fn pblendw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    blend(cx, i, 2)
}

/// Elements of the source where the immediate has a one, of the destination elsewhere.
fn blend(cx: &mut Lift<'_, '_>, i: &Instruction, size: u8) -> Option<()> {
    let imm = i.immediate8();
    let count = 16 / size;
    two(cx, i, elements(size, |n| if imm >> n & 1 != 0 { n + count } else { n }))
}

type Pack = fn(&mut Lift<'_, '_>, Value, Value) -> Value;

/// PACKSSWB and the like: both operands, narrowed with saturation.
fn pack(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Pack) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let b = cx.vec_operand(i, 1, ty)?;
    let a = cx.xmm(to, ty);
    let r = f(cx, a, b);
    cx.set_xmm(to, r);
    Some(())
}

/// PINSRB and the like. The lane counts modulo their number.
fn insert(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = cx.read(i, 1)?;
    let v = cx.zext(v, ty.lane_type());
    let a = cx.xmm(to, ty);
    let r = cx.b.ins().insertlane(a, v, lane(i, ty));
    cx.set_xmm(to, r);
    Some(())
}

/// PEXTRB and the like: zero-extended into a register.
fn extract(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let from = xmm_number(i.op1_register())?;
    let v = cx.xmm(from, ty);
    let v = cx.b.ins().extractlane(v, lane(i, ty));
    let w = cx.width(i, 0)?;
    let v = if i.op_kind(0) == OpKind::Memory { v } else { cx.zext(v, int(w)) };
    cx.write(i, 0, v)
}

fn lane(i: &Instruction, ty: Type) -> u8 {
    i.immediate8() & (ty.lane_count() as u8 - 1)
}

/// PMOVZX, PMOVSX: the lowest elements, doubled in width `times` times.
fn widen(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, times: u32, signed: bool) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let mut v = match i.op_kind(1) {
        OpKind::Register => cx.xmm(xmm_number(i.op1_register())?, ty),
        _ => {
            let (v, whole) = match i.memory_size().size() {
                8 => (cx.double_operand(i, 1)?, F64X2),
                4 => (cx.single_operand(i, 1)?, F32X4),
                _ => return None,
            };
            let v = cx.b.ins().scalar_to_vector(whole, v);
            cx.cast(v, ty)
        }
    };
    for _ in 0..times {
        v = if signed { cx.b.ins().swiden_low(v) } else { cx.b.ins().uwiden_low(v) };
    }
    cx.set_xmm(to, v);
    Some(())
}
