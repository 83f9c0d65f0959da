//! Comparisons of strings in vectors. SDM vol. 1, 5.11.1.
//!
//! On x86-64 hosts the host's own instruction does it; PCMPISTRM and the forms with explicit lengths are left to the interpreter.

use cranelift_codegen::ir::{
    AbiParam, InstBuilder, Signature, Value,
    types::{I8X16, I32, I64},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{CcKind, Gpr, Width};
use iced_x86::{Instruction, Mnemonic};

use super::VectorOps;
use crate::cx::{Lazy, Lift, xmm_number};
use crate::{COMPARE_STRINGS_SIZE, Helper};

pub(super) const OPS: VectorOps = &[(Mnemonic::Pcmpistri, Mnemonic::Vpcmpistri, pcmpistri)];

/// PCMPISTRI: ECX = the index that the immediate asks for; memory need not be aligned.
fn pcmpistri(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.sse42 {
        return None;
    }
    let b = cx.low_operand(i, 1, I8X16)?;
    let a = cx.xmm(xmm_number(i.op0_register())?, I8X16);
    let r = compare(cx, a, b, i.immediate8());
    let index = cx.zext(r, I32);
    cx.set_reg32(Gpr::Rcx, index);
    let flags = cx.b.ins().ushr_imm_u(r, 32);
    let flags = cx.zext(flags, I32);
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, flags));
    Some(())
}

fn compare(cx: &mut Lift<'_, '_>, a: Value, b: Value, imm: u8) -> Value {
    let mut sig = Signature::new(CallConv::SystemV);
    sig.params.extend([AbiParam::new(I8X16); 2]);
    sig.returns.push(AbiParam::new(I64));
    let sig = cx.b.import_signature(sig);
    let table = cx.helper_address(Helper::CompareStrings);
    let f = cx.b.ins().iadd_imm_s(table, (usize::from(imm & 0x7f) * COMPARE_STRINGS_SIZE) as i64);
    let call = cx.b.ins().call_indirect(sig, f, &[a, b]);
    cx.b.inst_results(call)[0]
}
