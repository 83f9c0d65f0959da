//! Shifts and rotates. SDM vol. 1, 7.3.6. Counts are masked to 5 bits, 6 for 64-bit operands; a masked count of 0 changes nothing, the flags included.
//!
//! Where the manual leaves OF open (counts above 1), it is what the formula for 1 gives on the last step, as CPUs do for rotates.

use forklift_x86::{CcKind, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Cl, Imm, Mem, Place, Reg, Source, by_width};
use crate::{Exec, Int, Memory, Op, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Shl, Pick::By(|i| by_count!(shl, i))),
            (Mnemonic::Sal, Pick::By(|i| by_count!(shl, i))),
            (Mnemonic::Shr, Pick::By(|i| by_count!(shr, i))),
            (Mnemonic::Sar, Pick::By(|i| by_count!(sar, i))),
            (Mnemonic::Rol, Pick::By(|i| by_count!(rol, i))),
            (Mnemonic::Ror, Pick::By(|i| by_count!(ror, i))),
            (Mnemonic::Rcl, Pick::By(|i| by_count!(rcl, i))),
            (Mnemonic::Rcr, Pick::By(|i| by_count!(rcr, i))),
            (Mnemonic::Shld, Pick::By(|i| by_double!(shld, i))),
            (Mnemonic::Shrd, Pick::By(|i| by_double!(shrd, i))),
        ]
    }
}

/// Picks `$f::<T, D, S, M>` where S is the count: an immediate or CL.
macro_rules! by_count {
    ($f:ident, $i:expr) => {
        match (form($i, 0), form($i, 1)) {
            (Form::Reg, Form::Imm) => by_width!($f, $i, 0, Reg<0>, Imm),
            (Form::Reg, Form::Reg) => by_width!($f, $i, 0, Reg<0>, Cl),
            (Form::Mem, Form::Imm) => by_width!($f, $i, 0, Mem, Imm),
            (Form::Mem, Form::Reg) => by_width!($f, $i, 0, Mem, Cl),
            _ => None,
        }
    };
}
use by_count;

/// The same for SHLD and SHRD, whose count is the third operand.
macro_rules! by_double {
    ($f:ident, $i:expr) => {
        match (form($i, 0), is_immediate($i)) {
            (Form::Reg, true) => by_width!($f, $i, 0, Reg<0>, Imm),
            (Form::Reg, false) => by_width!($f, $i, 0, Reg<0>, Cl),
            (Form::Mem, true) => by_width!($f, $i, 0, Mem, Imm),
            (Form::Mem, false) => by_width!($f, $i, 0, Mem, Cl),
            _ => None,
        }
    };
}
use by_double;

fn is_immediate(i: &Instruction) -> bool {
    form(i, 2) == Form::Imm
}

/// The masked count.
#[inline(always)]
fn count<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<u32, forklift_x86::Exit> {
    let n: u8 = S::get(cx, op)?;
    Ok(u32::from(n) & if T::BITS == 64 { 63 } else { 31 })
}

/// dest = f(dest, count) with the lazy flags of `kind`, unless the count is 0. A memory operand is read, and found writable, all the same.
#[inline(always)]
fn shift<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, kind: CcKind, f: impl Fn(T, u32) -> u64) -> Step {
    let n = count::<T, S, M>(cx, op)?;
    let a: T = D::update(cx, op, |a: T| if n == 0 { a } else { T::from_u64(f(a, n)) })?;
    if n != 0 {
        cx.cpu.flags.set(kind, T::WIDTH, a.to_u64(), n.into(), 0);
    }
    Ok(())
}

/// SHL, SAL.
fn shl<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    shift::<T, D, S, M>(cx, op, CcKind::Shl, |a, n| a.to_u64() << n)
}

/// SHR.
fn shr<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    shift::<T, D, S, M>(cx, op, CcKind::Shr, |a, n| a.to_u64() >> n)
}

/// SAR.
fn sar<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    shift::<T, D, S, M>(cx, op, CcKind::Sar, |a, n| (a.to_i64() >> n) as u64)
}

/// Sets CF and OF, and no other flag.
fn set_cf_of<M: Memory>(cx: &mut Exec<'_, M>, cf: bool, of: bool) {
    let values = if cf { bits::CF } else { 0 } | if of { bits::OF } else { 0 };
    cx.cpu.flags.update(bits::CF | bits::OF, values);
}

