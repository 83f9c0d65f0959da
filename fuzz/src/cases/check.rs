//! Does an oracle agree with a case?

use std::fmt::Write as _;

use forklift_x86::{Exit, Fault, Gpr};

use super::Case;
use crate::judge::flag_names;
use crate::machine::{End, Input, NoAnswer, Oracle, Output};

/// Where an oracle disagrees with a case.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// It gave no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// It gave another answer: one line for each difference.
    #[error("{0}")]
    Different(String),
}

/// Runs `case` on `oracle` and compares.
pub fn check(case: &Case, oracle: &mut dyn Oracle) -> Result<(), Mismatch> {
    let got = oracle.run(&case.input)?;
    let text = compare(case, &got);
    if text.is_empty() { Ok(()) } else { Err(Mismatch::Different(text)) }
}

fn compare(case: &Case, got: &Output) -> String {
    let mut text = String::new();
    let mut want = Output { end: case.expect.end, cpu: case.input.cpu.clone(), data: case.input.data.clone() };
    want.cpu.rip = expected_rip(case.expect.end, &case.input);
    for (place, bytes) in &case.expect.results {
        place.write(&mut want.cpu, &mut want.data, bytes);
        let have = place.read(&got.cpu, &got.data);
        if have != *bytes {
            let _ = writeln!(text, "    {place:x?}: {} instead of {}", hex(&have), hex(bytes));
        }
    }
    if let Some(cr2) = case.expect.cr2.filter(|&a| a != got.cpu.cr2) {
        let _ = writeln!(text, "    page fault at {:#x} instead of {cr2:#x}", got.cpu.cr2);
    }
    text + &different(&want, got, case.expect.flags, case.expect.keeps_x87)
}

/// Behind the instruction; at it, for a fault; behind it, for a gate and a trap.
pub(super) fn expected_rip(end: End, input: &Input) -> u64 {
    let start = input.cpu.rip;
    match end {
        End::Exit(Exit::Fault(f)) if !matches!(f, Fault::Overflow | Fault::Debug) => start,
        _ => start + input.code.len() as u64,
    }
}

/// Differences between two outputs, one line each: the end, GPRs, RIP, XMM, data, the flags in `flags`, and x87 if `x87`.
pub fn different(want: &Output, got: &Output, flags: u32, x87: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, want: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug| {
        let _ = writeln!(text, "    {name}: {got:#x?} instead of {want:#x?}");
    };
    let (w, g) = (&want.cpu, &got.cpu);
    if want.end != got.end {
        line("end", &want.end, &got.end);
        return text;
    }
    for r in Gpr::ALL {
        if w.get(r) != g.get(r) {
            line(&format!("{r:?}"), &w.get(r), &g.get(r));
        }
    }
    if w.rip != g.rip {
        line("Rip", &w.rip, &g.rip);
    }
    for i in 0..16 {
        if w.xmm(i) != g.xmm(i) {
            line(&format!("Xmm{i}"), &w.xmm(i), &g.xmm(i));
        }
        if w.vec[i].0[16..32] != g.vec[i].0[16..32] {
            line(&format!("upper half of Ymm{i}"), &hex(&w.vec[i].0[16..32]), &hex(&g.vec[i].0[16..32]));
        }
    }
    let (wf, gf) = (w.flags.rflags() as u32 & flags, g.flags.rflags() as u32 & flags);
    if wf != gf {
        line("flags", &flag_names(wf), &flag_names(gf));
    }
    if let Some(at) = (0..want.data.len()).find(|&i| want.data[i] != got.data[i]) {
        let show = |d: &[u8]| hex(&d[at..d.len().min(at + 16)]);
        line(&format!("data at {at:#x}"), &show(&want.data), &show(&got.data));
    }
    if x87 && (w.x87.regs != g.x87.regs || w.x87.top != g.x87.top || w.x87.used != g.x87.used || w.x87.cw != g.x87.cw || w.x87.sw != g.x87.sw) {
        line("x87", &w.x87, &g.x87);
    }
    text
}

/// Most significant byte first.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().rev().fold("0x".to_owned(), |s, b| s + &format!("{b:02x}"))
}
