//! Operations on the top of the stack: signs, square root, rounding, scaling, extraction.

use iced_x86::Mnemonic;

use super::{EMPTY, OVERFLOW, UNDERFLOW, begin, control, finish, point, push_unchecked, raise, set_st, st, used};
use crate::build::{Pick, Table};
use crate::f80::bit::{C1, C2, CONDITIONS};
use crate::f80::{self, Control, F80, Out};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fabs, Pick::One(|cx, op| unary(cx, op, |a, _| Out::exact(a.abs())))),
            (Mnemonic::Fchs, Pick::One(|cx, op| unary(cx, op, |a, _| Out::exact(a.negate())))),
            (Mnemonic::Fsqrt, Pick::One(|cx, op| unary(cx, op, f80::sqrt))),
            (Mnemonic::Frndint, Pick::One(|cx, op| unary(cx, op, f80::round_to_int))),
            (Mnemonic::Fscale, Pick::One(fscale)),
            (Mnemonic::Fprem, Pick::One(|cx, op| remainder(cx, op, f80::rem))),
            (Mnemonic::Fprem1, Pick::One(|cx, op| remainder(cx, op, f80::rem_nearest))),
            (Mnemonic::Fxtract, Pick::One(fxtract)),
        ]
    }
}

/// ST(0) = f(ST(0)).
#[inline(always)]
pub(super) fn unary<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: fn(F80, Control) -> Out) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) { f(st(x, 0), control(x)) } else { EMPTY };
    finish(cx, 0, out);
    Ok(())
}

/// FSCALE: ST(0) = ST(0) × 2^trunc(ST(1)).
fn fscale<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) && used(x, 1) { f80::scale(st(x, 0), st(x, 1), control(x)) } else { EMPTY };
    finish(cx, 0, out);
    Ok(())
}

/// FPREM, FPREM1: ST(0) = the remainder of ST(0) by ST(1). They define all condition codes if there is a remainder; else C0 and C3 stay.
fn remainder<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: fn(F80, F80, Control) -> Out) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    let out = if used(x, 0) && used(x, 1) { f(st(x, 0), st(x, 1), control(x)) } else { EMPTY };
    let defined = !out.value.is_nan() && !control(x).stops(out.status);
    x.sw &= if defined { !CONDITIONS } else { !(C1 | C2) };
    finish(cx, 0, out);
    Ok(())
}

/// FXTRACT: ST(0) becomes the exponent, then the significand is pushed.
fn fxtract<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let indefinite = (F80::INDEFINITE, F80::INDEFINITE);
    let out = match (used(x, 0), used(x, 7)) {
        (false, _) => Out { value: indefinite, status: UNDERFLOW },
        (true, true) => Out { value: indefinite, status: OVERFLOW },
        (true, false) => f80::extract(st(x, 0), control(x)),
    };
    let stops = control(x).stops(out.status);
    raise(cx, out.status);
    if !stops {
        set_st(&mut cx.cpu.x87, 0, out.value.0);
        push_unchecked(&mut cx.cpu.x87, out.value.1);
    }
    Ok(())
}
