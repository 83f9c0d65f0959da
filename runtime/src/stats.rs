//! `--stats`: what a process has done, printed to standard error when it ends.

use core::fmt::Write;
use std::time::Duration;

use crate::task::Task;

/// What the threads of a process have done that have ended.
#[derive(Clone, Copy, Default, Debug)]
pub struct Totals {
    /// Guest instructions interpreted.
    pub interpreted: u64,
    /// System calls.
    pub syscalls: u64,
    /// Signals delivered.
    pub signals: u64,
    /// Time in system calls.
    pub syscall_time: Duration,
}

impl Task {
    /// What this thread has done.
    pub fn totals(&self) -> Totals {
        let c = &self.counters;
        Totals { interpreted: self.interp.executed() - c.interpreted_before, syscalls: c.syscalls, signals: c.signals, syscall_time: c.syscall_time }
    }
}

impl Totals {
    /// The sum of both.
    pub fn add(&mut self, more: &Self) {
        self.interpreted += more.interpreted;
        self.syscalls += more.syscalls;
        self.signals += more.signals;
        self.syscall_time += more.syscall_time;
    }
}

/// CPU time of the process.
pub(crate) fn cpu_time() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// What of the process is in memory now. Unit: KiB.
pub(crate) fn resident() -> u64 {
    const PAGE: u64 = 4;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

/// The most that was. Unit: KiB.
fn peak() -> i64 {
    // SAFETY: a structure of ours, of numbers.
    unsafe {
        let mut usage: libc::rusage = core::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage.ru_maxrss
    }
}

/// Prints everything for the process of `t`, whose counters are those of the threads that ended plus its own.
pub(crate) fn print(t: &Task) {
    let mut all = t.process.totals();
    all.add(&t.totals());
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(
        out,
        "forklift: process {}: {:?} of CPU time, {:?} of it in {} system calls; {} signals",
        std::process::id(),
        cpu_time(),
        all.syscall_time,
        all.syscalls,
        all.signals
    );
    let _ = writeln!(out, "memory: {} KiB resident when the guest began, {} KiB at most", t.process.resident_at_start(), peak());
    let _ = writeln!(out, "interpreter: {} instructions, {} blocks kept", all.interpreted, t.interp.block_count());
    if let Some(p) = t.process.space().existing_jit() {
        let _ = writeln!(out, "{}", p.jit.stats());
        if let Some(counts) = p.cache_counts() {
            let _ = writeln!(out, "{counts}");
        }
    }
    eprint!("{out}");
}
