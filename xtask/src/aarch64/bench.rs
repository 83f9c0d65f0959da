//! `cargo xtask aarch64 bench`: instructions of the host that guests take, natively on aarch64, under forklift and under peers. An emulator counts them, so that
//! the numbers repeat exactly, whatever else the machine does; caches, branches that are guessed wrong and what barriers cost aren't in them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::tools::Tools;
use super::{build, program};
use crate::run::{command, output};
use crate::{TaskResult, root, target};

/// Guests, by the names of their sources in `benches/guest`.
const GUESTS: [&str; 8] = ["sha256", "bytecode", "strings", "nbody", "sort", "matmul", "crc32", "fib"];
/// How many of them, the first ones, have a mean of their own.
const MAIN: usize = 6;
/// When a run counts as hung. Unit: seconds.
const LIMIT: &str = "1800";
/// What a runner takes to start is what this takes.
const EMPTY: &str = "empty";
/// The CPU that is emulated: of a handheld of today, with LSE and LRCPC.
const CPU: &str = "cortex-a76";

/// Who runs guests.
struct Runner {
    name: &'static str,
    /// What comes before the guest.
    words: Vec<String>,
    /// It needs the peers' libraries.
    has_root: bool,
    /// It runs aarch64's own programs.
    native: bool,
}

fn runners(tools: &Tools, peers: &[&str]) -> Result<Vec<Runner>, String> {
    let own = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
    let ours = program("forklift").display().to_string();
    let mut all = vec![
        Runner { name: "native", words: Vec::new(), has_root: false, native: true },
        Runner { name: "forklift", words: own(&[&ours, "run", "--no-cache"]), has_root: false, native: false },
    ];
    for &peer in peers {
        let (name, file) = match peer {
            "box64" => ("box64", "usr/bin/box64"),
            "qemu" => ("qemu-x86_64", "usr/bin/qemu-x86_64"),
            _ => return Err(format!("no peer is called '{peer}': there are box64 and qemu")),
        };
        let path = tools.root().join(file);
        all.push(Runner { name, words: vec![path.display().to_string()], has_root: true, native: false });
    }
    Ok(all)
}

/// Executed instructions: all, and those of generated code among them.
#[derive(Clone, Copy)]
struct Count {
    all: u64,
    generated: u64,
}

/// What was measured of a guest, by runner, or why it failed.
struct Row {
    guest: &'static str,
    counts: Vec<Result<Count, String>>,
}

impl Row {
    fn all(&self, runner: usize) -> Option<u64> {
        self.counts[runner].as_ref().ok().map(|c| c.all)
    }
}

