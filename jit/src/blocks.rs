//! What is known about blocks and exits, and the way from a host address to them.
//!
//! Both lists only grow until a flush, in the order of addresses in the arena, so a binary search finds the block of a pc, in a signal handler too.

use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

use forklift_x86::GuestAddr;

use crate::region::Log;

/// No block, no exit.
pub(crate) const NONE: u32 = u32::MAX;

/// Most blocks and most exits at a time. Address space, not memory; an arena of 128 MiB holds about as many.
const MAX_BLOCKS: u32 = 1 << 19;
const MAX_EXITS: u32 = 1 << 21;
const MAX_MARKS: u32 = 1 << 24;

/// A piece of emitted code. Without padding, so that it can be kept as bytes.
#[repr(C)]
pub(crate) struct Block {
    /// Guest address of its first instruction.
    pub pc: u64,
    /// Length of its source. Unit: bytes.
    pub guest_len: u32,
    /// Where its code begins. Unit: offset in the arena.
    pub code: u32,
    /// Length of the code. Unit: bytes.
    pub len: u32,
    /// Where the code is entered. Unit: offset in the arena.
    pub entry: u32,
    /// Its table of [`Trap`]s. Unit: offset in the arena; in direct code, index into `Blocks::traps`.
    pub traps: u32,
    /// How many traps it has.
    pub trap_count: u32,
    /// Its first exit; the others follow.
    pub first_exit: u32,
    /// How many exits it has.
    pub exit_count: u32,
    /// The first exit of the list of those linked to this block.
    pub incoming: AtomicU32,
    /// Not 0 once the block must not be entered or linked to any more.
    pub dead: AtomicU32,
}

impl Block {
    /// Whether the block must not be used any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst) != 0
    }

    /// The guest address `offset` bytes behind the first one, or before it.
    pub(crate) fn guest(&self, offset: u32) -> GuestAddr {
        GuestAddr::new(self.pc.wrapping_add_signed(i64::from(offset as i32)))
    }
}

/// An instruction that may fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Trap {
    /// Where it lies. Unit: offset in the block's code.
    pub code: u32,
    /// Which guest instruction it belongs to. Unit: offset from the block's first one, modulo 2^32.
    pub guest: u32,
    /// Where control goes on, if not 0 or [`LOST`]: see `guard`. Unit: offset in the block's code.
    pub pad: u32,
}

/// In [`Trap::pad`]: the state is lost; see [`Faults::Lost`](forklift_lift::Faults::Lost).
pub(crate) const LOST: u32 = u32::MAX;

/// Where an exit leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "direct code's"))]
pub(crate) enum ExitKind {
    /// To the guest address `Exit::target`.
    Direct,
    /// To the address in `cpu.rip`. In direct code, `Exit::target` is the branch itself, and `Exit::link` what undoes its change of the stack pointer.
    Indirect,
    /// To the interpreter, for one instruction at `Exit::target`.
    Step,
    /// The same, and the block is to be made for NaNs.
    Again,
    /// In direct code: to the interpreter, for the call at `Exit::target`, which goes to the address in `cpu.rip`.
    Call,
    /// In direct code: to the caller, behind the SYSCALL at `Exit::target`.
    Syscall,
    /// To the caller; `cpu.rip` is right.
    Dispatch,
    /// To the caller, at the block's start; the block is stale.
    Stale,
    /// To the caller, from direct code that wants the guest's x87 registers in the host's unit; `Exit::link` is where it goes on, an offset in the arena.
    X87,
    /// The indirect jump itself, disarmed: to the block in the jump's register.
    Tail,
}

/// A way out of a block. Without padding, as a block.
#[repr(C)]
pub(crate) struct Exit {
    /// Guest address where it leads (`Direct`, `Step`).
    pub target: u64,
    /// Whose exit it is.
    pub block: u32,
    /// See [`ExitKind`].
    pub kind: ExitKind,
    /// What is patched (`Direct`, `Tail`). Unit: offset in the arena.
    pub site: u32,
    /// The block that it was linked to last, or [`NONE`]. Its jump may go to the stub all the same: see `chain`.
    pub link: AtomicU32,
    /// The next exit in the list of those linked to the same block.
    pub next: AtomicU32,
    /// 0.
    pub reserved: u32,
}

/// All blocks and exits.
pub(crate) struct Blocks {
    /// Sorted by `code`.
    pub blocks: Log<Block>,
    /// Grouped by block.
    pub exits: Log<Exit>,
    /// The marks of direct code, grouped by block; other blocks have theirs in the arena.
    pub traps: Log<Trap>,
}

impl Blocks {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { blocks: Log::new(MAX_BLOCKS)?, exits: Log::new(MAX_EXITS)?, traps: Log::new(MAX_MARKS)? })
    }

    /// The block whose code contains the offset `at` of the arena.
    pub(crate) fn find(&self, at: u32) -> Option<(u32, &Block)> {
        let id = self.blocks.partition_point(|b| b.code <= at).checked_sub(1)?;
        self.blocks.get(id).filter(|b| at - b.code < b.len).map(|b| (id, b))
    }

    /// The marks of `b`, a block of direct code.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn traps_of<'a>(&'a self, b: &Block) -> impl Iterator<Item = &'a Trap> + use<'a> {
        self.traps.range(b.traps, b.trap_count).map(|(_, t)| t)
    }

    /// The exits of `b`.
    pub(crate) fn exits_of<'a>(&'a self, b: &Block) -> impl Iterator<Item = (u32, &'a Exit)> {
        self.exits.range(b.first_exit, b.exit_count)
    }
}
