//! Guest basic blocks to Cranelift IR.
//!
//! [`Lifter::lift`] decodes a block and builds the function for it; [`contract`] says what such a function expects and promises.
//! Compiling and running it is *not* here, nor is anything about Linux. Instructions that are not lifted become calls of [`Helper::Step`].

#![forbid(unsafe_code)]

pub mod contract;
mod cx;
mod lifter;
mod live;
mod ops;
mod state;
mod trace;

pub use contract::{
    BlockKey, COMPARE_STRINGS_SIZE, EXIT_NAMESPACE, HELPERS, Helper, HostOp, LiftEnv, LiftError, Lifted, LiftedExit, TOKEN_NAMESPACE, TRAP_MEMORY, Token,
    WINDOW_SLACK, X87,
};
pub use lifter::{Lifter, signature};
pub use ops::{host_features, lifted_mnemonics};
pub use state::{INDIRECT_ENTRIES, IndirectEntry, JitState, PARAM_REGS, offset};