/// dest = the old value and CF, turned; `f` gives result, CF and OF for a count that is not 0.
fn rotate<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl Fn(u64, u32, bool) -> (u64, bool, bool)) -> Step {
    let n = count::<T, S, M>(cx, op)?;
    let cf = n != 0 && cx.cpu.flags.cf();
    let a: T = D::update(cx, op, |a: T| if n == 0 { a } else { T::from_u64(f(a.to_u64(), n, cf).0) })?;
    if n != 0 {
        let (_, cf, of) = f(a.to_u64(), n, cf);
        set_cf_of(cx, cf, of);
    }
    Ok(())
}

/// ROL: CF is the bit that came to the bottom; OF = top bit ^ CF.
fn rol<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    rotate::<T, D, S, M>(cx, op, |a, n, _| {
        let r = rotate_left(T::BITS, a, n % T::BITS);
        let cf = r & 1 != 0;
        (r, cf, T::WIDTH.sign(r) != cf)
    })
}

/// ROR: CF is the bit that came to the top; OF = the two top bits differ.
fn ror<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    rotate::<T, D, S, M>(cx, op, |a, n, _| {
        let r = rotate_left(T::BITS, a, (T::BITS - n % T::BITS) % T::BITS);
        let top = T::WIDTH.sign(r);
        (r, top, top != T::WIDTH.sign(r << 1))
    })
}

/// Rotates the low `width` bits of `a`; `n < width`.
const fn rotate_left(width: u32, a: u64, n: u32) -> u64 {
    match n {
        0 => a,
        _ => (a << n | a >> (width - n)) & (u64::MAX >> (64 - width)),
    }
}

/// RCL: rotates through CF, a ring of one bit more.
fn rcl<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    rotate::<T, D, S, M>(cx, op, |a, n, cf| {
        let (r, cf) = through_carry(T::BITS, a, n % (T::BITS + 1), cf);
        (r, cf, T::WIDTH.sign(r) != cf)
    })
}

/// RCR: the same, to the right; OF = the two top bits differ.
fn rcr<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    rotate::<T, D, S, M>(cx, op, |a, n, cf| {
        let n = n % (T::BITS + 1);
        let (r, cf) = through_carry(T::BITS, a, (T::BITS + 1 - n) % (T::BITS + 1), cf);
        (r, cf, T::WIDTH.sign(r) != T::WIDTH.sign(r << 1))
    })
}

/// Rotates `a` and the carry above it left by `n`, at most `width`.
const fn through_carry(width: u32, a: u64, n: u32, cf: bool) -> (u64, bool) {
    let ring = width + 1;
    let v = a as u128 | (cf as u128) << width;
    let r = v << n | v >> (ring - n);
    ((r & (u64::MAX >> (64 - width)) as u128) as u64, r >> width & 1 != 0)
}

/// SHLD: bits of the second operand come in from the right.
fn shld<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    double::<T, D, S, M>(cx, op, |a, b, n| {
        let wide = u128::from(a) << T::BITS | u128::from(b);
        // With 16 bits and a count above 16 the destination comes in again.
        let wide = if T::BITS == 16 { wide << 16 | u128::from(a) } else { wide };
        let below = if T::BITS == 16 { 32 } else { T::BITS };
        ((wide << n >> below) as u64, n <= T::BITS && a >> (T::BITS - n) & 1 != 0 || n > T::BITS && b >> (2 * T::BITS - n) & 1 != 0)
    })
}

/// SHRD: bits of the second operand come in from the left.
fn shrd<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    double::<T, D, S, M>(cx, op, |a, b, n| {
        let wide = u128::from(b) << T::BITS | u128::from(a);
        let wide = if T::BITS == 16 { wide | u128::from(a) << 32 } else { wide };
        ((wide >> n) as u64, wide >> (n - 1) & 1 != 0)
    })
}

/// The common part: `f(dest, src, count)` gives the result and CF. OF = the sign has changed; AF is left open, and cleared.
fn double<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl Fn(u64, u64, u32) -> (u64, bool)) -> Step {
    let n = count::<T, S, M>(cx, op)?;
    let b: T = cx.gpr(op.reg[1]);
    let a: T = D::update(cx, op, |a: T| if n == 0 { a } else { T::from_u64(f(a.to_u64(), b.to_u64(), n).0) })?;
    if n != 0 {
        let (r, cf) = f(a.to_u64(), b.to_u64(), n);
        let of = T::WIDTH.sign(r ^ a.to_u64());
        cx.cpu.flags.set(CcKind::Result, T::WIDTH, r, of.into(), cf.into());
    }
    Ok(())
}
