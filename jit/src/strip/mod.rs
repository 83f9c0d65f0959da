//! Taking the frame out of a compiled block.
//!
//! Cranelift's tail calls want frame pointers, so a compiled block begins with a prologue (set up a frame, make room for spills, save callee-saved
//! registers) and undoes it before each tail call. Between blocks that is pure waste: a store and a load that forms a chain of seven cycles per block, more
//! with saves. As all blocks run in one frame that `host::enter` made, whole prologues and epilogues go: a block is entered behind its prologue, and the
//! jump of an exit moves to the start of its epilogue, the "hole".
//!
//! # Invariants
//! 1. Nothing is assumed about the bytes: the prologue is parsed, the epilogue that must match it computed from it, and an exit whose bytes differ makes the
//!    block [`Unstrippable`]; it is not used. So a later Cranelift costs speed at most.
//! 2. The stack pointer in a block's body is `enter`'s stack pointer, whatever room its prologue would have made; the room of all blocks is
//!    [`FRAME_ROOM`](crate::host::FRAME_ROOM) bytes *above* it, and a block that needs more is unstrippable. Cranelift addresses spills from the stack pointer.
//! 3. The hole of an exit begins where the epilogue did, which is one instruction for Cranelift: no label lies inside.
//! 4. A compiled function has as many exits as its IR has tail calls. If fewer are recognised, the block is unstrippable.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as host;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
use aarch64 as host;

pub(crate) use host::{DIRECT, TAIL, fill_direct, fill_tail};

use core::ops::Range;

/// The block's code is not as expected; it can't run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unstrippable;

/// A place for a jump. Unit: offsets in the block's code.
pub(crate) type Hole = Range<usize>;

/// What the prologue was.
pub(crate) struct Frame {
    /// Where the body begins. Unit: offset in the block's code.
    pub entry: usize,
    /// The bytes that undo the prologue.
    epilogue: Vec<u8>,
}

impl Frame {
    /// Parses the prologue of `code`.
    pub(crate) fn parse(code: &[u8]) -> Result<Self, Unstrippable> {
        host::parse(code).ok_or(Unstrippable)
    }

    /// The hole of the direct exit whose relocation is at `reloc`.
    pub(crate) fn direct(&self, code: &[u8], reloc: usize) -> Result<Hole, Unstrippable> {
        self.hole(code, host::direct_jump(code, reloc).ok_or(Unstrippable)?)
    }

    /// The hole of the indirect exit that ends at `end`; `None` if what ends there is a call of another kind.
    pub(crate) fn tail(&self, code: &[u8], end: usize) -> Option<Hole> {
        self.hole(code, host::indirect_jump(code, end)?).ok()
    }

    /// `jump` with the epilogue before it.
    fn hole(&self, code: &[u8], jump: Range<usize>) -> Result<Hole, Unstrippable> {
        let start = jump.start.checked_sub(self.epilogue.len()).filter(|s| *s >= self.entry).ok_or(Unstrippable)?;
        (code[start..jump.start] == self.epilogue[..]).then_some(start..jump.end).ok_or(Unstrippable)
    }
}
