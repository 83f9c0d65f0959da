//! The state of one guest processor.
//!
//! Invariants:
//! 1. `repr(C)`: emitted code addresses fields by offset (`core::mem::offset_of!`).
//! 2. In 32-bit mode the upper halves of `gpr`, `rip` and `seg_base` are zero whenever an instruction ends.
//! 3. `gpr[CpuState::ZERO]` and `seg_base[CpuState::FLAT]` are always 0: an absent base, index or segment reads there without a branch.

use crate::{Flags, Gpr, GuestAddr, Mode, SegCache};

/// A vector register of 512 bits, least significant byte first. Its low 128 bits are an XMM, its low 256 bits a YMM register.
///
/// Bytes, since compilers make vector instructions of loops over lanes only if the register isn't made of scalars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct Vec512(pub [u8; 64]);

impl Default for Vec512 {
    #[inline]
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Vec512 {
    /// The low `N` bytes.
    #[inline(always)]
    pub fn low<const N: usize>(&self) -> [u8; N] {
        let mut b = [0; N];
        b.copy_from_slice(&self.0[..N]);
        b
    }

    /// Sets the low bytes; the rest stays.
    #[inline(always)]
    pub fn set_low<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0[..N].copy_from_slice(&bytes);
    }

    /// Quadword `i`, 0–7.
    #[inline(always)]
    pub fn quadword(&self, i: usize) -> u64 {
        let mut b = [0; 8];
        b.copy_from_slice(&self.0[8 * i..8 * i + 8]);
        u64::from_le_bytes(b)
    }

    /// Sets quadword `i`, 0–7.
    #[inline(always)]
    pub fn set_quadword(&mut self, i: usize, v: u64) {
        self.0[8 * i..8 * i + 8].copy_from_slice(&v.to_le_bytes());
    }
}

/// One x87 register as a number: 64-bit significand with explicit integer bit; sign and 15-bit exponent. MMX registers are the significands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct X87Reg {
    /// The significand; also the MMX register.
    pub mantissa: u64,
    /// Bit 15: sign; bits 0–14: biased exponent.
    pub sign_exp: u16,
    /// Keeps the stride at 16 bytes; always 0.
    pub pad: [u16; 3],
}

/// The x87 unit, SDM vol. 1, chapter 8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct X87 {
    /// Physical registers R0–R7: ST(i) is `regs[(top + i) & 7]`, MMi is `regs[i]`.
    pub regs: [X87Reg; 8],
    /// Physical number of ST(0), 0–7. Not kept in `sw`.
    pub top: u32,
    /// Bit i is set if physical register i is in use (the abridged tag word of FXSAVE).
    pub used: u8,
    /// Keeps the layout explicit; always 0.
    pub pad: u8,
    /// Control word.
    pub cw: u16,
    /// Status word, with zeroes for TOP.
    pub sw: u16,
    /// Opcode of the last non-control instruction, 11 bits.
    pub fop: u16,
    /// Selector of the last instruction and of its operand.
    pub fcs: u16,
    /// See `fcs`.
    pub fds: u16,
    /// Address of the last non-control instruction.
    pub fip: u64,
    /// Address of its memory operand.
    pub fdp: u64,
}

impl Default for X87 {
    #[inline]
    fn default() -> Self {
        Self { regs: [X87Reg::default(); 8], top: 0, used: 0, pad: 0, cw: 0x37f, sw: 0, fop: 0, fcs: 0, fds: 0, fip: 0, fdp: 0 }
    }
}

impl X87 {
    /// The status word with TOP in bits 11–13, as FNSTSW stores it.
    #[inline]
    pub const fn status_word(&self) -> u16 {
        self.sw & !0x3800 | ((self.top & 7) as u16) << 11
    }

    /// Sets status word and top from an image.
    #[inline]
    pub fn set_status_word(&mut self, sw: u16) {
        self.sw = sw & !0x3800;
        self.top = u32::from(sw >> 11 & 7);
    }

    /// Sets the control word; bits without a function become 0, but bit 6. What is pending may change.
    #[inline]
    pub const fn set_control_word(&mut self, cw: u16) {
        self.cw = cw & 0x1f3f | 0x40;
        self.summarise();
    }

    /// Sets ES and B of the status word: whether an exception flag is set whose mask in the control word isn't. Due after either word changed.
    #[inline]
    pub const fn summarise(&mut self) {
        let pending = self.sw & !self.cw & 0x3f != 0;
        self.sw = self.sw & !0x8080 | if pending { 0x8080 } else { 0 };
    }

    /// Whether an unmasked exception is pending (ES): the next waiting x87 instruction, or MMX instruction, raises #MF.
    #[inline(always)]
    pub const fn is_pending(&self) -> bool {
        self.sw & 0x80 != 0
    }

