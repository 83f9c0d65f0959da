//! Moves. SDM vol. 1, 5.1.1; LEA, XLAT and the conditional forms.

use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, types::I64};
use forklift_x86::{Cond, Gpr, Width};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::LiftFn;
use crate::cx::{Lift, Place, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Mov, mov),
    (Mnemonic::Movzx, movzx),
    (Mnemonic::Movsx, movsx),
    (Mnemonic::Movsxd, movsx),
    (Mnemonic::Movbe, movbe),
    (Mnemonic::Movnti, mov),
    (Mnemonic::Lea, lea),
    (Mnemonic::Xchg, xchg),
    (Mnemonic::Bswap, bswap),
    (Mnemonic::Xlatb, xlat),
    (Mnemonic::Cbw, cbw),
    (Mnemonic::Cwde, cwde),
    (Mnemonic::Cdqe, cdqe),
    (Mnemonic::Cwd, cwd),
    (Mnemonic::Cdq, cwd),
    (Mnemonic::Cqo, cwd),
    (Mnemonic::Nop, nop),
    (Mnemonic::Pause, nop),
    (Mnemonic::Endbr32, nop),
    (Mnemonic::Endbr64, nop),
    (Mnemonic::Prefetcht0, nop),
    (Mnemonic::Prefetcht1, nop),
    (Mnemonic::Prefetcht2, nop),
    (Mnemonic::Prefetchnta, nop),
    (Mnemonic::Prefetchw, nop),
    (Mnemonic::Mfence, fence),
    (Mnemonic::Lfence, fence),
    (Mnemonic::Sfence, fence),
    (Mnemonic::Seta, setcc),
    (Mnemonic::Setae, setcc),
    (Mnemonic::Setb, setcc),
    (Mnemonic::Setbe, setcc),
    (Mnemonic::Sete, setcc),
    (Mnemonic::Setg, setcc),
    (Mnemonic::Setge, setcc),
    (Mnemonic::Setl, setcc),
    (Mnemonic::Setle, setcc),
    (Mnemonic::Setne, setcc),
    (Mnemonic::Setno, setcc),
    (Mnemonic::Setnp, setcc),
    (Mnemonic::Setns, setcc),
    (Mnemonic::Seto, setcc),
    (Mnemonic::Setp, setcc),
    (Mnemonic::Sets, setcc),
    (Mnemonic::Cmova, cmovcc),
    (Mnemonic::Cmovae, cmovcc),
    (Mnemonic::Cmovb, cmovcc),
    (Mnemonic::Cmovbe, cmovcc),
    (Mnemonic::Cmove, cmovcc),
    (Mnemonic::Cmovg, cmovcc),
    (Mnemonic::Cmovge, cmovcc),
    (Mnemonic::Cmovl, cmovcc),
    (Mnemonic::Cmovle, cmovcc),
    (Mnemonic::Cmovne, cmovcc),
    (Mnemonic::Cmovno, cmovcc),
    (Mnemonic::Cmovnp, cmovcc),
    (Mnemonic::Cmovns, cmovcc),
    (Mnemonic::Cmovo, cmovcc),
    (Mnemonic::Cmovp, cmovcc),
    (Mnemonic::Cmovs, cmovcc),
];

/// MOV. Segment, control and debug registers are left to the interpreter.
fn mov(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op_kind(1) == OpKind::Memory && i.op0_register().is_gpr32() {
        let a = cx.addr(i)?;
        let v = cx.load_extended(I64, Width::B4, false, a);
        cx.set_reg64(Gpr::from_iced(i.op0_register())?, v);
        return Some(());
    }
    let v = cx.read(i, 1)?;
    cx.write(i, 0, v)
}

/// MOVZX, MOVSX or MOVSXD of memory to a register: the load extends.
fn extend(cx: &mut Lift<'_, '_>, i: &Instruction, signed: bool) -> Option<()> {
    let (to, from) = (cx.width(i, 0)?, cx.width(i, 1)?);
    let (Place::Mem(a), Some(r)) = (cx.place(i, 1)?, Gpr::from_iced(i.op0_register())) else { return None };
    match to {
        _ if from >= to => return None,
        // All 64 bits, so that they need not be extended for an address.
        Width::B4 if !signed => {
            let v = cx.load_extended(I64, from, false, a);
            cx.set_reg64(r, v);
        }
        _ => {
            let v = cx.load_extended(int(to), from, signed, a);
            cx.set_reg(r, to, v);
        }
    }
    Some(())
}

/// MOVZX.
fn movzx(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op1_kind() == OpKind::Memory {
        return extend(cx, i, false);
    }
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let v = cx.zext(v, int(w));
    cx.write(i, 0, v)
}

