//! Random straight code for differential runs, from fixed seeds.
//!
//! Instructions are made from the decoder's own descriptions of operands, so that every encoding of a mnemonic comes up. Some registers are kept as pointers
//! and indices and never written by choice, so that most accesses hit the data area. Flags that the manual leaves undefined are never read by what follows,
//! and masked in the result.

mod bytes;
mod defined;
mod insn;
pub mod number;
mod program;
mod rng;
pub mod selfmod;
mod values;

use forklift_x86::{Cond, CpuState, Gpr, GuestAddr, Mode, bits};
use iced_x86::{Code, CpuidFeature, Encoder, EncodingKind, Instruction, Mnemonic, RflagsBits};

pub use defined::Defined;
pub use rng::Rng;

use crate::judge::is_transcendental;
use crate::machine::{CODE, DATA, Input, RODATA, RODATA_SIZE, STACK};

/// Code, and what it is.
pub struct Sample {
    /// What to run.
    pub input: Input,
    /// The instructions, for messages.
    pub insns: Vec<Instruction>,
    /// Which flags mean something.
    pub defined: Defined,
}

/// Makes samples from a set of instructions.
pub struct Generator {
    mode: Mode,
    codes: Vec<Code>,
    /// The upper halves of vectors are other than zero: some code can see them.
    uppers: bool,
    /// Operands may lie at the ends of memory. Not x87's: an unmasked exception of the same instruction would compete with the page fault.
    at_ends: bool,
}

impl Generator {
    /// Samples of the encodings of `mnemonics` that exist in `mode`, legacy and VEX.
    pub fn new(mode: Mode, mnemonics: &[Mnemonic]) -> Self {
        let fits = |c: &Code| {
            let info = c.op_code();
            let encodable = if mode == Mode::Bits64 { info.mode64() } else { info.mode32() };
            let encoding = matches!(info.encoding(), EncodingKind::Legacy | EncodingKind::VEX);
            encodable && encoding && mnemonics.contains(&c.mnemonic()) && insn::is_supported(*c)
        };
        let codes: Vec<Code> = Code::values().filter(fits).collect();
        let uppers = codes.iter().any(|c| c.op_code().encoding() == EncodingKind::VEX);
        let at_ends = !codes.iter().any(|c| c.cpuid_features().contains(&CpuidFeature::FPU));
        Self { mode, codes, uppers, at_ends }
    }

    /// Generators for the families of `mnemonics` that don't mix well: integer, SSE, SSE with AVX, x87, x87 with MMX; of the encodings that `has` lets through.
    pub fn families(mode: Mode, mnemonics: &[Mnemonic], has: impl Fn(Code) -> bool) -> Vec<Self> {
        type Wanted = fn(Mnemonic) -> bool;
        let families: [Wanted; 5] = [|m| !is_vector(m) && !is_x87(m), |m| is_vector(m) && !has_vex(m), is_vector, is_x87, |m| is_vector(m) || is_x87(m)];
        let make = |(n, wanted): (usize, Wanted)| {
            let of_family: Vec<_> = mnemonics.iter().copied().filter(|m| wanted(*m)).collect();
            let mut g = Self::new(mode, &of_family);
            g.codes.retain(|c| has(*c) && (n < 4 || is_x87(c.mnemonic()) || is_mmx(*c)));
            g
        };
        families.into_iter().enumerate().map(make).filter(|g| !g.is_empty()).collect()
    }

    /// How many encodings there are to choose from.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// A sample of up to `max` instructions, one after the other.
    pub fn straight(&self, rng: &mut Rng, max: usize) -> Sample {
        let mut code = Program::new(self.mode);
        self.append(&mut code, rng, max);
        self.finish(code, rng)
    }

    /// A loop that is run a few times and has branches over parts of its body.
    pub fn looping(&self, rng: &mut Rng, max: usize) -> Sample {
        let mut code = Program::new(self.mode);
        for _ in 0..1 + rng.below(3) {
            self.append(&mut code, rng, max);
            self.append_skip(&mut code, rng, max);
        }
        code.push_loop(CODE);
        let mut s = self.finish(code, rng);
        s.input.data[(POINTED - DATA) as usize + COUNTER as usize] = 1 + rng.below(4) as u8;
        s
    }

    /// Appends a branch on flags that are defined, over up to `max` instructions.
    fn append_skip(&self, code: &mut Program, rng: &mut Rng, max: usize) {
        let conditions: Vec<_> = Cond::ALL.into_iter().filter(|c| c.reads() & code.undefined == 0).collect();
        if conditions.is_empty() {
            return;
        }
        let cond = *rng.pick(&conditions);
        let mut body = Program { ip: code.ip + 6, undefined: code.undefined, loads_control: code.loads_control, ..Program::new(self.mode) };
        self.append(&mut body, rng, max);
        let over = (body.bytes.len() as i32).to_le_bytes();
        code.push(&[&[0x0f, 0x80 + cond as u8], over.as_slice()].concat());
        code.bytes.extend(body.bytes);
        code.insns.extend(body.insns);
        (code.ip, code.undefined) = (body.ip, code.undefined | body.undefined);
        code.loads_control = body.loads_control;
    }

