//! The dispatch loop around direct code, faults in it, kicks.

use core::sync::atomic::{AtomicU64, Ordering};

use forklift_lift::JitState;
use forklift_x86::{CpuState, Gpr, GuestAddr, Mode, Seg, bits};
use libc::ucontext_t;

use super::asm::{self, EXIT_FAULT, EXIT_INTERRUPTED, EXIT_UNKNOWN};
use super::{TABLE, TABLE_ENTRIES, marks};
use crate::Jit;
use crate::blocks::{Block, ExitKind};
use crate::chain::interrupt_flag;
use crate::host;
use crate::jit::HostFault;
use crate::stats::add;
use crate::table::Table;
use crate::thread::JitExit;

/// What is to be done when the next block is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Pending {
    #[default]
    Nothing,
    /// Link this exit to it.
    Link(u32),
    /// Put its landing into the table.
    Land,
}

/// Flags that the guest can't have while it runs on the host.
const INTERPRETED: u32 = bits::TF | bits::AC | bits::NT;

/// Of SYSCALL and INT 80h without prefixes.
const GATE_LEN: u64 = 2;

/// As [`Thread::run`](crate::Thread::run), which says what to promise of `state`. `pending` is kept from one call to the next.
pub(crate) fn run(jit: &Jit, state: *mut JitState, table: &Table, pending: &mut (u64, Pending)) -> (JitExit, Option<u32>) {
    let mut d = Dispatch { jit, state, table, stale: None };
    (d.run(pending), d.stale)
}

struct Dispatch<'a> {
    jit: &'a Jit,
    state: *mut JitState,
    /// The second table of this thread.
    table: &'a Table,
    /// A block that was found stale.
    stale: Option<u32>,
}

impl Dispatch<'_> {
    fn run(&mut self, pending: &mut (u64, Pending)) -> JitExit {
        let jit = self.jit;
        if !self.is_usable() {
            return JitExit::Barred;
        }
        let kept = core::mem::take(pending);
        let mut next = if kept.0 == self.cpu().rip { kept.1 } else { Pending::Nothing };
        loop {
            if jit.flushing.load(Ordering::SeqCst) {
                return JitExit::Cold;
            }
            let rip = self.cpu().rip;
            let Some((id, block)) = jit.map.get(&jit.blocks.blocks, rip) else {
                add(&jit.counters.cold, 1);
                *pending = (rip, next);
                return JitExit::Cold;
            };
            match next {
                Pending::Link(exit) => jit.link(exit, id),
                Pending::Land => self.land(rip),
                Pending::Nothing => {}
            }
            match self.enter(block.entry) {
                Ok(n) => next = n,
                Err((exit, later)) => {
                    *pending = later;
                    return exit;
                }
            }
            if self.interrupted() {
                return JitExit::Interrupted;
            }
        }
    }

    /// Whether direct code does all that instructions do in this state.
    fn is_usable(&mut self) -> bool {
        let used = self.jit.segments.load(Ordering::SeqCst);
        let mode = self.jit.mode();
        let cpu = self.cpu();
        let narrow = || {
            let flat = cpu.segmented == 0 && [Seg::Es, Seg::Cs, Seg::Ss, Seg::Ds].iter().all(|s| cpu.seg_base[s.index()] == 0);
            flat && used & !cpu.usable_segments() == 0
        };
        cpu.mode == mode && cpu.flags.rest & INTERPRETED == 0 && (mode == Mode::Bits64 || narrow())
    }

    fn cpu(&mut self) -> &mut CpuState {
        // SAFETY: the thread's state, while no emitted code runs.
        unsafe { &mut (*self.state).cpu }
    }

    fn interrupted(&self) -> bool {
        // SAFETY: the state is ours.
        unsafe { interrupt_flag(self.state) }.load(Ordering::SeqCst) != 0
    }

    /// Runs the code at an offset of the arena; what is to be done then, or why it was left, and what is to be done later.
    fn enter(&mut self, mut at: u32) -> Result<Pending, (JitExit, (u64, Pending))> {
        let jit = self.jit;
        loop {
            add(&jit.counters.enters, 1);
            let flags = self.cpu().flags.rflags();
            // SAFETY: the block is there as long as we are in `run`, and the state is ours.
            let (id, flags) = unsafe {
                (*self.state).rflags = flags;
                asm::enter(self.state, jit.arena.at(at));
                ((*self.state).exit, (*self.state).rflags as u32)
            };
            let cpu = self.cpu();
            cpu.flags.set_status(flags);
            cpu.flags.rest = cpu.flags.rest & !bits::DF | flags & bits::DF;
            if cpu.mode == Mode::Bits32 {
                // What the guest hasn't got.
                cpu.gpr[8..].fill(0);
            }
            if id == EXIT_UNKNOWN {
                add(&jit.counters.indirect, 1);
                return Ok(Pending::Land);
            }
            let Some(exit) = jit.blocks.exits.get(id) else { return Err((self.special(id), Default::default())) };
            match exit.kind {
                ExitKind::X87 => {
                    // SAFETY: the state is ours.
                    host::x87_bring(unsafe { &mut *self.state });
                    at = exit.link.load(Ordering::Relaxed);
                }
                ExitKind::Direct => {
                    add(&jit.counters.direct, 1);
                    self.cpu().rip = exit.target;
                    return Ok(Pending::Link(id));
                }
                ExitKind::Indirect if is_canonical(self.cpu().rip) => {
                    add(&jit.counters.indirect, 1);
                    return Ok(Pending::Land);
                }
                ExitKind::Indirect => {
                    // The branch itself faults.
                    let undo = exit.link.load(Ordering::Relaxed) as i32;
                    let cpu = self.cpu();
                    (cpu.rip, cpu.gpr[Gpr::Rsp.index()]) = (exit.target, cpu.get(Gpr::Rsp).wrapping_add_signed(undo.into()));
                    return Err((JitExit::Step, Default::default()));
                }
                ExitKind::Stale => {
                    self.cpu().rip = exit.target;
                    self.stale = Some(exit.block);
                    return Err((JitExit::Cold, Default::default()));
                }
                ExitKind::Syscall => {
                    let cpu = self.cpu();
                    cpu.rip = exit.target.wrapping_add(GATE_LEN);
                    if cpu.mode == Mode::Bits64 {
                        cpu.set(Gpr::Rcx, cpu.rip);
                        let flags = cpu.flags.rflags() & !u64::from(bits::RF);
                        cpu.set(Gpr::R11, flags);
                    }
                    return Err((JitExit::Syscall, Default::default()));
                }
                kind => {
                    add(&jit.counters.step, 1);
                    let to = core::mem::replace(&mut self.cpu().rip, exit.target);
                    return Err((JitExit::Step, if kind == ExitKind::Call { (to, Pending::Land) } else { Default::default() }));
                }
            }
        }
    }

    fn special(&self, id: u32) -> JitExit {
        if id == EXIT_FAULT {
            add(&self.jit.counters.fault, 1);
            JitExit::Fault
        } else {
            JitExit::Interrupted
        }
    }

    /// Lets indirect branches find the block at `pc`.
    fn land(&self, pc: u64) {
        let Some(mut w) = self.jit.try_write() else { return };
        let Some(at) = self.jit.landing(&mut w, pc) else { return };
        let new = self.jit.arena.at(at) as u64;
        // SAFETY: the table lies behind the state; entries are words that only this thread writes to, but for a flush, which has the lock.
        let old = unsafe { entry(self.state, pc).swap(new, Ordering::Relaxed) };
        // Pages of the second table are worth their price for what the first has no room for.
        let displaced = self.jit.arena.offset(old).filter(|_| old != new).and_then(|at| self.jit.blocks.find(at));
        if let Some((_, block)) = displaced {
            self.table.keep(block.pc, old);
            // SAFETY: the state is ours.
            unsafe { (*self.state).kept = 1 };
        }
    }
}

