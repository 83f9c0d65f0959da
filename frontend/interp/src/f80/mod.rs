//! The x87's numbers in software: 80-bit floating point, SDM vol. 1, chapters 4 and 8.
//!
//! Pure functions from operands and a [`Control`] word to an [`Out`]: the result, and the bits of the status word that the operation sets. Registers,
//! tags and pending exceptions are *not* here but in `ops/x87`.
//!
//! The status of an operation has the exception flags (IE … PE) and the condition codes that it defines, at their places in the status word; C1 set
//! means that the result was rounded away from zero. What an exception does depends on its mask: with IE, DE or ZE unmasked ([`Control::stops`]) the
//! destination must be left alone; with OE or UE unmasked a register gets the result with its exponent wrapped by 24576, memory nothing.

mod add;
mod atan;
mod bcd;
mod compare;
mod convert;
mod exp;
mod log;
mod mul;
mod nan;
mod rem;
mod round;
mod trig;
mod unary;
mod wide;

pub use add::{add, sub};
pub use atan::atan2;
pub use bcd::{from_bcd, to_bcd};
pub use compare::{Order, compare, compare_quiet, examine};
pub use convert::{from_f32, from_f64, from_int, operand_f32, operand_f64, round_to_int, to_f32, to_f64, to_int, to_int_truncated};
pub use exp::exp2_minus_1;
pub use log::{y_log2, y_log2_plus_1};
pub use mul::{div, mul, sqrt};
pub use rem::{rem, rem_nearest};
pub use trig::{cos, sin, sin_cos, tan};
pub use unary::{Constant, constant, extract, scale};

use forklift_x86::X87Reg;

/// Bits of the status word.
pub mod bit {
    /// Invalid operation.
    pub const IE: u16 = 1;
    /// Denormal operand.
    pub const DE: u16 = 2;
    /// Division of a finite number by zero.
    pub const ZE: u16 = 4;
    /// Overflow.
    pub const OE: u16 = 8;
    /// Underflow.
    pub const UE: u16 = 16;
    /// Inexact result.
    pub const PE: u16 = 32;
    /// All six exceptions.
    pub const EXCEPTIONS: u16 = 63;
    /// Stack fault.
    pub const SF: u16 = 1 << 6;
    /// Exception summary: an unmasked exception is pending.
    pub const ES: u16 = 1 << 7;
    /// Condition code 0.
    pub const C0: u16 = 1 << 8;
    /// Condition code 1: rounded up; stack overflow.
    pub const C1: u16 = 1 << 9;
    /// Condition code 2: reduction incomplete.
    pub const C2: u16 = 1 << 10;
    /// Condition code 3.
    pub const C3: u16 = 1 << 14;
    /// All condition codes.
    pub const CONDITIONS: u16 = C0 | C1 | C2 | C3;
    /// Busy: a copy of ES.
    pub const BUSY: u16 = 1 << 15;
}

use bit::{DE, IE, ZE};

/// A number of the double-extended format: value = sig × 2^(exponent − 16383 − 63).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct F80 {
    /// The significand with its explicit integer bit.
    pub sig: u64,
    /// Bit 15: sign; bits 0–14: biased exponent.
    pub se: u16,
}

/// The exponent's bias.
pub(crate) const BIAS: i32 = 16383;
/// The exponent field of infinities and NaNs.
pub(crate) const EXP_MAX: i32 = 0x7fff;
/// The integer bit.
pub(crate) const INT: u64 = 1 << 63;
/// The bit that makes a NaN quiet.
pub(crate) const QUIET: u64 = 1 << 62;

/// What kind of number an encoding is, SDM vol. 1, table 4-3 and 8.2.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// ±0.
    Zero,
    /// Denormal or pseudo-denormal.
    Denormal,
    /// Normal and finite.
    Normal,
    /// ±∞.
    Infinity,
    /// A quiet NaN.
    Quiet,
    /// A signaling NaN.
    Signaling,
    /// Unnormal, pseudo-NaN, pseudo-infinity: invalid as an operand since the 387.
    Unsupported,
}

impl F80 {
    /// +0.
    pub const ZERO: Self = Self { sig: 0, se: 0 };
    /// 1.
    pub const ONE: Self = Self { sig: INT, se: BIAS as u16 };
    /// The real indefinite: the quiet NaN that masked invalid operations give.
    pub const INDEFINITE: Self = Self { sig: INT | QUIET, se: 0xffff };
    /// +∞.
    pub const INFINITY: Self = Self { sig: INT, se: 0x7fff };

    /// The number with this sign, biased exponent (0–32767) and significand.
    #[inline(always)]
    pub const fn new(sign: bool, exp: i32, sig: u64) -> Self {
        Self { sig, se: (sign as u16) << 15 | exp as u16 & 0x7fff }
    }

    /// Whether the sign bit is set.
    #[inline(always)]
    pub const fn sign(self) -> bool {
        self.se >> 15 != 0
    }

    /// The biased exponent.
    #[inline(always)]
    pub const fn exp(self) -> i32 {
        (self.se & 0x7fff) as i32
    }

    /// The number with the other sign.
    pub const fn negate(self) -> Self {
        Self { se: self.se ^ 0x8000, ..self }
    }

    /// The number without its sign.
    pub const fn abs(self) -> Self {
        Self { se: self.se & 0x7fff, ..self }
    }

