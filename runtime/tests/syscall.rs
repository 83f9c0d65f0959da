//! The programs of `tests/syscall`, on real Linux and under forklift: for each ABI, by the interpreter alone and with the JIT (x86-64: in both of its ways). Output and status must be the same,
//! and the program's own checks must pass.
//!
//! `FORKLIFT_TEST_NATIVE=1` runs them on real Linux only. A program that says it can't run here (status 77) is ignored.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

/// How long one run may take. Unit: seconds. Native runs take less than one; a debug build's interpreter is some fifty times slower.
const LIMIT: u64 = 300;
/// Status of a program that can't run here.
const SKIPPED: i32 = 77;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/syscall")
}

/// What the comments at the top of a program say.
struct Program {
    name: String,
    source: PathBuf,
    abis: Vec<u32>,
    /// ABIs that forklift is known to fail, and why.
    missing: Vec<(u32, String)>,
    is_static: bool,
    /// Options of the JIT (FORKLIFT_JIT).
    jit: Option<String>,
    /// The CPU model, if not the default one.
    cpu: Option<String>,
}

impl Program {
    fn read(source: PathBuf) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(&source)?;
        let abis: Vec<u32> = text.lines().filter_map(|l| l.strip_prefix("// abi: ")?.trim().parse().ok()).collect();
        let missing = text.lines().filter_map(|l| l.strip_prefix("// missing: ")?.split_once(' '));
        let missing = missing.filter_map(|(abi, why)| Some((abi.parse().ok()?, why.to_owned()))).collect();
        Ok(Self {
            missing,
            name: source.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            source,
            abis: if abis.is_empty() { vec![64, 32] } else { abis },
            jit: text.lines().find_map(|l| Some(l.strip_prefix("// jit: ")?.trim().to_owned())),
            cpu: text.lines().find_map(|l| Some(l.strip_prefix("// cpu: ")?.trim().to_owned())),
            is_static: !text.lines().any(|l| l.trim() == "// link: dynamic"),
        })
    }

    /// Compiles it for an ABI unless that was done; the path of the result.
    fn build(&self, abi: u32) -> Result<PathBuf, Failed> {
        // Two ways of one program are tests of their own, side by side.
        static BUILDING: Mutex<()> = Mutex::new(());
        let _one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("syscall");
        std::fs::create_dir_all(&dir)?;
        let out = dir.join(format!("{}.{abi}", self.name));
        let modified = |p: &Path| std::fs::metadata(p).and_then(|m| m.modified());
        let headers = ["check.h", "faultcase.h", "sweep.h"].map(|h| modified(&sources().join(h)));
        let newest = headers.into_iter().try_fold(modified(&self.source)?, |n, h| h.map(|h| n.max(h)))?;
        if modified(&out).is_ok_and(|t| t > newest) {
            return Ok(out);
        }
        // Another process may be doing the same: the result appears at once.
        let part = dir.join(format!("{}.{abi}.{}", self.name, std::process::id()));
        let mut gcc = Command::new("gcc");
        gcc.arg(format!("-m{abi}")).args(["-O1", "-w", "-pthread", "-o"]).arg(&part).arg(&self.source);
        if self.is_static {
            gcc.arg("-static");
        }
        let built = gcc.output()?;
        if !built.status.success() {
            return Err(format!("gcc -m{abi}: {}", String::from_utf8_lossy(&built.stderr)).into());
        }
        std::fs::rename(part, &out)?;
        Ok(out)
    }
}

/// How a program is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Native,
    Interp,
    Jit,
    /// With the JIT, that runs nothing directly and has a thread that compiles.
    Lifted,
}

