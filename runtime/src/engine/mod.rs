//! The loop that runs a thread: interpreter, translations, gates, faults, signals.

pub(crate) mod background;
mod code;
mod jit;
mod vsyscall;
pub(crate) mod warm;

use forklift_interp::Stop;
use forklift_x86::{Exit, Fault, GuestAddr, bits};

use crate::host::SignalStack;
use crate::mem::Attention;
use crate::mem::space::Stale;
use crate::syscall::dispatch;
use crate::task::Task;

pub(crate) use jit::{ProcessJit, ThreadJit, show_faults};

use jit::Found;

/// Unit: guest instructions. How long the interpreter runs before it comes back for no reason.
const BUDGET: u64 = 1 << 40;

/// The same where direct code is to be tried again soon.
const SHORT: u64 = 64;

/// After how many more runs a block is asked for again that is being compiled.
const AGAIN: u32 = 100;

/// Length of a gate instruction.
const GATE_LEN: u64 = 2;

impl Task {
    /// Runs the thread until it ends, or the process does. Signals are blocked when it begins.
    pub fn run(&mut self) {
        let _stack = SignalStack::new();
        self.inbox.enter();
        let compiles = !self.process.config.interpret_only;
        let direct = compiles && self.is_direct();
        if compiles && !direct {
            self.interp.set_hot(jit::threshold());
            self.interp.set_asking(self.process.config.cache.is_some());
        }
        self.set_sigmask(self.sigmask);
        while !self.has_ended() {
            self.attend();
            let stepping = self.cpu.flags.rest & bits::TF != 0;
            if stepping {
                self.interpret(true);
            } else if let Some(force) = self.run_jit() {
                if direct { self.go_on_directly(force) } else { self.interpret(force) }
            }
        }
    }

    /// There is no direct code at `rip`: makes it, or interprets for a while. `barred`: none may be used in this state.
    fn go_on_directly(&mut self, barred: bool) {
        if (barred || !self.translate_directly())
            && let Stop::Exit(exit) = self.interp.run_on(&mut self.cpu, &mut self.mem, SHORT, true)
        {
            self.handle(exit);
        }
    }

    /// Runs the interpreter until something happens, or a block is to be had in compiled form. `force`: the first one is to be interpreted even if it is.
    fn interpret(&mut self, mut force: bool) {
        loop {
            match self.interp.run_on(&mut self.cpu, &mut self.mem, BUDGET, force) {
                Stop::Exit(exit) => return self.handle(exit),
                Stop::Hot => match self.compile() {
                    Found::Ready => return,
                    Found::Soon => {
                        self.interp.cool(self.cpu.rip, self.cpu.mode, AGAIN);
                        force = true;
                    }
                    Found::Never => {
                        self.interp.cool(self.cpu.rip, self.cpu.mode, u32::MAX);
                        force = true;
                    }
                },
                // One that an earlier run has translated needs not wait until it is hot.
                Stop::New if !self.install() => force = true,
                Stop::New | Stop::Attention | Stop::Budget => return,
            }
        }
    }

    /// Looks at why the thread was asked to stop.
    fn attend(&mut self) {
        if self.attention.take(Attention::WRITTEN) != 0 {
            self.process.space().announce();
        }
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
    pub(crate) fn engine_after_fork(&mut self) {
        self.jit_after_fork();
    }

    fn handle(&mut self, exit: Exit) {
        match exit {
            // As if it had arrived just before the instruction.
            Exit::Gate(_) if self.signal_queued() => self.cpu.rip = self.cpu.rip.wrapping_sub(GATE_LEN),
            Exit::Gate(gate) => dispatch(self, gate),
            Exit::CodeWrite => self.write_to_code(),
            Exit::Fault(Fault::Page) if self.vsyscall() => {}
            Exit::Fault(fault) => self.fault(fault),
        }
    }

    /// Interprets one instruction.
    fn step(&mut self) {
        if let Err(exit) = self.interp.step(&mut self.cpu, &mut self.mem) {
            self.handle(exit);
        }
    }

    /// The instruction at `rip` writes to a page with translations, and perhaps to the next one too.
    fn write_to_code(&mut self) {
        // Each failed step has named one more page; an instruction writes to few.
        for _ in 0..4 {
            let page = self.mem.code_write().page_base();
            self.mem.prepare_write(page, GuestAddr::PAGE_SIZE);
            match self.interp.step(&mut self.cpu, &mut self.mem) {
                Ok(()) => return,
                Err(Exit::CodeWrite) => {}
                Err(exit) => return self.handle(exit),
            }
        }
    }
}
