//! Builds the fuzzer and runs it.

use crate::run::{cargo, command, run};
use crate::{TaskResult, target};

/// Passes `args` on to it.
pub fn fuzz(args: &[&str]) -> TaskResult {
    // Built for the whole workspace, whose choice of features all builds share.
    run(&mut cargo(&["build", "--quiet", "--release", "--workspace", "--bin", "forklift-fuzz"]))?;
    let fuzzer = target().join("release/forklift-fuzz").display().to_string();
    run(&mut command(&fuzzer, args))
}
