//! What came of a run: counts per form, and mismatches.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use forklift_x86::Mode;
use iced_x86::Code;

use super::Mismatch;
use crate::forms::{Host, exempt, known};
use crate::judge::Known;

/// Counts of a run.
#[derive(Default)]
pub struct Tally {
    /// Single instructions that interpreter and real CPU agree on, by mode and form.
    pub forms: BTreeMap<(u32, Code), u64>,
    /// Differences that are no errors.
    pub known: BTreeMap<Known, u64>,
    /// Cases that didn't end and so weren't compared.
    pub endless: u64,
    /// Blocks that went through the JIT.
    pub blocks: u64,
    /// What is wrong.
    pub mismatches: Vec<Mismatch>,
    /// Further mismatches of forms that have one.
    pub more: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Tally {
    /// Single instructions and blocks compared.
    pub fn cases(&self) -> u64 {
        self.singles() + self.blocks
    }

    fn singles(&self) -> u64 {
        self.forms.values().sum()
    }

    /// Whether the form has a mismatch already.
    pub fn has(&self, m: &Mismatch) -> bool {
        self.mismatches.iter().any(|other| other.key == m.key)
    }

    pub(super) fn add(&mut self, other: Self) {
        for (k, n) in other.forms {
            *self.forms.entry(k).or_default() += n;
        }
        for (k, n) in other.known {
            *self.known.entry(k).or_default() += n;
        }
        self.endless += other.endless;
        self.blocks += other.blocks;
        self.more += other.more;
        for m in other.mismatches {
            if self.has(&m) {
                self.more += 1;
            } else {
                self.mismatches.push(m);
            }
        }
    }

    /// The summary: cases, forms covered, speed, what was not covered, by name.
    pub fn summary(&self, modes: &[Mode], filter: &str) -> String {
        let mut t = String::new();
        let host = Host::new();
        for &mode in modes.iter().filter(|_| self.singles() != 0) {
            let all: Vec<_> = known(mode).into_iter().filter(|c| format!("{c:?}").to_lowercase().contains(filter)).collect();
            let (can, lacking): (Vec<Code>, Vec<Code>) = all.iter().partition(|&&c| host.has(c));
            let (exempted, wanted): (Vec<Code>, Vec<Code>) = can.into_iter().partition(|&c| exempt(c).is_some());
            let count = |c: &Code| self.forms.get(&(mode.bitness(), *c)).copied().unwrap_or(0);
            let missing: Vec<_> = wanted.iter().filter(|c| count(c) == 0).collect();
            let least = wanted.iter().map(count).min().unwrap_or(0);
            let cases: u64 = wanted.iter().map(count).sum();
            let bits = mode.bitness();
            let _ = writeln!(
                t,
                "{bits}-bit: {cases} cases of {} forms of {} known, at least {least} each; {} can't be compared, the CPU lacks {}",
                wanted.len() - missing.len(),
                all.len(),
                exempted.len(),
                lacking.len()
            );
            if !missing.is_empty() {
                let _ = writeln!(t, "  no case of: {missing:?}");
            }
            if !lacking.is_empty() {
                let _ = writeln!(t, "  not on this CPU: {lacking:?}");
            }
        }
        for (k, n) in self.known.iter().filter(|(_, n)| **n != 0) {
            let _ = writeln!(t, "known difference, {n} times: {}", k.text());
        }
        let _ = writeln!(
            t,
            "{} single instructions ({:.0} a second), {} blocks through the JIT ({:.0} a second), {} endless, in {:.0} s",
            self.singles(),
            self.singles() as f64 / self.seconds,
            self.blocks,
            self.blocks as f64 / self.seconds,
            self.endless,
            self.seconds
        );
        let _ = writeln!(t, "{} mismatches, {} more of the same forms", self.mismatches.len(), self.more);
        t
    }
}
