//! Generators and oracles for differential testing: the same code from the same state through the interpreter, the JIT and the real CPU.
//!
//! [`machine`] is what they have in common, [`oracle`] holds them, [`generate`] makes random code, [`cases`] reads and checks the case files of `tests/insn`.

pub mod cases;
pub mod generate;
pub mod machine;
pub mod oracle;

pub use machine::{End, Input, NoAnswer, Oracle, Output};
