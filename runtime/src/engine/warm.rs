//! Preparing the next run of a program, if asked to: translating what this run has only interpreted.
//!
//! Most blocks of a short program run a few times. To translate them pays only from one run to the next, and takes several times as long as the run itself. So
//! with `FORKLIFT_JIT=warm=on`, when a process ends by itself, and many of its blocks are not in the cache, a *worker* is left behind: a fork of the process, in the background in every respect
//! (idle priority, a session of its own, no descriptors, none of the guest's data), that translates these blocks, those that ran most first, and writes them to the cache.
//!
//! * There is one worker at a time for a cache, which its lock sees to; where there is one, a process ends without.
//! * It belongs to nobody: the process that it comes from ends at once, without waiting. A guest that has asked to become the parent of orphans
//!   (PR_SET_CHILD_SUBREAPER), and all that it starts, has no workers, because it could tell.
//! * It takes [`MOST`] of processor time at most, and ends by SIGTERM like any process.
//!
//! `FORKLIFT_JIT=warm=wait` has the work done by the process itself, before it ends. Without either nothing is left behind: no process that nobody asked for.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forklift_x86::{GuestAddr, Mode};

use super::code::{Env, Guest};
use super::jit::{ProcessJit, lock, option};
use crate::cache::Cache;
use crate::mem::vma::Prot;
use crate::stats::cpu_time;
use crate::task::Task;

/// Fewer new blocks than this are not worth a process.
const FEWEST: usize = 24;
/// Processor time that a worker takes at most.
const MOST: Duration = Duration::from_secs(4);
/// How long it translates before it writes.
const PORTION: Duration = Duration::from_millis(400);

/// Set where an orphan would be noticed.
static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// From now on this process, and what it starts, leaves no worker behind.
pub(crate) fn forbid() {
    FORBIDDEN.store(true, Ordering::Relaxed);
}

/// Whether [`forbid`] was called.
pub(crate) fn is_forbidden() -> bool {
    FORBIDDEN.load(Ordering::Relaxed)
}

impl Task {
    /// Before the process ends by itself. What a forked child has from its parent is left to that.
    pub(crate) fn prepare_next_run(&self) {
        let how = option("warm=");
        let Some(p) = self.process.space().existing_jit() else { return };
        let Some(kept) = &p.cache else { return };
        let (on, wait) = (how.as_deref() == Some("on"), how.as_deref() == Some("wait"));
        if is_forbidden() || !(on || wait) {
            return;
        }
        let blocks = self.interpreted(&mut lock(kept).cache);
        if wait {
            return self.translate(p, &blocks);
        }
        if blocks.len() >= FEWEST {
            self.leave_worker(p, &blocks);
        }
    }

    /// The blocks that were interpreted and could be kept, those first that were run most.
    fn interpreted(&self, cache: &mut Cache) -> Vec<(GuestAddr, Mode)> {
        if !cache.is_own() {
            return Vec::new();
        }
        let mut blocks: Vec<_> = self.interp.counts().filter(|b| b.1 == self.cpu.mode && cache.wants(&self.mem, b.0)).collect();
        blocks.sort_unstable_by_key(|b| core::cmp::Reverse(b.2));
        blocks.into_iter().map(|b| (b.0, b.1)).collect()
    }

    /// Makes records of the blocks and writes them to the cache.
    fn translate(&self, p: &ProcessJit, blocks: &[(GuestAddr, Mode)]) {
        let Some(kept) = &p.cache else { return };
        let mut kept = lock(kept);
        kept.cache.set_needs(p.jit.needs());
        let end = cpu_time() + MOST;
        let mut portion = cpu_time() + PORTION;
        let guest = |mode| Guest { mode, model: self.process.config.model, flags_op: self.cpu.flags.op };
        for &(pc, mode) in blocks {
            let now = cpu_time();
            if now >= end {
                break;
            }
            if now >= portion {
                kept.cache.save();
                portion = now + PORTION;
            }
            let mut record = Vec::new();
            if p.jit.record(pc, &mut Env::new(&self.mem, pc, guest(mode), None), &mut record).is_ok() {
                kept.cache.add(&self.mem, record);
            }
        }
        kept.cache.save();
    }

    /// Forks a worker, unless there is one.
    fn leave_worker(&self, p: &ProcessJit, blocks: &[(GuestAddr, Mode)]) {
        let Some(kept) = &p.cache else { return };
        let Some(turn) = lock(kept).cache.turn() else { return };
        let pid = {
            let _locks = self.process.lock_for_fork();
            // SAFETY: other threads' locks are held.
            unsafe { libc::fork() }
        };
        if pid == 0 {
            go_to_background(turn.as_raw_fd());
            self.drop_data();
            lock(kept).cache.adopt();
            self.translate(p, blocks);
            // SAFETY: ends the worker.
            unsafe { libc::_exit(0) };
        }
    }

    /// Gives back the guest's memory but for its code.
    fn drop_data(&self) {
        let space = self.process.space();
        for (start, area) in space.map().iter() {
            if area.backing.is_none() || area.prot.has(Prot::WRITE) || area.shared {
                // SAFETY: the guest's part of the address space, and the guest runs no more.
                unsafe { libc::munmap(space.host(start).cast(), (area.end - start) as usize) };
            }
        }
    }
}

/// Leaves everything that the worker has in common with other processes, but for the descriptor `fd`.
fn go_to_background(fd: i32) {
    // SAFETY: system calls that take numbers and structures of ours.
    unsafe {
        libc::setsid();
        libc::syscall(libc::SYS_close_range, fd + 1, u32::MAX, 0);
        if fd > 0 {
            libc::syscall(libc::SYS_close_range, 0, fd - 1, 0);
        }
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"forklift-cache".as_ptr());
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        let idle = libc::sched_param { sched_priority: 0 };
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const idle);
        let mut ending: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&raw mut ending);
        for s in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGXCPU] {
            libc::signal(s, libc::SIG_DFL);
            libc::sigaddset(&raw mut ending, s);
        }
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const ending, core::ptr::null_mut());
    }
}
