//! Bitwise logic. SDM vol. 1, 7.3.5.

use forklift_x86::CcKind;
use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::place::{Place, Source, by_form, by_place, by_width};
use crate::{Exec, Int, Memory, Op, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::And, Pick::By(|i| by_form!(and, i))),
            (Mnemonic::Or, Pick::By(|i| by_form!(or, i))),
            (Mnemonic::Xor, Pick::By(|i| by_form!(xor, i))),
            (Mnemonic::Test, Pick::By(|i| by_form!(test, i))),
            (Mnemonic::Not, Pick::By(|i| by_place!(not, i))),
        ]
    }
}

/// dest = f(dest, src), and the flags of the result.
#[inline(always)]
fn logic<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl Fn(u64, u64) -> u64) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = D::update(cx, op, |a: T| T::from_u64(f(a.to_u64(), b.to_u64())))?;
    cx.cpu.flags.set(CcKind::Logic, T::WIDTH, f(a.to_u64(), b.to_u64()), 0, 0);
    Ok(())
}

/// AND: dest &= src.
fn and<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    logic::<T, D, S, M>(cx, op, |a, b| a & b)
}

/// OR: dest |= src.
fn or<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    logic::<T, D, S, M>(cx, op, |a, b| a | b)
}

/// XOR: dest ^= src.
fn xor<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    logic::<T, D, S, M>(cx, op, |a, b| a ^ b)
}

/// TEST: the flags of dest & src.
fn test<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::get(cx, op)?;
    let b: T = S::get(cx, op)?;
    cx.cpu.flags.set(CcKind::Logic, T::WIDTH, a.to_u64() & b.to_u64(), 0, 0);
    Ok(())
}

/// NOT: dest = !dest; no flags.
fn not<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    D::update(cx, op, |a: T| T::from_u64(!a.to_u64())).map(drop)
}
