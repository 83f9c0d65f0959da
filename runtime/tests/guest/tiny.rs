//! The assembly programs of `tests/guest/tiny`: blessed images beside their sources, run as guests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::harness::{Guest, find};

/// Names, greatest sizes in bytes, and arguments.
const PROGRAMS: &[(&str, u64, &[&str])] = &[("hello", 100, &[]), ("cat", 600, &["words.txt", "empty", "bulk.bin"]), ("web", 600, &[])];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guest/tiny")
}

/// The programs as guests, but for the server, which `forklift demo` runs.
pub fn programs() -> Vec<Guest> {
    PROGRAMS.iter().filter(|p| p.0 != "web").map(|&(name, _, args)| guest(name, args)).collect()
}

fn guest(name: &'static str, args: &'static [&'static str]) -> Guest {
    let argv = move || {
        let image = fs::read(folder().join(format!("{name}.bin"))).map_err(|e| format!("{name}.bin: {e}"))?;
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny");
        let path = dir.join(name);
        if fs::read(&path).ok().as_ref() != Some(&image) {
            fs::create_dir_all(&dir).and_then(|()| fs::write(&path, &image)).map_err(|e| format!("{}: {e}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
        }
        Ok([path.to_string_lossy().as_ref()].iter().chain(args).map(|&s| s.to_owned()).collect())
    };
    Guest { name: format!("tiny-{name}"), needs: vec![], argv: Arc::new(argv), work: [1, 1] }
}

/// Checks that each image is what its source gives; writes it if `FORKLIFT_BLESS` is set.
pub fn blessed() -> Vec<Trial> {
    let missing = ["gcc", "objcopy"].into_iter().find(|p| !cfg!(target_arch = "x86_64") || find(p).is_none());
    PROGRAMS
        .iter()
        .map(|&(name, limit, _)| {
            let trial = Trial::test(format!("blessed-tiny-{name}"), move || check(name, limit));
            if missing.is_some() { trial.with_kind("needs gcc of an x86-64 host").with_ignored_flag(true) } else { trial }
        })
        .collect()
}

fn check(name: &str, limit: u64) -> Result<(), Failed> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (object, image) = (dir.join(format!("{name}.o")), dir.join(format!("{name}.image")));
    let source = folder().join(format!("{name}.s"));
    run(Command::new("gcc").args(["-m32", "-c", "-x", "assembler", "-I"]).arg(folder()).arg("-o").arg(&object).arg(source))?;
    run(Command::new("objcopy").args(["-O", "binary", "-j", ".text"]).args([&object, &image]))?;
    let (fresh, blessed) = (fs::read(image)?, folder().join(format!("{name}.bin")));
    if std::env::var_os("FORKLIFT_BLESS").is_some() {
        fs::write(&blessed, &fresh)?;
    }
    if fs::read(&blessed)? != fresh {
        return Err(format!("{name}.bin is not what {name}.s gives: cargo xtask bless").into());
    }
    if fresh.len() as u64 >= limit { Err(format!("{name}: {} bytes, {limit} is too many", fresh.len()).into()) } else { Ok(()) }
}

fn run(c: &mut Command) -> Result<(), Failed> {
    let out = c.output()?;
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned().into()) }
}
