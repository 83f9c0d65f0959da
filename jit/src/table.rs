//! The tables of indirect branch targets, one pair per thread.
//!
//! Emitted code looks into the first one, which is direct-mapped. Two targets that are in use at the same time may want the same entry of it; so a miss goes
//! on in a second one (`lookup` in `host`), of two entries for each hash, where an entry comes that another one displaces from the first.
//!
//! One pair per thread, because an entry is two words: a reader of a shared one could see the address of one block with the code of another. The owner alone
//! fills entries; any thread may empty one, which is one store. Pages that were never touched read as zeroes, which match nothing (see [`IndirectEntry`]).

use core::sync::atomic::{AtomicU64, Ordering, fence};
use std::io;
use std::sync::OnceLock;

use forklift_lift::{INDIRECT_ENTRIES, IndirectEntry};

use crate::region::Region;

struct Entry {
    rip: AtomicU64,
    code: AtomicU64,
}

impl Entry {
    fn set(&self, rip: u64, code: u64) {
        self.code.store(code, Ordering::Relaxed);
        self.rip.store(rip, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.rip.load(Ordering::Relaxed), self.code.load(Ordering::Relaxed))
    }

    /// Empties the entry, which is number `i` of its table, if it has `rip`.
    fn forget(&self, rip: u64, i: u64) {
        let _ = self.rip.compare_exchange(rip, IndirectEntry::empty(i).rip, Ordering::SeqCst, Ordering::Relaxed);
    }
}

/// Where the second table lies, from the first. Unit: bytes.
pub(crate) const SECOND: usize = INDIRECT_ENTRIES as usize * size_of::<Entry>();
/// How far a product of [`HASH`] is shifted to give the number of a pair of entries in the second table. Unit: bits.
pub(crate) const HASH_SHIFT: u32 = 64 - 14;
/// What an address is multiplied by: 2^64 divided by the golden ratio.
pub(crate) const HASH: u64 = 0x9e37_79b9_7f4a_7c15;
/// Unit: entries.
const SECOND_ENTRIES: u64 = 2 << (64 - HASH_SHIFT);
/// Unit: bytes.
const SIZE: usize = SECOND + SECOND_ENTRIES as usize * size_of::<Entry>();

/// The first of the two entries of the second table where `rip` may be.
const fn pair(rip: u64) -> u64 {
    rip.wrapping_mul(HASH) >> HASH_SHIFT << 1
}

/// See the module.
pub(crate) struct Table {
    region: Region,
}

impl Table {
    /// A table without entries.
    pub(crate) fn new() -> io::Result<Self> {
        let table = Self { region: Region::reserve(SIZE, libc::PROT_READ | libc::PROT_WRITE)? };
        // Address 0 must not be found where it would be looked for.
        for e in [table.first(0), table.second(0), table.second(1)] {
            e.rip.store(IndirectEntry::empty(0).rip, Ordering::Relaxed);
        }
        Ok(table)
    }

    /// Host address of the table.
    pub(crate) fn address(&self) -> u64 {
        self.region.base() as u64
    }

    /// Entry `i` of both tables, that of the first one.
    fn entry(&self, i: u64) -> &Entry {
        // SAFETY: there are so many entries; zeroes are a valid Entry, which changes through atomics only.
        unsafe { &*self.region.base().cast::<Entry>().add((i % (INDIRECT_ENTRIES + SECOND_ENTRIES)) as usize) }
    }

    fn first(&self, i: u64) -> &Entry {
        self.entry(i % INDIRECT_ENTRIES)
    }

    fn second(&self, i: u64) -> &Entry {
        self.entry(INDIRECT_ENTRIES + i % SECOND_ENTRIES)
    }

    /// Makes branches to `rip` go to `code`. Entries that were written are emptied again if `living` says afterwards that they don't lead to a living
    /// block. The owner calls this.
    pub(crate) fn fill(&self, rip: u64, code: *const u8, living: impl Fn(u64, u64) -> bool) {
        let i = IndirectEntry::index(rip);
        let first = self.first(i);
        let displaced = Some(first.get()).filter(|e| e.0 != rip && e.0 != IndirectEntry::empty(i).rip);
        let moved = displaced.and_then(|(rip, code)| self.keep(rip, code));
        first.set(rip, code as u64);
        // Whoever kills a block marks it and then empties entries: one of the two sees the other's store.
        fence(Ordering::SeqCst);
        for (rip, code) in [Some((rip, code as u64)), displaced, moved].into_iter().flatten() {
            if !living(rip, code) {
                self.forget(rip);
            }
        }
    }

    /// Gives `rip` a place in the second table; returns what that moved.
    pub(crate) fn keep(&self, rip: u64, code: u64) -> Option<(u64, u64)> {
        let at = pair(rip);
        let [a, b] = [self.second(at), self.second(at + 1)];
        let moved = Some(a.get()).filter(|e| e.0 != rip && e.0 != IndirectEntry::empty(at / 2).rip);
        if let Some((rip, code)) = moved {
            b.set(rip, code);
        }
        a.set(rip, code);
        moved
    }

    /// Makes branches to `rip` miss. Any thread may call this.
    pub(crate) fn forget(&self, rip: u64) {
        let i = IndirectEntry::index(rip);
        self.first(i).forget(rip, i);
        for at in [pair(rip), pair(rip) + 1] {
            self.second(at).forget(rip, at / 2);
        }
    }

    /// Makes all branches miss. Any thread may call this.
    pub(crate) fn clear(&self) {
        for i in 0..INDIRECT_ENTRIES + SECOND_ENTRIES {
            // Don't touch pages for nothing.
            let e = self.entry(i);
            if e.code.load(Ordering::Relaxed) != 0 {
                let empty = if i < INDIRECT_ENTRIES { i } else { (i - INDIRECT_ENTRIES) / 2 };
                e.rip.store(IndirectEntry::empty(empty).rip, Ordering::SeqCst);
            }
        }
    }
}

/// Address of a table that never gets an entry.
pub(crate) fn all_miss() -> io::Result<u64> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    if let Some(t) = TABLE.get() {
        return Ok(t.address());
    }
    let new = Table::new()?;
    Ok(TABLE.get_or_init(|| new).address())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As emitted code and `lookup` do.
    fn find(t: &Table, rip: u64) -> Option<u64> {
        let places = [t.first(IndirectEntry::index(rip)), t.second(pair(rip)), t.second(pair(rip) + 1)];
        places.into_iter().find(|e| e.get().0 == rip).map(|e| e.get().1)
    }

    #[test]
    fn displaced_entries_are_found() {
        let t = Table::new().unwrap();
        let same = |n: u64| n << 24 | n << 12 | 0x345 ^ n;
        assert_eq!(IndirectEntry::index(same(1)), IndirectEntry::index(same(2)));
        for n in 1..=3 {
            t.fill(same(n), n as *const u8, |_, _| true);
        }
        assert_eq!([1, 2, 3].map(|n| find(&t, same(n))), [Some(1), Some(2), Some(3)]);
        t.forget(same(1));
        assert_eq!([1, 2, 3].map(|n| find(&t, same(n))), [None, Some(2), Some(3)]);
        t.fill(same(4), 4 as *const u8, |rip, _| rip != same(3));
        assert_eq!([2, 3, 4].map(|n| find(&t, same(n))), [Some(2), None, Some(4)]);
        t.clear();
        assert_eq!([2, 3, 4, 0].map(|n| find(&t, same(n))), [None; 4]);
        assert_eq!(find(&t, 0), None);
    }
}
