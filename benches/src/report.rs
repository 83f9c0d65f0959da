//! Rows, averages, files: JSON with every number, and a chart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::guests::Guest;
use crate::measure::Run;

/// A guest natively, under forklift, and under the peers, in this order.
#[derive(Serialize)]
pub struct Row {
    name: String,
    group: String,
    took: Vec<Took>,
}

/// What the runs of one command took: medians.
#[derive(Serialize)]
pub struct Took {
    /// Unit: seconds of processor time.
    cpu: f64,
    /// Unit: seconds.
    wall: f64,
    /// Peak resident size. Unit: MiB.
    memory: f64,
    /// Largest less smallest processor time, as a part of the median.
    spread: f64,
    /// It ended and printed as natively.
    pub correct: bool,
    status: i32,
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(0.0)
}

impl Took {
    fn new(runs: &[Run], native: &Run) -> Self {
        let cpu: Vec<f64> = runs.iter().map(|r| r.cpu).collect();
        let (least, most) = cpu.iter().fold((f64::MAX, 0f64), |(a, b), &c| (a.min(c), b.max(c)));
        let middle = median(cpu);
        Self {
            cpu: middle,
            wall: median(runs.iter().map(|r| r.wall).collect()),
            memory: runs.iter().map(|r| r.memory).fold(0.0, f64::max),
            spread: (most - least) / middle.max(1e-9),
            correct: runs.iter().all(|r| r.status == native.status && r.output == native.output),
            status: runs.last().map_or(0, |r| r.status),
        }
    }
}

impl Row {
    /// From the runs of each command.
    pub fn new(guest: &Guest, runs: &[Vec<Run>]) -> Self {
        Self { name: guest.name.clone(), group: guest.group.to_owned(), took: runs.iter().map(|r| Took::new(r, &runs[0][0])).collect() }
    }

    /// What it took under forklift.
    pub fn ours(&self) -> Option<&Took> {
        self.took.get(1)
    }

    /// Ratio of processor times to native; `None` if what was printed was wrong.
    fn ratio(&self, n: usize) -> Option<f64> {
        let t = self.took.get(n).filter(|t| t.correct)?;
        Some(t.cpu / self.took[0].cpu.max(1e-4))
    }

    /// As text.
    pub fn line(&self) -> String {
        let native = &self.took[0];
        let mut line = format!("{:<20} native {:7.3} s", self.name, native.cpu);
        for n in 1..self.took.len() {
            let t = &self.took[n];
            line += &match self.ratio(n) {
                Some(r) => format!("  {r:6.2}x (wall {:.2}x, ±{:.0} %, {:.0} MiB)", t.wall / native.wall.max(1e-6), t.spread * 50.0, t.memory),
                None => format!("  wrong (status {})", t.status),
            };
        }
        line
    }
}

/// All of a run.
#[derive(Serialize)]
pub struct Report {
    date: String,
    machine: String,
    peers: Vec<String>,
    /// The guests.
    pub rows: Vec<Row>,
}

fn said(program: &str, args: &[&str]) -> String {
    Command::new(program).args(args).output().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

impl Report {
    /// Without rows.
    pub fn new(peers: Vec<String>) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(std::env::consts::ARCH);
        Self { date: said("date", &["+%Y-%m-%d"]), machine: model.trim_start_matches([' ', '\t', ':']).to_owned(), peers, rows: Vec::new() }
    }

    /// The geometric mean of each group's ratios, for each command but the native one.
    fn means(&self) -> BTreeMap<&str, Vec<(f64, usize)>> {
        let mut groups: BTreeMap<&str, Vec<(f64, usize)>> = BTreeMap::new();
        for row in &self.rows {
            let sums = groups.entry(&row.group).or_insert_with(|| vec![(0.0, 0); row.took.len() - 1]);
            for (n, sum) in sums.iter_mut().enumerate() {
                if let Some(r) = row.ratio(n + 1) {
                    *sum = (sum.0 + r.ln(), sum.1 + 1);
                }
            }
        }
        groups
    }

    /// The means, as text.
    pub fn summary(&self) -> Vec<String> {
        let names: Vec<&str> = ["forklift"].into_iter().chain(self.peers.iter().map(String::as_str)).collect();
        let of = |(group, sums): (&str, Vec<(f64, usize)>)| {
            let each = names.iter().zip(sums).map(|(n, (sum, rows))| format!("{n} {:.2}x over {rows}", (sum / rows.max(1) as f64).exp()));
            format!("geometric mean, {group}: {}", each.collect::<Vec<_>>().join(", "))
        };
        self.means().into_iter().map(of).collect()
    }

    /// Writes `DATE-MACHINE/results.json` and `chart.svg` under `results`; gives the folder.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&self, results: &Path) -> Result<PathBuf, String> {
        let machine: String = self.machine.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let dir = results.join(format!("{}-{machine}", self.date));
        let json = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(dir.join("results.json"), json))
            .and_then(|()| fs::write(dir.join("chart.svg"), self.chart()))
            .map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// Bars of ratios on a logarithmic scale from 1 to 100, a row a guest.
    fn chart(&self) -> String {
        const COLOURS: [&str; 4] = ["#2a6f97", "#bc6c25", "#6a994e", "#7b2d8b"];
        let bars = self.peers.len() + 1;
        let step = 8 * bars + 8;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{}\" font-family=\"sans-serif\" font-size=\"11\">\n<text x=\"8\" y=\"16\">Processor time, times native ({}, {})</text>\n",
            40 + step * self.rows.len(),
            self.machine,
            self.date
        );
        for (i, row) in self.rows.iter().enumerate() {
            let y = 30 + step * i;
            svg += &format!("<text x=\"8\" y=\"{}\">{}</text>\n", y + 9, row.name);
            for n in 1..=bars {
                let Some(r) = row.ratio(n) else { continue };
                let (w, y) = (r.max(1.0).log10() * 270.0, y + 8 * (n - 1));
                svg += &format!("<rect x=\"140\" y=\"{y}\" width=\"{w:.1}\" height=\"7\" fill=\"{}\"/>", COLOURS[(n - 1) % 4]);
                svg += &format!("<text x=\"{:.1}\" y=\"{}\" font-size=\"8\">{r:.2}</text>\n", 144.0 + w, y + 7);
            }
        }
        svg + "</svg>\n"
    }
}