/// Runs the task with these arguments.
pub fn bench(args: &[&str]) -> TaskResult {
    let (mut peers, mut filter) = (Vec::new(), "");
    for pair in args.chunks(2) {
        match pair {
            ["--peers", list] => peers = list.split(',').collect(),
            ["--filter", part] => filter = part,
            _ => return Err("cargo xtask aarch64 bench [--peers box64,qemu] [--filter NAME]".to_owned()),
        }
    }
    build()?;
    let tools = Tools::new()?;
    let runners = runners(&tools, &peers)?;
    // Another run may be under way.
    let dir = target().join(format!("aarch64/count/{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let rows = measure_all(&tools, &dir, &runners, filter);
    let _ = fs::remove_dir_all(&dir);
    let rows = rows?;
    let text = table(&rows, &runners);
    print!("\n{text}");
    if filter.is_empty() {
        write(&rows, &runners, &text)?;
    }
    match rows.iter().find_map(|r| r.counts[1].as_ref().err().map(|why| (r.guest, why))) {
        Some((guest, why)) => Err(format!("forklift fails at {guest}: {why}")),
        None => Ok(()),
    }
}

fn measure_all(tools: &Tools, dir: &Path, runners: &[Runner], filter: &str) -> Result<Vec<Row>, String> {
    tools.plugin(dir)?;
    let mut rows = Vec::new();
    for guest in [EMPTY].into_iter().chain(GUESTS.into_iter().filter(|g| g.contains(filter))) {
        let row = measure(tools, dir, runners, guest)?;
        println!("{}", line(&row, rows.first(), runners));
        rows.push(row);
    }
    Ok(rows)
}

fn measure(tools: &Tools, dir: &Path, runners: &[Runner], guest: &'static str) -> Result<Row, String> {
    let source = root().join("benches/guest").join(guest).with_extension("c");
    let programs = [true, false].map(|arm| dir.join(format!("{guest}.{}", if arm { "aarch64" } else { "x86_64" })));
    tools.compile(&source, &programs[0], true)?;
    tools.compile(&source, &programs[1], false)?;
    let want = output(&mut command(&programs[1].to_string_lossy(), &[])).ok_or_else(|| format!("{guest} doesn't run natively"))?;
    let counts = runners.iter().map(|r| count(tools, dir, r, &programs[usize::from(!r.native)], &want)).collect();
    Ok(Row { guest, counts })
}

/// Instructions that are executed until the guest ends, if it prints what it should; else why they don't count.
fn count(tools: &Tools, dir: &Path, runner: &Runner, guest: &Path, want: &str) -> Result<Count, String> {
    let file = dir.join("counted");
    let _ = fs::remove_file(&file);
    let [emulator, plugin, option] = tools.emulator_counting(dir, &file);
    let mut c = command("timeout", &[LIMIT, &emulator, "-cpu", CPU, &plugin, &option]);
    // How long is interpreted what is being compiled would be another number each time.
    c.env_clear().env("PATH", "/usr/bin:/bin").env("FORKLIFT_JIT", "background=off").env("BOX64_LOG", "0").env("BOX64_NOBANNER", "1");
    if runner.has_root {
        c.arg("-L").arg(tools.root());
    }
    let out = c.args(&runner.words).arg(guest).current_dir(dir).output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        let last = String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default().to_owned();
        return Err(format!("{} {last}", out.status).trim().to_owned());
    }
    let got = String::from_utf8_lossy(&out.stdout);
    if got != want {
        let differs = got.lines().zip(want.lines()).find(|(a, b)| a != b);
        return Err(differs.map_or("prints too much or too little".to_owned(), |(a, b)| format!("prints '{a}' instead of '{b}'")));
    }
    let counted = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let numbers: Vec<u64> = counted.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    if let [all, generated] = numbers[..] { Ok(Count { all, generated }) } else { Err("nothing was counted".to_owned()) }
}

/// Ratio to native, both without what an empty program takes.
fn ratio(row: &Row, empty: &Row, runner: usize) -> Option<f64> {
    let own = |k: usize| Some(row.all(k)?.saturating_sub(empty.all(k)?) as f64);
    Some(own(runner)? / own(0)?)
}

fn line(row: &Row, empty: Option<&Row>, runners: &[Runner]) -> String {
    let mut text = format!("{:<12}", row.guest);
    for (k, r) in runners.iter().enumerate() {
        let _ = match (&row.counts[k], empty.and_then(|e| ratio(row, e, k))) {
            (Err(why), _) => write!(text, "  {}: fails ({why})", r.name),
            (Ok(n), Some(x)) if k > 0 => write!(text, "  {}: {x:.2} ({:.1} M, {:.1} M generated)", r.name, n.all as f64 / 1e6, n.generated as f64 / 1e6),
            (Ok(n), _) => write!(text, "  {}: {:.1} M", r.name, n.all as f64 / 1e6),
        };
    }
    text
}

/// The table in Markdown.
fn table(rows: &[Row], runners: &[Runner]) -> String {
    let Some((empty, guests)) = rows.split_first() else { return String::new() };
    let mut text = format!(
        "Executed instructions on an emulated {CPU}, ratio to the aarch64 program of the same source, what an empty one takes left out. In brackets: how much of it is code that \
         was generated.\n\n| guest | native |"
    );
    runners.iter().skip(1).for_each(|r| _ = write!(text, " {} |", r.name));
    text.push_str(&format!("\n|---|---|{}\n", "---|".repeat(runners.len() - 1)));
    for row in guests {
        let own = row.all(0).zip(empty.all(0)).map_or(0, |(a, b)| a.saturating_sub(b));
        let _ = write!(text, "| {} | {:.0} M |", row.guest, own as f64 / 1e6);
        for k in 1..runners.len() {
            let _ = match (ratio(row, empty, k), &row.counts[k]) {
                (Some(x), Ok(n)) => write!(text, " {x:.2} ({:.0} %) |", 100.0 * n.generated as f64 / n.all as f64),
                _ => write!(text, " fails |"),
            };
        }
        text.push('\n');
    }
    for (name, rows) in [("of all", guests), ("of the first six", guests.get(..MAIN).unwrap_or_default())] {
        let _ = write!(text, "| geometric mean {name} | |");
        (1..runners.len()).for_each(|k| _ = write!(text, " {} |", mean(rows, empty, k)));
        text.push('\n');
    }
    text.push_str("| an empty program | ");
    let millions = |c: &Result<Count, String>| c.as_ref().map_or("fails".to_owned(), |n| format!("{:.1} M", n.all as f64 / 1e6));
    text.push_str(&empty.counts.iter().map(millions).collect::<Vec<_>>().join(" | "));
    text.push_str(" |\n");
    for (row, runner, why) in rows.iter().flat_map(|r| r.counts.iter().zip(runners).filter_map(move |(c, runner)| Some((r, runner, c.as_ref().err()?)))) {
        let _ = write!(text, "\n{} fails at {}: {why}.\n", runner.name, row.guest);
    }
    text
}

/// The geometric mean of a runner's ratios, of the guests that all runners passed.
fn mean(rows: &[Row], empty: &Row, runner: usize) -> String {
    let passed = rows.iter().filter(|r| r.counts.iter().all(Result::is_ok));
    let logs: Vec<f64> = passed.filter_map(|r| Some(ratio(r, empty, runner)?.ln())).collect();
    if logs.is_empty() { "–".to_owned() } else { format!("{:.2}", (logs.iter().sum::<f64>() / logs.len() as f64).exp()) }
}

/// Whether results in `dir` are of more runners.
fn is_fuller(dir: &Path, runners: &[Runner]) -> bool {
    let old = fs::read_to_string(dir.join("table.md")).unwrap_or_default();
    old.lines().find(|l| l.starts_with("| guest")).is_some_and(|l| l.matches('|').count() > runners.len() + 2)
}

fn write(rows: &[Row], runners: &[Runner], text: &str) -> TaskResult {
    let day = output(&mut command("date", &["+%Y-%m-%d"])).ok_or("date doesn't tell the date")?;
    let mut dir: PathBuf = root().join("benches/results").join(format!("{}-aarch64-counts", day.trim()));
    if is_fuller(&dir, runners) {
        println!("{} has results of more peers", dir.display());
        dir = target().join("aarch64/count/results");
    }
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let number = |c: &Result<Count, String>| c.as_ref().map_or("null".to_owned(), |n| format!("{{ \"all\": {}, \"generated\": {} }}", n.all, n.generated));
    let mut json = format!("{{\n  \"cpu\": \"{CPU}\",\n  \"unit\": \"executed instructions\",\n  \"guests\": {{\n");
    for (n, row) in rows.iter().enumerate() {
        let counts: Vec<_> = runners.iter().zip(&row.counts).map(|(r, c)| format!("\"{}\": {}", r.name, number(c))).collect();
        let _ = writeln!(json, "    \"{}\": {{ {} }}{}", row.guest, counts.join(", "), if n + 1 < rows.len() { "," } else { "" });
    }
    json.push_str("  }\n}\n");
    for (name, content) in [("table.md", text), ("results.json", &json)] {
        fs::write(dir.join(name), content).map_err(|e| format!("{}: {e}", dir.join(name).display()))?;
    }
    println!("written to {}", dir.display());
    Ok(())
}
