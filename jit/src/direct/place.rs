//! Blocks and landings into the arena.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::HashMap;

use forklift_lift::LiftEnv;
use forklift_x86::{CpuModel, GuestAddr};

use super::image::Loaded;
use super::translate::{Translation, Translator};
use crate::blocks::{Block, Exit, ExitKind, NONE};
use crate::host::{self, Way};
use crate::jit::Writer;
use crate::stats::add;
use crate::{CompileError, How, Jit};

/// What the writer's lock guards of direct code.
pub(crate) struct Direct {
    translator: Option<(CpuModel, Translator)>,
    /// The block that is being made, for its allocations.
    translation: Option<Translation>,
    /// Landings: offset in the arena by guest address.
    pub landings: HashMap<u64, u32>,
    /// The blocks of an earlier process.
    pub image: Option<Loaded>,
    /// The first block that counts as new.
    pub counted_from: u32,
    /// How many blocks there were when the first went through a segment of [`Jit::segments`].
    pub plain: u32,
}

impl Direct {
    pub(crate) fn new() -> Self {
        Self { translator: None, translation: None, landings: HashMap::new(), image: None, counted_from: 0, plain: 0 }
    }
}

/// More than any block takes.
const MOST_CODE: usize = 16 << 10;
const MOST_EXITS: usize = 256;
const MOST_MARKS: usize = 1024;

impl Jit {
    /// Makes the block at `pc`.
    pub(crate) fn translate_directly(&self, w: &mut Writer, pc: GuestAddr, env: &mut dyn LiftEnv, how: How) -> Result<(), CompileError> {
        let model = env.model();
        let kept = w.direct.translator.take().filter(|t| t.0 == model);
        let (_, mut translator) = kept.unwrap_or_else(|| (model, Translator::new(model, self.mode())));
        let mut t = self.begin(w, pc)?;
        t.checked = how == How::Checked;
        let lands = how == How::Lands && !w.direct.landings.contains_key(&pc.get());
        if lands {
            t.landing(pc.get());
        }
        let exists = |pc| self.map.get(&self.blocks.blocks, pc).is_some();
        translator.rewriter.usable = env.usable_segments();
        let done = translator.translate(&mut t, pc, env, &exists).map_err(CompileError::from).and_then(|()| self.put(w, &t, pc));
        if translator.rewriter.segments | w.direct.image.as_ref().map_or(0, Loaded::segments) == 0 {
            w.direct.plain = self.blocks.blocks.len();
        }
        self.segments.fetch_or(translator.rewriter.segments, Ordering::SeqCst);
        if let Ok(id) = done {
            t.ranges.iter().for_each(|r| w.pages.add(id, *r));
            self.map.insert(&mut w.map, &self.blocks.blocks, id, pc.get());
            if let Some(block) = self.blocks.blocks.get(id).filter(|_| lands) {
                w.direct.landings.insert(pc.get(), block.code);
            }
        }
        (w.direct.translator, w.direct.translation) = (Some((model, translator)), Some(t));
        done.map(drop)
    }

    /// A translation that lies where there is room for it, after a flush if need be.
    fn begin(&self, w: &mut Writer, pc: GuestAddr) -> Result<Translation, CompileError> {
        if !self.blocks.traps.has_room(MOST_MARKS) {
            self.flush(w);
        }
        let base = self.room(w, MOST_CODE, 0, MOST_EXITS).ok_or(CompileError::TooLarge(pc))?;
        w.cursor.give_back(base);
        let mut t = w.direct.translation.take().unwrap_or_else(Translation::new);
        t.mode = self.mode();
        t.restart(self.arena.at(base) as u64, self.arena.trampoline(Way::DirectMiss) as u64);
        Ok(t)
    }

