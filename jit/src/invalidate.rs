//! Which blocks depend on which guest bytes, and how blocks are thrown away.
//!
//! A block depends on its own bytes and on those that the lifter looked at behind its exits. [`Jit::invalidate`] kills exactly the blocks that depend on a
//! byte of a range: a dead block is not found any more, nothing is linked to it, and no table has it. A thread that is in it runs on to its end, as a CPU
//! does with code that another one changes; a thread that changes its own code is for the runtime to stop at the writing instruction.
//!
//! # Flush
//! The memory of a dead block is not used again until the arena is full; then everything goes at once:
//! 1. Under the writer's lock, `flushing` is set, all blocks die, all exits are unlinked and all tables of indirect branches emptied. From now on a thread
//!    leaves emitted code after two blocks at most (the one that it is in, and one that an indirect jump was about to enter), and enters none.
//! 2. We wait until no other thread is in [`Thread::run`](crate::Thread::run) any more. Those that want to be wait, or interpret.
//! 3. Blocks, exits, map and arena start again from nothing.
//!
//! So a reference to a block or an exit must be held in `run` or under the writer's lock only. Signal handlers run on threads that are in one of the
//! two, or find no block at all.

use core::sync::atomic::Ordering;
use std::collections::HashMap;
use std::thread::yield_now;

use forklift_lift::Needs;
use forklift_x86::GuestAddr;

use crate::Jit;
use crate::blocks::Block;
use crate::jit::{Changes, Writer};
use crate::stats::add;

/// The part of a page that a block depends on. Unit: offsets in the page, end excluded.
#[derive(Clone, Copy)]
struct Span {
    block: u32,
    start: u16,
    end: u16,
}

/// For each guest page, the blocks that depend on some of it. Numbers of dead blocks may linger.
#[derive(Default)]
pub(crate) struct Pages(HashMap<u64, Vec<Span>>);

/// The pages that `start..end` touches, each with the part of it.
fn parts(start: GuestAddr, end: GuestAddr) -> impl Iterator<Item = (u64, u16, u16)> {
    let (start, end) = (start.get(), end.get());
    let last = if end > start { (end - 1) / GuestAddr::PAGE_SIZE } else { start / GuestAddr::PAGE_SIZE };
    (start / GuestAddr::PAGE_SIZE..=last).filter(move |_| end > start).map(move |page| {
        let base = page * GuestAddr::PAGE_SIZE;
        (page, start.saturating_sub(base) as u16, (end - base).min(GuestAddr::PAGE_SIZE) as u16)
    })
}

impl Pages {
    /// Notes that `block` depends on `range`.
    pub(crate) fn add(&mut self, block: u32, range: (GuestAddr, GuestAddr)) {
        for (page, start, end) in parts(range.0, range.1) {
            self.0.entry(page).or_default().push(Span { block, start, end });
        }
    }

    /// Takes out the blocks that depend on a byte of `start..end`.
    fn take(&mut self, start: GuestAddr, end: GuestAddr) -> Vec<u32> {
        let mut hit = Vec::new();
        let pages = (end.get().saturating_sub(start.get())) / GuestAddr::PAGE_SIZE;
        if pages > self.0.len() as u64 {
            // A large range and few pages: go by the pages that there are.
            let range = start.page()..=end.get().saturating_sub(1) / GuestAddr::PAGE_SIZE;
            let keys: Vec<_> = self.0.keys().copied().filter(|p| range.contains(p)).collect();
            keys.into_iter().for_each(|p| self.take_page(p, start, end, &mut hit));
        } else {
            parts(start, end).for_each(|(p, ..)| self.take_page(p, start, end, &mut hit));
        }
        hit
    }

    fn take_page(&mut self, page: u64, start: GuestAddr, end: GuestAddr, hit: &mut Vec<u32>) {
        let base = page * GuestAddr::PAGE_SIZE;
        let Some(spans) = self.0.get_mut(&page) else { return };
        spans.retain(|s| {
            let inside = base + u64::from(s.end) > start.get() && base + u64::from(s.start) < end.get();
            hit.extend(inside.then_some(s.block));
            !inside
        });
        if spans.is_empty() {
            self.0.remove(&page);
        }
    }

    /// All parts: page, block, start and end in the page.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32, u16, u16)> {
        self.0.iter().flat_map(|(&page, spans)| spans.iter().map(move |s| (page, s.block, s.start, s.end)))
    }

    fn has(&self, page: u64, alive: impl Fn(u32) -> bool) -> bool {
        self.0.get(&page).is_some_and(|spans| spans.iter().any(|s| alive(s.block)))
    }
}

