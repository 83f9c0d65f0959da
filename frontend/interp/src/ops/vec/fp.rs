//! Binding of floating-point functions to operand forms: packed and scalar, register and memory.

use forklift_x86::CpuState;

use super::{VecSource, low, set_low};
use crate::float::{Env, Float};
use crate::place::Source;
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, Step};

/// Sets the low lane of a vector register; the others stay.
#[inline(always)]
pub(super) fn set_scalar<T: Float>(cpu: &mut CpuState, slot: u8, v: T) {
    let old = low(cpu, slot);
    set_low(cpu, slot, old & !T::WIDTH.mask() | v.to_u64());
}

/// The low lane of a vector register.
#[inline(always)]
pub(super) fn scalar<T: Float>(cpu: &CpuState, slot: u8) -> T {
    T::from_u64(low(cpu, slot))
}

/// Low lane of dest = `f`(dest, src).
#[inline(always)]
pub(super) fn scalar_binary<T: Float, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(&mut Env, T, T) -> T) -> Step {
    let b: T = S::get(cx, op)?;
    let a = scalar(cx.cpu, op.reg[0]);
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = f(&mut env, a, b);
    env.commit(cx.cpu)?;
    set_scalar(cx.cpu, op.reg[0], r);
    Ok(())
}

/// Low lane of dest = `f`(src), with another format.
#[inline(always)]
pub(super) fn scalar_unary<F: Float, T: Float, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(&mut Env, F) -> T) -> Step {
    let b: F = S::get(cx, op)?;
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = f(&mut env, b);
    env.commit(cx.cpu)?;
    set_scalar(cx.cpu, op.reg[0], r);
    Ok(())
}

/// dest = `f`(dest, src), whole vectors.
#[inline(always)]
pub(super) fn whole_binary<S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(&mut Env, V<16>, V<16>) -> V<16>) -> Step {
    let b: V<16> = S::get(cx, op)?;
    let a = V::<16>::read(cx.cpu, op.reg[0]);
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = f(&mut env, a, b);
    env.commit(cx.cpu)?;
    r.write(cx.cpu, op.reg[0]);
    Ok(())
}

/// dest = `f`(src), whole vectors.
#[inline(always)]
pub(super) fn whole_unary<S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(&mut Env, V<16>) -> V<16>) -> Step {
    let b: V<16> = S::get(cx, op)?;
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = f(&mut env, b);
    env.commit(cx.cpu)?;
    r.write(cx.cpu, op.reg[0]);
    Ok(())
}

/// `$run::<…, source, M>` with a closure, for the form of operand 1 of a scalar instruction.
macro_rules! bind_scalar {
    ($run:ident::<$($t:ty),*>, $i:expr, $f:expr) => {{
        let fun: Option<crate::RunFn<M>> = match crate::build::form($i, 1) {
            crate::build::Form::Mem => Some(|cx, op| crate::ops::vec::fp::$run::<$($t,)* crate::place::Mem, M>(cx, op, $f)),
            _ => Some(|cx, op| crate::ops::vec::fp::$run::<$($t,)* crate::ops::vec::Xmm<1>, M>(cx, op, $f)),
        };
        fun
    }};
}

/// The same for one that works on whole vectors.
macro_rules! bind_whole {
    ($run:ident, $i:expr, $f:expr) => {{
        let fun: Option<crate::RunFn<M>> = match crate::build::form($i, 1) {
            crate::build::Form::Mem => Some(|cx, op| crate::ops::vec::fp::$run::<crate::ops::vec::VMem, M>(cx, op, $f)),
            _ => Some(|cx, op| crate::ops::vec::fp::$run::<crate::ops::vec::VReg<1>, M>(cx, op, $f)),
        };
        fun
    }};
}

/// Packed `$f`(env, dest, src) on lanes of type `$t`.
macro_rules! packed {
    ($f:ident, $t:ty, $i:expr) => {
        crate::ops::vec::fp::bind_whole!(whole_binary, $i, |env, a, b| a.zip(b, |a: $t, b| crate::float::$f(env, a, b)))
    };
}

/// Scalar `$f`(env, dest, src).
macro_rules! single {
    ($f:ident, $t:ty, $i:expr) => {
        crate::ops::vec::fp::bind_scalar!(scalar_binary::<$t>, $i, crate::float::$f)
    };
}

pub(super) use {bind_scalar, bind_whole, packed, single};
