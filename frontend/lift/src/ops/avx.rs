//! What AVX, AVX2 and F16C have that legacy SSE hasn't: broadcasts, moves between halves, variable permutations and shifts. SDM vol. 1, 5.13–5.14.
//!
//! Masked moves and gathers are in [`masked`](super::masked).

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{F64X2, I8X16, I16X8, I32X4, I64X2},
};
use forklift_x86::{CcKind, Width};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::lanes::{by_lane, packed, packed_unary};
use super::sse_int::set_test_flags;
use super::sse_shuffle::{blended, elements, shuffle};
use super::{LiftFn, host};
use crate::HostOp;
use crate::cx::{Halves, Lift, int, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Vzeroupper, vzeroupper),
    (Mnemonic::Vzeroall, vzeroall),
    (Mnemonic::Vbroadcastss, |cx, i| broadcast(cx, i, I32X4)),
    (Mnemonic::Vbroadcastsd, |cx, i| broadcast(cx, i, I64X2)),
    (Mnemonic::Vpbroadcastb, |cx, i| broadcast(cx, i, I8X16)),
    (Mnemonic::Vpbroadcastw, |cx, i| broadcast(cx, i, I16X8)),
    (Mnemonic::Vpbroadcastd, |cx, i| broadcast(cx, i, I32X4)),
    (Mnemonic::Vpbroadcastq, |cx, i| broadcast(cx, i, I64X2)),
    (Mnemonic::Vbroadcastf128, broadcast_half),
    (Mnemonic::Vbroadcasti128, broadcast_half),
    (Mnemonic::Vinsertf128, insert_half),
    (Mnemonic::Vinserti128, insert_half),
    (Mnemonic::Vextractf128, extract_half),
    (Mnemonic::Vextracti128, extract_half),
    (Mnemonic::Vperm2f128, permute_halves),
    (Mnemonic::Vperm2i128, permute_halves),
    (Mnemonic::Vpermq, permute_quadwords),
    (Mnemonic::Vpermpd, permute_quadwords),
    (Mnemonic::Vpermd, permute_words),
    (Mnemonic::Vpermps, permute_words),
    (Mnemonic::Vpermilps, vpermilps),
    (Mnemonic::Vpermilpd, vpermilpd),
    (Mnemonic::Vcvtph2ps, vcvtph2ps),
    (Mnemonic::Vcvtps2ph, vcvtps2ph),
    (Mnemonic::Vpblendd, vpblendd),
    (Mnemonic::Vpsllvd, |cx, i| shift_each(cx, i, I32X4, CcKind::Shl, HostOp::Vpsllvd)),
    (Mnemonic::Vpsllvq, |cx, i| shift_each(cx, i, I64X2, CcKind::Shl, HostOp::Vpsllvq)),
    (Mnemonic::Vpsrlvd, |cx, i| shift_each(cx, i, I32X4, CcKind::Shr, HostOp::Vpsrlvd)),
    (Mnemonic::Vpsrlvq, |cx, i| shift_each(cx, i, I64X2, CcKind::Shr, HostOp::Vpsrlvq)),
    (Mnemonic::Vpsravd, |cx, i| shift_each(cx, i, I32X4, CcKind::Sar, HostOp::Vpsravd)),
    (Mnemonic::Vtestps, |cx, i| test_signs(cx, i, I32X4)),
    (Mnemonic::Vtestpd, |cx, i| test_signs(cx, i, I64X2)),
];

/// How many vector registers there are.
fn registers(cx: &Lift<'_, '_>) -> usize {
    if cx.is_64() { 16 } else { 8 }
}

/// VZEROUPPER.
fn vzeroupper(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    (0..registers(cx)).for_each(|n| cx.clear_upper(n));
    Some(())
}

/// VZEROALL.
fn vzeroall(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    for n in 0..registers(cx) {
        cx.clear_xmm(n);
        cx.clear_upper(n);
    }
    Some(())
}

