//! Conversion of vectors of numbers to integers.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    condcodes::FloatCC,
    types::{F32X4, F64X2, I32, I32X4, I64X2},
};

use crate::cx::Lift;

/// Four singles or two doubles as integers of 32 bits, truncated, the most negative one for what doesn't fit; above those of doubles, zero.
pub(crate) fn truncated(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.host.x86 { by_instruction(cx, v) } else { by_saturating(cx, v) }
}

fn by_instruction(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.type_of(v) == F32X4 {
        return cx.b.ins().x86_cvtt2dq(I32X4, v);
    }
    let wide = cx.b.ins().x86_cvtt2dq(I64X2, v);
    let zero = cx.b.func.dfg.constants.insert([0u8; 16].as_slice().into());
    let zero = cx.b.ins().vconst(I64X2, zero);
    cx.b.ins().snarrow(wide, zero)
}

fn by_saturating(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.type_of(v) == F64X2 {
        return doubles_by_saturating(cx, v);
    }
    let r = cx.b.ins().fcvt_to_sint_sat(I32X4, v);
    // Too small a number gives the most negative one already.
    let limit = cx.b.ins().f32const(2f32.powi(31));
    let limit = cx.b.ins().splat(F32X4, limit);
    let fits = cx.b.ins().fcmp(FloatCC::LessThan, v, limit);
    let lowest = cx.b.ins().iconst(I32, 1 << 31);
    let lowest = cx.b.ins().splat(I32X4, lowest);
    cx.b.ins().bitselect(fits, r, lowest)
}

fn doubles_by_saturating(cx: &mut Lift<'_, '_>, v: Value) -> Value {
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
