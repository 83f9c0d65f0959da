//! From a block's key to the IR of its function.

use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types::I64};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use forklift_x86::{Flow, GuestAddr, flow};
use iced_x86::{Instruction, Mnemonic};

use crate::cx::{Lift, Shape};
use crate::trace::{Trace, trace};
use crate::{BlockKey, LiftEnv, LiftError, Lifted, PARAM_REGS, live};

/// The signature of all lifted blocks and of their exits.
pub fn signature() -> Signature {
    let mut sig = Signature::new(CallConv::Tail);
    sig.params.extend(PARAM_REGS.map(|_| AbiParam::new(I64)));
    sig
}

/// Lifts blocks; keeps its allocations from one to the next.
pub struct Lifter {
    builder: FunctionBuilderContext,
    x87: bool,
}

impl Lifter {
    /// A new one. `x87`: there are [`X87`](crate::X87) stubs.
    pub fn new(x87: bool) -> Self {
        Self { builder: FunctionBuilderContext::new(), x87 }
    }

    /// Builds the function of the block `key` into `func`, which must be empty.
    pub fn lift(&mut self, func: &mut Function, target: TargetFrontendConfig, key: BlockKey, env: &mut dyn LiftEnv) -> Result<Lifted, LiftError> {
        let trace = trace(env, key)?;
        let shape = if key.checked || !trace.is_loop() { None } else { self.probe(target, key, env, &trace) };
        func.signature = signature();
        let mut cx = Lift::new(FunctionBuilder::new(func, &mut self.builder), key, env, self.x87);
        if key.checked {
            check_source(&mut cx, trace.ranges[0]);
        }
        if let Some(shape) = shape {
            cx.start_loop(shape);
        }
        lift_insns(&mut cx, &trace);
        let lifted = cx.finish(target);
        let pcs = trace.insns.iter().map(|i| GuestAddr::new(i.ip())).collect();
        let mut ranges = trace.ranges;
        ranges.extend(&lifted.ranges);
        Ok(Lifted { pcs, ranges, insns: trace.insns.len(), ..lifted })
    }

    /// Finds out what a round of the loop `trace` carries to the next.
    fn probe(&mut self, target: TargetFrontendConfig, key: BlockKey, env: &mut dyn LiftEnv, trace: &Trace) -> Option<Shape> {
        let mut scratch = Function::with_name_signature(UserFuncName::default(), signature());
        let mut cx = Lift::new(FunctionBuilder::new(&mut scratch, &mut self.builder), key, env, self.x87);
        cx.probe();
        lift_insns(&mut cx, trace);
        let shape = cx.take_shape();
        cx.finish(target);
        shape
    }
}

/// Compares the block's bytes in memory with what they are now.
fn check_source(cx: &mut Lift<'_, '_>, (start, end): (GuestAddr, GuestAddr)) {
    let mut bytes = vec![0; end.get().wrapping_sub(start.get()) as usize];
    let have = cx.fetch(start, &mut bytes);
    let mut at = 0;
    for chunk in [8, 4, 2, 1] {
        while have - at >= chunk {
            let mut word = [0; 8];
            word[..chunk].copy_from_slice(&bytes[at..at + chunk]);
            cx.check_bytes(start.wrapping_add(at as u64), chunk, u64::from_le_bytes(word));
            at += chunk;
        }
    }
}

fn lift_insns(cx: &mut Lift<'_, '_>, trace: &Trace) {
    let live = liveness(cx, trace);
    let last = trace.insns.len() - 1;
    cx.scalar = trace.insns.iter().any(computes_scalar);
    for (n, (i, live)) in trace.insns.iter().zip(live).enumerate() {
        (cx.live, cx.last) = (live, n == last);
        cx.insn(n as u32, i);
        if cx.is_closed() {
            return;
        }
    }
    cx.leave_to(trace.end);
}

fn computes_scalar(i: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(i.mnemonic(), M::Addsd | M::Subsd | M::Mulsd | M::Divsd | M::Sqrtsd | M::Cvtsi2sd | M::Cvtss2sd | M::Ucomisd | M::Comisd)
        || matches!(i.mnemonic(), M::Vaddsd | M::Vsubsd | M::Vmulsd | M::Vdivsd | M::Vsqrtsd | M::Vcvtsi2sd | M::Vcvtss2sd | M::Vucomisd | M::Vcomisd)
}

/// The flags that are live behind each instruction.
fn liveness(cx: &mut Lift<'_, '_>, trace: &Trace) -> Vec<u32> {
    let mut live = vec![0; trace.insns.len()];
    let mut behind = trace.insns.last().map_or(0, |i| cx.live_behind(i));
    let mut after = None;
    for (i, slot) in trace.insns.iter().zip(&mut live).rev() {
        if let (Flow::Branch(t), Some(_)) = (flow(i), after) {
            behind |= cx.live_at(t);
        }
        after = Some(i);
        *slot = behind;
        behind = live::before(i, behind);
    }
    live
}