    /// Places `t`, which begins at `pc`; returns the block's number.
    fn put(&self, w: &mut Writer, t: &Translation, pc: GuestAddr) -> Result<u32, CompileError> {
        let code = &t.code.bytes;
        let base = self.room(w, code.len(), 0, t.leaving.len()).ok_or(CompileError::TooLarge(pc))?;
        let address = self.arena.at(base);
        if address as u64 != t.code.base() {
            return Err(CompileError::Shape(pc, "room that has moved"));
        }
        let id = self.blocks.blocks.len();
        let first_exit = self.blocks.exits.len();
        // SAFETY: `room` gave us these bytes; nothing refers to them yet.
        unsafe { core::ptr::copy_nonoverlapping(code.as_ptr(), address, code.len()) };
        let first_trap = self.blocks.traps.len();
        for trap in t.marks.to_traps(pc) {
            self.blocks.traps.push(trap).ok_or(CompileError::TooLarge(pc))?;
        }
        let end = t.ranges.first().map_or(pc, |r| r.1);
        let block = Block {
            pc: pc.get(),
            guest_len: end.get().wrapping_sub(pc.get()) as u32,
            code: base,
            len: code.len() as u32,
            entry: base + t.entry as u32,
            traps: first_trap,
            trap_count: t.marks.len() as u32,
            first_exit,
            exit_count: t.leaving.len() as u32,
            incoming: AtomicU32::new(NONE),
            dead: AtomicU32::new(0),
        };
        add(&self.counters.blocks, 1);
        add(&self.counters.insns, t.insns as u64);
        add(&self.counters.guest_bytes, u64::from(block.guest_len));
        add(&self.counters.code_bytes, code.len() as u64);
        self.blocks.blocks.push(block).ok_or(CompileError::TooLarge(pc))?;
        for l in &t.leaving {
            self.add_way_out(id, base, l.site, l.kind, l.target, l.inside);
        }
        self.show_direct(&t.code.bytes, pc, address as u64);
        Ok(id)
    }

    fn add_way_out(&self, block: u32, base: u32, site: usize, kind: ExitKind, target: u64, inside: Option<u32>) {
        let site = base + site as u32;
        let exit = Exit::new(block, kind, site, target);
        match kind {
            ExitKind::X87 => exit.link.store(base + inside.unwrap_or(0), Ordering::Relaxed),
            ExitKind::Indirect => exit.link.store(inside.unwrap_or(0), Ordering::Relaxed),
            _ => {}
        }
        let Some(id) = self.blocks.exits.push(exit) else { return };
        if kind == ExitKind::Indirect {
            // SAFETY: four bytes of a block that nothing refers to yet.
            return unsafe { self.arena.at(site).cast::<u32>().write_unaligned(id) };
        }
        let stub = self.arena.stub(id);
        // SAFETY: `room` made sure of room for the stub, and nothing refers to it yet; the site is a jump's displacement, within a line.
        unsafe {
            host::write_direct_stub(stub, id, self.arena.trampoline(Way::DirectLeave));
            host::patch_jump(self.arena.at(site), stub);
        }
        match inside {
            _ if kind != ExitKind::Direct => {}
            Some(inside) => self.link_inside(id, block, base + inside),
            None => self.link_new(id, target),
        }
    }

    /// A block dies: its landing, if it has one, is not to be used any more.
    pub(crate) fn forget_landing(&self, w: &mut Writer, block: &Block) {
        if block.entry != block.code {
            if w.direct.landings.get(&block.pc) == Some(&block.code) {
                w.direct.landings.remove(&block.pc);
            }
            let code = self.arena.at(block.code) as u64;
            crate::jit::lock(&self.threads).iter().for_each(|t| t.forget_landing(block.pc, code));
        }
    }

    /// The landing of `pc`: an offset in the arena. `None` if there is no room without a flush, which a thread in `run` can't wait for.
    pub(crate) fn landing(&self, w: &mut Writer, pc: u64) -> Option<u32> {
        if let Some(&at) = w.direct.landings.get(&pc) {
            return Some(at);
        }
        if let Some(at) = self.landing_of_image(w, pc) {
            w.direct.landings.insert(pc, at);
            return Some(at);
        }
        if !self.has_room(w, MOST_CODE, MOST_EXITS) || !self.blocks.traps.has_room(MOST_MARKS) {
            return None;
        }
        let at = GuestAddr::new(pc);
        let mut t = self.begin(w, at).ok()?;
        t.landing(pc);
        t.jump(pc);
        t.code.finish();
        let id = self.put(w, &t, at);
        w.direct.translation = Some(t);
        let code = self.blocks.blocks.get(id.ok()?)?.code;
        w.direct.landings.insert(pc, code);
        Some(code)
    }
}
