//! The tables of docs/testing.md that follow from the code: what there is to compare, what isn't compared and why, what is known to differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forklift_x86::Mode;
use iced_x86::Code;

use crate::forms::{exempt, known};
use crate::judge::Known;

/// All tables, in Markdown.
pub fn tables() -> String {
    format!("{}\n{}\n{}", by_feature(), not_compared(), differences())
}

/// Forms of each set of features: of 64-bit and 32-bit code, and how many of both are compared with the CPU.
fn by_feature() -> String {
    let mut rows: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for (n, mode) in [Mode::Bits64, Mode::Bits32].into_iter().enumerate() {
        for c in known(mode) {
            let row = rows.entry(features(c)).or_default();
            row[n] += 1;
            row[2] += usize::from(exempt(c).is_none());
        }
    }
    let all = rows.values().fold([0; 3], |sum, r| std::array::from_fn(|i| sum[i] + r[i]));
    let mut t = "| feature | forms of 64-bit code | of 32-bit code | compared |\n|---|---|---|---|\n".to_owned();
    for (name, [long, narrow, compared]) in rows.into_iter().chain([("all".to_owned(), all)]) {
        let _ = writeln!(t, "| {name} | {long} | {narrow} | {compared} |");
    }
    t
}

fn features(c: Code) -> String {
    c.cpuid_features().iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(" ")
}

/// What isn't compared with the CPU, by reason.
fn not_compared() -> String {
    let mut rows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for c in [Mode::Bits64, Mode::Bits32].into_iter().flat_map(known) {
        if let Some(reason) = exempt(c) {
            rows.entry(reason).or_default().insert(format!("{:?}", c.mnemonic()).to_uppercase());
        }
    }
    let mut t = "| not compared | why |\n|---|---|\n".to_owned();
    for (reason, names) in rows {
        let _ = writeln!(t, "| {} | {reason} |", names.into_iter().collect::<Vec<_>>().join(", "));
    }
    t
}

/// Differences that are no errors.
fn differences() -> String {
    Known::ALL.iter().fold("Known to differ:\n\n".to_owned(), |t, k| t + "- " + k.text() + "\n")
}
