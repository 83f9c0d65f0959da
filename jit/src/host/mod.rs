//! Machine code that we write ourselves: entering and leaving emitted code, helpers' thunks, exit stubs, patched jumps. One sibling per architecture, all
//! with the same names.
//!
//! # The frame
//! Blocks run without a frame of their own (see `strip`): `enter` makes one frame, of [`FRAME_ROOM`] bytes below the host's stack pointer, in which every
//! block keeps its spills, and which every block leaves as it found it. So the stack pointer and the frame pointer are the same at every block's entry,
//! exit and faulting access, and `leave` can be jumped to from any of them.
//!
//! # Entering against kicks
//! A signal may come between the last look at [`JitState::interrupt`] and the jump into the block. If the handler finds the pc among these few
//! instructions, it sends the thread to `leave`: nothing of the block has run yet.
//!
//! # Leaving
//! Every exit has a stub of [`STUB`] bytes: load the number of the exit, jump to `leave`. `leave` returns it as the result of `enter`, together with the
//! target register of indirect jumps ([`Left::target`]), for exits of kind `Tail`. The stubs of indirect branches that missed jump to `lookup`, which
//! looks into the second table for `cpu.rip` and goes to the block that it finds; else it is as `leave`. A kick that comes in between makes it leave.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(not(target_arch = "x86_64"))]
mod no_x87;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use no_x87::*;

use forklift_lift::JitState;
use forklift_x86::Cond;

/// Stack that blocks may use for spills. Unit: bytes. Straight ways use up to about 300.
pub(crate) const FRAME_ROOM: u32 = 3840;

/// Where an exit's stub goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Out of emitted code.
    Leave = 0,
    /// To the block at `cpu.rip`, if the second table of indirect branches has it.
    Lookup = 1,
    /// Out of emitted code, with the registers of [`PARAM_REGS`](forklift_lift::PARAM_REGS) on the way to a block.
    Save = 2,
    /// Out of direct code.
    #[cfg(target_arch = "x86_64")]
    DirectLeave = 3,
    /// Out of direct code, from an indirect branch.
    #[cfg(target_arch = "x86_64")]
    DirectMiss = 4,
}

impl Way {
    /// All of them, in order.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const ALL: &[Self] = &[Self::Leave, Self::Lookup, Self::Save, Self::DirectLeave, Self::DirectMiss];
    /// All of them, in order.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) const ALL: &[Self] = &[Self::Leave, Self::Lookup, Self::Save];
}

/// Size of a trampoline, by which stubs reach a [`Way`]. Unit: bytes.
pub(crate) const TRAMPOLINE: usize = 16;

/// Room for an exit's stub. Unit: bytes.
pub(crate) const STUB: usize = 16;

/// What `enter` returns for an exit that is no stub's: a kick was pending before anything ran.
pub(crate) const LEFT_INTERRUPTED: u32 = u32::MAX;

/// What `enter` returns when a fault handler sent the thread to `leave`.
pub(crate) const LEFT_FAULT: u32 = u32::MAX - 1;

/// How emitted code was left.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Left {
    /// Number of the exit, or `LEFT_…`.
    pub exit: u64,
    /// What the register that indirect jumps go through held.
    pub target: u64,
}

/// `Helper::Status`.
extern "C" fn status(state: &JitState) -> u64 {
    u64::from(state.cpu.flags.status())
}

/// `Helper::Cond`.
extern "C" fn cond(state: &JitState, cond: u64) -> u64 {
    u64::from(state.cpu.flags.cond(Cond::ALL[(cond & 15) as usize]))
}
