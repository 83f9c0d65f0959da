//! Guest code to Cranelift IR: straight ways and loops of basic blocks.
//!
//! [`Lifter::lift`] decodes a region and builds the function for it; [`contract`] says what such a function expects and promises.
//! Compiling and running it is *not* here, nor is anything about Linux. Instructions that are not lifted become calls of [`Helper::Step`].

#![forbid(unsafe_code)]

pub mod aligned;
mod contract;
mod cx;
mod lifter;
mod live;
mod ops;
mod region;
mod state;

pub use contract::{
    BlockKey, COMPARE_STRINGS_SIZE, CompareStrings, EXIT_NAMESPACE, Faults, GROUP, GUARD, HELPERS, Helper, HostOp, LOAD_BARRIER, LiftEnv, LiftError, Lifted,
    LiftedExit, Needs, RepString, STORE_BARRIER, TOKEN_NAMESPACE, TRAP_ALIGNED, TRAP_MEMORY, Token, WINDOW_SLACK, X87,
};
pub use lifter::{Lifter, signature};
pub use ops::{HostCpu, lifted_mnemonics};
pub use state::{INDIRECT_ENTRIES, IndirectEntry, JitState, PARAM_REGS, offset};
