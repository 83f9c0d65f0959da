//! The stack: PUSH, POP and their kin, ENTER and LEAVE. SDM vol. 1, chapter 6.
//!
//! The size of an item is 8 bytes in 64-bit mode, 4 in 32-bit mode, 2 with an operand size prefix; it stands in the instruction's stack pointer increment.

use forklift_x86::{Gpr, Mode, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::exec::stack_fault;
use crate::place::{Imm, Mem, Place, Reg, Source};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Push, Pick::By(pick_push)),
            (Mnemonic::Pop, Pick::By(pick_pop)),
            (Mnemonic::Pusha, Pick::One(pusha::<u16, M>)),
            (Mnemonic::Pushad, Pick::One(pusha::<u32, M>)),
            (Mnemonic::Popa, Pick::One(popa::<u16, M>)),
            (Mnemonic::Popad, Pick::One(popa::<u32, M>)),
            (Mnemonic::Pushf, Pick::One(pushf::<u16, M>)),
            (Mnemonic::Pushfd, Pick::One(pushf::<u32, M>)),
            (Mnemonic::Pushfq, Pick::One(pushf::<u64, M>)),
            (Mnemonic::Popf, Pick::One(popf::<u16, M>)),
            (Mnemonic::Popfd, Pick::One(popf::<u32, M>)),
            (Mnemonic::Popfq, Pick::One(popf::<u64, M>)),
            (Mnemonic::Enter, Pick::SlowBy(pick_enter)),
            (Mnemonic::Leave, Pick::By(pick_leave)),
        ]
    }
}

/// Picks `$f::<T, …, M>` for the size of a stack item.
macro_rules! by_item {
    ($f:ident, $bytes:expr $(, $form:ty)*) => {
        match $bytes {
            2 => Some($f::<u16, $($form,)* M>),
            4 => Some($f::<u32, $($form,)* M>),
            8 => Some($f::<u64, $($form,)* M>),
            _ => None,
        }
    };
}

fn pick_push<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    let bytes = -i.stack_pointer_increment();
    match form(i, 0) {
        Form::Reg if i.op0_register().is_segment_register() => None,
        Form::Reg => by_item!(push, bytes, Reg<0>),
        Form::Mem => by_item!(push, bytes, Mem),
        Form::Imm => by_item!(push, bytes, Imm),
        Form::Other => None,
    }
}

fn pick_pop<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    let bytes = i.stack_pointer_increment();
    match form(i, 0) {
        Form::Reg if i.op0_register().is_segment_register() => None,
        Form::Reg => by_item!(pop_register, bytes),
        Form::Mem => by_item!(pop_memory, bytes),
        _ => None,
    }
}

/// PUSH. The source is read with the old rsp.
fn push<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    cx.push(v)
}

/// POP into a register: `pop rsp` ends with the value popped.
fn pop_register<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = cx.pop()?;
    Reg::<0>::set(cx, op, v)
}

/// POP into memory, whose address is computed with rsp already incremented.
fn pop_memory<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let sp = cx.cpu.get(Gpr::Rsp);
    let v: T = cx.pop()?;
    Mem::set(cx, op, v).inspect_err(|_| cx.cpu.set(Gpr::Rsp, sp))
}

/// PUSHA, PUSHAD: ax, cx, dx, bx, the old sp, bp, si, di.
fn pusha<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let sp = cx.cpu.get(Gpr::Rsp);
    for slot in 0..8 {
        let v: T = if slot == Gpr::Rsp as u8 { T::from_u64(sp) } else { cx.gpr(slot) };
        cx.push(v).inspect_err(|_| cx.cpu.set(Gpr::Rsp, sp))?;
    }
    Ok(())
}

/// POPA, POPAD: the same in reverse; sp's image is skipped.
fn popa<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let mut values = [T::default(); 8];
    for (i, v) in values.iter_mut().enumerate() {
        *v = cx.peek(i as u64 * T::BYTES as u64)?;
    }
    cx.drop_stack(8 * T::BYTES as u64);
    for (slot, v) in (0..8u8).rev().zip(values) {
        if slot != Gpr::Rsp as u8 {
            cx.set_gpr(slot, v);
        }
    }
    Ok(())
}

/// PUSHF: RF and VM read as 0.
fn pushf<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let v = cx.cpu.flags.rflags() & !u64::from(bits::RF);
    cx.push(T::from_u64(v))
}

/// POPF in user mode: IF and IOPL stay. A 16-bit one changes the low 16 bits.
fn popf<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let v: T = cx.pop()?;
    let mask = bits::POPF_USER & T::WIDTH.mask() as u32;
    cx.cpu.flags.set_rflags(v.to_u64(), mask);
    Ok(())
}

fn pick_enter<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    use iced_x86::Code;
    match i.code() {
        Code::Enterw_imm16_imm8 => Some(enter::<u16, M>),
        Code::Enterd_imm16_imm8 => Some(enter::<u32, M>),
        _ => Some(enter::<u64, M>),
    }
}

/// ENTER: a frame of `imm16` bytes at nesting level `imm8` mod 32.
fn enter<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (sp, bp) = (cx.cpu.get(Gpr::Rsp), cx.cpu.get(Gpr::Rbp));
    enter_inner::<T, M>(cx, op).inspect_err(|_| {
        cx.cpu.set(Gpr::Rsp, sp);
        cx.cpu.set(Gpr::Rbp, bp);
    })
}

fn enter_inner<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (size, level) = (op.insn().immediate(0) & 0xffff, op.insn().immediate(1) & 31);
    cx.push(cx.gpr::<T>(Gpr::Rbp as u8))?;
    let frame = cx.cpu.get(Gpr::Rsp);
    let mut display = cx.cpu.get(Gpr::Rbp);
    for _ in 1..level {
        display = display.wrapping_sub(T::BYTES as u64) & cx.cpu.mode.addr_mask();
        let v: T = cx.load(cx.stack_addr(display)).map_err(stack_fault)?;
        cx.push(v)?;
    }
    if level > 0 {
        cx.push(T::from_u64(frame))?;
    }
    let sp = cx.cpu.get(Gpr::Rsp).wrapping_sub(size) & cx.cpu.mode.addr_mask();
    // The CPU touches the last byte's item without changing it.
    cx.mem.compare_exchange(forklift_x86::GuestAddr::new(cx.stack_addr(sp)), 0u8, 0u8).map_err(|f| stack_fault(cx.mem_fault(f)))?;
    cx.set_gpr(Gpr::Rbp as u8, T::from_u64(frame));
    cx.cpu.set(Gpr::Rsp, sp);
    Ok(())
}

fn pick_leave<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    use iced_x86::Code;
    match i.code() {
        Code::Leavew => Some(leave::<u16, M>),
        Code::Leaved => Some(leave::<u32, M>),
        _ => Some(leave::<u64, M>),
    }
}

/// LEAVE: rsp = rbp, then pop rbp.
fn leave<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let bp = cx.cpu.get(Gpr::Rbp);
    let v: T = cx.load(cx.stack_addr(bp)).map_err(stack_fault)?;
    let sp = bp.wrapping_add(T::BYTES as u64) & cx.cpu.mode.addr_mask();
    cx.cpu.set(Gpr::Rsp, sp);
    cx.set_gpr(Gpr::Rbp as u8, v);
    debug_assert!(cx.cpu.mode == Mode::Bits64 || sp <= u64::from(u32::MAX));
    Ok(())
}
