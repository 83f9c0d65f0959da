//! Making an [image](super::image) of the blocks that there are.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};
use forklift_x86::GuestAddr;

use super::image::{Entry, Head, Loaded, Module, OF_MODULE, Page, Part, Piece, Plain, Section, State};
use crate::Jit;
use crate::arena::ALIGN;
use crate::blocks::{Block, Exit, ExitKind, NONE, Trap};
use crate::host::STUB;
use crate::jit::Writer;
use crate::region::PAGE;

// SAFETY: eight bytes and ten words.
unsafe impl Plain for Block {}
// SAFETY: eight bytes and six words.
unsafe impl Plain for Exit {}
// SAFETY: three words.
unsafe impl Plain for Trap {}

const _: () = assert!(size_of::<Block>() == 48 && size_of::<Exit>() == 32 && size_of::<Trap>() == 12);

/// Pieces that lie closer together are one. Unit: bytes.
const GAP: usize = 16 * PAGE;

/// What making an image needs to know of the guest's memory.
pub trait Keep {
    /// The mapping of a file with code in which `at` lies: where it begins and ends, in whole pages. Only code of such is kept.
    fn mapping(&mut self, at: GuestAddr) -> Option<(GuestAddr, GuestAddr)>;

    /// The hash of a page as it is now.
    fn hash(&mut self, page: GuestAddr) -> Option<u64>;

    /// Whether an image with this many new blocks and so many others is worth while.
    fn is_worth(&mut self, new: usize, others: usize) -> bool;
}

/// An image; see the module `image`.
pub struct Image {
    /// Its numbers.
    pub numbers: Vec<u64>,
    /// Its pieces.
    pub pieces: Vec<(Piece, Vec<u8>)>,
    /// How many blocks can be found in it, and how many of them are not from the image before.
    pub blocks: (usize, usize),
}

/// Of a block that belongs to no module.
const NO_MODULE: u16 = u16::MAX;
/// Of one that depends on bytes of two, or of what is not in one.
const MIXED: u16 = u16::MAX - 1;

/// A module that is being described.
#[derive(Default)]
struct Draft {
    start: u64,
    end: u64,
    /// From an image that was loaded, where nothing has been wanted of it.
    dormant: bool,
    /// In any order, and with blocks and landings apart until [`Draft::merge`].
    entries: Vec<Entry>,
    parts: Vec<Part>,
    pages: Vec<Page>,
}

impl Draft {
    /// One entry for each address, in order.
    fn merge(&mut self) {
        self.entries.sort_unstable_by_key(|e| e.at);
        self.entries.dedup_by(|next, e| {
            if next.at == e.at {
                // `NONE` is the largest number.
                (e.block, e.landing) = (e.block.min(next.block), e.landing.min(next.landing));
            }
            next.at == e.at
        });
    }
}

/// Which block is whose.
struct Plan {
    modules: Vec<Draft>,
    /// By block.
    module_of: Vec<u16>,
    /// As [`Head::plain`].
    plain: u32,
}

impl Plan {
    fn new(jit: &Jit, w: &Writer, env: &mut dyn Keep) -> Self {
        let mut plan = Self { modules: Vec::new(), module_of: vec![NO_MODULE; jit.blocks.blocks.len() as usize], plain: w.direct.plain };
        plan.add_living(jit, w, env);
        plan.add_dormant(jit, w);
        plan.add_entries(jit, w);
        plan.modules.iter_mut().for_each(Draft::merge);
        plan
    }

    /// The parts of pages that blocks depend on which this process has made or could use.
    fn add_living(&mut self, jit: &Jit, w: &Writer, env: &mut dyn Keep) {
        let mut parts: Vec<_> = w.pages.iter().collect();
        for (image, m) in w.direct.image.iter().flat_map(|i| i.modules.iter().map(move |m| (i, m))).filter(|(_, m)| m.state == State::Active) {
            parts.extend(image.parts(m).iter().map(|p| (m.start / GuestAddr::PAGE_SIZE + u64::from(p.page), p.block, p.start, p.end)));
        }
        let mut lives: Vec<_> = jit.blocks.blocks.all().iter().map(|b| !b.is_dead()).collect();
        // What compares its bytes is not kept.
        jit.blocks.exits.all().iter().filter(|e| e.kind == ExitKind::Stale).for_each(|e| lives[e.block as usize] = false);
        parts.retain(|p| lives.get(p.1 as usize) == Some(&true));
        parts.sort_unstable();
        let mut current = (0, 0, None);
        for &(page, block, start, end) in &parts {
            let at = page * GuestAddr::PAGE_SIZE;
            if !(current.0..current.1).contains(&at) {
                current = self.open(at, env);
            }
            let module = current.2.filter(|&m: &u16| self.has_page(m, at, env));
            let of = &mut self.module_of[block as usize];
            *of = match module {
                Some(m) if *of == NO_MODULE || *of == m => m,
                _ => MIXED,
            };
            if let Some(m) = module {
                let m = &mut self.modules[usize::from(m)];
                m.parts.push(Part { page: ((at - m.start) / GuestAddr::PAGE_SIZE) as u32, block, start, end });
            }
        }
    }

