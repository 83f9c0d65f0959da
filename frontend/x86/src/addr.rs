//! Guest addresses.

use core::fmt;

/// An address in the guest's linear address space. An i386 guest uses the low 32 bits only.
///
/// There is no `+`: wrap-around is a decision, made with [`checked_add`](Self::checked_add) or [`wrapping_add`](Self::wrapping_add).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct GuestAddr(u64);

impl GuestAddr {
    /// Guest pages are 4 KiB on every host.
    pub const PAGE_SIZE: u64 = 4096;

    /// The address with this value.
    #[inline]
    pub const fn new(addr: u64) -> Self {
        Self(addr)
    }

    /// The address as a number.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address `bytes` further on, or `None` on wrap-around.
    #[inline]
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(a) => Some(Self(a)),
            None => None,
        }
    }

    /// The address `bytes` further on, modulo 2^64.
    #[inline]
    pub const fn wrapping_add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// The number of the page that holds this address.
    #[inline]
    pub const fn page(self) -> u64 {
        self.0 / Self::PAGE_SIZE
    }

    /// The first address of the page that holds this address.
    #[inline]
    pub const fn page_base(self) -> Self {
        Self(self.0 & !(Self::PAGE_SIZE - 1))
    }

    /// Offset of this address in its page, in bytes.
    #[inline]
    pub const fn page_offset(self) -> u64 {
        self.0 & (Self::PAGE_SIZE - 1)
    }

    /// Whether the address is the first of a page.
    #[inline]
    pub const fn is_page_aligned(self) -> bool {
        self.page_offset() == 0
    }
}

impl fmt::Debug for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
