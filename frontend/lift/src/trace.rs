//! Which instructions a block is made of: a basic block, and what follows it on the straight way.
//!
//! The way goes on behind a direct jump forward and behind a conditional branch forward that isn't taken, which then has a side exit. A branch backward is
//! the end of a loop: what is behind it runs once, and is left to a block of its own.

use forklift_x86::{Block, Flow, GuestAddr, decode_block, flow};
use iced_x86::{Instruction, InstructionInfoFactory, OpAccess};

use crate::contract::Fetch;
use crate::{BlockKey, LiftEnv, LiftError};

/// Longest block. Unit: guest instructions.
const MAX_INSNS: usize = 32;

/// Most basic blocks in one.
const MAX_PARTS: usize = 4;

/// How far a part may lie behind the start. Unit: bytes.
const REACH: u64 = 1 << 20;

/// The instructions of a block, in the order in which they run.
pub(crate) struct Trace {
    pub insns: Vec<Instruction>,
    /// The code that they come from, the part at the start first.
    pub ranges: Vec<(GuestAddr, GuestAddr)>,
    /// Where control goes behind the last one, if it doesn't branch.
    pub end: GuestAddr,
}

/// Decodes the block `key`.
pub(crate) fn trace(env: &mut dyn LiftEnv, key: BlockKey) -> Result<Trace, LiftError> {
    let mut first = decode_block(&mut Fetch(env), key.start, key.mode, MAX_INSNS).map_err(LiftError::Fetch)?;
    if key.checked {
        cut_behind_store(&mut first);
    }
    let mut next = if key.checked { None } else { goes_on(&first) };
    let mut t = Trace { ranges: vec![(first.start, first.end)], end: first.end, insns: first.insns };
    while let Some(at) = next.filter(|at| t.may_add(*at)) {
        let Ok(more) = decode_block(&mut Fetch(env), at, key.mode, MAX_INSNS - t.insns.len()) else { break };
        next = goes_on(&more);
        t.ranges.push((more.start, more.end));
        t.end = more.end;
        t.insns.extend(more.insns);
    }
    Ok(t)
}

/// Ends a checked block behind its first store, which may change what follows.
fn cut_behind_store(block: &mut Block) {
    let mut info = InstructionInfoFactory::new();
    let stores = |a: OpAccess| !matches!(a, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess);
    let first = block.insns.iter().position(|i| info.info(i).used_memory().iter().any(|m| stores(m.access())));
    if let Some(last) = first.filter(|n| n + 1 < block.insns.len()) {
        block.insns.truncate(last + 1);
        block.end = GuestAddr::new(block.insns[last].next_ip());
    }
}

impl Trace {
    /// Whether the last instruction may branch back to the first.
    pub fn is_loop(&self) -> bool {
        let start = self.ranges[0].0;
        self.insns.last().is_some_and(|i| flow(i) == Flow::Branch(start))
    }

    fn may_add(&self, at: GuestAddr) -> bool {
        let ahead = at.get().wrapping_sub(self.ranges[0].0.get());
        let new = self.ranges.iter().all(|(start, end)| !(start.get()..end.get()).contains(&at.get()));
        ahead < REACH && new && self.ranges.len() < MAX_PARTS && self.insns.len() < MAX_INSNS
    }
}

/// Where the way goes on behind `b`.
fn goes_on(b: &Block) -> Option<GuestAddr> {
    let ip = b.insns.last()?.ip();
    match b.flow() {
        Flow::Jump(t) => Some(t),
        Flow::Branch(t) if t.get() > ip => Some(b.end),
        Flow::Barrier if b.insns.last()?.is_string_instruction() => Some(b.end),
        _ => None,
    }
}
