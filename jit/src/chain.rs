//! Linking exits to blocks, and unlinking them.
//!
//! A direct exit's jump goes to its stub, which leaves emitted code, or straight to the block behind it. Links are made lazily, when the exit was taken and
//! the block exists, under the writer's lock; a block knows the exits linked to it, so that they can be unlinked when it dies.
//!
//! # Kicks
//! A signal handler that wants its thread out of emitted code soon, with a precise state, *kicks* it: it sets `interrupt`, lets the direct exits of the block
//! that runs go to their stubs, makes its indirect jumps leave, and gives the thread a table of indirect branches that always misses (for lookups that have
//! not begun). Then the thread leaves at the end of the block: there is no polling.
//!
//! # Invariants
//! 1. `Exit::link` names the block in whose `incoming` list the exit is. A kick leaves both alone and only rewrites jumps, so it takes no lock. Hence a jump
//!    may go to the stub although the exit is in a list; linking it again then is rewriting the jump.
//! 2. `Jit::kicks` counts the threads that were kicked out of a block and have not left yet. While it isn't 0, nothing is linked or rearmed. A kick counts
//!    first and rewrites then; who links rewrites first and looks at the counter then, and takes it back if that isn't 0. So whichever comes last, the
//!    jumps of a kicked block are unlinked until the thread has left.
//! 3. Exits of a dead block are as good as any: a thread may be in it still, and the memory is there until a flush.
//! 4. A thread in `Thread::run` never waits for the writer's lock: who flushes has it, and waits for the thread.

use core::sync::atomic::{AtomicU32, Ordering, fence};

use forklift_lift::JitState;
use libc::ucontext_t;

use crate::Jit;
use crate::blocks::{Block, Exit, ExitKind, NONE};
use crate::host::{self, Context};
use crate::stats::add;

/// `JitState::interrupt`: leave, but no block was unlinked for it.
pub(crate) const LEAVE: u32 = 1;
/// `JitState::interrupt`: leave; the kick is counted in `Jit::kicks`.
pub(crate) const KICKED: u32 = 2;

impl Exit {
    pub(crate) fn new(block: u32, kind: ExitKind, site: u32, target: u64) -> Self {
        Self { block, kind, site, target, link: AtomicU32::new(NONE), next: AtomicU32::new(NONE), reserved: 0 }
    }
}

/// The flag of a state that other code of this thread, interrupted or interrupting, uses too.
///
/// # Safety
/// `state` is valid.
pub(crate) unsafe fn interrupt_flag<'a>(state: *mut JitState) -> &'a AtomicU32 {
    // SAFETY: the caller's promise; the field is aligned and only used as an atomic.
    unsafe { AtomicU32::from_ptr(&raw mut (*state).interrupt) }
}

impl Jit {
    fn point(&self, exit: &Exit, target: *const u8) {
        // SAFETY: the site of a direct exit, as it was recorded when the block was placed.
        unsafe { host::patch_jump(self.arena.at(exit.site), target) };
    }

    /// Makes exit `id` go to block `to`, unless somebody has the lock: a thread in `run` must not wait for it (invariant 4). The exit will be taken again.
    pub(crate) fn link(&self, id: u32, to: u32) {
        let Some(_lock) = self.try_write() else { return };
        let (Some(exit), Some(block)) = (self.blocks.exits.get(id), self.blocks.blocks.get(to)) else { return };
        self.link_locked((id, exit), (to, block));
    }

    /// Makes exit `id` of a block that is being placed go to the block at `target`, if there is one. The caller holds the lock.
    pub(crate) fn link_new(&self, id: u32, target: u64) {
        if let (Some(exit), Some(block)) = (self.blocks.exits.get(id), self.map.get(&self.blocks.blocks, target)) {
            self.link_locked((id, exit), block);
        }
    }

    fn link_locked(&self, (id, exit): (u32, &Exit), (to, block): (u32, &Block)) {
        if exit.kind != ExitKind::Direct || block.is_dead() || block.pc != exit.target || self.kicks.load(Ordering::SeqCst) != 0 {
            return;
        }
        if exit.link.load(Ordering::Relaxed) != to {
            exit.link.store(to, Ordering::Relaxed);
            exit.next.store(block.incoming.swap(id, Ordering::Relaxed), Ordering::Relaxed);
        }
        self.point(exit, self.arena.at(block.entry));
        fence(Ordering::SeqCst);
        if self.kicks.load(Ordering::SeqCst) != 0 {
            self.point(exit, self.arena.stub(id));
        }
        add(&self.counters.links, 1);
    }

