//! Images: the blocks of a process, to be mapped by another one that runs the same program.
//!
//! An image is some numbers and *pieces*: runs of pages of the arena and of the lists of blocks, exits and marks, which come to lie where they were, and tables by which
//! the blocks are found. Emitted code names nothing but guest addresses, numbers of exits, and places in the arena, of which the trampolines are
//! written anew; so an image is good for every process that has its arena at the same address, if forklift itself and what [`fingerprint`](crate::fingerprint)
//! describes are the same. Whoever keeps images sees to the latter, and that the pieces are those that were written (checksums): they are believed.
//!
//! # Modules
//! A *module* is a mapping of the guest, of a file with code. A block of an image depends on the bytes of one module, and is linked to blocks of the same one only.
//! When a block of a module is wanted for the first time, all pages that blocks of the module depend on are put under watch and their hashes are compared. If they are right,
//! all blocks of the module are blocks like any other from then on; if one is not, none is ever found.
//!
//! 32-bit code that goes through a segment may only be used while that is usable, which no program has done yet when it begins. So the blocks from the first such block on
//! (`Head::plain`) are a part of their own, which earlier blocks aren't linked to.

use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicU8, Ordering};
use std::fs::File;
use std::io;

use forklift_lift::JitState;
use forklift_x86::GuestAddr;

use crate::Jit;
use crate::blocks::{Block, NONE};
use crate::jit::Writer;
use crate::region::{PAGE, Region};
use crate::stats::add;
use crate::table::Table;

/// What a piece is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Section {
    Arena,
    Blocks,
    Exits,
    Marks,
    Entries,
    Parts,
    Pages,
}

impl Section {
    const ALL: [Self; 7] = [Self::Arena, Self::Blocks, Self::Exits, Self::Marks, Self::Entries, Self::Parts, Self::Pages];
}

/// A piece: where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// What it is a part of.
    pub section: u32,
    /// Where it begins there. Unit: bytes, whole pages.
    pub at: u64,
    /// Unit: bytes, whole pages.
    pub len: u64,
}

/// Values that are kept as bytes.
///
/// # Safety
/// There is no padding in them.
pub(super) unsafe trait Plain: Sized {
    /// The bytes of some of them.
    fn bytes(all: &[Self]) -> &[u8] {
        // SAFETY: every byte is initialised: no padding.
        unsafe { core::slice::from_raw_parts(all.as_ptr().cast(), size_of_val(all)) }
    }
}

/// How a guest address leads to a block.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Entry {
    /// Unit: bytes from the beginning of the module, which the table of its entries is sorted by.
    pub at: u32,
    /// The block that begins there, or [`NONE`].
    pub block: u32,
    /// Its landing, or [`NONE`]. Unit: offset in the arena.
    pub landing: u32,
}

/// The part of a page that a block depends on.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Part {
    /// Number of the page from that of the module's beginning, which the table of its parts is sorted by.
    pub page: u32,
    pub block: u32,
    /// Unit: offsets in the page, end excluded.
    pub start: u16,
    pub end: u16,
}

/// A page that blocks depend on, as it has to be.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Page {
    /// Its guest address.
    pub at: u64,
    pub hash: u64,
}

// SAFETY: three words.
unsafe impl Plain for Entry {}
// SAFETY: two words and two halves.
unsafe impl Plain for Part {}
// SAFETY: two double words.
unsafe impl Plain for Page {}

/// A table of an image, mapped.
struct Mapped<T> {
    region: Region,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Plain> Mapped<T> {
    fn new(len: usize) -> io::Result<Self> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { region: Region::reserve(bytes.next_multiple_of(PAGE).max(PAGE), libc::PROT_READ)?, len, of: PhantomData })
    }

    fn get(&self, range: &Range<usize>) -> &[T] {
        // SAFETY: the region has as many, all of which are zero or what `Plain::bytes` gave, and which never change.
        let all = unsafe { core::slice::from_raw_parts(self.region.base().cast::<T>(), self.len) };
        all.get(range.clone()).unwrap_or_default()
    }
}

/// What is known of a module in this process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing yet.
    Dormant,
    /// Its pages are those that its blocks were made from.
    Active,
    /// They are not.
    Refused,
}

