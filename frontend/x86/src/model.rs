//! CPU models: what CPUID shows, and so what a program may use.
//!
//! A feature is here only if every instruction of it is interpreted; a test in the interpreter checks that.

use core::fmt;
use core::str::FromStr;

use iced_x86::{Code, CpuidFeature, Mnemonic};

use crate::xstate::{self, component};

/// What CPUID returns for one leaf.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CpuidLeaf {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

/// A group of instructions that CPUID announces with one bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Feature {
    Fpu,
    Tsc,
    Cx8,
    Cmov,
    Mmx,
    Fxsr,
    Sse,
    Sse2,
    Sysenter,
    Clflush,
    Sse3,
    Ssse3,
    Sse41,
    Sse42,
    Popcnt,
    Cx16,
    Movbe,
    Xsave,
    LongMode,
    Syscall,
    Lahf64,
    Rdtscp,
    Nx,
    Pclmulqdq,
    Fma,
    Aes,
    Avx,
    F16c,
    Rdrand,
    Fsgsbase,
    Bmi1,
    Avx2,
    Bmi2,
    Erms,
    Rdseed,
    Adx,
    Clflushopt,
    Clwb,
    Sha,
    Gfni,
    Vaes,
    Vpclmulqdq,
    Rdpid,
    Lzcnt,
    Sse4a,
    Prefetchw,
    D3now,
    D3nowext,
    Xsaveopt,
    Xsavec,
}

impl Feature {
    /// All features, in the order of the table below.
    pub const ALL: [Self; 50] = [
        Self::Fpu,
        Self::Tsc,
        Self::Cx8,
        Self::Cmov,
        Self::Mmx,
        Self::Fxsr,
        Self::Sse,
        Self::Sse2,
        Self::Sysenter,
        Self::Clflush,
        Self::Sse3,
        Self::Ssse3,
        Self::Sse41,
        Self::Sse42,
        Self::Popcnt,
        Self::Cx16,
        Self::Movbe,
        Self::Xsave,
        Self::LongMode,
        Self::Syscall,
        Self::Lahf64,
        Self::Rdtscp,
        Self::Nx,
        Self::Pclmulqdq,
        Self::Fma,
        Self::Aes,
        Self::Avx,
        Self::F16c,
        Self::Rdrand,
        Self::Fsgsbase,
        Self::Bmi1,
        Self::Avx2,
        Self::Bmi2,
        Self::Erms,
        Self::Rdseed,
        Self::Adx,
        Self::Clflushopt,
        Self::Clwb,
        Self::Sha,
        Self::Gfni,
        Self::Vaes,
        Self::Vpclmulqdq,
        Self::Rdpid,
        Self::Lzcnt,
        Self::Sse4a,
        Self::Prefetchw,
        Self::D3now,
        Self::D3nowext,
        Self::Xsaveopt,
        Self::Xsavec,
    ];

