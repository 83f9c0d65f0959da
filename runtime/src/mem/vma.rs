//! The map of the guest's address space: which ranges are mapped, how, and from what.
//!
//! A pure data structure, without host calls. Invariants:
//! 1. Areas don't overlap, are not empty, and begin and end at pages.
//! 2. `file_offset` is that of the area's first byte; splitting moves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use forklift_x86::GuestAddr;

/// Protection bits of an area, as in mmap(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prot(pub u8);

impl Prot {
    /// PROT_READ.
    pub const READ: Self = Self(1);
    /// PROT_WRITE.
    pub const WRITE: Self = Self(2);
    /// PROT_EXEC.
    pub const EXEC: Self = Self(4);

    /// Whether all bits of `p` are set.
    pub const fn has(self, p: Self) -> bool {
        self.0 & p.0 == p.0
    }

    /// Whether the guest can read: on x86 whatever is mapped with any permission can be.
    pub const fn readable(self) -> bool {
        self.0 != 0
    }

    /// The host's protection for it: never executable.
    pub const fn host(self) -> i32 {
        let w = if self.has(Self::WRITE) { libc::PROT_WRITE } else { 0 };
        w | if self.readable() { libc::PROT_READ } else { 0 }
    }
}

/// The file behind an area.
#[derive(Debug, PartialEq, Eq)]
pub struct Backing {
    /// Path as the guest sees it in /proc/self/maps, or a name in brackets.
    pub name: Vec<u8>,
    /// Device number.
    pub dev: u64,
    /// Inode number; 0 for special areas.
    pub ino: u64,
}

/// What is mapped in one range.
#[derive(Clone, Debug)]
pub struct Area {
    /// End of the range, exclusive.
    pub end: u64,
    /// What the guest may do.
    pub prot: Prot,
    /// MAP_SHARED.
    pub shared: bool,
    /// Whether the area may be made writable: not if it is a shared mapping of a file opened read-only.
    pub may_write: bool,
    /// MAP_GROWSDOWN, or the stack.
    pub grows_down: bool,
    /// Locked by mlock(2) or MAP_LOCKED.
    pub locked: bool,
    /// What it maps, if not anonymous memory.
    pub backing: Option<Arc<Backing>>,
    /// Where in the file it starts, in bytes.
    pub file_offset: u64,
}

impl Area {
    /// Where other mappings must end, if this one starts at `start`.
    const fn floor(&self, start: u64) -> u64 {
        if self.grows_down { start.saturating_sub(GUARD_GAP) } else { start }
    }

    fn continues(&self, start: u64, next: &Self, next_start: u64) -> bool {
        self.end == next_start
            && self.prot == next.prot
            && self.shared == next.shared
            && self.may_write == next.may_write
            && self.grows_down == next.grows_down
            && self.locked == next.locked
            && match (&self.backing, &next.backing) {
                (None, None) => !self.shared,
                (Some(a), Some(b)) => (Arc::ptr_eq(a, b) || a == b) && self.file_offset + (next_start - start) == next.file_offset,
                _ => false,
            }
    }
}

/// How far a mapping that grows down stays from what is below it. Unit: bytes. The default of Linux's stack_guard_gap.
pub const GUARD_GAP: u64 = 256 * GuestAddr::PAGE_SIZE;

/// The areas of an address space, by start.
#[derive(Default, Debug, Clone)]
pub struct VmaMap {
    areas: BTreeMap<u64, Area>,
}

