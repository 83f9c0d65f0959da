//! Shuffles, packs, inserts and extracts. SDM vol. 1, 5.5.1.5, 5.6.1.4, 5.6.3, 5.9, 5.10.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    types::{I8X16, I16X8, I32X4, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::VectorOps;
use super::lanes::{by_lane, packed, packed_unary};
use crate::cx::{Halves, Lift, int, is_mmx, sources};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Punpcklbw, Mnemonic::Vpunpcklbw, |cx, i| unpack(cx, i, 1, 0)),
    (Mnemonic::Punpcklwd, Mnemonic::Vpunpcklwd, |cx, i| unpack(cx, i, 2, 0)),
    (Mnemonic::Punpckldq, Mnemonic::Vpunpckldq, |cx, i| unpack(cx, i, 4, 0)),
    (Mnemonic::Punpcklqdq, Mnemonic::Vpunpcklqdq, |cx, i| unpack(cx, i, 8, 0)),
    (Mnemonic::Unpcklps, Mnemonic::Vunpcklps, |cx, i| unpack(cx, i, 4, 0)),
    (Mnemonic::Unpcklpd, Mnemonic::Vunpcklpd, |cx, i| unpack(cx, i, 8, 0)),
    (Mnemonic::Punpckhbw, Mnemonic::Vpunpckhbw, |cx, i| unpack(cx, i, 1, 8)),
    (Mnemonic::Punpckhwd, Mnemonic::Vpunpckhwd, |cx, i| unpack(cx, i, 2, 8)),
    (Mnemonic::Punpckhdq, Mnemonic::Vpunpckhdq, |cx, i| unpack(cx, i, 4, 8)),
    (Mnemonic::Punpckhqdq, Mnemonic::Vpunpckhqdq, |cx, i| unpack(cx, i, 8, 8)),
    (Mnemonic::Unpckhps, Mnemonic::Vunpckhps, |cx, i| unpack(cx, i, 4, 8)),
    (Mnemonic::Unpckhpd, Mnemonic::Vunpckhpd, |cx, i| unpack(cx, i, 8, 8)),
    (Mnemonic::Pshufd, Mnemonic::Vpshufd, pshufd),
    (Mnemonic::Pshuflw, Mnemonic::Vpshuflw, |cx, i| pshufw(cx, i, 0)),
    (Mnemonic::Pshufhw, Mnemonic::Vpshufhw, |cx, i| pshufw(cx, i, 4)),
    (Mnemonic::Shufps, Mnemonic::Vshufps, shufps),
    (Mnemonic::Shufpd, Mnemonic::Vshufpd, shufpd),
    (Mnemonic::Pshufb, Mnemonic::Vpshufb, pshufb),
    (Mnemonic::Palignr, Mnemonic::Vpalignr, palignr),
    (Mnemonic::Pslldq, Mnemonic::Vpslldq, pslldq),
    (Mnemonic::Psrldq, Mnemonic::Vpsrldq, psrldq),
    (Mnemonic::Movshdup, Mnemonic::Vmovshdup, |cx, i| duplicate(cx, i, 1)),
    (Mnemonic::Movsldup, Mnemonic::Vmovsldup, |cx, i| duplicate(cx, i, 0)),
    (Mnemonic::Packsswb, Mnemonic::Vpacksswb, |cx, i| joined(cx, i, I16X8, |cx, a, b| cx.b.ins().snarrow(a, b))),
    (Mnemonic::Packssdw, Mnemonic::Vpackssdw, |cx, i| joined(cx, i, I32X4, |cx, a, b| cx.b.ins().snarrow(a, b))),
    (Mnemonic::Packuswb, Mnemonic::Vpackuswb, |cx, i| joined(cx, i, I16X8, |cx, a, b| cx.b.ins().unarrow(a, b))),
    (Mnemonic::Packusdw, Mnemonic::Vpackusdw, |cx, i| joined(cx, i, I32X4, |cx, a, b| cx.b.ins().unarrow(a, b))),
    (Mnemonic::Pinsrb, Mnemonic::Vpinsrb, |cx, i| insert(cx, i, I8X16)),
    (Mnemonic::Pinsrw, Mnemonic::Vpinsrw, |cx, i| insert(cx, i, I16X8)),
    (Mnemonic::Pinsrd, Mnemonic::Vpinsrd, |cx, i| insert(cx, i, I32X4)),
    (Mnemonic::Pinsrq, Mnemonic::Vpinsrq, |cx, i| insert(cx, i, I64X2)),
    (Mnemonic::Insertps, Mnemonic::Vinsertps, insertps),
    (Mnemonic::Pextrb, Mnemonic::Vpextrb, |cx, i| extract(cx, i, I8X16)),
    (Mnemonic::Pextrw, Mnemonic::Vpextrw, |cx, i| extract(cx, i, I16X8)),
    (Mnemonic::Pextrd, Mnemonic::Vpextrd, |cx, i| extract(cx, i, I32X4)),
    (Mnemonic::Pextrq, Mnemonic::Vpextrq, |cx, i| extract(cx, i, I64X2)),
    (Mnemonic::Extractps, Mnemonic::Vextractps, |cx, i| extract(cx, i, I32X4)),
    (Mnemonic::Pmovzxbw, Mnemonic::Vpmovzxbw, |cx, i| widen(cx, i, I8X16, 1, false)),
    (Mnemonic::Pmovzxbd, Mnemonic::Vpmovzxbd, |cx, i| widen(cx, i, I8X16, 2, false)),
    (Mnemonic::Pmovzxwd, Mnemonic::Vpmovzxwd, |cx, i| widen(cx, i, I16X8, 1, false)),
    (Mnemonic::Pmovzxdq, Mnemonic::Vpmovzxdq, |cx, i| widen(cx, i, I32X4, 1, false)),
    (Mnemonic::Pmovsxbw, Mnemonic::Vpmovsxbw, |cx, i| widen(cx, i, I8X16, 1, true)),
    (Mnemonic::Pmovsxbd, Mnemonic::Vpmovsxbd, |cx, i| widen(cx, i, I8X16, 2, true)),
    (Mnemonic::Pmovsxwd, Mnemonic::Vpmovsxwd, |cx, i| widen(cx, i, I16X8, 1, true)),
    (Mnemonic::Pmovsxdq, Mnemonic::Vpmovsxdq, |cx, i| widen(cx, i, I32X4, 1, true)),
    (Mnemonic::Pblendw, Mnemonic::Vpblendw, pblendw),
    (Mnemonic::Blendps, Mnemonic::Vblendps, |cx, i| blend(cx, i, 4)),
    (Mnemonic::Blendpd, Mnemonic::Vblendpd, |cx, i| blend(cx, i, 8)),
];

