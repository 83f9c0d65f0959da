//! Patching emitted code before it is placed: guards, and accesses that the host is to check for alignment.
//!
//! The latter are unaligned moves of 16 bytes, because Cranelift has no others. They become aligned ones.
//!
//! # Guards
//! See `cx/group.rs` of the lifter. A guard is a branch behind accesses of guest memory, never taken, to a pad. Its operands keep the state of before the accesses alive up to the branch.
//! Here the branch is overwritten, and a fault of one of the accesses goes on at the pad instead: with the registers as they are at the access.
//!
//! # Invariants
//! 1. What the pad reads was computed before the access: by the lifter, everything that it uses was known before the group.
//! 2. Behind the access, the register allocator may have moved such a value to where the pad reads it. So the code between the access and the guard is
//!    decoded, and the moves in it, between registers and the stack, are done before the pad. Others can be left out: what they write is not what the pad
//!    reads, or it would be computed behind the access.
//! 3. Control goes straight from the access to the guard, but for branches that leave this stretch. Where it doesn't, or where anything isn't as expected, the
//!    region is refused, and is to be lifted without guards.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as host;

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(not(target_arch = "x86_64"))]
use none as host;

pub(crate) use host::PATCHED;

use core::ops::Range;

use cranelift_codegen::CompiledCode;
use forklift_lift::{GROUP, GUARD};

/// The guards of a region's code.
pub(crate) struct Guards {
    /// Group and place. Unit: offsets in the code.
    places: Vec<(u32, Range<usize>)>,
}

impl Guards {
    /// Finds the guards of `code`.
    pub(crate) fn find(code: &CompiledCode) -> Self {
        let of = |l: u32| (l & GUARD != 0).then_some(l & !GUARD);
        let places = code.buffer.get_srclocs_sorted().iter();
        let places = places.filter_map(|l| of(l.loc.bits()).filter(|_| !l.loc.is_default()).map(|id| (id, l.start as usize..l.end as usize)));
        Self { places: places.collect() }
    }

    /// Where a fault of the access at offset `access`, of the group `id`, is to go on; `code` may get longer.
    pub(crate) fn pad(&self, code: &mut Vec<u8>, access: usize, id: u32) -> Option<u32> {
        let (_, place) = self.places.iter().find(|p| p.0 == id && p.1.start > access)?;
        host::pad(code, access, place.start)
    }

    /// Overwrites all guards. Whether all were as expected.
    pub(crate) fn remove(&self, code: &mut [u8]) -> bool {
        self.places.iter().all(|(_, place)| host::remove(code, place.start).is_some())
    }
}

/// The group that a source location of an access names.
pub(crate) fn group(location: u32) -> Option<u32> {
    (location & GROUP != 0).then_some(location & !GROUP)
}

/// Makes the access at offset `at` fault if its address isn't a multiple of 16. `None` if it is another instruction than a move.
pub(crate) fn align(code: &mut [u8], at: usize) -> Option<()> {
    host::align(code, at)
}