const fn is_canonical(pc: u64) -> bool {
    ((pc << 16) as i64 >> 16) as u64 == pc
}

/// The entry of the table for the guest address `pc`.
///
/// # Safety
/// `state` has a table behind it, which stays.
pub(crate) unsafe fn entry<'a>(state: *mut JitState, pc: u64) -> &'a AtomicU64 {
    // SAFETY: the caller's promise.
    unsafe { AtomicU64::from_ptr(state.byte_add(TABLE).cast::<u64>().add(pc as usize % TABLE_ENTRIES)) }
}

/// Sets the base of the host's GS; false if the kernel refuses this one and the CPU can't be asked.
pub(crate) fn set_gs_base(base: u64) -> bool {
    const ARCH_SET_GS: i32 = 0x1001;
    const HWCAP2_FSGSBASE: u64 = 2;
    // SAFETY: nothing on the host uses GS; WRGSBASE is there if the kernel says so, and an FS base of a guest is canonical.
    unsafe {
        if libc::getauxval(libc::AT_HWCAP2) & HWCAP2_FSGSBASE != 0 {
            core::arch::asm!("wrgsbase {}", in(reg) base, options(nostack, preserves_flags));
            return true;
        }
        libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base) == 0
    }
}

/// The base that the host's GS must have.
pub(crate) fn gs_base(state: &JitState) -> u64 {
    state.cpu.seg_base[Seg::Fs.index()]
}

impl Jit {
    /// If the pc is in direct code: gives the state and the context what makes the thread leave with `exit` and the guest's state of here.
    unsafe fn leave_directly(&self, state: *mut JitState, uc: &mut ucontext_t, exit: u32) -> Option<GuestAddr> {
        let pc = uc.uc_mcontext.gregs[libc::REG_RIP as usize] as u64;
        let at = self.arena.offset(pc)?;
        let (_, block) = self.blocks.find(at)?;
        let (guest, recovery) = self.mark_at(block, at - block.code)?;
        // SAFETY: the caller's promise: the thread is in direct code, so that nobody else has the state.
        unsafe {
            let guest = marks::recover(uc, (&raw mut (*state).cpu.gpr).cast(), guest, recovery);
            (*state).cpu.rip = guest;
            (*state).exit = exit;
            uc.uc_mcontext.gregs[libc::REG_RIP as usize] = asm::leave() as i64;
            Some(GuestAddr::new(guest))
        }
    }

    fn mark_at(&self, block: &Block, offset: u32) -> Option<(u64, u32)> {
        let mark = self.blocks.traps_of(block).take_while(|t| t.code <= offset).last()?;
        Some((block.guest(mark.guest).get(), mark.pad))
    }

    /// [`Jit::on_fault`] for direct code.
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn on_direct_fault(&self, state: *mut JitState, uc: &mut ucontext_t) -> HostFault {
        // SAFETY: the caller's promise.
        unsafe { self.leave_directly(state, uc, EXIT_FAULT) }.map_or(HostFault::Elsewhere, HostFault::Left)
    }

    /// [`Jit::kick`] for direct code.
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn kick_directly(&self, state: *mut JitState, uc: &mut ucontext_t) {
        // SAFETY: the caller's promise.
        unsafe { interrupt_flag(state) }.store(crate::chain::LEAVE, Ordering::SeqCst);
        if asm::cancel(uc) {
            return;
        }
        // SAFETY: as above.
        if unsafe { self.leave_directly(state, uc, EXIT_INTERRUPTED) }.is_some() {
            add(&self.counters.kicks, 1);
        }
    }
}
