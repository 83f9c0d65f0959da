//! What a program may ask about segments: LAR, LSL, VERR, VERW, ARPL. SDM vol. 2; vol. 3A, 5.10. Also BOUND, which only looks.

use forklift_x86::{Exit, Fault, bits};
use iced_x86::{Instruction, Mnemonic};

use super::is_null;
use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Place, Reg, Source, by_width};
use crate::{Descriptor, Exec, Int, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Lar, Pick::By(|i| from_source!(lar, i))),
            (Mnemonic::Lsl, Pick::By(|i| from_source!(lsl, i))),
            (Mnemonic::Verr, Pick::By(|i| pick_verify::<false, M>(i))),
            (Mnemonic::Verw, Pick::By(|i| pick_verify::<true, M>(i))),
            (Mnemonic::Arpl, Pick::By(|i| Some(if form(i, 0) == Form::Reg { arpl::<Reg<0>, M> } else { arpl::<Mem, M> }))),
            (Mnemonic::Bound, Pick::By(|i| by_width!(bound, i, 0))),
        ]
    }
}

macro_rules! from_source {
    ($f:ident, $i:expr) => {
        if form($i, 1) == Form::Reg { by_width!($f, $i, 0, Reg<1>) } else { by_width!($f, $i, 0, Mem) }
    };
}
use from_source;

/// The segment of Linux whose limit is the number of the processor (`GDT_ENTRY_CPUNODE`); the vdso reads it with LSL.
const CPU_NODE: u16 = 0x78;
/// Its access rights: read-only expand-down data.
const CPU_NODE_ACCESS: u32 = 0x40_f500;

/// The descriptor that `selector` names, if a program may see it.
fn visible<M: Memory>(cx: &mut Exec<'_, M>, selector: u16) -> Option<Descriptor> {
    if is_null(selector) {
        return None;
    }
    if selector & !3 == CPU_NODE {
        let (_, cpu) = cx.mem.timestamp();
        return Some(Descriptor { base: 0, limit: cpu, access: CPU_NODE_ACCESS });
    }
    cx.mem.descriptor(selector).filter(|d| d.is_conforming() || d.dpl() == 3)
}

fn set_zf<M: Memory>(cx: &mut Exec<'_, M>, set: bool) {
    cx.cpu.flags.update(bits::ZF, if set { bits::ZF } else { 0 });
}

/// LAR: dest = access rights and ZF = 1, or ZF = 0.
fn lar<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    answer::<T, S, M>(cx, op, |d| d.access & 0xf0_ff00)
}

/// LSL: dest = limit and ZF = 1, or ZF = 0.
fn lsl<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    answer::<T, S, M>(cx, op, |d| d.limit)
}

fn answer<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, of: fn(Descriptor) -> u32) -> Step {
    let selector: u16 = S::get(cx, op)?;
    let found = visible(cx, selector);
    if let Some(d) = found {
        cx.set_gpr(op.reg[0], T::from_u64(of(d).into()));
    }
    set_zf(cx, found.is_some());
    Ok(())
}

fn pick_verify<const WRITE: bool, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 0) == Form::Reg { verify::<WRITE, Reg<0>, M> } else { verify::<WRITE, Mem, M> })
}

/// VERR, VERW: ZF = whether the segment could be read or written.
fn verify<const WRITE: bool, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector: u16 = S::get(cx, op)?;
    let d = visible(cx, selector);
    set_zf(cx, d.is_some_and(|d| if WRITE { d.is_writable() } else { d.is_readable() }));
    Ok(())
}

/// ARPL: raises the RPL of dest to that of src; ZF = whether it did.
fn arpl<D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let dest: u16 = D::get(cx, op)?;
    let rpl = cx.gpr::<u16>(op.reg[1]) & 3;
    let raise = dest & 3 < rpl;
    if raise {
        D::set(cx, op, dest & !3 | rpl)?;
    }
    set_zf(cx, raise);
    Ok(())
}

/// BOUND: #BR unless the signed index lies between the two bounds in memory, both included.
fn bound<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let offset = cx.offset(op);
    let behind = offset.wrapping_add(T::BYTES as u64) << op.ea_shift >> op.ea_shift;
    let lower: T = cx.load(cx.linear(op, offset))?;
    let upper: T = cx.load(cx.linear(op, behind))?;
    let index = cx.gpr::<T>(op.reg[0]).to_i64();
    if (lower.to_i64()..=upper.to_i64()).contains(&index) { Ok(()) } else { Err(Exit::Fault(Fault::Bound)) }
}
