//! Addition and subtraction. SDM vol. 1, 7.3.2.

use forklift_x86::CcKind;
use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::place::{Place, Source, by_form, by_place, by_width};
use crate::{Exec, Int, Memory, Op, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Add, Pick::By(|i| by_form!(add, i))),
            (Mnemonic::Adc, Pick::By(|i| by_form!(adc, i))),
            (Mnemonic::Sub, Pick::By(|i| by_form!(sub, i))),
            (Mnemonic::Sbb, Pick::By(|i| by_form!(sbb, i))),
            (Mnemonic::Cmp, Pick::By(|i| by_form!(cmp, i))),
            (Mnemonic::Inc, Pick::By(|i| by_place!(inc, i))),
            (Mnemonic::Dec, Pick::By(|i| by_place!(dec, i))),
            (Mnemonic::Neg, Pick::By(|i| by_place!(neg, i))),
        ]
    }
}

/// ADD: dest += src.
fn add<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_add(b.to_u64())))?;
    cx.cpu.flags.set(CcKind::Add, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Ok(())
}

/// ADC: dest += src + CF.
fn adc<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let c = u64::from(cx.cpu.flags.cf());
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_add(b.to_u64()).wrapping_add(c)))?;
    cx.cpu.flags.set(CcKind::Adc, T::WIDTH, a.to_u64(), b.to_u64(), c);
    Ok(())
}

/// SUB: dest -= src.
fn sub<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_sub(b.to_u64())))?;
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Ok(())
}

/// SBB: dest -= src + CF.
fn sbb<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let c = u64::from(cx.cpu.flags.cf());
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_sub(b.to_u64()).wrapping_sub(c)))?;
    cx.cpu.flags.set(CcKind::Sbb, T::WIDTH, a.to_u64(), b.to_u64(), c);
    Ok(())
}

/// CMP: the flags of dest − src.
fn cmp<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::get(cx, op)?;
    let b: T = S::get(cx, op)?;
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Ok(())
}

/// INC: dest += 1, CF untouched.
fn inc<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_add(1)))?;
    let c = u64::from(cx.cpu.flags.cf());
    cx.cpu.flags.set(CcKind::Inc, T::WIDTH, a.to_u64(), 0, c);
    Ok(())
}

/// DEC: dest -= 1, CF untouched.
fn dec<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_sub(1)))?;
    let c = u64::from(cx.cpu.flags.cf());
    cx.cpu.flags.set(CcKind::Dec, T::WIDTH, a.to_u64(), 0, c);
    Ok(())
}

/// NEG: dest = 0 − dest.
fn neg<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_neg()))?;
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, 0, a.to_u64(), 0);
    Ok(())
}
