//! RFLAGS: the six status flags are kept lazily, as the last setter's operation and operands; the other bits as they are.
//!
//! Interpreter and emitted code both store `op`, `a`, `b`, `c`, and whoever needs a flag computes it. Invariants:
//! 1. Bits of `a` and `b` above the width in `op` are junk and ignored.
//! 2. `c` is 0 or 1, for the kinds that use it.
//! 3. `rest` holds no status flag, and bit 1 of it is always set.

use crate::Width;

/// Bits of RFLAGS, SDM vol. 1, 3.4.3.
pub mod bits {
    /// Carry.
    pub const CF: u32 = 1;
    /// Always one.
    pub const ONE: u32 = 2;
    /// Parity of the low byte (set if even).
    pub const PF: u32 = 4;
    /// Carry out of bit 3.
    pub const AF: u32 = 0x10;
    /// Zero.
    pub const ZF: u32 = 0x40;
    /// Sign.
    pub const SF: u32 = 0x80;
    /// Trap: single step.
    pub const TF: u32 = 0x100;
    /// Interrupts enabled; always seen set by a program.
    pub const IF: u32 = 0x200;
    /// Direction of string instructions.
    pub const DF: u32 = 0x400;
    /// Overflow.
    pub const OF: u32 = 0x800;
    /// Nested task.
    pub const NT: u32 = 0x4000;
    /// Resume.
    pub const RF: u32 = 0x1_0000;
    /// Alignment check.
    pub const AC: u32 = 0x4_0000;
    /// A program that can toggle it knows that there is CPUID.
    pub const ID: u32 = 0x20_0000;
    /// The six status flags.
    pub const STATUS: u32 = CF | PF | AF | ZF | SF | OF;
    /// What POPF changes in user mode, IOPL 0.
    pub const POPF_USER: u32 = STATUS | TF | DF | NT | AC | ID;
}

/// How `a`, `b` and `c` of [`Flags`] give the status flags. `r` is the result at the width of the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CcKind {
    /// `a` holds the status flags as bits of RFLAGS.
    Raw = 0,
    /// `r = a + b`.
    Add = 1,
    /// `r = a + b + c`.
    Adc = 2,
    /// `r = a - b`; CMP and NEG (`0 - b`) too.
    Sub = 3,
    /// `r = a - b - c`.
    Sbb = 4,
    /// `r = a`, CF = OF = AF = 0.
    Logic = 5,
    /// `r = a + 1`, CF = c.
    Inc = 6,
    /// `r = a - 1`, CF = c.
    Dec = 7,
    /// `r = a << b`, b from 1 to 63 (may exceed the width); AF = 0.
    Shl = 8,
    /// `r = a >> b`, unsigned; AF = 0.
    Shr = 9,
    /// `r = a >> b`, signed; AF = 0.
    Sar = 10,
    /// `r = a`, CF = c, OF = bit 0 of b, AF = 0: multiplications, BMI.
    Result = 11,
}

impl CcKind {
    const ALL: [Self; 12] =
        [Self::Raw, Self::Add, Self::Adc, Self::Sub, Self::Sbb, Self::Logic, Self::Inc, Self::Dec, Self::Shl, Self::Shr, Self::Sar, Self::Result];
}

/// Kind and width of the last operation that set flags: `kind << 2 | log2(bytes)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct CcOp(pub u32);

impl CcOp {
    /// The status flags lie in `a`.
    pub const RAW: Self = Self::new(CcKind::Raw, Width::B1);

    /// An operation of this kind at this width.
    #[inline]
    pub const fn new(kind: CcKind, w: Width) -> Self {
        Self((kind as u32) << 2 | w as u32)
    }

    /// The kind. A number that no constructor gives counts as [`CcKind::Raw`].
    #[inline]
    pub fn kind(self) -> CcKind {
        CcKind::ALL.get((self.0 >> 2) as usize).copied().unwrap_or(CcKind::Raw)
    }

