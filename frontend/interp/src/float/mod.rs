//! Binary32 and binary64 arithmetic as SSE does it: SDM vol. 1, 4.8, 4.9 and 11.5.
//!
//! Values are bit patterns (`u32`, `u64`), since Rust promises little about NaNs. Every operation takes an [`Env`], which has the control bits of
//! MXCSR and collects the exceptions, and gives the masked response. [`Env::commit`] decides what becomes visible.
//!
//! Two ways lead to a result. The fast one uses the host's arithmetic, where that is exactly what the guest would see: rounding to nearest, no
//! denormal operand, a result well inside the normal range, and an inexact result only if MXCSR.PE is set already. All else goes the slow way:
//! integer arithmetic in [`soft`], which is exact in every mode.
//!
//! Invariant: the host's floating-point environment is the default one (round to nearest, no flushing) whenever the interpreter runs.

mod arith;
mod compare;
mod convert;
mod fma;
mod soft;

use core::cmp::Ordering;

use forklift_x86::{CpuState, Exit, Fault};

use crate::Int;
use crate::vector::Lane;

pub(crate) use arith::{add, div, max, min, mul, sqrt, sub};
pub(crate) use compare::{Nans, compare};
pub(crate) use convert::{from_half, from_int, narrow, round_to_integral, to_half, to_int, widen};
pub(crate) use fma::mul_add;

/// Exception flags, in MXCSR's order.
pub(crate) mod flag {
    pub(crate) const INVALID: u32 = 1;
    pub(crate) const DENORMAL: u32 = 2;
    pub(crate) const ZERO_DIVIDE: u32 = 4;
    pub(crate) const OVERFLOW: u32 = 8;
    pub(crate) const UNDERFLOW: u32 = 0x10;
    pub(crate) const INEXACT: u32 = 0x20;
    /// Those found before the operation is done: an unmasked one prevents the others.
    pub(crate) const PRE: u32 = INVALID | DENORMAL | ZERO_DIVIDE;
}

/// MXCSR.DAZ.
const DAZ: u32 = 0x40;
/// Shift of the masks in MXCSR.
const MASKS: u32 = 7;
/// MXCSR.FTZ.
const FTZ: u32 = 0x8000;
/// MXCSR.RC.
const RC: u32 = 0x6000;

/// How to round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rounding {
    Nearest,
    Down,
    Up,
    Zero,
}

impl Rounding {
    /// From the encoding in MXCSR.RC and in immediates.
    pub(crate) const fn from_bits(rc: u32) -> Self {
        match rc & 3 {
            0 => Self::Nearest,
            1 => Self::Down,
            2 => Self::Up,
            _ => Self::Zero,
        }
    }
}

/// The control bits that an instruction works under, and the exceptions that it has met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Env {
    mxcsr: u32,
    raised: u32,
}

impl Env {
    #[inline(always)]
    pub(crate) const fn new(mxcsr: u32) -> Self {
        Self { mxcsr, raised: 0 }
    }

    /// The same with results rounded as `rounding` says (MXCSR's if `None`) and never flushed to zero.
    pub(crate) fn unflushed(mxcsr: u32, rounding: Option<u32>) -> Self {
        let rc = rounding.map_or(mxcsr & RC, |r| r << 13 & RC);
        Self::new(mxcsr & !(RC | FTZ) | rc)
    }

    #[inline(always)]
    pub(crate) fn raise(&mut self, flags: u32) {
        self.raised |= flags;
    }

    pub(crate) const fn rounding(&self) -> Rounding {
        Rounding::from_bits(self.mxcsr >> 13)
    }

    const fn is_masked(&self, flags: u32) -> bool {
        self.mxcsr >> MASKS & flags == flags
    }

    const fn daz(&self) -> bool {
        self.mxcsr & DAZ != 0
    }

    const fn ftz(&self) -> bool {
        self.mxcsr & FTZ != 0
    }

    /// Whether results of the host's arithmetic may be used if they are exact.
    #[inline(always)]
    const fn host_rounds(&self) -> bool {
        self.mxcsr & RC == 0
    }

    /// Whether an inexact result leaves no trace.
    #[inline(always)]
    const fn inexact_is_silent(&self) -> bool {
        self.mxcsr & (flag::INEXACT | flag::INEXACT << MASKS) == flag::INEXACT | flag::INEXACT << MASKS
    }

    /// Makes the exceptions visible in MXCSR; #XM if one is unmasked.
    #[inline(always)]
    pub(crate) fn commit(self, cpu: &mut CpuState) -> Result<(), Exit> {
        if self.raised & !self.mxcsr == 0 && self.is_masked(self.raised) {
            return Ok(());
        }
        self.commit_new(cpu)
    }

