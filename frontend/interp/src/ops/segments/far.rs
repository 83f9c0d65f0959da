//! Transfers of control to a code segment: far JMP, CALL and RET, IRET. SDM vol. 2, "JMP", "CALL", "RET", "IRET"; vol. 3A, 5.8.
//!
//! Linux has no call gates and no tasks for programs, so that a target is a code segment of privilege level 3. One whose bit L differs from the
//! present mode switches it.

use forklift_x86::{Exit, Fault, Gpr, Mode, Seg, bits};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

use super::{USER, far_pointer, is_null, selector_fault, set, stack_segment, switch_mode};
use crate::build::{Pick, Table};
use crate::{Descriptor, Exec, Int, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Jmp, Pick::SlowBy(pick_jmp)),
            (Mnemonic::Call, Pick::SlowBy(pick_call)),
            (Mnemonic::Retf, Pick::By(pick_ret)),
            (Mnemonic::Iret, Pick::One(iret::<u16, M>)),
            (Mnemonic::Iretd, Pick::One(iret::<u32, M>)),
            (Mnemonic::Iretq, Pick::One(iret::<u64, M>)),
        ]
    }
}

/// Bit D of a code segment's access rights: 32-bit operands.
const DEFAULT_32: u32 = 1 << 22;

/// A target that has passed.
#[derive(Clone, Copy)]
struct Checked {
    mode: Mode,
    selector: u16,
    descriptor: Descriptor,
}

/// Checks a code segment and an offset in it as the target of a transfer; returns it and the mode that it runs in.
fn check<M: Memory>(cx: &mut Exec<'_, M>, selector: u16, offset: u64) -> Result<Checked, Exit> {
    if is_null(selector) {
        return Err(cx.general_protection(0));
    }
    let Some(d) = cx.mem.descriptor(selector).filter(|d| is_target(*d)) else {
        return Err(selector_fault(cx, Fault::GeneralProtection, selector));
    };
    if !d.is_present() {
        return Err(selector_fault(cx, Fault::SegmentNotPresent, selector));
    }
    let mode = if d.is_long() { Mode::Bits64 } else { Mode::Bits32 };
    let inside = match mode {
        Mode::Bits64 => (offset as i64) << 16 >> 16 == offset as i64,
        Mode::Bits32 => offset <= u64::from(d.limit),
    };
    if inside { Ok(Checked { mode, selector, descriptor: d }) } else { Err(cx.general_protection(0)) }
}

/// Whether it is a code segment for programs that can be run.
fn is_target(d: Descriptor) -> bool {
    let (long, wide) = (d.is_long(), d.access & DEFAULT_32 != 0);
    d.is_code() && (d.is_conforming() || d.dpl() == 3) && !(long && wide)
}

/// Goes to a target that [`check`] has let pass.
fn enter<M: Memory>(cx: &mut Exec<'_, M>, to: Checked, offset: u64) {
    if to.mode != cx.cpu.mode {
        switch_mode(cx, to.mode);
    }
    set(cx, Seg::Cs, to.selector & !3 | USER, Some(to.descriptor));
    cx.cpu.rip = offset;
}

/// Where an instruction finds its target.
trait Target {
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<(T, u16), Exit>;
}

/// In the instruction.
struct Immediate;
/// In memory.
struct Indirect;

impl Target for Immediate {
    fn get<T: Int, M: Memory>(_: &mut Exec<'_, M>, op: &Op<M>) -> Result<(T, u16), Exit> {
        let i = op.insn();
        let offset = if i.op0_kind() == OpKind::FarBranch16 { i.far_branch16().into() } else { i.far_branch32() };
        Ok((T::from_u64(offset.into()), i.far_branch_selector()))
    }
}

impl Target for Indirect {
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<(T, u16), Exit> {
        far_pointer(cx, op)
    }
}

