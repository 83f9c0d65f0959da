//! From a block's key to the IR of its function.

use std::rc::Rc;

use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types::I64};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use forklift_x86::GuestAddr;

use crate::cx::{Lift, Seen};
use crate::live::Lookahead;
use crate::region::{Region, region};
use crate::{BlockKey, Faults, HostCpu, LiftEnv, LiftError, Lifted, PARAM_REGS};

/// The signature of all lifted blocks and of their exits.
pub fn signature() -> Signature {
    let mut sig = Signature::new(CallConv::Tail);
    sig.params.extend(PARAM_REGS.map(|_| AbiParam::new(I64)));
    sig
}

/// Lifts blocks; keeps its allocations from one to the next.
pub struct Lifter {
    builder: FunctionBuilderContext,
    host: HostCpu,
}

impl Lifter {
    /// A new one, for this CPU.
    pub fn new(host: HostCpu) -> Self {
        Self { builder: FunctionBuilderContext::new(), host }
    }

    /// Builds the function of the block `key` into `func`, which must be empty.
    pub fn lift(
        &mut self,
        func: &mut Function,
        target: TargetFrontendConfig,
        key: BlockKey,
        faults: Faults,
        env: &mut dyn LiftEnv,
    ) -> Result<Lifted, LiftError> {
        let mut lookahead = Lookahead::new(faults != Faults::Lost);
        let region = Rc::new(region(env, key, &mut lookahead)?);
        let seen =
            if region.has_headers() { Some(self.probe(target, key, if faults == Faults::Stored { faults } else { Faults::Lost }, env, &region)) } else { None };
        func.signature = signature();
        let mut cx = Lift::new(FunctionBuilder::new(func, &mut self.builder), key, env, self.host, Rc::clone(&region));
        if key.checked {
            check_source(&mut cx, region.nodes[0].range());
        }
        cx.start(seen, faults);
        let lifted = cx.finish(target);
        let pcs = region.insns().map(|i| GuestAddr::new(i.ip())).collect();
        let ranges = region.ranges().chain(lookahead.into_ranges()).chain(lifted.ranges).collect();
        Ok(Lifted { pcs, ranges, insns: region.insns().count(), faults, ..lifted })
    }

    /// Finds out what headers have to carry.
    fn probe(&mut self, target: TargetFrontendConfig, key: BlockKey, faults: Faults, env: &mut dyn LiftEnv, region: &Rc<Region>) -> Seen {
        let mut scratch = Function::with_name_signature(UserFuncName::default(), signature());
        let mut cx = Lift::new(FunctionBuilder::new(&mut scratch, &mut self.builder), key, env, self.host, Rc::clone(region));
        cx.start(None, faults);
        let seen = cx.seen();
        cx.finish(target);
        seen
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
