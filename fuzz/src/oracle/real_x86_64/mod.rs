//! The CPU of this machine as an oracle: a forked [`child`] runs cases, which lie in shared memory, natively.

mod child;
mod shared;

use std::io;
use std::ptr::{self, NonNull, null_mut};

use libc::c_int;

use crate::batch::{Batch, BatchOracle, Case, Outcome};
use crate::machine::{Input, NoAnswer, Oracle, Output};
use shared::{FX_SIZE, FX_UPPER, SLOTS, Shared};

/// How long the child may take to answer. Unit: milliseconds.
const ANSWER_LIMIT: c_int = 20_000;

/// The CPU of this machine as an oracle; `None` if the child can't be set up.
pub fn real_cpu() -> Option<Box<dyn Oracle + Send>> {
    RealCpu::new().ok().map(|c| Box::new(c) as _)
}

/// The CPU of this machine, for many cases at a time; `None` if the child can't be set up.
pub fn real_batches() -> Option<Box<dyn BatchOracle + Send>> {
    RealCpu::new().ok().map(|c| Box::new(c) as _)
}

struct RealCpu {
    /// Written here only while the child waits: invariant 2 of [`child`].
    shared: NonNull<Shared>,
    child: Option<Child>,
}

struct Child {
    pid: libc::pid_t,
    ask: c_int,
    answer: c_int,
}

// SAFETY: the mapping belongs to this value alone, and `&mut self` orders its uses.
unsafe impl Send for RealCpu {}

impl RealCpu {
    fn new() -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping, which nothing else knows.
        let p = unsafe { libc::mmap(null_mut(), size_of::<Shared>(), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if p == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let shared = NonNull::new(p.cast::<Shared>()).ok_or_else(io::Error::last_os_error)?;
        let mut cpu = Self { shared, child: None };
        // SAFETY: there is no child yet.
        unsafe { cpu.shared.as_mut() }.fx_len = if std::is_x86_feature_detected!("avx") { FX_SIZE } else { FX_UPPER };
        cpu.child = Some(cpu.spawn()?);
        Ok(cpu)
    }

    fn spawn(&self) -> io::Result<Child> {
        let (ask_rx, ask) = pipe()?;
        let (answer, answer_tx) = pipe()?;
        // SAFETY: the child keeps to its invariants.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: this is the child.
            0 => unsafe { child::child_main(self.shared.as_ptr(), ask_rx, answer_tx) },
            pid => {
                close(ask_rx);
                close(answer_tx);
                Ok(Child { pid, ask, answer })
            }
        }
    }

    /// Lets the child run what lies in `shared`.
    fn exchange(&mut self) -> Result<(), NoAnswer> {
        let child = match self.child.take() {
            Some(c) => c,
            None => self.spawn().map_err(|source| NoAnswer::Failed { what: "fork for the real CPU", source })?,
        };
        if !child.answers() {
            return Err(NoAnswer::Failed { what: "the real CPU's child", source: io::Error::other("died or hangs") });
        }
        self.child = Some(child);
        Ok(())
    }

    /// Runs as many of the cases as can be in one exchange, at least one.
    fn run_some(&mut self, image: &[u8], cases: &[Case], out: &mut Vec<Outcome>) -> Result<(), NoAnswer> {
        // SAFETY: invariant 2.
        let shared = unsafe { self.shared.as_mut() };
        shared.image.copy_from_slice(image);
        for (slot, case) in shared.slots.iter_mut().zip(cases) {
            slot.load(case)?;
        }
        (shared.count, shared.done) = (cases.len().min(SLOTS) as u32, 0);
        self.exchange()?;
        // SAFETY: invariant 2: the child has answered.
        let shared = unsafe { self.shared.as_ref() };
        let done = cases.iter().zip(&shared.slots[..shared.done as usize]);
        out.extend(done.map(|(case, slot)| slot.outcome(case, &shared.lines)));
        Ok(())
    }
}

impl BatchOracle for RealCpu {
    fn run_batch(&mut self, batch: &Batch) -> Result<Vec<Outcome>, NoAnswer> {
        let mut out = Vec::with_capacity(batch.cases.len());
        while out.len() < batch.cases.len() {
            self.run_some(&batch.image, &batch.cases[out.len()..], &mut out)?;
        }
        Ok(out)
    }

    fn occupies(&self, address: u64) -> bool {
        let maps = self.child.as_ref().and_then(|c| std::fs::read_to_string(format!("/proc/{}/maps", c.pid)).ok()).unwrap_or_default();
        maps.lines().filter_map(range).any(|r| r.contains(&address))
    }
}

/// The addresses of a line of /proc/PID/maps.
fn range(line: &str) -> Option<std::ops::Range<u64>> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

impl Oracle for RealCpu {
    fn name(&self) -> &'static str {
        "real CPU"
    }

    fn run(&mut self, input: &Input) -> Result<Output, NoAnswer> {
        let mut out = Vec::new();
        self.run_some(&input.data, &[input.into()], &mut out)?;
        out.pop().map(|o| o.into_output(&input.data)).ok_or(NoAnswer::Unsupported("the child didn't run it"))
    }
}

impl Drop for RealCpu {
    fn drop(&mut self) {
        self.child = None;
        // SAFETY: mapped in `new`, and not used any more.
        unsafe { libc::munmap(self.shared.as_ptr().cast(), size_of::<Shared>()) };
    }
}

impl Child {
    /// Asks for a run and waits for its end; false if the child died or hangs.
    fn answers(&self) -> bool {
        let mut fd = libc::pollfd { fd: self.answer, events: libc::POLLIN, revents: 0 };
        let mut byte = 0u8;
        // SAFETY: one byte to write, one to read into.
        unsafe {
            libc::write(self.ask, ptr::from_ref(&byte).cast(), 1) == 1
                && libc::poll(&mut fd, 1, ANSWER_LIMIT) == 1
                && libc::read(self.answer, ptr::from_mut(&mut byte).cast(), 1) == 1
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        close(self.ask);
        close(self.answer);
        // SAFETY: our own child, not yet waited for.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, null_mut(), 0);
        }
    }
}

fn pipe() -> io::Result<(c_int, c_int)> {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((fds[0], fds[1]))
}

fn close(fd: c_int) {
    // SAFETY: a descriptor of our own.
    unsafe { libc::close(fd) };
}
