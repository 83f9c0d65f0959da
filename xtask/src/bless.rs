//! Rewriting blessed outputs: the tests that compare them write them instead when `FORKLIFT_BLESS` is set.

use crate::TaskResult;
use crate::run::{cargo, command, run};

/// Runs the tests that own blessed files with `FORKLIFT_BLESS=1`, and shows what changed.
pub fn bless() -> TaskResult {
    run(cargo(&["test", "--workspace", "--", "blessed"]).env("FORKLIFT_BLESS", "1"))?;
    run(&mut command("git", &["status", "--short", "--", "tests"]))
}
