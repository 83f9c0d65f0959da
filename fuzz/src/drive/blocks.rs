//! Blocks and loops of translated instructions, in the JIT and on the real CPU, or in the interpreter.

use forklift_x86::{Exit, Fault, Mode};
use iced_x86::{CpuidFeature, Instruction, Mnemonic, OpKind};

use super::shrink::shrink;
use super::{Mismatch, Run, Tally};
use crate::batch::Outcome;
use crate::forms::Host;
use crate::generate::{Defined, Generator, Rng, Sample};
use crate::judge::{Difference, Known, differences, is_transcendental, known_fault, sticky};
use crate::machine::{End, Input, Oracle, Output};
use crate::oracle::{Tier, direct, interpreter, jit, listing, ordered, real_cpu, unseen};

/// Blocks between looks at the clock.
const ROUND: usize = 64;

/// What came of a block.
enum Verdict {
    Agree,
    Differ(Vec<Difference>),
    /// A difference that is no error.
    Known(Known),
    /// It doesn't end, or tells nothing.
    Open,
}

struct Trio {
    interp: Box<dyn Oracle + Send>,
    /// Which of `jits` is compared.
    tier: Tier,
    jits: [Box<dyn Oracle + Send>; 4],
    /// `None`: the interpreter stands for it.
    real: Option<Box<dyn Oracle + Send>>,
}

/// Makes blocks until the run ends.
pub fn work(run: &Run<'_>, mode: Mode, seed: u64) -> Result<(), String> {
    let jits = [jit().ok_or("no JIT")?, ordered().ok_or("no JIT")?, direct().or_else(jit).ok_or("no JIT")?, unseen().ok_or("no JIT")?];
    let mut trio = Trio { interp: interpreter().ok_or("no interpreter")?, tier: Tier::Lifted, jits, real: real_cpu() };
    let filter = &run.options.filter;
    let mnemonics: Vec<Mnemonic> = forklift_lift::lifted_mnemonics().filter(|m| format!("{m:?}").to_lowercase().contains(filter)).collect();
    let host = Host::new();
    let generators = Generator::families(mode, &mnemonics, |c| trio.real.is_none() || host.has(c));
    let mut rng = Rng::new(seed);
    while !generators.is_empty() {
        let mut tally = Tally::default();
        trio.tier = run.options.tier.unwrap_or(match trio.tier {
            Tier::Lifted => Tier::Direct,
            Tier::Direct => Tier::Unseen,
            _ => Tier::Lifted,
        });
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
        match self.judge(s, &s.input, &s.defined) {
            Verdict::Open => tally.endless += 1,
            Verdict::Agree => tally.blocks += 1,
            Verdict::Known(k) => {
                tally.blocks += 1;
                *tally.known.entry(k).or_default() += 1;
            }
            Verdict::Differ(found) => {
                // Of what differs, not something else: an access at an address that means nothing.
                let same = |d: &Difference| found.iter().any(|f| f.field == d.field);
                let mut again = |i: &Input| Defined::of(i).map_or(Verdict::Open, |defined| self.judge(s, i, &defined));
                let input = shrink(s.input.clone(), &mut |i| matches!(again(i), Verdict::Differ(d) if d.iter().all(same)));
                let all = if let Verdict::Differ(all) = again(&input) { all } else { found.clone() };
                let mut matters = super::mismatch::instructions(&input).into_iter().filter(|i| i.mnemonic() != Mnemonic::Nop);
                let key = format!("block: {:?}", matters.next_back().map(|i| i.code()));
                let who = if self.real.is_some() { "the real CPU" } else { "the interpreter" };
                let listing = listing(&input, self.tier);
                let mut m = Mismatch::new(key, [who, self.jits[self.tier as usize].name()], input, &all);
                m.text += &listing;
                tally.mismatches.push(m);
            }
        }
    }

    /// Whether JIT and CPU agree over `input`, which is `s` or a part of it, in the flags that are `defined`.
    fn judge(&mut self, s: &Sample, input: &Input, defined: &Defined) -> Verdict {
        let Some((want, mut got)) = self.run(input) else { return Verdict::Open };
        // What isn't there tells nothing about the JIT.
        let unknown = End::Exit(Exit::Fault(Fault::InvalidOpcode));
        if want.end == End::Endless || want.end == unknown || got.end == unknown {
            return Verdict::Open;
        }
        let flags = defined.flags_at(want.end, want.cpu.rip);
        let sticky = sticky::forgive(&s.insns, &want, &mut got);
        let all = differences(&want, &got, flags);
        if all.is_empty() {
            return if sticky { Verdict::Known(Known::StickyFlags) } else { Verdict::Agree };
        }
        if let Some(known) = known_fault(&super::instructions(input), &want, &got, &all) {
            return Verdict::Known(known);
        }
        // Where an exception is unmasked the interpreter runs them.
        let transcendental = s.insns.iter().any(is_transcendental) && all.iter().all(|d| d.field.starts_with("x87") || d.field == "fsw");
        if transcendental { Verdict::Known(Known::Transcendental) } else { Verdict::Differ(all) }
    }

    /// What the CPU (or who stands for it) and the JIT make of it; `None` if it doesn't end, or one of them has no answer. The JIT must have one.
    fn run(&mut self, input: &Input) -> Option<(Outcome, Outcome)> {
        let interpreted = self.interp.run(input).ok()?;
        if interpreted.end == End::Endless {
            return None;
        }
        // Bit 17 of MXCSR exists on AMD's CPUs. To lifted code it is reserved, as to the interpreter.
        let reserved = self.tier != Tier::Direct && ends_at_ldmxcsr(input, &interpreted);
        let want = match &mut self.real {
            Some(real) if !reserved => real.run(input).ok()?,
            _ => interpreted,
        };
        let got = self.jits[self.tier as usize].run(input).unwrap_or_else(|e| panic!("{e}: {:02x?}", input.code));
        Some((Outcome::new(want, &input.data), Outcome::new(got, &input.data)))
    }
}

/// Whether a load of MXCSR found reserved bits.
fn ends_at_ldmxcsr(input: &Input, r: &Output) -> bool {
    let refused = r.end == End::Exit(Exit::Fault(Fault::GeneralProtection));
    let is_load = |i: &Instruction| i.ip() == r.cpu.rip && matches!(i.mnemonic(), Mnemonic::Ldmxcsr | Mnemonic::Vldmxcsr);
    refused && super::instructions(input).iter().any(is_load)
}