    /// A module for the page at `at`, if there can be one, and where it is the right one.
    fn open(&mut self, at: u64, env: &mut dyn Keep) -> (u64, u64, Option<u16>) {
        let Some((start, end)) = env.mapping(GuestAddr::new(at)) else { return (at, at + GuestAddr::PAGE_SIZE, None) };
        let (start, end) = (start.get(), end.get());
        let fits = u32::try_from(end - start).is_ok() && self.modules.len() < usize::from(MIXED);
        let number = self.modules.len() as u16;
        if fits {
            self.modules.push(Draft { start, end, ..Draft::default() });
        }
        (start, end, fits.then_some(number))
    }

    /// Whether the module has the page, after it was added if need be.
    fn has_page(&mut self, module: u16, at: u64, env: &mut dyn Keep) -> bool {
        let pages = &mut self.modules[usize::from(module)].pages;
        if pages.last().is_none_or(|p| p.at != at) {
            let Some(hash) = env.hash(GuestAddr::new(at)) else { return false };
            pages.push(Page { at, hash });
        }
        true
    }

    /// Modules of the loaded image that nothing was wanted of, where there is nothing else.
    fn add_dormant(&mut self, jit: &Jit, w: &Writer) {
        let Some(image) = &w.direct.image else { return };
        let living = self.modules.len();
        for m in image.modules.iter().filter(|m| m.state == State::Dormant) {
            if self.modules.len() >= usize::from(MIXED) || self.modules[..living].iter().any(|l| l.start < m.end && m.start < l.end) {
                continue;
            }
            let number = self.modules.len() as u16;
            let entries = image.entries(m);
            let landings = entries.iter().filter_map(|e| Some(jit.blocks.find(e.landing)?.0).filter(|_| e.landing != NONE));
            let blocks = image.parts(m).iter().map(|p| p.block).chain(landings);
            blocks.for_each(|b| self.module_of.get_mut(b as usize).into_iter().for_each(|m| *m = number));
            let entries = entries.to_vec();
            self.modules.push(Draft { start: m.start, end: m.end, dormant: true, entries, parts: image.parts(m).to_vec(), pages: image.pages(m).to_vec() });
        }
    }

    /// How the blocks of living modules are found.
    fn add_entries(&mut self, jit: &Jit, w: &Writer) {
        for (id, &m) in (0..).zip(&self.module_of) {
            let Some(draft) = self.modules.get_mut(usize::from(m)).filter(|d| !d.dormant) else { continue };
            if let Some(b) = jit.blocks.blocks.get(id) {
                draft.entries.push(Entry { at: b.pc.wrapping_sub(draft.start) as u32, block: id, landing: NONE });
            }
        }
        let modules = w.direct.image.iter().flat_map(|i| i.modules.iter().filter(|m| m.state == State::Active).map(move |m| (i, m)));
        let of_image = modules.flat_map(|(i, m)| i.entries(m).iter().map(|e| (m.start + u64::from(e.at), e.landing)));
        for (pc, landing) in of_image.chain(w.direct.landings.iter().map(|(&pc, &at)| (pc, at))).filter(|l| l.1 != NONE) {
            let Some((number, draft)) = (0..).zip(&mut self.modules).find(|(_, d)| !d.dormant && (d.start..d.end).contains(&pc)) else { continue };
            let Some((id, block)) = jit.blocks.find(landing).filter(|(_, b)| b.code == landing && !b.is_dead()) else { continue };
            let of = &mut self.module_of[id as usize];
            // One that is a block by itself depends on nothing.
            if *of == NO_MODULE && block.entry == block.code {
                *of = number;
            }
            if *of == number {
                draft.entries.push(Entry { at: (pc - draft.start) as u32, block: NONE, landing });
            }
        }
    }