fn pick_jmp<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.code() {
        Code::Jmp_ptr1616 => jmp::<u16, Immediate, M>,
        Code::Jmp_ptr1632 => jmp::<u32, Immediate, M>,
        Code::Jmp_m1616 => jmp::<u16, Indirect, M>,
        Code::Jmp_m1632 => jmp::<u32, Indirect, M>,
        Code::Jmp_m1664 => jmp::<u64, Indirect, M>,
        _ => return None,
    })
}

fn pick_call<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.code() {
        Code::Call_ptr1616 => call::<u16, Immediate, M>,
        Code::Call_ptr1632 => call::<u32, Immediate, M>,
        Code::Call_m1616 => call::<u16, Indirect, M>,
        Code::Call_m1632 => call::<u32, Indirect, M>,
        Code::Call_m1664 => call::<u64, Indirect, M>,
        _ => return None,
    })
}

fn pick_ret<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.code() {
        Code::Retfw | Code::Retfw_imm16 => ret::<u16, M>,
        Code::Retfd | Code::Retfd_imm16 => ret::<u32, M>,
        Code::Retfq | Code::Retfq_imm16 => ret::<u64, M>,
        _ => return None,
    })
}

/// Far JMP.
fn jmp<T: Int, G: Target, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (offset, selector) = G::get::<T, M>(cx, op)?;
    let to = check(cx, selector, offset.to_u64())?;
    enter(cx, to, offset.to_u64());
    Ok(())
}

/// Far CALL: pushes CS and the address of the next instruction, each of the operand's size.
fn call<T: Int, G: Target, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (offset, selector) = G::get::<T, M>(cx, op)?;
    let to = check(cx, selector, offset.to_u64())?;
    let (sp, cs) = (cx.cpu.get(Gpr::Rsp), cx.cpu.seg_sel[Seg::Cs.index()]);
    cx.push(T::from_u64(cs.into()))?;
    cx.push(T::from_u64(op.next_ip())).inspect_err(|_| cx.cpu.set(Gpr::Rsp, sp))?;
    enter(cx, to, offset.to_u64());
    Ok(())
}

/// The address and code segment on the stack, checked: a return doesn't gain privilege.
fn returned<T: Int, M: Memory>(cx: &mut Exec<'_, M>) -> Result<(Checked, u64), Exit> {
    let offset: T = cx.peek(0)?;
    let selector: u16 = cx.peek(T::BYTES as u64)?;
    if !is_null(selector) && selector & 3 != USER {
        return Err(selector_fault(cx, Fault::GeneralProtection, selector));
    }
    let to = check(cx, selector, offset.to_u64())?;
    Ok((to, offset.to_u64()))
}

/// Far RET, with the bytes of arguments to drop in the immediate.
fn ret<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (to, offset) = returned::<T, M>(cx)?;
    cx.drop_stack(2 * T::BYTES as u64 + (op.imm & 0xffff));
    enter(cx, to, offset);
    Ok(())
}

/// IRET to the same privilege level. In 64-bit mode it pops rsp and SS too. There are no nested tasks: #GP if NT is set.
fn iret<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    if cx.cpu.flags.rest & bits::NT != 0 {
        return Err(cx.general_protection(0));
    }
    let item = T::BYTES as u64;
    // All of it is read before any of it is looked at.
    let flags: T = cx.peek(2 * item)?;
    let long = if cx.cpu.mode == Mode::Bits64 { Some((cx.peek::<T>(3 * item)?, cx.peek::<u16>(4 * item)?)) } else { None };
    let (to, offset) = returned::<T, M>(cx)?;
    if let Some((sp, ss)) = long {
        let d = stack_segment(cx, ss)?;
        set(cx, Seg::Ss, ss, Some(d));
        cx.cpu.set(Gpr::Rsp, sp.to_u64());
    } else {
        cx.drop_stack(3 * item);
    }
    // And RF, which the next instruction would clear.
    let mask = bits::POPF_USER;
    cx.cpu.flags.set_rflags(flags.to_u64(), if T::BITS == 16 { mask & 0xffff } else { mask });
    enter(cx, to, offset);
    Ok(())
}
