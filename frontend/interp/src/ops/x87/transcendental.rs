//! Transcendental functions.

use iced_x86::Mnemonic;

use super::{EMPTY, OVERFLOW, UNDERFLOW, begin, control, finish, point, pop, push_unchecked, raise, set_st, st, used};
use crate::build::{Pick, Table};
use crate::f80::bit::C2;
use crate::f80::{self, Control, F80, Out};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::F2xm1, Pick::One(|cx, op| super::unary::unary(cx, op, f80::exp2_minus_1))),
            (Mnemonic::Fsin, Pick::One(|cx, op| trigonometric(cx, op, f80::sin))),
            (Mnemonic::Fcos, Pick::One(|cx, op| trigonometric(cx, op, f80::cos))),
            (Mnemonic::Fptan, Pick::One(|cx, op| pushing(cx, op, |x, c| with_one(f80::tan(x, c))))),
            (Mnemonic::Fsincos, Pick::One(|cx, op| pushing(cx, op, f80::sin_cos))),
            (Mnemonic::Fyl2x, Pick::One(|cx, op| binary(cx, op, f80::y_log2))),
            (Mnemonic::Fyl2xp1, Pick::One(|cx, op| binary(cx, op, f80::y_log2_plus_1))),
            (Mnemonic::Fpatan, Pick::One(|cx, op| binary(cx, op, |x, y, c| f80::atan2(y, x, c)))),
        ]
    }
}

/// ST(0) = f(ST(0)); C2 if the argument was too large.
fn trigonometric<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: fn(F80, Control) -> Out) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    let out = if used(x, 0) { f(st(x, 0), control(x)) } else { EMPTY };
    x.sw &= !C2;
    finish(cx, 0, out);
    Ok(())
}

/// FPTAN's result: the tangent, then 1 is pushed, or the NaN once more.
fn with_one(out: Out) -> Out<(F80, F80)> {
    let pushed = if out.value.is_nan() { out.value } else { F80::ONE };
    Out { value: (out.value, pushed), status: out.status }
}

/// ST(0) becomes the first of f(ST(0)), then the second is pushed; but if C2 is set nothing happens.
fn pushing<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: fn(F80, Control) -> Out<(F80, F80)>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &mut cx.cpu.x87;
    let indefinite = (F80::INDEFINITE, F80::INDEFINITE);
    let out = match (used(x, 0), used(x, 7)) {
        (false, _) => Out { value: indefinite, status: UNDERFLOW },
        (true, true) => Out { value: indefinite, status: OVERFLOW },
        (true, false) => f(st(x, 0), control(x)),
    };
    x.sw &= !C2;
    let stops = control(x).stops(out.status);
    raise(cx, out.status);
    if !stops && out.status & C2 == 0 {
        set_st(&mut cx.cpu.x87, 0, out.value.0);
        push_unchecked(&mut cx.cpu.x87, out.value.1);
    }
    Ok(())
}

/// ST(1) = f(ST(0), ST(1)), and the stack is popped.
fn binary<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: fn(F80, F80, Control) -> Out) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let out = if used(x, 0) && used(x, 1) { f(st(x, 0), st(x, 1), control(x)) } else { EMPTY };
    if finish(cx, 1, out) {
        pop(&mut cx.cpu.x87);
    }
    Ok(())
}
