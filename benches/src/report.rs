//! All rows of a run: means, files, what has changed since the last one.

use core::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::chart;
use crate::guests::Group;
use crate::row::Row;
use crate::runners::{OURS, Runner};

/// A smaller change is none, however little the runs of a day scatter: so much differs between days by where things lie in memory.
const LEAST_CHANGE: f64 = 0.03;

/// All of a run.
#[derive(Serialize, Deserialize)]
pub struct Report {
    /// YYYY-MM-DD.
    pub date: String,
    /// Name of the processor.
    pub machine: String,
    /// How many processors there are.
    processors: usize,
    reps: u32,
    /// Name and version of what was measured.
    runners: Vec<(String, String)>,
    /// The guests.
    pub rows: Vec<Row>,
}

fn said(program: &str, args: &[&str]) -> String {
    Command::new(program).args(args).output().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

impl Report {
    /// Without rows.
    pub fn new(runners: &[Runner], reps: u32) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(std::env::consts::ARCH);
        Self {
            date: said("date", &["-u", "+%Y-%m-%d"]),
            machine: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            reps,
            runners: runners.iter().map(|r| (r.name.clone(), r.version.clone())).collect(),
            rows: Vec::new(),
        }
    }

    /// Whether forklift was right in all rows.
    pub fn is_right(&self) -> bool {
        self.rows.iter().flat_map(|r| &r.took).all(|t| t.correct || !t.is_ours())
    }

    /// What was measured, the machine first.
    pub fn runner_names(&self) -> impl Iterator<Item = &str> {
        self.runners.iter().map(|r| r.0.as_str())
    }

    /// The rows of a group.
    pub fn of(&self, group: Group) -> Vec<&Row> {
        self.rows.iter().filter(|r| r.group == group).collect()
    }

    /// The geometric mean of a group's ratios to native, over how many rows, and of the same rows' ratios to forklift.
    pub fn mean(&self, group: Group, runner: &str) -> Option<(f64, usize, f64)> {
        let (mut native, mut ours, mut n) = (0.0, 0.0, 0);
        for row in self.of(group) {
            let (Some(t), Some(us)) = (row.right(runner), row.right(OURS)) else { continue };
            let (a, b) = (row.ratio(t).median, row.ratio(us).median);
            if a > 0.0 && b > 0.0 {
                (native, ours, n) = (native + a.ln(), ours + (a / b).ln(), n + 1);
            }
        }
        let mean = |sum: f64| (sum / n as f64).exp();
        (n > 0).then(|| (mean(native), n, mean(ours)))
    }

    /// The means as text, a line for each group of ratios.
    pub fn means_text(&self) -> String {
        let mut text = String::new();
        for group in Group::ALL.into_iter().filter(|g| g.is_ratio()) {
            let each: Vec<String> = self
                .runner_names()
                .skip(1)
                .filter_map(|r| {
                    let (native, rows, ours) = self.mean(group, r)?;
                    let beside = if r == OURS { String::new() } else { format!(", {ours:.2} times forklift's") };
                    Some(format!("{r} {native:.2}x over {rows}{beside}"))
                })
                .collect();
            if !each.is_empty() {
                let _ = writeln!(text, "geometric mean, {}: {}", group.key(), each.join("; "));
            }
        }
        text
    }

    fn folder(&self) -> String {
        let words = self.machine.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        format!("{}-{}", self.date, words.collect::<Vec<_>>().join("-").to_ascii_lowercase())
    }

    /// The latest results of this machine below `results`, with the name of their folder.
    ///
    /// # Errors
    /// They can't be read.
    pub fn last_in(&self, results: &Path) -> Result<Option<(String, Self)>, String> {
        let own = self.folder();
        let machine = &own[self.date.len()..];
        let entries = fs::read_dir(results).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok());
        let Some(last) = entries.filter(|n| n.ends_with(machine)).max() else { return Ok(None) };
        let path = results.join(&last).join("results.json");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let report = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Some((last, report)))
    }

    /// What became slower or faster than in `last`, relative to native, by more than both spreads.
    pub fn changes_since(&self, last: &Self) -> String {
        let mut lines = Vec::new();
        for row in &self.rows {
            let Some(old) = last.rows.iter().find(|r| r.name == row.name && r.group == row.group) else { continue };
            for t in row.took.iter().filter(|t| t.is_ours() && t.correct) {
                let Some(before) = old.right(&t.runner) else { continue };
                let (a, b) = (old.ratio(before), row.ratio(t));
                let change = b.median / a.median - 1.0;
                let noise = (a.spread + b.spread).max(LEAST_CHANGE);
                if change.abs() > noise {
                    let what = if row.group == Group::Resident { ["larger", "smaller"] } else { ["slower", "faster"] }[usize::from(change < 0.0)];
                    let (percent, noise) = (change.abs() * 100.0, noise * 100.0);
                    lines.push(format!(
                        "  {}, {}: {percent:.0} % {what}, {:.2} -> {:.2} times native (spread {noise:.0} %)",
                        row.name, t.runner, a.median, b.median
                    ));
                }
            }
        }
        if lines.is_empty() { "  nothing has changed by more than the spread".to_owned() } else { lines.join("\n") }
    }

    /// Writes `results.json`, `table.md` and `chart.svg` to `DATE-MACHINE` below `results`; gives the folder.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&self, results: &Path) -> Result<PathBuf, String> {
        let dir = results.join(self.folder());
        let json = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(dir.join("results.json"), json + "\n"))
            .and_then(|()| fs::write(dir.join("table.md"), self.tables()))
            .and_then(|()| fs::write(dir.join("chart.svg"), chart::draw(self)))
            .map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// Tables for a README.
    fn tables(&self) -> String {
        let versions: Vec<String> = self.runners.iter().filter(|r| !r.1.is_empty()).map(|(name, version)| format!("{name}: {version}")).collect();
        let mut text =
            format!("{}, {} processors, {}. Medians of {} runs or more. {}\n", self.machine, self.processors, self.date, self.reps, versions.join("; "));
        for group in Group::ALL {
            let rows = self.of(group);
            let names: Vec<&str> =
                self.runner_names().skip(usize::from(group.is_ratio())).filter(|n| rows.iter().any(|r| r.took.iter().any(|t| t.runner == *n))).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = write!(text, "\n{}\n\n| | {} |\n|---|{}\n", group.title(), names.join(" | "), "---|".repeat(names.len()));
            for row in rows {
                let cells = names.iter().map(|n| row.right(n).map_or_else(|| "wrong".to_owned(), |t| row.value_text(t)));
                let _ = writeln!(text, "| {} | {} |", row.name, cells.collect::<Vec<_>>().join(" | "));
            }
            if group.is_ratio() {
                let means = names.iter().map(|n| self.mean(group, n).map_or_else(String::new, |m| format!("{:.2}x ({} rows)", m.0, m.1)));
                let _ = writeln!(text, "| **geometric mean** | {} |", means.collect::<Vec<_>>().join(" | "));
            }
        }
        text
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::row::tests::row;

    pub fn report(rows: Vec<Row>) -> Report {
        let runners = ["native", OURS, "a<b"].map(|n| (n.to_owned(), String::new())).to_vec();
        Report { date: "2026-01-02".to_owned(), machine: "A (R) 7 @ 2 GHz".to_owned(), processors: 2, reps: 3, runners, rows }
    }

    #[test]
    fn means() {
        let r = report(vec![row("a", 1.0, 2.0, 0.0), row("b", 1.0, 8.0, 0.0)]);
        let (native, rows, ours) = r.mean(Group::Kernels64, "a<b").unwrap();
        assert!((native - 16.0).abs() < 1e-9 && rows == 2 && (ours - 4.0).abs() < 1e-9);
        assert_eq!(r.means_text(), "geometric mean, kernels-64: forklift 4.00x over 2; a<b 16.00x over 2, 4.00 times forklift's\n");
        assert!(r.tables().contains("| a | 2.00x | 8.00x |"), "{}", r.tables());
    }

    #[test]
    fn changes_beyond_the_spread() {
        let old = report(vec![row("a", 1.0, 2.0, 0.05), row("b", 1.0, 2.0, 0.05), row("gone", 1.0, 1.0, 0.0)]);
        let new = report(vec![row("a", 1.0, 2.15, 0.05), row("b", 2.0, 3.0, 0.05), row("new", 1.0, 9.0, 0.0)]);
        assert_eq!(new.changes_since(&old), "  b, forklift: 25 % faster, 2.00 -> 1.50 times native (spread 10 %)");
        assert!(old.changes_since(&old).contains("nothing"));
    }

    #[test]
    fn the_last_results_of_this_machine() {
        let dir = std::env::temp_dir().join(format!("forklift-results-{}", std::process::id()));
        let mut r = report(vec![row("a", 1.0, 2.0, 0.0)]);
        assert!(r.last_in(&dir).unwrap().is_none());
        assert!(r.write(&dir).unwrap().ends_with("2026-01-02-a-r-7-2-ghz"));
        let other = Report { machine: "B".to_owned(), date: "2026-02-01".to_owned(), ..report(Vec::new()) };
        other.write(&dir).unwrap();
        r.date = "2026-01-10".to_owned();
        let (name, last) = r.last_in(&dir).unwrap().unwrap();
        assert_eq!((&name[..10], last.rows.len()), ("2026-01-02", 1));
        fs::remove_dir_all(&dir).unwrap();
    }
}
