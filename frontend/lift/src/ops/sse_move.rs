//! Moves of SSE and SSE2, and their VEX forms. SDM vol. 1, 5.5.1.1, 5.6.1.1.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    types::{F64, I8X16, I32, I32X4, I64, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::lanes::{packed_unary, set_scalar};
use super::sse_shuffle::{elements, shuffle};
use super::{VectorOps, mmx};
use crate::Faults;
use crate::cx::{Halves, Lift, int, is_mmx, vector_number, xmm_number};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Movaps, Mnemonic::Vmovaps, aligned),
    (Mnemonic::Movapd, Mnemonic::Vmovapd, aligned),
    (Mnemonic::Movdqa, Mnemonic::Vmovdqa, aligned),
    (Mnemonic::Movntps, Mnemonic::Vmovntps, aligned),
    (Mnemonic::Movntpd, Mnemonic::Vmovntpd, aligned),
    (Mnemonic::Movntdq, Mnemonic::Vmovntdq, aligned),
    (Mnemonic::Movntdqa, Mnemonic::Vmovntdqa, aligned),
    (Mnemonic::Movups, Mnemonic::Vmovups, unaligned),
    (Mnemonic::Movupd, Mnemonic::Vmovupd, unaligned),
    (Mnemonic::Movdqu, Mnemonic::Vmovdqu, unaligned),
    (Mnemonic::Lddqu, Mnemonic::Vlddqu, unaligned),
    (Mnemonic::Movss, Mnemonic::Vmovss, movss),
    (Mnemonic::Movsd, Mnemonic::Vmovsd, movsd),
    (Mnemonic::Movd, Mnemonic::Vmovd, movd),
    (Mnemonic::Movq, Mnemonic::Vmovq, movq),
    (Mnemonic::Movlps, Mnemonic::Vmovlps, movlps),
    (Mnemonic::Movlpd, Mnemonic::Vmovlpd, movlps),
    (Mnemonic::Movhps, Mnemonic::Vmovhps, movhps),
    (Mnemonic::Movhpd, Mnemonic::Vmovhpd, movhps),
    (Mnemonic::Movhlps, Mnemonic::Vmovhlps, movhlps),
    (Mnemonic::Movlhps, Mnemonic::Vmovlhps, movlhps),
    (Mnemonic::Movddup, Mnemonic::Vmovddup, movddup),
    (Mnemonic::Movmskps, Mnemonic::Vmovmskps, movmskps),
    (Mnemonic::Movmskpd, Mnemonic::Vmovmskpd, movmskpd),
    (Mnemonic::Pmovmskb, Mnemonic::Vpmovmskb, pmovmskb),
];

/// MOVAPS and the like: #GP if memory isn't aligned.
fn aligned(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    move_whole(cx, i, true)
}

/// MOVUPS and the like.
fn unaligned(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    move_whole(cx, i, false)
}

fn move_whole(cx: &mut Lift<'_, '_>, i: &Instruction, check: bool) -> Option<()> {
    let (to, from) = (vector_number(i.op0_register()), vector_number(i.op1_register()));
    if let (Some(to), Some(from)) = (to, from) {
        cx.copy_vector(i, to, from);
        return Some(());
    }
    let size = i.memory_size().size();
    if to.or(from).is_none() || !matches!(size, 16 | 32) {
        return None;
    }
    let a = cx.addr(i)?;
    let by_host = check && size == 16 && cx.faults == Faults::Guarded;
    if check && !by_host {
        cx.check_aligned(i, a, size as i32);
    }
    if to.is_some() {
        let v = if by_host { Halves::low(cx.load_aligned(I8X16, a)) } else { cx.load_halves(I8X16, a, size) };
        return cx.set_halves(i, v);
    }
    let v = cx.register_halves(i.op1_register(), I8X16)?;
    if by_host {
        cx.store_aligned(v.low, a)
    } else {
        cx.store_halves(v, a)
    }
    Some(())
}

/// The source of a MOVSS, MOVSD or the like: behind what a VEX encoding of three registers merges with.
fn last(i: &Instruction) -> u32 {
    i.op_count() - 1
}

/// MOVSS: from memory, the other quarters are cleared; between registers, they are the first source's.
fn movss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.single_operand(i, last(i))?;
    match (xmm_number(i.op0_register()), i.op_kind(last(i))) {
        (Some(to), OpKind::Memory) => {
            cx.set_xmm_single_zero(to, v);
            cx.extend(i, to);
            Some(())
        }
        (Some(_), _) => set_scalar(cx, i, v),
        _ => store(cx, i, v),
    }
}

