//! Single bits and bit counts. SDM vol. 1, 5.1.6.

use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, Value, condcodes::IntCC};
use forklift_x86::{CcKind, CpuModel, Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use super::bmi::set_result_flags;
use crate::cx::{Later, Lazy, Lift, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Bt, bt),
    (Mnemonic::Bts, bts),
    (Mnemonic::Btr, btr),
    (Mnemonic::Btc, btc),
    (Mnemonic::Bsf, bsf),
    (Mnemonic::Bsr, bsr),
    (Mnemonic::Tzcnt, tzcnt),
    (Mnemonic::Lzcnt, lzcnt),
    (Mnemonic::Popcnt, popcnt),
];

/// BT: CF = a bit.
fn bt(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, n) = (cx.width(i, 0)?, bit_number(cx, i)?);
    let a = cx.read(i, 0)?;
    set_carry_to_bit(cx, w, a, n);
    Some(())
}

/// BTS: CF = a bit, which is then set.
fn bts(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    change(cx, i, AtomicRmwOp::Or, |_, mask| mask, |cx, a, mask| cx.b.ins().bor(a, mask))
}

/// BTR: CF = a bit, which is then cleared.
fn btr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    change(cx, i, AtomicRmwOp::And, |cx, mask| cx.b.ins().bnot(mask), |cx, a, keep| cx.b.ins().band(a, keep))
}

/// BTC: CF = a bit, which is then inverted.
fn btc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    change(cx, i, AtomicRmwOp::Xor, |_, mask| mask, |cx, a, mask| cx.b.ins().bxor(a, mask))
}

/// `operand` makes the operand of `op`, and of `f`, which is the same, from a one in the bit's place.
fn change(
    cx: &mut Lift<'_, '_>,
    i: &Instruction,
    op: AtomicRmwOp,
    operand: fn(&mut Lift<'_, '_>, Value) -> Value,
    f: fn(&mut Lift<'_, '_>, Value, Value) -> Value,
) -> Option<()> {
    let (w, n) = (cx.width(i, 0)?, bit_number(cx, i)?);
    let one = cx.iconst(w, 1);
    let mask = cx.b.ins().ishl(one, n);
    let mask = operand(cx, mask);
    let (a, _) = cx.rmw(i, Some((op, mask)), |cx, a| f(cx, a, mask))?;
    set_carry_to_bit(cx, w, a, n);
    Some(())
}

/// The bit's number, to be taken modulo the width. A register selects a bit of a string of bits in memory, which is left to the interpreter.
fn bit_number(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<Value> {
    if i.op_kind(0) == OpKind::Memory && i.op_kind(1) == OpKind::Register {
        return None;
    }
    cx.read(i, 1)
}

/// CF = bit `n` of `a`. ZF stays; the other flags are undefined.
fn set_carry_to_bit(cx: &mut Lift<'_, '_>, w: Width, a: Value, n: Value) {
    cx.set_flags_later(Later::Bit { w, a, n });
}

/// BSF: the lowest set bit; ZF if there is none, and then the destination stays.
fn bsf(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    scan(cx, i, |cx, _, v| cx.b.ins().ctz(v))
}

/// BSR: the highest set bit; ZF if there is none, and then the destination stays.
fn bsr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    scan(cx, i, |cx, w, v| {
        let n = cx.b.ins().clz(v);
        cx.b.ins().bxor_imm_u(n, i64::from(w.bits() - 1))
    })
}

/// TZCNT: zeroes below the lowest set bit; BSF on processors without BMI1, which ignore the prefix.
fn tzcnt(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if cx.model() <= CpuModel::V2 {
        return bsf(cx, i);
    }
    count(cx, i, |cx, v| cx.b.ins().ctz(v))
}

/// LZCNT: zeroes above the highest set bit; BSR on processors without it, which ignore the prefix.
fn lzcnt(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if cx.model() <= CpuModel::V2 {
        return bsr(cx, i);
    }
    count(cx, i, |cx, v| cx.b.ins().clz(v))
}

/// The width if there is no bit, and CF then; ZF = the result is 0.
fn count(cx: &mut Lift<'_, '_>, i: &Instruction, f: fn(&mut Lift<'_, '_>, Value) -> Value) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let r = f(cx, v);
    cx.write(i, 0, r)?;
    set_result_flags(cx, w, r, |cx| cx.b.ins().icmp_imm_s(IntCC::Equal, v, 0));
    Some(())
}

fn scan(cx: &mut Lift<'_, '_>, i: &Instruction, f: fn(&mut Lift<'_, '_>, Width, Value) -> Value) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let n = f(cx, w, v);
    let r = Gpr::from_iced(i.op0_register())?;
    match w {
        Width::B4 | Width::B8 => {
            let (n, old) = (cx.zext(n, int(Width::B8)), cx.reg64(r));
            let new = cx.b.ins().select(v, n, old);
            cx.set_reg64(r, new);
        }
        _ => {
            let old = cx.reg(r, w);
            let new = cx.b.ins().select(v, n, old);
            cx.set_reg(r, w, new);
        }
    }
    cx.set_flags(Lazy::new(CcKind::Logic, w, v).r(v));
    Some(())
}

/// POPCNT: ZF if the source is 0, the other flags cleared.
fn popcnt(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.read(i, 1)?;
    let n = cx.b.ins().popcnt(v);
    cx.write(i, 0, n)?;
    let zero = cx.b.ins().icmp_imm_s(IntCC::Equal, v, 0);
    let raw = cx.flag_bit(zero, bits::ZF);
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, raw));
    Some(())
}