    /// Where CPUID shows the feature, its name in /proc/cpuinfo, and the first model that has it.
    const fn info(self) -> (Place, &'static str, CpuModel) {
        use CpuModel as M;
        use Place::{A13, B7, C1, C7, CX, D1, DX};
        match self {
            Self::Fpu => (D1(0), "fpu", M::I486),
            Self::Tsc => (D1(4), "tsc", M::I686),
            Self::Cx8 => (D1(8), "cx8", M::I686),
            Self::Sysenter => (D1(11), "sep", M::I686),
            Self::Cmov => (D1(15), "cmov", M::I686),
            Self::Clflush => (D1(19), "clflush", M::Core2),
            Self::Mmx => (D1(23), "mmx", M::Core2),
            Self::Fxsr => (D1(24), "fxsr", M::Core2),
            Self::Sse => (D1(25), "sse", M::Core2),
            Self::Sse2 => (D1(26), "sse2", M::Core2),
            Self::Sse3 => (C1(0), "pni", M::Core2),
            Self::Ssse3 => (C1(9), "ssse3", M::Core2),
            Self::Cx16 => (C1(13), "cx16", M::Core2),
            Self::Sse41 => (C1(19), "sse4_1", M::V2),
            Self::Sse42 => (C1(20), "sse4_2", M::V2),
            Self::Movbe => (C1(22), "movbe", M::V2),
            Self::Popcnt => (C1(23), "popcnt", M::V2),
            Self::Xsave => (C1(26), "xsave", M::V2),
            Self::Syscall => (DX(11), "syscall", M::Core2),
            Self::Nx => (DX(20), "nx", M::Core2),
            Self::Rdtscp => (DX(27), "rdtscp", M::V2),
            Self::LongMode => (DX(29), "lm", M::Core2),
            Self::Lahf64 => (CX(0), "lahf_lm", M::Core2),
            Self::Pclmulqdq => (C1(1), "pclmulqdq", M::V3),
            Self::Fma => (C1(12), "fma", M::V3),
            Self::Aes => (C1(25), "aes", M::V3),
            Self::Avx => (C1(28), "avx", M::V3),
            Self::F16c => (C1(29), "f16c", M::V3),
            Self::Rdrand => (C1(30), "rdrand", M::V3),
            Self::Fsgsbase => (B7(0), "fsgsbase", M::V3),
            Self::Bmi1 => (B7(3), "bmi1", M::V3),
            Self::Avx2 => (B7(5), "avx2", M::V3),
            Self::Bmi2 => (B7(8), "bmi2", M::V3),
            // REP MOVSB and STOSB are the host's own, or its memcpy.
            Self::Erms => (B7(9), "erms", M::V3),
            Self::Rdseed => (B7(18), "rdseed", M::V3),
            Self::Adx => (B7(19), "adx", M::V3),
            Self::Clflushopt => (B7(23), "clflushopt", M::V3),
            Self::Clwb => (B7(24), "clwb", M::Max),
            Self::Sha => (B7(29), "sha_ni", M::Max),
            Self::Gfni => (C7(8), "gfni", M::Max),
            Self::Vaes => (C7(9), "vaes", M::Max),
            Self::Vpclmulqdq => (C7(10), "vpclmulqdq", M::Max),
            Self::Rdpid => (C7(22), "rdpid", M::Max),
            Self::Lzcnt => (CX(5), "abm", M::V3),
            Self::Sse4a => (CX(6), "sse4a", M::Max),
            Self::Prefetchw => (CX(8), "3dnowprefetch", M::V3),
            Self::D3nowext => (DX(30), "3dnowext", M::Max),
            Self::D3now => (DX(31), "3dnow", M::Max),
            Self::Xsaveopt => (A13(0), "xsaveopt", M::V3),
            Self::Xsavec => (A13(1), "xsavec", M::V3),
        }
    }

    /// The feature that iced calls `f`, if it is one that a model may lack.
    pub const fn from_iced(f: CpuidFeature) -> Option<Self> {
        Some(match f {
            CpuidFeature::FPU => Self::Fpu,
            CpuidFeature::TSC => Self::Tsc,
            CpuidFeature::CX8 => Self::Cx8,
            CpuidFeature::CMOV => Self::Cmov,
            CpuidFeature::MMX => Self::Mmx,
            CpuidFeature::FXSR => Self::Fxsr,
            CpuidFeature::SSE => Self::Sse,
            CpuidFeature::SSE2 => Self::Sse2,
            CpuidFeature::SEP => Self::Sysenter,
            CpuidFeature::CLFSH => Self::Clflush,
            CpuidFeature::SSE3 => Self::Sse3,
            CpuidFeature::SSSE3 => Self::Ssse3,
            CpuidFeature::SSE4_1 => Self::Sse41,
            CpuidFeature::SSE4_2 => Self::Sse42,
            CpuidFeature::POPCNT => Self::Popcnt,
            CpuidFeature::CMPXCHG16B => Self::Cx16,
            CpuidFeature::MOVBE => Self::Movbe,
            CpuidFeature::XSAVE => Self::Xsave,
            CpuidFeature::RDTSCP => Self::Rdtscp,
            CpuidFeature::PCLMULQDQ => Self::Pclmulqdq,
            CpuidFeature::FMA => Self::Fma,
            CpuidFeature::AES => Self::Aes,
            CpuidFeature::AVX => Self::Avx,
            CpuidFeature::F16C => Self::F16c,
            CpuidFeature::RDRAND => Self::Rdrand,
            CpuidFeature::FSGSBASE => Self::Fsgsbase,
            CpuidFeature::BMI1 => Self::Bmi1,
            CpuidFeature::AVX2 => Self::Avx2,
            CpuidFeature::BMI2 => Self::Bmi2,
            CpuidFeature::RDSEED => Self::Rdseed,
            CpuidFeature::ADX => Self::Adx,
            CpuidFeature::CLFLUSHOPT => Self::Clflushopt,
            CpuidFeature::CLWB => Self::Clwb,
            CpuidFeature::SHA => Self::Sha,
            CpuidFeature::GFNI => Self::Gfni,
            CpuidFeature::VAES => Self::Vaes,
            CpuidFeature::VPCLMULQDQ => Self::Vpclmulqdq,
            CpuidFeature::RDPID => Self::Rdpid,
            CpuidFeature::LZCNT => Self::Lzcnt,
            CpuidFeature::SSE4A => Self::Sse4a,
            CpuidFeature::D3NOW => Self::D3now,
            CpuidFeature::D3NOWEXT => Self::D3nowext,
            CpuidFeature::XSAVEOPT => Self::Xsaveopt,
            CpuidFeature::XSAVEC => Self::Xsavec,
            _ => return None,
        })
    }

