//! The stack, calls and returns. SDM vol. 1, chapter 6.
//!
//! Operand sizes other than a word of the mode are left to the interpreter.

use cranelift_codegen::ir::Value;
use forklift_x86::{Flow, Gpr, flow};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lift, Place, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] =
    &[(Mnemonic::Push, push), (Mnemonic::Pop, pop), (Mnemonic::Leave, leave), (Mnemonic::Call, call), (Mnemonic::Ret, ret)];

fn is_word(cx: &Lift<'_, '_>, i: &Instruction) -> Option<()> {
    (i.stack_pointer_increment().unsigned_abs() == cx.word().bytes()).then_some(())
}

fn push_value(cx: &mut Lift<'_, '_>, v: Value) {
    let n = -i64::from(cx.word().bytes());
    let a = cx.stack_addr(Gpr::Rsp, n);
    cx.store(v, a);
    bump(cx, n);
}

fn bump(cx: &mut Lift<'_, '_>, n: i64) {
    let sp = cx.reg_word(Gpr::Rsp);
    let sp = cx.add_const(sp, n);
    cx.set_reg_word(Gpr::Rsp, sp);
}

/// PUSH: rSP itself is pushed as it was before.
fn push(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    is_word(cx, i)?;
    let w = cx.word();
    let v = match i.op_kind(0) {
        OpKind::Register | OpKind::Memory => {
            let p = cx.place(i, 0)?;
            cx.get(p, w)?
        }
        _ => cx.iconst(w, i.immediate(0)),
    };
    push_value(cx, v);
    Some(())
}

/// POP: an address that uses rSP takes it as it is afterwards; POP rSP sets it to what was popped.
fn pop(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    is_word(cx, i)?;
    let (w, n) = (cx.word(), i64::from(cx.word().bytes()));
    if i.op_kind(0) != OpKind::Register {
        return None;
    }
    let r = Gpr::from_iced(i.op0_register())?;
    let a = cx.stack_addr(Gpr::Rsp, 0);
    let v = cx.load(int(w), a);
    bump(cx, n);
    cx.set_reg_word(r, v);
    Some(())
}

/// LEAVE: rSP = rBP, then POP rBP.
fn leave(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let word = if cx.is_64() { Code::Leaveq } else { Code::Leaved };
    if i.code() != word {
        return None;
    }
    let (w, n) = (cx.word(), i64::from(cx.word().bytes()));
    let a = cx.stack_addr(Gpr::Rbp, 0);
    let v = cx.load(int(w), a);
    let bp = cx.reg_word(Gpr::Rbp);
    let sp = cx.add_const(bp, n);
    cx.set_reg_word(Gpr::Rsp, sp);
    cx.set_reg_word(Gpr::Rbp, v);
    Some(())
}

/// CALL near: the target is read before the return address is pushed.
fn call(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    is_word(cx, i)?;
    let w = cx.word();
    let back = cx.iconst(w, i.next_ip());
    match flow(i) {
        Flow::Call(target) => {
            push_value(cx, back);
            cx.leave_to(target);
        }
        Flow::IndirectCall if i.is_call_near_indirect() => {
            let p = near_target(cx, i)?;
            let target = cx.get(p, w)?;
            cx.leave_indirect(i, target, |cx| push_value(cx, back));
        }
        _ => return None,
    }
    Some(())
}

/// The operand of a near indirect branch, if it is a word of the mode.
pub(super) fn near_target(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<Place> {
    (cx.width(i, 0)? == cx.word()).then_some(())?;
    cx.place(i, 0)
}

/// RET near, and RET n, which takes n bytes more off the stack.
fn ret(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let word = if cx.is_64() { [Code::Retnq, Code::Retnq_imm16] } else { [Code::Retnd, Code::Retnd_imm16] };
    if !word.contains(&i.code()) {
        return None;
    }
    let w = cx.word();
    let extra = if i.op_count() == 0 { 0 } else { i64::from(i.immediate16()) };
    let a = cx.stack_addr(Gpr::Rsp, 0);
    let target = cx.load(int(w), a);
    cx.leave_indirect(i, target, |cx| bump(cx, i64::from(w.bytes()) + extra));
    Some(())
}
