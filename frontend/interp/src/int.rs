//! The machine's integers, by trait, so that one function serves all widths.

use forklift_x86::Width;

/// A value that one memory access moves.
pub trait Prim: Copy + Eq + Default + core::fmt::Debug + Send + Sync + 'static {
    /// Size in bytes: 1, 2, 4, 8 or 16.
    const BYTES: usize;
    /// Zero-extended to 128 bits.
    fn to_u128(self) -> u128;
    /// The low bits of `v`.
    fn from_u128(v: u128) -> Self;
}

/// An integer operand of the general purpose instructions.
pub trait Int: Prim {
    /// The width.
    const WIDTH: Width;
    /// Number of bits.
    const BITS: u32 = Self::WIDTH.bits();
    /// Zero-extended.
    fn to_u64(self) -> u64;
    /// The low bits of `v`.
    fn from_u64(v: u64) -> Self;
    /// Sign-extended.
    fn to_i64(self) -> i64 {
        Self::WIDTH.sign_extend(self.to_u64())
    }
    /// The top bit.
    fn sign(self) -> bool {
        Self::WIDTH.sign(self.to_u64())
    }
}

macro_rules! prim {
    ($($t:ty),*) => {$(
        impl Prim for $t {
            const BYTES: usize = size_of::<$t>();
            #[inline(always)]
            fn to_u128(self) -> u128 {
                u128::from(self)
            }
            #[inline(always)]
            fn from_u128(v: u128) -> Self {
                v as $t
            }
        }
    )*};
}

macro_rules! int {
    ($($t:ty, $w:ident);*) => {$(
        impl Int for $t {
            const WIDTH: Width = Width::$w;
            #[inline(always)]
            fn to_u64(self) -> u64 {
                u64::from(self)
            }
            #[inline(always)]
            fn from_u64(v: u64) -> Self {
                v as $t
            }
        }
    )*};
}

prim!(u8, u16, u32, u64, u128);
int!(u8, B1; u16, B2; u32, B4; u64, B8);