    /// The name that Linux gives the feature in /proc/cpuinfo.
    pub const fn name(self) -> &'static str {
        self.info().1
    }
}

/// Register and bit of a feature: leaf 1 ECX/EDX, leaf 7 EBX/ECX, leaf 0xd (subleaf 1) EAX, leaf 0x8000_0001 ECX/EDX.
#[derive(Clone, Copy)]
enum Place {
    B7(u32),
    C7(u32),
    A13(u32),
    C1(u32),
    D1(u32),
    CX(u32),
    DX(u32),
}

/// A CPU that the guest believes to run on. Each has all that the ones before it have; x86-64 without a number is Core2 less SSE3 and on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CpuModel {
    /// FPU and CPUID.
    I486,
    /// CMOV, CMPXCHG8B, TSC, SYSENTER.
    I686,
    /// The x86-64 baseline: SSE2, and no later vectors.
    X64,
    /// SSSE3, CMPXCHG16B.
    Core2,
    /// x86-64-v2: SSE4.2, POPCNT; and MOVBE, XSAVE.
    V2,
    /// x86-64-v3: AVX2, FMA, BMI; and what the CPUs of that time have besides: AES, PCLMULQDQ, RDRAND, ADX, FSGSBASE, XSAVEC.
    V3,
    /// All that there is, whoever made it: SHA, VAES, GFNI, SSE4a, 3DNow!.
    Max,
}

