//! Near transfers of control, software interrupts, gates to the kernel. SDM vol. 1, 7.3.8; vol. 2.
//!
//! A branch writes `rip`; one that isn't taken leaves it, since the runner has set it to the next instruction. A target that isn't canonical is
//! #GP at the branch.

use forklift_x86::{Cond, Exit, Fault, Gate, Gpr, Mode, bits};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Reg, Source};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Jmp, Pick::By(pick_jmp)),
            (Mnemonic::Call, Pick::By(pick_call)),
            (Mnemonic::Ret, Pick::By(pick_ret)),
            (Mnemonic::Jo, Pick::One(jcc::<0, M>)),
            (Mnemonic::Jno, Pick::One(jcc::<1, M>)),
            (Mnemonic::Jb, Pick::One(jcc::<2, M>)),
            (Mnemonic::Jae, Pick::One(jcc::<3, M>)),
            (Mnemonic::Je, Pick::One(jcc::<4, M>)),
            (Mnemonic::Jne, Pick::One(jcc::<5, M>)),
            (Mnemonic::Jbe, Pick::One(jcc::<6, M>)),
            (Mnemonic::Ja, Pick::One(jcc::<7, M>)),
            (Mnemonic::Js, Pick::One(jcc::<8, M>)),
            (Mnemonic::Jns, Pick::One(jcc::<9, M>)),
            (Mnemonic::Jp, Pick::One(jcc::<10, M>)),
            (Mnemonic::Jnp, Pick::One(jcc::<11, M>)),
            (Mnemonic::Jl, Pick::One(jcc::<12, M>)),
            (Mnemonic::Jge, Pick::One(jcc::<13, M>)),
            (Mnemonic::Jle, Pick::One(jcc::<14, M>)),
            (Mnemonic::Jg, Pick::One(jcc::<15, M>)),
            (Mnemonic::Jcxz, Pick::One(jcxz::<u16, M>)),
            (Mnemonic::Jecxz, Pick::One(jcxz::<u32, M>)),
            (Mnemonic::Jrcxz, Pick::One(jcxz::<u64, M>)),
            (Mnemonic::Loop, Pick::By(|i| pick_loop(i, [loop_if::<u16, 2, M>, loop_if::<u32, 2, M>, loop_if::<u64, 2, M>]))),
            (Mnemonic::Loope, Pick::By(|i| pick_loop(i, [loop_if::<u16, 1, M>, loop_if::<u32, 1, M>, loop_if::<u64, 1, M>]))),
            (Mnemonic::Loopne, Pick::By(|i| pick_loop(i, [loop_if::<u16, 0, M>, loop_if::<u32, 0, M>, loop_if::<u64, 0, M>]))),
            (Mnemonic::Syscall, Pick::One(syscall)),
            (Mnemonic::Sysenter, Pick::One(sysenter)),
            (Mnemonic::Int, Pick::One(int_n)),
            (Mnemonic::Int3, Pick::One(|_, _| Err(Exit::Fault(Fault::Breakpoint)))),
            (Mnemonic::Into, Pick::One(into)),
            (Mnemonic::Ud0, Pick::One(super::invalid)),
            (Mnemonic::Ud1, Pick::One(super::invalid)),
            (Mnemonic::Ud2, Pick::One(super::invalid)),
            (Mnemonic::Hlt, Pick::One(|cx, _| Err(cx.general_protection(0)))),
        ]
    }
}

/// Sets `rip`; #GP if it can't be one.
#[inline(always)]
pub(super) fn jump<M: Memory>(cx: &mut Exec<'_, M>, target: u64) -> Step {
    let canonical = (target as i64) << 16 >> 16 == target as i64;
    if cx.cpu.mode == Mode::Bits64 && !canonical {
        return Err(cx.general_protection(0));
    }
    cx.cpu.rip = target;
    Ok(())
}

/// Picks `$f::<T, S, M>` for an indirect target in a register or memory.
macro_rules! by_target {
    ($f:ident, $i:expr) => {
        match (form($i, 0), crate::build::operand_bytes($i, 0)) {
            (Form::Reg, 2) => Some($f::<u16, Reg<0>, M> as RunFn<M>),
            (Form::Reg, 4) => Some($f::<u32, Reg<0>, M>),
            (Form::Reg, 8) => Some($f::<u64, Reg<0>, M>),
            (Form::Mem, 2) => Some($f::<u16, Mem, M>),
            (Form::Mem, 4) => Some($f::<u32, Mem, M>),
            (Form::Mem, 8) => Some($f::<u64, Mem, M>),
            _ => None,
        }
    };
}

fn is_direct(i: &Instruction) -> bool {
    matches!(i.op0_kind(), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64)
}

fn pick_jmp<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i {
        _ if is_direct(i) => Some(|cx, op| jump(cx, op.imm)),
        _ if i.is_jmp_near_indirect() => by_target!(jmp_indirect, i),
        _ => None,
    }
}

