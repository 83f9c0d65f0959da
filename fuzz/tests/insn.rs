//! Every case file in `tests/insn`, against every oracle of this host. `FORKLIFT_CASES=shift` reads only files whose names contain that.

use std::path::PathBuf;

use forklift_fuzz::cases::{self, Mismatch};
use forklift_fuzz::forms::Host;
use forklift_fuzz::oracle;
use forklift_fuzz::{NoAnswer, Oracle};
use libtest_mimic::{Arguments, Failed, Trial};

/// What the real CPU calls itself.
const REAL: &str = "real CPU";

/// Makes an oracle, if this host has it.
type Make = fn() -> Option<Box<dyn Oracle + Send>>;

const ORACLES: &[(&str, Make)] = &[("real", oracle::real_cpu), ("interp", oracle::interpreter), ("jit", oracle::jit), ("direct", oracle::direct)];

fn main() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/insn");
    let mut files: Vec<_> = std::fs::read_dir(&dir).expect("tests/insn").map(|e| e.expect("a directory entry").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(!files.is_empty(), "no case files in {}", dir.display());
    if std::env::var_os("FORKLIFT_BLESS").is_some() {
        files.iter().for_each(|f| bless(f).expect("blessing"));
    }
    let trials = files.into_iter().flat_map(|file| {
        ORACLES.iter().map(move |&(name, make)| {
            let file = file.clone();
            let title = format!("{}::{name}", file.file_stem().unwrap_or_default().to_string_lossy());
            Trial::test(title, move || run(&file, make)).with_ignored_flag(make().is_none())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn run(file: &PathBuf, make: Make) -> Result<(), Failed> {
    let mut oracle = make().ok_or("this host has no such oracle")?;
    let text = std::fs::read_to_string(file)?;
    let groups = cases::parse(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut wrong = String::new();
    let host = Host::new();
    // The real CPU may lack what interpreter and JIT have.
    let is_real = oracle.name() == REAL;
    let there = groups.iter().filter(|g| !is_real || host.has(g.insn.code()));
    for (group, case) in there.flat_map(|g| g.cases.iter().map(move |c| (g, c))) {
        if case.open {
            wrong += &format!("{}:{}: not filled in: cargo xtask bless\n", file.display(), case.line);
            continue;
        }
        match cases::check(case, oracle.as_mut()) {
            Ok(()) => {}
            Err(Mismatch::NoAnswer(NoAnswer::Unsupported(why))) => eprintln!("{}:{}: skipped on the {}: {why}", file.display(), case.line, oracle.name()),
            Err(e) => wrong += &format!("{}:{}: {}\n{e}\n", file.display(), case.line, group.text),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Fills in texts that are `?`, and results of cases that have `=> ?`.
fn bless(file: &PathBuf) -> Result<(), String> {
    let Some(mut cpu) = oracle::real_cpu() else { return Ok(()) };
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    let groups = cases::parse(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for g in groups.iter().filter(|g| g.text == "?") {
        lines[g.line - 1] = lines[g.line - 1].replacen("\"?\"", &format!("\"{}\"", g.insn), 1);
    }
    let open = groups.iter().flat_map(|g| g.cases.iter().map(move |c| (g, c))).filter(|(_, c)| c.open);
    for (group, case) in open {
        let got = cpu.run(&case.input).map_err(|e| format!("{}:{}: {e}", file.display(), case.line))?;
        let line = &mut lines[case.line - 1];
        *line = line.replacen("=> ?", &format!("=> {}", cases::fill(group, case, &got)), 1);
    }
    let filled = lines.join("\n") + "\n";
    if filled == text { Ok(()) } else { std::fs::write(file, filled).map_err(|e| e.to_string()) }
}