impl CpuModel {
    /// All models, oldest first.
    pub const ALL: [Self; 7] = [Self::I486, Self::I686, Self::X64, Self::Core2, Self::V2, Self::V3, Self::Max];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I486 => "i486",
            Self::I686 => "i686",
            Self::X64 => "x86-64",
            Self::Core2 => "core2",
            Self::V2 => "x86-64-v2",
            Self::V3 => "x86-64-v3",
            Self::Max => "max",
        }
    }

    /// Whether programs may use `f`.
    pub fn has(self, f: Feature) -> bool {
        let first = f.info().2;
        if self == Self::X64 {
            return first <= Self::Core2 && !matches!(f, Feature::Sse3 | Feature::Ssse3 | Feature::Cx16 | Feature::Lahf64);
        }
        first <= self
    }

    /// Family, model and stepping as leaf 1 EAX has them.
    const fn signature(self) -> u32 {
        match self {
            Self::I486 => 0x480,
            Self::I686 => 0x633,
            Self::X64 => 0xf34,
            Self::Core2 => 0x6f6,
            Self::V2 => 0x106a5,
            Self::V3 | Self::Max => 0x506e3,
        }
    }

    /// Whether the instruction exists: all features that it is of are there. Hints, and F3 prefixes that older CPUs ignore, exist everywhere.
    pub fn permits(self, code: Code) -> bool {
        let m = code.mnemonic();
        let ignored =
            matches!(m, Mnemonic::Tzcnt | Mnemonic::Lzcnt | Mnemonic::Prefetchnta | Mnemonic::Prefetcht0 | Mnemonic::Prefetcht1 | Mnemonic::Prefetcht2)
                || matches!(m, Mnemonic::Prefetch | Mnemonic::Prefetchw);
        ignored || code.cpuid_features().iter().all(|&f| Feature::from_iced(f).is_none_or(|f| self.has(f)))
    }

    /// Whether the instruction is one of those that the model tells programs about: each of its features is announced, or one that needs no announcement.
    /// What the decoder knows besides is not there (AVX-512, undocumented instructions of the 386), or of use to kernels only.
    pub fn announces(self, code: Code) -> bool {
        use CpuidFeature as F;
        let by_age = |f| {
            let base = matches!(f, F::INTEL8086 | F::INTEL186 | F::INTEL286 | F::INTEL386 | F::INTEL486 | F::X64 | F::CPUID | F::MSR | F::RDPMC);
            base || matches!(f, F::PAUSE | F::MULTIBYTENOP | F::FPU287 | F::FPU387 | F::SYSCALL | F::PREFETCHW)
        };
        let all = code.cpuid_features();
        !all.is_empty() && all.iter().all(|&f| Feature::from_iced(f).map_or_else(|| by_age(f), |f| self.has(f)))
    }

    /// XCR0: x87, SSE and AVX, as far as they exist; 0 without XSAVE.
    pub fn xcr0(self) -> u64 {
        match (self.has(Feature::Xsave), self.has(Feature::Avx)) {
            (false, _) => 0,
            (true, false) => component::X87 | component::SSE,
            (true, true) => component::X87 | component::SSE | component::AVX,
        }
    }

    /// The bytes that XSAVE needs for all of `xcr0` (SDM vol. 1, 13.4).
    pub fn xsave_size(self) -> u32 {
        xstate::size(self.xcr0()) as u32
    }

    /// The brand string, 48 bytes, padded with zeroes.
    pub fn brand(self) -> [u8; 48] {
        let mut b = [0; 48];
        let text = match self {
            Self::I486 => "forklift i486",
            Self::I686 => "forklift i686",
            Self::X64 => "forklift x86-64",
            Self::Core2 => "forklift core2",
            Self::V2 => "forklift x86-64-v2",
            Self::V3 => "forklift x86-64-v3",
            Self::Max => "forklift max",
        };
        b[..text.len()].copy_from_slice(text.as_bytes());
        b
    }

    /// CPUID (SDM vol. 2A). Leaves beyond the highest answer as the highest basic leaf does on Intel CPUs: with zeroes here.
    pub fn cpuid(self, leaf: u32, subleaf: u32) -> CpuidLeaf {
        match leaf {
            0 => CpuidLeaf { eax: if self.has(Feature::Xsave) { 0xd } else { 1 }, ebx: 0x756e_6547, edx: 0x4965_6e69, ecx: 0x6c65_746e },
            1 => self.leaf1(),
            7 | 0xd if !self.has(Feature::Xsave) => CpuidLeaf::default(),
            7 if subleaf == 0 => CpuidLeaf {
                ebx: self.bits(|p| if let Place::B7(b) = p { Some(b) } else { None }),
                ecx: self.bits(|p| if let Place::C7(b) = p { Some(b) } else { None }),
                ..CpuidLeaf::default()
            },
            0xd => self.leaf_xsave(subleaf),
            0x8000_0000 => CpuidLeaf { eax: 0x8000_0008, ..CpuidLeaf::default() },
            0x8000_0001 => CpuidLeaf {
                ecx: self.bits(|p| if let Place::CX(b) = p { Some(b) } else { None }),
                edx: self.bits(|p| if let Place::DX(b) = p { Some(b) } else { None }),
                ..CpuidLeaf::default()
            },
            0x8000_0002..=0x8000_0004 => {
                let brand = self.brand();
                let at = |i: usize| {
                    let o = (leaf - 0x8000_0002) as usize * 16 + i * 4;
                    u32::from_le_bytes([brand[o], brand[o + 1], brand[o + 2], brand[o + 3]])
                };
                CpuidLeaf { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) }
            }
            0x8000_0006 => CpuidLeaf { ecx: 0x0100_6040, ..CpuidLeaf::default() },
            0x8000_0008 if self.has(Feature::LongMode) => CpuidLeaf { eax: 0x3027, ..CpuidLeaf::default() },
            _ => CpuidLeaf::default(),
        }
    }

    fn bits(self, pick: impl Fn(Place) -> Option<u32>) -> u32 {
        Feature::ALL.into_iter().filter(|&f| self.has(f)).filter_map(|f| pick(f.info().0)).fold(0, |m, b| m | 1 << b)
    }

    fn leaf1(self) -> CpuidLeaf {
        let clflush = if self.has(Feature::Clflush) { 8 << 8 } else { 0 };
        let osxsave = if self.has(Feature::Xsave) { 1 << 27 } else { 0 };
        let ecx = self.bits(|p| if let Place::C1(b) = p { Some(b) } else { None }) | osxsave;
        let edx = self.bits(|p| if let Place::D1(b) = p { Some(b) } else { None });
        CpuidLeaf { eax: self.signature(), ebx: clflush | 1 << 16, ecx, edx }
    }

    fn leaf_xsave(self, subleaf: u32) -> CpuidLeaf {
        let size = self.xsave_size();
        match subleaf {
            0 => CpuidLeaf { eax: self.xcr0() as u32, ebx: size, ecx: size, edx: 0 },
            // XGETBV with ecx = 1 comes with XSAVEC; ebx is the size of the compact form.
            1 => {
                let compact = if self.has(Feature::Xsavec) { 1 << 2 } else { 0 };
                let eax = self.bits(|p| if let Place::A13(b) = p { Some(b) } else { None }) | compact;
                CpuidLeaf { eax, ebx: if eax != 0 { size } else { 0 }, ..CpuidLeaf::default() }
            }
            2 if self.has(Feature::Avx) => CpuidLeaf { eax: xstate::AVX_SIZE as u32, ebx: xstate::AVX_OFFSET as u32, ..CpuidLeaf::default() },
            _ => CpuidLeaf::default(),
        }
    }
}