/// A shuffle of the bytes of `a` (0–15) and `b` (16–31).
pub(super) fn shuffle(cx: &mut Lift<'_, '_>, a: Value, b: Value, lanes: [u8; 16]) -> Value {
    let mask = cx.b.func.dfg.immediates.push(lanes.as_slice().into());
    cx.b.ins().shuffle(a, b, mask)
}

/// Shuffles the sources (0–15, 16–31) into the destination. `lanes` gets the number of the half.
fn two(cx: &mut Lift<'_, '_>, i: &Instruction, lanes: impl Fn(u8) -> [u8; 16]) -> Option<()> {
    by_lane(cx, i, I8X16, |cx, half, a, b| shuffle(cx, a, b, lanes(half)))
}

/// Shuffles each half of operand 1 into the destination.
fn one(cx: &mut Lift<'_, '_>, i: &Instruction, lanes: [u8; 16]) -> Option<()> {
    packed_unary(cx, i, I8X16, |cx, v| shuffle(cx, v, v, lanes))
}

/// The bytes of elements of `size` bytes, from the number of the element that each takes (those of the second operand counted on).
pub(super) fn elements(size: u8, f: impl Fn(u8) -> u8) -> [u8; 16] {
    core::array::from_fn(|n| f(n as u8 / size) * size + n as u8 % size)
}

