//! `cargo xtask order`: writes `runtime/start.ld`, which has the linker put together what every start of a guest runs. The kernel maps 16 pages of a file around
//! each one that is touched, so code that lies scattered costs memory and time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::run::{cargo, command, output, run};
use crate::{TaskResult, root, target};

/// Names that also stand for much code that isn't run are left out: those where that is more than this. Unit: bytes.
const MOST_BESIDES: u64 = 40_000;
/// The static C library that the binary is linked with.
const LIBC: &str = "/usr/lib/x86_64-linux-gnu/libc.a";

/// A function of the binary.
struct Function {
    start: u64,
    size: u64,
    name: String,
}

/// Builds forklift, watches it start a static program that it has run before, and writes the script.
pub fn order() -> TaskResult {
    if !cfg!(target_arch = "x86_64") {
        return Err("forklift is linked statically on x86-64 hosts only".to_owned());
    }
    run(&mut cargo(&["build", "--release"]))?;
    let dir = target().join("order");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let at = |name: &str| dir.join(name).display().to_string();
    run(&mut command("gcc", &["-O2", "-o", &at("trace"), "xtask/src/order.c"]))?;
    run(&mut command("gcc", &["-O2", "-static", "-o", &at("empty"), "benches/guest/empty.c"]))?;
    let forklift = target().join("release/forklift").display().to_string();
    run(command(&forklift, &["run", &at("empty")]).env("XDG_CACHE_HOME", at("cache")))?;
    let mut trace = command(&at("trace"), &[&forklift, "run", &at("empty")]);
    let trace = output(trace.env("XDG_CACHE_HOME", at("cache"))).ok_or("the tracer failed")?;
    let functions = functions(&forklift)?;
    let script = script(&functions, &run_functions(&trace, &functions, text_bias(&forklift)?));
    let path = root().join("runtime/start.ld");
    fs::write(&path, script).map_err(|e| format!("{}: {e}", path.display()))
}

fn hex(s: &str) -> Option<u64> {
    u64::from_str_radix(s.trim_start_matches("0x"), 16).ok()
}

/// The functions of a binary, by address.
fn functions(binary: &str) -> Result<Vec<Function>, String> {
    let list = output(&mut command("nm", &["-n", "-S", binary])).ok_or("nm failed")?;
    let function = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let [start, size, kind, name] = words[..] else { return None };
        "tTwWi".contains(kind).then_some(Function { start: hex(start)?, size: hex(size)?, name: name.to_owned() })
    };
    Ok(list.lines().filter_map(function).collect())
}

/// What code's offset in the file lacks to its address.
fn text_bias(binary: &str) -> Result<u64, String> {
    let headers = output(&mut command("readelf", &["-lW", binary])).ok_or("readelf failed")?;
    let load = headers.lines().find(|l| l.contains("LOAD") && l.contains("R E")).ok_or("no code")?;
    let mut words = load.split_whitespace().skip(1).filter_map(hex);
    words.next().zip(words.next()).map(|(offset, address)| address - offset).ok_or_else(|| load.to_owned())
}

/// Which of them the trace, of offsets in the file, has been in.
fn run_functions(trace: &str, functions: &[Function], bias: u64) -> BTreeSet<usize> {
    let at = |offset: u64| functions.partition_point(|f| f.start <= offset + bias).checked_sub(1);
    trace.lines().filter_map(hex).filter_map(at).collect()
}

/// What stands for a Rust function's section whatever the build, or for the object file of a function of the C library.
fn pattern(name: &str, objects: &BTreeMap<&str, &str>) -> Option<String> {
    if !name.starts_with("_ZN") && !name.starts_with("_R") {
        return objects.get(name).map(|o| format!("*libc.a:{o}(.text .text.*)"));
    }
    let name = name.split(".llvm.").next()?;
    // The hash: of what was compiled, or of its crate.
    let mut parts = name.split("17h");
    let mut wild = parts.next()?.to_owned();
    for p in parts {
        let hash = p.get(..16).is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        wild += if hash { "17h*" } else { "17h" };
        wild += if hash { "" } else { p };
    }
    let mut crates = wild.split("Cs");
    let mut text = crates.next()?.to_owned();
    for p in crates {
        match p.split_once('_').filter(|_| name.starts_with("_R")) {
            Some((_, rest)) => text += &format!("Cs*_{rest}"),
            None => text += &format!("Cs{p}"),
        }
    }
    Some(format!("*(.text.{})", if text.ends_with('*') { text } else { text + "*" }))
}

fn script(functions: &[Function], run: &BTreeSet<usize>) -> String {
    let list = output(&mut command("nm", &["-A", LIBC])).unwrap_or_default();
    let mut objects = BTreeMap::new();
    for line in list.lines() {
        let (Some((place, rest)), Some((kind, name))) = (line.rsplit_once(':'), line.rsplit_once(' ').map(|(l, n)| (l.chars().last(), n))) else { continue };
        if rest.trim_start().len() > 1 && kind.is_some_and(|k| "tTwWi".contains(k)) {
            objects.entry(name).or_insert_with(|| place.rsplit_once(':').map_or(place, |p| p.1));
        }
    }
    // How much of what a pattern stands for is run, and how much isn't.
    let mut sizes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (i, f) in functions.iter().enumerate() {
        if let Some(p) = pattern(&f.name, &objects) {
            let sizes = sizes.entry(p).or_default();
            *(if run.contains(&i) { &mut sizes.0 } else { &mut sizes.1 }) += f.size;
        }
    }
    let lines = sizes.iter().filter(|(_, (run, besides))| *run > 0 && *besides <= MOST_BESIDES).map(|(p, _)| format!("    {p}\n"));
    let head = "/* Written by `cargo xtask order`: what every start of a guest runs. What is named here and isn't there does no harm. */\n";
    format!("{head}SECTIONS {{\n  .text.start : {{\n{}  }}\n}}\nINSERT BEFORE .text;\n", lines.collect::<String>())
}
