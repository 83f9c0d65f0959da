//! Places that case files name.

use forklift_x86::{CpuState, Gpr, Mode, Seg, SegCache, X87Reg, bits};
use iced_x86::Register;

use crate::machine::TLS_SELECTORS;

/// A part of the machine's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names of registers")]
pub enum Place {
    /// A general purpose register, or a part of one: offset and size in bytes.
    Gpr {
        reg: Gpr,
        at: usize,
        size: usize,
    },
    /// One bit of RFLAGS, as its mask.
    Flag(u32),
    Xmm(usize),
    /// The whole of a YMM register.
    Ymm(usize),
    Mm(usize),
    St(usize),
    Top,
    Fcw,
    Fsw,
    Used,
    Mxcsr,
    FsBase,
    GsBase,
    Rip,
    /// Bytes of the data area.
    Data {
        at: usize,
        size: usize,
    },
}

impl Place {
    /// Parses a place's name.
    pub fn parse(s: &str) -> Option<Self> {
        let number = |prefix: &str, limit: usize| s.strip_prefix(prefix)?.parse::<usize>().ok().filter(|&n| n < limit);
        let fixed = [
            ("top", Self::Top),
            ("fcw", Self::Fcw),
            ("fsw", Self::Fsw),
            ("used", Self::Used),
            ("mxcsr", Self::Mxcsr),
            ("fsbase", Self::FsBase),
            ("gsbase", Self::GsBase),
            ("rip", Self::Rip),
        ];
        let named = fixed.into_iter().find(|(n, _)| *n == s).map(|(_, p)| p);
        named
            .or_else(|| flag(s).map(Self::Flag))
            .or_else(|| number("xmm", 16).map(Self::Xmm))
            .or_else(|| number("ymm", 16).map(Self::Ymm))
            .or_else(|| number("mm", 8).map(Self::Mm))
            .or_else(|| number("st", 8).map(Self::St))
            .or_else(|| data(s))
            .or_else(|| gpr(s))
    }

    /// Unit: bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Gpr { size, .. } | Self::Data { size, .. } => size,
            Self::Flag(_) | Self::Used => 1,
            Self::Xmm(_) => 16,
            Self::Ymm(_) => 32,
            Self::St(_) => 10,
            Self::Fcw | Self::Fsw => 2,
            Self::Top | Self::Mxcsr => 4,
            Self::Mm(_) | Self::FsBase | Self::GsBase | Self::Rip => 8,
        }
    }

    /// What the place holds.
    pub fn read(self, c: &CpuState, data: &[u8]) -> Vec<u8> {
        let st = |i: usize| &c.x87.regs[(c.x87.top as usize + i) & 7];
        match self {
            Self::Gpr { reg, at, size } => c.get(reg).to_le_bytes()[at..at + size].to_vec(),
            Self::Data { at, size } => data[at..at + size].to_vec(),
            Self::Flag(mask) => vec![u8::from(c.flags.rflags() as u32 & mask != 0)],
            Self::Used => vec![c.x87.used],
            Self::Xmm(i) => c.xmm(i).to_le_bytes().to_vec(),
            Self::Ymm(i) => c.vec[i].low::<32>().to_vec(),
            Self::St(i) => [&st(i).mantissa.to_le_bytes()[..], &st(i).sign_exp.to_le_bytes()].concat(),
            Self::Mm(i) => c.x87.regs[i].mantissa.to_le_bytes().to_vec(),
            Self::Fcw => c.x87.cw.to_le_bytes().to_vec(),
            Self::Fsw => c.x87.sw.to_le_bytes().to_vec(),
            Self::Top => c.x87.top.to_le_bytes().to_vec(),
            Self::Mxcsr => c.mxcsr.to_le_bytes().to_vec(),
            Self::FsBase => c.seg_base[Seg::Fs.index()].to_le_bytes().to_vec(),
            Self::GsBase => c.seg_base[Seg::Gs.index()].to_le_bytes().to_vec(),
            Self::Rip => c.rip.to_le_bytes().to_vec(),
        }
    }

    /// Makes the place hold `v`, of [`size`](Self::size) bytes.
    pub fn write(self, c: &mut CpuState, data: &mut [u8], v: &[u8]) {
        let wide = v.iter().take(8).rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
        match self {
            Self::Gpr { reg, at, size } => {
                let mut whole = c.get(reg).to_le_bytes();
                whole[at..at + size].copy_from_slice(v);
                c.set(reg, u64::from_le_bytes(whole));
            }
            Self::Data { at, size } => data[at..at + size].copy_from_slice(v),
            Self::Flag(mask) => c.flags.set_rflags(if wide & 1 != 0 { u64::from(mask) } else { 0 }, mask),
            Self::Used => c.x87.used = wide as u8,
            Self::Xmm(i) => c.set_xmm(i, v.iter().rev().fold(0, |n, &b| n << 8 | u128::from(b))),
            Self::Ymm(i) => c.vec[i].0[..32].copy_from_slice(v),
            Self::St(i) => {
                let at = (c.x87.top as usize + i) & 7;
                c.x87.regs[at] = X87Reg { mantissa: wide, sign_exp: u16::from_le_bytes([v[8], v[9]]), pad: [0; 3] };
                c.x87.used |= 1 << at;
            }
            Self::Mm(i) => c.x87.regs[i].mantissa = wide,
            Self::Fcw => c.x87.cw = wide as u16,
            Self::Fsw => c.x87.sw = wide as u16 & !0x3800,
            Self::Top => c.x87.top = wide as u32 & 7,
            Self::Mxcsr => c.mxcsr = wide as u32,
            Self::FsBase => base(c, Seg::Fs, wide),
            Self::GsBase => base(c, Seg::Gs, wide),
            Self::Rip => c.rip = wide,
        }
    }

    /// The place that a result of this name means: a write to a 32-bit register in 64-bit mode clears the upper half.
    pub const fn as_result(self, mode: Mode) -> Self {
        match (self, mode) {
            (Self::Gpr { reg, at: 0, size: 4 }, Mode::Bits64) => Self::Gpr { reg, at: 0, size: 8 },
            _ => self,
        }
    }
}