/// Interleaves elements of `size` bytes from byte `from` of both operands on.
fn unpack(cx: &mut Lift<'_, '_>, i: &Instruction, size: u8, from: u8) -> Option<()> {
    let count = 16 / size;
    // An MMX register is a low half.
    let from = if is_mmx(i) { from / 2 } else { from };
    two(cx, i, |_| elements(size, |n| from / size + n / 2 + if n % 2 == 0 { 0 } else { count }))
}

/// An operation that puts what it makes of the second source behind what it makes of the first: so those of MMX become one vector first.
pub(super) fn joined(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: impl Fn(&mut Lift<'_, '_>, Value, Value) -> Value) -> Option<()> {
    if !is_mmx(i) {
        return packed(cx, i, ty, f);
    }
    packed(cx, i, I8X16, |cx, a, b| {
        let both = shuffle(cx, a, b, elements(8, |n| 2 * n));
        let both = cx.cast(both, ty);
        let r = f(cx, both, both);
        cx.cast(r, I8X16)
    })
}

/// PSHUFW.
pub(super) fn pshufmmx(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    one(cx, i, elements(2, |n| imm >> (2 * (n & 3)) & 3))
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

/// SHUFPS: two singles of the first source, two of the second.
fn shufps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, |_| elements(4, |n| (imm >> (2 * n) & 3) + if n < 2 { 0 } else { 4 }))
}

/// SHUFPD: one double of the first source, one of the second. Each half has bits of its own in the immediate.
fn shufpd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, |half| elements(8, |n| (imm >> (2 * half + n) & 1) + 2 * n))
}

/// MOVSHDUP, MOVSLDUP: each odd or even single twice.
fn duplicate(cx: &mut Lift<'_, '_>, i: &Instruction, odd: u8) -> Option<()> {
    one(cx, i, elements(4, |n| n & 2 | odd))
}

/// PSHUFB: a byte selected by each byte of the second source, or zero if its top bit is set.
fn pshufb(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let mask = if is_mmx(i) { 0x87 } else { 0x8f };
    packed(cx, i, I8X16, |cx, a, b| {
        // A selector of 16 or more gives zero.
        let mask = cx.iconst(Width::B1, mask);
        let mask = cx.b.ins().splat(I8X16, mask);
        let selector = cx.b.ins().band(b, mask);
        cx.b.ins().swizzle(a, selector)
    })
}

/// PALIGNR: sixteen bytes of first:second source, from a byte on.
fn palignr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let n = i.immediate8();
    if is_mmx(i) {
        return packed(cx, i, I8X16, |cx, high, low| {
            let both = shuffle(cx, low, high, elements(8, |n| 2 * n));
            let zero = cx.zero_vector();
            window(cx, both, zero, n.min(16))
        });
    }
    packed(cx, i, I8X16, |cx, high, low| match n {
        0..=16 => window(cx, low, high, n),
        17..=31 => {
            let zero = cx.zero_vector();
            window(cx, high, zero, n - 16)
        }
        _ => cx.zero_vector(),
    })
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
    let n = i.immediate8().min(16);
    by_bytes(cx, i, |cx, a, zero| window(cx, zero, a, 16 - n))
}

/// PSRLDQ: shifted right by bytes.
fn psrldq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let n = i.immediate8().min(16);
    by_bytes(cx, i, |cx, a, zero| window(cx, a, zero, n))
}

fn by_bytes(cx: &mut Lift<'_, '_>, i: &Instruction, f: impl Fn(&mut Lift<'_, '_>, Value, Value) -> Value) -> Option<()> {
    let a = cx.halves(i, sources(i)[0], I8X16)?;
    let zero = cx.zero_vector();
    let r = a.map(|_, a| f(cx, a, zero));
    cx.set_halves(i, r)
}

