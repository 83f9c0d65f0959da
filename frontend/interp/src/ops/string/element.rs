//! What each string instruction does without a prefix.

use forklift_x86::{CcKind, Exit, Gpr, Seg};

use crate::{Exec, Int, Memory, Op, Step};

use super::{Until, advance, bulk, register};

/// A string instruction.
pub(super) trait Element {
    /// Whether it sets flags, so that REPE and REPNE look at ZF.
    const COMPARES: bool;

    /// One element, index registers included.
    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step;

    /// Some of `count` elements at once, index registers and count included: whether to go on. `None`, with nothing done: go on one by one.
    fn many<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool>;
}

/// Linear address of the source: rSI in DS or another segment.
#[inline(always)]
pub(super) fn source<M: Memory>(cx: &Exec<'_, M>, op: &Op<M>) -> u64 {
    cx.linear(op, register(cx, op, Gpr::Rsi))
}

/// Linear address of the destination: rDI in ES.
#[inline(always)]
pub(super) fn destination<M: Memory>(cx: &Exec<'_, M>, op: &Op<M>) -> u64 {
    let s = op.linear_shift;
    register(cx, op, Gpr::Rdi).wrapping_add(cx.cpu.seg_base[Seg::Es.index()]) << s >> s
}

/// The flags of `a - b`.
#[inline(always)]
pub(super) fn compare<T: Int, M: Memory>(cx: &mut Exec<'_, M>, a: T, b: T) {
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, a.to_u64(), b.to_u64(), 0);
}

/// MOVS: \[rDI\] = \[rSI\].
pub(super) struct Movs;

impl Element for Movs {
    const COMPARES: bool = false;

    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let v: T = cx.load(source(cx, op))?;
        cx.store(destination(cx, op), v)?;
        advance::<T, M>(cx, op, Gpr::Rsi, 1);
        advance::<T, M>(cx, op, Gpr::Rdi, 1);
        Ok(())
    }

    fn many<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
        bulk::movs::<T, M>(cx, op, count)
    }
}

/// STOS: \[rDI\] = rAX.
pub(super) struct Stos;

impl Element for Stos {
    const COMPARES: bool = false;

    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let v: T = cx.gpr(Gpr::Rax as u8);
        cx.store(destination(cx, op), v)?;
        advance::<T, M>(cx, op, Gpr::Rdi, 1);
        Ok(())
    }

    fn many<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
        bulk::stos::<T, M>(cx, op, count)
    }
}

/// LODS: rAX = \[rSI\].
pub(super) struct Lods;

impl Element for Lods {
    const COMPARES: bool = false;

    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let v: T = cx.load(source(cx, op))?;
        cx.set_gpr(Gpr::Rax as u8, v);
        advance::<T, M>(cx, op, Gpr::Rsi, 1);
        Ok(())
    }

    fn many<T: Int, U: Until, M: Memory>(_: &mut Exec<'_, M>, _: &Op<M>, _: u64) -> Option<bool> {
        None
    }
}

/// CMPS: the flags of \[rSI\] − \[rDI\].
pub(super) struct Cmps;

impl Element for Cmps {
    const COMPARES: bool = true;

    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let a: T = cx.load(source(cx, op))?;
        let b: T = cx.load(destination(cx, op))?;
        compare(cx, a, b);
        advance::<T, M>(cx, op, Gpr::Rsi, 1);
        advance::<T, M>(cx, op, Gpr::Rdi, 1);
        Ok(())
    }

    fn many<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
        bulk::cmps::<T, U, M>(cx, op, count)
    }
}

/// SCAS: the flags of rAX − \[rDI\].
pub(super) struct Scas;

impl Element for Scas {
    const COMPARES: bool = true;

    fn one<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let b: T = destination_value(cx, op)?;
        let a: T = cx.gpr(Gpr::Rax as u8);
        compare(cx, a, b);
        advance::<T, M>(cx, op, Gpr::Rdi, 1);
        Ok(())
    }

    fn many<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
        bulk::scas::<T, U, M>(cx, op, count)
    }
}

fn destination_value<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
    let at = destination(cx, op);
    cx.load(at)
}
