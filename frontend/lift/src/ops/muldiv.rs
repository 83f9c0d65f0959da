//! Multiplication and division. SDM vol. 1, 5.1.2.
//!
//! A division that would raise #DE leaves the block and is interpreted. So does one of a dividend that is really of 128 bits, unless the host has an instruction for it.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{I16, I32, I64, I128},
};
use forklift_x86::{CcKind, Gpr, GuestAddr, Width};
use iced_x86::{Instruction, Mnemonic};

use super::{LiftFn, host};
use crate::cx::{Later, Lazy, Lift, int};
use crate::{HostOp, LiftedExit};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[(Mnemonic::Mul, mul), (Mnemonic::Imul, imul), (Mnemonic::Div, div), (Mnemonic::Idiv, idiv)];

/// MUL: rDX:rAX = rAX * src.
fn mul(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    multiply(cx, i, false)
}

/// IMUL of one, two or three operands.
fn imul(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (x, y) = match i.op_count() {
        1 => return multiply(cx, i, true),
        2 => (0, 1),
        _ => (1, 2),
    };
    let (w, a, b) = (cx.width(i, 0)?, cx.read(i, x)?, cx.read(i, y)?);
    let r = cx.b.ins().imul(a, b);
    cx.write(i, 0, r)?;
    cx.set_flags_later(Later::Product { w, a, b, r, signed: true });
    Some(())
}

fn multiply(cx: &mut Lift<'_, '_>, i: &Instruction, signed: bool) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 0)?);
    let a = cx.reg(Gpr::Rax, w);
    let (low, high) = wide_product(cx, w, a, b, signed);
    set_pair(cx, w, low, high);
    if cx.live != 0 {
        let expected = if signed { cx.b.ins().sshr_imm_u(low, i64::from(w.bits() - 1)) } else { cx.iconst(w, 0) };
        let lost = cx.b.ins().icmp(IntCC::NotEqual, high, expected);
        cx.set_flags(Lazy::new(CcKind::Result, w, low).b(lost).c(lost).r(low));
    }
    Some(())
}

/// Both halves of a product.
pub(super) fn wide_product(cx: &mut Lift<'_, '_>, w: Width, a: Value, b: Value, signed: bool) -> (Value, Value) {
    if w == Width::B8 {
        let (a, b) =
            if signed { (cx.b.ins().sextend(I128, a), cx.b.ins().sextend(I128, b)) } else { (cx.b.ins().uextend(I128, a), cx.b.ins().uextend(I128, b)) };
        let product = cx.b.ins().imul(a, b);
        return cx.b.ins().isplit(product);
    }
    (cx.b.ins().imul(a, b), cx.high_half(w, a, b, signed))
}

/// Sets AX, DX:AX, EDX:EAX or RDX:RAX.
fn set_pair(cx: &mut Lift<'_, '_>, w: Width, low: Value, high: Value) {
    if w == Width::B1 {
        let (low, high) = (cx.zext(low, I16), cx.zext(high, I16));
        let high = cx.b.ins().ishl_imm_u(high, 8);
        let both = cx.b.ins().bor(low, high);
        cx.set_reg(Gpr::Rax, Width::B2, both);
    } else {
        cx.set_reg(Gpr::Rax, w, low);
        cx.set_reg(Gpr::Rdx, w, high);
    }
}

/// DIV.
fn div(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, d) = (cx.width(i, 0)?, cx.read(i, 0)?);
    if w == Width::B8 && cx.host.has(HostOp::Div) {
        return div_of_128_bits(cx, i, d);
    }
    if w == Width::B8 {
        let high = cx.reg64(Gpr::Rdx);
        let zero = cx.b.ins().icmp_imm_s(IntCC::Equal, d, 0);
        let zero = cx.zext(zero, I64);
        let bad = cx.b.ins().bor(high, zero);
        let low = cx.reg64(Gpr::Rax);
        return divide(cx, i, w, bad, low, d, false);
    }
    let dividend = dividend(cx, w);
    let wide = cx.type_of(dividend);
    let divisor = cx.zext(d, wide);
    // The quotient fits if the high half is less than the divisor, which then isn't 0.
    let high = cx.b.ins().ushr_imm_u(dividend, i64::from(w.bits()));
    let bad = cx.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, high, divisor);
    divide(cx, i, w, bad, dividend, divisor, false)
}

