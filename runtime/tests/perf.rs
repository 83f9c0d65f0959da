//! `--perf`: what perf(1) is told has the guest's names, of direct and of lifted code, and bad arguments are said to be.
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOURCE: &str = "\
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) int hot_function(int n) { int s = 0; for (int i = 0; i < n; i++) s = s * 3 + i; return s; }
int main(int argc, char **argv) {
    int s = 0;
    for (int i = 0; i < 5000; i++) s += hot_function(i % 50);
    if (argc > 1 && fork() == 0) return (hot_function(s) & 1) + 1;
    printf(\"%d\\n\", s);
    return argc > 1 && wait(&s) < 0;
}
";

/// The guest, built for `bits`.
fn guest(dir: &Path, bits: u32) -> PathBuf {
    let (source, program) = (dir.join("hot.c"), dir.join(format!("hot.{bits}")));
    fs::create_dir_all(dir).unwrap();
    fs::write(&source, SOURCE).unwrap();
    let built = Command::new("gcc").args(["-O1", "-static", &format!("-m{bits}"), "-o"]).arg(&program).arg(&source).status().unwrap();
    assert!(built.success());
    program
}

fn temp(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("forklift-perf-{}-{name}", std::process::id()))
}

/// Runs the guest, and gives its number and what it left.
fn run(kind: &str, jit: &str, program: &Path, args: &[&str]) -> (u32, Output) {
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
    c.args(["run", "--no-cache", "--perf", kind]).arg(program).args(args).env("FORKLIFT_JIT", jit);
    let child = c.stdout(std::process::Stdio::piped()).spawn().unwrap();
    (child.id(), child.wait_with_output().unwrap())
}

/// Address, length and name in each line of a map.
fn entries(map: &str) -> Vec<(u64, u64, String)> {
    let number = |s: &str| u64::from_str_radix(s, 16).unwrap();
    let entry = |l: &str| {
        let mut parts = l.splitn(3, ' ');
        let mut next = || parts.next().unwrap().to_owned();
        (number(&next()), number(&next()), next())
    };
    map.lines().map(entry).collect()
}

#[test]
fn a_map_with_the_guests_names() {
    let dir = temp("map");
    for (bits, jit) in [(64, ""), (64, "direct=off,hot=1"), (32, ""), (32, "direct=off,hot=1")] {
        let (pid, out) = run("map", jit, &guest(&dir, bits), &[]);
        assert!(out.status.success(), "{out:?}");
        let path = format!("/tmp/perf-{pid}.map");
        let map = entries(&fs::read_to_string(&path).unwrap());
        fs::remove_file(&path).unwrap();
        for name in ["main", "hot_function", "forklift: Leave"] {
            assert!(map.iter().any(|e| e.2 == name), "{bits} {jit}: no {name}");
        }
        assert!(map.iter().any(|e| e.2.starts_with("main+0x")), "{bits} {jit}");
        // Nothing lies where something else does.
        let mut places: Vec<_> = map.iter().map(|e| (e.0, e.0 + e.1)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|w| w[0].1 <= w[1].0), "{bits} {jit}");
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn names_of_libraries() {
    let (pid, out) = run("map", "", Path::new("/bin/true"), &[]);
    assert!(out.status.success());
    let path = format!("/tmp/perf-{pid}.map");
    let map = entries(&fs::read_to_string(&path).unwrap());
    fs::remove_file(&path).unwrap();
    // Debian's C library has no symbol table but the dynamic linker's, the program none at all.
    assert!(map.iter().any(|e| e.2.starts_with("__libc_start_main")) && map.iter().any(|e| e.2.starts_with("true+0x")), "{map:?}");
}

/// A number of `N` bytes at `at`.
fn number<const N: usize>(b: &[u8], at: usize) -> u64 {
    b[at..at + N].iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))
}

/// Checks a jitdump of the process `pid`; the names in it.
fn jitdump(pid: u32) -> Vec<String> {
    let path = format!("/tmp/jit-{pid}.dump");
    let b = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let words: Vec<u64> = (0..6).map(|n| number::<4>(&b, 4 * n)).collect();
    assert_eq!(words, [0x4a69_5444, 1, 40, 62, 0, pid.into()]);
    let (mut at, mut names) = (40, Vec::new());
    while at < b.len() {
        let (kind, size) = (number::<4>(&b, at), number::<4>(&b, at + 4) as usize);
        let r = &b[at..at + size];
        let name = r[56..].split(|&c| c == 0).next().unwrap();
        let code = number::<8>(r, 40) as usize;
        assert_eq!((kind, number::<4>(r, 16), size), (0, pid.into(), 56 + name.len() + 1 + code));
        assert_eq!(number::<8>(r, 24), number::<8>(r, 32));
        names.push(String::from_utf8(name.to_vec()).unwrap());
        at += size;
    }
    names
}

#[test]
fn a_jitdump_for_each_process() {
    let dir = temp("jitdump");
    let before: Vec<_> = dumps();
    let (pid, out) = run("jitdump", "", &guest(&dir, 64), &["fork"]);
    assert!(out.status.success(), "{out:?}");
    let names = jitdump(pid);
    assert!(names.iter().any(|n| n == "main") && names.iter().any(|n| n == "hot_function"), "{names:?}");
    // What the child found translated is in its parent's.
    let child = dumps().into_iter().find(|p| !before.contains(p)).unwrap();
    assert!(jitdump(child).iter().any(|n| n.starts_with("main+0x")));
    fs::remove_dir_all(&dir).unwrap();
}

/// The processes whose jitdumps there are.
fn dumps() -> Vec<u32> {
    let name = |e: fs::DirEntry| e.file_name().to_str()?.strip_prefix("jit-")?.strip_suffix(".dump")?.parse().ok();
    fs::read_dir("/tmp").unwrap().filter_map(|e| name(e.unwrap())).collect()
}

#[test]
fn bad_arguments() {
    let said = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_forklift")).arg("run").args(args).arg("/bin/true").output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (status, text) = said(&["--perf", "maps"]);
    assert!(status == Some(2) && text.contains("'maps'") && text.contains("map, jitdump"), "{text}");
    let (status, text) = said(&["--perf", "map", "--interp"]);
    assert!(status == Some(2) && text.contains("--interp"), "{text}");
}
