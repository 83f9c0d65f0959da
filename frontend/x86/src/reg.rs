//! Names of registers and modes, in the encoding order of the manual.

use iced_x86::Register;

/// The mode that guest code runs in. One of the bits that select a translation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Mode {
    /// 32-bit protected mode (an i386 program).
    Bits32 = 0,
    /// 64-bit mode.
    Bits64 = 1,
}

impl Mode {
    /// 32 or 64.
    #[inline]
    pub const fn bitness(self) -> u32 {
        match self {
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        }
    }

    /// Mask of the bits that a linear address or an instruction pointer has.
    #[inline]
    pub const fn addr_mask(self) -> u64 {
        match self {
            Self::Bits32 => u32::MAX as u64,
            Self::Bits64 => u64::MAX,
        }
    }
}

/// A general purpose register, numbered as encoded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Gpr {
    Rax,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
}

impl Gpr {
    /// All sixteen, as encoded.
    pub const ALL: [Self; 16] = [
        Self::Rax,
        Self::Rcx,
        Self::Rdx,
        Self::Rbx,
        Self::Rsp,
        Self::Rbp,
        Self::Rsi,
        Self::Rdi,
        Self::R8,
        Self::R9,
        Self::R10,
        Self::R11,
        Self::R12,
        Self::R13,
        Self::R14,
        Self::R15,
    ];

    /// Index into [`CpuState::gpr`](crate::CpuState::gpr).
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The register that holds `r`, whatever part of it `r` names (`AH` gives `Rax`); `None` if `r` isn't in a GPR.
    pub fn from_iced(r: Register) -> Option<Self> {
        r.is_gpr().then(|| Self::ALL[r.full_register() as usize - Register::RAX as usize])
    }
}

/// A segment register, numbered as encoded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Seg {
    Es,
    Cs,
    Ss,
    Ds,
    Fs,
    Gs,
}

impl Seg {
    /// All six, as encoded.
    pub const ALL: [Self; 6] = [Self::Es, Self::Cs, Self::Ss, Self::Ds, Self::Fs, Self::Gs];

    /// Index into [`CpuState::seg_base`](crate::CpuState::seg_base) and `seg_sel`.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The segment register `r`; `None` if it isn't one.
    pub fn from_iced(r: Register) -> Option<Self> {
        Some(match r {
            Register::ES => Self::Es,
            Register::CS => Self::Cs,
            Register::SS => Self::Ss,
            Register::DS => Self::Ds,
            Register::FS => Self::Fs,
            Register::GS => Self::Gs,
            _ => return None,
        })
    }
}
