//! Random straight code for differential runs, from fixed seeds.
//!
//! Instructions are made from the decoder's own descriptions of operands, so that every encoding of a mnemonic comes up. Some registers are kept as pointers
//! and indices and never written by choice, so that most accesses hit the data area. Flags that the manual leaves undefined are never read by what follows,
//! and masked in the result.

mod insn;
mod rng;
mod values;

use forklift_x86::{Gpr, Mode, bits};
use iced_x86::{Code, Encoder, Instruction, Mnemonic, RflagsBits};

pub use rng::Rng;

use crate::machine::{CODE, DATA, Input, STACK};

/// Code, and which flags of its result mean something.
pub struct Sample {
    /// What to run.
    pub input: Input,
    /// The instructions, for messages.
    pub insns: Vec<Instruction>,
    /// Bits of RFLAGS that are defined at the end.
    pub flags: u32,
}

/// Makes samples from a set of instructions.
pub struct Generator {
    mode: Mode,
    codes: Vec<Code>,
}

impl Generator {
    /// Samples of the encodings of `mnemonics` that exist in `mode`, legacy ones only.
    pub fn new(mode: Mode, mnemonics: &[Mnemonic]) -> Self {
        let fits = |c: &Code| {
            let info = c.op_code();
            let encodable = if mode == Mode::Bits64 { info.mode64() } else { info.mode32() };
            encodable && info.encoding() == iced_x86::EncodingKind::Legacy && mnemonics.contains(&c.mnemonic()) && insn::is_supported(*c)
        };
        Self { mode, codes: Code::values().filter(fits).collect() }
    }

    /// How many encodings there are to choose from.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// A sample of up to `max` instructions.
    pub fn sample(&self, rng: &mut Rng, max: usize) -> Sample {
        let mut insns = Vec::new();
        let mut undefined = 0;
        let (mut code, mut ip) = (Vec::new(), CODE);
        let count = 1 + rng.below(max as u64) as usize;
        // Encodings repeat within a sample, so that loads, stores and flags meet.
        let few: Vec<Code> = (0..4).map(|_| *rng.pick(&self.codes)).collect();
        for _ in 0..20 * count {
            if insns.len() == count {
                break;
            }
            let c = if rng.chance(2) { *rng.pick(&few) } else { *rng.pick(&self.codes) };
            let Some(i) = insn::make(self.mode, c, rng) else { continue };
            let Some(bytes) = encode(self.mode, &i, ip) else { continue };
            let Some(i) = forklift_x86::decode_one(self.mode, forklift_x86::GuestAddr::new(ip), &padded(&bytes)) else { continue };
            if status(i.rflags_read()) & undefined != 0 || i.len() != bytes.len() {
                continue;
            }
            // Undefined; and near branches with an operand-size prefix, which vendors treat differently.
            let branch = matches!(i.mnemonic(), Mnemonic::Call | Mnemonic::Ret | Mnemonic::Jmp);
            if i.mnemonic() == Mnemonic::Bswap && i.op0_register().size() == 2 || branch && bytes.first() == Some(&0x66) {
                continue;
            }
            undefined = undefined & !status(surely_written(&i)) | status(i.rflags_undefined());
            ip += bytes.len() as u64;
            code.extend(bytes);
            insns.push(i);
        }
        let mut input = Input::new(self.mode, &code);
        values::fill(&mut input, rng);
        self.set_pointers(&mut input, rng);
        Sample { input, insns, flags: bits::STATUS & !undefined | bits::DF }
    }

    fn set_pointers(&self, input: &mut Input, rng: &mut Rng) {
        let cpu = &mut input.cpu;
        cpu.set(Gpr::Rsp, STACK);
        cpu.set(Gpr::Rdi, DATA + 0x400 + 4 * rng.below(16));
        cpu.set(Gpr::Rsi, DATA + 0x480 + rng.below(64));
        cpu.set(Gpr::Rbp, DATA + 0x500);
        cpu.set(insn::index(self.mode), rng.below(16));
    }
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut v = bytes.to_vec();
    v.resize(16, 0xcc);
    v
}

fn encode(mode: Mode, i: &Instruction, ip: u64) -> Option<Vec<u8>> {
    let mut e = Encoder::new(mode.bitness());
    e.encode(i, ip).ok()?;
    Some(e.take_buffer())
}

/// Flags that `i` gives a defined value whatever its operands: not those of a shift whose count may be 0.
fn surely_written(i: &Instruction) -> u32 {
    use Mnemonic as M;
    let counts = matches!(i.mnemonic(), M::Shl | M::Sal | M::Shr | M::Sar | M::Rol | M::Ror | M::Rcl | M::Rcr | M::Shld | M::Shrd);
    if counts { 0 } else { i.rflags_written() | i.rflags_cleared() | i.rflags_set() }
}

fn status(iced: u32) -> u32 {
    const MAP: [(u32, u32); 6] = [
        (RflagsBits::CF, bits::CF),
        (RflagsBits::PF, bits::PF),
        (RflagsBits::AF, bits::AF),
        (RflagsBits::ZF, bits::ZF),
        (RflagsBits::SF, bits::SF),
        (RflagsBits::OF, bits::OF),
    ];
    MAP.iter().filter(|(theirs, _)| iced & theirs != 0).fold(0, |m, (_, ours)| m | ours)
}
