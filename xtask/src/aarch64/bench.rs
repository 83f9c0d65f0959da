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
const GUESTS: [&str; 9] = ["sha256", "bytecode", "strings", "nbody", "sort", "matmul", "crc32", "fib", "mandelbrot"];
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

/// What was measured of a guest: executed instructions by runner; `None` of one that didn't print what the guest prints natively.
struct Row {
    guest: &'static str,
    counts: Vec<Option<u64>>,
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
    let dir = target().join("aarch64/count");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut rows = Vec::new();
    for guest in [EMPTY].into_iter().chain(GUESTS.into_iter().filter(|g| g.contains(filter))) {
        let row = measure(&tools, &dir, &runners, guest)?;
        println!("{}", line(&row, rows.first(), &runners));
        rows.push(row);
    }
    let text = table(&rows, &runners);
    print!("\n{text}");
    if filter.is_empty() {
        write(&rows, &runners, &text)?;
    }
    let wrong = rows.iter().any(|r| r.counts[1].is_none());
    if wrong { Err("forklift printed something else than the guest does natively".to_owned()) } else { Ok(()) }
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

/// Instructions that are executed until the guest ends, if it prints what it should.
fn count(tools: &Tools, dir: &Path, runner: &Runner, guest: &Path, want: &str) -> Option<u64> {
    let file = dir.join("counted");
    let _ = fs::remove_file(&file);
    let [emulator, plugin, option] = tools.emulator_counting(&file);
    let mut c = command(&emulator, &["-cpu", CPU, &plugin, &option]);
    c.env_clear().env("BOX64_LOG", "0").env("BOX64_NOBANNER", "1");
    if runner.has_root {
        c.arg("-L").arg(tools.root());
    }
    let got = output(c.args(&runner.words).arg(guest).current_dir(dir));
    let counted = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
    (got.as_deref() == Some(want)).then_some(counted)
}

/// Ratio to native, both without what an empty program takes.
fn ratio(row: &Row, empty: &Row, runner: usize) -> Option<f64> {
    let own = |k: usize| Some(row.counts[k]?.saturating_sub(empty.counts[k]?) as f64);
    Some(own(runner)? / own(0)?)
}

fn line(row: &Row, empty: Option<&Row>, runners: &[Runner]) -> String {
    let mut text = format!("{:<12}", row.guest);
    for (k, r) in runners.iter().enumerate() {
        let _ = match (row.counts[k], empty.and_then(|e| ratio(row, e, k))) {
            (None, _) => write!(text, "  {}: fails", r.name),
            (Some(n), Some(x)) if k > 0 => write!(text, "  {}: {x:.2} ({:.1} M)", r.name, n as f64 / 1e6),
            (Some(n), _) => write!(text, "  {}: {:.1} M", r.name, n as f64 / 1e6),
        };
    }
    text
}

/// The table in Markdown.
fn table(rows: &[Row], runners: &[Runner]) -> String {
    let Some((empty, guests)) = rows.split_first() else { return String::new() };
    let mut text = format!(
        "Executed instructions on an emulated {CPU}, ratio to the aarch64 program of the same source, what an empty one takes left out.\n\n| guest | native |"
    );
    let names = || runners.iter().skip(1);
    names().for_each(|r| _ = write!(text, " {} |", r.name));
    text.push_str(&format!("\n|---|---|{}\n", "---|".repeat(runners.len() - 1)));
    let mut logs = vec![(0.0, 0u32); runners.len()];
    for row in guests {
        let own = row.counts[0].zip(empty.counts[0]).map_or(0, |(a, b)| a.saturating_sub(b));
        let _ = write!(text, "| {} | {:.0} M |", row.guest, own as f64 / 1e6);
        for (k, log) in logs.iter_mut().enumerate().skip(1) {
            match ratio(row, empty, k) {
                Some(x) => {
                    *log = (log.0 + x.ln(), log.1 + 1);
                    let _ = write!(text, " {x:.2} |");
                }
                None => text.push_str(" fails |"),
            }
        }
        text.push('\n');
    }
    text.push_str("| geometric mean | |");
    logs.iter().skip(1).for_each(|(sum, n)| _ = write!(text, " {:.2} |", (sum / f64::from(*n)).exp()));
    text.push_str("\n| an empty program | ");
    let millions = |c: &Option<u64>| c.map_or("fails".to_owned(), |n| format!("{:.1} M", n as f64 / 1e6));
    text.push_str(&empty.counts.iter().map(millions).collect::<Vec<_>>().join(" | "));
    text.push_str(" |\n");
    text
}

fn write(rows: &[Row], runners: &[Runner], text: &str) -> TaskResult {
    let day = output(&mut command("date", &["+%Y-%m-%d"])).ok_or("date doesn't tell the date")?;
    let dir: PathBuf = root().join("benches/results").join(format!("{}-aarch64-counts", day.trim()));
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let number = |c: &Option<u64>| c.map_or("null".to_owned(), |n| n.to_string());
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
