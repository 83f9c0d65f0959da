//! Operands that decide the result by themselves: NaNs, unsupported encodings, denormals with DE unmasked. SDM vol. 1, table 4-7 and 8.5.

use super::bit::{DE, IE};
use super::{Class, Control, F80, Out, QUIET};

/// The NaN as a quiet one.
pub(crate) const fn quieted(a: F80) -> F80 {
    F80 { sig: a.sig | QUIET, ..a }
}

/// Looks at the operands before an operation. `Ok`: compute, with this status so far. `Err`: this is the result.
#[inline]
pub(crate) fn before2(a: F80, b: F80, c: Control) -> Result<u16, Out> {
    let (ca, cb) = (a.class(), b.class());
    if ca == Class::Unsupported || cb == Class::Unsupported {
        return Err(Out::INVALID);
    }
    if is_nan(ca) || is_nan(cb) {
        return Err(propagate(a, b));
    }
    denormal(ca == Class::Denormal || cb == Class::Denormal, a, c)
}

/// The same for one operand.
#[inline]
pub(crate) fn before1(a: F80, c: Control) -> Result<u16, Out> {
    match a.class() {
        Class::Unsupported => Err(Out::INVALID),
        Class::Quiet => Err(Out::exact(a)),
        Class::Signaling => Err(Out { value: quieted(a), status: IE }),
        class => denormal(class == Class::Denormal, a, c),
    }
}

fn denormal(is: bool, a: F80, c: Control) -> Result<u16, Out> {
    match (is, c.unmasked(DE) != 0) {
        (true, true) => Err(Out { value: a, status: DE }),
        (true, false) => Ok(DE),
        _ => Ok(0),
    }
}

const fn is_nan(c: Class) -> bool {
    matches!(c, Class::Quiet | Class::Signaling)
}

/// The result of an operation on at least one NaN: the one with the larger significand, of equal ones the positive one. A quiet NaN is preferred
/// to a signaling one.
pub(crate) fn propagate(a: F80, b: F80) -> Out {
    let (ca, cb) = (a.class(), b.class());
    let status = if ca == Class::Signaling || cb == Class::Signaling { IE } else { 0 };
    let value = match (is_nan(ca), is_nan(cb)) {
        (true, false) => a,
        (false, true) => b,
        _ if ca != cb => {
            if ca == Class::Quiet {
                a
            } else {
                b
            }
        }
        _ => larger(a, b),
    };
    Out { value: quieted(value), status }
}

const fn larger(a: F80, b: F80) -> F80 {
    if a.sig > b.sig || a.sig == b.sig && a.se < b.se { a } else { b }
}