fn run(way: Way, program: &Path, of: &Program) -> Result<Output, Failed> {
    let mut c = match way {
        Way::Native => Command::new(program),
        _ => Command::new(env!("CARGO_BIN_EXE_forklift")),
    };
    if way != Way::Native {
        c.args(["run", "--no-cache"]);
        of.cpu.iter().for_each(|model| _ = c.args(["--cpu", model]));
        let tier = (way == Way::Lifted).then_some("direct=off,background=on,hot=50,faults=lost");
        let options: Vec<_> = tier.into_iter().chain(of.jit.as_deref()).collect();
        if !options.is_empty() {
            c.env("FORKLIFT_JIT", options.join(","));
        }
        if way == Way::Interp {
            c.arg("--interp");
        }
        c.arg(program);
    }
    let child = c.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let id = child.id();
    // Read while it runs: more than a pipe holds may come.
    let (done, ended) = mpsc::channel();
    let reader = std::thread::spawn(move || _ = done.send(child.wait_with_output()));
    let output = ended.recv_timeout(Duration::from_secs(LIMIT)).or_else(|_| {
        _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        ended.recv().map(|o| o.and_then(|o| Err(std::io::Error::other(format!("still running after {LIMIT} s; it said:\n{}", text(&o))))))
    });
    reader.join().map_err(|_| "the reader panicked")?;
    Ok(output??)
}

fn text(o: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr))
}

fn status(o: &Output) -> String {
    match (o.status.code(), o.status.signal()) {
        (Some(c), _) => format!("status {c}"),
        (_, Some(s)) => format!("signal {s}"),
        _ => o.status.to_string(),
    }
}

/// What is said that isn't said natively: all of it if that is short, or else the lines that differ.
fn different(native: &str, ours: &str) -> String {
    const SHORT: usize = 100;
    const SHOWN: usize = 50;
    if ours.lines().count() <= SHORT {
        return ours.to_owned();
    }
    let pairs = ours.lines().zip(native.lines().chain(core::iter::repeat("nothing")));
    pairs.filter(|(a, b)| a != b).take(SHOWN).map(|(a, b)| format!("{a}, natively {b}\n")).collect()
}

fn test(p: &Program, abi: u32, way: Way) -> Result<(), Failed> {
    let program = p.build(abi)?;
    let native = run(Way::Native, &program, p)?;
    if native.status.code() == Some(SKIPPED) {
        // In the list of what was skipped, with its reason, though the test itself has to pass.
        let why = text(&native);
        println!("test [{}] {}::{abi} ... ignored", why.trim().trim_start_matches("skipped: "), p.name);
        return Ok(());
    }
    if !native.status.success() {
        return Err(format!("on real Linux: {}\n{}", status(&native), text(&native)).into());
    }
    if way == Way::Native {
        return Ok(());
    }
    let ours = run(way, &program, p)?;
    if status(&ours) != status(&native) || ours.stdout != native.stdout || ours.stderr != native.stderr {
        return Err(format!("{}\n{}", status(&ours), different(&text(&native), &text(&ours))).into());
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut args = Arguments::from_args();
    // Programs wait more than they compute, but two machines' worth of them would miss their deadlines.
    args.test_threads.get_or_insert(std::thread::available_parallelism().map_or(2, usize::from));
    let native_only = std::env::var_os("FORKLIFT_TEST_NATIVE").is_some();
    let ways: &[(Way, &str)] = if native_only { &[(Way::Native, "native")] } else { &[(Way::Interp, "interp"), (Way::Jit, "jit"), (Way::Lifted, "lifted")] };
    // Elsewhere all is lifted.
    let has_direct = cfg!(target_arch = "x86_64");
    let mut trials = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(sources())?.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    for source in files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "c")) {
        for abi in Program::read(source.clone())?.abis {
            for &(way, how) in ways.iter().filter(|w| w.0 != Way::Lifted || has_direct) {
                let p = Program::read(source.clone())?;
                let why = p.missing.iter().find(|m| way != Way::Native && m.0 == abi).map(|m| m.1.clone());
                let trial = Trial::test(format!("{}::{abi}::{how}", p.name), move || test(&p, abi, way));
                trials.push(match why {
                    Some(why) => trial.with_kind(why).with_ignored_flag(true),
                    None => trial,
                });
            }
        }
    }
    libtest_mimic::run(&args, trials).exit();
}
