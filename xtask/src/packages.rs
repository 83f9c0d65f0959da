//! The Debian packages that tests need: compilers for guests, and programs that run as guests.

use crate::TaskResult;
use crate::run::{command, have, output, run};

/// For every host.
const COMMON: &[&str] = &["gcc", "libc6-dev", "make", "git", "ca-certificates"];

/// For x86-64 hosts, whose own programs are guests.
const X86_64: &[&str] = &[
    "gcc-multilib",
    "busybox-static",
    "musl-tools",
    "bash",
    "dash",
    "perl",
    "python3",
    "gawk",
    "mawk",
    "bc",
    "gosu",
    "shfmt",
    "luajit",
    "tcc",
    "jq",
    "file",
    "findutils",
    "diffutils",
    "patch",
    "bzip2",
    "xz-utils",
    "zstd",
    "gzip",
    "tar",
    "sqlite3",
    "openssl",
    "lua5.4",
    "libc6-i386",
];

/// How often a download is tried: mirrors fail now and then.
const TRIES: u32 = 4;

/// Installs what is missing, if this is Debian and we are root; else names it.
pub fn install() -> TaskResult {
    if !have("dpkg-query") {
        eprintln!("not a Debian system: tests whose programs are missing will be skipped, by name");
        return Ok(());
    }
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if output(&mut command("id", &["-u"])).as_deref().map(str::trim) != Some("0") {
        eprintln!("tests that need them will be skipped; to have all: apt-get install {list}");
        return Ok(());
    }
    println!("installing {list}");
    retry(&["update", "-qq"])?;
    let mut args = vec!["install", "-qq", "-y", "--no-install-recommends"];
    args.extend(&missing);
    retry(&args)
}

fn missing() -> Vec<&'static str> {
    let wanted = COMMON.iter().chain(if cfg!(target_arch = "x86_64") { X86_64 } else { &[] });
    wanted.copied().filter(|p| !installed(p)).collect()
}

fn installed(package: &str) -> bool {
    output(&mut command("dpkg-query", &["-W", "-f", "${db:Status-Status}", package])).is_some_and(|s| s == "installed")
}

fn retry(args: &[&str]) -> TaskResult {
    let mut result = Ok(());
    for n in 0..TRIES {
        if n > 0 {
            std::thread::sleep(std::time::Duration::from_secs(5 << n));
        }
        result = run(command("apt-get", args).env("DEBIAN_FRONTEND", "noninteractive"));
        if result.is_ok() {
            break;
        }
    }
    result
}
