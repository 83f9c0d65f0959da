//! From guest addresses to blocks, read without a lock.
//!
//! An open-addressing table of block numbers, each with a part of the hash, so that a lookup seldom looks at another block; the key is the block's own
//! `pc`. Removing a block is marking it dead: lookups pass over it, and its slot stays taken until the table is rebuilt. Growing publishes a new table; the old one is kept for readers that still look into it, until a flush.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::blocks::{Block, NONE};
use crate::region::Log;

/// Slots of the first table. 8 KiB of memory.
const FIRST: usize = 1024;

/// A slot has the high half of the hash of a block's address above the block's number.
struct Slots(Box<[AtomicU64]>);

/// A slot that was never taken.
const FREE: u64 = NONE as u64;

const fn hash(pc: u64) -> u64 {
    pc.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What the slot of block `id` at `pc` holds.
const fn slot(id: u32, pc: u64) -> u64 {
    hash(pc) >> 32 << 32 | id as u64
}

impl Slots {
    fn new(n: usize) -> Self {
        Self((0..n).map(|_| AtomicU64::new(FREE)).collect())
    }

    /// The slots in which `pc` may be, in order.
    fn probe(&self, pc: u64) -> impl Iterator<Item = &AtomicU64> {
        let mask = self.0.len() - 1;
        let start = (hash(pc) >> 32) as usize;
        (0..self.0.len()).map(move |i| &self.0[(start + i) & mask])
    }
}

/// What writers know; the writer's lock guards it.
pub(crate) struct Writer {
    /// All tables since the last flush. The last one is current. Boxed, because readers have addresses.
    #[expect(clippy::vec_box, reason = "readers hold addresses of the elements")]
    tables: Vec<Box<Slots>>,
    taken: usize,
}

/// See the module.
pub(crate) struct Map {
    current: AtomicPtr<Slots>,
}

impl Map {
    pub(crate) fn new() -> (Self, Writer) {
        let first = Box::new(Slots::new(FIRST));
        (Self { current: AtomicPtr::new((&raw const *first).cast_mut()) }, Writer { tables: vec![first], taken: 0 })
    }

    fn current(&self) -> &Slots {
        // SAFETY: points to a table in `Writer::tables`, none of which goes before a flush, when no thread reads.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// The living block that starts at `pc`.
    #[inline]
    pub(crate) fn get<'a>(&self, blocks: &'a Log<Block>, pc: u64) -> Option<(u32, &'a Block)> {
        for found in self.current().probe(pc) {
            let found = found.load(Ordering::Acquire);
            let id = found as u32;
            if id == NONE {
                return None;
            }
            if found != slot(id, pc) {
                continue;
            }
            // What is not a block yet, or no longer, ends the search.
            let block = blocks.get(id)?;
            if block.pc == pc && !block.is_dead() {
                return Some((id, block));
            }
        }
        None
    }

    /// Adds block `id`, which starts at `pc`.
    pub(crate) fn insert(&self, w: &mut Writer, blocks: &Log<Block>, id: u32, pc: u64) {
        if (w.taken + 1) * 2 > self.current().0.len() {
            self.rebuild(w, blocks);
        }
        w.taken += usize::from(put(self.current(), id, pc));
    }

    /// Replaces the table by one with room, without the dead.
    fn rebuild(&self, w: &mut Writer, blocks: &Log<Block>) {
        let old = self.current();
        let ids = || old.0.iter().map(|s| s.load(Ordering::Relaxed) as u32).filter_map(|id| Some((id, blocks.get(id).filter(|b| !b.is_dead())?.pc)));
        let living = ids().count();
        let new = Box::new(Slots::new((living * 4).next_power_of_two().max(FIRST)));
        ids().for_each(|(id, pc)| {
            put(&new, id, pc);
        });
        w.taken = living;
        self.current.store((&raw const *new).cast_mut(), Ordering::Release);
        w.tables.push(new);
    }

    /// Forgets all blocks.
    ///
    /// # Safety
    /// No other thread is in [`Map::get`], and the memory of earlier tables may go.
    pub(crate) unsafe fn clear(&self, w: &mut Writer) {
        let new = Box::new(Slots::new(FIRST));
        self.current.store((&raw const *new).cast_mut(), Ordering::Release);
        *w = Writer { tables: vec![new], taken: 0 };
    }
}

/// Puts `id` into the first free slot; whether there was one.
fn put(slots: &Slots, id: u32, pc: u64) -> bool {
    let free = slots.probe(pc).find(|s| s.load(Ordering::Relaxed) == FREE);
    free.inspect(|s| s.store(slot(id, pc), Ordering::Release)).is_some()
}
