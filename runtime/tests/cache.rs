//! The persistent cache, from the outside: programs do the same without it, while they fill it and when they live on it, whatever happens to its files.
//!
//! Each test is about both kinds of code: lifted, where `FORKLIFT_JIT=warm=wait` has each process fill the cache before it ends, and direct. What a run took from the cache is read off
//! `--stats`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Values of `FORKLIFT_JIT`: for lifted code, and for direct code where there is any.
const KINDS: &[&str] = &["direct=off,background=off,warm=wait", ""];

/// A directory of a test's own, and the kind of code.
struct Temp(PathBuf, &'static str);

impl Temp {
    fn new(name: &str, kind: &'static str) -> Self {
        let dir = std::env::temp_dir().join(format!("forklift-cache-{}-{name}-{}", std::process::id(), kind.len()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir, kind)
    }

    fn is_lifted(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let direct = std::is_x86_feature_detected!("avx");
        #[cfg(not(target_arch = "x86_64"))]
        let direct = false;
        !self.1.is_empty() || !direct
    }

    fn cache(&self) -> PathBuf {
        self.0.join("forklift")
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(dir) = fs::read_dir(self.cache()) else { return Vec::new() };
        let mut all: Vec<_> = dir.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "blocks" || e == "image")).collect();
        all.sort();
        all
    }

    fn forklift(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
        c.args(args).env("XDG_CACHE_HOME", &self.0).env("FORKLIFT_JIT", self.1).env_remove("FORKLIFT_CACHE_LIMIT").stdin(Stdio::null());
        c
    }

    /// Runs a program; what it printed, and how it used the cache.
    fn run(&self, program: &[&str]) -> (String, Use) {
        let mut args = vec!["run", "--stats", "--"];
        args.extend(program);
        read(&self.forklift(&args).output().unwrap())
    }

    /// Whether a run of [`LOOP`] lived on the cache: its blocks were there (of direct code one looks up few).
    fn is_warm(&self, u: Use) -> bool {
        if self.is_lifted() { u.hits > 300 } else { u.hits > 0 && u.misses < 40 }
    }

    fn tool(&self, action: &str) -> String {
        let out = self.forklift(&["cache", action]).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Blocks that were looked for in the cache, and whether it had them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Use {
    hits: u64,
    misses: u64,
    /// What was found to be made from other code.
    stale: u64,
}

fn read(out: &Output) -> (String, Use) {
    let stderr = String::from_utf8_lossy(&out.stderr);
    let mut all = Use::default();
    for line in stderr.lines().filter_map(|l| l.strip_prefix("cache: ")) {
        let numbers: Vec<u64> = line.split(' ').filter_map(|w| w.parse().ok()).collect();
        all = Use { hits: all.hits + numbers[0], misses: all.misses + numbers[1], stale: all.stale + numbers[2] };
    }
    (format!("{:?} {}", out.status.code(), String::from_utf8_lossy(&out.stdout)), all)
}

/// Calls `test` for each kind of code.
fn each(name: &str, test: impl Fn(Temp)) {
    KINDS.iter().for_each(|kind| test(Temp::new(name, kind)));
}

const LOOP: &[&str] = &["/bin/sh", "-c", "i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i; exit 3"];

fn native(program: &[&str]) -> String {
    read(&Command::new(program[0]).args(&program[1..]).output().unwrap()).0
}

#[test]
fn a_second_run_lives_on_the_first() {
    each("warm", |t| {
        let scripts: [&[&str]; 3] = [LOOP, &["/bin/sh", "-c", "for i in 1 2 3; do (echo $i | cat); done; exec /bin/echo end"], &["/bin/ls", "/"]];
        for p in scripts {
            let expected = native(p);
            assert_eq!(t.run(p).0, expected);
            let (said, used) = t.run(p);
            assert_eq!(said, expected);
            // Many programs close their standard error before they end, and with it the statistics.
            assert!(t.is_warm(used) || p != LOOP, "{used:?}");
        }
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&t.cache()), 0o700);
        assert!(t.files().iter().all(|f| mode(f) == 0o600));
        let info = t.tool("info");
        assert!(info.contains(" 0 files damaged") && !info.contains(": 0 blocks"), "{info}");
        t.tool("clear");
        assert!(t.files().is_empty());
        assert!(!t.is_warm(t.run(LOOP).1));
    });
}

