//! Hosts of other kinds.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    condcodes::FloatCC,
    types::{F64X2, I32, I32X4, I64X2},
};

use crate::HostOp;
use crate::cx::Lift;

/// See the module of x86-64.
pub(crate) const CHOOSES_NANS: bool = false;

/// See the module of x86-64.
pub(crate) const fn fuses() -> bool {
    true
}

/// See the module of x86-64.
pub(crate) const fn compares_strings() -> bool {
    false
}

/// See the module of x86-64.
pub(crate) fn truncated(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.type_of(v) == F64X2 {
        return truncated_doubles(cx, v);
    }
    let r = cx.b.ins().fcvt_to_sint_sat(I32X4, v);
    // Too small a number gives the most negative one already.
    let limit = cx.b.ins().f32const(2f32.powi(31));
    let limit = cx.b.ins().splat(cranelift_codegen::ir::types::F32X4, limit);
    let fits = cx.b.ins().fcmp(FloatCC::LessThan, v, limit);
    let lowest = cx.b.ins().iconst(I32, 1 << 31);
    let lowest = cx.b.ins().splat(I32X4, lowest);
    cx.b.ins().bitselect(fits, r, lowest)
}

fn truncated_doubles(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let mut r = cx.zero_vector();
    r = cx.cast(r, I32X4);
    let limit = cx.b.ins().f64const(2f64.powi(31));
    let lowest = cx.b.ins().iconst(I32, 1 << 31);
    for n in 0..I64X2.lane_count() as u8 {
        let lane = cx.b.ins().extractlane(v, n);
        let converted = cx.b.ins().fcvt_to_sint_sat(I32, lane);
        let fits = cx.b.ins().fcmp(FloatCC::LessThan, lane, limit);
        let converted = cx.b.ins().select(fits, converted, lowest);
        r = cx.b.ins().insertlane(r, converted, n);
    }
    r
}

/// See the module of x86-64.
pub(crate) const fn has(_: HostOp) -> bool {
    false
}

/// The features of the host that make a difference to the lifter.
pub fn host_features() -> impl Iterator<Item = &'static str> {
    core::iter::empty()
}