    /// The width.
    #[inline]
    pub const fn width(self) -> Width {
        Width::ALL[(self.0 & 3) as usize]
    }
}

/// A condition, as encoded in Jcc, SETcc and CMOVcc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Cond {
    O,
    No,
    B,
    Ae,
    E,
    Ne,
    Be,
    A,
    S,
    Ns,
    P,
    Np,
    L,
    Ge,
    Le,
    G,
}

impl Cond {
    /// All sixteen, as encoded.
    pub const ALL: [Self; 16] = [
        Self::O,
        Self::No,
        Self::B,
        Self::Ae,
        Self::E,
        Self::Ne,
        Self::Be,
        Self::A,
        Self::S,
        Self::Ns,
        Self::P,
        Self::Np,
        Self::L,
        Self::Ge,
        Self::Le,
        Self::G,
    ];

    /// The opposite condition.
    #[inline]
    pub const fn negate(self) -> Self {
        Self::ALL[self as usize ^ 1]
    }

    /// The condition of a Jcc, SETcc, CMOVcc instruction; `None` for others.
    pub fn from_iced(c: iced_x86::ConditionCode) -> Option<Self> {
        use iced_x86::ConditionCode as C;
        Some(match c {
            C::None => return None,
            C::o => Self::O,
            C::no => Self::No,
            C::b => Self::B,
            C::ae => Self::Ae,
            C::e => Self::E,
            C::ne => Self::Ne,
            C::be => Self::Be,
            C::a => Self::A,
            C::s => Self::S,
            C::ns => Self::Ns,
            C::p => Self::P,
            C::np => Self::Np,
            C::l => Self::L,
            C::ge => Self::Ge,
            C::le => Self::Le,
            C::g => Self::G,
        })
    }

    /// The status flags that the condition reads.
    #[inline]
    pub const fn reads(self) -> u32 {
        match self {
            Self::O | Self::No => bits::OF,
            Self::B | Self::Ae => bits::CF,
            Self::E | Self::Ne => bits::ZF,
            Self::Be | Self::A => bits::CF | bits::ZF,
            Self::S | Self::Ns => bits::SF,
            Self::P | Self::Np => bits::PF,
            Self::L | Self::Ge => bits::SF | bits::OF,
            Self::Le | Self::G => bits::SF | bits::OF | bits::ZF,
        }
    }

    /// Whether the condition holds for these status flags.
    #[inline]
    pub const fn holds(self, f: u32) -> bool {
        let sf_ne_of = (f & bits::SF != 0) != (f & bits::OF != 0);
        let base = match self as u8 >> 1 {
            0 => f & bits::OF != 0,
            1 => f & bits::CF != 0,
            2 => f & bits::ZF != 0,
            3 => f & (bits::CF | bits::ZF) != 0,
            4 => f & bits::SF != 0,
            5 => f & bits::PF != 0,
            6 => sf_ne_of,
            _ => sf_ne_of || f & bits::ZF != 0,
        };
        base != (self as u8 & 1 != 0)
    }
}

/// RFLAGS, lazily. See the module's invariants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Flags {
    /// First operand, or what `op` says.
    pub a: u64,
    /// Second operand.
    pub b: u64,
    /// Carry in, or the carry flag itself.
    pub c: u64,
    /// The operation.
    pub op: CcOp,
    /// RFLAGS without the status flags.
    pub rest: u32,
}

impl Default for Flags {
    #[inline]
    fn default() -> Self {
        Self { a: 0, b: 0, c: 0, op: CcOp::RAW, rest: bits::ONE | bits::IF }
    }
}

impl Flags {
    /// Records a setter.
    #[inline(always)]
    pub fn set(&mut self, kind: CcKind, w: Width, a: u64, b: u64, c: u64) {
        (self.op, self.a, self.b, self.c) = (CcOp::new(kind, w), a, b, c);
    }

    /// Sets all six status flags from the bits of `status`.
    #[inline]
    pub fn set_status(&mut self, status: u32) {
        (self.op, self.a) = (CcOp::RAW, u64::from(status & bits::STATUS));
    }

