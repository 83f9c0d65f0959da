//! Moves, extensions, exchanges, conditional moves. SDM vol. 1, 7.3.1.

use forklift_x86::{Cond, Gpr};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form, operand_bytes};
use crate::place::{Imm, Lock, Mem, Place, Reg, Source, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Mov, Pick::By(pick_mov)),
            (Mnemonic::Movzx, Pick::By(pick_movzx)),
            (Mnemonic::Movsx, Pick::By(pick_movsx)),
            (Mnemonic::Movsxd, Pick::By(pick_movsx)),
            (Mnemonic::Movbe, Pick::By(pick_movbe)),
            (Mnemonic::Lea, Pick::By(|i| by_width!(lea, i, 0))),
            (Mnemonic::Xchg, Pick::By(pick_xchg)),
            (Mnemonic::Bswap, Pick::By(|i| by_width!(bswap, i, 0))),
            (Mnemonic::Cbw, Pick::One(|cx, _| widen_acc::<u8, u16, M>(cx))),
            (Mnemonic::Cwde, Pick::One(|cx, _| widen_acc::<u16, u32, M>(cx))),
            (Mnemonic::Cdqe, Pick::One(|cx, _| widen_acc::<u32, u64, M>(cx))),
            (Mnemonic::Cwd, Pick::One(|cx, _| sign_acc::<u16, M>(cx))),
            (Mnemonic::Cdq, Pick::One(|cx, _| sign_acc::<u32, M>(cx))),
            (Mnemonic::Cqo, Pick::One(|cx, _| sign_acc::<u64, M>(cx))),
            (Mnemonic::Cmovo, Pick::By(pick_cmov::<0, M>)),
            (Mnemonic::Cmovno, Pick::By(pick_cmov::<1, M>)),
            (Mnemonic::Cmovb, Pick::By(pick_cmov::<2, M>)),
            (Mnemonic::Cmovae, Pick::By(pick_cmov::<3, M>)),
            (Mnemonic::Cmove, Pick::By(pick_cmov::<4, M>)),
            (Mnemonic::Cmovne, Pick::By(pick_cmov::<5, M>)),
            (Mnemonic::Cmovbe, Pick::By(pick_cmov::<6, M>)),
            (Mnemonic::Cmova, Pick::By(pick_cmov::<7, M>)),
            (Mnemonic::Cmovs, Pick::By(pick_cmov::<8, M>)),
            (Mnemonic::Cmovns, Pick::By(pick_cmov::<9, M>)),
            (Mnemonic::Cmovp, Pick::By(pick_cmov::<10, M>)),
            (Mnemonic::Cmovnp, Pick::By(pick_cmov::<11, M>)),
            (Mnemonic::Cmovl, Pick::By(pick_cmov::<12, M>)),
            (Mnemonic::Cmovge, Pick::By(pick_cmov::<13, M>)),
            (Mnemonic::Cmovle, Pick::By(pick_cmov::<14, M>)),
            (Mnemonic::Cmovg, Pick::By(pick_cmov::<15, M>)),
            (Mnemonic::Seto, Pick::By(pick_set::<0, M>)),
            (Mnemonic::Setno, Pick::By(pick_set::<1, M>)),
            (Mnemonic::Setb, Pick::By(pick_set::<2, M>)),
            (Mnemonic::Setae, Pick::By(pick_set::<3, M>)),
            (Mnemonic::Sete, Pick::By(pick_set::<4, M>)),
            (Mnemonic::Setne, Pick::By(pick_set::<5, M>)),
            (Mnemonic::Setbe, Pick::By(pick_set::<6, M>)),
            (Mnemonic::Seta, Pick::By(pick_set::<7, M>)),
            (Mnemonic::Sets, Pick::By(pick_set::<8, M>)),
            (Mnemonic::Setns, Pick::By(pick_set::<9, M>)),
            (Mnemonic::Setp, Pick::By(pick_set::<10, M>)),
            (Mnemonic::Setnp, Pick::By(pick_set::<11, M>)),
            (Mnemonic::Setl, Pick::By(pick_set::<12, M>)),
            (Mnemonic::Setge, Pick::By(pick_set::<13, M>)),
            (Mnemonic::Setle, Pick::By(pick_set::<14, M>)),
            (Mnemonic::Setg, Pick::By(pick_set::<15, M>)),
        ]
    }
}

