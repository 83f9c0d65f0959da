//! Products, sums of neighbours, signs and blends by a mask in XMM0. SDM vol. 1, 5.6.3, 5.8, 5.10.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{I8X16, I16X8, I32X4, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic, Register};

use super::lanes::{Op, by_lane, packed, packed_unary};
use super::sse_shuffle::{elements, joined, shuffle};
use super::{VectorOps, host};
use crate::HostOp;
use crate::cx::{Lift, is_vex};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Pmulhw, Mnemonic::Vpmulhw, |cx, i| packed(cx, i, I16X8, |cx, a, b| high_words(cx, a, b, true))),
    (Mnemonic::Pmulhuw, Mnemonic::Vpmulhuw, |cx, i| packed(cx, i, I16X8, |cx, a, b| high_words(cx, a, b, false))),
    (Mnemonic::Pmulhrsw, Mnemonic::Vpmulhrsw, |cx, i| packed(cx, i, I16X8, pmulhrsw)),
    (Mnemonic::Pmuldq, Mnemonic::Vpmuldq, |cx, i| packed(cx, i, I32X4, |cx, a, b| low_products(cx, a, b, true))),
    (Mnemonic::Pmaddubsw, Mnemonic::Vpmaddubsw, |cx, i| packed(cx, i, I16X8, pmaddubsw)),
    (Mnemonic::Psadbw, Mnemonic::Vpsadbw, |cx, i| packed(cx, i, I8X16, psadbw)),
    (Mnemonic::Mpsadbw, Mnemonic::Vmpsadbw, mpsadbw),
    (Mnemonic::Phminposuw, Mnemonic::Vphminposuw, phminposuw),
    (Mnemonic::Psignb, Mnemonic::Vpsignb, |cx, i| packed(cx, i, I8X16, sign)),
    (Mnemonic::Psignw, Mnemonic::Vpsignw, |cx, i| packed(cx, i, I16X8, sign)),
    (Mnemonic::Psignd, Mnemonic::Vpsignd, |cx, i| packed(cx, i, I32X4, sign)),
    (Mnemonic::Phaddw, Mnemonic::Vphaddw, |cx, i| neighbours(cx, i, I16X8, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Phaddd, Mnemonic::Vphaddd, |cx, i| neighbours(cx, i, I32X4, |cx, a, b| cx.b.ins().iadd(a, b))),
    (Mnemonic::Phaddsw, Mnemonic::Vphaddsw, |cx, i| neighbours(cx, i, I16X8, |cx, a, b| cx.b.ins().sadd_sat(a, b))),
    (Mnemonic::Phsubw, Mnemonic::Vphsubw, |cx, i| neighbours(cx, i, I16X8, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Phsubd, Mnemonic::Vphsubd, |cx, i| neighbours(cx, i, I32X4, |cx, a, b| cx.b.ins().isub(a, b))),
    (Mnemonic::Phsubsw, Mnemonic::Vphsubsw, |cx, i| neighbours(cx, i, I16X8, |cx, a, b| cx.b.ins().ssub_sat(a, b))),
    (Mnemonic::Pblendvb, Mnemonic::Vpblendvb, |cx, i| blend(cx, i, I8X16)),
    (Mnemonic::Blendvps, Mnemonic::Vblendvps, |cx, i| blend(cx, i, I32X4)),
    (Mnemonic::Blendvpd, Mnemonic::Vblendvpd, |cx, i| blend(cx, i, I64X2)),
];

fn left(cx: &mut Lift<'_, '_>, v: Value, n: u64) -> Value {
    let n = cx.iconst(Width::B4, n);
    cx.b.ins().ishl(v, n)
}

fn right(cx: &mut Lift<'_, '_>, v: Value, n: u64) -> Value {
    let n = cx.iconst(Width::B4, n);
    cx.b.ins().ushr(v, n)
}

fn arithmetic(cx: &mut Lift<'_, '_>, v: Value, n: u64) -> Value {
    let n = cx.iconst(Width::B4, n);
    cx.b.ins().sshr(v, n)
}

/// The products of words, as 32 bits each: of the low four, and of the high four.
fn products(cx: &mut Lift<'_, '_>, a: Value, b: Value, signed: bool) -> [Value; 2] {
    let (al, bl, ah, bh) = if signed {
        (cx.b.ins().swiden_low(a), cx.b.ins().swiden_low(b), cx.b.ins().swiden_high(a), cx.b.ins().swiden_high(b))
    } else {
        (cx.b.ins().uwiden_low(a), cx.b.ins().uwiden_low(b), cx.b.ins().uwiden_high(a), cx.b.ins().uwiden_high(b))
    };
    [cx.b.ins().imul(al, bl), cx.b.ins().imul(ah, bh)]
}

/// One element of `size` bytes out of two, the first or the second, of both vectors.
pub(super) fn every_other(cx: &mut Lift<'_, '_>, [a, b]: [Value; 2], size: u8, second: u8, ty: Type) -> Value {
    let (a, b) = (cx.cast(a, I8X16), cx.cast(b, I8X16));
    let v = shuffle(cx, a, b, elements(size, |n| 2 * n + second));
    cx.cast(v, ty)
}

/// PMULHW, PMULHUW.
fn high_words(cx: &mut Lift<'_, '_>, a: Value, b: Value, signed: bool) -> Value {
    let both = products(cx, a, b, signed);
    every_other(cx, both, 2, 1, I16X8)
}

/// PMULHRSW: bits 30–15 of the products, rounded.
fn pmulhrsw(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let one = cx.iconst(Width::B4, 1);
    let one = cx.b.ins().splat(I32X4, one);
    let rounded = products(cx, a, b, true).map(|p| {
        let p = arithmetic(cx, p, 14);
        let p = cx.b.ins().iadd(p, one);
        arithmetic(cx, p, 1)
    });
    every_other(cx, rounded, 2, 0, I16X8)
}

/// PMULUDQ, PMULDQ: products of the low halves of 64-bit elements.
pub(super) fn low_products(cx: &mut Lift<'_, '_>, a: Value, b: Value, signed: bool) -> Value {
    // As products of the low two elements of 32 bits, which Cranelift knows.
    let [a, b] = [a, b].map(|v| {
        let v = cx.cast(v, I8X16);
        let v = shuffle(cx, v, v, elements(4, |n| (2 * n) & 3));
        let v = cx.cast(v, I32X4);
        if signed { cx.b.ins().swiden_low(v) } else { cx.b.ins().uwiden_low(v) }
    });
    cx.b.ins().imul(a, b)
}

/// PMADDUBSW: sums, with saturation, of neighbouring products of unsigned and signed bytes.
fn pmaddubsw(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let (low_a, low_b) = (left(cx, a, 8), left(cx, b, 8));
    let low_a = right(cx, low_a, 8);
    let low_b = arithmetic(cx, low_b, 8);
    let (high_a, high_b) = (right(cx, a, 8), arithmetic(cx, b, 8));
    let (low, high) = (cx.b.ins().imul(low_a, low_b), cx.b.ins().imul(high_a, high_b));
    cx.b.ins().sadd_sat(low, high)
}

/// PSADBW: the sums of eight absolute differences each.
fn psadbw(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let (most, least) = (cx.b.ins().umax(a, b), cx.b.ins().umin(a, b));
    let d = cx.b.ins().isub(most, least);
    let mut words = [cx.b.ins().uwiden_low(d), cx.b.ins().uwiden_high(d)];
    for _ in 0..3 {
        let (even, odd) = (every_other(cx, words, 2, 0, I16X8), every_other(cx, words, 2, 1, I16X8));
        words = [cx.b.ins().iadd(even, odd); 2];
    }
    // Word 0 is the sum of the low half, word 1 that of the high one.
    let (sums, zero) = (cx.cast(words[0], I8X16), cx.zero_vector());
    shuffle(cx, sums, zero, [0, 1, 16, 16, 16, 16, 16, 16, 2, 3, 16, 16, 16, 16, 16, 16])
}

/// MPSADBW, where the host has it: each half by three bits of its own.
fn mpsadbw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Mpsadbw) {
        return None;
    }
    let imm = i.immediate8();
    by_lane(cx, i, I8X16, |cx, half, a, b| host::run_on_vectors(cx, HostOp::Mpsadbw, imm >> (3 * half) & 7, &[a, b]).unwrap_or(a))
}

