//! Builds the fuzzer and runs it.

use crate::run::{cargo, run};
use crate::{TaskResult, root};

/// Passes `args` on to it.
pub fn fuzz(args: &[&str]) -> TaskResult {
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "forklift-fuzz", "--bin", "forklift-fuzz"]))?;
    run(std::process::Command::new(root().join("target/release/forklift-fuzz")).args(args))
}
