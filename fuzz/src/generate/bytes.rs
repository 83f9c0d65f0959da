//! Any bytes as code.

use forklift_x86::Mode;
use iced_x86::{Instruction, Mnemonic};

use super::{Defined, Program, Rng, Sample, flag_bits, values};
use crate::judge::is_transcendental;
use crate::machine::Input;

/// More than that is cut off. Unit: bytes.
const MOST: usize = 256;

impl Sample {
    /// The instructions that `bytes` start with, and a state for them. `None` if their result isn't certain: flags that the manual leaves undefined are read,
    /// or the machine is asked for what changes.
    pub fn from_bytes(mode: Mode, bytes: &[u8]) -> Option<Self> {
        let mut code = Program::new(mode);
        let mut rest = &bytes[..bytes.len().min(MOST)];
        while let Some(i) = code.decode(rest).filter(|i| !i.is_invalid() && i.len() <= rest.len()) {
            let (insn, behind) = rest.split_at(i.len());
            code.push(insn);
            rest = behind;
        }
        let undefined = code.insns.iter().fold(0, |u, i| u | flag_bits(i.rflags_undefined()));
        let uncertain = |i: &Instruction| flag_bits(i.rflags_read()) & undefined != 0 || is_transcendental(i) || is_inconstant(i.mnemonic());
        if code.insns.is_empty() || code.insns.iter().any(uncertain) {
            return None;
        }
        let mut input = Input::new(mode, &code.bytes);
        values::fill(&mut input, &mut Rng::new(1));
        super::point(&mut input);
        let defined = Defined::everywhere(code.insns.clone(), undefined);
        Some(Self { input, insns: code.insns, defined })
    }
}

/// Whether its result is the machine's own, or another each time.
fn is_inconstant(m: Mnemonic) -> bool {
    matches!(m, Mnemonic::Rdtsc | Mnemonic::Rdtscp | Mnemonic::Rdrand | Mnemonic::Rdseed | Mnemonic::Rdpid | Mnemonic::Cpuid | Mnemonic::Xgetbv)
}