#[test]
fn not_without_leave() {
    each("off", |t| {
        let out = t.forklift(&["run", "--no-cache", "--stats", "/bin/true"]).output().unwrap();
        assert!(out.status.success() && !String::from_utf8_lossy(&out.stderr).contains("cache:"));
        assert!(!t.cache().exists());
    });
}

#[test]
fn damage_costs_speed_only() {
    each("damage", |t| {
        let expected = native(LOOP);
        t.run(LOOP);
        let sound: Vec<_> = t.files().into_iter().map(|f| (f.clone(), fs::read(f).unwrap())).collect();
        let damages: [fn(&mut Vec<u8>); 5] = [
            |b| b.truncate(b.len() / 2),
            |b| b.truncate(20),
            Vec::clear,
            // All over the file.
            |b| (0..b.len()).step_by(997).for_each(|i| b[i] ^= 0x41),
            |b| b.fill(0xff),
        ];
        for damage in damages {
            for (file, bytes) in &sound {
                let mut bytes = bytes.clone();
                damage(&mut bytes);
                fs::write(file, bytes).unwrap();
            }
            assert!(!t.tool("info").contains(" 0 files damaged"));
            assert_eq!(t.run(LOOP).0, expected);
            assert_eq!(t.run(LOOP).0, expected);
            t.tool("verify");
            assert!(t.tool("info").contains(" 0 files damaged"));
            sound.iter().for_each(|(file, bytes)| fs::write(file, bytes).unwrap());
        }
        assert!(t.is_warm(t.run(LOOP).1));
    });
}

#[test]
fn only_what_is_ours() {
    each("owner", |t| {
        let expected = native(LOOP);
        t.run(LOOP);
        let set = |p: &Path, mode| fs::set_permissions(p, fs::Permissions::from_mode(mode)).unwrap();
        // Others may write to the directory, or to the files.
        set(&t.cache(), 0o777);
        assert_eq!(t.run(LOOP), (expected.clone(), Use::default()));
        set(&t.cache(), 0o700);
        t.files().iter().for_each(|f| set(f, 0o620));
        let before = t.files();
        assert_eq!(t.run(LOOP).0, expected);
        assert_eq!(t.files(), before);
        // A link in the place of the directory.
        fs::rename(t.cache(), t.0.join("other")).unwrap();
        symlink(t.0.join("other"), t.cache()).unwrap();
        assert_eq!(t.run(LOOP), (expected.clone(), Use::default()));
        fs::remove_file(t.cache()).unwrap();
        fs::rename(t.0.join("other"), t.cache()).unwrap();
        // Somebody else's; only root can give files away.
        if fs::metadata(&t.0).unwrap().uid() == 0 {
            std::os::unix::fs::chown(t.cache(), Some(12345), None).unwrap();
            assert_eq!(t.run(LOOP), (expected, Use::default()));
        }
    });
}

#[test]
fn another_program_under_the_same_path() {
    each("changed", |t| {
        let path = t.0.join("program");
        let name = path.to_str().unwrap();
        for program in ["/bin/true", "/bin/false", "/bin/true", "/bin/echo"] {
            fs::remove_file(&path).ok();
            fs::copy(program, &path).unwrap();
            for _ in 0..2 {
                assert_eq!(t.run(&[name]).0, native(&[name]));
            }
        }
    });
}

