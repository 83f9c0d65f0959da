//! `forklift binfmt` below a directory that stands for the system, and a program that is started as the kernel would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory that is removed again.
struct System(PathBuf);

impl System {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("forklift-binfmt-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// With binfmt_misc mounted, on a kernel of this release.
    fn mounted(name: &str, release: &str) -> Self {
        let system = Self::new(name);
        system.write("proc/sys/kernel/osrelease", release);
        system.write("proc/sys/fs/binfmt_misc/register", "");
        system
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_default()
    }

    fn binfmt(&self, args: &[&str]) -> (bool, String) {
        let out = forklift().arg("binfmt").args(args).arg("--sysroot").arg(&self.0).output().unwrap();
        (out.status.success(), both(&out))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn forklift() -> Command {
    Command::new(env!("CARGO_BIN_EXE_forklift"))
}

fn both(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

const REGISTER: &str = "proc/sys/fs/binfmt_misc/register";
const CONFIG: &str = "usr/lib/binfmt.d/forklift.conf";

#[test]
fn installs_and_removes() {
    let s = System::mounted("installs", "6.1.0\n");
    let (ok, text) = s.binfmt(&["install", "--arch", "i386", "--interpreter", "/usr/bin/forklift"]);
    assert!(ok, "{text}");
    let line = s.read(REGISTER);
    assert!(line.starts_with(":forklift-i386:M::\\x7f") && line.ends_with(":/usr/bin/forklift:PF"), "{line}");
    assert_eq!(s.read(CONFIG), line.clone() + "\n");
    // As the kernel shows it.
    s.write("proc/sys/fs/binfmt_misc/forklift-i386", "enabled\ninterpreter /usr/bin/forklift\nflags: PF\noffset 0\nmagic 7f45\n");
    s.write("proc/sys/fs/binfmt_misc/other", "enabled\ninterpreter /o\nflags: F\noffset 0\nmagic 7f454c4602010100000000000000000002003e00\n");
    let (ok, text) = s.binfmt(&["status"]);
    assert!(ok && text.contains("i386: enabled, interpreter /usr/bin/forklift, flags PF\n"), "{text}");
    assert!(text.contains("amd64: not registered\namd64: taken by other, too"), "{text}");
    let (ok, text) = s.binfmt(&["remove"]);
    assert!(ok && s.read("proc/sys/fs/binfmt_misc/forklift-i386").starts_with("-1") && !s.0.join(CONFIG).exists(), "{text}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let s = System::mounted("dry", "5.10.0\n");
    let (ok, text) = s.binfmt(&["install", "--arch", "i386", "--interpreter", "/f", "--dry-run"]);
    assert!(ok && text.contains("/binfmt_misc/register: :forklift-i386:M::") && text.contains(":/f:F\n") && text.contains(CONFIG), "{text}");
    assert!(s.read(REGISTER).is_empty() && !Path::new(&s.0).join(CONFIG).exists());
}

#[test]
fn says_what_is_wrong() {
    let s = System::new("wrong");
    for (args, what) in [
        (&["status"][..], "mount -t binfmt_misc"),
        (&["install", "--arch", "i386"], "isn't mounted"),
        (&["install", "--arch", "i386", "--interpreter", "forklift"], "it must be absolute"),
    ] {
        let (ok, text) = s.binfmt(args);
        assert!(!ok && text.starts_with("forklift: binfmt: ") && text.contains(what), "{text}");
    }
}

#[test]
fn a_package_has_both() {
    let s = System::new("package");
    let (ok, text) = s.binfmt(&["install", "--arch", "amd64,i386", "--config-only", "--interpreter", "/usr/bin/forklift"]);
    assert!(ok, "{text}");
    assert!(s.read(CONFIG).lines().all(|l| l.ends_with(":/usr/bin/forklift:F")) && s.read(CONFIG).lines().count() == 2);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_hosts_own_programs_are_left_alone() {
    let s = System::mounted("own", "6.1.0\n");
    let (ok, text) = s.binfmt(&["install", "--arch", "amd64"]);
    assert!(!ok && text.contains("ELOOP") && s.read(REGISTER).is_empty(), "{text}");
    let (ok, text) = s.binfmt(&["install"]);
    assert!(ok && text.starts_with("i386 programs only") && s.read(REGISTER).starts_with(":forklift-i386"), "{text}");
    let (ok, text) = s.binfmt(&["install", "--arch", "amd64", "--force"]);
    assert!(ok && s.read(REGISTER).starts_with(":forklift-amd64"), "{text}");
}

#[test]
fn a_path_alone_is_run() {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guest/tiny/cat.bin");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let copy = System::new("path");
    let program = copy.0.join("cat");
    fs::write(&program, fs::read(hello).unwrap()).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let out = forklift().arg(&program).arg(&readme).env("XDG_CACHE_HOME", &copy.0).output().unwrap();
    assert_eq!((out.stdout, out.status.code()), (fs::read(readme).unwrap(), Some(0)));
}
