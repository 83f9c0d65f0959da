//! `--strace`: the lines for a program that makes calls of all kinds, of both ABIs, are those of tests/strace/calls.txt. A line there that begins with `32 ` or `64 `
//! is for that ABI only; an address of the program is written `ADDR`, the number of a process or user `ID`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The program of either ABI uses the same files.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/strace").join(name)
}

/// The trace without thread numbers and addresses, between the two calls of close(-7).
fn trace(abi: &str) -> Vec<String> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (program, log) = (dir.join(format!("strace-calls.{abi}")), dir.join(format!("strace-calls.{abi}.log")));
    let built = Command::new("gcc").arg(format!("-m{abi}")).args(["-O1", "-w", "-static", "-o"]).arg(&program).arg(source("calls.c")).status();
    assert!(built.expect("gcc").success());
    // A trace is appended to its file, as those of programs that are executed are.
    let _ = std::fs::remove_file(&log);
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
    let ran = c.args(["run", "--no-cache"]).arg(format!("--strace={}", log.display())).arg(&program).status().expect("forklift");
    assert!(ran.success(), "{ran}");
    let text = std::fs::read_to_string(log).expect("the trace");
    let lines = text.lines().map(|l| without_ids(&without_addresses(l.split_once(' ').map_or(l, |p| p.1))));
    lines.skip_while(|l| !l.starts_with("close(-7)")).skip(1).take_while(|l| !l.starts_with("close(-7)")).collect()
}

/// Replaces numbers of six and more hexadecimal digits that aren't flags' bits.
fn without_addresses(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("0x") {
        let end = rest[at + 2..].find(|c: char| !c.is_ascii_hexdigit()).map_or(rest.len(), |n| at + 2 + n);
        let is_flag = rest[..at].ends_with('|');
        out.push_str(&rest[..at]);
        out.push_str(if end - at - 2 >= 6 && !is_flag { "ADDR" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// Replaces the numbers of processes and users in a siginfo.
fn without_ids(line: &str) -> String {
    let without = |line: &str, name: &str| match line.split_once(name) {
        Some((before, after)) => format!("{before}{name}ID{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => line.to_owned(),
    };
    without(&without(line, "si_pid="), "si_uid=")
}

fn expected(abi: &str) -> Vec<String> {
    let text = std::fs::read_to_string(source("calls.txt")).expect("tests/strace/calls.txt");
    let other = if abi == "32" { "64 " } else { "32 " };
    let lines = text.lines().filter(|l| !l.starts_with(other));
    lines.map(|l| l.strip_prefix(abi).and_then(|l| l.strip_prefix(' ')).unwrap_or(l).to_owned()).collect()
}

fn compare(abi: &str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (ours, should) = (trace(abi), expected(abi));
    for (a, b) in ours.iter().zip(&should) {
        assert_eq!(a, b);
    }
    assert_eq!(ours.len(), should.len());
}

#[test]
fn x86_64() {
    compare("64");
}

#[test]
fn i386() {
    compare("32");
}