/// JMP through a register or memory.
fn jmp_indirect<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let target: T = S::get(cx, op)?;
    jump(cx, target.to_u64())
}

fn pick_call<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.op0_kind() {
        OpKind::NearBranch16 => Some(call::<u16, M>),
        OpKind::NearBranch32 => Some(call::<u32, M>),
        OpKind::NearBranch64 => Some(call::<u64, M>),
        _ if i.is_call_near_indirect() => by_target!(call_indirect, i),
        _ => None,
    }
}

/// CALL of a known address: pushes the address of the next instruction, of the operand's size.
fn call<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    call_to::<T, M>(cx, op, op.imm)
}

/// CALL through a register or memory.
fn call_indirect<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let target: T = S::get(cx, op)?;
    call_to::<T, M>(cx, op, target.to_u64())
}

fn call_to<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, target: u64) -> Step {
    // An address that isn't canonical faults before anything is pushed.
    jump(cx, target)?;
    cx.push(T::from_u64(op.next_ip()))
}

fn pick_ret<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.code() {
        Code::Retnw | Code::Retnw_imm16 => Some(ret::<u16, M>),
        Code::Retnd | Code::Retnd_imm16 => Some(ret::<u32, M>),
        Code::Retnq | Code::Retnq_imm16 => Some(ret::<u64, M>),
        _ => None,
    }
}

/// RET, with the bytes of arguments to drop in the immediate.
fn ret<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let target: T = cx.peek(0)?;
    jump(cx, target.to_u64())?;
    cx.drop_stack(T::BYTES as u64 + (op.imm & 0xffff));
    Ok(())
}

/// Jcc.
fn jcc<const C: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if cx.cpu.flags.cond(const { Cond::ALL[C] }) { jump(cx, op.imm) } else { Ok(()) }
}

/// JCXZ, JECXZ, JRCXZ: T is the address size.
fn jcxz<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let count: T = cx.gpr(Gpr::Rcx as u8);
    if count.to_u64() == 0 { jump(cx, op.imm) } else { Ok(()) }
}

/// The address size of a LOOP stands in its code only; `by_size` has 16, 32 and 64 bits.
fn pick_loop<M: Memory>(i: &Instruction, by_size: [RunFn<M>; 3]) -> Option<RunFn<M>> {
    use Code as C;
    let size = match i.code() {
        C::Loop_rel8_16_CX | C::Loop_rel8_32_CX | C::Loope_rel8_16_CX | C::Loope_rel8_32_CX | C::Loopne_rel8_16_CX | C::Loopne_rel8_32_CX => 0,
        C::Loop_rel8_16_RCX | C::Loop_rel8_64_RCX | C::Loope_rel8_16_RCX | C::Loope_rel8_64_RCX | C::Loopne_rel8_16_RCX | C::Loopne_rel8_64_RCX => 2,
        _ => 1,
    };
    Some(by_size[size])
}

/// LOOP (`ZF` = 2), LOOPE (1), LOOPNE (0): decrements the counter; jumps if it isn't 0 and ZF is as asked.
fn loop_if<T: Int, const ZF: u8, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let count = T::from_u64(cx.gpr::<T>(Gpr::Rcx as u8).to_u64().wrapping_sub(1));
    let wanted = ZF == 2 || cx.cpu.flags.zf() == (ZF == 1);
    if count.to_u64() != 0 && wanted {
        jump(cx, op.imm)?;
    }
    cx.set_gpr(Gpr::Rcx as u8, count);
    Ok(())
}

/// SYSCALL: rcx = the next address, r11 = rflags. #UD in 32-bit mode, as on Intel CPUs; the 64-bit kernel's vdso uses it there only on AMD's.
fn syscall<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if cx.cpu.mode == Mode::Bits32 {
        return super::invalid(cx, op);
    }
    cx.cpu.set(Gpr::Rcx, op.next_ip());
    let flags = cx.cpu.flags.rflags() & !u64::from(bits::RF);
    cx.cpu.set(Gpr::R11, flags);
    Err(Exit::Gate(Gate::Syscall))
}

/// SYSENTER: for 32-bit code. In 64-bit mode the kernel takes it for a 32-bit call that can't return; here it is #UD.
fn sysenter<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    match cx.cpu.mode {
        Mode::Bits32 => Err(Exit::Gate(Gate::Sysenter)),
        Mode::Bits64 => super::invalid(cx, op),
    }
}

/// INT n: 0x80 is the i386 system call, 3 and 4 are for users; any other gate is the kernel's: #GP with its number.
fn int_n<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    match op.imm as u8 {
        0x80 => Err(Exit::Gate(Gate::Int80)),
        3 => Err(Exit::Fault(Fault::Breakpoint)),
        4 => Err(Exit::Fault(Fault::Overflow)),
        n => Err(cx.general_protection(u32::from(n) * 8 + 2)),
    }
}

/// INTO: #OF if OF is set.
fn into<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    if cx.cpu.flags.cond(Cond::O) { Err(Exit::Fault(Fault::Overflow)) } else { Ok(()) }
}
