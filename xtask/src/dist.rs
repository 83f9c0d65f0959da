//! `cargo xtask dist`: what is released. For each host a tarball with the binary and all that belongs to it, and checksums of them.
//!
//! Manual page, completions and binfmt's configuration are printed by forklift itself. Nothing in a tarball takes effect by being unpacked below `/usr/local`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{cargo, command, output, run};
use crate::{TaskResult, aarch64, root, target};

/// Where the binary is for those who unpack a tarball with its first directory stripped.
const INSTALLED: &str = "/usr/local/bin/forklift";
const DOCS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "docs/userland.md"];
/// Shells, and where their completions are looked for.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/forklift"),
    ("zsh", "share/zsh/site-functions/_forklift"),
    ("fish", "share/fish/vendor_completions.d/forklift.fish"),
];

/// A host that is built for.
struct Host {
    name: &'static str,
    binary: PathBuf,
    /// The program that strips its binaries.
    strip: std::process::Command,
    /// Whose programs binfmt would be told of.
    guests: &'static str,
}

/// Builds the tarballs into `target/dist`.
pub fn dist() -> TaskResult {
    let to = target().join("dist");
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).map_err(|e| format!("{}: {e}", to.display()))?;
    run(&mut cargo(&["build", "--release", "--workspace", "--bins"]))?;
    let native = target().join("release/forklift");
    let guests = if cfg!(target_arch = "x86_64") { "i386" } else { "amd64,i386" };
    let mut hosts = vec![Host { name: std::env::consts::ARCH, binary: native.clone(), strip: command("strip", &[]), guests }];
    match aarch64::missing() {
        Some(reason) => eprintln!("no tarball for aarch64: {reason}"),
        None => {
            aarch64::build()?;
            hosts.push(Host { name: "aarch64", binary: aarch64::binary(), strip: aarch64::strip(), guests: "amd64,i386" });
        }
    }
    let mut names = Vec::new();
    for host in hosts {
        names.push(tarball(host, &native, &to)?);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let sums = output(command("sha256sum", &names).current_dir(&to)).ok_or("sha256sum failed")?;
    print!("{sums}");
    write(&to.join("SHA256SUMS"), &sums)
}

/// Makes the tarball of one host; returns its name.
fn tarball(mut host: Host, native: &Path, to: &Path) -> Result<String, String> {
    let name = format!("forklift-{}-{}-linux", env!("CARGO_PKG_VERSION"), host.name);
    let dir = to.join(&name);
    let binary = dir.join("bin/forklift");
    copy(&host.binary, &binary)?;
    run(host.strip.arg("--strip-debug").arg(&binary))?;
    for doc in DOCS {
        // Where the README's links lead.
        copy(&root().join(doc), &dir.join("share/doc/forklift").join(doc))?;
    }
    let said = |args: &[&str]| output(&mut command(&native.to_string_lossy(), args)).ok_or_else(|| format!("forklift {} failed", args.join(" ")));
    write(&dir.join("share/man/man1/forklift.1"), &said(&["man"])?)?;
    for (shell, path) in COMPLETIONS {
        write(&dir.join(path), &said(&["completions", shell])?)?;
    }
    let share = dir.join("share/forklift");
    let sysroot = share.join("binfmt");
    said(&["binfmt", "install", "--config-only", "--interpreter", INSTALLED, "--arch", host.guests, "--sysroot", &sysroot.to_string_lossy()])?;
    fs::rename(sysroot.join("usr/lib/binfmt.d/forklift.conf"), share.join("binfmt.conf")).map_err(|e| format!("binfmt.conf: {e}"))?;
    fs::remove_dir_all(&sysroot).map_err(|e| e.to_string())?;
    // The same commit makes the same tarball.
    let time = output(&mut command("git", &["log", "-1", "--format=%ct"])).ok_or("git log failed")?;
    let file = format!("{name}.tar.xz");
    run(command("tar", &["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-cJf", &file, &name])
        .arg(format!("--mtime=@{}", time.trim()))
        .current_dir(to))?;
    fs::remove_dir_all(&dir).map_err(|e| e.to_string())?;
    Ok(file)
}

fn copy(from: &Path, to: &Path) -> TaskResult {
    parent(to)?;
    fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", from.display()))
}

fn write(path: &Path, text: &str) -> TaskResult {
    parent(path)?;
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn parent(path: &Path) -> TaskResult {
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(|e| format!("{}: {e}", path.display()))
}
