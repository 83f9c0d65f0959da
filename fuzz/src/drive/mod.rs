//! Campaigns: generators and oracles, run for a time, and what came of it.
//!
//! [`forms`] runs single instructions through the interpreter and the real CPU, [`blocks`] blocks through the JIT and the real CPU, or the interpreter where
//! there is none. Each is a worker with oracles of its own; [`run`] starts as many as pay.

mod blocks;
mod forms;
mod mismatch;
mod report;
mod shrink;
mod tally;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use forklift_x86::Mode;
use iced_x86::Code;

pub use mismatch::{Mismatch, instructions};
pub use report::tables;
pub use tally::Tally;

use crate::oracle::Tier;

/// Which oracles are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pair {
    /// The JIT with the real CPU.
    Jit,
    /// The interpreter with the real CPU.
    Cpu,
    /// Both.
    Both,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// For how long.
    pub time: Duration,
    /// How many cases at most, over all workers and modes.
    pub cases: u64,
    /// Where chance starts.
    pub seed: u64,
    /// Who is compared.
    pub pair: Pair,
    /// Only forms whose names contain this, in lower case.
    pub filter: String,
    /// Modes of the code.
    pub modes: Vec<Mode>,
    /// How the JIT runs blocks; `None`: in turn.
    pub tier: Option<Tier>,
    /// Where mismatches are saved as case files.
    pub save: Option<PathBuf>,
}

/// Different mismatches after which a run ends.
const ENOUGH: usize = 40;

impl Options {
    /// The forms of a mode that the filter lets through.
    pub fn forms(&self, mode: Mode) -> Vec<Code> {
        crate::forms::known(mode).into_iter().filter(|c| format!("{c:?}").to_lowercase().contains(&self.filter)).collect()
    }
}

/// What the workers of a run share.
pub(crate) struct Run<'a> {
    options: &'a Options,
    end: Instant,
    tally: Mutex<Tally>,
}

impl Run<'_> {
    /// Adds what a worker has found since the last time; returns whether to go on.
    fn note(&self, new: &mut Tally) -> bool {
        let mut all = self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.add(std::mem::take(new));
        all.cases() < self.options.cases && all.mismatches.len() < ENOUGH && Instant::now() < self.end
    }
}

/// Runs campaigns as `options` say.
pub fn run(options: &Options) -> Result<Tally, String> {
    let start = Instant::now();
    let run = Run { options, end: start + options.time, tally: Mutex::new(Tally::default()) };
    let jobs = jobs(options);
    std::thread::scope(|s| {
        let workers: Vec<_> = jobs
            .iter()
            .enumerate()
            .map(|(n, job)| {
                s.spawn({
                    let run = &run;
                    move || job.work(run, n as u64)
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().unwrap_or_else(|_| Err("a worker died".to_owned())))
    })?;
    let mut tally = run.tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.seconds = start.elapsed().as_secs_f64();
    Ok(tally)
}

/// What a worker does.
enum Job {
    Forms(Mode),
    Blocks(Mode),
}

impl Job {
    fn work(&self, run: &Run<'_>, number: u64) -> Result<(), String> {
        let seed = run.options.seed.wrapping_mul(0x1_0000_0001).wrapping_add(number << 56);
        match *self {
            Self::Forms(mode) => forms::work(run, mode, seed),
            Self::Blocks(mode) => blocks::work(run, mode, seed),
        }
    }
}

fn jobs(o: &Options) -> Vec<Job> {
    let mut jobs = Vec::new();
    for &mode in &o.modes {
        if o.pair != Pair::Jit {
            jobs.push(Job::Forms(mode));
        }
        if o.pair != Pair::Cpu {
            jobs.push(Job::Blocks(mode));
        }
    }
    // Two workers for one thing to do, on the two processors that most machines have.
    if jobs.len() == 1 && o.pair == Pair::Cpu {
        jobs.extend(o.modes.iter().map(|&mode| Job::Forms(mode)));
    }
    jobs
}
