//! `cargo xtask test`: every check and test, and a summary as the last line.

use std::process::Command;
use std::time::Instant;

use crate::run::{cargo, lines, run};
use crate::{TaskResult, aarch64, deps, packages, target, userland};

/// What has run so far.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    broken: Vec<String>,
}

/// A step's name, and what it does.
type Step = (&'static str, fn(&mut Tally) -> TaskResult);

/// Runs everything, or the steps named in `only`.
pub fn test(only: &[&str]) -> TaskResult {
    let mut t = Tally::default();
    let steps: &[Step] = &[
        ("packages", |_| packages::install()),
        ("fmt", |_| run(&mut cargo(&["fmt", "--all", "--check"]))),
        ("clippy", |_| run(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
        ("deps", |_| deps::check()),
        ("docs", |_| run(cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings"))),
        ("tests", |t| t.cargo_test(&mut cargo(&["test", "--workspace", "--tests", "--no-fail-fast"]))),
        ("cache", Tally::cache),
        ("userland", Tally::userland),
        ("aarch64", Tally::aarch64),
        ("doc tests", |t| t.cargo_test(&mut cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]))),
    ];
    for (name, step) in steps {
        if only.is_empty() || only.contains(name) {
            t.step(name, *step);
        }
    }
    t.finish()
}

impl Tally {
    /// Runs one step. A step that runs tests counts these; any other counts as one.
    fn step(&mut self, name: &str, step: fn(&mut Self) -> TaskResult) {
        println!("== {name}");
        let (start, before) = (Instant::now(), self.passed + self.failed);
        let result = step(self);
        println!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
        match result {
            Ok(()) if self.passed + self.failed == before => self.passed += 1,
            Ok(()) => {}
            Err(e) => {
                println!("{e}");
                self.failed += u64::from(self.passed + self.failed == before);
                self.broken.push(name.to_owned());
            }
        }
    }

    /// Runs `cargo test` and adds up the summaries of its test programs.
    fn cargo_test(&mut self, c: &mut Command) -> TaskResult {
        let ok = lines(c, |l| {
            println!("{l}");
            self.note(l);
        })?;
        if ok { Ok(()) } else { Err("cargo test failed".to_owned()) }
    }

    /// Guests that fill the persistent cache, and live on it.
    fn cache(&mut self) -> TaskResult {
        let dir = target().join("guest-cache");
        let _ = std::fs::remove_dir_all(&dir);
        for _ in 0..2 {
            self.cargo_test(cargo(&["test", "--package", "forklift", "--test", "guest", "--no-fail-fast", "--", "::jit"]).env("FORKLIFT_GUEST_CACHE", &dir))?;
        }
        Ok(())
    }

    /// The other host.
    fn aarch64(&mut self) -> TaskResult {
        if let Some(reason) = aarch64::missing() {
            self.skipped.push(format!("[{reason}] aarch64"));
            return Ok(());
        }
        let (passed, failed) = aarch64::test()?;
        (self.passed, self.failed) = (self.passed + passed, self.failed + failed);
        if failed == 0 { Ok(()) } else { Err("the aarch64 host differs".to_owned()) }
    }

    /// A root made of downloaded packages.
    fn userland(&mut self) -> TaskResult {
        let o = userland::test()?;
        (self.passed, self.failed) = (self.passed + o.passed, self.failed + o.failed);
        self.skipped.extend(o.skipped);
        if o.failed == 0 { Ok(()) } else { Err("programs in a root differ".to_owned()) }
    }

    fn note(&mut self, line: &str) {
        let number = |before: &str| line.split(before).next().and_then(|l| l.rsplit(' ').next()).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        if line.starts_with("test result: ") {
            self.passed += number(" passed");
            self.failed += number(" failed");
        } else if line.starts_with("test ") && line.contains("... ignored") {
            self.skipped.push(line.trim_start_matches("test ").to_owned());
        }
    }

    fn finish(self) -> TaskResult {
        if !self.skipped.is_empty() {
            println!("\nskipped, with the reason in brackets:");
            self.skipped.iter().for_each(|s| println!("  {s}"));
        }
        if !self.broken.is_empty() {
            println!("\nfailed: {}", self.broken.join(", "));
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.broken.is_empty() { Ok(()) } else { std::process::exit(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_summaries() {
        let mut t = Tally::default();
        t.note("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        t.note("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        t.note("test [needs gawk] gawk ... ignored");
        t.note("test a ... ok");
        assert_eq!((t.passed, t.failed, t.skipped.len()), (15, 2, 1));
    }
}
