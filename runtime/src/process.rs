//! A guest process: what its threads share.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use forklift_x86::{CpuModel, GuestAddr};

use crate::mem::AddressSpace;
use crate::signal::action::Actions;
use crate::syscall::Strace;
use crate::task::Task;

/// How a process is run; forked and exec'd children inherit it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Looked up first for every absolute path.
    pub root: Option<PathBuf>,
    /// What CPUID shows.
    pub model: CpuModel,
    /// Never compile.
    pub interpret_only: bool,
    /// Print statistics at exit.
    pub stats: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { root: None, model: CpuModel::V2, interpret_only: false, stats: false }
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
    pub strace: Strace,
    program: Mutex<Program>,
    personality: AtomicU32,
    sysenter_return: AtomicU64,
    sigreturn: [AtomicU64; 2],
    /// What it does with signals.
    pub actions: Actions,
}

impl Process {
    /// A process with this memory.
    pub fn new(space: Arc<AddressSpace>, config: Config, strace: Strace, actions: Actions) -> Self {
        Self { space, config, strace, program: Mutex::default(), personality: AtomicU32::new(0), sysenter_return: AtomicU64::new(0), sigreturn: Default::default(), actions }
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
    pub fn before_exit(&self, _t: &Task) {}
}