    /// Sets the status flags in `mask` from `values` and leaves the others as they are.
    #[inline]
    pub fn update(&mut self, mask: u32, values: u32) {
        self.set_status(self.status() & !mask | values & mask);
    }

    /// The whole of RFLAGS.
    #[inline]
    pub fn rflags(&self) -> u64 {
        u64::from(self.rest | bits::ONE | self.status())
    }

    /// Sets the bits of RFLAGS that are in `mask`.
    #[inline]
    pub fn set_rflags(&mut self, value: u64, mask: u32) {
        let value = value as u32;
        self.update(mask & bits::STATUS, value);
        let m = mask & !bits::STATUS;
        self.rest = self.rest & !m | value & m | bits::ONE;
    }

    /// The six status flags as bits of RFLAGS.
    pub fn status(&self) -> u32 {
        let w = self.op.width();
        let (a, b, c) = (w.truncate(self.a), w.truncate(self.b), self.c & 1);
        match self.op.kind() {
            CcKind::Raw => self.a as u32 & bits::STATUS,
            CcKind::Add => add(w, a, b, 0),
            CcKind::Adc => add(w, a, b, c),
            CcKind::Sub => sub(w, a, b, 0),
            CcKind::Sbb => sub(w, a, b, c),
            CcKind::Logic => zsp(w, a),
            CcKind::Inc => add(w, a, 1, 0) & !bits::CF | c as u32,
            CcKind::Dec => sub(w, a, 1, 0) & !bits::CF | c as u32,
            CcKind::Shl | CcKind::Shr | CcKind::Sar => self.shift_status(w, a),
            CcKind::Result => zsp(w, a) | c as u32 | if self.b & 1 != 0 { bits::OF } else { 0 },
        }
    }

    fn shift_status(&self, w: Width, a: u64) -> u32 {
        let n = (self.b & 63) as u32;
        let (r, cf, of) = match self.op.kind() {
            CcKind::Shl => {
                let r = w.truncate(if n < 64 { a << n } else { 0 });
                let cf = n <= w.bits() && a >> (w.bits() - n) & 1 != 0;
                (r, cf, w.sign(r) != cf)
            }
            CcKind::Shr => (a >> n, a >> (n - 1) & 1 != 0, w.sign(a)),
            _ => {
                let s = w.sign_extend(a);
                (w.truncate((s >> n) as u64), s >> (n - 1) & 1 != 0, false)
            }
        };
        zsp(w, r) | if cf { bits::CF } else { 0 } | if of { bits::OF } else { 0 }
    }

    /// The carry flag, without computing the others where that is cheap.
    #[inline]
    pub fn cf(&self) -> bool {
        let w = self.op.width();
        match self.op.kind() {
            CcKind::Add => w.truncate(self.a.wrapping_add(self.b)) < w.truncate(self.a),
            CcKind::Sub => w.truncate(self.a) < w.truncate(self.b),
            CcKind::Logic => false,
            CcKind::Inc | CcKind::Dec | CcKind::Result => self.c & 1 != 0,
            _ => self.status() & bits::CF != 0,
        }
    }

    /// The zero flag, without computing the others where that is cheap.
    #[inline]
    pub fn zf(&self) -> bool {
        let w = self.op.width();
        match self.op.kind() {
            CcKind::Add => w.truncate(self.a.wrapping_add(self.b)) == 0,
            CcKind::Sub => w.truncate(self.a ^ self.b) == 0,
            CcKind::Logic | CcKind::Result => w.truncate(self.a) == 0,
            CcKind::Inc => w.truncate(self.a.wrapping_add(1)) == 0,
            CcKind::Dec => w.truncate(self.a.wrapping_sub(1)) == 0,
            _ => self.status() & bits::ZF != 0,
        }
    }