impl Jit {
    /// Throws away all blocks that depend on a byte of `start..end`; returns how many.
    ///
    /// It takes the writer's lock: not for a thread that is in [`Thread::run`](crate::Thread::run), nor for signal handlers that may interrupt one.
    pub fn invalidate(&self, start: GuestAddr, end: GuestAddr) -> usize {
        let mut w = self.write();
        if let Some(changes) = &mut w.changes {
            changes.add(start, end);
        }
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "direct code only"))]
        let mut hit = w.pages.take(start, end);
        #[cfg(target_arch = "x86_64")]
        if let Some(image) = &mut w.direct.image {
            image.depending(start, end, &mut hit);
            image.some_died |= !hit.is_empty();
        }
        hit.into_iter().filter_map(|id| self.blocks.blocks.get(id)).filter(|b| self.kill(&mut w, b)).count()
    }

    /// Whether any block depends on a byte of the page.
    pub fn has_blocks_on(&self, page: GuestAddr) -> bool {
        let w = self.write();
        let lives = |id| self.blocks.blocks.get(id).is_some_and(|b| !b.is_dead());
        #[cfg(target_arch = "x86_64")]
        if let Some(image) = &w.direct.image {
            let mut on = Vec::new();
            image.depending(page.page_base(), page.page_base().wrapping_add(GuestAddr::PAGE_SIZE), &mut on);
            if on.into_iter().any(lives) {
                return true;
            }
        }
        w.pages.has(page.page(), lives)
    }

    /// Throws away one block whose source was found changed.
    pub(crate) fn kill_stale(&self, id: u32) {
        let mut w = self.write();
        if let Some(block) = self.blocks.blocks.get(id) {
            self.kill(&mut w, block);
        }
    }

    /// Throws away a block that met what it isn't made for: the next one there is.
    pub(crate) fn kill_unfit(&self, id: u32, needs: Needs) {
        let mut w = self.write();
        if let Some(block) = self.blocks.blocks.get(id) {
            let all = w.particular.entry(block.pc).or_default();
            *all = all.with(needs);
            self.kill(&mut w, block);
        }
    }

    /// Kills `block` under the lock; whether it lived.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "direct code only"))]
    fn kill(&self, w: &mut Writer, block: &Block) -> bool {
        if block.dead.swap(1, Ordering::SeqCst) != 0 {
            return false;
        }
        self.unlink_incoming(block);
        #[cfg(target_arch = "x86_64")]
        self.forget_landing(w, block);
        crate::jit::lock(&self.threads).iter().for_each(|t| {
            t.table.forget(block.pc);
            t.leave_loops();
        });
        add(&self.counters.killed, 1);
        true
    }

    /// Throws everything away. The caller is not in `Thread::run`.
    pub(crate) fn flush(&self, w: &mut Writer) {
        self.flushing.store(true, Ordering::SeqCst);
        w.changes.iter_mut().for_each(Changes::flush);
        for (_, block) in self.blocks.blocks.range(0, self.blocks.blocks.len()) {
            block.dead.store(1, Ordering::SeqCst);
            self.unlink_outgoing(block);
        }
        let threads = crate::jit::lock(&self.threads).clone();
        // Those that are gone by now have left. A thread that comes looks at `flushing`.
        crate::jit::lock(&self.threads).iter().for_each(|t| {
            t.clear();
            t.leave_loops();
        });
        while threads.iter().any(|t| t.active.load(Ordering::SeqCst)) {
            yield_now();
        }
        // SAFETY: no thread is in `run`, none can enter it before `flushing` is reset, and we have the lock: nobody holds references.
        unsafe {
            self.blocks.blocks.clear();
            self.blocks.exits.clear();
            self.blocks.traps.clear();
            self.map.clear(&mut w.map);
            self.arena.reset(&mut w.cursor);
        }
        w.pages = Pages::default();
        w.particular.clear();
        #[cfg(target_arch = "x86_64")]
        {
            w.direct.landings.clear();
            w.direct.image = None;
        }
        add(&self.counters.flushes, 1);
        self.flushing.store(false, Ordering::SeqCst);
    }

    /// Throws everything away, because something that all blocks depend on has changed. Not for a thread that is in [`Thread::run`](crate::Thread::run).
    pub fn flush_all(&self) {
        self.flush(&mut self.write());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(a: u64) -> GuestAddr {
        GuestAddr::new(a)
    }

    #[test]
    fn parts_of_pages() {
        let p = |a, b| parts(at(a), at(b)).collect::<Vec<_>>();
        assert_eq!(p(0x1ff0, 0x2010), [(1, 0xff0, 0x1000), (2, 0, 0x10)]);
        assert_eq!(p(0x1000, 0x2000), [(1, 0, 0x1000)]);
        assert_eq!(p(0x1000, 0x1000), []);
    }

    #[test]
    fn takes_exactly_what_overlaps() {
        let mut pages = Pages::default();
        pages.add(1, (at(0x1000), at(0x1010)));
        pages.add(2, (at(0x1010), at(0x1020)));
        pages.add(3, (at(0x1ffe), at(0x2002)));
        assert_eq!(pages.take(at(0x100f), at(0x1010)), [1]);
        assert_eq!(pages.take(at(0x2001), at(0x2002)), [3]);
        assert!(pages.has(1, |b| b == 2) && !pages.has(2, |_| true));
        assert_eq!(pages.take(at(0), at(u64::MAX)), [2, 3]);
    }
}
