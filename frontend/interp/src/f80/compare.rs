//! Comparison and classification.

use super::bit::{C0, C1, C2, C3, DE, IE};
use super::{Class, Control, F80, Out};

/// How two numbers compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// a > b.
    Greater,
    /// a < b.
    Less,
    /// a = b.
    Equal,
    /// One is a NaN or unsupported.
    Unordered,
}

impl Order {
    /// C3, C2 and C0 as FCOM sets them; ZF, PF and CF as FCOMI does are the same bits, 8 lower.
    pub const fn conditions(self) -> u16 {
        match self {
            Self::Greater => 0,
            Self::Less => C0,
            Self::Equal => C3,
            Self::Unordered => C3 | C2 | C0,
        }
    }
}

/// FCOM: any NaN is invalid.
#[inline]
pub fn compare(a: F80, b: F80, c: Control) -> Out<Order> {
    ordered(a, b, true, c)
}

/// FUCOM: only signaling NaNs and unsupported encodings are invalid.
#[inline]
pub fn compare_quiet(a: F80, b: F80, c: Control) -> Out<Order> {
    ordered(a, b, false, c)
}

#[inline]
fn ordered(a: F80, b: F80, quiet_invalid: bool, _: Control) -> Out<Order> {
    if a.is_normal() && b.is_normal() {
        return Out::exact(finite(a, b));
    }
    let classes = [a.class(), b.class()];
    if classes.iter().any(|k| matches!(k, Class::Signaling | Class::Unsupported)) {
        return Out { value: Order::Unordered, status: IE };
    }
    if classes.contains(&Class::Quiet) {
        return Out { value: Order::Unordered, status: if quiet_invalid { IE } else { 0 } };
    }
    let status = if classes.contains(&Class::Denormal) { DE } else { 0 };
    Out { value: finite(a, b), status }
}

/// Everything but NaNs and the unsupported.
#[inline(always)]
fn finite(a: F80, b: F80) -> Order {
    if a.sig | b.sig == 0 {
        return Order::Equal;
    }
    let key = |v: F80| {
        // A pseudo-denormal has the value of exponent 1.
        let exp = if v.exp() == 0 && v.sig >> 63 != 0 { 1 } else { v.exp() };
        let m = (exp as i128) << 64 | i128::from(v.sig);
        if v.sign() { -m } else { m }
    };
    match key(a).cmp(&key(b)) {
        core::cmp::Ordering::Less => Order::Less,
        core::cmp::Ordering::Equal => Order::Equal,
        core::cmp::Ordering::Greater => Order::Greater,
    }
}

/// FXAM: the condition codes for a number in a register in use. C1 is the sign.
pub fn examine(a: F80) -> u16 {
    let class = match a.class() {
        Class::Unsupported => 0,
        Class::Quiet | Class::Signaling => C0,
        Class::Normal => C2,
        Class::Infinity => C2 | C0,
        Class::Zero => C3,
        Class::Denormal => C3 | C2,
    };
    class | if a.sign() { C1 } else { 0 }
}
