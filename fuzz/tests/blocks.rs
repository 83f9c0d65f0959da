//! Random blocks of lifted instructions through the JIT, the interpreter and, where there is one, the real CPU.
//!
//! `FORKLIFT_BLOCKS=n` runs n blocks for each family and pair of oracles instead of a few hundred; `FORKLIFT_SEED=n` starts with another seed.

use forklift_fuzz::cases::different;
use forklift_fuzz::generate::{Generator, Rng, Sample, has_vex, is_vector, is_x87};
use forklift_fuzz::{End, Oracle, oracle};
use forklift_x86::{Exit, Fault, Mode};
use iced_x86::{CpuidFeature, Instruction, Mnemonic, OpKind};
use libtest_mimic::{Arguments, Failed, Trial};

type Make = fn() -> Option<Box<dyn Oracle + Send>>;

/// Wrong blocks shown before a test gives up.
const SHOWN: usize = 12;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn main() {
    let pairs: [(&str, Make, Make); 4] = [
        ("real-jit", oracle::real_cpu, oracle::jit),
        ("interp-jit", oracle::interpreter, oracle::jit),
        ("interp-unseen", oracle::interpreter, oracle::unseen),
        ("real-direct", oracle::real_cpu, oracle::direct),
    ];
    type Family = (&'static str, fn(Mnemonic) -> bool);
    // The last only against the real CPU: the host's x87 and the interpreter may differ by a unit of the last place there.
    let families: [Family; 5] = [
        ("integer", |m| !is_vector(m) && !is_x87(m)),
        ("vector", |m| is_vector(m) && !has_vex(m)),
        // Mixed with legacy SSE.
        ("avx", is_vector),
        ("x87_", |m| is_x87(m) && !is_transcendental(m)),
        ("x87_all", is_x87),
    ];
    let mut trials = Vec::new();
    for (pair, left, right) in pairs {
        for (family, wanted) in families.into_iter().filter(|f| !pair.starts_with("interp") || f.0 != "x87_all") {
            // Code of 32 bits is lifted anyway.
            for mode in [Mode::Bits64, Mode::Bits32].into_iter().filter(|m| pair != "real-direct" || *m == Mode::Bits64) {
                let name = format!("{family}{}::{pair}", mode.bitness());
                trials.push(
                    Trial::test(name, move || run(mode, wanted, left, right))
                        .with_ignored_flag(left().is_none() || right().is_none() || !pair.starts_with("interp") && family == "avx" && !host_has_avx()),
                );
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Intel's manual wants these operands aligned; AMD's CPUs don't.
fn is_sha_of_memory(i: &Instruction) -> bool {
    i.op1_kind() == OpKind::Memory && i.cpuid_features().contains(&CpuidFeature::SHA)
}

#[cfg(target_arch = "x86_64")]
fn host_has_avx() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") && std::arch::is_x86_feature_detected!("bmi2")
}

#[cfg(not(target_arch = "x86_64"))]
const fn host_has_avx() -> bool {
    false
}

fn is_transcendental(m: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(m, M::F2xm1 | M::Fyl2x | M::Fyl2xp1 | M::Fpatan | M::Fptan | M::Fsin | M::Fcos | M::Fsincos)
}

fn run(mode: Mode, wanted: fn(Mnemonic) -> bool, left: Make, right: Make) -> Result<(), Failed> {
    let (mut left, mut right) = (left().ok_or("no oracle")?, right().ok_or("no oracle")?);
    // Without BMI, real CPUs scan for ones where the guest's counts zeroes.
    let odd = |m: Mnemonic| matches!(m, Mnemonic::Tzcnt | Mnemonic::Lzcnt) && left.name() != "interpreter" && !host_has_avx();
    let mnemonics: Vec<_> = forklift_lift::lifted_mnemonics().filter(|m| wanted(*m) && !odd(*m)).collect();
    let generator = Generator::new(mode, &mnemonics);
    let (count, seed) = (setting("FORKLIFT_BLOCKS", 400), setting("FORKLIFT_SEED", 1));
    let (mut wrong, mut text) = (0, String::new());
    for n in 0..count {
        let mut rng = Rng::new(seed.wrapping_mul(1 << 32) + n);
        let sample = match n % 4 {
            0 => generator.straight(&mut rng, 1),
            1 => generator.straight(&mut rng, 12),
            _ => generator.looping(&mut rng, 3),
        };
        if left.name() != "interpreter" && sample.insns.iter().any(is_sha_of_memory) {
            continue;
        }
        if let Some(difference) = compare(&sample, left.as_mut(), right.as_mut()) {
            wrong += 1;
            text += &format!("sample {n}\n{}\n{difference}\n", listing(&sample));
            if wrong == SHOWN {
                break;
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(text.into()) }
}

fn compare(s: &Sample, left: &mut dyn Oracle, right: &mut dyn Oracle) -> Option<String> {
    let want = match left.run(&s.input) {
        Ok(o) => o,
        Err(e) => return Some(format!("{}: {e}", left.name())),
    };
    if want.end == End::Endless {
        return None;
    }
    let got = match right.run(&s.input) {
        Ok(o) => o,
        Err(e) => return Some(format!("{}: {e}", right.name())),
    };
    // What isn't interpreted yet tells nothing about the JIT.
    let unknown = End::Exit(Exit::Fault(Fault::InvalidOpcode));
    if got.end == unknown || want.end == unknown {
        return None;
    }
    let flags = s.defined.flags_at(want.end, want.cpu.rip);
    let text = different(&want, &got, flags, false);
    (!text.is_empty()).then(|| format!("{} differs from {}:\n{text}", right.name(), left.name()))
}

fn listing(s: &Sample) -> String {
    let bytes = s.input.code.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let lines: Vec<_> = s.insns.iter().map(|i| format!("  {:x} {i}", i.ip())).collect();
    format!("{}\n  {bytes}", lines.join("\n"))
}
