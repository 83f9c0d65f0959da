//! MMX and SSE up to SSE4.2: SDM vol. 1, chapters 9–12.
//!
//! Semantic functions take and give whole values ([`V`]); the macros here bind them to operand forms. A function that is generic over the size of
//! its vectors serves both MMX and SSE. What is not here: CRC32 and POPCNT (general purpose registers), FXSAVE and XSAVE.

pub(super) mod add;
pub(super) mod amd;
pub(super) mod approx;
pub(super) mod compare;
pub(super) mod control;
pub(super) mod convert;
pub(super) mod extend;
pub(super) mod extract;
pub(super) mod fcompare;
pub(super) mod float;
mod fp;
pub(super) mod logic;
pub(super) mod moves;
pub(super) mod multiply;
pub(super) mod shift;
pub(super) mod shuffle;
pub(super) mod strings;

use forklift_x86::{CpuState, Exit};
use iced_x86::{Instruction, OpKind, Register};

use crate::place::{Place, Source};
use crate::vector::{V, VecReg};
use crate::{Exec, Int, Memory, Op, Step};

/// Which file a register operand is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Mmx,
    Xmm,
    Gpr,
    Other,
}

/// The file of operand `k`.
pub(crate) fn file(i: &Instruction, k: u32) -> File {
    if k >= i.op_count() || i.op_kind(k) != OpKind::Register {
        return File::Other;
    }
    match i.op_register(k) {
        r if r.is_mm() => File::Mmx,
        r if r.is_xmm() => File::Xmm,
        r if r.is_gpr() => File::Gpr,
        Register::None => File::Other,
        _ => File::Other,
    }
}

/// Where a vector operand comes from.
pub(crate) trait VecSource {
    fn get<T: VecReg, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit>;
}

/// The vector register that is operand `K`.
pub(crate) struct VReg<const K: usize>;
/// The memory operand, aligned if SSE wants that.
pub(crate) struct VMem;

impl<const K: usize> VecSource for VReg<K> {
    #[inline(always)]
    fn get<T: VecReg, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Ok(T::read(cx.cpu, op.reg[K]))
    }
}

impl VecSource for VMem {
    #[inline(always)]
    fn get<T: VecReg, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        T::load(cx, cx.ea(op))
    }
}

/// The low bits of the XMM register that is operand `K`; a write zeroes the rest of the 128.
pub(crate) struct Xmm<const K: usize>;
/// The low bits of the MMX register that is operand `K`; a write zeroes the rest of the 64. The instruction must be an MMX one.
pub(crate) struct Mm<const K: usize>;

impl<const K: usize> Source for Xmm<K> {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Ok(T::from_u64(low(cx.cpu, op.reg[K])))
    }
}

impl<const K: usize> Place for Xmm<K> {
    #[inline(always)]
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Step {
        cx.cpu.set_xmm(usize::from(op.reg[K] & 31), v.to_u128());
        Ok(())
    }
}

impl<const K: usize> Source for Mm<K> {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Ok(T::from_u64(u64::from_le_bytes(V::<8>::read(cx.cpu, op.reg[K]).0)))
    }
}

impl<const K: usize> Place for Mm<K> {
    #[inline(always)]
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Step {
        V::<8>(v.to_u64().to_le_bytes()).write(cx.cpu, op.reg[K]);
        Ok(())
    }
}

/// The low quadword of a vector register.
#[inline(always)]
pub(crate) fn low(cpu: &CpuState, slot: u8) -> u64 {
    cpu.vec[usize::from(slot & 31)].quadword(0)
}

/// Sets the low quadword of a vector register.
#[inline(always)]
pub(crate) fn set_low(cpu: &mut CpuState, slot: u8, v: u64) {
    cpu.vec[usize::from(slot & 31)].set_quadword(0, v);
}