#[test]
fn many_at_once() {
    each("many", |t| {
        let expected = native(LOOP);
        for _ in 0..2 {
            let mut args = vec!["run", "--stats", "--"];
            args.extend(LOOP);
            let all: Vec<_> = (0..8).map(|_| t.forklift(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
            for child in all {
                assert_eq!(read(&child.wait_with_output().unwrap()).0, expected);
            }
            assert!(t.tool("info").contains(" 0 files damaged"));
        }
        assert!(t.is_warm(t.run(LOOP).1));
        let left = fs::read_dir(t.cache()).unwrap().filter(|e| e.as_ref().unwrap().file_name().as_encoded_bytes().starts_with(b".new")).count();
        assert_eq!(left, 0);
    });
}

#[test]
fn no_room() {
    each("full", |t| {
        // RLIMIT_FSIZE: no file may have a byte. The guest must not get the signal.
        let line = format!("ulimit -f 0; exec {} run --stats -- /bin/true", env!("CARGO_BIN_EXE_forklift"));
        let mut c = Command::new("/bin/sh");
        let out = c.args(["-c", &line]).env("XDG_CACHE_HOME", &t.0).env("FORKLIFT_JIT", t.1).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        assert!(t.files().is_empty());
        // A limit on all files: some go.
        for limit in ["1", "1000000000"] {
            let mut args = vec!["run", "--"];
            args.extend(LOOP);
            assert_eq!(t.forklift(&args).env("FORKLIFT_CACHE_LIMIT", limit).output().unwrap().status.code(), Some(3));
            assert_eq!(t.files().is_empty(), limit == "1");
        }
        // No directory can be made.
        fs::remove_dir_all(t.cache()).unwrap();
        fs::write(t.cache(), "a file").unwrap();
        assert_eq!(t.run(LOOP), (native(LOOP), Use::default()));
    });
}

/// Compiles a program that prints what `answer` returns, which it may change as it runs.
fn compile(to: &Path, answer: &str) {
    let source = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        __attribute__((noinline, aligned(4096))) int answer(void) { return ANSWER; }
        __attribute__((noinline, aligned(4096))) int twice(void) { return 2 * answer(); }
        int main(int argc, char **argv) {
            printf("%d\n", twice());
            if (argc > 1) {
                mprotect(answer, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
                unsigned char *at = memchr(answer, 0xb8, 16);
                at[1] = atoi(argv[1]);
                mprotect(answer, 4096, PROT_READ | PROT_EXEC);
                printf("%d\n", twice());
            }
        }"#;
    let mut c = Command::new("gcc");
    c.args(["-O1", "-Wl,--build-id=none", "-x", "c", "-", &format!("-DANSWER={answer}"), "-o"]).arg(to).stdin(Stdio::piped());
    let mut gcc = c.spawn().unwrap();
    std::io::Write::write_all(&mut gcc.stdin.take().unwrap(), source.as_bytes()).unwrap();
    assert!(gcc.wait().unwrap().success());
}

/// Programs whose first pages are the same have the same file.
#[test]
fn one_byte_of_code_is_another() {
    each("byte", |t| {
        let path = t.0.join("program");
        let name = path.to_str().unwrap();
        let mut stale = 0;
        for answer in ["21", "22", "22", "21", "21"] {
            compile(&path, answer);
            let (said, used) = t.run(&[name]);
            assert_eq!(said, native(&[name]));
            stale += used.stale;
        }
        assert!(stale > 0 || t.is_lifted());
    });
}

#[test]
fn code_from_the_cache_that_the_program_changes() {
    each("changes", |t| {
        let path = t.0.join("program");
        let name = path.to_str().unwrap();
        compile(&path, "21");
        for new in ["33", "34", "34", "33"] {
            assert_eq!(t.run(&[name, new]).0, native(&[name, new]));
            assert_eq!(t.run(&[name]).0, native(&[name]));
        }
    });
}

/// What one child of a script makes, another one takes; threads, too.
#[test]
fn forks_and_threads() {
    each("forks", |t| {
        let script = "for i in 1 2 3 4; do (j=0; while [ $j -lt 50 ]; do j=$((j + i)); done; echo $j) & wait; done; ls / | sort | head -3";
        let python =
            "import threading\na=[]\nfor i in range(4):\n t=threading.Thread(target=lambda: a.append(sum(range(1000))))\n t.start()\n t.join()\nprint(a)";
        for program in [&["/bin/sh", "-c", script][..], &["/usr/bin/python3", "-c", python]] {
            for _ in 0..3 {
                assert_eq!(t.run(program).0, native(program));
            }
        }
        assert!(t.tool("info").contains(" 0 files damaged"));
    });
}
