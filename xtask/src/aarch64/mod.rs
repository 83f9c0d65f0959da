//! The other host: forklift built for aarch64, and run by an emulator on an x86-64 machine.

mod bench;
mod setup;
mod tools;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub use bench::bench;
use setup::prefix;
pub use setup::{is_set_up, setup};

use crate::run::{cargo, command, have, output, run};
use crate::{TaskResult, root};

/// The CPUs that are emulated: without atomics of ARMv8.1, with them, and all that the emulator has.
const CPUS: [&str; 3] = ["cortex-a53", "cortex-a76", "max"];
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Where the binary lies. This linker makes static programs of a fixed address, and by default of one that x86-64 guests need: forklift itself must stay above 2^38.
const LINK_HIGH: &str = "link-arg=-Wl,-Ttext-segment=0x5000000000";

/// Builds a static forklift for aarch64.
pub fn build() -> TaskResult {
    build_program("forklift")
}

/// Builds a static program for aarch64, of the package of the same name.
fn build_program(name: &str) -> TaskResult {
    setup()?;
    let bin = prefix().join("bin");
    let args = ["rustc", "--quiet", "--release", "--package", name, "--bin", name, "--target", TARGET, "--", "-C", LINK_HIGH];
    run(cargo(&args)
        .env("RUSTC", bin.join("rustc"))
        .env("CARGO_TARGET_DIR", root().join("target/aarch64"))
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", bin.join("aarch64-linux-gnu-gcc"))
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static"))
}

/// The forklift that `build` makes.
pub fn binary() -> PathBuf {
    program("forklift")
}

fn program(name: &str) -> PathBuf {
    root().join("target/aarch64").join(TARGET).join("release").join(name)
}

/// The program that strips aarch64's binaries.
pub fn strip() -> Command {
    let usr = prefix().join("cross/usr");
    let mut c = command(&usr.join("bin/aarch64-linux-gnu-strip").to_string_lossy(), &[]);
    c.env("LD_LIBRARY_PATH", usr.join("lib/x86_64-linux-gnu"));
    c
}

/// The emulator.
pub fn emulator() -> PathBuf {
    prefix().join("qemu/usr/bin/qemu-aarch64")
}

fn emulated(cpu: &str, name: &str, args: &[&str]) -> Command {
    let mut c = command(&emulator().to_string_lossy(), &["-cpu", cpu]);
    c.arg(program(name)).args(args);
    c
}

/// The forklift that `build` makes, with these arguments.
pub fn emulated_forklift(args: &[String]) -> Command {
    emulated("max", "forklift", &args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs the aarch64 forklift with these arguments.
pub fn run_one(args: &[&str]) -> TaskResult {
    build()?;
    run(&mut emulated("max", "forklift", args))
}

/// The litmus tests of x86's order of accesses, repeated string instructions, and what isn't kept for faults, which have ways of their own here: programs, sources, options.
const PROGRAMS: [(&str, &str, &str); 7] = [
    (LITMUS, "tests/guest/c/litmus.c", "-m64"),
    (REPEAT, "tests/guest/c/repeat.c", "-m64"),
    (REPEAT_32, "tests/guest/c/repeat.c", "-m32"),
    (FAULTS, "tests/guest/c/repeat_faults.c", "-m64"),
    (FAULTS_32, "tests/guest/c/repeat_faults.c", "-m32"),
    (UNSEEN, "tests/guest/c/unseen.c", "-m64"),
    (UNSEEN_32, "tests/guest/c/unseen.c", "-m32"),
];
const LITMUS: &str = "target/aarch64/litmus";
const REPEAT: &str = "target/aarch64/repeat";
const REPEAT_32: &str = "target/aarch64/repeat32";
const FAULTS: &str = "target/aarch64/faults";
const FAULTS_32: &str = "target/aarch64/faults32";
const UNSEEN: &str = "target/aarch64/unseen";
const UNSEEN_32: &str = "target/aarch64/unseen32";

fn build_guests() -> TaskResult {
    PROGRAMS.iter().try_for_each(|(to, from, width)| {
        run(&mut command("gcc", &["-O2", "-w", "-msse2", "-mfpmath=sse", "-static", "-pthread", width, "-o", to, from, "-lm"]))
    })
}

/// Guests that the host runs itself, to compare. They may fork but not exec: the emulator hands that to the host's kernel, which can't run forklift for aarch64.
const GUESTS: &[&[&str]] = &[
    &["tests/guest/tiny/hello.bin"],
    &["tests/guest/tiny/cat.bin", "README.md"],
    &["/bin/busybox", "echo", "through two translators"],
    &["/bin/busybox", "sha256sum", "Cargo.lock"],
    &["/bin/busybox", "sort", "-r", "Cargo.lock"],
    &["/bin/busybox", "awk", "BEGIN { for (i = 1; i < 2000; i++) s += i / 7 * i % 11; printf \"%.9f\\n\", s }"],
    &[LITMUS, "1"],
    &[REPEAT],
    &[REPEAT_32],
    &[FAULTS],
    &[FAULTS_32],
    &[UNSEEN],
    &[UNSEEN_32],
    &["/bin/busybox", "sh", "-c", "for i in 1 2 3; do (echo $((i * i))); done; (exit 3); echo $?"],
];

/// A replay of what a CPU did with some twenty cases of every form.
struct Replay {
    name: &'static str,
    cpu: &'static str,
    oracle: &'static str,
    tier: &'static str,
    /// Of how many cases one is replayed, by the tests and by `vectors`.
    every: [u32; 2],
}

const REPLAYS: [Replay; 4] = [
    Replay { name: "interpreter", cpu: "max", oracle: "cpu", tier: "lifted", every: [7, 3] },
    Replay { name: "jit", cpu: "cortex-a76", oracle: "jit", tier: "lifted", every: [61, 1] },
    Replay { name: "unseen", cpu: "cortex-a76", oracle: "jit", tier: "unseen", every: [61, 3] },
    Replay { name: "ordered", cpu: "cortex-a53", oracle: "jit", tier: "ordered", every: [67, 7] },
];

/// Replays vectors in the emulated fuzzer.
fn replay(r: &Replay, every: u32) -> TaskResult {
    let every = every.to_string();
    run(&mut emulated(r.cpu, "forklift-fuzz", &["--replay", "tests/vectors/x86.bin", "--oracle", r.oracle, "--tier", r.tier, "--every", &every]))
}

/// Builds the fuzzer and replays vectors.
pub fn vectors() -> TaskResult {
    build_program("forklift-fuzz")?;
    REPLAYS.iter().try_for_each(|r| replay(r, r.every[1]))
}

/// Builds, and compares guests under the emulated forklift with native runs. Returns how many agreed and how many did not.
pub fn test() -> Result<(u64, u64), String> {
    build()?;
    build_guests()?;
    let (mut passed, mut failed) = (0, 0);
    for guest in GUESTS {
        executable(guest[0])?;
        let want = output(&mut command(guest[0], &guest[1..]));
        for cpu in CPUS {
            for option in [None, Some("--interp")] {
                let args: Vec<&str> = ["run"].into_iter().chain(option).chain(["--"]).chain(guest.iter().copied()).collect();
                let got = limited(emulated(cpu, "forklift", &args));
                let ok = want.is_some() && got == want;
                println!("test aarch64 {cpu} {} {} ... {}", option.unwrap_or("jit"), guest.join(" "), if ok { "ok" } else { "FAILED" });
                if ok { passed += 1 } else { failed += 1 }
            }
        }
    }
    build_program("forklift-fuzz")?;
    for r in &REPLAYS {
        let ok = replay(r, r.every[0]).is_ok();
        println!("test aarch64 vectors::{} ... {}", r.name, if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    Ok((passed, failed))
}

/// Why the tests can't run here, if they can't.
pub fn missing() -> Option<&'static str> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the host is no x86-64 machine");
    }
    if !(is_set_up() || have("apt-get") && have("dpkg")) {
        return Some("needs Debian's package tools");
    }
    None
}

/// A command that is killed after a minute.
fn limited(c: Command) -> Option<String> {
    let mut t = command("timeout", &["60"]);
    t.arg(c.get_program()).args(c.get_args());
    output(&mut t)
}

/// The blessed images in the repository may have lost their mode.
fn executable(path: &str) -> TaskResult {
    use std::os::unix::fs::PermissionsExt;
    if path.starts_with('/') {
        return Ok(());
    }
    fs::set_permissions(root().join(path), fs::Permissions::from_mode(0o755)).map_err(|e| format!("{path}: {e}"))
}