/// Runs `f` as an instruction that uses the register file of `T`.
#[inline(always)]
pub(crate) fn using<T: VecReg, M: Memory>(cx: &mut Exec<'_, M>, f: impl FnOnce(&mut Exec<'_, M>) -> Step) -> Step {
    T::check(cx)?;
    f(cx)?;
    T::finish(cx.cpu);
    Ok(())
}

/// dest = `f`(dest, src, imm).
#[inline(always)]
pub(crate) fn run_binary<T: VecReg, S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(T, T, u8) -> T) -> Step {
    using::<T, M>(cx, |cx| {
        let b = S::get::<T, M>(cx, op)?;
        let a = T::read(cx.cpu, op.reg[0]);
        f(a, b, op.imm as u8).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

/// dest = `f`(src, imm).
#[inline(always)]
pub(crate) fn run_unary<T: VecReg, S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(T, u8) -> T) -> Step {
    using::<T, M>(cx, |cx| {
        let b = S::get::<T, M>(cx, op)?;
        f(b, op.imm as u8).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

/// dest = `f`(low part of src), with a memory operand of exactly `T`, at any alignment.
#[inline(always)]
pub(crate) fn run_widen<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnOnce(V<16>) -> V<16>) -> Step {
    let b: T = S::get(cx, op)?;
    f(V::from_bits(b.to_u128())).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// Binds a two-operand function to the forms of an instruction: register or memory source, MMX or XMM. `$run` is [`run_binary`] or [`run_unary`].
macro_rules! bind {
    ($run:ident, $i:expr, $f:expr) => {{
        use crate::build::Form;
        use crate::ops::vec::{File, VMem, VReg};
        use crate::vector::V;
        let fun: Option<crate::RunFn<M>> = match (crate::ops::vec::file($i, 0), crate::build::form($i, 1)) {
            (File::Mmx, Form::Reg) => Some(|cx, op| crate::ops::vec::$run::<V<8>, VReg<1>, M>(cx, op, $f)),
            (File::Mmx, Form::Mem) => Some(|cx, op| crate::ops::vec::$run::<V<8>, VMem, M>(cx, op, $f)),
            (File::Xmm, Form::Reg) => Some(|cx, op| crate::ops::vec::$run::<V<16>, VReg<1>, M>(cx, op, $f)),
            (File::Xmm, Form::Mem) => Some(|cx, op| crate::ops::vec::$run::<V<16>, VMem, M>(cx, op, $f)),
            _ => None,
        };
        fun
    }};
}

/// The same for instructions without an MMX form.
macro_rules! bind_xmm {
    ($run:ident, $i:expr, $f:expr) => {{
        use crate::build::Form;
        use crate::ops::vec::{VMem, VReg};
        use crate::vector::V;
        let fun: Option<crate::RunFn<M>> = match crate::build::form($i, 1) {
            Form::Reg => Some(|cx, op| crate::ops::vec::$run::<V<16>, VReg<1>, M>(cx, op, $f)),
            Form::Mem => Some(|cx, op| crate::ops::vec::$run::<V<16>, VMem, M>(cx, op, $f)),
            _ => None,
        };
        fun
    }};
}

/// dest = `$f`(dest, src), MMX or XMM.
macro_rules! binary {
    ($f:ident, $i:expr) => {
        crate::ops::vec::bind!(run_binary, $i, |a, b, _| $f(a, b))
    };
}

/// dest = `$f`(dest, src), XMM only.
macro_rules! binary128 {
    ($f:ident, $i:expr) => {
        crate::ops::vec::bind_xmm!(run_binary, $i, |a, b, _| $f(a, b))
    };
}

/// dest = `$f`(src), MMX or XMM.
macro_rules! unary {
    ($f:ident, $i:expr) => {
        crate::ops::vec::bind!(run_unary, $i, |b, _| $f(b))
    };
}

/// dest = `$f`(src), XMM only.
macro_rules! unary128 {
    ($f:ident, $i:expr) => {
        crate::ops::vec::bind_xmm!(run_unary, $i, |b, _| $f(b))
    };
}

pub(crate) use {binary, binary128, bind, bind_xmm, unary, unary128};
