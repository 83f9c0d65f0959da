//! Floating-point results that have not been looked at yet.
//!
//! The NaNs of hosts other than x86-64 are not those of x86 (see `ops/host/float.rs`), but they are NaNs, and so is what is computed from them. So a *stretch* of operations is done
//! without a look at each result. Before anything of it can be seen (a store, an exit, a branch, a call), one sum of the results tells whether there is a NaN among them. If so,
//! the block is left by [`LiftedExit::Again`], with the state of before the stretch: nothing has happened since that can't be done again.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Value,
    condcodes::FloatCC,
    types::{F32, F64},
};
use forklift_x86::GuestAddr;

use super::{Known, Lift};
use crate::LiftedExit;
use crate::ops::sum_of_lanes;

/// Operations whose results nobody has seen.
#[derive(Clone)]
pub(super) struct Stretch {
    /// Address of the instruction that it begins with.
    at: GuestAddr,
    /// What was known before that.
    before: Box<Known>,
    /// The results that none of the others was computed from.
    results: Vec<Value>,
}

impl Lift<'_, '_> {
    /// Puts off the look at `r`, which is NaN if one of `operands` is. Before the current instruction has changed anything.
    pub fn put_off(&mut self, r: Value, operands: &[Value]) {
        if self.stretch.is_none() {
            let at = self.graph.address(self.index);
            self.stretch = Some(Stretch { at, before: Box::new(self.known.clone()), results: Vec::new() });
        }
        if let Some(s) = &mut self.stretch {
            s.results.retain(|v| !operands.contains(v));
            s.results.push(r);
        }
    }

    /// Looks at what was put off.
    pub(super) fn settle(&mut self) {
        let Some(s) = self.stretch.take() else { return };
        for ty in [F64, F32] {
            let all: Vec<Value> = s.results.iter().copied().filter(|v| self.type_of(*v).lane_type() == ty).collect();
            self.leave_if_nan(&all, &s);
        }
    }

    fn sum_of(&mut self, all: &[Value]) -> Option<Value> {
        all.iter().copied().reduce(|a, b| self.b.ins().fadd(a, b))
    }

    /// Leaves if there is a NaN among `all`.
    fn leave_if_nan(&mut self, all: &[Value], s: &Stretch) {
        let (vectors, mut scalars): (Vec<Value>, Vec<Value>) = all.iter().partition(|v| self.type_of(**v).is_vector());
        if let Some(sum) = self.sum_of(&vectors) {
            scalars.push(sum_of_lanes(self, sum));
        }
        let Some(sum) = self.sum_of(&scalars) else { return };
        let good = self.b.ins().fcmp(FloatCC::Ordered, sum, sum);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(good, next, &[] as &[BlockArg], cold, &[] as &[BlockArg]);
        self.b.switch_to_block(cold);
        self.on_copy(|cx| {
            cx.known = (*s.before).clone();
            cx.sync();
            cx.leave_complete(LiftedExit::Again(s.at));
        });
        self.b.switch_to_block(next);
    }
}