/// Sets operand 0 to `v` in each half.
fn set_each(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Option<()> {
    cx.set_halves(i, Halves { low: v, high: i.op0_register().is_ymm().then_some(v) })
}

/// VBROADCASTSS, VPBROADCASTB and the like: the lowest element of a register, or an element in memory, everywhere.
fn broadcast(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let size = ty.lane_type().bytes() as u8;
    let v = if i.op_kind(1) == OpKind::Memory {
        let a = cx.addr(i)?;
        let v = cx.load(ty.lane_type(), a);
        cx.b.ins().splat(ty, v)
    } else {
        let v = cx.xmm(xmm_number(i.op1_register())?, I8X16);
        shuffle(cx, v, v, elements(size, |_| 0))
    };
    set_each(cx, i, v)
}

/// VBROADCASTF128, VBROADCASTI128.
fn broadcast_half(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.low_operand(i, 1, I8X16)?;
    set_each(cx, i, v)
}

/// VINSERTF128, VINSERTI128: the first source, one half replaced by the second.
fn insert_half(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let new = cx.low_operand(i, 2, I8X16)?;
    let old = cx.halves(i, 1, I8X16)?;
    let r = if i.immediate8() & 1 == 0 { Halves { low: new, ..old } } else { Halves { high: Some(new), ..old } };
    cx.set_halves(i, r)
}

/// VEXTRACTF128, VEXTRACTI128: one half, to a register or to memory.
fn extract_half(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let from = cx.halves(i, 1, I8X16)?;
    let v = if i.immediate8() & 1 == 0 { from.low } else { from.high? };
    if i.op_kind(0) == OpKind::Register {
        return cx.set_halves(i, Halves::low(v));
    }
    let a = cx.addr(i)?;
    cx.store(v, a);
    Some(())
}

/// VPERM2F128, VPERM2I128: any two of the sources' four halves, or zero.
fn permute_halves(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let b = cx.halves(i, 2, I8X16)?;
    let a = cx.halves(i, 1, I8X16)?;
    let all = [a.low, a.high?, b.low, b.high?];
    let mut half = |control: u8| if control & 8 != 0 { cx.zero_vector() } else { all[usize::from(control & 3)] };
    let imm = i.immediate8();
    let (low, high) = (half(imm), half(imm >> 4));
    cx.set_halves(i, Halves::both(low, high))
}

/// VPERMQ, VPERMPD: four quadwords selected by the immediate.
fn permute_quadwords(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.halves(i, 1, I8X16)?;
    let (low, high, imm) = (v.low, v.high?, i.immediate8());
    let mut half = |imm: u8| shuffle(cx, low, high, elements(8, |n| imm >> (2 * n) & 3));
    let r = Halves::both(half(imm), half(imm >> 4));
    cx.set_halves(i, r)
}

/// Selectors of bytes from selectors of elements of four bytes, `mask` being the bits that count.
fn byte_selectors(cx: &mut Lift<'_, '_>, v: Value, mask: u64) -> Value {
    let [mask, four, bytes] = [mask, 0x0404_0404, 0x0302_0100].map(|c| {
        let c = cx.iconst(Width::B4, c);
        cx.b.ins().splat(I32X4, c)
    });
    let v = cx.b.ins().band(v, mask);
    let v = cx.b.ins().imul(v, four);
    let v = cx.b.ins().iadd(v, bytes);
    cx.cast(v, I8X16)
}

/// VPERMD, VPERMPS: eight elements of the second source, selected by those of the first.
fn permute_words(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let from = cx.halves(i, 2, I8X16)?;
    let (low, high) = (from.low, from.high?);
    let selectors = cx.halves(i, 1, I32X4)?;
    let sixteen = cx.iconst(Width::B1, 16);
    let sixteen = cx.b.ins().splat(I8X16, sixteen);
    let r = selectors.map(|_, s| {
        // A selector of 16 or more gives zero.
        let s = byte_selectors(cx, s, 7);
        let a = cx.b.ins().swizzle(low, s);
        let s = cx.b.ins().isub(s, sixteen);
        let b = cx.b.ins().swizzle(high, s);
        cx.b.ins().bor(a, b)
    });
    cx.set_halves(i, r)
}

/// VPERMILPS: elements of the first source's half, selected by the second, or by the immediate, which is the same for both halves.
fn vpermilps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op_kind(2) == OpKind::Immediate8 {
        let imm = i.immediate8();
        return packed_unary(cx, i, I8X16, |cx, v| shuffle(cx, v, v, elements(4, |n| imm >> (2 * n) & 3)));
    }
    packed(cx, i, I32X4, |cx, a, b| {
        let (a, s) = (cx.cast(a, I8X16), byte_selectors(cx, b, 3));
        cx.b.ins().swizzle(a, s)
    })
}

