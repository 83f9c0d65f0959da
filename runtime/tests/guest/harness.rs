//! Running a guest natively and under forklift, and comparing.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::inputs;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How a guest is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// By the host itself.
    Native,
    /// By forklift.
    Jit,
    /// By forklift, which lifts everything.
    Lifted,
    /// By forklift's interpreter alone.
    Interp,
}

impl Engine {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Jit => "jit",
            Self::Lifted => "lifted",
            Self::Interp => "interp",
        }
    }
}

/// What is run.
#[derive(Clone)]
pub struct Guest {
    pub name: String,
    /// Programs and files that the host must have.
    pub needs: Vec<String>,
    /// Gives the program and its arguments; may have to build it first.
    pub argv: std::sync::Arc<dyn Fn() -> Result<Vec<String>, String> + Send + Sync>,
    /// Work for a run under the JIT and one under the interpreter, handed to the guest as `$N`. Unit: the guest's own.
    pub work: [u64; 2],
}

impl Guest {
    /// Why this host can't run the guest.
    pub fn missing(&self) -> Option<String> {
        if !cfg!(target_arch = "x86_64") {
            return Some("needs an x86-64 host to compare with".to_owned());
        }
        let absent: Vec<_> = self.needs.iter().filter(|n| find(n).is_none()).map(String::as_str).collect();
        (!absent.is_empty()).then(|| format!("needs {}", absent.join(", ")))
    }
}

/// The file that `program` names, looked up as a shell does.
pub fn find(program: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().map(|d| Path::new(d).join(program)).find(|p| p.is_file())
}

/// What a run gave.
struct Outcome {
    status: Option<ExitStatus>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    files: String,
}

/// Runs `guest` natively and by `engine` in equal directories, and compares all that came of it.
pub fn compare(guest: &Guest, engine: Engine) -> Result<(), String> {
    let argv = (guest.argv)()?;
    let dir = std::env::temp_dir().join(format!("forklift-guest-{}", std::process::id())).join(format!("{}-{}", guest.name, engine.name()));
    let work = guest.work[usize::from(engine == Engine::Interp)];
    // As much compiled code as can be: a thread of its own might not be done with it in time. Faults as on ARM.
    let options = if engine == Engine::Lifted { "direct=off,background=off,faults=lost" } else { "" };
    let native = run(&argv, Engine::Native, &dir, work, options)?;
    let engine = if std::env::var_os("FORKLIFT_GUEST_NATIVE").is_some() { Engine::Native } else { engine };
    let ours = run(&argv, engine, &dir, work, options)?;
    let _ = fs::remove_dir_all(&dir);
    let text = difference(&native, &ours);
    if text.is_empty() { Ok(()) } else { Err(format!("{}\n{text}", argv.join(" "))) }
}

fn run(argv: &[String], engine: Engine, dir: &Path, work: u64, options: &str) -> Result<Outcome, String> {
    let fail = |what: &str, e: std::io::Error| format!("{what}: {e}");
    inputs::fresh_directory(dir, work).map_err(|e| fail("inputs", e))?;
    let (out, err) = (dir.with_extension("stdout"), dir.with_extension("stderr"));
    let mut c = command(argv, engine);
    c.current_dir(dir).env_clear().envs(inputs::environment(dir, work));
    // Natively, too: the guests show their environment.
    c.env("FORKLIFT_JIT", options);
    c.envs(std::env::var_os("FORKLIFT_GUEST_CACHE").map(|d| ("XDG_CACHE_HOME", d))).process_group(0).stdin(Stdio::null());
    c.stdout(File::create(&out).map_err(|e| fail("stdout", e))?).stderr(File::create(&err).map_err(|e| fail("stderr", e))?);
    let mut child = c.spawn().map_err(|e| fail(&argv[0], e))?;
    let start = Instant::now();
    let status = loop {
        if let Some(s) = child.try_wait().map_err(|e| fail("wait", e))? {
            break Some(s);
        }
        if start.elapsed() > LIMIT {
            // SAFETY: the process group that was made for the child, which has not been waited for.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            let _ = child.wait();
            break None;
        }
        std::thread::sleep((start.elapsed() / 20).clamp(Duration::from_micros(200), Duration::from_millis(20)));
    };
    let read = |p: &Path| fs::read(p).map_err(|e| fail("output", e));
    let outcome = Outcome { status, stdout: read(&out)?, stderr: read(&err)?, files: inputs::listing(dir) };
    let _ = (fs::remove_file(out), fs::remove_file(err));
    Ok(outcome)
}

fn command(argv: &[String], engine: Engine) -> Command {
    if engine == Engine::Native {
        let mut c = Command::new(&argv[0]);
        c.args(&argv[1..]);
        return c;
    }
    let mut c = Command::new(env!("CARGO_BIN_EXE_forklift"));
    c.arg("run");
    if engine == Engine::Interp {
        c.arg("--interp");
    }
    // `FORKLIFT_GUEST_CACHE=DIR`: with the cache, in DIR. Run the tests twice.
    match std::env::var_os("FORKLIFT_GUEST_CACHE") {
        Some(_) => &mut c,
        None => c.arg("--no-cache"),
    };
    c.arg("--").args(argv);
    c
}

fn difference(native: &Outcome, ours: &Outcome) -> String {
    let mut text = String::new();
    let status = |o: &Outcome| match o.status {
        None => "no end in time".to_owned(),
        Some(s) => s.signal().map_or_else(|| format!("exit status {}", s.code().unwrap_or(-1)), |n| format!("signal {n}")),
    };
    let (a, b) = (status(native), status(ours));
    if a != b || native.status.is_none() {
        let _ = writeln!(text, "natively {a}, under forklift {b}");
    }
    for (what, a, b) in [("stdout", &native.stdout, &ours.stdout), ("stderr", &native.stderr, &ours.stderr)] {
        if a != b {
            let _ = writeln!(text, "{what} differs:\n{}", first_difference(&String::from_utf8_lossy(a), &String::from_utf8_lossy(b)));
        }
    }
    if native.files != ours.files {
        let _ = writeln!(text, "files differ:\n{}", first_difference(&native.files, &ours.files));
    }
    text
}

/// The first lines that differ, and a few behind them.
fn first_difference(a: &str, b: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (a.lines().collect(), b.lines().collect());
    let at = (0..a.len().max(b.len())).find(|&i| a.get(i) != b.get(i)).unwrap_or(0);
    let show = |l: &[&str]| l.iter().skip(at).take(12).map(|l| l.chars().take(300).collect::<String>()).collect::<Vec<_>>().join("\n    ");
    format!("  from line {}\n  natively:\n    {}\n  under forklift:\n    {}", at + 1, show(&a), show(&b))
}
