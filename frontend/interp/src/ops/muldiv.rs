//! Multiplication and division. SDM vol. 1, 7.3.2.3.
//!
//! After MUL and IMUL only CF and OF are defined; SF, ZF and PF are those of the low half here. DIV and IDIV leave all flags as they were.

use forklift_x86::{CcKind, Exit, Fault, Gpr};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Imm, Mem, Reg, Source, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Mul, Pick::By(|i| by_source!(mul, i))),
            (Mnemonic::Imul, Pick::By(pick_imul)),
            (Mnemonic::Div, Pick::By(|i| by_source!(div, i))),
            (Mnemonic::Idiv, Pick::By(|i| by_source!(idiv, i))),
        ]
    }
}

/// Picks `$f::<T, S, M>` for an instruction with one explicit source.
macro_rules! by_source {
    ($f:ident, $i:expr) => {
        match form($i, 0) {
            Form::Reg => by_width!($f, $i, 0, Reg<0>),
            Form::Mem => by_width!($f, $i, 0, Mem),
            _ => None,
        }
    };
}
use by_source;

/// The double-width accumulator: AX, or DX:AX and its wider kin.
fn wide_acc<T: Int, M: Memory>(cx: &Exec<'_, M>) -> u128 {
    if T::BITS == 8 {
        return cx.gpr::<u16>(Gpr::Rax as u8).into();
    }
    let (low, high): (T, T) = (cx.gpr(Gpr::Rax as u8), cx.gpr(Gpr::Rdx as u8));
    low.to_u128() | high.to_u128() << T::BITS
}

/// Sets the two halves: AL, AH or AX, DX and so on.
fn set_halves<T: Int, M: Memory>(cx: &mut Exec<'_, M>, low: T, high: T) {
    const AH: u8 = 16;
    cx.set_gpr(Gpr::Rax as u8, low);
    cx.set_gpr(if T::BITS == 8 { AH } else { Gpr::Rdx as u8 }, high);
}

/// MUL: the double-width accumulator = accumulator × source.
fn mul<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = cx.gpr(Gpr::Rax as u8);
    let r = a.to_u128() * b.to_u128();
    let (low, high) = (T::from_u128(r), T::from_u128(r >> T::BITS));
    set_halves(cx, low, high);
    let carry = high.to_u64() != 0;
    cx.cpu.flags.set(CcKind::Result, T::WIDTH, low.to_u64(), carry.into(), carry.into());
    Ok(())
}

fn pick_imul<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (i.op_count(), form(i, 1)) {
        (1, _) => by_source!(imul, i),
        (2, Form::Reg) => by_width!(imul2, i, 0, Reg<0>, Reg<1>),
        (2, Form::Mem) => by_width!(imul2, i, 0, Reg<0>, Mem),
        (3, Form::Reg) => by_width!(imul2, i, 0, Reg<1>, Imm),
        (3, Form::Mem) => by_width!(imul2, i, 0, Mem, Imm),
        _ => None,
    }
}

/// Product of two signed numbers: low half, high half, and whether the low half alone isn't the product.
fn signed_product<T: Int>(a: T, b: T) -> (T, T, bool) {
    let r = i128::from(a.to_i64()) * i128::from(b.to_i64());
    let low = T::from_u128(r as u128);
    (low, T::from_u128((r >> T::BITS) as u128), i128::from(low.to_i64()) != r)
}

/// IMUL with one operand.
fn imul<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let (low, high, carry) = signed_product(cx.gpr::<T>(Gpr::Rax as u8), b);
    set_halves(cx, low, high);
    cx.cpu.flags.set(CcKind::Result, T::WIDTH, low.to_u64(), carry.into(), carry.into());
    Ok(())
}

/// IMUL with two or three operands: register 0 = A × B, truncated.
fn imul2<T: Int, A: Source, B: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b): (T, T) = (A::get(cx, op)?, B::get(cx, op)?);
    let (low, _, carry) = signed_product(a, b);
    cx.set_gpr(op.reg[0], low);
    cx.cpu.flags.set(CcKind::Result, T::WIDTH, low.to_u64(), carry.into(), carry.into());
    Ok(())
}

const DIVIDE_ERROR: Exit = Exit::Fault(Fault::Divide);

/// DIV: quotient and remainder of the double-width accumulator by the source. #DE for a zero divisor or a quotient that doesn't fit.
fn div<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let d = S::get::<T, M>(cx, op)?.to_u128();
    let n = wide_acc::<T, M>(cx);
    // Most divisions are of numbers that fit a machine word.
    let (q, r) = match (u64::try_from(n), d as u64) {
        (_, 0) => return Err(DIVIDE_ERROR),
        (Ok(n), d) => (u128::from(n / d), u128::from(n % d)),
        (Err(_), _) => (n / d, n % d),
    };
    if q >> T::BITS != 0 {
        return Err(DIVIDE_ERROR);
    }
    set_halves(cx, T::from_u128(q), T::from_u128(r));
    Ok(())
}

/// IDIV: the same, signed, truncating towards zero.
fn idiv<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let d = i128::from(S::get::<T, M>(cx, op)?.to_i64());
    let unused = 128 - 2 * T::BITS;
    let n = ((wide_acc::<T, M>(cx) << unused) as i128) >> unused;
    let (q, r) = match (i64::try_from(n), d as i64) {
        (_, 0) => return Err(DIVIDE_ERROR),
        (Ok(n), d) if d != -1 => (i128::from(n / d), i128::from(n % d)),
        // The one quotient that overflows 128 bits can't be one that fits.
        _ => (n.checked_div(d).ok_or(DIVIDE_ERROR)?, n.wrapping_rem(d)),
    };
    let quotient = T::from_u128(q as u128);
    if i128::from(quotient.to_i64()) != q {
        return Err(DIVIDE_ERROR);
    }
    set_halves(cx, quotient, T::from_u128(r as u128));
    Ok(())
}