/// DIV of RDX:RAX: by 64 bits if RDX is 0, which costs much less on many processors, else by the host's instruction.
fn div_of_128_bits(cx: &mut Lift<'_, '_>, i: &Instruction, d: Value) -> Option<()> {
    let (low, high) = (cx.reg64(Gpr::Rax), cx.reg64(Gpr::Rdx));
    // Then the quotient fits, and the divisor isn't 0.
    let bad = cx.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, high, d);
    interpret_if(cx, i, bad);
    cx.close_group();
    let [long, short, next] = [(); 3].map(|()| cx.b.create_block());
    cx.b.set_cold_block(long);
    let q = cx.b.append_block_param(next, I64);
    cx.b.ins().brif(high, long, &[] as &[BlockArg], short, &[] as &[BlockArg]);
    cx.b.switch_to_block(long);
    let x = host::run(cx, HostOp::Div, 0, I64, &[low, d, high])?;
    cx.b.ins().jump(next, &[x.into()]);
    cx.b.switch_to_block(short);
    let x = cx.b.ins().udiv(low, d);
    cx.b.ins().jump(next, &[x.into()]);
    cx.b.switch_to_block(next);
    let r = remainder(cx, low, d, q);
    set_pair(cx, Width::B8, q, r);
    Some(())
}

/// IDIV: done here if the high half of the dividend is nothing but the sign of the low one.
fn idiv(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, d) = (cx.width(i, 0)?, cx.read(i, 0)?);
    if w < Width::B4 {
        return idiv_narrow(cx, i, w, d);
    }
    let (low, high) = (cx.reg(Gpr::Rax, w), cx.reg(Gpr::Rdx, w));
    let sign = cx.b.ins().sshr_imm_u(low, i64::from(w.bits() - 1));
    let long = cx.b.ins().icmp(IntCC::NotEqual, high, sign);
    let refused = refused_divisor(cx, d, low, 1 << (w.bits() - 1));
    let bad = cx.b.ins().bor(long, refused);
    divide(cx, i, w, bad, low, d, true)
}

/// IDIV of 8 and 16 bits, computed in 32: the quotient must fit.
fn idiv_narrow(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, d: Value) -> Option<()> {
    let dividend = dividend(cx, w);
    let dividend = cx.sext(dividend, I32);
    let divisor = cx.sext(d, I32);
    let bad = refused_divisor(cx, divisor, dividend, 1 << 31);
    interpret_if(cx, i, bad);
    let q = cx.b.ins().sdiv(dividend, divisor);
    let narrow = cx.zext(q, int(w));
    let back = cx.sext(narrow, I32);
    let overflow = cx.b.ins().icmp(IntCC::NotEqual, q, back);
    interpret_if(cx, i, overflow);
    let r = remainder(cx, dividend, divisor, q);
    let r = cx.zext(r, int(w));
    set_pair(cx, w, narrow, r);
    Some(())
}

/// Whether a signed division would trap on the host: by zero, or the most negative number by -1.
fn refused_divisor(cx: &mut Lift<'_, '_>, d: Value, low: Value, lowest: u64) -> Value {
    let w = Width::from_bytes(cx.type_of(d).bytes() as usize).unwrap_or(Width::B8);
    let zero = cx.b.ins().icmp_imm_s(IntCC::Equal, d, 0);
    let minus = cx.b.ins().icmp_imm_s(IntCC::Equal, d, -1);
    let lowest = cx.iconst(w, lowest);
    let lowest = cx.b.ins().icmp(IntCC::Equal, low, lowest);
    let overflow = cx.b.ins().band(minus, lowest);
    cx.b.ins().bor(zero, overflow)
}

/// AX as 16 bits, DX:AX as 32, EDX:EAX as 64.
fn dividend(cx: &mut Lift<'_, '_>, w: Width) -> Value {
    if w == Width::B1 {
        return cx.reg(Gpr::Rax, Width::B2);
    }
    let wide: Type = if w == Width::B2 { I32 } else { I64 };
    let (low, high) = (cx.reg(Gpr::Rax, w), cx.reg(Gpr::Rdx, w));
    let (low, high) = (cx.zext(low, wide), cx.zext(high, wide));
    let high = cx.b.ins().ishl_imm_u(high, i64::from(w.bits()));
    cx.b.ins().bor(high, low)
}

fn interpret_if(cx: &mut Lift<'_, '_>, i: &Instruction, cond: Value) {
    let pc = GuestAddr::new(i.ip());
    cx.side_path(cond, |cx| cx.leave(LiftedExit::Step(pc)));
}

/// What is left of `a`, `q` times `d` taken off: one division costs more than the rest together.
fn remainder(cx: &mut Lift<'_, '_>, a: Value, d: Value, q: Value) -> Value {
    let product = cx.b.ins().imul(q, d);
    cx.b.ins().isub(a, product)
}

fn divide(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, bad: Value, a: Value, d: Value, signed: bool) -> Option<()> {
    interpret_if(cx, i, bad);
    let q = if signed { cx.b.ins().sdiv(a, d) } else { cx.b.ins().udiv(a, d) };
    let r = remainder(cx, a, d, q);
    let (q, r) = (cx.zext(q, int(w)), cx.zext(r, int(w)));
    set_pair(cx, w, q, r);
    Some(())
}