    /// Whether `cond` holds.
    #[inline]
    pub fn cond(&self, cond: Cond) -> bool {
        let w = self.op.width();
        let positive = match (self.op.kind(), cond as u8 >> 1) {
            (_, 1) => self.cf(),
            (_, 2) => self.zf(),
            (CcKind::Sub, 3) => w.truncate(self.a) <= w.truncate(self.b),
            (CcKind::Sub, 6) => w.sign_extend(self.a) < w.sign_extend(self.b),
            (CcKind::Sub, 7) => w.sign_extend(self.a) <= w.sign_extend(self.b),
            (CcKind::Logic, 4 | 6) => w.sign(self.a),
            (CcKind::Logic, 7) => w.sign_extend(self.a) <= 0,
            _ => return cond.holds(self.status()),
        };
        positive != (cond as u8 & 1 != 0)
    }
}

/// ZF, SF and PF of a result.
#[inline]
fn zsp(w: Width, r: u64) -> u32 {
    let z = if w.truncate(r) == 0 { bits::ZF } else { 0 };
    let s = if w.sign(r) { bits::SF } else { 0 };
    let p = if (r as u8).count_ones() & 1 == 0 { bits::PF } else { 0 };
    z | s | p
}

#[inline]
fn add(w: Width, a: u64, b: u64, c: u64) -> u32 {
    let r = w.truncate(a.wrapping_add(b).wrapping_add(c));
    let carries = a & b | (a | b) & !r;
    let overflow = !(a ^ b) & (a ^ r);
    zsp(w, r) | arith(w, a ^ b ^ r, carries, overflow)
}

#[inline]
fn sub(w: Width, a: u64, b: u64, c: u64) -> u32 {
    let r = w.truncate(a.wrapping_sub(b).wrapping_sub(c));
    let borrows = !a & b | !(a ^ b) & r;
    let overflow = (a ^ b) & (a ^ r);
    zsp(w, r) | arith(w, a ^ b ^ r, borrows, overflow)
}

#[inline]
fn arith(w: Width, xor: u64, carries: u64, overflow: u64) -> u32 {
    let cf = if w.sign(carries) { bits::CF } else { 0 };
    let of = if w.sign(overflow) { bits::OF } else { 0 };
    cf | of | xor as u32 & bits::AF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_kinds() -> impl Iterator<Item = Flags> {
        let values = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, i64::MAX as u64, 1 << 63, u64::MAX];
        CcKind::ALL.into_iter().flat_map(move |kind| {
            Width::ALL.into_iter().flat_map(move |w| {
                values.into_iter().flat_map(move |a| {
                    values.into_iter().flat_map(move |b| {
                        [0, 1].into_iter().map(move |c| {
                            let shift = matches!(kind, CcKind::Shl | CcKind::Shr | CcKind::Sar);
                            Flags { a, b: if shift { b % 31 + 1 } else { b }, c, op: CcOp::new(kind, w), ..Flags::default() }
                        })
                    })
                })
            })
        })
    }

    #[test]
    fn shortcuts_agree_with_the_whole() {
        for f in all_kinds() {
            let s = f.status();
            assert_eq!(f.cf(), s & bits::CF != 0, "{f:?}");
            assert_eq!(f.zf(), s & bits::ZF != 0, "{f:?}");
            for c in Cond::ALL {
                assert_eq!(f.cond(c), c.holds(s), "{f:?} {c:?}");
            }
        }
    }

    #[test]
    fn known_values() {
        let status = |kind, w, a, b| Flags { a, b, op: CcOp::new(kind, w), ..Flags::default() }.status();
        assert_eq!(status(CcKind::Add, Width::B1, 0xff, 1), bits::CF | bits::ZF | bits::PF | bits::AF);
        assert_eq!(status(CcKind::Sub, Width::B4, 0, 1), bits::CF | bits::SF | bits::PF | bits::AF);
        assert_eq!(status(CcKind::Add, Width::B2, 0x7fff, 1), bits::OF | bits::SF | bits::PF | bits::AF);
        assert_eq!(status(CcKind::Shl, Width::B1, 0x80, 1), bits::CF | bits::ZF | bits::PF | bits::OF);
    }
}