    /// The number with this sign.
    pub const fn with_sign(self, sign: bool) -> Self {
        Self { se: self.se & 0x7fff | (sign as u16) << 15, ..self }
    }

    /// Whether the number is normal and finite.
    #[inline(always)]
    pub const fn is_normal(self) -> bool {
        self.sig & INT != 0 && (self.se & 0x7fff).wrapping_sub(1) < 0x7ffe
    }

    /// Whether the number is ±0.
    pub const fn is_zero(self) -> bool {
        self.sig == 0 && self.exp() == 0
    }

    /// Whether the number is ±∞.
    pub const fn is_infinity(self) -> bool {
        self.sig == INT && self.exp() == EXP_MAX
    }

    /// What kind of number this is.
    pub const fn class(self) -> Class {
        match (self.exp(), self.sig) {
            (0, 0) => Class::Zero,
            (0, _) => Class::Denormal,
            (_, s) if s & INT == 0 => Class::Unsupported,
            (EXP_MAX, INT) => Class::Infinity,
            (EXP_MAX, s) if s & QUIET != 0 => Class::Quiet,
            (EXP_MAX, _) => Class::Signaling,
            _ => Class::Normal,
        }
    }

    /// Whether this is a NaN of the supported formats.
    pub const fn is_nan(self) -> bool {
        matches!(self.class(), Class::Quiet | Class::Signaling)
    }

    /// Sign, exponent and significand of a finite number, normalised: the integer bit is set unless the number is zero, the exponent may be negative.
    #[inline(always)]
    pub(crate) const fn unpack(self) -> Unpacked {
        let exp = self.exp();
        if self.sig & INT != 0 {
            return Unpacked { sign: self.sign(), exp: if exp == 0 { 1 } else { exp }, sig: self.sig };
        }
        let shift = self.sig.leading_zeros() as i32;
        if shift == 64 {
            return Unpacked { sign: self.sign(), exp: 0, sig: 0 };
        }
        Unpacked { sign: self.sign(), exp: 1 - shift, sig: self.sig << shift }
    }
}

impl From<X87Reg> for F80 {
    #[inline(always)]
    fn from(r: X87Reg) -> Self {
        Self { sig: r.mantissa, se: r.sign_exp }
    }
}

impl From<F80> for X87Reg {
    #[inline(always)]
    fn from(v: F80) -> Self {
        Self { mantissa: v.sig, sign_exp: v.se, pad: [0; 3] }
    }
}

/// A finite number, normalised. Value = sig × 2^(exp − BIAS − 63).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked {
    pub sign: bool,
    pub exp: i32,
    pub sig: u64,
}

/// How results are rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Rounding {
    /// To nearest, ties to even.
    Nearest,
    /// Towards −∞.
    Down,
    /// Towards +∞.
    Up,
    /// Towards zero.
    Zero,
}

/// The control word: exception masks (bits 0–5), precision (8, 9), rounding (10, 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control(u16);

impl Control {
    /// The control word `cw`.
    #[inline(always)]
    pub const fn new(cw: u16) -> Self {
        Self(cw)
    }

    /// All exceptions masked, 64 bits, to nearest: as after FNINIT.
    pub const DEFAULT: Self = Self(0x37f);

    /// The rounding mode.
    #[inline(always)]
    pub const fn rounding(self) -> Rounding {
        match self.0 >> 10 & 3 {
            0 => Rounding::Nearest,
            1 => Rounding::Down,
            2 => Rounding::Up,
            _ => Rounding::Zero,
        }
    }

    /// Bits of a significand: 24, 53 or 64.
    #[inline(always)]
    pub const fn precision(self) -> u32 {
        match self.0 >> 8 & 3 {
            0 => 24,
            2 => 53,
            _ => 64,
        }
    }

    /// The same with a precision of 64 bits, for operations that precision control doesn't apply to.
    #[inline(always)]
    pub const fn extended(self) -> Self {
        Self(self.0 | 0x300)
    }

    /// The same with another rounding mode.
    pub const fn with_rounding(self, r: Rounding) -> Self {
        Self(self.0 & !0xc00 | (r as u16) << 10)
    }

    /// The exceptions of `status` that are not masked.
    #[inline(always)]
    pub const fn unmasked(self, status: u16) -> u16 {
        status & !self.0 & bit::EXCEPTIONS
    }

    /// Whether an unmasked exception of `status` keeps the operation from giving a result at all.
    #[inline(always)]
    pub const fn stops(self, status: u16) -> bool {
        self.unmasked(status) & (IE | DE | ZE) != 0
    }
}

/// What an operation gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Out<T = F80> {
    /// The result; without meaning if [`Control::stops`] says so of `status`.
    pub value: T,
    /// Exception flags and condition codes, [`bit`].
    pub status: u16,
}

impl<T> Out<T> {
    /// This result without exceptions.
    #[inline(always)]
    pub(crate) const fn exact(value: T) -> Self {
        Self { value, status: 0 }
    }

    /// The same with more status bits.
    #[inline(always)]
    pub(crate) fn with(self, status: u16) -> Self {
        Self { value: self.value, status: self.status | status }
    }
}

impl Out {
    /// The masked response to an invalid operation.
    pub(crate) const INVALID: Self = Self { value: F80::INDEFINITE, status: IE };
}