impl VmaMap {
    /// All areas in order of address, as (start, area).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Area)> {
        self.areas.iter().map(|(&s, a)| (s, a))
    }

    /// Number of areas.
    pub fn len(&self) -> usize {
        self.areas.len()
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty()
    }

    /// The area that holds `addr`.
    pub fn find(&self, addr: GuestAddr) -> Option<(u64, &Area)> {
        let a = addr.get();
        self.areas.range(..=a).next_back().filter(|(_, v)| a < v.end).map(|(&s, v)| (s, v))
    }

    /// The first area that doesn't end at or below `addr`.
    pub fn next(&self, addr: u64) -> Option<(u64, &Area)> {
        self.find(GuestAddr::new(addr)).or_else(|| self.areas.range(addr..).next().map(|(&s, a)| (s, a)))
    }

    /// The last area that begins below `addr`.
    pub fn before(&self, addr: u64) -> Option<&Area> {
        self.areas.range(..addr).next_back().map(|(_, a)| a)
    }

    /// The areas that overlap `[start, end)`, not clipped.
    pub fn overlapping(&self, start: u64, end: u64) -> impl DoubleEndedIterator<Item = (u64, &Area)> {
        let first = self.find(GuestAddr::new(start)).map_or(start, |(s, _)| s);
        self.areas.range(first..end.max(first)).map(|(&s, a)| (s, a))
    }

    /// Whether something in `[start, end)` is mapped.
    pub fn any(&self, start: u64, end: u64) -> bool {
        self.overlapping(start, end).next().is_some()
    }

    /// Whether nothing in `[start, end)` is mapped, nor kept free for what is behind to grow.
    pub fn is_clear(&self, start: u64, end: u64) -> bool {
        !self.any(start, end) && self.next(end).is_none_or(|(s, a)| a.floor(s) >= end)
    }

    /// Whether all of `[start, end)` is mapped.
    pub fn is_covered(&self, start: u64, end: u64) -> bool {
        start >= end || self.covered_from(start, end) == end
    }

    /// The end of what is mapped without a hole from `start` on, at most `end`.
    pub fn covered_from(&self, start: u64, end: u64) -> u64 {
        let mut at = start;
        for (s, a) in self.overlapping(start, end) {
            if s > at {
                break;
            }
            at = a.end.min(end);
        }
        at
    }

    /// Number of mapped bytes in `[start, end)`.
    pub fn mapped_bytes(&self, start: u64, end: u64) -> u64 {
        self.overlapping(start, end).map(|(s, a)| a.end.min(end) - s.max(start)).sum()
    }

    /// Makes `addr` a boundary between areas, if it lies inside of one.
    fn split(&mut self, addr: u64) {
        let Some((start, area)) = self.find(GuestAddr::new(addr)).filter(|&(s, _)| s < addr) else { return };
        let mut tail = area.clone();
        tail.file_offset += addr - start;
        if let Some(head) = self.areas.get_mut(&start) {
            head.end = addr;
        }
        self.areas.insert(addr, tail);
    }

    /// Removes whatever is mapped in `[start, end)` and returns it, clipped.
    pub fn remove(&mut self, start: u64, end: u64) -> Vec<(u64, Area)> {
        if start >= end {
            return Vec::new();
        }
        self.split(start);
        self.split(end);
        let keys: Vec<u64> = self.areas.range(start..end).map(|(&s, _)| s).collect();
        keys.into_iter().filter_map(|s| self.areas.remove(&s).map(|a| (s, a))).collect()
    }

    /// Maps `area` at `start`, in place of what was there, and merges it with its neighbours.
    pub fn insert(&mut self, start: u64, area: Area) {
        let end = area.end;
        self.remove(start, end);
        self.areas.insert(start, area);
        self.merge_around(start, end);
    }

    /// Makes the area at `start` begin at `to`, below which nothing is mapped up to there.
    pub fn grow_down(&mut self, start: u64, to: u64) {
        if let Some(area) = self.areas.remove(&start) {
            self.insert(to, area);
        }
    }

    /// Changes the parts of areas that lie in `[start, end)`.
    pub fn update(&mut self, start: u64, end: u64, mut f: impl FnMut(&mut Area)) {
        if start >= end {
            return;
        }
        self.split(start);
        self.split(end);
        self.areas.range_mut(start..end).for_each(|(_, a)| f(a));
        self.merge_around(start, end);
    }

    fn merge_around(&mut self, start: u64, end: u64) {
        let first = self.areas.range(..start).next_back().map_or(start, |(&s, _)| s);
        let keys: Vec<u64> = self.areas.range(first..=end).map(|(&s, _)| s).collect();
        let Some((&head, rest)) = keys.split_first() else { return };
        let mut at = head;
        for &next in rest {
            let (Some(a), Some(b)) = (self.areas.get(&at), self.areas.get(&next)) else { return };
            if a.continues(at, b, next) {
                let end = b.end;
                self.areas.remove(&next);
                if let Some(a) = self.areas.get_mut(&at) {
                    a.end = end;
                }
            } else {
                at = next;
            }
        }
    }

    /// The highest free range of `len` bytes in `[low, high)`, aligned to `align` (a power of two).
    pub fn find_gap(&self, len: u64, low: u64, high: u64, align: u64) -> Option<u64> {
        let mut top = high;
        for (start, area) in self.areas.range(..high).rev() {
            if area.end <= top
                && let Some(at) = fit(len, area.end.max(low), top, align)
            {
                return Some(at);
            }
            top = top.min(area.floor(*start));
            if top <= low {
                return None;
            }
        }
        fit(len, low, top, align)
    }

    /// The lowest free range of `len` bytes in `[low, high)`. All are page addresses.
    pub fn find_low_gap(&self, len: u64, low: u64, high: u64) -> Option<u64> {
        let mut at = low;
        for (start, area) in self.overlapping(low, high) {
            if start >= at && start - at >= len {
                break;
            }
            at = area.end;
        }
        (at <= high && high - at >= len).then_some(at)
    }
}

