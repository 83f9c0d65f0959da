//! Lifted blocks to running code: compiling, keeping, linking, running and throwing away host code.
//!
//! [`Jit`] belongs to a guest process and is shared by its threads; a [`Thread`] is one guest thread's place in it. The caller, a runtime,
//! decides what is worth compiling ([`Jit::compile`]), interprets what is not, and calls [`Thread::run`], which runs emitted code for as long as there
//! is any to go on with. System calls, signals' frames and guest memory are *not* here, nor is any interpretation.
//!
//! | module | what it knows |
//! |---|---|
//! | `isa` | Cranelift's options and the host's features |
//! | `compile` | from a block's key to bytes, exits and trap table |
//! | [`barriers`] | aarch64: narrower barriers than Cranelift's |
//! | `strip` | how to take the frame out of a compiled block |
//! | `stored` | blocks as bytes, for another run of the program |
//! | `arena` | where code lies, and its two growing ends |
//! | `blocks` | what is known about each block and each exit; host address → block |
//! | `map`, `table` | guest address → block, for us and for emitted code |
//! | `chain` | linking exits, unlinking them, the kick |
//! | `invalidate` | which blocks depend on which guest bytes |
//! | `direct` | guest code that runs as it is, on hosts of the same architecture |
//! | [`debug`] | dumps, perf |
//! | `thread` | the dispatch loop, entering and leaving |
//! | `host` | machine code that we write ourselves; one sibling per architecture |
//!
//! Locks, in order: `Jit::compiler` (held while a block is made, linked or thrown away), then `Jit::threads`. Nothing that a signal handler calls takes
//! one, and a thread in [`Thread::run`] never waits for one.

mod arena;
pub mod barriers;
mod blocks;
mod chain;
mod compile;
pub mod debug;
#[cfg(target_arch = "x86_64")]
mod direct;
mod guard;
mod host;
mod invalidate;
mod isa;
mod jit;
mod map;
mod region;
mod stats;
mod stored;
mod strip;
mod table;
#[cfg(test)]
mod tests;
mod thread;

pub use compile::CompileError;
#[cfg(target_arch = "x86_64")]
pub use direct::{Image, Keep, Piece};
pub use isa::{FLAGS, fingerprint};
pub use jit::{Config, ForkGuard, HostFault, How, Jit};
pub use stats::Stats;
pub use stored::{InstallEnv, Recorder, record_address};
pub use thread::{JitExit, Thread};
