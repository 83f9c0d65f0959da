//! FCOM, FUCOM, FCOMI, FTST, FXAM.

use forklift_x86::bits;
use iced_x86::{Instruction, MemorySize, Mnemonic, OpKind};

use super::{UNDERFLOW, begin, control, point, point_mem, pop, raise, st, used};
use crate::build::{Pick, Table};
use crate::f80::bit::{C0, C1, C2, C3, CONDITIONS, DE, IE, SF};
use crate::f80::{self, Control, F80, Order, Out};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fcom, Pick::By(pick::<0, M>)),
            (Mnemonic::Fcomp, Pick::By(pick::<1, M>)),
            (Mnemonic::Fcompp, Pick::One(top_two::<false, M>)),
            (Mnemonic::Ficom, Pick::By(pick::<0, M>)),
            (Mnemonic::Ficomp, Pick::By(pick::<1, M>)),
            (Mnemonic::Fucom, Pick::One(registers::<true, 0, M>)),
            (Mnemonic::Fucomp, Pick::One(registers::<true, 1, M>)),
            (Mnemonic::Fucompp, Pick::One(top_two::<true, M>)),
            (Mnemonic::Fcomi, Pick::One(to_flags::<false, 0, M>)),
            (Mnemonic::Fcomip, Pick::One(to_flags::<false, 1, M>)),
            (Mnemonic::Fucomi, Pick::One(to_flags::<true, 0, M>)),
            (Mnemonic::Fucomip, Pick::One(to_flags::<true, 1, M>)),
            (Mnemonic::Ftst, Pick::One(ftst)),
            (Mnemonic::Fxam, Pick::One(fxam)),
        ]
    }
}

fn pick<const POPS: u32, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    if i.op0_kind() != OpKind::Memory {
        return Some(registers::<false, POPS, M>);
    }
    Some(match i.memory_size() {
        MemorySize::Float32 => f32_operand::<POPS, M>,
        MemorySize::Float64 => f64_operand::<POPS, M>,
        MemorySize::Int16 => i16_operand::<POPS, M>,
        MemorySize::Int32 => i32_operand::<POPS, M>,
        _ => return None,
    })
}

/// What an empty operand gives.
const EMPTY: Out<Order> = Out { value: Order::Unordered, status: UNDERFLOW };

#[inline(always)]
fn order(quiet: bool, a: F80, b: F80, c: Control) -> Out<Order> {
    if quiet { f80::compare_quiet(a, b, c) } else { f80::compare(a, b, c) }
}

/// ST(0) against ST(i).
#[inline(always)]
fn against<M: Memory>(cx: &Exec<'_, M>, quiet: bool, i: usize) -> Out<Order> {
    let x = &cx.cpu.x87;
    if used(x, 0) && used(x, i) { order(quiet, st(x, 0), st(x, i), control(x)) } else { EMPTY }
}

/// Condition codes and pops.
#[inline(always)]
fn conclude<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, out: Out<Order>) -> Step {
    cx.cpu.x87.sw = cx.cpu.x87.sw & !CONDITIONS | out.value.conditions();
    raise(cx, out.status);
    if !control(&cx.cpu.x87).stops(out.status) {
        for _ in 0..POPS {
            pop(&mut cx.cpu.x87);
        }
    }
    Ok(())
}

/// FCOM, FUCOM ST(i).
fn registers<const QUIET: bool, const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let out = against(cx, QUIET, usize::from(op.reg[1]));
    conclude::<POPS, M>(cx, out)
}

/// FCOMPP, FUCOMPP.
fn top_two<const QUIET: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let out = against(cx, QUIET, 1);
    conclude::<2, M>(cx, out)
}

fn f32_operand<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = cx.load(cx.ea(op))?;
    memory::<POPS, M>(cx, op, f80::operand_f32(v))
}

fn f64_operand<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = cx.load(cx.ea(op))?;
    memory::<POPS, M>(cx, op, f80::operand_f64(v))
}

fn i16_operand<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v: u16 = cx.load(cx.ea(op))?;
    memory::<POPS, M>(cx, op, Out::exact(f80::from_int(i64::from(v as i16))))
}

fn i32_operand<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v: u32 = cx.load(cx.ea(op))?;
    memory::<POPS, M>(cx, op, Out::exact(f80::from_int(i64::from(v as i32))))
}

fn memory<const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, operand: Out) -> Step {
    point_mem(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { f80::compare(st(x, 0), operand.value, control(x)) } else { EMPTY };
    // A NaN goes before a denormal.
    let denormal = if out.status & IE == 0 { operand.status & DE } else { 0 };
    conclude::<POPS, M>(cx, out.with(denormal))
}

/// FCOMI, FUCOMI: ZF, PF, CF; OF, SF and AF are cleared, whatever the exceptions. C1 stays but for an empty operand.
fn to_flags<const QUIET: bool, const POPS: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let out = against(cx, QUIET, usize::from(op.reg[1]));
    let stops = control(&cx.cpu.x87).stops(out.status);
    let c1 = if out.status & SF == 0 { cx.cpu.x87.sw & C1 } else { 0 };
    raise(cx, out.status | c1);
    cx.cpu.flags.set_status(flags(out.value));
    if !stops {
        for _ in 0..POPS {
            pop(&mut cx.cpu.x87);
        }
    }
    Ok(())
}

const fn flags(o: Order) -> u32 {
    match o {
        Order::Greater => 0,
        Order::Less => bits::CF,
        Order::Equal => bits::ZF,
        Order::Unordered => bits::ZF | bits::PF | bits::CF,
    }
}

/// FTST: ST(0) against 0.
fn ftst<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { f80::compare(st(x, 0), F80::ZERO, control(x)) } else { EMPTY };
    conclude::<0, M>(cx, out)
}

/// FXAM: the class of ST(0).
fn fxam<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    let class = f80::examine(st(x, 0));
    let class = if used(x, 0) { class } else { class & C1 | C3 | C0 };
    x.sw = x.sw & !(C0 | C1 | C2 | C3) | class;
    Ok(())
}
