//! Compiling behind the guest: on hosts where code is lifted, a *compiler thread* of the process takes hot blocks from a queue, those first that were found hot most
//! often, while the guest's threads go on interpreting.
//!
//! * The queue is bounded. What it has no room for is asked for again when it has been interpreted a while longer.
//! * The thread is started when there is something to compile, and ends when there has been nothing for [`IDLE`]. So a process that is done with compiling, and a forked child that
//!   compiles nothing, has the threads that its guest has.
//! * It has no descriptors, no directory and no signals but those of its own faults.
//! * A fork waits until the block is done that is being compiled: no lock may be held by a thread that the child hasn't got.
//! * There is none where a second processor is missing, where blocks are shown as they are made (`-d`, `--perf`), or with `FORKLIFT_JIT=background=off`: whoever needs a block compiles it.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::yield_now;
use std::time::Duration;

use forklift_x86::{CcOp, GuestAddr};

use super::jit::{lock, option};
use crate::clone::keep_sigsetxid;
use crate::host;
use crate::task::{Task, host_mask};

/// The longest queue. Unit: blocks.
const MOST: usize = 256;
/// How long the thread waits for work.
const IDLE: Duration = Duration::from_millis(50);
/// Cranelift is recursive in a few places. Unit: bytes.
const STACK: usize = 2 << 20;

/// A block that is to be compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub pc: GuestAddr,
    /// As [`LiftEnv::flags_op`](forklift_lift::LiftEnv::flags_op).
    pub flags_op: CcOp,
}

/// The blocks that wait, each with how often it was asked for.
#[derive(Default)]
struct Queue(Vec<(Request, u32)>);

impl Queue {
    /// Adds a request, unless there is no room.
    fn ask(&mut self, request: Request) {
        if let Some((_, times)) = self.0.iter_mut().find(|(r, _)| r.pc == request.pc) {
            *times = times.saturating_add(1);
        } else if self.0.len() < MOST {
            self.0.push((request, 1));
        }
    }

    /// Takes the hottest one; of several, that which was first.
    fn take(&mut self) -> Option<Request> {
        let at = (0..self.0.len()).max_by_key(|&i| (self.0[i].1, core::cmp::Reverse(i)))?;
        Some(self.0.remove(at).0)
    }
}

/// What the queue's lock guards.
#[derive(Default)]
struct State {
    queue: Queue,
    /// Whether the thread takes more from the queue.
    runs: bool,
    /// How many such threads there are: one that ends may meet its successor.
    threads: u32,
    /// The last one's number; 0 until it has begun.
    tid: i32,
}

/// The queue of a process, and its compiler thread.
pub(crate) struct Background {
    state: Mutex<State>,
    more: Condvar,
    /// Held while a block is compiled.
    busy: Mutex<()>,
    /// The process that the thread may be in: not a vfork child, which shares all this.
    pid: AtomicI32,
}

fn pid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::getpid() }
}

/// Whether a second thread would find a processor.
fn has_processors() -> bool {
    // SAFETY: a structure of ours, of numbers.
    unsafe {
        let mut set: libc::cpu_set_t = core::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) == 0 && libc::CPU_COUNT(&set) > 1
    }
}

impl Background {
    /// One for this process, if it is to have one.
    pub(super) fn new() -> Option<Arc<Self>> {
        let wanted = match option("background=").as_deref() {
            Some("off") => false,
            Some(_) => true,
            None => has_processors(),
        };
        let new = || Self { state: Mutex::default(), more: Condvar::new(), busy: Mutex::default(), pid: AtomicI32::new(pid()) };
        wanted.then(|| Arc::new(new()))
    }

    /// Puts a request into the queue. `compile` is what the thread does with one. Fails if there can be no thread.
    pub(super) fn ask(self: &Arc<Self>, task: &Task, request: Request, compile: impl Fn(Request) + Send + 'static) -> Result<(), ()> {
        if self.pid.load(Ordering::Relaxed) != pid() {
            return Err(());
        }
        let mut state = lock(&self.state);
        state.queue.ask(request);
        if state.runs {
            self.more.notify_one();
            return Ok(());
        }
        let me = self.clone();
        // What it inherits must be blocked before it begins.
        let old = host::set_sigmask(host_mask(u64::MAX));
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || me.run(compile));
        keep_sigsetxid(&task.process);
        host::set_sigmask(old);
        thread.map_err(|_| ())?;
        (state.runs, state.tid) = (true, 0);
        state.threads += 1;
        Ok(())
    }

    /// The thread.
    fn run(&self, compile: impl Fn(Request)) {
        host::set_sigmask(host_mask(u64::MAX));
        // SAFETY: closes this thread's copies only. If it can't have any of its own, it keeps the process's.
        unsafe {
            if libc::unshare(libc::CLONE_FILES | libc::CLONE_FS) == 0 {
                libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
            }
            libc::prctl(libc::PR_SET_NAME, c"forklift-jit".as_ptr());
        }
        // SAFETY: no arguments.
        lock(&self.state).tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        while let Some(request) = self.next() {
            let _busy = lock(&self.busy);
            compile(request);
        }
        lock(&self.state).threads -= 1;
    }

    /// Waits for a request; `None` if the thread is to end.
    fn next(&self) -> Option<Request> {
        let mut state = lock(&self.state);
        loop {
            if !state.runs {
                return None;
            }
            if let Some(request) = state.queue.take() {
                return Some(request);
            }
            let (back, waited) = self.more.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = back;
            if waited.timed_out() && state.queue.0.is_empty() {
                state.runs = false;
            }
        }
    }

    /// Ends the thread, for a system call that only a process with one thread may make.
    fn stop(&self) {
        if self.pid.load(Ordering::Relaxed) != pid() {
            return;
        }
        lock(&self.state).runs = false;
        self.more.notify_all();
        while self.has_thread() {
            yield_now();
        }
        let tid = lock(&self.state).tid;
        // What is left of it is the kernel's.
        // SAFETY: signal 0 asks whether there is such a thread.
        while tid != 0 && unsafe { libc::syscall(libc::SYS_tgkill, pid(), tid, 0) } == 0 {
            yield_now();
        }
    }

    /// Whether the process may have the thread.
    pub(crate) fn has_thread(&self) -> bool {
        lock(&self.state).threads > 0
    }

    /// Holds what a forked child must find free.
    pub(super) fn before_fork(&self) -> impl Sized + '_ {
        (lock(&self.busy), lock(&self.state))
    }

    /// In a forked child, which has no such thread.
    pub(super) fn after_fork(&self) {
        *lock(&self.state) = State::default();
        self.pid.store(pid(), Ordering::Relaxed);
    }
}

impl Task {
    /// Ends the process's compiler thread, if there is one, for a system call that only a process with one thread may make.
    pub(crate) fn stop_compiling(&self) {
        if let Some(background) = self.process.space().existing_jit().and_then(|p| p.background()) {
            background.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pc: u64) -> Request {
        Request { pc: GuestAddr::new(pc), flags_op: CcOp::RAW }
    }

    #[test]
    fn the_hottest_first() {
        let mut q = Queue::default();
        [1, 2, 3, 2, 3, 3, 4].into_iter().for_each(|pc| q.ask(request(pc)));
        let order: Vec<_> = core::iter::from_fn(|| q.take()).map(|r| r.pc.get()).collect();
        assert_eq!(order, [3, 2, 1, 4]);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut q = Queue::default();
        (0..2 * MOST as u64).for_each(|pc| q.ask(request(pc)));
        assert_eq!(core::iter::from_fn(|| q.take()).count(), MOST);
    }
}
