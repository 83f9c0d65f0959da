//! Operand forms: where a value comes from and goes to, as types, so that a semantic function is instantiated for each form that it has.

use forklift_x86::Exit;

use crate::{Exec, Int, Memory, Op};

/// Where a value comes from.
pub trait Source {
    /// Reads it.
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit>;
}

/// Where a value goes.
pub trait Place: Source {
    /// Writes it.
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Result<(), Exit>;

    /// Replaces the value by `f` of it; returns the old one. Atomic if the form is [`Lock`].
    #[inline(always)]
    fn update<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, mut f: impl FnMut(T) -> T) -> Result<T, Exit> {
        let old = Self::get(cx, op)?;
        Self::set(cx, op, f(old))?;
        Ok(old)
    }
}

/// The register that is operand `K`.
pub struct Reg<const K: usize>;
/// The memory operand.
pub struct Mem;
/// The memory operand, updated atomically (LOCK; XCHG).
pub struct Lock;
/// The immediate operand.
pub struct Imm;
/// The register CL.
pub struct Cl;

impl<const K: usize> Source for Reg<K> {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Ok(cx.gpr(op.reg[K]))
    }
}

impl<const K: usize> Place for Reg<K> {
    #[inline(always)]
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Result<(), Exit> {
        cx.set_gpr(op.reg[K], v);
        Ok(())
    }
}

impl Source for Mem {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        cx.load(cx.ea(op))
    }
}

impl Place for Mem {
    #[inline(always)]
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Result<(), Exit> {
        cx.store(cx.ea(op), v)
    }

    #[inline(always)]
    fn update<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, mut f: impl FnMut(T) -> T) -> Result<T, Exit> {
        let addr = cx.ea(op);
        let old = cx.load_to_update(addr)?;
        cx.store(addr, f(old))?;
        Ok(old)
    }
}

impl Source for Lock {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Mem::get(cx, op)
    }
}

impl Place for Lock {
    #[inline(always)]
    fn set<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T) -> Result<(), Exit> {
        Mem::set(cx, op, v)
    }

    fn update<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl FnMut(T) -> T) -> Result<T, Exit> {
        cx.atomic_update(cx.ea(op), f)
    }
}

impl Source for Imm {
    #[inline(always)]
    fn get<T: Int, M: Memory>(_: &mut Exec<'_, M>, op: &Op<M>) -> Result<T, Exit> {
        Ok(T::from_u64(op.imm))
    }
}

impl Source for Cl {
    #[inline(always)]
    fn get<T: Int, M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Result<T, Exit> {
        Ok(T::from_u64(cx.cpu.gpr[1] & 0xff))
    }
}

/// Instantiates `$f::<T, M>` for the width of operand `$k`, with further type arguments: `by_width!(f, insn, 0, Reg<0>, Imm)`. `None` for other sizes.
macro_rules! by_width {
    ($f:ident, $i:expr, $k:expr $(, $form:ty)*) => {
        match crate::build::operand_bytes($i, $k) {
            1 => Some($f::<u8, $($form,)* M>),
            2 => Some($f::<u16, $($form,)* M>),
            4 => Some($f::<u32, $($form,)* M>),
            8 => Some($f::<u64, $($form,)* M>),
            _ => None,
        }
    };
}

/// Picks `$f::<T, D, S, M>` for a two-operand instruction that updates its first: reg/reg, reg/imm, reg/mem, mem/reg, mem/imm, with LOCK or without.
macro_rules! by_form {
    ($f:ident, $i:expr) => {{
        use crate::build::Form;
        use crate::place::{Imm, Lock, Mem, Reg};
        let form = |k| crate::build::form($i, k);
        let fun: Option<crate::RunFn<M>> = match (form(0), form(1), $i.has_lock_prefix()) {
            (Form::Reg, Form::Reg, _) => by_width!($f, $i, 0, Reg<0>, Reg<1>),
            (Form::Reg, Form::Imm, _) => by_width!($f, $i, 0, Reg<0>, Imm),
            (Form::Reg, Form::Mem, _) => by_width!($f, $i, 0, Reg<0>, Mem),
            (Form::Mem, Form::Reg, false) => by_width!($f, $i, 0, Mem, Reg<1>),
            (Form::Mem, Form::Imm, false) => by_width!($f, $i, 0, Mem, Imm),
            (Form::Mem, Form::Reg, true) => by_width!($f, $i, 0, Lock, Reg<1>),
            (Form::Mem, Form::Imm, true) => by_width!($f, $i, 0, Lock, Imm),
            _ => None,
        };
        fun
    }};
}

/// Picks `$f::<T, D, M>` for an instruction with one operand, read and written: reg, mem, LOCK mem.
macro_rules! by_place {
    ($f:ident, $i:expr) => {{
        use crate::build::Form;
        use crate::place::{Lock, Mem, Reg};
        let fun: Option<crate::RunFn<M>> = match (crate::build::form($i, 0), $i.has_lock_prefix()) {
            (Form::Reg, _) => by_width!($f, $i, 0, Reg<0>),
            (Form::Mem, false) => by_width!($f, $i, 0, Mem),
            (Form::Mem, true) => by_width!($f, $i, 0, Lock),
            _ => None,
        };
        fun
    }};
}

pub(crate) use {by_form, by_place, by_width};
