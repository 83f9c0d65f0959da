//! Which instructions the host may run as they are.
//!
//! Those that user programs may run, that do the same whoever runs them, and that the host has. All others are for the interpreter: what asks the machine
//! what it is, what loads or shows segments, whole images of the floating point state, far branches, and what the host lacks.

use forklift_x86::{CpuModel, Feature, Mode};
use iced_x86::{Code, CpuidFeature as F, Instruction, Mnemonic as M, OpKind, Register};

/// Whether the host has the instructions of `f`.
fn host_has(f: Feature) -> bool {
    use std::arch::is_x86_feature_detected as has;
    match f {
        Feature::Sse3 => has!("sse3"),
        Feature::Ssse3 => has!("ssse3"),
        Feature::Sse41 => has!("sse4.1"),
        Feature::Sse42 => has!("sse4.2"),
        Feature::Popcnt => has!("popcnt"),
        Feature::Cx16 => has!("cmpxchg16b"),
        Feature::Movbe => has!("movbe"),
        Feature::Pclmulqdq => has!("pclmulqdq"),
        Feature::Fma => has!("fma"),
        Feature::Aes => has!("aes"),
        Feature::Avx => has!("avx"),
        Feature::F16c => has!("f16c"),
        Feature::Rdrand => has!("rdrand"),
        Feature::Bmi1 => has!("bmi1"),
        Feature::Avx2 => has!("avx2"),
        Feature::Bmi2 => has!("bmi2"),
        Feature::Rdseed => has!("rdseed"),
        Feature::Adx => has!("adx"),
        Feature::Sha => has!("sha"),
        Feature::Gfni => has!("gfni"),
        Feature::Vaes => has!("vaes"),
        Feature::Vpclmulqdq => has!("vpclmulqdq"),
        Feature::Lzcnt => has!("lzcnt"),
        Feature::Sse4a => has!("sse4a"),
        Feature::Fpu | Feature::Tsc | Feature::Cx8 | Feature::Cmov | Feature::Mmx | Feature::Sse | Feature::Sse2 | Feature::Clflush => true,
        _ => false,
    }
}

/// What the interpreter does although programs may run it. Branches are no question here.
const INTERPRETED: &[M] = &[
    // The machine.
    M::Cpuid,
    M::Xgetbv,
    M::Rdtscp,
    M::Rdpid,
    M::Rdpmc,
    M::Sgdt,
    M::Sidt,
    M::Sldt,
    M::Smsw,
    M::Str,
    M::Lar,
    M::Lsl,
    M::Verr,
    M::Verw,
    M::Arpl,
    M::In,
    M::Out,
    M::Insb,
    M::Insw,
    M::Insd,
    M::Outsb,
    M::Outsw,
    M::Outsd,
    M::Hlt,
    M::Cli,
    M::Sti,
    M::Clts,
    M::Lmsw,
    M::Invd,
    M::Wbinvd,
    M::Invlpg,
    M::Lgdt,
    M::Lidt,
    M::Lldt,
    M::Ltr,
    M::Rdmsr,
    M::Wrmsr,
    M::Monitor,
    M::Mwait,
    M::Rsm,
    M::Swapgs,
    M::Sysret,
    M::Sysretq,
    M::Sysexit,
    M::Sysexitq,
    // Segments.
    M::Lds,
    M::Les,
    M::Lfs,
    M::Lgs,
    M::Lss,
    M::Rdfsbase,
    M::Rdgsbase,
    M::Wrfsbase,
    M::Wrgsbase,
    // Flags that steer the processor.
    M::Popf,
    M::Popfd,
    M::Popfq,
    M::Into,
    M::Bound,
    M::Int,
    M::Int1,
    M::Int3,
    M::Ud0,
    M::Ud1,
    M::Ud2,
    M::Iret,
    M::Iretd,
    M::Iretq,
    // Images of the floating point state, which hold addresses of instructions.
    M::Fxsave,
    M::Fxsave64,
    M::Fxrstor,
    M::Fxrstor64,
    M::Xsave,
    M::Xsave64,
    M::Xsavec,
    M::Xsavec64,
    M::Xsaveopt,
    M::Xsaveopt64,
    M::Xrstor,
    M::Xrstor64,
    M::Fldenv,
    M::Fstenv,
    M::Fnstenv,
    M::Fsave,
    M::Fnsave,
    M::Frstor,
    M::Fninit,
    M::Finit,
    M::Xsetbv,
    // Faults in the middle.
    M::Enter,
];

/// What is known of an instruction's code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const UNKNOWN: u8 = 0;
    const KNOWN: u8 = 1;
    const COPIED: u8 = 2;
    const X87: u8 = 4;
    const LIVE: u8 = 8;

    /// The host may run it.
    pub const fn is_copied(self) -> bool {
        self.0 & Self::COPIED != 0
    }

    /// It leaves its address, and that of its operand, in the x87 unit.
    pub const fn is_x87(self) -> bool {
        self.0 & Self::X87 != 0
    }

    /// It wants the guest's x87 registers, or MMX, in the host's unit.
    pub const fn wants_x87(self) -> bool {
        self.0 & Self::LIVE != 0
    }
}

/// x87 instructions that leave no address.
const CONTROL: &[M] = &[M::Fclex, M::Fnclex, M::Fldcw, M::Fnstcw, M::Fstcw, M::Fnstsw, M::Fstsw, M::Wait];

fn decide(code: Code, model: CpuModel) -> Kind {
    let features = code.cpuid_features();
    let known = features.iter().all(|&f| Feature::from_iced(f).is_none_or(host_has));
    let copied = known && model.announces(code) && !INTERPRETED.contains(&code.mnemonic());
    let unit = code.mnemonic() == M::Wait || features.iter().any(|f| matches!(f, F::FPU | F::FPU287 | F::FPU387));
    let mmx = features.iter().any(|f| matches!(f, F::MMX | F::D3NOW | F::D3NOWEXT));
    let bit = |on, bit| if on { bit } else { 0 };
    Kind(Kind::KNOWN | bit(copied, Kind::COPIED) | bit(unit && !CONTROL.contains(&code.mnemonic()), Kind::X87) | bit(unit || mmx, Kind::LIVE))
}

/// The answers for one CPU model.
pub(super) struct Policy {
    model: CpuModel,
    mode: Mode,
    known: Vec<Kind>,
}

impl Policy {
    pub fn new(model: CpuModel, mode: Mode) -> Self {
        Self { model, mode, known: vec![Kind(Kind::UNKNOWN); Code::values().len()] }
    }

    /// What is to be done with `i`, which is no branch.
    pub fn of(&mut self, i: &Instruction) -> Kind {
        let code = i.code();
        let kind = &mut self.known[code as usize];
        if kind.0 == Kind::UNKNOWN {
            *kind = decide(code, self.model);
        }
        let kind = *kind;
        let operands = || (0..i.op_count()).filter(|&k| i.op_kind(k) == OpKind::Register).map(|k| i.op_register(k));
        if kind.is_copied()
            && (i.segment_prefix() == Register::GS && self.mode == Mode::Bits64 || i.memory_base() == Register::EIP || operands().any(is_special))
        {
            return Kind(Kind::KNOWN);
        }
        // Conversions between MMX and SSE: not with an operand in memory.
        if operands().any(Register::is_mm) { Kind(kind.0 | Kind::LIVE) } else { kind }
    }
}

/// Whether an operand makes an instruction one for the interpreter.
fn is_special(r: Register) -> bool {
    r.is_segment_register() || r.is_cr() || r.is_dr() || r.is_tr()
}