/// A module of an image that was loaded.
pub(super) struct Module {
    pub start: u64,
    pub end: u64,
    entries: Range<usize>,
    parts: Range<usize>,
    pages: Range<usize>,
    pub state: State,
}

/// How many numbers describe a module.
pub(super) const OF_MODULE: usize = 8;

impl Module {
    /// The numbers of a module whose parts of the tables are these.
    pub fn numbers(start: u64, end: u64, ranges: [Range<usize>; 3]) -> [u64; OF_MODULE] {
        let [e, p, h] = ranges.map(|r| [r.start as u64, r.end as u64]);
        [start, end, e[0], e[1], p[0], p[1], h[0], h[1]]
    }

    fn read(n: &[u64]) -> Option<Self> {
        let range = |i: usize| Some(usize::try_from(*n.get(i)?).ok()?..usize::try_from(*n.get(i + 1)?).ok()?);
        Some(Self { start: *n.first()?, end: *n.get(1)?, entries: range(2)?, parts: range(4)?, pages: range(6)?, state: State::Dormant })
    }
}

/// The numbers of an image.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Host address of the arena.
    pub arena: u64,
    /// How much of it is taken from its low end. Unit: bytes.
    pub used: u64,
    /// [`Jit::segments`].
    pub segments: u64,
    /// How many blocks there were when the first went through one of these.
    pub plain: u64,
    pub blocks: u64,
    pub exits: u64,
    pub marks: u64,
    pub entries: u64,
    pub parts: u64,
    pub pages: u64,
    pub modules: u64,
}

/// How many numbers a head is.
const OF_HEAD: usize = 11;

impl Head {
    pub fn numbers(&self) -> [u64; OF_HEAD] {
        [self.arena, self.used, self.segments, self.plain, self.blocks, self.exits, self.marks, self.entries, self.parts, self.pages, self.modules]
    }

    fn read(n: [u64; OF_HEAD]) -> Self {
        let [arena, used, segments, plain, blocks, exits, marks, entries, parts, pages, modules] = n;
        Self { arena, used, segments, plain, blocks, exits, marks, entries, parts, pages, modules }
    }
}

/// An image in its process.
pub(crate) struct Loaded {
    pub(super) modules: Vec<Module>,
    entries: Mapped<Entry>,
    parts: Mapped<Part>,
    pages: Mapped<Page>,
    /// Modules that have become active, for a thread's table of indirect branches; and whether blocks of them may be dead by now.
    fresh: Vec<usize>,
    pub(crate) some_died: bool,
    /// Segments that blocks go through, from block `plain` on.
    segments: u8,
    plain: u32,
}

impl Loaded {
    pub(super) fn entries(&self, m: &Module) -> &[Entry] {
        self.entries.get(&m.entries)
    }

    pub(super) fn parts(&self, m: &Module) -> &[Part] {
        self.parts.get(&m.parts)
    }

    pub(super) fn pages(&self, m: &Module) -> &[Page] {
        self.pages.get(&m.pages)
    }

    fn module(&self, pc: u64) -> Option<usize> {
        self.modules.iter().position(|m| (m.start..m.end).contains(&pc))
    }

    /// What there is at `pc`, in an active module.
    fn entry(&self, pc: u64) -> Option<&Entry> {
        let m = &self.modules[self.module(pc)?];
        let (entries, at) = (self.entries(m), (pc - m.start) as u32);
        let i = entries.binary_search_by_key(&at, |e| e.at).ok()?;
        entries.get(i).filter(|_| m.state == State::Active)
    }

    /// Finds out about the module of `pc`, if it has one; what it is now.
    fn look_at_module(&mut self, pc: u64, holds: &mut dyn FnMut(GuestAddr, u64) -> bool) -> Option<State> {
        let i = self.module(pc).filter(|&i| self.modules[i].state == State::Dormant)?;
        let right = self.pages(&self.modules[i]).iter().all(|p| holds(GuestAddr::new(p.at), p.hash));
        self.modules[i].state = if right { State::Active } else { State::Refused };
        self.fresh.extend(right.then_some(i));
        Some(self.modules[i].state)
    }