fn fit(len: u64, low: u64, top: u64, align: u64) -> Option<u64> {
    let at = top.checked_sub(len)? & !(align - 1);
    (at >= low).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(end: u64, prot: u8) -> Area {
        Area { end, prot: Prot(prot), shared: false, may_write: true, grows_down: false, locked: false, backing: None, file_offset: 0 }
    }

    fn ranges(m: &VmaMap) -> Vec<(u64, u64, u8)> {
        m.iter().map(|(s, a)| (s, a.end, a.prot.0)).collect()
    }

    #[test]
    fn insert_splits_and_merges() {
        let mut m = VmaMap::default();
        m.insert(0x1000, area(0x5000, 3));
        m.insert(0x2000, area(0x3000, 1));
        assert_eq!(ranges(&m), [(0x1000, 0x2000, 3), (0x2000, 0x3000, 1), (0x3000, 0x5000, 3)]);
        m.update(0x2000, 0x3000, |a| a.prot = Prot(3));
        assert_eq!(ranges(&m), [(0x1000, 0x5000, 3)]);
    }

    #[test]
    fn coverage() {
        let mut m = VmaMap::default();
        m.insert(0x1000, area(0x2000, 3));
        m.insert(0x2000, area(0x3000, 1));
        assert!(m.is_covered(0x1000, 0x3000) && !m.is_covered(0x1000, 0x3001) && !m.is_covered(0, 0x2000));
        assert!(m.any(0x2fff, 0x9000) && !m.any(0x3000, 0x9000));
    }

    #[test]
    fn gaps_from_the_top() {
        let mut m = VmaMap::default();
        m.insert(0x8000, area(0x9000, 3));
        assert_eq!(m.find_gap(0x1000, 0x1000, 0xa000, 0x1000), Some(0x9000));
        assert_eq!(m.find_gap(0x2000, 0x1000, 0xa000, 0x1000), Some(0x6000));
        assert_eq!(m.find_gap(0x9000, 0x1000, 0xa000, 0x1000), None);
    }

    #[test]
    fn gaps_from_the_bottom() {
        let mut m = VmaMap::default();
        m.insert(0x2000, area(0x3000, 3));
        m.insert(0x4000, area(0x6000, 3));
        assert_eq!(m.find_low_gap(0x1000, 0x1000, 0x9000), Some(0x1000));
        assert_eq!(m.find_low_gap(0x1000, 0x2000, 0x9000), Some(0x3000));
        assert_eq!(m.find_low_gap(0x2000, 0x2000, 0x9000), Some(0x6000));
        assert_eq!(m.find_low_gap(0x4000, 0x2000, 0x9000), None);
        assert_eq!(m.find_low_gap(0x1000, 0x5000, 0x6000), None);
    }
}