/// MOVSD (not the string instruction): from memory, the high half is cleared; between registers, it is the first source's.
fn movsd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.is_string_instruction() {
        return super::string::movs(cx, i);
    }
    let v = cx.double_operand(i, last(i))?;
    match (xmm_number(i.op0_register()), i.op_kind(last(i))) {
        (Some(to), OpKind::Memory) => {
            cx.set_xmm_low_zero(to, v);
            cx.extend(i, to);
            Some(())
        }
        (Some(_), _) => set_scalar(cx, i, v),
        _ => store(cx, i, v),
    }
}

fn store(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Option<()> {
    let a = cx.addr(i)?;
    cx.store(v, a);
    Some(())
}

/// MOVD, and MOVQ between vector and general registers: the rest of a vector register is cleared.
fn movd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if is_mmx(i) {
        return mmx::movd(cx, i);
    }
    if let Some(to) = xmm_number(i.op0_register()) {
        if i.op_kind(1) == OpKind::Memory && cx.width(i, 1)? == Width::B4 {
            let v = cx.single_operand(i, 1)?;
            cx.set_xmm_single_zero(to, v);
        } else {
            let v = cx.read(i, 1)?;
            let v = cx.zext(v, I64);
            let v = cx.cast(v, F64);
            cx.set_xmm_low_zero(to, v);
        }
        cx.extend(i, to);
        return Some(());
    }
    let from = xmm_number(i.op1_register())?;
    let v = if cx.width(i, 0)? == Width::B4 {
        let v = cx.xmm_single(from);
        cx.cast(v, I32)
    } else {
        let v = cx.xmm_low(from);
        cx.cast(v, I64)
    };
    cx.write(i, 0, v)
}

/// MOVQ: the low half, the high one being cleared in a register.
fn movq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op0_register().is_gpr() || i.op1_register().is_gpr() {
        return movd(cx, i);
    }
    if is_mmx(i) {
        return mmx::movq(cx, i);
    }
    match xmm_number(i.op0_register()) {
        Some(to) => {
            let v = cx.double_operand(i, 1)?;
            cx.set_xmm_low_zero(to, v);
            cx.extend(i, to);
            Some(())
        }
        None => {
            let from = xmm_number(i.op1_register())?;
            let v = cx.xmm_low(from);
            store(cx, i, v)
        }
    }
}

/// MOVLPS, MOVLPD: the low half from or to memory.
fn movlps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.double_operand(i, last(i))?;
    match xmm_number(i.op0_register()) {
        Some(_) => set_scalar(cx, i, v),
        None => store(cx, i, v),
    }
}

/// MOVHPS, MOVHPD: the high half from or to memory.
fn movhps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if xmm_number(i.op0_register()).is_some() {
        let v = cx.double_operand(i, last(i))?;
        return set_high(cx, i, v);
    }
    let from = xmm_number(i.op1_register())?;
    let v = cx.xmm_high(from);
    store(cx, i, v)
}

/// Sets the high half of operand 0; the low one comes from the first source.
fn set_high(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    cx.merge(i, to)?;
    cx.set_xmm_high(to, v);
    Some(())
}

/// MOVHLPS: the high half to the low one.
fn movhlps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let from = xmm_number(i.op_register(last(i)))?;
    let v = cx.xmm_high(from);
    set_scalar(cx, i, v)
}

/// MOVLHPS: the low half to the high one.
fn movlhps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let from = xmm_number(i.op_register(last(i)))?;
    let v = cx.xmm_low(from);
    set_high(cx, i, v)
}

/// MOVDDUP: both halves are the low one; so for each 128 bits.
fn movddup(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op0_register().is_ymm() {
        return packed_unary(cx, i, I8X16, |cx, v| shuffle(cx, v, v, elements(8, |_| 0)));
    }
    let to = xmm_number(i.op0_register())?;
    let v = cx.double_operand(i, 1)?;
    cx.set_xmm_halves(to, v, v);
    cx.extend(i, to);
    Some(())
}

/// MOVMSKPS: the signs.
fn movmskps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    signs(cx, i, I32X4)
}

/// MOVMSKPD: the signs.
fn movmskpd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    signs(cx, i, I64X2)
}

/// PMOVMSKB: the signs.
fn pmovmskb(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    signs(cx, i, I8X16)
}

fn signs(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let v = cx.halves(i, 1, ty)?;
    let bits = v.map(|_, v| cx.b.ins().vhigh_bits(I32, v));
    let m = match bits.high {
        Some(high) => {
            let high = cx.b.ins().ishl_imm_u(high, i64::from(ty.lane_count()));
            cx.b.ins().bor(bits.low, high)
        }
        None => bits.low,
    };
    let w = cx.width(i, 0)?;
    let m = cx.zext(m, int(w));
    cx.write(i, 0, m)?;
    if is_mmx(i) {
        cx.enter_mmx();
    }
    Some(())
}
