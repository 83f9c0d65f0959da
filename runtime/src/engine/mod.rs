//! The loop that runs a thread: interpreter, translations, gates, faults, signals.

use forklift_interp::Stop;
use forklift_x86::{Exit, GuestAddr};

use crate::mem::Attention;
use crate::mem::space::Stale;
use crate::syscall::dispatch;
use crate::task::Task;

/// Unit: guest instructions. How long the interpreter runs before it comes back for no reason.
const BUDGET: u64 = 1 << 40;

/// Length of a gate instruction.
const GATE_LEN: u64 = 2;

impl Task {
    /// Runs the thread until it ends, or the process does. Signals are blocked when it begins.
    pub fn run(&mut self) {
        self.inbox.enter();
        self.set_sigmask(self.sigmask);
        while !self.has_ended() {
            self.attend();
            match self.interp.run(&mut self.cpu, &mut self.mem, BUDGET) {
                Stop::Exit(exit) => self.handle(exit),
                Stop::Hot | Stop::Attention | Stop::Budget => {}
            }
        }
    }

    /// Looks at why the thread was asked to stop.
    fn attend(&mut self) {
        if self.attention.take(Attention::STALE) != 0 {
            self.drop_stale();
        }
        if self.signal_queued() {
            self.deliver_signals();
        }
    }

    /// Follows the invalidations that have been logged since the last time.
    fn drop_stale(&mut self) {
        match self.process.space().stale_since(&mut self.epoch) {
            Stale::Everything => self.interp.clear(),
            Stale::Ranges(ranges) => ranges.into_iter().for_each(|(start, end)| self.interp.invalidate(start, end)),
        }
    }

    /// In a child process after a fork.
    pub(crate) fn engine_after_fork(&mut self) {}

    fn handle(&mut self, exit: Exit) {
        match exit {
            // As if it had arrived just before the instruction.
            Exit::Gate(_) if self.signal_queued() => self.cpu.rip = self.cpu.rip.wrapping_sub(GATE_LEN),
            Exit::Gate(gate) => dispatch(self, gate),
            Exit::CodeWrite => self.write_to_code(),
            Exit::Fault(fault) => self.fault(fault),
        }
    }

    /// The instruction at `rip` writes to a page with translations, and perhaps to the next one too.
    fn write_to_code(&mut self) {
        // Each failed step has named one more page; an instruction writes to few.
        for _ in 0..4 {
            let page = self.mem.code_write().page_base();
            self.process.space().code_written(page, page.wrapping_add(GuestAddr::PAGE_SIZE));
            crate::task::raise_all(Attention::STALE);
            match self.interp.step(&mut self.cpu, &mut self.mem) {
                Ok(()) => return,
                Err(Exit::CodeWrite) => {}
                Err(exit) => return self.handle(exit),
            }
        }
    }
}
