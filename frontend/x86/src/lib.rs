//! What an x86 machine is, without running it: addresses, widths, registers, processor state, flags, faults, CPU models and decoding.
//!
//! Both the interpreter and the lifter stand on this crate and on nothing that they share besides, so that one stays an oracle for the other.
//! Semantics of instructions are *not* here; the only computation is what defines the state: materialising lazy flags ([`Flags`]) and CPUID ([`CpuModel`]).

#![forbid(unsafe_code)]

mod addr;
mod decode;
mod fault;
mod flags;
mod model;
mod reg;
mod segment;
mod state;
mod width;
pub mod xstate;

pub use addr::GuestAddr;
pub use decode::{Block, CodeFetch, Flow, Insns, MAX_INSN_LEN, decode_block, decode_one, flow};
pub use fault::{Exit, Fault, Gate};
pub use flags::{CcKind, CcOp, Cond, Flags, bits};
pub use model::{CpuModel, CpuidLeaf, Feature, UnknownCpuModel};
pub use reg::{Gpr, Mode, Seg};
pub use segment::SegCache;
pub use state::{CpuState, Vec512, X87, X87Reg};
pub use width::Width;