    /// Appends up to `max` instructions.
    fn append(&self, code: &mut Program, rng: &mut Rng, max: usize) {
        let until = code.insns.len() + 1 + rng.below(max as u64) as usize;
        // Encodings repeat within a sample, so that loads, stores and flags meet.
        let few: Vec<Code> = (0..4).map(|_| *rng.pick(&self.codes)).collect();
        for _ in 0..20 * max {
            if code.insns.len() >= until {
                break;
            }
            let c = if rng.chance(2) { *rng.pick(&few) } else { *rng.pick(&self.codes) };
            if let Some(i) = insn::make(self.mode, c, rng) {
                if i.has_rep_prefix() {
                    // mov ecx, a few; sometimes more than are made in a loop.
                    let count = if rng.chance(8) { 30 + rng.below(8) } else { rng.below(6) };
                    code.push(&[0xb9, count as u8, 0, 0, 0]);
                }
                code.try_push(&i);
            }
        }
    }

    fn finish(&self, code: Program, rng: &mut Rng) -> Sample {
        let mut input = Input::new(self.mode, &code.bytes);
        values::fill(&mut input, rng);
        values::fill_control(&mut input, rng);
        // Where an exception is unmasked the interpreter runs them, whose last bit may be another.
        if code.insns.iter().any(is_transcendental) {
            input.cpu.x87.set_control_word(input.cpu.x87.cw | 0x3f);
            input.cpu.mxcsr |= CpuState::MXCSR_DEFAULT;
        }
        if self.uppers {
            values::fill_uppers(&mut input, rng);
        }
        // What a far branch with REX.W reads differs between vendors.
        let at_ends = self.at_ends && !code.insns.iter().any(|i| i.is_jmp_far_indirect() || i.is_call_far_indirect());
        self.set_pointers(&mut input, rng, at_ends);
        let defined = Defined::of(&input).unwrap_or_else(|| Defined::everywhere(code.insns.clone(), bits::STATUS));
        Sample { input, insns: code.insns, defined }
    }

    fn set_pointers(&self, input: &mut Input, rng: &mut Rng, at_ends: bool) {
        let cpu = &mut input.cpu;
        cpu.set(Gpr::Rsp, STACK);
        cpu.set(Gpr::Rdi, DATA + 0x400 + 4 * rng.below(16));
        cpu.set(Gpr::Rsi, DATA + 0x480 + rng.below(64));
        // At the ends of what may be read and written, now and then.
        if at_ends && rng.chance(8) {
            cpu.set(Gpr::Rdi, RODATA - rng.below(64));
        }
        if at_ends && rng.chance(8) {
            cpu.set(Gpr::Rsi, *rng.pick(&[DATA, RODATA + RODATA_SIZE as u64]) + rng.below(64) - 32);
        }
        cpu.set(Gpr::Rbp, POINTED);
        cpu.set(insn::index(self.mode), rng.below(16));
    }
}

/// Lets all pointers point to data.
fn point(input: &mut Input) {
    let pointers = [(Gpr::Rsp, STACK), (Gpr::Rdi, DATA + 0x400), (Gpr::Rsi, DATA + 0x480), (Gpr::Rbp, POINTED), (insn::index(input.cpu.mode), 3)];
    pointers.into_iter().for_each(|(r, v)| input.cpu.set(r, v));
}

/// What rbp points to.
const POINTED: u64 = DATA + 0x500;
/// Where the counter of a loop lies from there, out of reach of other accesses.
const COUNTER: u32 = 0x300;

/// Code under construction.
struct Program {
    mode: Mode,
    ip: u64,
    bytes: Vec<u8>,
    insns: Vec<Instruction>,
    /// Status flags that are undefined behind it.
    undefined: u32,
    /// Whether it loads the x87's control word, or has transcendental functions: not both, as exceptions stay masked for these.
    loads_control: Option<bool>,
}

/// As [`Program::loads_control`], of one instruction.
fn loads_control(i: &Instruction) -> Option<bool> {
    use Mnemonic as M;
    match i.mnemonic() {
        M::Fldcw | M::Fldenv | M::Frstor | M::Fxrstor | M::Fxrstor64 => Some(true),
        _ => is_transcendental(i).then_some(false),
    }
}

