//! A root made of this system's mirror by `forklift root`, and programs that run in it: the one test that needs a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::command;
use crate::target;

const PACKAGES: &str = "bash,coreutils,python3-minimal";

/// Programs in the root, and what they print anywhere.
const PROGRAMS: &[(&[&str], &str)] = &[
    (&["bash", "-c", "echo $((6 * 7)) \"${BASH_VERSION%%.*}\""], "42 5\n"),
    (&["sh", "-c", "printf abc | sha256sum"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n"),
    (&["sh", "-c", "seq 5 | sort -r | tr '\\n' ' '; which sort"], "5 4 3 2 1 /usr/bin/sort\n"),
    (&["awk", "BEGIN { print 1 / 4, length(\"forklift\") }"], "0.25 8\n"),
    (&["python3", "-c", "print(sum(i * i for i in range(1000)), 2 ** 100)"], "332833500 1267650600228229401496703205376\n"),
    (&["python3", "-c", "import os, sys; print(os.path.exists('/usr/share/doc/mawk'), sys.version_info[0])"], "True 3\n"),
];

/// What came of it.
pub enum Outcome {
    /// How many programs did what they should, and how many did not.
    Ran(u64, u64),
    /// Why there is no root.
    Skipped(String),
}

/// Makes the root with the debug build of forklift, and runs the programs.
pub fn test() -> Result<Outcome, String> {
    let root = target().join("tmp/userland-root");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(target().join("tmp")).map_err(|e| e.to_string())?;
    let name = root.to_string_lossy().into_owned();
    let out = forklift(&["root", "create", &name, "--no-essential", "--packages", PACKAGES]).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    if !out.status.success() {
        // Also a mirror in the middle of an update.
        let unreachable = ["root: no mirror for", "root: http", "can't be checked"].iter().any(|w| said.contains(w));
        return if unreachable { Ok(Outcome::Skipped(said)) } else { Err(said) };
    }
    let (mut passed, mut failed) = (0, 0);
    for (program, want) in PROGRAMS {
        let ok = prints(&root, program, want)?;
        println!("test userland {} ... {}", program.join(" "), if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    let _ = fs::remove_dir_all(&root);
    Ok(Outcome::Ran(passed, failed))
}

fn prints(root: &Path, program: &[&str], want: &str) -> Result<bool, String> {
    let run = forklift(&["run", "--root"]);
    let mut limited = command("timeout", &["120"]);
    let out = limited.arg(run.get_program()).args(run.get_args()).arg(root).args(program).output().map_err(|e| e.to_string())?;
    let ok = out.stdout == want.as_bytes() && out.status.success();
    if !ok {
        println!("{:?}: {}{}", out.status, String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    }
    Ok(ok)
}

fn forklift(args: &[&str]) -> Command {
    command(&target().join("debug/forklift").to_string_lossy(), args)
}
