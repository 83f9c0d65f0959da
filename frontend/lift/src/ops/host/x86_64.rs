//! x86-64 hosts.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    types::{F32X4, I32X4, I64X2},
};

use crate::HostOp;
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

/// Whether the host has the instruction.
pub(crate) fn has(op: HostOp) -> bool {
    use HostOp as H;
    match op {
        H::Aesenc | H::Aesenclast | H::Aesdec | H::Aesdeclast | H::Aesimc => std::arch::is_x86_feature_detected!("aes"),
        H::Pclmulqdq => std::arch::is_x86_feature_detected!("pclmulqdq"),
        H::Sha1nexte | H::Sha1msg1 | H::Sha1msg2 | H::Sha1rnds4 | H::Sha256msg1 | H::Sha256msg2 | H::Sha256rnds2 => std::arch::is_x86_feature_detected!("sha"),
        H::Pdep | H::Pext => std::arch::is_x86_feature_detected!("bmi2"),
        H::Vpsllvd | H::Vpsllvq | H::Vpsrlvd | H::Vpsrlvq | H::Vpsravd => std::arch::is_x86_feature_detected!("avx2"),
        H::Vcvtph2ps | H::Vcvtps2ph => std::arch::is_x86_feature_detected!("f16c"),
    }
}

/// The names of what makes a difference here and above.
pub fn host_features() -> impl Iterator<Item = &'static str> {
    let all = [
        ("fma", fuses()),
        ("sse4.2", compares_strings()),
        ("aes", has(HostOp::Aesenc)),
        ("pclmulqdq", has(HostOp::Pclmulqdq)),
        ("sha", has(HostOp::Sha1nexte)),
        ("bmi2", has(HostOp::Pdep)),
        ("avx2", has(HostOp::Vpsllvd)),
        ("f16c", has(HostOp::Vcvtph2ps)),
    ];
    all.into_iter().filter(|f| f.1).map(|f| f.0)
}
