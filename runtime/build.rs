//! Links the `forklift` binary statically where that can be done: it starts faster, is smaller in memory, needs no loader in a guest's root, and can be copied
//! to another machine.
//!
//! Rust's own way, `-C target-feature=+crt-static`, can't be asked for one binary, and not at all for a host's build of procedural macros. So the linker gets
//! the option here, and where rustc names shared libraries it finds scripts that name the static ones. A program is linked and run that way first; if that
//! fails (no static C library, another linker), the binary is linked as usual.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// For the linker. Weak symbols that nobody defines are null, and not looked for at run time, when nobody looks.
const STATIC: [&str; 3] = ["-static-pie", "-Wl,-z,nodynamic-undefined-weak", "-Wl,-z,pack-relative-relocs"];
/// What rustc names: the shared library of each, and what its script says.
const LIBRARIES: [(&str, &str); 2] = [("libc.so", "GROUP ( libc.a -lgcc -lgcc_eh )\n"), ("libgcc_s.so", "GROUP ( -lgcc_eh )\n")];
/// Says where code goes; not every linker knows how to.
const ORDER: &str = "start.ld";
/// Calls what has weak symbols, and prints.
const PROBE: &str = "fn main() { std::thread::spawn(|| println!(\"{}\", std::process::id())).join().unwrap(); }\n";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    let var = |name| env::var(name).unwrap_or_default();
    let native = var("HOST") == var("TARGET") && var("CARGO_CFG_TARGET_ENV") == "gnu" && !var("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    let dir = PathBuf::from(var("OUT_DIR")).join("static");
    if !native || scripts(&dir).is_err() {
        return;
    }
    let order = format!("-Wl,-T,{}", Path::new(&var("CARGO_MANIFEST_DIR")).join(ORDER).display());
    let search = format!("-L{}", dir.display());
    let all: Vec<_> = STATIC.iter().copied().chain([search.as_str()]).collect();
    let ordered = [&all[..], &[order.as_str()]].concat();
    if let Some(args) = [ordered, all].into_iter().find(|args| works(&dir, &var("RUSTC"), args)) {
        args.into_iter().for_each(|arg| println!("cargo::rustc-link-arg-bin=forklift={arg}"));
    }
}

fn scripts(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("probe.rs"), PROBE)?;
    LIBRARIES.iter().try_for_each(|(name, script)| fs::write(dir.join(name), script))
}

/// Whether a program linked so runs.
fn works(dir: &Path, rustc: &str, args: &[&str]) -> bool {
    let probe = dir.join("probe");
    let mut c = Command::new(rustc);
    c.arg(dir.join("probe.rs")).args(["--edition=2024", "-Cpanic=abort", "-Copt-level=1"]).arg("-o").arg(&probe).arg("-L").arg(dir);
    c.args(args.iter().map(|arg| format!("-Clink-arg={arg}")));
    let quiet = |c: &mut Command| c.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    quiet(&mut c) && quiet(&mut Command::new(probe))
}
