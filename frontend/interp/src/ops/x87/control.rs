//! Control: words, tags, the stack's top, waiting.

use forklift_x86::X87;
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::{begin, phys, point};
use crate::build::{Pick, Table};
use crate::f80::bit::{BUSY, C1, ES, EXCEPTIONS, SF};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Wait, Pick::One(wait)),
            (Mnemonic::Fnop, Pick::One(fnop)),
            (Mnemonic::Fninit, Pick::One(fninit)),
            (Mnemonic::Finit, Pick::One(|cx, op| waiting(cx, op, fninit))),
            (Mnemonic::Fnclex, Pick::One(fnclex)),
            (Mnemonic::Fclex, Pick::One(|cx, op| waiting(cx, op, fnclex))),
            (Mnemonic::Fldcw, Pick::One(fldcw)),
            (Mnemonic::Fnstcw, Pick::One(fnstcw)),
            (Mnemonic::Fstcw, Pick::One(|cx, op| waiting(cx, op, fnstcw))),
            (Mnemonic::Fnstsw, Pick::By(|i| Some(fnstsw(i)))),
            (Mnemonic::Fstsw, Pick::By(|i| Some(fstsw(i)))),
            (Mnemonic::Ffree, Pick::One(ffree::<false, M>)),
            (Mnemonic::Ffreep, Pick::One(ffree::<true, M>)),
            (Mnemonic::Fincstp, Pick::One(|cx, op| turn(cx, op, 1))),
            (Mnemonic::Fdecstp, Pick::One(|cx, op| turn(cx, op, 7))),
            // They did something on the 8087 and the 287.
            (Mnemonic::Fneni, Pick::One(nothing)),
            (Mnemonic::Feni, Pick::One(wait)),
            (Mnemonic::Fndisi, Pick::One(nothing)),
            (Mnemonic::Fdisi, Pick::One(wait)),
            (Mnemonic::Fnsetpm, Pick::One(nothing)),
            (Mnemonic::Fsetpm, Pick::One(wait)),
        ]
    }
}

fn nothing<M: Memory>(_: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    Ok(())
}

/// FWAIT.
fn wait<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    begin(cx)
}

/// FNOP: waits, and leaves its address.
fn fnop<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    Ok(())
}

/// The waiting form of a control instruction: FWAIT goes before it.
pub(super) fn waiting<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, run: RunFn<M>) -> Step {
    begin(cx)?;
    run(cx, op)
}

/// FNINIT: the registers' contents stay.
fn fninit<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    init(&mut cx.cpu.x87);
    Ok(())
}

/// What FNINIT does, and FNSAVE after it has saved.
pub(super) fn init(x: &mut X87) {
    *x = X87 { regs: x.regs, ..X87::default() };
}

/// FNCLEX.
fn fnclex<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    cx.cpu.x87.sw &= !(EXCEPTIONS | SF | ES | BUSY);
    Ok(())
}

/// FLDCW.
fn fldcw<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let cw = cx.load(cx.ea(op))?;
    cx.cpu.x87.set_control_word(cw);
    Ok(())
}

/// FNSTCW.
fn fnstcw<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    cx.store(cx.ea(op), cx.cpu.x87.cw)
}

fn fnstsw<M: Memory>(i: &Instruction) -> RunFn<M> {
    if i.op0_kind() == OpKind::Memory { fnstsw_mem } else { fnstsw_ax }
}

fn fstsw<M: Memory>(i: &Instruction) -> RunFn<M> {
    if i.op0_kind() == OpKind::Memory { |cx, op| waiting(cx, op, fnstsw_mem) } else { |cx, op| waiting(cx, op, fnstsw_ax) }
}

/// FNSTSW m2byte.
fn fnstsw_mem<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    cx.store(cx.ea(op), cx.cpu.x87.status_word())
}

/// FNSTSW AX.
fn fnstsw_ax<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let sw = cx.cpu.x87.status_word();
    cx.set_gpr(0, sw);
    Ok(())
}

/// FFREE ST(i), FFREEP ST(i). C1 is undefined in the manual; CPUs clear it.
fn ffree<const POP: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    x.used &= !(1 << phys(x, usize::from(op.reg[0])));
    x.sw &= !C1;
    if POP {
        super::pop(x);
    }
    Ok(())
}

/// FINCSTP, FDECSTP: the tags stay.
fn turn<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, by: u32) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    x.top = (x.top + by) & 7;
    x.sw &= !C1;
    Ok(())
}
