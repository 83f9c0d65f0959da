//! Builds forklift and the harness in `benches`, and runs it.

use crate::run::{cargo, run};
use crate::{TaskResult, root, target};

/// Passes `args` on to the harness.
pub fn bench(args: &[&str]) -> TaskResult {
    let root = root();
    let at = |path: &str| root.join(path).display().to_string();
    run(&mut cargo(&["build", "--release", "--workspace", "--bins"]))?;
    let target = target().display().to_string();
    run(std::process::Command::new(format!("{target}/release/forklift-bench"))
        // The persistent cache is on, as for users, but not theirs: the first run fills it.
        .env("XDG_CACHE_HOME", format!("{target}/bench/cache"))
        .args(["--forklift", &format!("{target}/release/forklift"), "--work", &format!("{target}/bench")])
        .args(["--results", &at("benches/results"), "--sources", &at("benches/guest")])
        .args(args))
}