/// VPERMILPD: each double is selected by bit 1 of the second source's quadword, or by a bit of the immediate.
fn vpermilpd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op_kind(2) != OpKind::Immediate8 {
        return packed(cx, i, I64X2, |cx, a, b| {
            let [top, all] = [62, 63].map(|n| cx.iconst(Width::B4, n));
            let selector = cx.b.ins().ishl(b, top);
            let high = cx.b.ins().sshr(selector, all);
            let a = cx.cast(a, I8X16);
            let [x, y] = [1, 0].map(|n| {
                let v = shuffle(cx, a, a, elements(8, |_| n));
                cx.cast(v, I64X2)
            });
            cx.b.ins().bitselect(high, x, y)
        });
    }
    let imm = i.immediate8();
    let v = cx.halves(i, 1, I8X16)?;
    let r = v.map(|half, v| shuffle(cx, v, v, elements(8, |n| imm >> (2 * half + n) & 1)));
    cx.set_halves(i, r)
}

/// VPBLENDD.
fn vpblendd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    by_lane(cx, i, I8X16, |cx, half, a, b| shuffle(cx, a, b, blended(4, imm >> (4 * half))))
}

/// VPSLLVD and the like: each element by a count of its own; a count of the width or more gives zero, or the sign.
fn shift_each(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, kind: CcKind, op: HostOp) -> Option<()> {
    let width = ty.lane_bits();
    packed(cx, i, ty, |cx, a, b| {
        if let Some(v) = host::run_on_vectors(cx, op, 0, &[a, b]) {
            return v;
        }
        let mut r = a;
        for n in 0..ty.lane_count() as u8 {
            let (v, count) = (cx.b.ins().extractlane(a, n), cx.b.ins().extractlane(b, n));
            let small = cx.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, count, i64::from(width));
            let w = if width == 64 { Width::B8 } else { Width::B4 };
            debug_assert_eq!(int(w), ty.lane_type());
            let v = if kind == CcKind::Sar {
                let most = cx.iconst(w, u64::from(width) - 1);
                let count = cx.b.ins().select(small, count, most);
                cx.b.ins().sshr(v, count)
            } else {
                let shifted = if kind == CcKind::Shl { cx.b.ins().ishl(v, count) } else { cx.b.ins().ushr(v, count) };
                let zero = cx.iconst(w, 0);
                cx.b.ins().select(small, shifted, zero)
            };
            r = cx.b.ins().insertlane(r, v, n);
        }
        r
    })
}

/// VTESTPS, VTESTPD: as PTEST, but only signs count.
fn test_signs(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let b = cx.halves(i, 1, ty)?;
    let a = cx.halves(i, 0, ty)?;
    let w = if ty == I64X2 { Width::B8 } else { Width::B4 };
    let sign = cx.iconst(w, 1 << (w.bits() - 1));
    let signs = cx.b.ins().splat(ty, sign);
    let b = b.map(|_, v| cx.b.ins().band(v, signs));
    let common = a.zip(b, |_, a, b| cx.b.ins().band(a, b));
    let only_b = a.zip(b, |_, a, b| cx.b.ins().band_not(b, a));
    set_test_flags(cx, common, only_b);
    Some(())
}

/// VCVTPH2PS, where the host has it: four or eight numbers of 16 bits.
fn vcvtph2ps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Vcvtph2ps) {
        return None;
    }
    let wide = i.op0_register().is_ymm();
    let v = if wide || i.op_kind(1) == OpKind::Register {
        cx.low_operand(i, 1, I8X16)?
    } else {
        let v = cx.double_operand(i, 1)?;
        let v = cx.b.ins().scalar_to_vector(F64X2, v);
        cx.cast(v, I8X16)
    };
    let low = host::run_on_vectors(cx, HostOp::Vcvtph2ps, 0, &[v])?;
    let high = if wide {
        let v = shuffle(cx, v, v, elements(8, |_| 1));
        Some(host::run_on_vectors(cx, HostOp::Vcvtph2ps, 0, &[v])?)
    } else {
        None
    };
    cx.set_halves(i, Halves { low, high })
}

/// VCVTPS2PH, where the host has it: four or eight numbers of 16 bits, to a register or to memory.
fn vcvtps2ph(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Vcvtps2ph) {
        return None;
    }
    let v = cx.halves(i, 1, I8X16)?;
    let v = v.map(|_, v| host::run_on_vectors(cx, HostOp::Vcvtps2ph, i.immediate8() & 7, &[v]).unwrap_or(v));
    let r = v.high.map_or(v.low, |high| shuffle(cx, v.low, high, elements(8, |n| 2 * n)));
    if i.op_kind(0) == OpKind::Register {
        return cx.set_halves(i, Halves::low(r));
    }
    let a = cx.addr(i)?;
    let r = if v.high.is_some() { r } else { cx.lane(r, F64X2, 0) };
    cx.store(r, a);
    Some(())
}