    /// The segments that some blocks go through, by number.
    pub(super) fn segments(&self) -> u8 {
        self.segments
    }

    /// Whether all blocks may be used. If so, they are from now on, and count in `in_use`.
    fn enter_segments(&mut self, usable: u8, in_use: &AtomicU8) -> bool {
        let fits = self.segments & !usable == 0;
        if fits && in_use.fetch_or(self.segments, Ordering::SeqCst) & self.segments != self.segments {
            self.fresh = (0..self.modules.len()).filter(|&i| self.modules[i].state == State::Active).collect();
        }
        fits
    }

    /// Appends the blocks of active modules that depend on a byte of `start..end`.
    pub(crate) fn depending(&self, start: GuestAddr, end: GuestAddr, hit: &mut Vec<u32>) {
        let (start, end) = (start.get(), end.get());
        for m in self.modules.iter().filter(|m| m.state == State::Active && m.start < end && start < m.end) {
            let parts = self.parts(m);
            let base = |p: &Part| m.start + u64::from(p.page) * GuestAddr::PAGE_SIZE;
            let first = parts.partition_point(|p| base(p) + GuestAddr::PAGE_SIZE <= start);
            let on = parts[first..].iter().take_while(|p| base(p) < end);
            hit.extend(on.filter(|p| base(p) + u64::from(p.end) > start && base(p) + u64::from(p.start) < end).map(|p| p.block));
        }
    }
}

impl Jit {
    /// Takes over an image: its numbers, and its pieces, which follow each other in `file` from `from` on. For a JIT that has no block yet. Whether it could be done: `sound` tells whether
    /// a piece, by its number, is what was written.
    pub fn load(&self, numbers: &[u64], pieces: &[Piece], file: &File, from: u64, sound: &mut dyn FnMut(usize, &[u8]) -> bool) -> bool {
        let mut w = self.write();
        if !self.is_direct() || self.blocks.blocks.len() != 0 {
            return false;
        }
        let loaded = self.map_pieces(numbers, pieces, (file, from), sound);
        // SAFETY: there is no block yet, so nobody executes anything there, or looks.
        unsafe {
            let Some((head, image)) = loaded else {
                for log in [self.blocks.blocks.region(), self.blocks.exits.region(), self.blocks.traps.region()] {
                    log.discard();
                }
                self.arena.reset(&mut w.cursor);
                return false;
            };
            self.arena.adopt(&mut w.cursor, head.used as usize);
            self.blocks.blocks.adopt(head.blocks as u32);
            self.blocks.exits.adopt(head.exits as u32);
            self.blocks.traps.adopt(head.marks as u32);
            w.direct.counted_from = head.blocks as u32;
            w.direct.plain = image.plain;
            w.direct.image = Some(image);
        }
        true
    }

    fn map_pieces(
        &self,
        numbers: &[u64],
        pieces: &[Piece],
        (file, mut from): (&File, u64),
        sound: &mut dyn FnMut(usize, &[u8]) -> bool,
    ) -> Option<(Head, Loaded)> {
        let (head, modules) = numbers.split_first_chunk()?;
        let head = Head::read(*head);
        let fits = |log: bool, used: u64| log && u32::try_from(used).is_ok();
        let room = fits(self.blocks.blocks.has_room(head.blocks as usize), head.blocks)
            && fits(self.blocks.exits.has_room(head.exits as usize), head.exits)
            && fits(self.blocks.traps.has_room(head.marks as usize), head.marks)
            && self.arena.fits(head.used, head.exits);
        if !room || head.arena != self.arena.at(0) as u64 || modules.len() as u64 != head.modules.checked_mul(OF_MODULE as u64)? {
            return None;
        }
        let table = |n: u64| usize::try_from(n).ok();
        let image = Loaded {
            modules: modules.chunks(OF_MODULE).map(Module::read).collect::<Option<_>>()?,
            entries: Mapped::new(table(head.entries)?).ok()?,
            parts: Mapped::new(table(head.parts)?).ok()?,
            pages: Mapped::new(table(head.pages)?).ok()?,
            fresh: Vec::new(),
            some_died: false,
            segments: head.segments as u8,
            plain: head.plain as u32,
        };
        for (i, p) in pieces.iter().enumerate() {
            let region = match Section::ALL.get(p.section as usize)? {
                Section::Arena => self.arena.region(),
                Section::Blocks => self.blocks.blocks.region(),
                Section::Exits => self.blocks.exits.region(),
                Section::Marks => self.blocks.traps.region(),
                Section::Entries => &image.entries.region,
                Section::Parts => &image.parts.region,
                Section::Pages => &image.pages.region,
            };
            // SAFETY: there are no blocks yet, and nobody has the tables; images are replaced and never changed.
            let bytes = unsafe { region.map(usize::try_from(p.at).ok()?, file, from, usize::try_from(p.len).ok()?) }.ok()?;
            sound(i, bytes).then_some(())?;
            from = from.checked_add(p.len)?;
        }
        Some((head, image))
    }

