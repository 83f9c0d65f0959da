//! Loads, stores, exchanges, conditional moves and constants.

use forklift_x86::Cond;
use iced_x86::{Instruction, MemorySize, Mnemonic, OpKind};

use super::{EMPTY, UNDERFLOW, begin, control, finish, finish_push, point, point_mem, pop, raise, set_st, st, used};
use crate::build::{Pick, Table};
use crate::f80::bit::{C1, OE, UE};
use crate::f80::{self, Constant, Control, F80, Out};
use crate::{Exec, Memory, Op, Prim, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fld, Pick::By(pick_fld)),
            (Mnemonic::Fild, Pick::By(pick_fild)),
            (Mnemonic::Fbld, Pick::One(fbld)),
            (Mnemonic::Fst, Pick::By(pick_fst::<false, M>)),
            (Mnemonic::Fstp, Pick::By(pick_fst::<true, M>)),
            (Mnemonic::Fstpnce, Pick::One(fstpnce)),
            (Mnemonic::Fist, Pick::By(pick_fist::<false, M>)),
            (Mnemonic::Fistp, Pick::By(pick_fist::<true, M>)),
            (Mnemonic::Fisttp, Pick::By(pick_fisttp)),
            (Mnemonic::Fbstp, Pick::One(fbstp)),
            (Mnemonic::Fxch, Pick::One(fxch)),
            (Mnemonic::Fcmovb, Pick::One(fcmov::<{ Cond::B as u8 }, M>)),
            (Mnemonic::Fcmove, Pick::One(fcmov::<{ Cond::E as u8 }, M>)),
            (Mnemonic::Fcmovbe, Pick::One(fcmov::<{ Cond::Be as u8 }, M>)),
            (Mnemonic::Fcmovu, Pick::One(fcmov::<{ Cond::P as u8 }, M>)),
            (Mnemonic::Fcmovnb, Pick::One(fcmov::<{ Cond::Ae as u8 }, M>)),
            (Mnemonic::Fcmovne, Pick::One(fcmov::<{ Cond::Ne as u8 }, M>)),
            (Mnemonic::Fcmovnbe, Pick::One(fcmov::<{ Cond::A as u8 }, M>)),
            (Mnemonic::Fcmovnu, Pick::One(fcmov::<{ Cond::Np as u8 }, M>)),
            (Mnemonic::Fld1, Pick::One(|cx, op| constant(cx, op, Constant::One))),
            (Mnemonic::Fldl2t, Pick::One(|cx, op| constant(cx, op, Constant::Log2Of10))),
            (Mnemonic::Fldl2e, Pick::One(|cx, op| constant(cx, op, Constant::Log2OfE))),
            (Mnemonic::Fldpi, Pick::One(|cx, op| constant(cx, op, Constant::Pi))),
            (Mnemonic::Fldlg2, Pick::One(|cx, op| constant(cx, op, Constant::Log10Of2))),
            (Mnemonic::Fldln2, Pick::One(|cx, op| constant(cx, op, Constant::Ln2))),
            (Mnemonic::Fldz, Pick::One(|cx, op| constant(cx, op, Constant::Zero))),
        ]
    }
}

fn pick_fld<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match (i.op0_kind(), i.memory_size()) {
        (OpKind::Register, _) => fld_register,
        (_, MemorySize::Float32) => |cx, op| load(cx, op, f80::from_f32),
        (_, MemorySize::Float64) => |cx, op| load(cx, op, f80::from_f64),
        (_, MemorySize::Float80) => fld_m80,
        _ => return None,
    })
}

fn pick_fild<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.memory_size() {
        MemorySize::Int16 => |cx, op| load(cx, op, |v: u16| Out::exact(f80::from_int(i64::from(v as i16)))),
        MemorySize::Int32 => |cx, op| load(cx, op, |v: u32| Out::exact(f80::from_int(i64::from(v as i32)))),
        MemorySize::Int64 => |cx, op| load(cx, op, |v: u64| Out::exact(f80::from_int(v as i64))),
        _ => return None,
    })
}

fn pick_fst<const POP: bool, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match (i.op0_kind(), i.memory_size()) {
        (OpKind::Register, _) => fst_register::<POP, M>,
        (_, MemorySize::Float32) => |cx, op| store::<u32, POP, M>(cx, op, 0xffc0_0000, f80::to_f32),
        (_, MemorySize::Float64) => |cx, op| store::<u64, POP, M>(cx, op, 0xfff8 << 48, f80::to_f64),
        (_, MemorySize::Float80) => fstp_m80,
        _ => return None,
    })
}

fn pick_fist<const POP: bool, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.memory_size() {
        MemorySize::Int16 => |cx, op| store::<u16, POP, M>(cx, op, 1 << 15, |v, c| narrow(f80::to_int(v, 16, c))),
        MemorySize::Int32 => |cx, op| store::<u32, POP, M>(cx, op, 1 << 31, |v, c| narrow(f80::to_int(v, 32, c))),
        MemorySize::Int64 => |cx, op| store::<u64, POP, M>(cx, op, 1 << 63, |v, c| narrow(f80::to_int(v, 64, c))),
        _ => return None,
    })
}

fn pick_fisttp<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match i.memory_size() {
        MemorySize::Int16 => |cx, op| store::<u16, true, M>(cx, op, 1 << 15, |v, _| narrow(f80::to_int_truncated(v, 16))),
        MemorySize::Int32 => |cx, op| store::<u32, true, M>(cx, op, 1 << 31, |v, _| narrow(f80::to_int_truncated(v, 32))),
        MemorySize::Int64 => |cx, op| store::<u64, true, M>(cx, op, 1 << 63, |v, _| narrow(f80::to_int_truncated(v, 64))),
        _ => return None,
    })
}

