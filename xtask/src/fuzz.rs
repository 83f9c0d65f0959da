//! Builds the fuzzer and runs it.

use crate::TaskResult;
use crate::run::{cargo, run};

/// Passes `args` on to it.
pub fn fuzz(args: &[&str]) -> TaskResult {
    run(cargo(&["run", "--quiet", "--release", "--package", "forklift-fuzz", "--bin", "forklift-fuzz", "--"]).args(args))
}
