//! The directory and environment that a guest runs in: the same bytes every time.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A small generator (xorshift64*), so that inputs need no files in the repository.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }
}

/// The environment of every guest.
pub fn environment(dir: &Path, work: u64) -> Vec<(&'static str, String)> {
    let dir = dir.to_string_lossy().into_owned();
    [("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"), ("LC_ALL", "C"), ("TZ", "UTC0"), ("TERM", "dumb"), ("PYTHONHASHSEED", "0")]
        .map(|(k, v)| (k, v.to_owned()))
        .into_iter()
        .chain([("HOME", dir.clone()), ("TMPDIR", dir), ("N", work.to_string())])
        .collect()
}

/// Makes `dir` anew, with the inputs in it.
pub fn fresh_directory(dir: &Path, work: u64) -> io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir.join("tree/sub/deep"))?;
    let mut r = Random(0x1234_5678_9abc_def1);
    let words: String = (0..2000).map(|_| format!("{} {}\n", word(&mut r), word(&mut r))).collect();
    let numbers: String = (0..1000).map(|_| format!("{}\n", r.below(100_000))).collect();
    let fields: String = (0..500).map(|i| format!("{i}\t{}\t{}.{:02}\n", word(&mut r), r.below(1000), r.below(100))).collect();
    // Half text, half noise: compressors find something to do, and not too much.
    let bulk: Vec<u8> = (0..work.min(8)).flat_map(|_| chunk(&mut r, words.as_bytes())).collect();
    let files: [(&str, &[u8]); 8] = [
        ("words.txt", words.as_bytes()),
        ("numbers.txt", numbers.as_bytes()),
        ("fields.txt", fields.as_bytes()),
        ("bulk.bin", &bulk),
        ("tree/one.txt", b"one\n"),
        ("tree/sub/two.c", b"int two(void) { return 2; }\n"),
        ("tree/sub/deep/three.txt", b"three\n3\n"),
        ("empty", b""),
    ];
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    for (name, _) in files.into_iter().map(|(n, _)| (n, ())).chain(["tree/sub/deep", "tree/sub", "tree"].map(|n| (n, ()))) {
        File::open(dir.join(name))?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000))?;
    }
    Ok(())
}

fn word(r: &mut Random) -> String {
    let n = 2 + r.below(8);
    (0..n).map(|_| char::from(b'a' + r.below(26).min(r.below(26)) as u8)).collect()
}

/// One megabyte.
fn chunk(r: &mut Random, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    while out.len() < 1 << 20 {
        if r.below(4) == 0 {
            out.extend((0..512).map(|_| r.next() as u8));
        } else {
            let at = r.below(text.len() as u64 - 2000) as usize;
            out.extend(&text[at..at + 500 + r.below(1500) as usize]);
        }
    }
    out.truncate(1 << 20);
    out
}

/// Names, types, modes, sizes and checksums of all files under `dir`, one a line.
pub fn listing(dir: &Path) -> String {
    let mut lines = Vec::new();
    list(dir, "", &mut lines);
    lines.sort();
    lines.join("\n")
}

fn list(dir: &Path, prefix: &str, lines: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), format!("{prefix}/{}", entry.file_name().to_string_lossy()));
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            lines.push(format!("{name}/ {:o}", meta.mode()));
            list(&path, &name, lines);
        } else if meta.is_symlink() {
            lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap_or_default().display()));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h: u64, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
            lines.push(format!("{name} {:o} {} {sum:016x}", meta.mode(), bytes.len()));
        }
    }
}
