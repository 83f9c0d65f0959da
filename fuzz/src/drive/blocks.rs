//! Blocks and loops of translated instructions, in the JIT and on the real CPU, or in the interpreter.

use forklift_x86::{Exit, Fault, Mode};
use iced_x86::{CpuidFeature, Instruction, Mnemonic, OpKind};

use super::shrink::shrink;
use super::{Mismatch, Run, Tally};
use crate::batch::Outcome;
use crate::forms::Host;
use crate::generate::{Generator, Rng, Sample};
use crate::judge::{Difference, Known, differences, is_transcendental};
use crate::machine::{End, Input, Oracle};
use crate::oracle::{interpreter, jit, listing, real_cpu};

/// Blocks between looks at the clock.
const ROUND: usize = 64;

/// The exception flags of MXCSR.
const STICKY: u32 = 0x3f;

struct Trio {
    interp: Box<dyn Oracle + Send>,
    jit: Box<dyn Oracle + Send>,
    /// `None`: the interpreter stands for it.
    real: Option<Box<dyn Oracle + Send>>,
    /// How often exception flags differed.
    sticky: u64,
    /// How often transcendentals did.
    transcendental: u64,
}

/// Makes blocks until the run ends.
pub fn work(run: &Run<'_>, mode: Mode, seed: u64) -> Result<(), String> {
    let (interp, jit) = (interpreter().ok_or("no interpreter")?, jit().ok_or("no JIT")?);
    let mut trio = Trio { interp, jit, real: real_cpu(), sticky: 0, transcendental: 0 };
    let filter = &run.options.filter;
    let mnemonics: Vec<Mnemonic> = forklift_lift::lifted_mnemonics().filter(|m| format!("{m:?}").to_lowercase().contains(filter)).collect();
    let host = Host::new();
    let generators = Generator::families(mode, &mnemonics, |c| trio.real.is_none() || host.has(c));
    let mut rng = Rng::new(seed);
    while !generators.is_empty() {
        let mut tally = Tally::default();
        for n in 0..ROUND {
            let generator = rng.pick(&generators);
            let sample = match n % 8 {
                0 | 4 => generator.straight(&mut rng, 1),
                1 | 5 => generator.straight(&mut rng, 12),
                2 => generator.program(&mut rng, 3),
                _ => generator.looping(&mut rng, 3),
            };
            trio.compare(&sample, &mut tally);
        }
        tally.known.insert(Known::StickyFlags, std::mem::take(&mut trio.sticky));
        tally.known.insert(Known::Transcendental, std::mem::take(&mut trio.transcendental));
        if !run.note(&mut tally) {
            break;
        }
    }
    Ok(())
}

impl Trio {
    fn compare(&mut self, s: &Sample, tally: &mut Tally) {
        // Intel's manual wants these operands aligned; AMD's CPUs don't.
        let is_sha_of_memory = |i: &Instruction| i.op1_kind() == OpKind::Memory && i.cpuid_features().contains(&CpuidFeature::SHA);
        if s.insns.iter().any(is_sha_of_memory) {
            return;
        }
        match self.differences(s, &s.input) {
            None => tally.endless += 1,
            Some(d) if d.is_empty() => tally.blocks += 1,
            Some(_) => {
                let input = shrink(s.input.clone(), &mut |i| self.differences(s, i).is_some_and(|d| !d.is_empty()));
                let all = self.differences(s, &input).unwrap_or_default();
                let mut matters = super::mismatch::instructions(&input).into_iter().filter(|i| i.mnemonic() != Mnemonic::Nop);
                let key = format!("block: {:?}", matters.next_back().map(|i| i.code()));
                let who = if self.real.is_some() { "the real CPU" } else { "the interpreter" };
                let listing = listing(&input);
                let mut m = Mismatch::new(key, [who, "the JIT"], input, &all);
                m.text += &listing;
                tally.mismatches.push(m);
            }
        }
    }

    /// How the JIT differs; `None` if the code doesn't end, or one of them has no answer.
    fn differences(&mut self, s: &Sample, input: &Input) -> Option<Vec<Difference>> {
        let interpreted = self.interp.run(input).ok()?;
        if interpreted.end == End::Endless {
            return None;
        }
        let want = match &mut self.real {
            Some(real) => real.run(input).ok()?,
            None => interpreted,
        };
        let got = self.jit.run(input).ok()?;
        // What isn't there tells nothing about the JIT.
        let unknown = End::Exit(Exit::Fault(Fault::InvalidOpcode));
        if want.end == End::Endless || want.end == unknown || got.end == unknown {
            return None;
        }
        let flags = s.flags_at(want.cpu.rip);
        let (want, mut got) = (Outcome::new(want, &input.data), Outcome::new(got, &input.data));
        if (want.cpu.mxcsr ^ got.cpu.mxcsr) & STICKY != 0 {
            self.sticky += 1;
            got.cpu.mxcsr = got.cpu.mxcsr & !STICKY | want.cpu.mxcsr & STICKY;
        }
        let all = differences(&want, &got, flags);
        // Where an exception is unmasked the interpreter runs them.
        let transcendental = s.insns.iter().any(is_transcendental) && all.iter().all(|d| d.field.starts_with("x87") || d.field == "fsw");
        if transcendental && !all.is_empty() {
            self.transcendental += 1;
            return None;
        }
        Some(all)
    }
}
