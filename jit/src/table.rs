//! The table of indirect branch targets that emitted code looks into, one per thread.
//!
//! One per thread, because an entry is two words: a reader of a shared one could see the address of one block with the code of another. The owner alone
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

const SIZE: usize = INDIRECT_ENTRIES as usize * size_of::<Entry>();

/// See the module.
pub(crate) struct Table {
    region: Region,
}

impl Table {
    /// A table without entries.
    pub(crate) fn new() -> io::Result<Self> {
        let table = Self { region: Region::reserve(SIZE, libc::PROT_READ | libc::PROT_WRITE)? };
        table.entry(0).rip.store(IndirectEntry::empty(0).rip, Ordering::Relaxed);
        Ok(table)
    }

    /// Host address of the table.
    pub(crate) fn address(&self) -> u64 {
        self.region.base() as u64
    }

    fn entry(&self, i: u64) -> &Entry {
        // SAFETY: `IndirectEntry::index` and callers stay below INDIRECT_ENTRIES; zeroes are a valid Entry, which changes through atomics only.
        unsafe { &*self.region.base().cast::<Entry>().add((i % INDIRECT_ENTRIES) as usize) }
    }

    /// Makes branches to `rip` go to `code`, unless `gone` says afterwards that they must not. The owner calls this.
    pub(crate) fn fill(&self, rip: u64, code: *const u8, gone: impl Fn() -> bool) {
        let e = self.entry(IndirectEntry::index(rip));
        e.code.store(code as u64, Ordering::Relaxed);
        e.rip.store(rip, Ordering::Relaxed);
        // Whoever kills a block marks it and then empties entries: one of the two sees the other's store.
        fence(Ordering::SeqCst);
        if gone() {
            self.forget(rip);
        }
    }

    /// Makes branches to `rip` miss. Any thread may call this.
    pub(crate) fn forget(&self, rip: u64) {
        let i = IndirectEntry::index(rip);
        let _ = self.entry(i).rip.compare_exchange(rip, IndirectEntry::empty(i).rip, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// Makes all branches miss. Any thread may call this.
    pub(crate) fn clear(&self) {
        for i in 0..INDIRECT_ENTRIES {
            // Don't touch pages for nothing.
            if self.entry(i).code.load(Ordering::Relaxed) != 0 {
                self.entry(i).rip.store(IndirectEntry::empty(i).rip, Ordering::SeqCst);
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
