//! Replaying vectors through interpreter and JIT, on any host.

use forklift_x86::decode_one;
use iced_x86::Instruction;

use super::Vectors;
use crate::batch::{Batch, BatchOracle, Case, Outcome};
use crate::judge::{Known, judge, sticky};
use crate::machine::{End, Oracle};

/// What came of it.
#[derive(Default)]
pub struct Replayed {
    /// Vectors that agree, or differ in what is known to.
    pub passed: u64,
    /// What differs, in words.
    pub wrong: Vec<String>,
}

/// Who replays.
pub enum Player {
    /// The interpreter.
    Interpreter(Box<dyn BatchOracle + Send>),
    /// The JIT.
    Jit(Box<dyn Oracle + Send>),
}

/// Runs every `every`-th vector.
pub fn replay(set: &Vectors, player: &mut Player, every: usize) -> Replayed {
    let mut done = Replayed::default();
    let picked: Vec<_> = set.all.iter().step_by(every).collect();
    let got = match player {
        Player::Interpreter(o) => {
            let batch = Batch { image: set.image.clone(), cases: picked.iter().map(|(_, c, _)| c.clone()).collect() };
            o.run_batch(&batch).map(|all| all.into_iter().map(Some).collect()).unwrap_or_else(|_| vec![None; picked.len()])
        }
        Player::Jit(o) => picked.iter().map(|(_, c, want)| run_one(o.as_mut(), c, &set.image, want)).collect(),
    };
    for ((_, case, want), got) in picked.into_iter().zip(got) {
        match complaint(case, want, got) {
            None => done.passed += 1,
            Some(text) => done.wrong.push(text),
        }
    }
    done
}

/// The outcome on the JIT, but for what is excused of exception flags: [`Known::StickyFlags`].
fn run_one(o: &mut dyn Oracle, case: &Case, image: &[u8], want: &Outcome) -> Option<Outcome> {
    let mut got = Outcome::new(o.run(&case.with_data(image)).ok()?, image);
    sticky::forgive(&[instruction(case)?], want, &mut got);
    Some(got)
}

fn instruction(case: &Case) -> Option<Instruction> {
    decode_one(case.cpu.mode, case.cpu.pc(), &case.code)
}

fn complaint(case: &Case, want: &Outcome, got: Option<Outcome>) -> Option<String> {
    let i = instruction(case)?;
    let Some(got) = got else { return Some(format!("{i}: no answer")) };
    if got.end == End::Endless {
        return Some(format!("{i}: no end"));
    }
    let different = judge(case, &i, want, &got).unwrap_or_else(|_: Known| Vec::new());
    (!different.is_empty()).then(|| format!("{:?} ({} bits) {i} {:02x?}: {different:?}", i.code(), case.cpu.mode.bitness(), case.code))
}