fn pick_mov<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    let segment = |k| form(i, k) == Form::Reg && i.op_register(k).is_segment_register();
    if segment(0) || segment(1) {
        return None;
    }
    let special = |k| form(i, k) == Form::Reg && !i.op_register(k).is_gpr();
    if special(0) || special(1) {
        // Control, debug and test registers: privileged.
        return Some(|cx, _| Err(cx.general_protection(0)));
    }
    match (form(i, 0), form(i, 1)) {
        (Form::Reg, Form::Reg) => by_width!(mov, i, 0, Reg<0>, Reg<1>),
        (Form::Reg, Form::Imm) => by_width!(mov, i, 0, Reg<0>, Imm),
        (Form::Reg, Form::Mem) => by_width!(mov, i, 0, Reg<0>, Mem),
        (Form::Mem, Form::Reg) => by_width!(mov, i, 0, Mem, Reg<1>),
        (Form::Mem, Form::Imm) => by_width!(mov, i, 0, Mem, Imm),
        _ => None,
    }
}

/// MOV: dest = src.
fn mov<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    D::set(cx, op, v)
}

/// Picks `$f::<From, To, S, M>` for an extension of operand 1 into register operand 0.
macro_rules! by_extension {
    ($f:ident, $i:expr) => {
        match (operand_bytes($i, 1), operand_bytes($i, 0), form($i, 1)) {
            (1, 2, Form::Reg) => Some($f::<u8, u16, Reg<1>, M>),
            (1, 4, Form::Reg) => Some($f::<u8, u32, Reg<1>, M>),
            (1, 8, Form::Reg) => Some($f::<u8, u64, Reg<1>, M>),
            (2, 2, Form::Reg) => Some($f::<u16, u16, Reg<1>, M>),
            (2, 4, Form::Reg) => Some($f::<u16, u32, Reg<1>, M>),
            (2, 8, Form::Reg) => Some($f::<u16, u64, Reg<1>, M>),
            (4, 4, Form::Reg) => Some($f::<u32, u32, Reg<1>, M>),
            (4, 8, Form::Reg) => Some($f::<u32, u64, Reg<1>, M>),
            (1, 2, Form::Mem) => Some($f::<u8, u16, Mem, M>),
            (1, 4, Form::Mem) => Some($f::<u8, u32, Mem, M>),
            (1, 8, Form::Mem) => Some($f::<u8, u64, Mem, M>),
            (2, 2, Form::Mem) => Some($f::<u16, u16, Mem, M>),
            (2, 4, Form::Mem) => Some($f::<u16, u32, Mem, M>),
            (2, 8, Form::Mem) => Some($f::<u16, u64, Mem, M>),
            (4, 4, Form::Mem) => Some($f::<u32, u32, Mem, M>),
            (4, 8, Form::Mem) => Some($f::<u32, u64, Mem, M>),
            _ => None,
        }
    };
}

fn pick_movzx<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    by_extension!(movzx, i)
}

fn pick_movsx<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    // MOVSXD r16, r/m16|32 moves 16 bits.
    if operand_bytes(i, 0) == 2 && operand_bytes(i, 1) != 1 {
        return match form(i, 1) {
            Form::Reg => Some(mov::<u16, Reg<0>, Reg<1>, M>),
            _ => Some(mov::<u16, Reg<0>, Mem, M>),
        };
    }
    by_extension!(movsx, i)
}

/// MOVZX: dest = src, zero-extended.
fn movzx<F: Int, T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: F = S::get(cx, op)?;
    Reg::<0>::set(cx, op, T::from_u64(v.to_u64()))
}

/// MOVSX, MOVSXD: dest = src, sign-extended.
fn movsx<F: Int, T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: F = S::get(cx, op)?;
    Reg::<0>::set(cx, op, T::from_u64(v.to_i64() as u64))
}

