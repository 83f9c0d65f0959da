//! A guest process: what its threads share.

use std::ffi::{CString, OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use forklift_x86::{CpuModel, GuestAddr};

use crate::dump::Dump;
use crate::engine::background::Background;
use crate::hooks::Hooks;
use crate::loader::Places;
use crate::mem::AddressSpace;
use crate::perf;
use crate::signal::action::Actions;
use crate::stats::Totals;
use crate::syscall::Strace;
use crate::task::{Task, thread_count};

/// How a process is run; forked and exec'd children inherit it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Looked up first for every absolute path.
    pub root: Option<PathBuf>,
    /// The place of roots that one is taken from if there is none: see [`Places`].
    pub roots: Option<PathBuf>,
    /// What CPUID shows.
    pub model: CpuModel,
    /// Never compile.
    pub interpret_only: bool,
    /// Print statistics at exit.
    pub stats: bool,
    /// Where system calls are traced to.
    pub trace: Trace,
    /// Which blocks are printed when they are compiled.
    pub dump: Dump,
    /// What is written for perf(1), if anything.
    pub perf: Option<perf::Kind>,
    /// The directory of the persistent cache, if it is to be used.
    pub cache: Option<PathBuf>,
    /// Where order costs something: other threads may see accesses to vectors and floating-point numbers in another order.
    pub weak_vectors: bool,
}

/// Where `--strace` writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trace {
    /// Nowhere.
    #[default]
    Off,
    /// To standard error.
    Stderr,
    /// Appended to this file, an absolute path.
    File(PathBuf),
}

impl Config {
    /// Where programs are looked for.
    pub fn places(&self) -> Places<'_> {
        Places { root: self.root.as_deref(), roots: self.roots.as_deref() }
    }

    /// The options that make another forklift run a program in the same way.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        let mut option = |name: &str, value: &OsStr| {
            let mut arg = OsString::from(name);
            arg.push(value);
            args.push(arg);
        };
        if let Some(root) = &self.root {
            option("--root=", root.as_os_str());
        }
        if let Some(roots) = &self.roots {
            option("--roots=", roots.as_os_str());
        }
        option("--cpu=", OsStr::new(self.model.name()));
        match &self.trace {
            Trace::Off => {}
            Trace::Stderr => option("--strace", OsStr::new("")),
            Trace::File(path) => option("--strace=", path.as_os_str()),
        }
        if self.interpret_only {
            option("--interp", OsStr::new(""));
        }
        if self.dump.is_on() {
            option("-d", OsStr::new(&self.dump.to_string()));
        }
        if let Some(kind) = self.perf {
            option("--perf=", OsStr::new(kind.name()));
        }
        if let Some(dir) = &self.cache {
            option("--cache=", dir.as_os_str());
        }
        if self.weak_vectors {
            option("--weak-vectors", OsStr::new(""));
        }
        if self.stats {
            option("--stats", OsStr::new(""));
        }
        args
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: None,
            roots: None,
            model: CpuModel::V3,
            interpret_only: false,
            stats: false,
            trace: Trace::Off,
            dump: Dump::default(),
            perf: None,
            cache: None,
            weak_vectors: false,
        }
    }
}

/// What the program file was, as /proc/self and execve show it.
#[derive(Clone, Default, Debug)]
pub struct Program {
    /// Path of the executable, absolute, as the guest sees it.
    pub exe: PathBuf,
    /// Argument vector, for /proc/self/cmdline.
    pub argv: Vec<CString>,
    /// Auxiliary vector as bytes in the guest's layout.
    pub auxv: Vec<u8>,
    /// Where the arguments lie on the stack: start and end.
    pub arg_area: (u64, u64),
    /// Where the environment lies on the stack: start and end.
    pub env_area: (u64, u64),
    /// Top of the stack as the program found it.
    pub start_stack: u64,
    /// Start and end of code, start and end of data.
    pub code_data: [u64; 4],
}

/// PER_LINUX32 of personality(2).
const PER_LINUX32: u32 = 8;

/// A guest process.
pub struct Process {
    space: Arc<AddressSpace>,
    /// How it is run.
    pub config: Config,
    /// The trace of its system calls.
    pub strace: Arc<Strace>,
    program: Mutex<Program>,
    personality: AtomicU32,
    sysenter_return: AtomicU64,
    sigreturn: [AtomicU64; 2],
    /// What it does with signals.
    pub actions: Actions,
    /// What an embedder has put in between.
    pub hooks: Hooks,
    totals: Mutex<Totals>,
    /// For `--stats`. Unit: KiB.
    resident_at_start: AtomicU64,
}

