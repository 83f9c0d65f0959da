//! What is no program, or a broken one: the kernel's error or a clear one of ours, never a panic, never a hang.
//!
//! The host's own kernel is the oracle, so these tests need an x86-64 host.
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(20);

const TINY: [&[u8]; 2] = [include_bytes!("../../tests/guest/tiny/hello.bin"), include_bytes!("../../tests/guest/tiny/cat.bin")];

/// What came of starting a file.
#[derive(Debug, PartialEq)]
enum End {
    /// The kernel refused with this errno.
    Refused(i32),
    Exit(i32),
    Signal(i32),
    Hang,
}

struct Seen {
    end: End,
    stdout: Vec<u8>,
    stderr: String,
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("forklift-bad-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn write(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Runs a command to its end, or kills it.
fn run(mut c: Command) -> Seen {
    c.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match c.spawn() {
        Ok(child) => child,
        Err(e) => return Seen { end: End::Refused(e.raw_os_error().unwrap_or(0)), stdout: vec![], stderr: String::new() },
    };
    let start = Instant::now();
    let mut hang = false;
    while child.try_wait().unwrap().is_none() {
        hang = start.elapsed() > LIMIT;
        if hang {
            // SAFETY: the process group that was made for the child, which has not been waited for.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            break;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let end = match status.signal() {
        _ if hang => End::Hang,
        Some(s) => End::Signal(s),
        None => End::Exit(status.code().unwrap_or(-1)),
    };
    Seen { end, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
}

fn natively(path: &Path) -> Seen {
    run(Command::new(path))
}

fn translated(path: &Path) -> Seen {
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
    c.args(["run", "--no-cache"]).arg(path);
    run(c)
}

/// What is wrong with forklift's answer, if anything.
fn judge(path: &Path) -> Option<String> {
    let (native, ours) = (natively(path), translated(path));
    let clear = ours.stderr.starts_with("forklift: ") && !ours.stderr.contains("panicked");
    let fine = match native.end {
        End::Refused(errno) => ours.end == End::Exit(if errno == libc::ENOENT { 127 } else { 126 }) && clear,
        _ if ours.end == native.end && ours.stdout == native.stdout => true,
        // The kernel kills what it began to load and could not.
        End::Signal(_) => clear && matches!(ours.end, End::Exit(126 | 127)),
        _ => false,
    };
    (!fine).then(|| format!("{}: natively {:?}, under forklift {:?}: {}", path.display(), native.end, ours.end, ours.stderr))
}

fn judge_all(paths: impl IntoIterator<Item = PathBuf>) {
    let wrong: Vec<_> = paths.into_iter().filter_map(|p| judge(&p)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The header of a program of 64 bits that exits with 3, and its code.
fn tiny64() -> Vec<u8> {
    let code = [0x6a, 3, 0x5f, 0x6a, 60, 0x58, 0x0f, 0x05];
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend((0x40_0000u64 + 120).to_le_bytes());
    elf.extend(64u64.to_le_bytes());
    elf.extend([0; 12]);
    elf.extend([64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for v in [0u64, 0x40_0000, 0x40_0000, 120 + code.len() as u64, 120 + code.len() as u64, 0x1000] {
        elf.extend(v.to_le_bytes());
    }
    elf.extend(code);
    elf
}

#[test]
fn mutated_programs() {
    let dir = scratch("mutated");
    let originals = [TINY[0].to_vec(), TINY[1].to_vec(), tiny64()];
    let interesting = [0u8, 1, 2, 3, 4, 5, 7, 0x10, 0x20, 0x38, 0x40, 0x7f, 0x80, 0xf0, 0xff];
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let paths = (0..210).map(|i| {
        let mut elf = originals[i % 3].clone();
        let headers = if i % 3 == 2 { 120 } else { 76 };
        for _ in 0..1 + next(3) {
            let at = next(headers);
            elf[at] = interesting[next(interesting.len())];
        }
        if next(8) == 0 {
            elf.truncate(next(elf.len()));
        }
        write(&dir, &format!("mutant-{i}"), &elf, 0o755)
    });
    judge_all(paths.collect::<Vec<_>>());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn no_program_at_all() {
    let dir = scratch("none");
    let directory = dir.join("directory");
    fs::create_dir(&directory).unwrap();
    judge_all([
        dir.join("missing"),
        directory,
        write(&dir, "not-executable", TINY[0], 0o644),
        write(&dir, "interpreter-missing", b"#!/no/such/interpreter\necho hi\n", 0o755),
        write(&dir, "interpreter-empty", b"#!\necho hi\n", 0o755),
        write(&dir, "interpreter-is-a-directory", b"#!/usr\n", 0o755),
        write(&dir, "script", b"#!/bin/sh\necho hi\nexit 4\n", 0o755),
        write(&dir, "through-a-file", b"text", 0o755).join("x"),
    ]);
    // execve gives ENOEXEC for these; that a shell would run them as scripts is the shell's own idea.
    judge_all([write(&dir, "empty", b"", 0o755), write(&dir, "text", b"echo hi\n", 0o755), write(&dir, "magic", b"\x7fELF", 0o755)]);
    let me = dir.join("loop");
    judge_all([write(&dir, "loop", format!("#!{}\n", me.display()).as_bytes(), 0o755)]);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn absurd_sizes() {
    let dir = scratch("absurd");
    // Offsets of p_offset, p_vaddr, p_filesz, p_memsz, p_align in a program of 64 bits.
    let fields = [("offset", 72), ("vaddr", 80), ("filesz", 96), ("memsz", 104), ("align", 112)];
    let values = [0u64, 1, 0xfff, 0x1000, 1 << 31, 1 << 46, 1 << 47, i64::MAX as u64, 1 << 63, u64::MAX - 0xfff, u64::MAX];
    let paths = fields.into_iter().flat_map(|(name, at)| {
        let dir = dir.clone();
        values.into_iter().map(move |v| {
            let mut elf = tiny64();
            elf[at..at + 8].copy_from_slice(&v.to_le_bytes());
            write(&dir, &format!("{name}-{v:x}"), &elf, 0o755)
        })
    });
    judge_all(paths.collect::<Vec<_>>());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_originals_run() {
    let dir = scratch("originals");
    let tiny = write(&dir, "tiny64", &tiny64(), 0o755);
    assert_eq!(translated(&tiny).end, End::Exit(3));
    let hello = write(&dir, "hello", TINY[0], 0o755);
    assert_eq!(translated(&hello).stdout, b"hello, world\n");
    fs::remove_dir_all(dir).unwrap();
}
