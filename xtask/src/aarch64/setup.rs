//! What it takes to build for aarch64 and run that on an x86-64 Debian machine, unpacked into a folder of its own: the system is not changed
//! (installing the cross compiler would remove gcc-multilib, which i386 guests need).
//!
//! From Debian's newest suite: rustc with the standard library of both hosts, and an emulator that shows changes of code through every mapping.
//! From the stable one: the cross compiler, as its linker. About 0.9 GB.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::TaskResult;
use crate::run::{command, output, run};

/// How often a download is tried.
const TRIES: u32 = 4;
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Suite with the compiler and the emulator, and suite with the cross compiler.
const SUITES: [&str; 2] = ["forky", "bookworm"];

const CROSS: &[&str] = &[
    "binutils-aarch64-linux-gnu",
    "cpp-12-aarch64-linux-gnu",
    "gcc-12-aarch64-linux-gnu",
    "libgcc-12-dev-arm64-cross",
    "libgcc-s1-arm64-cross",
    "libc6-arm64-cross",
    "libc6-dev-arm64-cross",
    "linux-libc-dev-arm64-cross",
];

/// Libraries that the newest rustc runs on, besides those looked up by version.
const RUSTC_LIBRARIES: &[&str] = &[
    "libc6:amd64",
    "libgcc-s1:amd64",
    "libstdc++6:amd64",
    "libffi8:amd64",
    "libz3-4:amd64",
    "zlib1g:amd64",
    "libzstd1:amd64",
    "libedit2:amd64",
    "libtinfo6:amd64",
    "libbsd0:amd64",
    "libmd0:amd64",
];

/// The folder that everything is unpacked into.
pub fn prefix() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("forklift-aarch64")
}

/// Whether `setup` has been here.
pub fn is_set_up() -> bool {
    prefix().join("ready").exists()
}

/// Unpacks everything, unless it is there.
pub fn setup() -> TaskResult {
    let prefix = prefix();
    if is_set_up() {
        return Ok(());
    }
    fs::create_dir_all(prefix.join("bin")).map_err(|e| format!("{}: {e}", prefix.display()))?;
    let [new, old] = SUITES.map(|suite| Suite::new(&prefix, suite));
    let (new, old) = (new?, old?);
    rustc(&prefix, &new)?;
    cross(&prefix, &old)?;
    new.unpack(&prefix.join("qemu"), &["qemu-user:amd64"])?;
    for name in SUITES {
        let _ = fs::remove_dir_all(prefix.join(format!("apt-{name}")));
    }
    run(command(&prefix.join("bin/rustc").to_string_lossy(), &["--version"]).current_dir(&prefix))?;
    fs::write(prefix.join("ready"), "").map_err(|e| e.to_string())
}

fn rustc(prefix: &Path, suite: &Suite) -> TaskResult {
    let std = suite.dependency("libstd-rust-dev", "libstd-rust-")?;
    let llvm = suite.dependency(&std, "libllvm")?;
    let xml = suite.dependency(&llvm, "libxml2")?;
    let looked_up = [std, llvm, xml].map(|p| format!("{p}:amd64"));
    let mut packages = vec!["rustc:amd64", "libstd-rust-dev:amd64", "libstd-rust-dev:arm64"];
    packages.extend(looked_up.iter().map(String::as_str));
    packages.extend(RUSTC_LIBRARIES);
    suite.unpack(&prefix.join("rust"), &packages)?;
    let libraries = prefix.join("rust/usr/lib/x86_64-linux-gnu");
    let (l, rustc) = (libraries.display(), prefix.join("rust/usr/bin/rustc"));
    wrapper(prefix, "rustc", &format!("exec {l}/ld-linux-x86-64.so.2 --library-path {l} {} \"$@\"", rustc.display()))
}

fn cross(prefix: &Path, suite: &Suite) -> TaskResult {
    let to = prefix.join("cross");
    suite.unpack(&to, CROSS)?;
    // A linker script with absolute paths.
    let script = to.join("usr/aarch64-linux-gnu/lib/libc.so");
    let text = fs::read_to_string(&script).map_err(|e| format!("{}: {e}", script.display()))?;
    fs::write(&script, text.replace("/usr/aarch64-linux-gnu/lib/", "")).map_err(|e| e.to_string())?;
    let usr = to.join("usr");
    for (name, program) in [("gcc", "gcc-12"), ("ar", "ar"), ("ld", "ld"), ("objdump", "objdump")] {
        let line = format!("LD_LIBRARY_PATH={0}/lib/x86_64-linux-gnu exec {0}/bin/aarch64-linux-gnu-{program} \"$@\"", usr.display());
        wrapper(prefix, &format!("aarch64-linux-gnu-{name}"), &line)?;
    }
    Ok(())
}