    /// The full tag word (two bits a register: 0 valid, 1 zero, 2 special, 3 empty), computed from the registers as FNSTENV does.
    pub fn tag_word(&self) -> u16 {
        (0..8).rev().fold(0, |tw, i| {
            let r = self.regs[i];
            let tag = match (self.used >> i & 1, r.sign_exp & 0x7fff) {
                (0, _) => 3,
                (_, 0x7fff) => 2,
                (_, 0) if r.mantissa == 0 => 1,
                (_, e) if e == 0 || r.mantissa >> 63 == 0 => 2,
                _ => 0,
            };
            tw << 2 | tag
        })
    }

    /// Sets which registers are in use from a full tag word.
    pub fn set_tag_word(&mut self, tw: u16) {
        self.used = (0..8).fold(0, |used, i| used | u8::from(tw >> (2 * i) & 3 != 3) << i);
    }
}

/// The state of one guest processor, as far as a user program sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct CpuState {
    /// The sixteen registers, as encoded, and the zero of invariant 3.
    pub gpr: [u64; 17],
    /// Address of the next instruction.
    pub rip: u64,
    /// Status flags (lazily) and the rest of RFLAGS.
    pub flags: Flags,
    /// Bases of ES, CS, SS, DS, FS, GS, and the zero of invariant 3. In 64-bit mode only FS and GS may be other than 0.
    pub seg_base: [u64; 7],
    /// Selectors of ES, CS, SS, DS, FS, GS.
    pub seg_sel: [u16; 6],
    /// SSE control and status.
    pub mxcsr: u32,
    /// Address of the last page fault.
    pub cr2: u64,
    /// Error code of the last fault that has one.
    pub error_code: u32,
    /// The mode that code runs in.
    pub mode: Mode,
    /// XCR0: which parts XSAVE knows.
    pub xcr0: u64,
    /// The x87 unit and MMX.
    pub x87: X87,
    /// ZMM0–ZMM31; programs see as much of them as the CPU model has.
    pub vec: [Vec512; 32],
    /// Mask registers k0–k7.
    pub opmask: [u64; 8],
    /// What is kept of the loaded segments, in the order of `seg_sel`.
    pub seg_cache: [SegCache; 6],
    /// 1 if segments restrict accesses, in 32-bit mode: nothing but the interpreter's checked step may run then.
    pub segmented: u32,
}

impl CpuState {
    /// Index of the GPR slot that is always zero.
    pub const ZERO: usize = 16;
    /// Index of the segment base that is always zero.
    pub const FLAT: usize = 6;
    /// MXCSR after reset: all exceptions masked, round to nearest.
    pub const MXCSR_DEFAULT: u32 = 0x1f80;

    /// A processor as Linux hands it to a new program: all registers zero, flat segments with Linux's user selectors, default control words.
    pub fn new(mode: Mode) -> Self {
        let seg_sel = match mode {
            Mode::Bits64 => [0, 0x33, 0x2b, 0, 0, 0],
            Mode::Bits32 => [0x2b, 0x23, 0x2b, 0x2b, 0, 0],
        };
        let none = SegCache::default();
        let data = if mode == Mode::Bits32 { SegCache::DATA } else { none };
        let seg_cache = [data, SegCache::CODE, SegCache::DATA, data, none, none];
        Self {
            gpr: [0; 17],
            rip: 0,
            flags: Flags::default(),
            seg_base: [0; 7],
            seg_sel,
            mxcsr: Self::MXCSR_DEFAULT,
            cr2: 0,
            error_code: 0,
            mode,
            xcr0: 3,
            x87: X87::default(),
            vec: [Vec512::default(); 32],
            opmask: [0; 8],
            seg_cache,
            segmented: 0,
        }
    }

    /// The instruction pointer as an address.
    #[inline]
    pub const fn pc(&self) -> GuestAddr {
        GuestAddr::new(self.rip)
    }

    /// Value of a 64-bit register.
    #[inline]
    pub const fn get(&self, r: Gpr) -> u64 {
        self.gpr[r.index()]
    }

    /// Sets a 64-bit register. In 32-bit mode `v` must fit 32 bits.
    #[inline]
    pub fn set(&mut self, r: Gpr, v: u64) {
        self.gpr[r.index()] = v;
    }

    /// The low 128 bits of vector register `i`.
    #[inline(always)]
    pub fn xmm(&self, i: usize) -> u128 {
        u128::from_le_bytes(self.vec[i].low())
    }

    /// Sets the low 128 bits of vector register `i`; the rest stays (SSE; not VEX).
    #[inline(always)]
    pub fn set_xmm(&mut self, i: usize, v: u128) {
        self.vec[i].set_low(v.to_le_bytes());
    }
}