fn pick_movbe<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 0) {
        Form::Reg => by_width!(movbe, i, 0, Reg<0>, Mem),
        _ => by_width!(movbe, i, 0, Mem, Reg<1>),
    }
}

/// MOVBE: dest = src with its bytes in the opposite order.
fn movbe<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    D::set(cx, op, reverse_bytes(v))
}

fn reverse_bytes<T: Int>(v: T) -> T {
    T::from_u64(v.to_u64().swap_bytes() >> (64 - T::BITS))
}

/// BSWAP. With 16 bits the manual leaves the result open; CPUs give zero.
fn bswap<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = cx.gpr(op.reg[0]);
    cx.set_gpr(op.reg[0], if T::BITS == 16 { T::from_u64(0) } else { reverse_bytes(v) });
    Ok(())
}

/// LEA: dest = the effective address, truncated or zero-extended.
fn lea<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = T::from_u64(cx.offset(op));
    cx.set_gpr(op.reg[0], v);
    Ok(())
}

fn pick_xchg<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), form(i, 1)) {
        (Form::Reg, Form::Reg) => by_width!(xchg, i, 0),
        (Form::Mem, _) => by_width!(xchg_memory, i, 0, Reg<1>),
        (_, Form::Mem) => by_width!(xchg_memory, i, 0, Reg<0>),
        _ => None,
    }
}

/// XCHG of two registers.
fn xchg<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b): (T, T) = (cx.gpr(op.reg[0]), cx.gpr(op.reg[1]));
    cx.set_gpr(op.reg[0], b);
    cx.set_gpr(op.reg[1], a);
    Ok(())
}

/// XCHG with memory: always atomic.
fn xchg_memory<T: Int, R: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let new: T = R::get(cx, op)?;
    let old = Lock::update(cx, op, |_| new)?;
    R::set(cx, op, old)
}

/// CBW, CWDE, CDQE: the accumulator, sign-extended to twice its width.
fn widen_acc<F: Int, T: Int, M: Memory>(cx: &mut Exec<'_, M>) -> Step {
    let v: F = cx.gpr(Gpr::Rax as u8);
    cx.set_gpr(Gpr::Rax as u8, T::from_u64(v.to_i64() as u64));
    Ok(())
}

/// CWD, CDQ, CQO: dx = the sign of the accumulator in all bits.
fn sign_acc<T: Int, M: Memory>(cx: &mut Exec<'_, M>) -> Step {
    let v: T = cx.gpr(Gpr::Rax as u8);
    cx.set_gpr(Gpr::Rdx as u8, T::from_u64(if v.sign() { u64::MAX } else { 0 }));
    Ok(())
}

fn pick_cmov<const C: usize, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 1), operand_bytes(i, 0)) {
        (Form::Reg, 2) => Some(cmov::<C, u16, Reg<1>, M>),
        (Form::Reg, 4) => Some(cmov::<C, u32, Reg<1>, M>),
        (Form::Reg, 8) => Some(cmov::<C, u64, Reg<1>, M>),
        (Form::Mem, 2) => Some(cmov::<C, u16, Mem, M>),
        (Form::Mem, 4) => Some(cmov::<C, u32, Mem, M>),
        (Form::Mem, 8) => Some(cmov::<C, u64, Mem, M>),
        _ => None,
    }
}

/// CMOVcc: the source is read whatever the condition; a 32-bit destination is zero-extended even if it keeps its value.
fn cmov<const C: usize, T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let new: T = S::get(cx, op)?;
    let old: T = cx.gpr(op.reg[0]);
    let v = if cx.cpu.flags.cond(const { Cond::ALL[C] }) { new } else { old };
    cx.set_gpr(op.reg[0], v);
    Ok(())
}

fn pick_set<const C: usize, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 0) {
        Form::Reg => Some(set::<C, Reg<0>, M>),
        Form::Mem => Some(set::<C, Mem, M>),
        _ => None,
    }
}

/// SETcc: dest = the condition as 0 or 1.
fn set<const C: usize, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = u8::from(cx.cpu.flags.cond(const { Cond::ALL[C] }));
    D::set(cx, op, v)
}
