//! Moves of SSE and SSE2. SDM vol. 1, 5.5.1.1, 5.6.1.1.
//!
//! MMX registers are left to the interpreter.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    types::{F64, I8X16, I32, I32X4, I64, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lift, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Movaps, aligned),
    (Mnemonic::Movapd, aligned),
    (Mnemonic::Movdqa, aligned),
    (Mnemonic::Movntps, aligned),
    (Mnemonic::Movntpd, aligned),
    (Mnemonic::Movntdq, aligned),
    (Mnemonic::Movntdqa, aligned),
    (Mnemonic::Movups, unaligned),
    (Mnemonic::Movupd, unaligned),
    (Mnemonic::Movdqu, unaligned),
    (Mnemonic::Lddqu, unaligned),
    (Mnemonic::Movss, movss),
    (Mnemonic::Movsd, movsd),
    (Mnemonic::Movd, movd),
    (Mnemonic::Movq, movq),
    (Mnemonic::Movlps, movlps),
    (Mnemonic::Movlpd, movlps),
    (Mnemonic::Movhps, movhps),
    (Mnemonic::Movhpd, movhps),
    (Mnemonic::Movhlps, movhlps),
    (Mnemonic::Movlhps, movlhps),
    (Mnemonic::Movddup, movddup),
    (Mnemonic::Movmskps, movmskps),
    (Mnemonic::Movmskpd, movmskpd),
    (Mnemonic::Pmovmskb, pmovmskb),
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
    let (to, from) = (xmm_number(i.op0_register()), xmm_number(i.op1_register()));
    if let (Some(to), Some(from)) = (to, from) {
        cx.copy_xmm(to, from);
        return Some(());
    }
    let a = cx.addr(i)?;
    if to.or(from).is_some() && check {
        cx.check_aligned(i, a);
    }
    match (to, from) {
        (Some(to), None) => {
            let v = cx.load(I8X16, a);
            cx.set_xmm(to, v);
        }
        (None, Some(from)) => {
            let v = cx.xmm(from, I8X16);
            cx.store(v, a);
        }
        _ => return None,
    }
    Some(())
}

/// MOVSS: from memory, the other quarters are cleared; between registers, they stay.
fn movss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.single_operand(i, 1)?;
    match (xmm_number(i.op0_register()), i.op_kind(1)) {
        (Some(to), OpKind::Memory) => cx.set_xmm_single_zero(to, v),
        (Some(to), _) => cx.set_xmm_single(to, v),
        _ => store(cx, i, v)?,
    }
    Some(())
}

/// MOVSD (not the string instruction): from memory, the high half is cleared; between registers, it stays.
fn movsd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.is_string_instruction() {
        return super::string::movs(cx, i);
    }
    let v = cx.double_operand(i, 1)?;
    match (xmm_number(i.op0_register()), i.op_kind(1)) {
        (Some(to), OpKind::Memory) => cx.set_xmm_low_zero(to, v),
        (Some(to), _) => cx.set_xmm_low(to, v),
        _ => store(cx, i, v)?,
    }
    Some(())
}

fn store(cx: &mut Lift<'_, '_>, i: &Instruction, v: Value) -> Option<()> {
    let a = cx.addr(i)?;
    cx.store(v, a);
    Some(())
}

/// MOVD, and MOVQ between vector and general registers: the rest of a vector register is cleared.
fn movd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if let Some(to) = xmm_number(i.op0_register()) {
        if i.op_kind(1) == OpKind::Memory && cx.width(i, 1)? == Width::B4 {
            let v = cx.single_operand(i, 1)?;
            cx.set_xmm_single_zero(to, v);
            return Some(());
        }
        let v = cx.read(i, 1)?;
        let v = cx.zext(v, I64);
        let v = cx.cast(v, F64);
        cx.set_xmm_low_zero(to, v);
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
    match xmm_number(i.op0_register()) {
        Some(to) => {
            let v = cx.double_operand(i, 1)?;
            cx.set_xmm_low_zero(to, v);
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
    let v = cx.double_operand(i, 1)?;
    match xmm_number(i.op0_register()) {
        Some(to) => cx.set_xmm_low(to, v),
        None => store(cx, i, v)?,
    }
    Some(())
}

/// MOVHPS, MOVHPD: the high half from or to memory.
fn movhps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if let Some(to) = xmm_number(i.op0_register()) {
        let a = cx.addr(i)?;
        let v = cx.load(F64, a);
        cx.set_xmm_high(to, v);
        return Some(());
    }
    let from = xmm_number(i.op1_register())?;
    let v = cx.xmm_high(from);
    store(cx, i, v)
}

/// MOVHLPS: the high half to the low one.
fn movhlps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, from) = (xmm_number(i.op0_register())?, xmm_number(i.op1_register())?);
    let v = cx.xmm_high(from);
    cx.set_xmm_low(to, v);
    Some(())
}

/// MOVLHPS: the low half to the high one.
fn movlhps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (to, from) = (xmm_number(i.op0_register())?, xmm_number(i.op1_register())?);
    let v = cx.xmm_low(from);
    cx.set_xmm_high(to, v);
    Some(())
}

/// MOVDDUP: both halves are the low one.
fn movddup(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let to = xmm_number(i.op0_register())?;
    let v = cx.double_operand(i, 1)?;
    cx.set_xmm_halves(to, v, v);
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

fn signs(cx: &mut Lift<'_, '_>, i: &Instruction, ty: cranelift_codegen::ir::Type) -> Option<()> {
    let from = xmm_number(i.op1_register())?;
    let v = cx.xmm(from, ty);
    let m = cx.b.ins().vhigh_bits(I32, v);
    let w = cx.width(i, 0)?;
    let m = cx.zext(m, crate::cx::int(w));
    cx.write(i, 0, m)
}