    fn is_kept(&self, block: u32) -> bool {
        self.module_of.get(block as usize).is_some_and(|&m| m < MIXED)
    }

    /// Whether an exit of block `from` may be linked to block `to` in the image.
    fn may_link(&self, from: u32, to: u32) -> bool {
        let same = self.is_kept(to) && self.module_of[to as usize] == self.module_of[from as usize];
        same && (from >= self.plain || to < self.plain)
    }

    fn kept(&self) -> impl Iterator<Item = u32> {
        (0..self.module_of.len() as u32).filter(|&b| self.is_kept(b))
    }
}

/// These ranges as few that are whole pages.
fn runs(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<_> = ranges.filter(|r| !r.is_empty()).map(|r| r.start / PAGE * PAGE..r.end.next_multiple_of(PAGE)).collect();
    all.sort_unstable_by_key(|r| r.start);
    let mut runs: Vec<Range<usize>> = Vec::new();
    for r in all {
        match runs.last_mut() {
            Some(last) if r.start <= last.end + GAP => last.end = last.end.max(r.end),
            _ => runs.push(r),
        }
    }
    runs
}

/// The parts `runs` of what `bytes` begin.
fn pieces(section: Section, runs: Vec<Range<usize>>, bytes: &[u8]) -> impl Iterator<Item = (Piece, Vec<u8>)> {
    runs.into_iter().map(move |r| {
        let mut part = bytes.get(r.start..r.end.min(bytes.len())).unwrap_or_default().to_vec();
        part.resize(r.len(), 0);
        (Piece { section: section as u32, at: r.start as u64, len: r.len() as u64 }, part)
    })
}

fn whole<T: Plain>(section: Section, all: &[T]) -> impl Iterator<Item = (Piece, Vec<u8>)> {
    let bytes = T::bytes(all);
    pieces(section, runs(core::iter::once(0..bytes.len())), bytes)
}

impl Jit {
    /// An image of the blocks that are worth it.
    pub fn image(&self, env: &mut dyn Keep) -> Option<Image> {
        let w = self.write();
        if !self.is_direct() || self.flushes() != 0 {
            return None;
        }
        let mut plan = Plan::new(self, &w, env);
        let new = plan.kept().filter(|&b| b >= w.direct.counted_from).count();
        let all = plan.kept().count();
        if !env.is_worth(new, all - new) {
            return None;
        }
        for (number, draft) in (0..).zip(&mut plan.modules) {
            draft.parts.retain(|p| plan.module_of.get(p.block as usize) == Some(&number));
        }
        Some(Image { numbers: self.numbers(&w, &plan), pieces: self.pieces(&plan), blocks: (all, new) })
    }

    fn numbers(&self, w: &Writer, plan: &Plan) -> Vec<u64> {
        let mut head = Head {
            arena: self.arena.at(0) as u64,
            used: self.arena.used(&w.cursor).next_multiple_of(ALIGN) as u64,
            segments: (self.segments.load(Ordering::SeqCst) | w.direct.image.as_ref().map_or(0, Loaded::segments)).into(),
            plain: w.direct.plain.into(),
            blocks: self.blocks.blocks.len().into(),
            exits: self.blocks.exits.len().into(),
            marks: self.blocks.traps.len().into(),
            entries: 0,
            parts: 0,
            pages: 0,
            modules: plan.modules.len() as u64,
        };
        let mut modules = Vec::with_capacity(plan.modules.len() * OF_MODULE);
        for d in &plan.modules {
            let next = |at: &mut u64, n: usize| {
                let start = core::mem::replace(at, *at + n as u64);
                start as usize..*at as usize
            };
            let ranges = [next(&mut head.entries, d.entries.len()), next(&mut head.parts, d.parts.len()), next(&mut head.pages, d.pages.len())];
            modules.extend(Module::numbers(d.start, d.end, ranges));
        }
        [&head.numbers()[..], &modules].concat()
    }

