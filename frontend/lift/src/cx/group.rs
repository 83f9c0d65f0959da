//! Accesses to guest memory that store nothing before them.
//!
//! If an access may fault, the state from before its instruction must be had. Elsewhere it is stored before the access ([`Lift::guard`]). Here it is kept alive
//! in host registers until behind the access, by a branch that is never taken, the *guard*: it leads to the *pad*, which stores that state and leaves to
//! have the instruction interpreted. Whoever compiles the region overwrites the branch and makes a fault of the access go on at the pad; see [`contract`].
//!
//! Accesses that can be done again share a guard: they are a *group*. It begins with an instruction's first access, and the state is the one before that
//! instruction. It ends behind the first store (but on the stack), and before anything that stores to the state, calls, or branches.
//!
//! [`contract`]: crate::contract

use cranelift_codegen::ir::{BlockArg, InstBuilder, SourceLoc, condcodes::IntCC};
use forklift_x86::GuestAddr;

use super::{Access, Known, Lift};
use crate::LiftedExit;
use crate::contract::{GROUP, GUARD};

/// Most accesses of a group.
const MOST: u32 = 4;

/// A group that has begun.
pub(super) struct Group {
    id: u32,
    /// Address of the instruction that it begins with.
    at: GuestAddr,
    /// What was known before that.
    before: Box<Known>,
    accesses: u32,
    loaded: bool,
    /// Nothing may be added.
    full: bool,
}

impl Lift<'_, '_> {
    /// Before an access of the current instruction.
    pub(super) fn join_group(&mut self, access: Access) {
        if self.group.as_ref().is_some_and(|g| g.full) {
            self.close_group();
        }
        if self.group.is_none() {
            let (id, before) = (self.groups.len() as u32, Box::new(self.known.clone()));
            self.groups.push(self.index);
            self.group = Some(Group { id, at: self.graph.address(self.index), before, accesses: 0, loaded: false, full: false });
        }
        let Some(g) = &mut self.group else { return };
        g.accesses += 1;
        match access {
            Access::Load => g.loaded = true,
            Access::StackStore if !g.loaded => {}
            _ => g.full = true,
        }
        self.b.set_srcloc(SourceLoc::new(GROUP | g.id));
    }

    /// Behind an instruction: whether the next one may add to the group.
    pub(super) fn may_add(&self) -> bool {
        self.group.as_ref().is_some_and(|g| !g.full && g.accesses < MOST)
    }

    /// Before anything that the guest or anybody else may see, or that leads elsewhere: looks at results that were put off, and ends the group, if there is one.
    pub fn close_group(&mut self) {
        self.settle();
        self.end_group();
    }

    /// Ends the group, if there is one.
    pub(super) fn end_group(&mut self) {
        let Some(g) = self.group.take() else { return };
        let (pad, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(pad);
        self.b.set_srcloc(SourceLoc::new(GUARD | g.id));
        let never = self.b.ins().icmp_imm_s(IntCC::Equal, self.state, 0);
        self.b.ins().brif(never, pad, &[] as &[BlockArg], next, &[] as &[BlockArg]);
        self.b.set_srcloc(SourceLoc::new(0));
        self.b.switch_to_block(pad);
        let now = core::mem::replace(&mut self.known, *g.before);
        self.sync();
        self.leave_complete(LiftedExit::Step(g.at));
        self.closed = false;
        self.known = now;
        self.b.switch_to_block(next);
    }
}
