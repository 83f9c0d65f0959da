//! Generators and oracles for differential testing: the same code from the same state through the interpreter, the JIT and the real CPU.
//!
//! [`machine`] is what they have in common, [`oracle`] holds them, [`generate`] makes random code, [`forms`] a case of every form,
//! [`cases`] reads and checks the case files of `tests/insn`, [`drive`] runs campaigns of all that, [`vectors`]
//! keeps what a CPU did for hosts that have none.

pub mod batch;
pub mod cases;
pub mod drive;
pub mod forms;
pub mod generate;
pub mod judge;
pub mod machine;
pub mod oracle;
pub mod vectors;

pub use machine::{End, Input, NoAnswer, Oracle, Output};
