//! CPU models: what CPUID shows, and so what a program may use.
//!
//! A feature is here only if every instruction of it is interpreted; a test in the interpreter checks that.

use core::fmt;
use core::str::FromStr;

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
}

impl Feature {
    /// All features, in the order of the table below.
    pub const ALL: [Self; 23] = [
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
    ];

    /// Where CPUID shows the feature, its name in /proc/cpuinfo, and the first model that has it.
    const fn info(self) -> (Place, &'static str, CpuModel) {
        use CpuModel as M;
        use Place::{C1, CX, D1, DX};
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
        }
    }

    /// The name that Linux gives the feature in /proc/cpuinfo.
    pub const fn name(self) -> &'static str {
        self.info().1
    }
}

/// Register and bit of a feature: leaf 1 ECX/EDX, leaf 0x8000_0001 ECX/EDX.
#[derive(Clone, Copy)]
enum Place {
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
}

impl CpuModel {
    /// All models, oldest first.
    pub const ALL: [Self; 5] = [Self::I486, Self::I686, Self::X64, Self::Core2, Self::V2];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I486 => "i486",
            Self::I686 => "i686",
            Self::X64 => "x86-64",
            Self::Core2 => "core2",
            Self::V2 => "x86-64-v2",
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
        }
    }

    /// XCR0: x87 and SSE, where XSAVE exists.
    pub fn xcr0(self) -> u64 {
        if self.has(Feature::Xsave) { 3 } else { 0 }
    }

    /// The bytes that XSAVE needs for all of `xcr0` (SDM vol. 1, 13.4).
    pub const fn xsave_size(self) -> u32 {
        576
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
    }
}
