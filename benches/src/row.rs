//! A guest and what it took, under each runner.

use core::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::cold;
use crate::guests::{Group, Guest};
use crate::measure::Run;
use crate::runners::{OURS, Runner};

/// A guest under all runners, the first of which is the machine itself.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// The guest's name.
    pub name: String,
    /// What it is looked at with.
    pub group: Group,
    /// In the order of the runners.
    pub took: Vec<Took>,
}

/// What the runs of one command took: medians.
#[derive(Serialize, Deserialize)]
pub struct Took {
    /// Name of the runner.
    pub runner: String,
    /// Unit: seconds of processor time.
    pub cpu: Middle,
    /// Unit: seconds.
    pub wall: Middle,
    /// Peak resident size. Unit: MiB.
    pub memory: Middle,
    /// It ended and printed as natively, each time.
    pub correct: bool,
    /// Of the last run: exit status, or minus the signal.
    status: i32,
    runs: usize,
}

/// A median and how far the values lie apart.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Middle {
    /// The median.
    pub median: f64,
    /// Half of what lies between the smallest and the largest value, as a part of the median.
    pub spread: f64,
}

impl Middle {
    /// Of some values; of an even number of them, the median is the mean of the two in the middle.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut v: Vec<f64> = values.collect();
        v.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (v.first(), v.last()) else { return Self { median: 0.0, spread: 0.0 } };
        let median = f64::midpoint(v[(v.len() - 1) / 2], v[v.len() / 2]);
        Self { median, spread: if median > 0.0 { (most - least) / 2.0 / median } else { 0.0 } }
    }
}

impl Took {
    fn new(runner: &Runner, runs: &[Run], native: &Run) -> Self {
        Self {
            runner: runner.name.clone(),
            cpu: Middle::of(runs.iter().map(|r| r.cpu)),
            wall: Middle::of(runs.iter().map(|r| r.wall)),
            memory: Middle::of(runs.iter().map(|r| r.memory)),
            correct: runs.iter().all(|r| r.status == native.status && r.output == native.output),
            status: runs.last().map_or(0, |r| r.status),
            runs: runs.len(),
        }
    }

    /// Whether it is forklift's.
    pub fn is_ours(&self) -> bool {
        self.runner.starts_with(OURS)
    }
}

/// Divides by what may be nothing.
fn over(a: f64, b: f64) -> f64 {
    a / b.max(1e-9)
}

impl Row {
    /// From the runs of each runner.
    pub fn new(guest: &Guest, runners: &[&Runner], runs: &[Vec<Run>]) -> Self {
        let took = runners.iter().zip(runs).map(|(runner, r)| Took::new(runner, r, &runs[0][0])).collect();
        Self { name: guest.name.clone(), group: guest.group, took }
    }

    /// The machine itself.
    pub fn native(&self) -> &Took {
        &self.took[0]
    }

    /// What `runner` took, if that was right.
    pub fn right(&self, runner: &str) -> Option<&Took> {
        self.took.iter().find(|t| t.runner == runner && t.correct)
    }

    /// What the row is about, and what that varied by.
    fn measured(&self, t: &Took) -> Middle {
        if self.group == Group::Resident { t.memory } else { t.cpu }
    }

    /// The number of the row's group, in its unit.
    pub fn value(&self, t: &Took) -> f64 {
        match self.group {
            Group::Start => t.cpu.median * 1e3,
            Group::Cold => t.cpu.median * 1e9 / cold::INSTRUCTIONS as f64,
            Group::Resident => t.memory.median,
            _ => self.ratio(t).median,
        }
    }

    /// As a multiple of the native one.
    pub fn ratio(&self, t: &Took) -> Middle {
        let (a, b) = (self.measured(t), self.measured(self.native()));
        let native = core::ptr::eq(t, self.native());
        Middle { median: over(a.median, b.median), spread: if native { a.spread } else { a.spread + b.spread } }
    }

    /// How many times what forklift takes a peer does.
    pub fn behind_ours(&self, t: &Took) -> Option<f64> {
        let ours = self.right(OURS)?;
        (t.correct && !t.is_ours()).then(|| over(self.measured(t).median, self.measured(ours).median))
    }

    /// The value of `t` with its unit.
    pub fn value_text(&self, t: &Took) -> String {
        let v = self.value(t);
        match self.group {
            Group::Start => format!("{v:.1} ms"),
            Group::Cold => format!("{v:.0} ns"),
            Group::Resident => format!("{v:.1} MiB"),
            _ => format!("{v:.2}x"),
        }
    }

    /// As text, a line for each runner.
    pub fn text(&self) -> String {
        let n = self.native();
        let mut text = format!("{}, {} runs", self.name, n.runs);
        for t in &self.took {
            let _ = write!(text, "\n  {:<22}", t.runner);
            if !t.correct {
                let _ = write!(text, "wrong, status {}", t.status);
                continue;
            }
            let spread = self.measured(t).spread * 100.0;
            let _ = write!(text, "{:>10} ±{spread:.0} %", self.value_text(t));
            if self.group != Group::Resident {
                let wall = over(t.wall.median, n.wall.median);
                let _ = write!(text, "   {:.3} s   wall {wall:.2}x ±{:.0} %   {:.0} MiB", t.cpu.median, t.wall.spread * 100.0, t.memory.median);
            }
            if let Some(times) = self.behind_ours(t).filter(|_| t.runner != n.runner) {
                let _ = write!(text, "   {times:.2} times forklift's");
            }
        }
        text
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A row of a native run and one of ours, that takes `ours` seconds ± `spread`.
    pub fn row(name: &str, native: f64, ours: f64, spread: f64) -> Row {
        let took = |runner: &str, cpu: f64, spread: f64| Took {
            runner: runner.to_owned(),
            cpu: Middle { median: cpu, spread },
            wall: Middle { median: cpu, spread },
            memory: Middle { median: 5.0, spread: 0.0 },
            correct: true,
            status: 0,
            runs: 3,
        };
        Row { name: name.to_owned(), group: Group::Kernels64, took: vec![took("native", native, 0.0), took(OURS, ours, spread), took("a<b", ours * 4.0, 0.0)] }
    }

    #[test]
    fn medians() {
        let m = Middle::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!((m.median, m.spread), (2.0, 0.5));
        assert_eq!(Middle::of([4.0, 1.0].into_iter()).median, 2.5);
    }

    #[test]
    fn ratios() {
        let r = row("a", 2.0, 3.0, 0.1);
        assert_eq!((r.ratio(&r.took[1]).median, r.behind_ours(&r.took[2]), r.behind_ours(&r.took[1])), (1.5, Some(4.0), None));
        assert!(r.text().contains("1.50x ±10 %") && r.text().contains("4.00 times forklift's"), "{}", r.text());
    }
}