fn narrow<T: Prim>(out: Out<i64>) -> Out<T> {
    Out { value: T::from_u128(out.value as u64 as u128), status: out.status }
}

/// Pushes a memory operand.
#[inline(always)]
fn load<T: Prim, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, convert: fn(T) -> Out) -> Step {
    begin(cx)?;
    let v = cx.load(cx.ea(op))?;
    point_mem(cx, op);
    finish_push(cx, convert(v));
    Ok(())
}

/// The ten bytes of a memory operand.
fn load_80<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<u128, forklift_x86::Exit> {
    let mut bytes = [0; 16];
    cx.load_bytes(cx.ea(op), &mut bytes[..10])?;
    Ok(u128::from_le_bytes(bytes))
}

/// FLD m80fp: any encoding goes.
fn fld_m80<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = load_80(cx, op)?;
    point_mem(cx, op);
    finish_push(cx, Out::exact(F80 { sig: v as u64, se: (v >> 64) as u16 }));
    Ok(())
}

fn fbld<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = load_80(cx, op)?;
    point_mem(cx, op);
    finish_push(cx, Out::exact(f80::from_bcd(v)));
    Ok(())
}

/// FLD ST(i).
fn fld_register<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let i = usize::from(op.reg[0]);
    let out = if used(x, i) { Out::exact(st(x, i)) } else { EMPTY };
    finish_push(cx, out);
    Ok(())
}

fn constant<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, k: Constant) -> Step {
    begin(cx)?;
    point(cx, op);
    let v = f80::constant(k, control(&cx.cpu.x87));
    finish_push(cx, Out::exact(v));
    Ok(())
}

/// Stores ST(0), converted, unless an unmasked exception forbids it.
#[inline(always)]
fn store<T: Prim, const POP: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, indefinite: T, convert: fn(F80, Control) -> Out<T>) -> Step {
    begin(cx)?;
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { convert(st(x, 0), control(x)) } else { Out { value: indefinite, status: UNDERFLOW } };
    let held = held(control(x), out.status);
    if held {
        // Memory that isn't there faults all the same.
        cx.touch::<T>(cx.ea(op))?;
    } else {
        cx.store(cx.ea(op), out.value)?;
    }
    end_store::<POP, M>(cx, op, out.status, held);
    Ok(())
}

/// Whether an unmasked exception keeps a result from being stored in memory.
fn held(c: Control, status: u16) -> bool {
    c.stops(status) || c.unmasked(status) & (OE | UE) != 0
}

#[inline(always)]
fn end_store<const POP: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, status: u16, held: bool) {
    point_mem(cx, op);
    raise(cx, status);
    if POP && !held {
        pop(&mut cx.cpu.x87);
    }
}

/// Stores ten bytes, whole or not at all.
fn store_80<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, out: Out<u128>) -> Step {
    let held = held(control(&cx.cpu.x87), out.status);
    let addr = cx.ea(op);
    let end = addr.wrapping_add(8) << op.linear_shift >> op.linear_shift;
    if held {
        cx.touch::<u64>(addr)?;
        cx.touch::<u16>(end)?;
    } else {
        // What can't be read can't be written, and the store says so with the right error code.
        let before: u64 = cx.load(addr).unwrap_or_default();
        cx.store(addr, out.value as u64)?;
        if let Err(exit) = cx.store(end, (out.value >> 64) as u16) {
            cx.store(addr, before)?;
            return Err(exit);
        }
    }
    end_store::<true, M>(cx, op, out.status, held);
    Ok(())
}

/// FSTP m80fp: any encoding goes.
fn fstp_m80<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { Out::exact(st(x, 0)) } else { EMPTY };
    store_80(cx, op, Out { value: u128::from(out.value.se) << 64 | u128::from(out.value.sig), status: out.status })
}

fn fbstp<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let x = &cx.cpu.x87;
    let mut out = f80::to_bcd(st(x, 0), control(x));
    if !used(x, 0) {
        out = f80::to_bcd(F80::INDEFINITE, control(x)).with(UNDERFLOW);
    }
    store_80(cx, op, out)
}

/// FST ST(i).
fn fst_register<const POP: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { Out::exact(st(x, 0)) } else { EMPTY };
    if finish(cx, usize::from(op.reg[0]), out) && POP {
        pop(&mut cx.cpu.x87);
    }
    Ok(())
}

/// FSTPNCE ST(i), an undocumented FSTP without exceptions: an empty ST(0) is popped and goes nowhere.
fn fstpnce<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    if used(x, 0) {
        let v = st(x, 0);
        set_st(x, usize::from(op.reg[0]), v);
    }
    x.sw &= !C1;
    pop(x);
    Ok(())
}

/// FXCH: an empty register counts as the indefinite.
fn fxch<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let i = usize::from(op.reg[1]);
    let value = |k| if used(x, k) { st(x, k) } else { F80::INDEFINITE };
    let (a, b) = (value(0), value(i));
    let status = if used(x, 0) && used(x, i) { 0 } else { UNDERFLOW };
    let stops = control(x).stops(status);
    raise(cx, status);
    if !stops {
        set_st(&mut cx.cpu.x87, 0, b);
        set_st(&mut cx.cpu.x87, i, a);
    }
    Ok(())
}

/// FCMOVcc: ST(0) = ST(i) if the condition holds. C1 stays unless one of them is empty.
fn fcmov<const COND: u8, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let holds = cx.cpu.flags.cond(Cond::ALL[usize::from(COND & 15)]);
    let x = &cx.cpu.x87;
    let i = usize::from(op.reg[1]);
    if !used(x, 0) || !used(x, i) {
        finish(cx, 0, EMPTY);
    } else if holds {
        let v = st(x, i);
        set_st(&mut cx.cpu.x87, 0, v);
    }
    Ok(())
}