/// A shell script in `bin`.
fn wrapper(prefix: &Path, name: &str, line: &str) -> TaskResult {
    use std::os::unix::fs::PermissionsExt;
    let path = prefix.join("bin").join(name);
    let write = || {
        fs::write(&path, format!("#!/bin/sh\n{line}\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    };
    write().map_err(|e| format!("{}: {e}", path.display()))
}

/// A suite of Debian with lists and options of its own, from the mirror that this system already uses.
pub(super) struct Suite {
    options: Vec<String>,
    downloads: PathBuf,
}

impl Suite {
    /// That of this name; its lists are in a folder of `prefix`.
    pub fn new(prefix: &Path, name: &str) -> Result<Self, String> {
        Self::of(prefix, name, "deb", &[name])
    }

    /// Source packages of several suites.
    pub fn of_sources(prefix: &Path, suites: &[&str]) -> Result<Self, String> {
        Self::of(prefix, "sources", "deb-src", suites)
    }

    fn of(prefix: &Path, name: &str, kind: &str, suites: &[&str]) -> Result<Self, String> {
        let dir = prefix.join(format!("apt-{name}"));
        let downloads = dir.join("downloads");
        for d in [dir.join("lists"), dir.join("cache/archives/partial"), downloads.clone()] {
            fs::create_dir_all(&d).map_err(|e| format!("{}: {e}", d.display()))?;
        }
        let list = dir.join("sources.list");
        let mirror = mirror()?;
        let text: String = suites.iter().map(|suite| format!("{kind} [signed-by={KEYRING}] {mirror} {suite} main\n")).collect();
        fs::write(&list, text).map_err(|e| e.to_string())?;
        let d = dir.display();
        let options = [
            format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::Lists={d}/lists"),
            format!("Dir::Cache={d}/cache"),
            "APT::Architectures::=amd64".to_owned(),
            "APT::Architectures::=arm64".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        let suite = Self { options: options.map(|o| format!("-o{o}")).to_vec(), downloads };
        suite.apt_get(&["update"])?;
        Ok(suite)
    }

    fn apt_get(&self, args: &[&str]) -> TaskResult {
        let mut result = Ok(());
        for n in 0..TRIES {
            if n > 0 {
                std::thread::sleep(Duration::from_secs(5 << n));
            }
            result = run(command("apt-get", &["-qq"]).args(&self.options).args(args).current_dir(&self.downloads));
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Downloads upstream's part of a source package and unpacks it into `to`: of the newest version, from `least` on, that the mirror has, which may lack those
    /// that its lists name.
    pub fn source(&self, to: &Path, package: &str, least: (u32, u32)) -> TaskResult {
        let shown = output(command("apt-cache", &[]).args(&self.options).args(["showsrc", package])).unwrap_or_default();
        let numbers = |v: &str| {
            let mut parts = v.rsplit(':').next()?.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
            Some((parts.next()?, parts.next()?, parts.next()?))
        };
        let mut versions: Vec<_> = shown.lines().filter_map(|l| l.strip_prefix("Version: ")).filter_map(|v| Some((numbers(v)?, v))).collect();
        versions.retain(|((major, minor, _), _)| (*major, *minor) >= least);
        versions.sort_unstable();
        versions.dedup();
        let get = |version: &str| {
            let named = format!("{package}={version}");
            run(command("apt-get", &["-qq"]).args(&self.options).args(["source", "--download-only", "--tar-only", &named]).current_dir(&self.downloads)).is_ok()
        };
        if !versions.iter().rev().any(|(_, v)| get(v)) {
            return Err(format!("the mirror has no source of {package} {}.{} or newer: {shown}", least.0, least.1));
        }
        fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
        let mut files = fs::read_dir(&self.downloads).map_err(|e| e.to_string())?.flatten().map(|f| f.path());
        let archive = files.find(|f| f.to_string_lossy().contains(".orig.tar")).ok_or_else(|| format!("{package} has no source archive"))?;
        run(command("tar", &["--extract", "--strip-components=1", "--file"]).arg(archive).arg("--directory").arg(to))?;
        fs::remove_dir_all(&self.downloads).map_err(|e| e.to_string())
    }

    /// Downloads packages and unpacks them into `to`.
    pub fn unpack(&self, to: &Path, packages: &[&str]) -> TaskResult {
        let mut args = vec!["download"];
        args.extend(packages);
        self.apt_get(&args)?;
        fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
        for entry in fs::read_dir(&self.downloads).map_err(|e| e.to_string())?.flatten() {
            run(command("dpkg", &["-x"]).arg(entry.path()).arg(to))?;
            let _ = fs::remove_file(entry.path());
        }
        Ok(())
    }

    /// The versioned package that `package` depends on today, by the beginning of its name.
    fn dependency(&self, package: &str, prefix: &str) -> Result<String, String> {
        let list = output(command("apt-cache", &[]).args(&self.options).args(["depends", &format!("{package}:amd64")])).unwrap_or_default();
        let names = list.lines().filter_map(|l| l.trim().strip_prefix("Depends: "));
        let found = names.map(|n| n.split(':').next().unwrap_or(n)).find(|n| n.starts_with(prefix) && !n.ends_with("-dev"));
        found.map(str::to_owned).ok_or_else(|| format!("{package} depends on no {prefix}…: {list}"))
    }
}

/// The Debian mirror in this system's own configuration.
fn mirror() -> Result<String, String> {
    let list = output(&mut command("apt-get", &["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])).unwrap_or_default();
    let mut found: Vec<_> = list.lines().filter(|l| l.trim_end_matches('/').ends_with("/debian")).collect();
    found.sort_unstable();
    found.first().map(|&m| m.to_owned()).ok_or_else(|| "this system has no Debian mirror configured".to_owned())
}