/// MOVSX, MOVSXD.
fn movsx(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.op1_kind() == OpKind::Memory && cx.width(i, 1)? < cx.width(i, 0)? {
        return extend(cx, i, true);
    }
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let v = cx.sext(v, int(w));
    cx.write(i, 0, v)
}

/// MOVBE.
fn movbe(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let v = cx.read(i, 1)?;
    let v = cx.b.ins().bswap(v);
    cx.write(i, 0, v)
}

/// LEA: the address is computed at the address size and stored at the operand size.
fn lea(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = cx.width(i, 0)?;
    let v = cx.lea(i)?;
    let v = cx.zext(v, int(w));
    cx.write(i, 0, v)
}

/// XCHG: atomic with a memory operand, LOCK or not.
fn xchg(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (x, y) = (cx.place(i, 0)?, cx.place(i, 1)?);
    let (mem, reg) = match (x, y) {
        (Place::Mem(a), Place::Reg(r)) | (Place::Reg(r), Place::Mem(a)) => (a, r),
        _ => return swap(cx, i, x, y),
    };
    let v = cx.read_register(reg)?;
    let (flags, ptr) = cx.atomic(mem);
    let ty = cx.type_of(v);
    let old = cx.b.ins().atomic_rmw(ty, flags, AtomicRmwOp::Xchg, ptr, v);
    cx.locked();
    cx.write_register(reg, old)
}

fn swap(cx: &mut Lift<'_, '_>, i: &Instruction, x: Place, y: Place) -> Option<()> {
    let w = cx.width(i, 0)?;
    let (a, b) = (cx.get(x, w)?, cx.get(y, w)?);
    cx.put(x, b)?;
    cx.put(y, a)
}

/// BSWAP. Of 16 bits it is undefined; CPUs give zero.
fn bswap(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = cx.width(i, 0)?;
    let v = cx.read(i, 0)?;
    let v = if w == Width::B2 { cx.iconst(w, 0) } else { cx.b.ins().bswap(v) };
    cx.write(i, 0, v)
}

/// XLAT: AL = [rBX + AL].
fn xlat(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    // The decoder gives the operand as [rBX+AL], which is no general address.
    let base = Gpr::from_iced(i.memory_base())?;
    if i.memory_segment() != Register::DS || i.memory_base().size() as u32 != cx.word().bytes() {
        return None;
    }
    let (b, al) = (cx.reg_word(base), cx.reg(Gpr::Rax, Width::B1));
    let index = cx.zext(al, int(cx.word()));
    let sum = cx.b.ins().iadd(b, index);
    let a = cx.linear(sum);
    let v = cx.load(int(Width::B1), a);
    cx.set_reg(Gpr::Rax, Width::B1, v);
    Some(())
}

/// CBW: AX = sign-extended AL.
fn cbw(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    extend_rax(cx, Width::B1, Width::B2)
}

/// CWDE: EAX = sign-extended AX.
fn cwde(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    extend_rax(cx, Width::B2, Width::B4)
}

/// CDQE: RAX = sign-extended EAX.
fn cdqe(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    extend_rax(cx, Width::B4, Width::B8)
}

fn extend_rax(cx: &mut Lift<'_, '_>, from: Width, to: Width) -> Option<()> {
    let v = cx.reg(Gpr::Rax, from);
    let v = cx.sext(v, int(to));
    cx.set_reg(Gpr::Rax, to, v);
    Some(())
}

/// CWD, CDQ, CQO: rDX = the sign of rAX in all bits.
fn cwd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = match i.mnemonic() {
        Mnemonic::Cwd => Width::B2,
        Mnemonic::Cdq => Width::B4,
        _ => Width::B8,
    };
    let v = cx.reg(Gpr::Rax, w);
    let v = cx.b.ins().sshr_imm_u(v, i64::from(w.bits() - 1));
    cx.set_reg(Gpr::Rdx, w, v);
    Some(())
}

/// NOP, ENDBR, PAUSE and prefetches, which never fault.
fn nop(_: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    Some(())
}

/// MFENCE, LFENCE, SFENCE.
fn fence(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.b.ins().fence();
    Some(())
}

/// SETcc.
fn setcc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let place = cx.place(i, 0)?;
    let v = cx.cond(Cond::from_iced(i.condition_code())?);
    cx.put(place, v)
}

/// CMOVcc: the source is read, and a 32-bit destination zero-extended, even if the condition doesn't hold.
fn cmovcc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (new, old) = (cx.read(i, 1)?, cx.read(i, 0)?);
    let c = cx.cond(Cond::from_iced(i.condition_code())?);
    let v = cx.b.ins().select(c, new, old);
    cx.write(i, 0, v)
}