/// Whether a mnemonic works on vector registers, in some of its forms.
pub fn is_vector(m: Mnemonic) -> bool {
    use iced_x86::OpCodeOperandKind as K;
    let of_vector =
        |c: Code| (0..c.op_code().op_count()).any(|n| matches!(c.op_code().op_kind(n), K::xmm_or_mem | K::xmm_reg | K::xmm_rm | K::ymm_reg | K::ymm_or_mem));
    matches!(m, Mnemonic::Vzeroupper | Mnemonic::Vzeroall) || Code::values().any(|c| c.mnemonic() == m && (of_vector(c) || is_mmx(c)))
}

/// Whether an encoding is one of MMX.
fn is_mmx(c: Code) -> bool {
    use iced_x86::OpCodeOperandKind as K;
    c.mnemonic() == Mnemonic::Emms || (0..c.op_code().op_count()).any(|n| matches!(c.op_code().op_kind(n), K::mm_or_mem | K::mm_reg | K::mm_rm))
}

/// Whether a mnemonic has encodings with a VEX prefix.
pub fn has_vex(m: Mnemonic) -> bool {
    Code::values().any(|c| c.mnemonic() == m && c.op_code().encoding() == EncodingKind::VEX)
}

/// Whether it is an instruction of the x87 unit.
pub fn is_x87(m: Mnemonic) -> bool {
    m == Mnemonic::Wait || (Mnemonic::F2xm1..=Mnemonic::Fyl2xp1).contains(&m)
}

impl Program {
    fn new(mode: Mode) -> Self {
        Self { mode, ip: CODE, bytes: Vec::new(), insns: Vec::new(), undefined: 0, loads_control: None }
    }

    /// Appends `i`, unless it can't be encoded or what it does here is undefined.
    fn try_push(&mut self, i: &Instruction) -> Option<()> {
        let bytes = encode(self.mode, i, self.ip)?;
        let i = self.decode(&bytes)?;
        // Vendors differ on near branches with an operand-size prefix.
        let branch = matches!(i.mnemonic(), Mnemonic::Call | Mnemonic::Ret | Mnemonic::Jmp);
        let odd = i.mnemonic() == Mnemonic::Bswap && i.op0_register().size() == 2 || branch && bytes.first() == Some(&0x66);
        let control = loads_control(&i);
        let clashes = control.zip(self.loads_control).is_some_and(|(new, old)| new != old);
        if odd || clashes || i.len() != bytes.len() || flag_bits(i.rflags_read()) & self.undefined != 0 {
            return None;
        }
        self.loads_control = self.loads_control.or(control);
        self.push(&bytes);
        Some(())
    }

    /// Appends an instruction.
    fn push(&mut self, bytes: &[u8]) {
        if let Some(i) = self.decode(bytes) {
            self.undefined = self.undefined & !flag_bits(surely_written(&i)) | flag_bits(i.rflags_undefined());
            self.insns.push(i);
        }
        self.ip += bytes.len() as u64;
        self.bytes.extend(bytes);
    }

    /// Ends a loop that begins at `start`. Flags are defined there, and behind it.
    fn push_loop(&mut self, start: u64) {
        // sub byte ptr [rbp+COUNTER], 1; jnz
        let [a, b, ..] = COUNTER.to_le_bytes();
        self.push(&[0x80, 0xad, a, b, 0, 0, 1]);
        let back = start.wrapping_sub(self.ip + 6) as u32;
        self.push(&[&[0x0f, 0x85], back.to_le_bytes().as_slice()].concat());
        self.undefined = 0;
    }

    fn decode(&self, bytes: &[u8]) -> Option<Instruction> {
        let mut padded = bytes.to_vec();
        padded.resize(16, 0xcc);
        forklift_x86::decode_one(self.mode, GuestAddr::new(self.ip), &padded)
    }
}

fn encode(mode: Mode, i: &Instruction, ip: u64) -> Option<Vec<u8>> {
    let mut e = Encoder::new(mode.bitness());
    e.encode(i, ip).ok()?;
    Some(e.take_buffer())
}

/// Whether a fault in its middle leaves flags undefined: Intel's CPUs put back the old ones, AMD's don't.
pub fn is_repeated_comparison(i: &Instruction) -> bool {
    i.is_string_instruction() && (i.has_rep_prefix() || i.has_repne_prefix()) && i.rflags_modified() != RflagsBits::NONE
}

/// Flags that `i` gives a defined value whatever its operands: not those of a shift whose count may be 0, or of a comparison that may be repeated 0 times.
fn surely_written(i: &Instruction) -> u32 {
    use Mnemonic as M;
    let counts = matches!(i.mnemonic(), M::Shl | M::Sal | M::Shr | M::Sar | M::Rol | M::Ror | M::Rcl | M::Rcr | M::Shld | M::Shrd);
    if counts || is_repeated_comparison(i) { 0 } else { i.rflags_written() | i.rflags_cleared() | i.rflags_set() }
}

/// The status flags among iced's [`RflagsBits`].
pub fn flag_bits(iced: u32) -> u32 {
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
