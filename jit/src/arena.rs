//! Where code lies.
//!
//! One private anonymous mapping, readable, writable and executable: a fork gets a copy of it, page by page as parent or child write. Blocks grow from its
//! low end, exits' stubs from its high end (the stub of exit `i` is at a fixed place), so that hot code lies densely; the arena is full when they meet. Only
//! pages that were written take memory.
//!
//! # Invariants
//! 1. What was allocated stays until [`Arena::reset`], which only a flush calls (see `invalidate`).
//! 2. Whatever lies in the arena reaches whatever else lies in it by a direct jump: it is not larger than [`MAX`].

use std::io;

use crate::debug::Observer;
use crate::host::{self, STUB, TRAMPOLINE, Way};
use crate::region::Region;

/// Reach of aarch64's `b`. Unit: bytes.
pub(crate) const MAX: usize = 128 << 20;

/// Blocks start at multiples of this. Unit: bytes. Constants behind a block's code may want as much.
pub(crate) const ALIGN: usize = 16;

/// See the module.
pub(crate) struct Arena {
    region: Region,
}

/// The allocator's state, which the writer's lock guards.
pub(crate) struct Cursor {
    next: usize,
}

impl Cursor {
    /// Takes back the last allocation, which was at `start`.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn give_back(&mut self, start: u32) {
        self.next = start as usize;
    }
}

impl Arena {
    /// An arena of `size` bytes, [`MAX`] at most.
    /// `near`: where it should lie, if that is free.
    pub(crate) fn new(size: usize, near: u64) -> io::Result<(Self, Cursor)> {
        let region = Region::reserve_near(near, size.clamp(1 << 16, MAX), libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC)?;
        let arena = Self { region };
        let cursor = arena.start();
        Ok((arena, cursor))
    }

    /// Prepares an arena without blocks.
    fn start(&self) -> Cursor {
        for way in Way::ALL {
            // SAFETY: the first bytes are nobody's, and nothing jumps there yet.
            unsafe { host::write_trampoline(self.trampoline(*way), *way) };
        }
        let len = Way::ALL.len() * TRAMPOLINE;
        host::sync_icache(self.region.base(), len);
        Cursor { next: len }
    }

    /// Tells what lies in front of the blocks.
    pub(crate) fn show_shared(&self, observer: &dyn Observer) {
        for way in Way::ALL {
            let at = self.trampoline(*way);
            // SAFETY: the arena's first bytes, which are written once.
            let code = unsafe { core::slice::from_raw_parts(at, TRAMPOLINE) };
            observer.shared(&format!("forklift: {way:?}"), at as u64, code);
        }
    }

    /// Address of offset `o`.
    pub(crate) fn at(&self, o: u32) -> *mut u8 {
        self.region.base().wrapping_add(o as usize)
    }

    /// Offset of the host address `pc`; `None` if it isn't in the arena.
    pub(crate) fn offset(&self, pc: u64) -> Option<u32> {
        let o = pc.checked_sub(self.region.base() as u64)?;
        (o < self.region.len() as u64).then_some(o as u32)
    }

    /// Where a way out of blocks can be reached.
    pub(crate) fn trampoline(&self, way: Way) -> *mut u8 {
        self.region.base().wrapping_add(way as usize * TRAMPOLINE)
    }

    /// The stub of exit `id`.
    pub(crate) fn stub(&self, id: u32) -> *mut u8 {
        self.region.base().wrapping_add(self.region.len() - (id as usize + 1) * STUB)
    }

    /// Offset of `len` fresh bytes, provided that stubs for `exits` exits fit as well.
    pub(crate) fn alloc(&self, cursor: &mut Cursor, len: usize, exits: usize) -> Option<u32> {
        let start = cursor.next.next_multiple_of(ALIGN);
        let end = start.checked_add(len)?;
        let limit = self.region.len().checked_sub(exits.checked_mul(STUB)?)?;
        if end > limit {
            return None;
        }
        cursor.next = end;
        Some(start as u32)
    }

    /// Whether [`Arena::alloc`] would succeed.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_room(&self, cursor: &Cursor, len: usize, exits: usize) -> bool {
        cursor.next.next_multiple_of(ALIGN) + len + exits * STUB <= self.region.len()
    }

    /// Bytes taken by blocks.
    pub(crate) fn used(&self, cursor: &Cursor) -> usize {
        cursor.next
    }

    /// The memory.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Whether there is room for so many bytes of blocks and the stubs of so many exits.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn fits(&self, used: u64, exits: u64) -> bool {
        let stubs = exits.saturating_mul(STUB as u64);
        used.is_multiple_of(ALIGN as u64) && used.saturating_add(stubs) <= self.region.len() as u64
    }

    /// Makes what was mapped into the arena its blocks, of which there are `used` bytes.
    ///
    /// # Safety
    /// No thread executes code of this arena.
    #[cfg(target_arch = "x86_64")]
    pub(crate) unsafe fn adopt(&self, cursor: &mut Cursor, used: usize) {
        *cursor = Cursor { next: used.max(self.start().next) };
    }

    /// Forgets all that was allocated.
    ///
    /// # Safety
    /// No thread executes code of this arena or will, without entering a block that is compiled from now on.
    pub(crate) unsafe fn reset(&self, cursor: &mut Cursor) {
        self.region.discard();
        *cursor = self.start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_meet() {
        let (a, mut c) = Arena::new(1 << 16, 0).unwrap();
        let first = Way::ALL.len() * TRAMPOLINE;
        assert_eq!(a.alloc(&mut c, 100, 0), Some(first as u32));
        assert_eq!(a.alloc(&mut c, 100, 0), Some(first as u32 + 112));
        let rest = 65536 - first - 224;
        assert_eq!(a.alloc(&mut c, rest - 16, 2), None);
        assert_eq!(a.alloc(&mut c, rest - 32, 2), Some(first as u32 + 224));
        assert_eq!(a.offset(a.at(77) as u64), Some(77));
        assert_eq!(a.offset(a.at(0) as u64 + 65536), None);
        assert_eq!(a.stub(1), a.at(65536 - 32));
    }
}