impl fmt::Display for CpuModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no CPU model has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownCpuModel(pub String);

impl fmt::Display for UnknownCpuModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = CpuModel::ALL.iter().map(|m| m.name()).collect();
        write!(f, "no CPU model is called '{}'; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownCpuModel {}

impl FromStr for CpuModel {
    type Err = UnknownCpuModel;

    fn from_str(s: &str) -> Result<Self, UnknownCpuModel> {
        Self::ALL.into_iter().find(|m| m.name() == s).ok_or_else(|| UnknownCpuModel(s.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for m in CpuModel::ALL {
            assert_eq!(m.name().parse(), Ok(m));
        }
        assert!("pentium".parse::<CpuModel>().is_err());
    }

    #[test]
    fn baseline_has_what_the_abi_demands() {
        for m in [CpuModel::X64, CpuModel::Core2, CpuModel::V2] {
            for f in [Feature::Cmov, Feature::Cx8, Feature::Fpu, Feature::Fxsr, Feature::Mmx, Feature::Sse, Feature::Sse2, Feature::Syscall] {
                assert!(m.has(f), "{m} {f:?}");
            }
        }
        assert!(!CpuModel::X64.has(Feature::Sse3));
        assert!(CpuModel::V2.has(Feature::Sse42));
        assert!(CpuModel::V3.has(Feature::Avx2) && !CpuModel::V3.has(Feature::Sha) && CpuModel::Max.has(Feature::Sha));
    }

    #[test]
    fn instructions_are_of_their_model() {
        assert!(!CpuModel::V2.permits(Code::VEX_Vpaddb_ymm_ymm_ymmm256) && CpuModel::V3.permits(Code::VEX_Vpaddb_ymm_ymm_ymmm256));
        assert!(!CpuModel::V3.permits(Code::VEX_Vaesenc_ymm_ymm_ymmm256) && CpuModel::Max.permits(Code::VEX_Vaesenc_ymm_ymm_ymmm256));
        assert!(CpuModel::I486.permits(Code::Add_rm8_r8) && CpuModel::V2.permits(Code::Tzcnt_r32_rm32));
        assert_eq!((CpuModel::V2.xsave_size(), CpuModel::V3.xsave_size()), (576, 832));
        assert_eq!(CpuModel::V3.cpuid(0xd, 2).ebx, 576);
    }
}
