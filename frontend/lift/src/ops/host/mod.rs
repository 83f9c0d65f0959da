//! What the lifter must know of the host beyond Cranelift's IR: which instructions it has, and where its floating point is not x86's.

mod cpu;
mod float;
mod truncated;

pub use cpu::HostCpu;
pub(crate) use float::sum_of_lanes;
pub(super) use float::{Small, choose, chosen, scaled, settled};
pub(super) use truncated::truncated;

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Type, Value, types::I8X16};
use cranelift_codegen::isa::CallConv;

use crate::cx::Lift;
use crate::{Helper, HostOp};

/// How stubs are called, which change nothing but their result's register. Cranelift's verifier, which debug builds run, allows no result with `PreserveAll`.
const PRESERVING: CallConv = if cfg!(debug_assertions) { CallConv::SystemV } else { CallConv::PreserveAll };

/// Has the host run the instruction `op`, or one of those behind it, on values of type `ty`. `None` if it hasn't got it.
pub(super) fn run(cx: &mut Lift<'_, '_>, op: HostOp, number: u8, ty: Type, args: &[Value]) -> Option<Value> {
    if !cx.host.has(op) {
        return None;
    }
    let mut sig = Signature::new(PRESERVING);
    sig.params.extend(args.iter().map(|_| AbiParam::new(ty)));
    sig.returns.push(AbiParam::new(ty));
    let sig = cx.b.import_signature(sig);
    let args: Vec<Value> = args.iter().map(|v| cx.cast(*v, ty)).collect();
    let table = cx.helper_address(Helper::HostOp);
    let f = cx.b.ins().iadd_imm_s(table, ((op as usize + usize::from(number)) * HostOp::SIZE) as i64);
    let call = cx.b.ins().call_indirect(sig, f, &args);
    Some(cx.b.inst_results(call)[0])
}

/// The same on vectors.
pub(super) fn run_on_vectors(cx: &mut Lift<'_, '_>, op: HostOp, number: u8, args: &[Value]) -> Option<Value> {
    run(cx, op, number, I8X16, args)
}
