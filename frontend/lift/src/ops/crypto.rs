//! AES, carry-less products and SHA, by the host's own instructions; without those, by the interpreter. SDM vol. 1, 5.18, 12.13.

use cranelift_codegen::ir::{
    InstBuilder,
    types::{I8X16, I64X2},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Mnemonic};

use super::lanes::{by_lane, packed_unary};
use super::{LiftFn, VectorOps, host};
use crate::HostOp;
use crate::cx::{Halves, Lift};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Aesenc, Mnemonic::Vaesenc, |cx, i| two(cx, i, HostOp::Aesenc, 0)),
    (Mnemonic::Aesenclast, Mnemonic::Vaesenclast, |cx, i| two(cx, i, HostOp::Aesenclast, 0)),
    (Mnemonic::Aesdec, Mnemonic::Vaesdec, |cx, i| two(cx, i, HostOp::Aesdec, 0)),
    (Mnemonic::Aesdeclast, Mnemonic::Vaesdeclast, |cx, i| two(cx, i, HostOp::Aesdeclast, 0)),
    (Mnemonic::Aesimc, Mnemonic::Vaesimc, aesimc),
    (Mnemonic::Aeskeygenassist, Mnemonic::Vaeskeygenassist, aeskeygenassist),
    (Mnemonic::Pclmulqdq, Mnemonic::Vpclmulqdq, pclmulqdq),
];

/// Those without a VEX form.
pub(super) const SHA: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Sha1nexte, |cx, i| two(cx, i, HostOp::Sha1nexte, 0)),
    (Mnemonic::Sha1msg1, |cx, i| two(cx, i, HostOp::Sha1msg1, 0)),
    (Mnemonic::Sha1msg2, |cx, i| two(cx, i, HostOp::Sha1msg2, 0)),
    (Mnemonic::Sha1rnds4, |cx, i| two(cx, i, HostOp::Sha1rnds4, i.immediate8() & 3)),
    (Mnemonic::Sha256msg1, |cx, i| two(cx, i, HostOp::Sha256msg1, 0)),
    (Mnemonic::Sha256msg2, |cx, i| two(cx, i, HostOp::Sha256msg2, 0)),
    (Mnemonic::Sha256rnds2, sha256rnds2),
];

/// An operation on each 128 bits of two sources.
fn two(cx: &mut Lift<'_, '_>, i: &Instruction, op: HostOp, number: u8) -> Option<()> {
    if !cx.host.has(op) {
        return None;
    }
    by_lane(cx, i, I8X16, |cx, _, a, b| host::run_on_vectors(cx, op, number, &[a, b]).unwrap_or(a))
}

/// AESIMC.
fn aesimc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Aesimc) {
        return None;
    }
    packed_unary(cx, i, I8X16, |cx, v| host::run_on_vectors(cx, HostOp::Aesimc, 0, &[v]).unwrap_or(v))
}

/// AESKEYGENASSIST: the immediate is added to doublewords 1 and 3, which is all that it does.
fn aeskeygenassist(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Aeskeygenassist) {
        return None;
    }
    let imm = cx.iconst(Width::B8, u64::from(i.immediate8()) << 32);
    let v = cx.halves(i, 1, I8X16)?;
    let r = host::run_on_vectors(cx, HostOp::Aeskeygenassist, 0, &[v.low])?;
    let (r, imm) = (cx.cast(r, I64X2), cx.b.ins().splat(I64X2, imm));
    let r = cx.b.ins().bxor(r, imm);
    cx.set_halves(i, Halves::low(r))
}

/// PCLMULQDQ: two bits of the immediate select the quadwords.
fn pclmulqdq(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let imm = i.immediate8();
    two(cx, i, HostOp::Pclmulqdq, imm & 1 | imm >> 3 & 2)
}

/// SHA256RNDS2: XMM0 is the third source.
fn sha256rnds2(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Sha256rnds2) {
        return None;
    }
    let b = cx.halves(i, 1, I8X16)?;
    let a = cx.halves(i, 0, I8X16)?;
    let words = cx.xmm(0, I8X16);
    let r = host::run_on_vectors(cx, HostOp::Sha256rnds2, 0, &[words, a.low, b.low])?;
    cx.set_halves(i, Halves::low(r))
}
