//! One guest thread: the dispatch loop around emitted code.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::io;
use std::sync::Arc;

use forklift_lift::{JitState, Needs};
use forklift_x86::{CpuState, GuestAddr, Mode, Seg};

use crate::Jit;
use crate::blocks::{Block, ExitKind};
use crate::host::{self, LEFT_FAULT, LEFT_INTERRUPTED, Left};
use crate::region::Region;
use crate::stats::add;
use crate::table::Table;

/// What other threads see of a thread.
pub(crate) struct Shared {
    pub table: Table,
    /// Whether the thread is in [`Thread::run`].
    pub active: AtomicBool,
    /// The thread's state, for as long as it is in `Jit::threads`.
    state: AtomicPtr<JitState>,
    /// The memory that the state lies in, and the table of direct code behind it.
    memory: Region,
}

/// Size of a thread's memory. Unit: bytes.
#[cfg(target_arch = "x86_64")]
const MEMORY: usize = crate::direct::TABLE + crate::direct::TABLE_ENTRIES * size_of::<u64>();
#[cfg(not(target_arch = "x86_64"))]
const MEMORY: usize = size_of::<JitState>();

impl Shared {
    /// Direct code: makes indirect branches to `pc` miss, if they find `code`. Any thread may call this.
    #[cfg(target_arch = "x86_64")]
    pub fn forget_landing(&self, pc: u64, code: u64) {
        // SAFETY: the table lies behind the state, for as long as we have the memory.
        let entry = unsafe { crate::direct::entry(self.memory.base().cast(), pc) };
        let _ = entry.compare_exchange(code, 0, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// Makes all indirect branches miss. Called with the thread out of emitted code, or about to leave it.
    pub fn clear(&self) {
        self.table.clear();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the table of direct code, whose words are host addresses or 0.
        unsafe {
            libc::madvise(self.memory.base().add(crate::direct::TABLE).cast(), MEMORY - crate::direct::TABLE, libc::MADV_DONTNEED);
        }
    }

    /// Makes the thread leave a loop within a block, which no unlinking ends, and look at everything again. Called with `Jit::threads` locked.
    pub fn leave_loops(&self) {
        let state = self.state.load(Ordering::SeqCst);
        if !state.is_null() && self.active.load(Ordering::SeqCst) {
            // SAFETY: the thread takes itself off the list before its state goes, and the list is locked.
            let flag = unsafe { crate::chain::interrupt_flag(state) };
            let _ = flag.compare_exchange(0, crate::chain::LEAVE, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

/// Why [`Thread::run`] returned. In all cases the state is complete, and `cpu.rip` is where the guest goes on. A kick that came before is taken back: look
/// for signals whatever the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JitExit {
    /// There is no block for `cpu.rip`: interpret.
    Cold,
    /// There may be a block for `cpu.rip`, but none may be used in this state: interpret.
    Barred,
    /// The instruction at `cpu.rip` is for the interpreter.
    Step,
    /// A SYSCALL was executed: the gate is open, and `cpu.rip` is behind it.
    Syscall,
    /// A step helper returned non-zero, or something has changed that blocks depend on.
    Dispatch,
    /// The instruction at `cpu.rip` faulted, and [`Jit::on_fault`] was called.
    Fault,
    /// A kick.
    Interrupted,
}

/// One guest thread's place in the JIT. Its state does not move.
pub struct Thread {
    jit: Arc<Jit>,
    /// In `Shared::memory`. A pointer, because emitted code and signal handlers use it too.
    state: NonNull<JitState>,
    shared: Arc<Shared>,
    /// Direct code: what is to be done when there is a block at this address.
    #[cfg(target_arch = "x86_64")]
    pending: (u64, crate::direct::Pending),
    /// Direct code: what the base of the host's GS is.
    #[cfg(target_arch = "x86_64")]
    gs_base: Option<u64>,
}

// SAFETY: the state is the thread's own.
unsafe impl Send for Thread {}

/// What goes on behind a block.
enum Next {
    /// With the block at `cpu.rip`; link this exit to it, if it exists.
    Link(u32),
    /// With the block at `cpu.rip`; put it into the table, if it exists.
    Fill,
    /// Outside.
    Leave(JitExit),
}

impl Thread {
    /// A thread with this processor. `mem_base`: host address of guest address 0. `step`: what to call for [`Helper::Step`](forklift_lift::Helper::Step).
    ///
    /// # Errors
    /// No memory for the thread's tables.
    pub fn new(jit: &Arc<Jit>, cpu: CpuState, mem_base: u64, step: extern "C" fn(&mut JitState, u64) -> u64) -> io::Result<Self> {
        let memory = Region::reserve(MEMORY, libc::PROT_READ | libc::PROT_WRITE)?;
        let shared = Arc::new(Shared { table: Table::new()?, active: AtomicBool::new(false), state: AtomicPtr::default(), memory });
        let state = JitState {
            cpu,
            mem_base,
            indirect: shared.table.address(),
            helpers: jit.helpers.as_ptr() as u64,
            helper_return: 0,
            interrupt: 0,
            x87_live: 0,
            step: step as usize as u64,
            x87_scratch: 0,
            owner: 0,
            host_sp: 0,
            target: 0,
            rflags: 0,
            exit: 0,
            kept: 0,
            misaligned: 0,
        };
        let place = shared.memory.base().cast::<JitState>();
        // SAFETY: fresh memory, which is aligned to pages and large enough.
        unsafe { place.write(state) };
        let state = NonNull::new(place).ok_or(io::ErrorKind::OutOfMemory)?;
        shared.state.store(state.as_ptr(), Ordering::SeqCst);
        crate::jit::lock(&jit.threads).push(Arc::clone(&shared));
        Ok(Self {
            jit: Arc::clone(jit),
            state,
            shared,
            #[cfg(target_arch = "x86_64")]
            pending: Default::default(),
            #[cfg(target_arch = "x86_64")]
            gs_base: None,
        })
    }

    /// The JIT.
    pub fn jit(&self) -> &Arc<Jit> {
        &self.jit
    }

    /// The state.
    pub fn state(&self) -> &JitState {
        // SAFETY: valid until drop; emitted code does not run while we are borrowed, and handlers touch atomics and what `Jit::kick` names.
        unsafe { self.state.as_ref() }
    }

    /// The state, to change it. What the JIT owns in it is documented there.
    pub fn state_mut(&mut self) -> &mut JitState {
        // SAFETY: as in `state`.
        unsafe { self.state.as_mut() }
    }

    /// The processor.
    pub fn cpu(&mut self) -> &mut CpuState {
        &mut self.state_mut().cpu
    }

    /// Address of the state, for [`Jit::kick`] and [`Jit::on_fault`].
    pub fn state_ptr(&self) -> *mut JitState {
        self.state.as_ptr()
    }

    /// In a forked child: forgets the other threads, which are not there.
    pub fn after_fork(&mut self) {
        crate::jit::lock(&self.jit.threads).retain(|t| Arc::ptr_eq(t, &self.shared));
        let table = self.shared.table.address();
        let state = self.state_mut();
        (state.interrupt, state.indirect) = (0, table);
        self.jit.kicks.store(0, Ordering::SeqCst);
    }

    /// Direct code: lets indirect branches find what [`Jit::adopt`] has made known.
    #[cfg(target_arch = "x86_64")]
    pub fn land_adopted(&mut self) {
        // SAFETY: the state is ours, with the table behind it, and we are here.
        unsafe { self.jit.land_fresh(self.state.as_ptr(), &self.shared.table) };
    }

    /// Direct code: whether an indirect branch has gone to `pc`, where there is no block yet.
    #[cfg(target_arch = "x86_64")]
    pub fn lands_at(&self, pc: GuestAddr) -> bool {
        self.pending == (pc.get(), crate::direct::Pending::Land)
    }

    /// Direct code: there is none on this host.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn lands_at(&self, _: GuestAddr) -> bool {
        false
    }

    /// Runs emitted code from `cpu.rip` on, as long as there is any.
    ///
    /// Fault handlers must call [`Jit::on_fault`], and asynchronous ones may call [`Jit::kick`].
    pub fn run(&mut self) -> JitExit {
        if host::flushes(self.state().cpu.mxcsr) {
            self.jit.need(Needs::FLUSHING);
        }
        self.shared.active.store(true, Ordering::SeqCst);
        let (exit, bad) = self.run_blocks();
        host::x87_take(self.state_mut());
        self.shared.active.store(false, Ordering::Release);
        // Not earlier: it takes the lock. A flush since then does no harm but that another block goes.
        match bad {
            Some(Bad::Stale(block)) => self.jit.kill_stale(block),
            Some(Bad::Unfit(block, needs)) => self.jit.kill_unfit(block, needs),
            None => {}
        }
        // SAFETY: the state is ours.
        unsafe { self.jit.kick_done(self.state_ptr(), self.shared.table.address()) };
        exit
    }
}

impl Thread {
    /// Why it came back, and a block that must go.
    fn run_blocks(&mut self) -> (JitExit, Option<Bad>) {
        #[cfg(target_arch = "x86_64")]
        if self.jit.is_direct() {
            let base = crate::direct::gs_base(self.state());
            if self.gs_base != Some(base) && self.jit.mode() == Mode::Bits64 {
                if !crate::direct::set_gs_base(base) {
                    return (JitExit::Barred, None);
                }
                self.gs_base = Some(base);
            }
            let (exit, stale) = crate::direct::run(&self.jit, self.state.as_ptr(), &self.shared.table, &mut self.pending);
            return (exit, stale.map(Bad::Stale));
        }
        let mut d = Dispatch { jit: &self.jit, shared: &self.shared, state: self.state.as_ptr(), bad: None };
        let exit = if usable(d.cpu()) { d.run() } else { JitExit::Barred };
        (exit, d.bad)
    }
}

/// Why a block must go.
enum Bad {
    /// It was found stale.
    Stale(u32),
    /// It has met what it isn't made for.
    Unfit(u32, Needs),
}

/// A thread in [`Thread::run`].
struct Dispatch<'a> {
    jit: &'a Jit,
    shared: &'a Shared,
    state: *mut JitState,
    /// A block that must go.
    bad: Option<Bad>,
}

impl Dispatch<'_> {
    fn run(&mut self) -> JitExit {
        let jit = self.jit;
        let mut next = None;
        loop {
            if jit.flushing.load(Ordering::SeqCst) {
                return JitExit::Cold;
            }
            let Some((id, block)) = jit.map.get(&jit.blocks.blocks, self.cpu().rip) else {
                add(&jit.counters.cold, 1);
                return JitExit::Cold;
            };
            match next {
                Some(Next::Link(exit)) => jit.link(exit, id),
                Some(Next::Fill) => self.fill(block),
                _ => {}
            }
            add(&jit.counters.enters, 1);
            // SAFETY: the block is there as long as we are in `run`, and the state is ours.
            let left = unsafe { host::enter(self.state, jit.arena.at(block.entry)) };
            match self.leave(left) {
                Next::Leave(exit) => return exit,
                more => next = Some(more),
            }
        }
    }

    fn cpu(&mut self) -> &mut CpuState {
        // SAFETY: the thread's state, while no emitted code runs.
        unsafe { &mut (*self.state).cpu }
    }

    /// Lets emitted code find `block`.
    fn fill(&self, block: &Block) {
        let code = self.jit.arena.at(block.entry);
        let jit = self.jit;
        let living = |pc, code| {
            let block = jit.map.get(&jit.blocks.blocks, pc);
            !jit.flushing.load(Ordering::SeqCst) && block.is_some_and(|(_, b)| jit.arena.at(b.entry) as u64 == code)
        };
        self.shared.table.fill(block.pc, code, living);
    }

    /// Completes the state after emitted code was left.
    fn leave(&mut self, left: Left) -> Next {
        let (jit, id) = (self.jit, left.exit as u32);
        let Some(exit) = jit.blocks.exits.get(id) else { return self.special(id) };
        let next = match exit.kind {
            ExitKind::Direct => {
                add(&jit.counters.direct, 1);
                self.cpu().rip = exit.target;
                Next::Link(id)
            }
            ExitKind::Indirect => {
                add(&jit.counters.indirect, 1);
                Next::Fill
            }
            ExitKind::Tail => {
                self.cpu().rip = self.disarmed_target(left.target);
                jit.rearm(id);
                Next::Fill
            }
            ExitKind::Step => {
                add(&jit.counters.step, 1);
                self.cpu().rip = exit.target;
                return Next::Leave(JitExit::Step);
            }
            ExitKind::Again => {
                add(&jit.counters.step, 1);
                self.cpu().rip = exit.target;
                self.bad = Some(Bad::Unfit(exit.block, Needs::NANS));
                return Next::Leave(JitExit::Step);
            }
            ExitKind::Dispatch | ExitKind::X87 | ExitKind::Call | ExitKind::Syscall => {
                add(&jit.counters.dispatch, 1);
                return Next::Leave(JitExit::Dispatch);
            }
            ExitKind::Stale => {
                self.cpu().rip = jit.blocks.blocks.get(exit.block).map_or(0, |b| b.pc);
                self.bad = Some(Bad::Stale(exit.block));
                return Next::Leave(JitExit::Cold);
            }
        };
        if self.interrupted() { Next::Leave(JitExit::Interrupted) } else { next }
    }

    fn special(&mut self, id: u32) -> Next {
        match id {
            LEFT_INTERRUPTED => Next::Leave(JitExit::Interrupted),
            LEFT_FAULT => {
                add(&self.jit.counters.fault, 1);
                // SAFETY: the state is ours.
                let misaligned = unsafe { core::mem::take(&mut (*self.state).misaligned) };
                self.bad = misaligned.checked_sub(1).map(|block| Bad::Unfit(block, Needs::UNALIGNED));
                Next::Leave(JitExit::Fault)
            }
            _ => Next::Leave(JitExit::Dispatch),
        }
    }

    fn interrupted(&self) -> bool {
        // SAFETY: the state is ours.
        unsafe { crate::chain::interrupt_flag(self.state) }.load(Ordering::SeqCst) != 0
    }

    /// Guest address of the block whose entry is at `code`, which came out of the thread's table.
    fn disarmed_target(&self, code: u64) -> u64 {
        self.jit.arena.offset(code).and_then(|at| self.jit.blocks.find(at)).map_or(0, |(_, b)| b.pc)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        crate::jit::lock(&self.jit.threads).retain(|t| !Arc::ptr_eq(t, &self.shared));
        // The state goes with the memory: it holds nothing that must be dropped.
    }
}

/// Whether blocks may run in this state: they are compiled for flat segments and masked exceptions, of the x87 only where it is the host's, and for what the
/// host can do with denormals.
fn usable(cpu: &CpuState) -> bool {
    const MASKS: u32 = 0x1f80;
    let flat = cpu.mode == Mode::Bits64 || [Seg::Es, Seg::Cs, Seg::Ss, Seg::Ds].iter().all(|s| cpu.seg_base[s.index()] == 0);
    flat && cpu.segmented == 0 && cpu.mxcsr & MASKS == MASKS && host::runs_with(cpu.mxcsr) && (!host::X87_STUBS || cpu.x87.cw & 0x3f == 0x3f)
}
