//! What the JIT has done so far.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// Counters. They are added to without locking the bus, so counts of several threads may get lost.
#[derive(Default)]
pub(crate) struct Counters {
    pub blocks: AtomicU64,
    pub insns: AtomicU64,
    pub guest_bytes: AtomicU64,
    pub code_bytes: AtomicU64,
    pub compile_ns: AtomicU64,
    pub failed: AtomicU64,
    pub installed: AtomicU64,
    pub refused: AtomicU64,
    pub links: AtomicU64,
    pub killed: AtomicU64,
    pub flushes: AtomicU64,
    pub kicks: AtomicU64,
    pub enters: AtomicU64,
    pub direct: AtomicU64,
    pub indirect: AtomicU64,
    pub cold: AtomicU64,
    pub step: AtomicU64,
    pub dispatch: AtomicU64,
    pub fault: AtomicU64,
}

/// Adds `n` to `c`.
pub(crate) fn add(c: &AtomicU64, n: u64) {
    c.store(c.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

/// What the JIT has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Blocks compiled or installed.
    pub blocks: u64,
    /// Guest instructions in them.
    pub insns: u64,
    /// Guest bytes in them.
    pub guest_bytes: u64,
    /// Host bytes of them, without stubs and tables.
    pub code_bytes: u64,
    /// Processor time that took, lifting included.
    pub compile_time: Duration,
    /// Blocks that could not be compiled.
    pub failed: u64,
    /// Blocks that were installed from records instead of compiled, which count in what is above too, or looked up in an image.
    pub installed: u64,
    /// Modules of an image whose guest code is another.
    pub refused: u64,
    /// Blocks that are known, those of an image included, and what is kept about them: bytes of the lists of blocks, exits and marks, and of stubs.
    pub listed: u64,
    /// See there.
    pub metadata: u64,
    /// Exits linked to blocks, relinks included.
    pub links: u64,
    /// Blocks thrown away because their source changed.
    pub killed: u64,
    /// How often everything was thrown away.
    pub flushes: u64,
    /// Kicks that hit a thread in emitted code.
    pub kicks: u64,
    /// How often emitted code was entered.
    pub enters: u64,
    /// How often it was left for a block whose address is known.
    pub direct: u64,
    /// How often it was left because the table of indirect branches missed.
    pub indirect: u64,
    /// How often it was left for good, for a block that is not compiled.
    pub cold: u64,
    /// How often it was left for an instruction to interpret.
    pub step: u64,
    /// How often it was left to look at everything again.
    pub dispatch: u64,
    /// How often it was left by a fault.
    pub fault: u64,
}

impl Counters {
    /// The counters now.
    pub(crate) fn snapshot(&self) -> Stats {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        Stats {
            blocks: get(&self.blocks),
            insns: get(&self.insns),
            guest_bytes: get(&self.guest_bytes),
            code_bytes: get(&self.code_bytes),
            compile_time: Duration::from_nanos(get(&self.compile_ns)),
            failed: get(&self.failed),
            installed: get(&self.installed),
            refused: get(&self.refused),
            listed: 0,
            metadata: 0,
            links: get(&self.links),
            killed: get(&self.killed),
            flushes: get(&self.flushes),
            kicks: get(&self.kicks),
            enters: get(&self.enters),
            direct: get(&self.direct),
            indirect: get(&self.indirect),
            cold: get(&self.cold),
            step: get(&self.step),
            dispatch: get(&self.dispatch),
            fault: get(&self.fault),
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Direct code takes no longer to make than the clock to read.
        let time = if self.compile_time.is_zero() { "not timed".to_owned() } else { format!("{:?} compiling", self.compile_time) };
        writeln!(
            f,
            "jit: {} blocks, {} insns, {} guest bytes, {} host bytes, {}, {} failed, {} installed",
            self.blocks, self.insns, self.guest_bytes, self.code_bytes, time, self.failed, self.installed
        )?;
        let per = |n: u64, of: u64| n as f64 / of.max(1) as f64;
        writeln!(
            f,
            "jit: {:.1} host bytes per instruction; {} blocks listed, {} bytes of metadata, {:.0} per block",
            per(self.code_bytes, self.insns),
            self.listed,
            self.metadata,
            per(self.metadata, self.listed)
        )?;
        writeln!(f, "jit: {} links, {} blocks killed, {} flushes, {} kicks", self.links, self.killed, self.flushes, self.kicks)?;
        write!(
            f,
            "jit: {} enters; exits: {} direct, {} indirect, {} to cold blocks, {} steps, {} dispatches, {} faults",
            self.enters, self.direct, self.indirect, self.cold, self.step, self.dispatch, self.fault
        )
    }
}
