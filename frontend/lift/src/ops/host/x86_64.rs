//! x86-64 hosts.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    types::{F32X4, I32X4, I64X2},
};

use crate::cx::Lift;

/// Of several NaNs, fused multiplications take the one that x86's take; new ones are negative.
pub(crate) const CHOOSES_NANS: bool = true;

/// Cranelift's `fma` is an instruction, not a call.
pub(crate) fn fuses() -> bool {
    std::arch::is_x86_feature_detected!("fma")
}

/// There are functions at [`Helper::CompareStrings`](crate::Helper::CompareStrings).
pub(crate) fn compares_strings() -> bool {
    std::arch::is_x86_feature_detected!("sse4.2")
}

/// Four singles or two doubles as integers of 32 bits, truncated, the most negative one for what doesn't fit; above those of doubles, zero.
pub(crate) fn truncated(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    if cx.type_of(v) == F32X4 {
        return cx.b.ins().x86_cvtt2dq(I32X4, v);
    }
    let wide = cx.b.ins().x86_cvtt2dq(I64X2, v);
    let zero = cx.b.func.dfg.constants.insert([0u8; 16].as_slice().into());
    let zero = cx.b.ins().vconst(I64X2, zero);
    cx.b.ins().snarrow(wide, zero)
}
