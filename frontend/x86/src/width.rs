//! Widths of integer operands.

/// The width of an integer operand. Its discriminant is log2 of the size in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Width {
    /// 8 bits.
    B1 = 0,
    /// 16 bits.
    B2 = 1,
    /// 32 bits.
    B4 = 2,
    /// 64 bits.
    B8 = 3,
}

impl Width {
    /// All widths, narrowest first.
    pub const ALL: [Self; 4] = [Self::B1, Self::B2, Self::B4, Self::B8];

    /// The width of `bytes` bytes; `None` unless that is 1, 2, 4 or 8.
    #[inline]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            1 => Some(Self::B1),
            2 => Some(Self::B2),
            4 => Some(Self::B4),
            8 => Some(Self::B8),
            _ => None,
        }
    }

    /// Log2 of the size in bytes.
    #[inline]
    pub const fn log2(self) -> u32 {
        self as u32
    }

    /// Size in bytes.
    #[inline]
    pub const fn bytes(self) -> u32 {
        1 << self as u32
    }

    /// Size in bits.
    #[inline]
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }

    /// A mask of the bits that a value of this width has.
    #[inline]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }

    /// `v` without the bits above this width.
    #[inline]
    pub const fn truncate(self, v: u64) -> u64 {
        v & self.mask()
    }

    /// `v`, taken as a signed value of this width, extended to 64 bits.
    #[inline]
    pub const fn sign_extend(self, v: u64) -> i64 {
        let s = 64 - self.bits();
        ((v << s) as i64) >> s
    }

    /// The top bit of `v` at this width.
    #[inline]
    pub const fn sign(self, v: u64) -> bool {
        v >> (self.bits() - 1) & 1 != 0
    }
}
