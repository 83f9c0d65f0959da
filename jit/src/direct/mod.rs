//! Guest code of x86-64 on a host of x86-64: the host runs the very instructions of the guest.
//!
//! Direct code is to a guest what its own code is to the CPU, but for what must not be the guest's: r11, which points to the state, control transfers, and the few
//! instructions that the interpreter does (see `policy`). The guest's registers, flags, MXCSR and vectors are the host's; its FS base is the host's GS base. So there is
//! nothing to lift and to compile: translating an instruction takes a fraction of a microsecond, and running it as long as natively.
//!
//! | module | what it knows |
//! |---|---|
//! | `policy` | which instructions are copied |
//! | `rewrite` | those that are not quite: r11, `rip`, FS |
//! | `translate` | from guest addresses to a block |
//! | `marks` | from a place in a block to the guest's state |
//! | `asm` | entering and leaving |
//! | `place` | blocks and landings into the arena |
//! | `run` | the dispatch loop, faults, kicks |
//! | `image` | the blocks of an earlier process, mapped |
//! | `keep` | an image of the blocks that there are |
//!
//! Blocks, exits, links and invalidation are those of the rest of the crate, but for two things:
//! * An indirect branch looks into a table of one host address for each value of the target's low 16 bits, behind the state of its thread. What it finds is a *landing*, which
//!   compares the whole address. A landing is a block by itself, that ends in a direct exit; so it stays when the block behind it dies.
//! * A kick needs no unlinking: whatever the interrupted place, its mark tells the state (see `marks`), and the thread leaves at once.

mod asm;
mod emit;
mod encode;
mod image;
mod keep;
mod marks;
mod narrow;
mod place;
mod policy;
mod rewrite;
mod run;
mod translate;

use core::mem::size_of;

use forklift_lift::JitState;

pub(crate) use asm::{leave, miss};
pub use image::Piece;
pub use keep::{Image, Keep};
pub(crate) use place::Direct;
pub(crate) use run::{Pending, entry, gs_base, run, set_gs_base};

/// Where the table of indirect branches lies, from the state. Unit: bytes.
pub(crate) const TABLE: usize = 4096;
/// Entries of the table.
pub(crate) const TABLE_ENTRIES: usize = 1 << 16;

const _: () = assert!(size_of::<JitState>() <= TABLE);

/// Whether this host can run guests of x86-64 so.
pub(crate) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx")
}