    #[inline(never)]
    fn commit_new(self, cpu: &mut CpuState) -> Result<(), Exit> {
        let unmasked = self.raised & !(self.mxcsr >> MASKS);
        let visible = if unmasked & flag::PRE != 0 { self.raised & flag::PRE } else { self.raised };
        cpu.mxcsr |= visible;
        if unmasked != 0 { Err(Exit::Fault(Fault::Simd)) } else { Ok(()) }
    }
}

/// The bit pattern of a floating-point number: `u16` for binary16, `u32` for binary32, `u64` for binary64.
pub(crate) trait Format: Int + Lane {
    /// Bits of the fraction field.
    const FRACTION: u32;
    /// The exponent field of infinities and NaNs.
    const SPECIAL: u64 = (1 << (Self::BITS - 1 - Self::FRACTION)) - 1;
    /// Exponent field of 1.0.
    const BIAS: i32 = (Self::SPECIAL / 2) as i32;
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::BITS - 1);
    /// The bit of a NaN that makes it quiet.
    const QUIET: u64 = 1 << (Self::FRACTION - 1);
    const INFINITY: u64 = Self::SPECIAL << Self::FRACTION;
    /// The default NaN: negative and quiet.
    const INDEFINITE: u64 = Self::SIGN | Self::INFINITY | Self::QUIET;
    const FRACTION_MASK: u64 = (1 << Self::FRACTION) - 1;

    #[inline(always)]
    fn magnitude(self) -> u64 {
        self.to_u64() & !Self::SIGN
    }
    #[inline(always)]
    fn exponent(self) -> u64 {
        self.magnitude() >> Self::FRACTION
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.magnitude() > Self::INFINITY
    }
    #[inline(always)]
    fn is_signaling(self) -> bool {
        self.is_nan() && self.to_u64() & Self::QUIET == 0
    }
    #[inline(always)]
    fn is_infinite(self) -> bool {
        self.magnitude() == Self::INFINITY
    }
    #[inline(always)]
    fn is_zero(self) -> bool {
        self.magnitude() == 0
    }
    #[inline(always)]
    fn is_denormal(self) -> bool {
        self.magnitude().wrapping_sub(1) < Self::FRACTION_MASK
    }
    /// Normal, and neither the largest nor the smallest exponent, so that neither overflow nor underflow can have played a part.
    #[inline(always)]
    fn is_moderate(self) -> bool {
        self.exponent().wrapping_sub(2) < Self::SPECIAL - 2
    }
    /// A NaN made quiet.
    fn quieted(self) -> Self {
        Self::from_u64(self.to_u64() | Self::QUIET)
    }
    fn indefinite() -> Self {
        Self::from_u64(Self::INDEFINITE)
    }
    fn zero(negative: bool) -> Self {
        Self::from_u64(if negative { Self::SIGN } else { 0 })
    }
    fn infinity(negative: bool) -> Self {
        Self::from_u64(if negative { Self::SIGN | Self::INFINITY } else { Self::INFINITY })
    }
}

/// A format that the host can compute with.
pub(crate) trait Float: Format {
    fn host_add(self, b: Self) -> Self;
    fn host_sub(self, b: Self) -> Self;
    fn host_mul(self, b: Self) -> Self;
    fn host_div(self, b: Self) -> Self;
    fn host_sqrt(self) -> Self;
    fn host_cmp(self, b: Self) -> Option<Ordering>;
}

impl Format for u16 {
    const FRACTION: u32 = 10;
}

macro_rules! float {
    ($bits:ty, $host:ty, $fraction:expr) => {
        impl Format for $bits {
            const FRACTION: u32 = $fraction;
        }

        impl Float for $bits {
            #[inline(always)]
            fn host_add(self, b: Self) -> Self {
                (<$host>::from_bits(self) + <$host>::from_bits(b)).to_bits()
            }
            #[inline(always)]
            fn host_sub(self, b: Self) -> Self {
                (<$host>::from_bits(self) - <$host>::from_bits(b)).to_bits()
            }
            #[inline(always)]
            fn host_mul(self, b: Self) -> Self {
                (<$host>::from_bits(self) * <$host>::from_bits(b)).to_bits()
            }
            #[inline(always)]
            fn host_div(self, b: Self) -> Self {
                (<$host>::from_bits(self) / <$host>::from_bits(b)).to_bits()
            }
            #[inline(always)]
            fn host_sqrt(self) -> Self {
                <$host>::from_bits(self).sqrt().to_bits()
            }
            #[inline(always)]
            fn host_cmp(self, b: Self) -> Option<Ordering> {
                <$host>::from_bits(self).partial_cmp(&<$host>::from_bits(b))
            }
        }
    };
}

float!(u32, f32, 23);
float!(u64, f64, 52);