    /// Makes the block at `pc` known, if the image has one. `holds`: puts a page under watch, and whether it has this hash then; from before it looks, a write to
    /// the page must call [`Jit::invalidate`]. `usable`: the segments, by number, that code may go through now.
    pub fn adopt(&self, pc: GuestAddr, usable: u8, holds: &mut dyn FnMut(GuestAddr, u64) -> bool) -> bool {
        let mut w = self.write();
        let Some(image) = &mut w.direct.image else { return false };
        if image.look_at_module(pc.get(), holds) == Some(State::Refused) {
            add(&self.counters.refused, 1);
        }
        let Some(id) = image.entry(pc.get()).map(|e| e.block).filter(|&b| b != NONE) else { return false };
        if id >= image.plain && !image.enter_segments(usable, &self.segments) {
            return false;
        }
        if self.map.get(&self.blocks.blocks, pc.get()).is_some() {
            return true;
        }
        let lives = self.blocks.blocks.get(id).is_some_and(|b| b.pc == pc.get() && !b.is_dead());
        if lives {
            self.map.insert(&mut w.map, &self.blocks.blocks, id, pc.get());
            add(&self.counters.installed, 1);
        }
        lives
    }

    /// Lets indirect branches of the thread that owns `state` find the landings of modules that have become active since a thread did so last.
    ///
    /// # Safety
    /// `state` has a table behind it, and the thread is not in emitted code.
    pub(crate) unsafe fn land_fresh(&self, state: *mut JitState, table: &Table) {
        let mut w = self.write();
        let Some(image) = &mut w.direct.image else { return };
        // A block dies for the first time after its module has become active.
        let (fresh, intact) = (core::mem::take(&mut image.fresh), !image.some_died);
        // Of which blocks all may be used by now.
        let all = self.segments.load(Ordering::SeqCst) & image.segments == image.segments;
        let usable = |id, b: &Block| (all || id < image.plain) && !b.is_dead();
        for m in fresh.into_iter().map(|i| &image.modules[i]) {
            for e in image.entries(m).iter().filter(|e| e.landing != NONE) {
                let pc = m.start + u64::from(e.at);
                let is_usable = all && intact || self.blocks.find(e.landing).is_some_and(|(id, b)| usable(id, b));
                if !is_usable {
                    continue;
                }
                // SAFETY: the caller's promise.
                let (place, code) = (unsafe { super::entry(state, pc) }, self.arena.at(e.landing) as u64);
                if place.load(Ordering::Relaxed) == 0 {
                    place.store(code, Ordering::Relaxed);
                } else {
                    table.keep(pc, code);
                    // SAFETY: as above.
                    unsafe { (*state).kept = 1 };
                }
            }
        }
    }

    /// The landing of `pc` that the image has.
    pub(super) fn landing_of_image(&self, w: &Writer, pc: u64) -> Option<u32> {
        let at = w.direct.image.as_ref()?.entry(pc)?.landing;
        let (id, block) = self.blocks.find(at)?;
        let image = w.direct.image.as_ref()?;
        let usable = id < image.plain || self.segments.load(Ordering::SeqCst) & image.segments == image.segments;
        (at != NONE && usable && block.pc == pc && !block.is_dead()).then_some(at)
    }
}