/// Sets a base; in 32-bit mode, with a segment of the GDT that has it.
fn base(c: &mut CpuState, seg: Seg, v: u64) {
    if c.mode == Mode::Bits32 {
        c.seg_sel[seg.index()] = TLS_SELECTORS[usize::from(seg == Seg::Gs)];
        c.seg_cache[seg.index()] = SegCache::DATA;
    }
    c.seg_base[seg.index()] = v;
}

fn flag(s: &str) -> Option<u32> {
    Some(match s {
        "cf" => bits::CF,
        "pf" => bits::PF,
        "af" => bits::AF,
        "zf" => bits::ZF,
        "sf" => bits::SF,
        "of" => bits::OF,
        "df" => bits::DF,
        "ac" => bits::AC,
        "id" => bits::ID,
        _ => return None,
    })
}

fn data(s: &str) -> Option<Place> {
    let (width, at) = s.strip_prefix('d')?.strip_suffix(']')?.split_once('[')?;
    let size = width.parse::<usize>().ok().filter(|w| [8, 16, 32, 64, 80, 128].contains(w))? / 8;
    let at = match at.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).ok()?,
        None => at.parse().ok()?,
    };
    (at + size <= crate::machine::DATA_SIZE).then_some(Place::Data { at, size })
}

fn gpr(s: &str) -> Option<Place> {
    let register = Register::values().find(|r| r.is_gpr() && format!("{r:?}").eq_ignore_ascii_case(&alias(s)))?;
    let high = matches!(register, Register::AH | Register::CH | Register::DH | Register::BH);
    Some(Place::Gpr { reg: Gpr::from_iced(register)?, at: usize::from(high), size: register.size() })
}

/// The decoder's name of a byte register that the manual calls R8B.
fn alias(s: &str) -> String {
    match s.strip_suffix('b') {
        Some(r) if s.starts_with('r') => format!("{r}l"),
        _ => s.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(Place::parse("ah"), Some(Place::Gpr { reg: Gpr::Rax, at: 1, size: 1 }));
        assert_eq!(Place::parse("r9b"), Some(Place::Gpr { reg: Gpr::R9, at: 0, size: 1 }));
        assert_eq!(Place::parse("esp"), Some(Place::Gpr { reg: Gpr::Rsp, at: 0, size: 4 }));
        assert_eq!(Place::parse("d32[0x10]"), Some(Place::Data { at: 16, size: 4 }));
        assert_eq!(Place::parse("xmm16"), None);
        assert_eq!(Place::parse("d32[0x2fff]"), None);
    }
}
