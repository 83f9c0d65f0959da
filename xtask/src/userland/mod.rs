//! A root made of this system's mirror by `forklift root`, and programs that run in it: the one test that needs a network.
//!
//! On x86-64 hosts, what they print is compared with what they print natively: under this host's forklift, and under that for aarch64 by an emulator, which hands
//! execve(2) to the kernel. A program that executes none is run natively by the root's own dynamic linker.

mod programs;
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::run::{cargo, command, run};
use crate::{aarch64, root as workspace, target};
use programs::{ALONE, EXECUTING, KNOWN};
use sandbox::Sandbox;

const PACKAGES: &str = "bash,busybox,coreutils,gcc,libc6-dev,openssl,python3,sqlite3";
/// Of the root.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// How much work scripts do, as their headers have it for emulators.
const WORK: &str = "100";
/// How long a command may take. Unit: seconds.
const LIMIT: &str = "120";

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    pub passed: u64,
    pub failed: u64,
    /// What was not done, with the reason in brackets before it.
    pub skipped: Vec<String>,
}

/// Makes the root with the debug build of forklift, and runs the programs.
pub fn test() -> Result<Outcome, String> {
    run(&mut cargo(&["build", "--quiet", "--package", "forklift"]))?;
    let place = Place::new()?;
    let mut o = Outcome::default();
    if let Some(reason) = place.make_root()? {
        o.skipped.push(format!("[{reason}] userland"));
        return Ok(o);
    }
    for (program, want) in KNOWN {
        let out = place.run(place.native_forklift(program))?;
        o.check("known", program, &out, want.as_bytes(), Some(0));
    }
    if cfg!(target_arch = "x86_64") {
        compare(&place, &mut o)?;
    } else {
        o.skipped.push("[the host is no x86-64 machine] userland: programs compared with native runs".to_owned());
    }
    let _ = fs::remove_dir_all(&place.0);
    Ok(o)
}

/// Natively, under this host's forklift, and under the emulated one.
fn compare(place: &Place, o: &mut Outcome) -> Result<(), String> {
    let emulated = aarch64::missing();
    match emulated {
        Some(reason) => o.skipped.push(format!("[{reason}] userland aarch64")),
        None => aarch64::build()?,
    }
    let system = Sandbox::as_system(&place.root(), &place.made("system")?, &place.work());
    let kernel = if emulated.is_none() { Sandbox::registered(&aarch64::binary(), &aarch64::emulator()) } else { Err(String::new()) };
    let commands = ALONE.iter().map(|c| (c, false)).chain(EXECUTING.iter().map(|c| (c, true)));
    for (program, executes) in commands {
        let native = match &system {
            _ if !executes => place.by_linker(program),
            Ok(system) => system.command(command(program[0], &program[1..])),
            Err(reason) => {
                o.skipped.push(format!("[needs a root as the system: {reason}] userland {}", shown(program)));
                continue;
            }
        };
        let want = place.run(native)?;
        o.check("x86_64", program, &place.run(place.native_forklift(program))?, &want.stdout, want.status.code());
        if emulated.is_some() {
            continue;
        }
        let other = aarch64::emulated_forklift(&place.arguments(program));
        let other = match &kernel {
            _ if !executes => other,
            Ok(kernel) => kernel.command(other),
            Err(reason) => {
                o.skipped.push(format!("[needs binfmt_misc: {reason}] userland aarch64 {}", shown(program)));
                continue;
            }
        };
        o.check("aarch64", program, &place.run(other)?, &want.stdout, want.status.code());
    }
    Ok(())
}

impl Outcome {
    fn check(&mut self, host: &str, program: &[&str], got: &Output, want: &[u8], status: Option<i32>) {
        let ok = got.stdout == want && got.status.code() == status;
        println!("test userland {host} {} ... {}", shown(program), if ok { "ok" } else { "FAILED" });
        if ok {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        println!("{}, not {status:?}\n{}", got.status, String::from_utf8_lossy(&got.stderr));
        println!("--- printed\n{}\n--- instead of\n{}", String::from_utf8_lossy(&got.stdout), String::from_utf8_lossy(want));
    }
}

/// A command line on one line, not too long.
fn shown(program: &[&str]) -> String {
    let line = program.join(" ").replace('\n', "; ");
    if line.chars().count() > 100 { line.chars().take(99).chain(['…']).collect() } else { line }
}

/// The directory with the root and all else.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self, String> {
        let dir = target().join("tmp/userland");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).and_then(|()| fs::canonicalize(&dir)).map(Self).map_err(|e| format!("{}: {e}", dir.display()))
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Where programs start.
    fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    fn made(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.0.join(name);
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// Returns why there is none, if the mirror can't be reached.
    fn make_root(&self) -> Result<Option<String>, String> {
        let name = self.root().to_string_lossy().into_owned();
        let args = ["root", "create", &name, "--no-essential", "--packages", PACKAGES];
        let out = forklift(&args).output().map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        // Also a mirror in the middle of an update, or that gets none.
        let unreachable = ["root: no mirror for", "root: http", "can't be checked", "are outdated"].iter().any(|w| said.contains(w));
        match out.status.success() {
            true => Ok(None),
            false if unreachable => Ok(Some(said)),
            false => Err(said),
        }
    }

    fn arguments(&self, program: &[&str]) -> Vec<String> {
        let root = self.root().to_string_lossy().into_owned();
        ["run", "--root", &root, "--"].iter().chain(program).map(|&a| a.to_owned()).collect()
    }

    fn native_forklift(&self, program: &[&str]) -> Command {
        let args = self.arguments(program);
        forklift(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn by_linker(&self, program: &[&str]) -> Command {
        let path = self.root().join("usr/bin").join(program[0]);
        let mut c = command(&self.root().join("lib64/ld-linux-x86-64.so.2").to_string_lossy(), &["--library-path"]);
        c.arg(self.root().join(LIBRARIES)).arg("--argv0").arg(&path).arg(&path).args(&program[1..]);
        c
    }

    /// Runs a command in a directory with the same files each time.
    fn run(&self, c: Command) -> Result<Output, String> {
        let work = self.work();
        // Kept, because it may be mounted.
        for entry in fs::read_dir(self.made("work")?).map_err(|e| e.to_string())?.flatten() {
            let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
        }
        copy(&workspace().join("tests/guest/c"), &self.made("work/c")?)?;
        copy(&workspace().join("tests/guest/scripts"), &self.made("work/scripts")?)?;
        fs::copy(workspace().join("Cargo.lock"), work.join("words.txt")).map_err(|e| format!("Cargo.lock: {e}"))?;
        let mut limited = command("timeout", &[LIMIT]);
        limited.arg(c.get_program()).args(c.get_args()).current_dir(&work).env_clear();
        limited.envs([("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"), ("LC_ALL", "C"), ("TZ", "UTC"), ("N", WORK)]);
        limited.env("HOME", &work).env("XDG_CACHE_HOME", self.0.join("cache"));
        limited.output().map_err(|e| format!("{}: {e}", c.get_program().to_string_lossy()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let copies = || fs::read_dir(from)?.flatten().try_for_each(|f| fs::copy(f.path(), to.join(f.file_name())).map(drop));
    copies().map_err(|e| format!("{}: {e}", from.display()))
}

fn forklift(args: &[&str]) -> Command {
    command(&target().join("debug/forklift").to_string_lossy(), args)
}
