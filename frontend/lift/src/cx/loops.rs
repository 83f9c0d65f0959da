//! Blocks that branch back to their own start: loops within one function.
//!
//! Such a block is lifted twice. The first time is a probe: it shows what a round reads that was there before it. Then the block is lifted for real, with a
//! header that has these values as parameters; so they stay in host registers from round to round, and need no loads. They are stored as at an exit: at
//! the header, memory has the state, as at the start of any block.
//!
//! The way back is no exit, so a kick or an invalidation can't unlink it: it looks at `interrupt` in the state, and leaves by an exit to the start if that is set.

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types::I32};
use forklift_x86::GuestAddr;

use super::regs::CarriedReg;
use super::vec::CarriedXmm;
use super::{FlagState, Lift};
use crate::offset;

/// What a loop carries from one round to the next.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    regs: Vec<CarriedReg>,
    xmms: Vec<CarriedXmm>,
    uses_mem_base: bool,
}

/// How a branch back to the start is lifted.
#[derive(Default)]
pub(super) enum Looping {
    /// As any other.
    #[default]
    No,
    /// As any other, but the state before it is noted.
    Probe(Option<Shape>),
    /// As a jump to the header.
    Header(Block, Shape),
}

impl Lift<'_, '_> {
    /// From here on, notes what a loop would have to carry.
    pub fn probe(&mut self) {
        self.looping = Looping::Probe(None);
    }

    /// What was noted.
    pub fn take_shape(&mut self) -> Option<Shape> {
        match core::mem::take(&mut self.looping) {
            Looping::Probe(shape) => shape,
            _ => None,
        }
    }

    /// Starts the loop, at the very beginning of the block.
    pub fn start_loop(&mut self, shape: Shape) {
        let args = self.carried(&shape);
        if shape.uses_mem_base {
            self.mem_base();
        }
        let header = self.b.create_block();
        self.jump(header, &args);
        self.b.switch_to_block(header);
        let params: Vec<Value> = args.iter().map(|a| self.b.append_block_param(header, self.b.func.dfg.value_type(*a))).collect();
        for (c, v) in shape.regs.iter().zip(&params) {
            self.set_carried_reg(*c, *v);
        }
        for (c, v) in shape.xmms.iter().zip(&params[shape.regs.len()..]) {
            self.set_carried_xmm(*c, *v);
        }
        self.known.flags = FlagState::MEMORY;
        self.looping = Looping::Header(header, shape);
    }

    fn carried(&mut self, shape: &Shape) -> Vec<Value> {
        let mut values: Vec<Value> = shape.regs.iter().map(|c| self.carried_reg(*c)).collect();
        values.extend(shape.xmms.iter().map(|c| self.carried_xmm(*c)));
        values
    }

    fn jump(&mut self, to: Block, args: &[Value]) {
        let args: Vec<BlockArg> = args.iter().map(|v| BlockArg::from(*v)).collect();
        self.b.ins().jump(to, args.iter());
    }

    /// The last branch of the block: to `target` if `taken` isn't zero, else to `next`.
    pub fn leave_by_branch(&mut self, taken: Value, target: GuestAddr, next: GuestAddr) {
        if let (true, Looping::Probe(_)) = (target == self.key.start, &self.looping) {
            self.looping = Looping::Probe(Some(self.shape()));
        }
        self.sync_but_flags();
        if let (true, Looping::Header(header, shape)) = (target == self.key.start, &self.looping) {
            let (header, shape) = (*header, shape.clone());
            return self.fork(taken, |cx| cx.go_round(header, &shape), |cx| cx.leave_to(next));
        }
        self.fork(taken, |cx| cx.leave_to(target), |cx| cx.leave_to(next));
    }

    fn shape(&self) -> Shape {
        Shape { regs: self.carried_regs(), xmms: self.carried_xmms(), uses_mem_base: self.known.mem_base.is_some() }
    }

    fn go_round(&mut self, header: Block, shape: &Shape) {
        let start = self.key.start;
        if self.live_at(start) != 0 {
            self.sync_flags();
        }
        let interrupt = self.load_state(I32, offset::INTERRUPT);
        self.side_path(interrupt, |cx| cx.leave_to(start));
        let args = self.carried(shape);
        self.jump(header, &args);
        self.closed = true;
    }
}