/// PHMINPOSUW, where the host has it.
fn phminposuw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Phminposuw) {
        return None;
    }
    packed_unary(cx, i, I8X16, |cx, v| host::run_on_vectors(cx, HostOp::Phminposuw, 0, &[v]).unwrap_or(v))
}

/// PSIGNB and the like: negated where the source is negative, zero where it is zero.
fn sign(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let zero = cx.zero_vector();
    let ty = cx.type_of(a);
    let zero = cx.cast(zero, ty);
    let negative = cx.b.ins().icmp(IntCC::SignedLessThan, b, zero);
    let none = cx.b.ins().icmp(IntCC::Equal, b, zero);
    let opposite = cx.b.ins().isub(zero, a);
    let v = cx.b.ins().bitselect(negative, opposite, a);
    cx.b.ins().band_not(v, none)
}

/// PHADDW and the like: `f` of neighbours, first those of the first source.
fn neighbours(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let size = ty.lane_type().bytes() as u8;
    joined(cx, i, ty, |cx, a, b| {
        let (even, odd) = (every_other(cx, [a, b], size, 0, ty), every_other(cx, [a, b], size, 1, ty));
        f(cx, even, odd)
    })
}

/// PBLENDVB and the like: the second source's element where that of XMM0, or of operand 3, is negative.
fn blend(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let mask = if is_vex(i) { i.op3_register() } else { Register::XMM0 };
    let mask = cx.register_halves(mask, ty)?;
    by_lane(cx, i, ty, |cx, lane, a, b| {
        let mask = if lane == 0 { mask.low } else { mask.high.unwrap_or(mask.low) };
        let mask = arithmetic(cx, mask, u64::from(ty.lane_bits()) - 1);
        cx.b.ins().bitselect(mask, b, a)
    })
}
