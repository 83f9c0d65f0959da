//! Single instructions of every form, in the interpreter and on the real CPU.

use std::collections::HashMap;

use forklift_x86::{Exit, Fault, Mode, decode_one};
use iced_x86::{Code, Instruction};

use super::shrink::shrink;
use super::{Mismatch, Run, Tally};
use crate::NoAnswer;
use crate::batch::{Batch, BatchOracle, Outcome};
use crate::forms::{Host, encode, exempt, image, state};
use crate::generate::Rng;
use crate::judge::{Difference, judge};
use crate::machine::{End, Input};
use crate::oracle::{interpreter_batches, real_batches};

/// Cases in a batch, and cases of one encoding. What more cases leave is so much that the allocator asks the kernel for it each time.
const BATCH: usize = 64;
const PER_ENCODING: usize = 8;

struct Pair {
    ours: Box<dyn BatchOracle + Send>,
    real: Box<dyn BatchOracle + Send>,
}

/// Goes through the forms in turn until the run ends.
pub fn work(run: &Run<'_>, mode: Mode, seed: u64) -> Result<(), String> {
    let mut pair = Pair { ours: interpreter_batches(), real: real_batches().ok_or("this machine's CPU can't be asked")? };
    let host = Host::new();
    let codes: Vec<Code> = run.options.forms(mode).into_iter().filter(|&c| host.has(c) && exempt(c).is_none()).collect();
    let mut turns = Turns { mode, codes, next: 0, counts: HashMap::new(), total: 0 };
    let mut rng = Rng::new(seed);
    while !turns.codes.is_empty() {
        let (batch, insns) = turns.batch(&mut rng);
        let mut tally = Tally::default();
        pair.compare(batch, insns, &mut tally).map_err(|e| e.to_string())?;
        turns.note(&tally);
        if !run.note(&mut tally) {
            break;
        }
    }
    Ok(())
}

/// Whose turn it is, and how many cases each form has survived.
struct Turns {
    mode: Mode,
    codes: Vec<Code>,
    next: usize,
    counts: HashMap<Code, u64>,
    total: u64,
}

impl Turns {
    /// Cases of the next forms, and their instructions.
    fn batch(&mut self, rng: &mut Rng) -> (Batch, Vec<Instruction>) {
        let image = image::image(rng);
        let (mut cases, mut insns) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        while cases.len() < BATCH && !self.codes.is_empty() {
            self.next %= self.codes.len();
            let Some((i, code)) = encode::find(self.codes[self.next], self.mode, rng) else {
                self.codes.remove(self.next);
                continue;
            };
            let wanted = self.wanted(self.codes[self.next]).min(BATCH - cases.len());
            self.next += 1;
            for _ in 0..wanted {
                let case = state::case(self.mode, &i, &code, &image, rng);
                // Its displacement may be another now.
                insns.push(decode_one(self.mode, case.cpu.pc(), &case.code).unwrap_or(i));
                cases.push(case);
            }
        }
        (Batch { image, cases }, insns)
    }

    /// How many cases a form gets in its turn: more if fewer than usual came to an end and could be compared.
    fn wanted(&self, form: Code) -> usize {
        let own = self.counts.get(&form).copied().unwrap_or(0);
        let behind = self.total / self.codes.len() as u64 / own.max(1);
        PER_ENCODING * behind.clamp(1, 4) as usize
    }

    fn note(&mut self, tally: &Tally) {
        for ((_, form), n) in &tally.forms {
            *self.counts.entry(*form).or_default() += n;
            self.total += n;
        }
    }
}

/// Drops what isn't `wanted`; returns how many that were.
fn keep<T>(all: &mut Vec<T>, wanted: &[bool]) -> usize {
    let before = all.len();
    let mut wanted = wanted.iter();
    all.retain(|_| wanted.next().is_none_or(|w| *w));
    before - all.len()
}

impl Pair {
    /// Runs a batch, whose cases are `insns`.
    fn compare(&mut self, mut batch: Batch, mut insns: Vec<Instruction>, tally: &mut Tally) -> Result<(), NoAnswer> {
        let mut ours = self.ours.run_batch(&batch)?;
        // On the CPU, a case that doesn't end takes as long as the oracle lets it.
        let ends: Vec<bool> = ours.iter().map(|o| o.end != End::Endless).collect();
        tally.endless += keep(&mut batch.cases, &ends) as u64;
        keep(&mut insns, &ends);
        keep(&mut ours, &ends);
        let real = self.real.run_batch(&batch)?;
        for (((case, i), real), ours) in batch.cases.iter().zip(&insns).zip(&real).zip(&ours) {
            match judge(case, i, real, ours) {
                Err(known) => *tally.known.entry(known).or_default() += 1,
                Ok(d) if d.is_empty() => *tally.forms.entry((case.cpu.mode.bitness(), i.code())).or_default() += 1,
                Ok(_) if self.hits_the_oracle(ours) => tally.endless += 1,
                Ok(found) => {
                    let key = format!("{:?} ({} bits)", i.code(), case.cpu.mode.bitness());
                    if tally.mismatches.iter().any(|m| m.key == key) {
                        tally.more += 1;
                        continue;
                    }
                    tally.mismatches.push(self.explain(key, i, case.with_data(&batch.image), &found));
                }
            }
        }
        Ok(())
    }

    /// Whether a case faulted where the CPU's oracle has memory of its own, so that it can't fault there.
    fn hits_the_oracle(&self, ours: &Outcome) -> bool {
        ours.end == End::Exit(Exit::Fault(Fault::Page)) && self.real.occupies(ours.cpu.cr2)
    }

    /// The mismatch that `input` is, which has been `found` among others: made small if it shows when it runs alone.
    fn explain(&mut self, key: String, i: &Instruction, input: Input, found: &[Difference]) -> Mismatch {
        let who = ["the real CPU", "the interpreter"];
        if self.differences(i, &input).is_none() {
            return Mismatch::new(key + ", but not when it runs alone", who, input, found);
        }
        let small = shrink(input, &mut |input| self.differences(i, input).is_some());
        let differences = self.differences(i, &small).unwrap_or_default();
        Mismatch::new(key, who, small, &differences)
    }

    /// How they differ over `input`, if they do.
    fn differences(&mut self, i: &Instruction, input: &Input) -> Option<Vec<Difference>> {
        let batch = Batch { image: input.data.clone(), cases: vec![input.into()] };
        let ours = self.ours.run_batch(&batch).ok()?;
        if ours[0].end == End::Endless || self.hits_the_oracle(&ours[0]) {
            return None;
        }
        let real = self.real.run_batch(&batch).ok()?;
        judge(&batch.cases[0], i, &real[0], &ours[0]).ok().filter(|d| !d.is_empty())
    }
}
