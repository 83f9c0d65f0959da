//! Comparisons of strings in vectors, by the host's own instructions; without those, by the interpreter. SDM vol. 1, 5.11.1.

use cranelift_codegen::ir::{
    AbiParam, Inst, InstBuilder, Signature, Value,
    types::{I8X16, I32, I64},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{CcKind, Gpr, Width};
use iced_x86::{Instruction, Mnemonic};

use super::VectorOps;
use crate::cx::{Lazy, Lift, xmm_number};
use crate::{COMPARE_STRINGS_SIZE, CompareStrings, Helper};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Pcmpistri, Mnemonic::Vpcmpistri, |cx, i| index(cx, i, CompareStrings::ImplicitIndex, None)),
    (Mnemonic::Pcmpistrm, Mnemonic::Vpcmpistrm, |cx, i| mask(cx, i, CompareStrings::ImplicitMask, None)),
    (Mnemonic::Pcmpestri, Mnemonic::Vpcmpestri, |cx, i| index(cx, i, CompareStrings::ExplicitIndex, Some(Width::B4))),
    (Mnemonic::Pcmpestri64, Mnemonic::Vpcmpestri64, |cx, i| index(cx, i, CompareStrings::ExplicitIndex, Some(Width::B8))),
    (Mnemonic::Pcmpestrm, Mnemonic::Vpcmpestrm, |cx, i| mask(cx, i, CompareStrings::ExplicitMask, Some(Width::B4))),
    (Mnemonic::Pcmpestrm64, Mnemonic::Vpcmpestrm64, |cx, i| mask(cx, i, CompareStrings::ExplicitMask, Some(Width::B8))),
];

/// PCMPxSTRI: ECX = the index that the immediate asks for. `lengths`: the width of the registers that hold them.
fn index(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CompareStrings, lengths: Option<Width>) -> Option<()> {
    let call = compare(cx, i, kind, lengths)?;
    let r = cx.b.inst_results(call)[0];
    let index = cx.zext(r, I32);
    cx.set_reg32(Gpr::Rcx, index);
    let flags = cx.b.ins().ushr_imm_u(r, 32);
    set_flags(cx, flags);
    Some(())
}

/// PCMPxSTRM: XMM0 = the mask.
fn mask(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CompareStrings, lengths: Option<Width>) -> Option<()> {
    let call = compare(cx, i, kind, lengths)?;
    let [flags, mask] = *cx.b.inst_results(call) else { return None };
    cx.set_xmm(0, mask);
    cx.extend(i, 0);
    set_flags(cx, flags);
    Some(())
}

fn set_flags(cx: &mut Lift<'_, '_>, v: Value) {
    let v = cx.zext(v, I32);
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, v));
}

/// Calls the function; memory need not be aligned.
fn compare(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CompareStrings, lengths: Option<Width>) -> Option<Inst> {
    if !cx.host.sse42 {
        return None;
    }
    let b = cx.low_operand(i, 1, I8X16)?;
    let a = cx.xmm(xmm_number(i.op0_register())?, I8X16);
    let mut args = vec![a, b];
    if let Some(w) = lengths {
        for r in [Gpr::Rax, Gpr::Rdx] {
            let v = cx.reg(r, w);
            args.push(cx.sext(v, I64));
        }
    }
    let mut sig = Signature::new(CallConv::SystemV);
    sig.params.extend(args.iter().map(|v| AbiParam::new(cx.type_of(*v))));
    sig.returns.push(AbiParam::new(I64));
    if matches!(kind, CompareStrings::ImplicitMask | CompareStrings::ExplicitMask) {
        sig.returns.push(AbiParam::new(I8X16));
    }
    let sig = cx.b.import_signature(sig);
    let table = cx.helper_address(Helper::CompareStrings);
    let f = cx.b.ins().iadd_imm_s(table, (kind.stub(i.immediate8()) * COMPARE_STRINGS_SIZE) as i64);
    Some(cx.b.ins().call_indirect(sig, f, &args))
}