/// PBLENDW: both halves by the same immediate.
fn pblendw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, |_| blended(2, imm))
}

/// BLENDPS, BLENDPD: each half by bits of its own.
fn blend(cx: &mut Lift<'_, '_>, i: &Instruction, size: u8) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, |half| blended(size, imm >> (half * 16 / size)))
}

/// Elements of the second source where `imm` has a one, of the first elsewhere.
pub(super) fn blended(size: u8, imm: u8) -> [u8; 16] {
    let count = 16 / size;
    elements(size, |n| if imm >> n & 1 != 0 { n + count } else { n })
}

/// PINSRB and the like. The lane counts modulo their number.
fn insert(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let [x, y] = sources(i);
    let v = cx.read(i, y)?;
    let v = cx.zext(v, ty.lane_type());
    let a = cx.halves(i, x, ty)?;
    let r = cx.b.ins().insertlane(a.low, v, lane(i, ty));
    cx.set_halves(i, Halves::low(r))
}

/// INSERTPS: an element of the second source, or of memory, in place of one of the first; zero where the immediate's low bits say so.
fn insertps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let ([x, y], imm) = (sources(i), i.immediate8());
    let v = match i.op_kind(y) {
        OpKind::Register => {
            let v = cx.halves(i, y, I32X4)?;
            cx.b.ins().extractlane(v.low, imm >> 6)
        }
        _ => {
            let a = cx.addr(i)?;
            cx.load(I32X4.lane_type(), a)
        }
    };
    let a = cx.halves(i, x, I32X4)?;
    let mut r = cx.b.ins().insertlane(a.low, v, imm >> 4 & 3);
    if imm & 15 != 0 {
        let (v, zero) = (cx.cast(r, I8X16), cx.zero_vector());
        r = shuffle(cx, v, zero, blended(4, imm));
    }
    cx.set_halves(i, Halves::low(r))
}

/// PEXTRB and the like: zero-extended into a register.
fn extract(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let v = cx.halves(i, 1, ty)?;
    let v = cx.b.ins().extractlane(v.low, lane(i, ty));
    let w = cx.width(i, 0)?;
    let v = if i.op_kind(0) == OpKind::Memory { v } else { cx.zext(v, int(w)) };
    cx.write(i, 0, v)?;
    if is_mmx(i) {
        cx.enter_mmx();
    }
    Some(())
}

fn lane(i: &Instruction, ty: Type) -> u8 {
    let lanes = if is_mmx(i) { ty.lane_count() / 2 } else { ty.lane_count() };
    i.immediate8() & (lanes as u8 - 1)
}

/// PMOVZX, PMOVSX: the lowest elements, doubled in width `times` times.
fn widen(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, times: u32, signed: bool) -> Option<()> {
    let v = narrow_operand(cx, i, ty)?;
    let wide = i.op0_register().is_ymm();
    let mut r = Halves::low(v);
    for n in 1..=times {
        // 256 bits come of the last doubling.
        let high = (wide && n == times).then(|| double(cx, r.low, signed, true));
        r = Halves { low: double(cx, r.low, signed, false), high };
    }
    cx.set_halves(i, r)
}

/// The elements of a vector, the lower or the upper half of them, of double width.
fn double(cx: &mut Lift<'_, '_>, v: Value, signed: bool, upper: bool) -> Value {
    match (signed, upper) {
        (true, false) => cx.b.ins().swiden_low(v),
        (true, true) => cx.b.ins().swiden_high(v),
        (false, false) => cx.b.ins().uwiden_low(v),
        (false, true) => cx.b.ins().uwiden_high(v),
    }
}

/// Operand 1, a register, or 16, 8 or 4 bytes of memory, as the low end of a vector of type `ty`.
fn narrow_operand(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<Value> {
    if i.op_kind(1) == OpKind::Register || i.memory_size().size() == 16 { cx.low_operand(i, 1, ty) } else { cx.narrow_memory(i, 1, ty) }
}
