//! The reference interpreter: tier 0 of the translator, single step, and the oracle of every fuzzer.
//!
//! Instructions are decoded once into [`Op`]s: a pointer to one plain semantic function, instantiated for operand width and form, and its operands.
//! [`Interp`] keeps blocks of them and runs them. Semantics are written from the manual and never shared with the lifter.
//! What lies outside the CPU comes through one trait, [`Memory`].

#![forbid(unsafe_code)]

mod build;
mod exec;
pub mod f80;
mod flat;
mod float;
mod fuse;
mod int;
mod memory;
mod op;
mod ops;
mod place;
mod run;
mod segmented;
#[cfg(test)]
mod testing;
mod vector;

pub use build::{compile_op, is_interpreted};
pub use exec::Exec;
pub use flat::{FlatMemory, Perm};
pub use int::{Int, Prim};
pub use memory::{Descriptor, MemFault, Memory};
pub use op::{Op, RunFn, Step};
pub use run::{Interp, MAX_BLOCK, Stop, run_op};