    fn pieces(&self, plan: &Plan) -> Vec<(Piece, Vec<u8>)> {
        let (blocks, exits, cut) = self.lists(plan);
        let kept = || plan.kept().filter_map(|id| blocks.get(id as usize));
        let scaled = |first: u32, n: u32, size: usize| first as usize * size..(first as usize + n as usize) * size;
        let mut all: Vec<_> = self.code(plan, &blocks, &cut);
        all.extend(whole(Section::Blocks, &blocks));
        let runs_of_exits = runs(kept().map(|b| scaled(b.first_exit, b.exit_count, size_of::<Exit>())));
        all.extend(pieces(Section::Exits, runs_of_exits, Exit::bytes(&exits)));
        let runs_of_marks = runs(kept().map(|b| scaled(b.traps, b.trap_count, size_of::<Trap>())));
        all.extend(pieces(Section::Marks, runs_of_marks, Trap::bytes(self.blocks.traps.all())));
        let entries: Vec<_> = plan.modules.iter().flat_map(|d| &d.entries).copied().collect();
        let parts: Vec<_> = plan.modules.iter().flat_map(|d| &d.parts).copied().collect();
        let pages: Vec<_> = plan.modules.iter().flat_map(|d| &d.pages).copied().collect();
        all.extend(whole(Section::Entries, &entries));
        all.extend(whole(Section::Parts, &parts));
        all.extend(whole(Section::Pages, &pages));
        all
    }

    /// Blocks and exits as they are to be found, linked within their modules, and the exits that are not linked any more.
    fn lists(&self, plan: &Plan) -> (Vec<Block>, Vec<Exit>, Vec<u32>) {
        let copy = |v: &AtomicU32| AtomicU32::new(v.load(Ordering::Relaxed));
        let mut blocks: Vec<_> = (0..)
            .zip(self.blocks.blocks.all())
            .map(|(id, b)| Block { incoming: AtomicU32::new(NONE), dead: AtomicU32::new(u32::from(!plan.is_kept(id))), ..*b })
            .collect();
        let mut cut = Vec::new();
        let exits = (0..)
            .zip(self.blocks.exits.all())
            .map(|(id, e)| {
                let mut copied = Exit { link: copy(&e.link), next: AtomicU32::new(NONE), ..*e };
                let to = *copied.link.get_mut();
                if e.kind != ExitKind::Direct || to == NONE || !plan.is_kept(e.block) {
                    return copied;
                }
                match blocks.get_mut(to as usize).filter(|_| plan.may_link(e.block, to)) {
                    Some(block) => *copied.next.get_mut() = core::mem::replace(block.incoming.get_mut(), id),
                    None => {
                        *copied.link.get_mut() = NONE;
                        cut.push(id);
                    }
                }
                copied
            })
            .collect();
        (blocks, exits, cut)
    }

    /// The pieces of the arena, in which the exits `cut` go to their stubs.
    fn code(&self, plan: &Plan, blocks: &[Block], cut: &[u32]) -> Vec<(Piece, Vec<u8>)> {
        let size = self.arena.region().len();
        let ranges = plan.kept().filter_map(|id| blocks.get(id as usize)).flat_map(|b| {
            let stubs = |n: u32| size - n as usize * STUB;
            [b.code as usize..(b.code + b.len) as usize, stubs(b.first_exit + b.exit_count)..stubs(b.first_exit)]
        });
        // SAFETY: the arena is readable, and changes under the lock only, which the caller holds.
        let arena = unsafe { core::slice::from_raw_parts(self.arena.at(0), size) };
        let mut all: Vec<_> = pieces(Section::Arena, runs(ranges), arena).collect();
        for &id in cut {
            let Some(exit) = self.blocks.exits.get(id) else { continue };
            let site = exit.site as usize;
            let i = all.partition_point(|(p, _)| p.at as usize <= site);
            let Some((p, bytes)) = i.checked_sub(1).and_then(|i| all.get_mut(i)) else { continue };
            let distance = (self.arena.stub(id) as u64).wrapping_sub(self.arena.at(exit.site) as u64 + 4) as u32;
            let at = site - p.at as usize;
            bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        all
    }

    /// How many blocks are new, some of which may be of no use for an image.
    pub fn new_blocks(&self) -> usize {
        (self.blocks.blocks.len() - self.write().direct.counted_from) as usize
    }

    /// In a forked child: the blocks that there are by now are not new.
    pub fn count_from_now(&self) {
        self.write().direct.counted_from = self.blocks.blocks.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_runs_of_whole_pages() {
        let r = runs([5 * PAGE + 1..5 * PAGE + 2, 0..1, 6..7, 100 * PAGE..100 * PAGE, 30 * PAGE..30 * PAGE + 1].into_iter());
        assert_eq!(r, [0..6 * PAGE, 30 * PAGE..31 * PAGE]);
    }
}
