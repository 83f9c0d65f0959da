//! Recording vectors from this machine's CPU.

use forklift_x86::{Mode, decode_one};

use super::Vectors;
use crate::batch::{Batch, BatchOracle, Case, Outcome};
use crate::forms::{Host, encode, exempt, image, known, state};
use crate::generate::Rng;
use crate::machine::End;
use crate::oracle::{interpreter_batches, real_batches};

/// States of a mode.
const STATES: usize = 128;
/// Encodings of each form, and cases of each encoding.
const ENCODINGS: usize = 6;
const CASES: usize = 4;
/// A case that changes more data isn't kept: strings would be most of the file. Unit: lines.
const LINES: usize = 4;

/// Vectors of all forms that the CPU has; `None` if it can't be asked.
pub fn record(mode: Mode) -> Option<Vectors> {
    let (mut real, mut ours) = (real_batches()?, interpreter_batches());
    let mut rng = Rng::new(0x5eed + u64::from(mode.bitness()));
    let image = image::image(&mut rng);
    let states: Vec<_> = (0..STATES).map(|_| state::start(mode, &mut rng)).collect();
    let host = Host::new();
    let mut all = Vec::new();
    for c in known(mode).into_iter().filter(|&c| host.has(c) && exempt(c).is_none()) {
        let mut cases = Vec::new();
        for _ in 0..ENCODINGS {
            let Some((i, code)) = encode::find(c, mode, &mut rng) else { break };
            for _ in 0..CASES {
                let n = rng.below(STATES as u64) as usize;
                cases.push((n as u8, state::aimed(states[n].clone(), &i, &code, &image, &mut rng)));
            }
        }
        all.extend(outcomes(&image, cases, real.as_mut(), ours.as_mut())?);
    }
    Some(Vectors { mode, image, states, all })
}

/// What becomes of the cases, but for those that don't end or change much.
fn outcomes(image: &[u8], cases: Vec<(u8, Case)>, real: &mut dyn BatchOracle, ours: &mut dyn BatchOracle) -> Option<Vec<(u8, Case, Outcome)>> {
    let (numbers, cases): (Vec<u8>, Vec<Case>) = cases.into_iter().unzip();
    let batch = Batch { image: image.to_vec(), cases };
    let interpreted = ours.run_batch(&batch).ok()?;
    let ends = |o: &Outcome| o.end != End::Endless && o.lines.len() <= LINES;
    let Batch { image, cases } = batch;
    let kept: Vec<_> = numbers.into_iter().zip(cases).zip(interpreted).filter(|(_, o)| ends(o)).map(|(c, _)| c).collect();
    let (numbers, cases): (Vec<u8>, Vec<Case>) = kept.into_iter().unzip();
    let batch = Batch { image, cases };
    let outcomes = real.run_batch(&batch).ok()?;
    let all = numbers.into_iter().zip(batch.cases).zip(outcomes).map(|((n, c), o)| (n, c, o));
    Some(all.filter(|(_, c, o)| o.lines.len() <= LINES && decode_one(c.cpu.mode, c.cpu.pc(), &c.code).is_some()).collect())
}