    /// Makes exit `id` of the block `of`, which is being placed, go to a place in that block. The caller holds the lock.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn link_inside(&self, id: u32, of: u32, place: u32) {
        let (Some(exit), Some(block)) = (self.blocks.exits.get(id), self.blocks.blocks.get(of)) else { return };
        exit.link.store(of, Ordering::Relaxed);
        exit.next.store(block.incoming.swap(id, Ordering::Relaxed), Ordering::Relaxed);
        self.point(exit, self.arena.at(place));
    }

    /// Unlinks all exits that are linked to `block`. The caller holds the lock.
    pub(crate) fn unlink_incoming(&self, block: &Block) {
        let mut id = block.incoming.swap(NONE, Ordering::Relaxed);
        while let Some(exit) = self.blocks.exits.get(id) {
            self.point(exit, self.arena.stub(id));
            exit.link.store(NONE, Ordering::Relaxed);
            id = exit.next.swap(NONE, Ordering::Relaxed);
        }
    }

    /// Makes all ways out of `block` leave emitted code. Takes no lock.
    pub(crate) fn unlink_outgoing(&self, block: &Block) {
        for (id, exit) in self.blocks.exits_of(block) {
            match exit.kind {
                ExitKind::Direct => self.point(exit, self.arena.stub(id)),
                // SAFETY: the site of an indirect jump, as it was recorded when the block was placed.
                ExitKind::Tail => unsafe { host::disarm_tail(self.arena.at(exit.site), self.arena.stub(id)) },
                _ => {}
            }
        }
    }

    /// Makes the thread leave emitted code at the end of the block that it is in, if it is in any, and not enter any. Safe in a signal handler.
    ///
    /// [`Thread::run`](crate::Thread::run) then returns, usually [`JitExit::Interrupted`](crate::JitExit::Interrupted). A thread that is not in it finds the
    /// kick when it enters it next.
    ///
    /// # Safety
    /// Called in a signal handler on the thread that owns `state`, with the interrupted context.
    pub unsafe fn kick(&self, state: *mut JitState, uc: &mut ucontext_t) {
        #[cfg(target_arch = "x86_64")]
        if self.is_direct() {
            // SAFETY: the caller's promise.
            return unsafe { self.kick_directly(state, uc) };
        }
        // SAFETY: the caller's promise.
        let (flag, helper_return) = unsafe { (interrupt_flag(state), (*state).helper_return) };
        if flag.load(Ordering::SeqCst) == KICKED {
            return;
        }
        flag.store(LEAVE, Ordering::SeqCst);
        // SAFETY: the caller's promise: this thread alone uses the state, and the interrupted code reads the field in one load.
        unsafe { (*state).indirect = self.all_miss };
        let mut cx = Context::new(uc);
        cx.cancel_entry();
        let candidates = cx.thunk_returns().unwrap_or([cx.pc(), helper_return]);
        for pc in candidates {
            if let Some((_, block)) = self.arena.offset(pc).and_then(|at| self.blocks.find(at)) {
                if flag.swap(KICKED, Ordering::SeqCst) != KICKED {
                    self.kicks.fetch_add(1, Ordering::SeqCst);
                }
                fence(Ordering::SeqCst);
                self.unlink_outgoing(block);
                add(&self.counters.kicks, 1);
            }
        }
    }

    /// Takes back a kick: the thread has left.
    ///
    /// # Safety
    /// This thread owns `state`.
    pub(crate) unsafe fn kick_done(&self, state: *mut JitState, table: u64) {
        // SAFETY: the caller's promise.
        unsafe {
            let flag = interrupt_flag(state);
            if flag.load(Ordering::Relaxed) != 0 {
                (*state).indirect = table;
                if flag.swap(0, Ordering::SeqCst) == KICKED {
                    self.kicks.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// The exit of kind `Tail` whose jump is at host address `pc`.
    fn tail_at(&self, pc: u64) -> Option<(u32, &Exit)> {
        let at = self.arena.offset(pc)?;
        let (_, block) = self.blocks.find(at)?;
        self.blocks.exits_of(block).find(|(_, e)| e.kind == ExitKind::Tail && e.site == at)
    }

    /// Rearms the indirect jump of exit `id`, if no kick is under way.
    pub(crate) fn rearm(&self, id: u32) {
        let Some(exit) = self.blocks.exits.get(id).filter(|e| e.kind == ExitKind::Tail) else { return };
        if self.kicks.load(Ordering::SeqCst) != 0 {
            return;
        }
        let site = self.arena.at(exit.site);
        // SAFETY: the site of an indirect jump, here and below.
        unsafe { host::rearm_tail(site) };
        fence(Ordering::SeqCst);
        if self.kicks.load(Ordering::SeqCst) != 0 {
            // SAFETY: as above.
            unsafe { host::disarm_tail(site, self.arena.stub(id)) };
        }
    }

    /// Whether the fault at the context's pc is a disarmed indirect jump; if so, the thread goes on at its stub.
    pub(crate) fn disarmed(&self, cx: &mut Context<'_>) -> bool {
        let Some((id, _)) = self.tail_at(cx.pc()) else { return false };
        cx.set_pc(self.arena.stub(id) as u64);
        true
    }
}
