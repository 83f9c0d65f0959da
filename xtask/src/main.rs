//! Project tasks, run as `cargo xtask TASK`: tests, dependency rules, blessing, the aarch64 leg, releases.

mod aarch64;
mod bench;
mod bless;
mod deps;
mod dist;
mod fuzz;
mod order;
mod packages;
mod run;
mod test;
mod userland;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK

  test      every check and test; installs what it needs (Debian, as root) or names it
  deps      the dependency rules between crates, and who may use unsafe code
  bless     rewrite the blessed outputs under tests/; review the diff
  aarch64 setup|build|test|vectors|run ARGS
            the other host, under an emulator; setup takes 0.9 GB in ~/.cache/forklift-aarch64; vectors replays what a CPU did
  aarch64 bench [--peers box64,qemu] [--filter NAME]
            instructions that guests take there, counted by an emulator that it builds first, into benches/results
  bench [--peers qemu,PATH] [--filter NAME] [--reps N] [--options OPTIONS]
            processor time and size of guests natively, under forklift and under peers, into benches/results
  fuzz [--seconds N] [--cases N] [--seed S] [--oracle jit|cpu|both] [--filter MNEMONIC] [--mode 32|64|both] [--save DIR]
            random code through interpreter, JIT and this machine's CPU: docs/testing.md
  fuzz --record FILE | --replay FILE [--every N]
            what the CPU does with some cases of every form
  dist      tarballs for both hosts with checksums, into target/dist
  order     what every start runs, for the linker: rewrites runtime/start.ld
  packages  install the packages that tests need, or name them
";

/// A task's result: an error is a message for the terminal.
type TaskResult = Result<(), String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["test", ..] => test::test(&args[1..]),
        ["bench", ..] => bench::bench(&args[1..]),
        ["fuzz", ..] => fuzz::fuzz(&args[1..]),
        ["deps"] => deps::check(),
        ["dist"] => dist::dist(),
        ["bless"] => bless::bless(),
        ["aarch64", "setup"] => aarch64::setup(),
        ["aarch64", "build"] => aarch64::build(),
        ["aarch64", "vectors"] => aarch64::vectors(),
        ["aarch64", "test"] => aarch64::test().and_then(|(passed, failed)| {
            println!("\n{passed} passed, {failed} failed");
            if failed == 0 { Ok(()) } else { Err("the aarch64 host differs".to_owned()) }
        }),
        ["aarch64", "bench", ..] => aarch64::bench(&args[2..]),
        ["aarch64", "run", ..] => aarch64::run_one(&args[2..]),
        ["order"] => order::order(),
        ["packages"] => packages::install(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: of the checkout that cargo runs this in, which needn't be the one it was built in if they share a target directory.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
