//! Random programs that change their own code: what they print must be what it is without forklift, translated and interpreted.
//!
//! `FORKLIFT_SELFMOD=n` runs n programs of each mode instead of a few; `FORKLIFT_SEED=n` starts with another seed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use forklift_fuzz::generate::{Rng, selfmod};
use forklift_x86::Mode;

/// What a program is run by; the last only where hosts can.
const ENGINES: [(&str, &[&str], &str); 7] = [
    ("interpreter", &["--interp"], ""),
    ("JIT", &[], ""),
    ("lifting JIT", &[], "direct=off,background=off"),
    ("eager JIT", &[], "direct=off,background=off,hot=2"),
    ("nothing kept for faults", &[], "direct=off,background=off,hot=2,faults=lost"),
    ("compiler thread", &[], "direct=off,background=on,hot=2"),
    ("host", &[], ""),
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn run(engine: usize, program: &Path) -> Output {
    let (name, options, jit) = ENGINES[engine];
    let mut c = if name == "host" { Command::new(program) } else { Command::new(env!("CARGO_BIN_EXE_forklift")) };
    if name != "host" {
        c.args(["run", "--no-cache"]).args(options).arg("--").arg(program).env("FORKLIFT_JIT", jit);
    }
    c.output().unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn all(mode: Mode) {
    let engines = if cfg!(target_arch = "x86_64") { ENGINES.len() } else { ENGINES.len() - 1 };
    let path = folder().join(format!("selfmod{}", mode.bitness()));
    for n in 0..setting("FORKLIFT_SELFMOD", 60) {
        let seed = setting("FORKLIFT_SEED", 1).wrapping_mul(1 << 32) + n;
        fs::write(&path, selfmod::program(mode, &mut Rng::new(seed))).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its permissions");
        let outputs: Vec<_> = (0..engines).map(|e| run(e, &path)).collect();
        for (o, (name, ..)) in outputs.iter().zip(ENGINES) {
            assert!(o.status.success() && o.stderr.is_empty(), "{name}, program {n}: {}, {}", o.status, String::from_utf8_lossy(&o.stderr));
            let differs = (0..o.stdout.len()).find(|&i| o.stdout.get(i) != outputs[engines - 1].stdout.get(i));
            assert_eq!(differs, None, "{name}, program {n} ({}): where the output of {} bytes differs", path.display(), o.stdout.len());
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

#[test]
fn code_of_64_bits() {
    all(Mode::Bits64);
}

#[test]
fn code_of_32_bits() {
    all(Mode::Bits32);
}
