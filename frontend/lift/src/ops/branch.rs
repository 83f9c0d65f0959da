//! Jumps. SDM vol. 1, 5.1.7.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use forklift_x86::{Cond, Flow, Gpr, GuestAddr, Width, flow};
use iced_x86::{Instruction, Mnemonic};

use super::LiftFn;
use super::stack::near_target;
use crate::cx::Lift;

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Jmp, jmp),
    (Mnemonic::Ja, jcc),
    (Mnemonic::Jae, jcc),
    (Mnemonic::Jb, jcc),
    (Mnemonic::Jbe, jcc),
    (Mnemonic::Je, jcc),
    (Mnemonic::Jg, jcc),
    (Mnemonic::Jge, jcc),
    (Mnemonic::Jl, jcc),
    (Mnemonic::Jle, jcc),
    (Mnemonic::Jne, jcc),
    (Mnemonic::Jno, jcc),
    (Mnemonic::Jnp, jcc),
    (Mnemonic::Jns, jcc),
    (Mnemonic::Jo, jcc),
    (Mnemonic::Jp, jcc),
    (Mnemonic::Js, jcc),
    (Mnemonic::Jecxz, jcxz),
    (Mnemonic::Jrcxz, jcxz),
    (Mnemonic::Loop, loop_),
];

/// JMP near.
fn jmp(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    match flow(i) {
        Flow::Jump(target) => cx.go_to(target),
        Flow::IndirectJump if i.is_jmp_near_indirect() => {
            let p = near_target(cx, i)?;
            let target = cx.get(p, cx.word())?;
            cx.leave_indirect(i, target, |_| {});
        }
        _ => return None,
    }
    Some(())
}

/// Jcc.
fn jcc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let c = Cond::from_iced(i.condition_code())?;
    cx.poll_before(i);
    let c = cx.cond(c);
    branch(cx, i, c)
}

/// Goes to the target of `i` if `taken` isn't zero.
fn branch(cx: &mut Lift<'_, '_>, i: &Instruction, taken: Value) -> Option<()> {
    let Flow::Branch(target) = flow(i) else { return None };
    cx.branch(taken, target, GuestAddr::new(i.next_ip()));
    Some(())
}

/// JECXZ, JRCXZ: by the address size.
fn jcxz(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = if i.mnemonic() == Mnemonic::Jrcxz { Width::B8 } else { Width::B4 };
    let c = cx.reg(Gpr::Rcx, w);
    let zero = cx.b.ins().icmp_imm_s(IntCC::Equal, c, 0);
    branch(cx, i, zero)
}

/// LOOP: rCX -= 1, taken while it isn't 0; no flags.
fn loop_(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    use iced_x86::Code;
    let w = match i.code() {
        Code::Loop_rel8_64_RCX => Width::B8,
        Code::Loop_rel8_32_ECX | Code::Loop_rel8_64_ECX => Width::B4,
        _ => return None,
    };
    let c = cx.reg(Gpr::Rcx, w);
    let c = cx.add_const(c, -1);
    cx.set_reg(Gpr::Rcx, w, c);
    let more = cx.b.ins().icmp_imm_s(IntCC::NotEqual, c, 0);
    branch(cx, i, more)
}
