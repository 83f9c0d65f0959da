//! The persistent cache, from the outside: programs do the same without it, while they fill it and when they live on it, whatever happens to its files.
//!
//! Of lifted code: direct code is not kept. `FORKLIFT_JIT=warm=wait` has each process fill the cache before it ends. What a run took from the cache is read off `--stats`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of a test's own.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("forklift-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn cache(&self) -> PathBuf {
        self.0.join("forklift")
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(dir) = fs::read_dir(self.cache()) else { return Vec::new() };
        let mut all: Vec<_> = dir.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "blocks")).collect();
        all.sort();
        all
    }

    fn forklift(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
        c.args(args).env("XDG_CACHE_HOME", &self.0).env("FORKLIFT_JIT", "direct=off,warm=wait").env_remove("FORKLIFT_CACHE_LIMIT").stdin(Stdio::null());
        c
    }

    /// Runs a program; what it printed, and its blocks from the cache.
    fn run(&self, program: &[&str]) -> (String, u64) {
        let mut args = vec!["run", "--stats", "--"];
        args.extend(program);
        read(&self.forklift(&args).output().unwrap())
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

fn read(out: &Output) -> (String, u64) {
    let stderr = String::from_utf8_lossy(&out.stderr);
    let hits = stderr.lines().filter_map(|l| l.strip_prefix("cache: ")?.split(' ').next()?.parse::<u64>().ok()).sum();
    (format!("{:?} {}", out.status.code(), String::from_utf8_lossy(&out.stdout)), hits)
}

const LOOP: &[&str] = &["/bin/sh", "-c", "i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i; exit 3"];

fn native(program: &[&str]) -> String {
    read(&Command::new(program[0]).args(&program[1..]).output().unwrap()).0
}

#[test]
fn a_second_run_lives_on_the_first() {
    let t = Temp::new("warm");
    let scripts: [&[&str]; 3] = [LOOP, &["/bin/sh", "-c", "for i in 1 2 3; do (echo $i | cat); done; exec /bin/echo end"], &["/bin/ls", "/"]];
    for p in scripts {
        let expected = native(p);
        assert_eq!(t.run(p).0, expected);
        let (said, hits) = t.run(p);
        assert_eq!(said, expected);
        // Many programs close their standard error before they end, and with it the statistics.
        assert!(hits > 300 || p != LOOP, "{hits} hits");
    }
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&t.cache()), 0o700);
    assert!(t.files().iter().all(|f| mode(f) == 0o600));
    let info = t.tool("info");
    assert!(info.contains(" 0 files damaged") && !info.contains(": 0 blocks"), "{info}");
    t.tool("clear");
    assert!(t.files().is_empty());
    assert!(t.run(LOOP).1 < 300);
}

#[test]
fn not_without_leave() {
    let t = Temp::new("off");
    let out = t.forklift(&["run", "--no-cache", "--stats", "/bin/true"]).output().unwrap();
    assert!(out.status.success() && !String::from_utf8_lossy(&out.stderr).contains("cache:"));
    assert!(!t.cache().exists());
}

#[test]
fn damage_costs_speed_only() {
    let t = Temp::new("damage");
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
    assert!(t.run(LOOP).1 > 300);
}

#[test]
fn only_what_is_ours() {
    let t = Temp::new("owner");
    let expected = native(LOOP);
    t.run(LOOP);
    let set = |p: &Path, mode| fs::set_permissions(p, fs::Permissions::from_mode(mode)).unwrap();
    // Others may write to the directory, or to the files.
    set(&t.cache(), 0o777);
    assert_eq!(t.run(LOOP), (expected.clone(), 0));
    set(&t.cache(), 0o700);
    t.files().iter().for_each(|f| set(f, 0o620));
    let before = t.files();
    assert_eq!(t.run(LOOP).0, expected);
    assert_eq!(t.files(), before);
    // A link in the place of the directory.
    fs::rename(t.cache(), t.0.join("other")).unwrap();
    symlink(t.0.join("other"), t.cache()).unwrap();
    assert_eq!(t.run(LOOP), (expected.clone(), 0));
    fs::remove_file(t.cache()).unwrap();
    fs::rename(t.0.join("other"), t.cache()).unwrap();
    // Somebody else's; only root can give files away.
    if fs::metadata(&t.0).unwrap().uid() == 0 {
        std::os::unix::fs::chown(t.cache(), Some(12345), None).unwrap();
        assert_eq!(t.run(LOOP), (expected, 0));
    }
}

#[test]
fn another_program_under_the_same_path() {
    let t = Temp::new("changed");
    let path = t.0.join("program");
    let name = path.to_str().unwrap();
    for program in ["/bin/true", "/bin/false", "/bin/true", "/bin/echo"] {
        fs::remove_file(&path).ok();
        fs::copy(program, &path).unwrap();
        for _ in 0..2 {
            assert_eq!(t.run(&[name]).0, native(&[name]));
        }
    }
}

#[test]
fn many_at_once() {
    let t = Temp::new("many");
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
    assert!(t.run(LOOP).1 > 300);
    let left = fs::read_dir(t.cache()).unwrap().filter(|e| e.as_ref().unwrap().file_name().as_encoded_bytes().starts_with(b".new")).count();
    assert_eq!(left, 0);
}

#[test]
fn no_room() {
    let t = Temp::new("full");
    // RLIMIT_FSIZE: no file may have a byte. The guest must not get the signal.
    let line = format!("ulimit -f 0; exec {} run --stats -- /bin/true", env!("CARGO_BIN_EXE_forklift"));
    let mut c = Command::new("/bin/sh");
    let out = c.args(["-c", &line]).env("XDG_CACHE_HOME", &t.0).env("FORKLIFT_JIT", "direct=off,warm=wait").output().unwrap();
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
    assert_eq!(t.run(LOOP), (native(LOOP), 0));
}
