//! Single instructions of every form, in the interpreter and on the real CPU.

use forklift_x86::{Mode, decode_one};
use iced_x86::{Code, Instruction};

use super::shrink::shrink;
use super::{Mismatch, Run, Tally};
use crate::NoAnswer;
use crate::batch::{Batch, BatchOracle, Case, Outcome};
use crate::forms::{Host, encode, exempt, image, state};
use crate::generate::Rng;
use crate::judge::{Difference, judge};
use crate::machine::{End, Input};
use crate::oracle::{interpreter_batches, real_batches};

/// Cases in a batch, and cases of one encoding.
const BATCH: usize = 256;
const PER_ENCODING: usize = 8;

struct Pair {
    ours: Box<dyn BatchOracle + Send>,
    real: Box<dyn BatchOracle + Send>,
}

/// Goes through the forms in turn until the run ends.
pub fn work(run: &Run<'_>, mode: Mode, seed: u64) -> Result<(), String> {
    let mut pair = Pair { ours: interpreter_batches(), real: real_batches().ok_or("this machine's CPU can't be asked")? };
    let host = Host::new();
    let mut forms: Vec<Code> = run.options.forms(mode).into_iter().filter(|&c| host.has(c) && exempt(c).is_none()).collect();
    let mut rng = Rng::new(seed);
    let mut next = 0;
    while !forms.is_empty() {
        let image = image::image(&mut rng);
        let (mut cases, mut insns) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        while cases.len() < BATCH && !forms.is_empty() {
            next %= forms.len();
            let Some((i, code)) = encode::find(forms[next], mode, &mut rng) else {
                forms.remove(next);
                continue;
            };
            next += 1;
            for _ in 0..PER_ENCODING {
                let case = state::case(mode, &i, &code, &image, &mut rng);
                // Its displacement may be another now.
                insns.push(decode_one(mode, case.cpu.pc(), &case.code).unwrap_or(i));
                cases.push(case);
            }
        }
        let mut tally = Tally::default();
        pair.compare(Batch { image, cases }, insns, &mut tally).map_err(|e| e.to_string())?;
        if !run.note(&mut tally) {
            break;
        }
    }
    Ok(())
}

impl Pair {
    /// Runs a batch, whose cases are `insns`.
    fn compare(&mut self, batch: Batch, insns: Vec<Instruction>, tally: &mut Tally) -> Result<(), NoAnswer> {
        let ours = self.ours.run_batch(&batch)?;
        let Batch { image, cases } = batch;
        let all = cases.into_iter().zip(ours).zip(insns);
        // On the CPU, a case that doesn't end takes as long as the oracle lets it.
        let (endless, ending): (Vec<_>, Vec<_>) = all.partition(|((_, o), _)| o.end == End::Endless);
        tally.endless += endless.len() as u64;
        let (both, insns): (Vec<(Case, Outcome)>, Vec<Instruction>) = ending.into_iter().unzip();
        let (cases, ours): (Vec<Case>, Vec<Outcome>) = both.into_iter().unzip();
        let batch = Batch { image, cases };
        let real = self.real.run_batch(&batch)?;
        for (((case, i), real), ours) in batch.cases.iter().zip(&insns).zip(&real).zip(&ours) {
            match judge(case, i, real, ours) {
                Err(known) => *tally.known.entry(known).or_default() += 1,
                Ok(d) if d.is_empty() => *tally.forms.entry((case.cpu.mode.bitness(), i.code())).or_default() += 1,
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
        if ours[0].end == End::Endless {
            return None;
        }
        let real = self.real.run_batch(&batch).ok()?;
        judge(&batch.cases[0], i, &real[0], &ours[0]).ok().filter(|d| !d.is_empty())
    }
}