impl Process {
    /// A process with this memory.
    pub fn new(space: Arc<AddressSpace>, config: Config, strace: Strace, actions: Actions) -> Self {
        Self {
            space,
            config,
            strace: Arc::new(strace),
            program: Mutex::default(),
            personality: AtomicU32::new(0),
            sysenter_return: AtomicU64::new(0),
            sigreturn: Default::default(),
            actions,
            hooks: Hooks::default(),
            totals: Mutex::default(),
            resident_at_start: AtomicU64::new(0),
        }
    }

    /// A process that shares the memory and nothing else (vfork).
    pub fn duplicate(&self) -> Self {
        let load = |a: &AtomicU64| AtomicU64::new(a.load(Ordering::Relaxed));
        Self {
            space: self.space.clone(),
            config: self.config.clone(),
            strace: self.strace.clone(),
            program: Mutex::new(self.program().clone()),
            personality: AtomicU32::new(self.personality.load(Ordering::Relaxed)),
            sysenter_return: load(&self.sysenter_return),
            sigreturn: [load(&self.sigreturn[0]), load(&self.sigreturn[1])],
            actions: self.actions.duplicate(),
            hooks: self.hooks.clone(),
            totals: Mutex::default(),
            resident_at_start: AtomicU64::new(0),
        }
    }

    /// Holds all locks that a forked child must find free, if there is another thread that could have one.
    pub fn lock_for_fork(&self) -> Option<impl Sized + '_> {
        let compiles = || self.space.existing_jit().and_then(|p| p.background()).is_some_and(Background::has_thread);
        if thread_count() == 1 && !compiles() {
            return None;
        }
        let program = self.program();
        let actions = self.actions.lock();
        let space = self.space.lock_for_fork();
        let totals = self.totals.lock();
        Some((program, actions, space, crate::task::lock_threads(), totals))
    }

    /// Its memory.
    pub const fn space(&self) -> &Arc<AddressSpace> {
        &self.space
    }

    /// What it runs.
    pub fn program(&self) -> MutexGuard<'_, Program> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// personality(2)'s word.
    pub const fn personality(&self) -> &AtomicU32 {
        &self.personality
    }

    /// Whether uname(2) must say i686.
    pub fn is_linux32(&self) -> bool {
        self.personality.load(Ordering::Relaxed) & 0xff == PER_LINUX32
    }

    /// Where SYSENTER returns to: behind the `int 0x80` of the vdso.
    pub fn sysenter_return(&self) -> GuestAddr {
        GuestAddr::new(self.sysenter_return.load(Ordering::Relaxed))
    }

    /// Where i386 handlers without a restorer return to: `__kernel_sigreturn` and `__kernel_rt_sigreturn`.
    pub fn sigreturn(&self) -> (u64, u64) {
        (self.sigreturn[0].load(Ordering::Relaxed), self.sigreturn[1].load(Ordering::Relaxed))
    }

    /// Sets where i386 handlers return to.
    pub fn set_sigreturn(&self, (old, rt): (u64, u64)) {
        self.sigreturn[0].store(old, Ordering::Relaxed);
        self.sigreturn[1].store(rt, Ordering::Relaxed);
    }

    /// Sets where SYSENTER returns to.
    pub fn set_sysenter_return(&self, addr: GuestAddr) {
        self.sysenter_return.store(addr.get(), Ordering::Relaxed);
    }

    /// Whether a descriptor is forklift's and must look closed to the guest.
    pub fn is_own_fd(&self, fd: i32) -> bool {
        self.strace.own_fd() == Some(fd)
    }

    /// What must be done before the whole process ends.
    pub fn before_exit(&self, t: &Task) {
        t.release_robust();
        t.save_cache();
        if self.config.stats {
            crate::stats::print(t);
        }
    }

    /// The guest is about to begin.
    pub fn begin(&self) {
        if self.config.stats {
            self.resident_at_start.store(crate::stats::resident(), Ordering::Relaxed);
        }
    }

    /// What was in memory then. Unit: KiB.
    pub fn resident_at_start(&self) -> u64 {
        self.resident_at_start.load(Ordering::Relaxed)
    }

    /// What threads have done that have ended.
    pub fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a child process: what ended before the fork was the parent's. Threads that are not there may have held the lock; then the sums stay.
    pub fn forget_totals(&self) {
        if let Ok(mut totals) = self.totals.try_lock() {
            *totals = Totals::default();
        }
    }

    /// Adds what a thread has done that ends.
    pub fn add_totals(&self, more: &Totals) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(more);
    }
}
