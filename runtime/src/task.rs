//! A thread of the guest: its processor, its memory, its place among the others.

use core::ptr::NonNull;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forklift_interp::Interp;
use forklift_x86::{CpuState, GuestAddr};

use crate::abi::GuestPtr;
use crate::engine::ThreadJit;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mem::{Attention, CpuMem, GuestMem};
use crate::process::Process;
use crate::signal::action::UNBLOCKABLE;
use crate::signal::info::Info;
use crate::signal::{AltStack, Inbox, Trap};
use crate::syscall::Fd;

/// What `--stats` counts of one thread.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counters {
    /// System calls.
    pub syscalls: u64,
    /// Signals delivered.
    pub signals: u64,
    /// Guest instructions that the interpreter had executed when this process was forked off: its parent's.
    pub interpreted_before: u64,
    /// Time in system calls, if statistics are wanted.
    pub syscall_time: Duration,
}

/// What restart_syscall(2) goes on with.
#[derive(Clone, Copy, Debug)]
pub enum RestartBlock {
    /// A relative sleep.
    Sleep {
        /// Its clock.
        clock: i32,
        /// When it ends.
        deadline: libc::timespec,
        /// Where the time that is left goes when it is interrupted, or null.
        rem: GuestAddr,
        /// Whether that has 64-bit fields.
        wide: bool,
    },
    /// A futex wait.
    Futex {
        /// Arguments of the host's call but for the timeout.
        args: [u64; 6],
        /// When it ends.
        deadline: libc::timespec,
    },
}

/// A thread of the guest. A guest thread is a host thread, and its TID is the host's.
pub struct Task {
    pub(crate) cpu: Cpu,
    pub(crate) jit: Option<ThreadJit>,
    pub(crate) interp: Interp<CpuMem>,
    /// The last invalidation of translations that this thread has followed.
    pub(crate) epoch: u64,
    /// Guest memory; derefs to [`GuestMem`].
    pub mem: CpuMem,
    /// What the threads of the process share.
    pub process: Arc<Process>,
    /// Host and guest thread id.
    pub tid: i32,
    /// Why the thread must stop running guest code, if it must.
    pub attention: Arc<Attention>,
    /// The system call that the thread is in, or was in last.
    pub syscall: Option<u64>,
    /// The internal error with which the last call asked for a restart.
    pub restart: Option<Errno>,
    /// What restart_syscall(2) goes on with, if that is how the last call asked to be restarted (`ERESTART_RESTARTBLOCK`).
    pub restart_block: Option<RestartBlock>,
    /// Counters.
    pub counters: Counters,
    /// The guest's signal mask: bit n − 1 for signal n.
    pub sigmask: u64,
    /// The mask that the running call waits with (ppoll, sigsuspend), if it has one: handlers that interrupt it run under this one.
    pub wait_mask: Option<u64>,
    /// Signals that have arrived. Boxed: handlers point to it.
    pub(crate) inbox: Box<Inbox>,
    /// SIGSEGV and SIGBUS that were sent while the guest blocks them.
    pub(crate) held: Vec<Info>,
    /// The alternate signal stack.
    pub altstack: AltStack,
    /// The last exception.
    pub trap: Trap,
    /// Cleared, and a futex there woken, when the thread ends.
    pub clear_child_tid: GuestAddr,
    /// set_robust_list(2).
    pub robust_list: RobustList,
    /// Set once the thread has ended.
    exit_status: Option<i32>,
    keep_registers: bool,
}

/// A list of robust futexes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RobustList {
    /// Its head.
    pub head: GuestAddr,
    /// Whether its words are of 32 bits.
    pub is_32: bool,
}

// SAFETY: the inbox's pointers are used by the thread that the task runs on only.
unsafe impl Send for Task {}

/// The host blocks what the guest blocks, but for the signals that forklift's own accesses to guest memory raise.
pub const fn host_mask(guest: u64) -> u64 {
    guest & !(1 << (libc::SIGSEGV - 1) | 1 << (libc::SIGBUS - 1))
}

/// The attention bits of all threads of this process.
static ALL: Mutex<Vec<Arc<Attention>>> = Mutex::new(Vec::new());

/// Sets attention bits in all threads.
pub(crate) fn raise_all(bits: u32) {
    for a in ALL.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        a.raise(bits);
    }
}

/// Number of threads of this process.
pub(crate) fn thread_count() -> usize {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// In a child process: the thread with these attention bits is the only one.
pub(crate) fn forget_other_threads(own: &Arc<Attention>) {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).retain(|a| Arc::ptr_eq(a, own));
}

/// Keeps the list of threads from being changed.
pub(crate) fn lock_threads() -> MutexGuard<'static, Vec<Arc<Attention>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A processor: on the heap by itself, or inside of the JIT's state of its thread.
pub(crate) struct Cpu {
    at: NonNull<CpuState>,
    own: Option<Box<CpuState>>,
}

impl Cpu {
    fn new(cpu: CpuState) -> Self {
        let mut own = Box::new(cpu);
        Self { at: NonNull::from(&mut *own), own: Some(own) }
    }

    /// From now on the processor is that at `at`, whose state is the same.
    pub(crate) fn move_to(&mut self, at: *mut CpuState) {
        if let Some(at) = NonNull::new(at) {
            (self.at, self.own) = (at, None);
        }
    }

    /// Takes the processor out of where it lies.
    pub(crate) fn own(&mut self) {
        *self = Self::new((**self).clone());
    }
}

impl core::ops::Deref for Cpu {
    type Target = CpuState;

    fn deref(&self) -> &CpuState {
        // SAFETY: our box, or the state of the thread's JIT, which the task keeps as long.
        unsafe { self.at.as_ref() }
    }
}

impl core::ops::DerefMut for Cpu {
    fn deref_mut(&mut self) -> &mut CpuState {
        // SAFETY: as in `deref`; emitted code doesn't run meanwhile.
        unsafe { self.at.as_mut() }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.leave_jit();
        ALL.lock().unwrap_or_else(PoisonError::into_inner).retain(|a| !Arc::ptr_eq(a, &self.attention));
    }
}

impl Task {
    /// The first thread of a process, which runs on the calling host thread.
    pub fn new(process: Arc<Process>, cpu: CpuState) -> Self {
        let attention = Arc::new(Attention::default());
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(attention.clone());
        let mem = CpuMem::new(GuestMem::new(process.space().clone()), attention.clone());
        // SAFETY: no arguments.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        let inbox = Box::new(Inbox::new(attention.clone()));
        Self {
            cpu: Cpu::new(cpu),
            jit: None,
            interp: Interp::new(process.config.model, u32::MAX),
            epoch: process.space().epoch(),
            mem,
            process,
            tid,
            attention,
            syscall: None,
            restart: None,
            restart_block: None,
            counters: Counters::default(),
            sigmask: host::sigmask() & !UNBLOCKABLE,
            wait_mask: None,
            inbox,
            held: Vec::new(),
            altstack: AltStack::default(),
            trap: Trap::default(),
            clear_child_tid: GuestAddr::default(),
            robust_list: RobustList::default(),
            exit_status: None,
            keep_registers: false,
        }
    }

    /// Another thread of the process, or of one that shares its memory, in the same state.
    pub(crate) fn new_thread(&self) -> Self {
        let mut new = Self::new(self.process.clone(), (*self.cpu).clone());
        new.mem.tls = self.mem.tls;
        new.sigmask = self.sigmask;
        new.trap = self.trap;
        new
    }

    /// Marks the thread as ended; ends the process if it is the last one.
    pub(crate) fn end(&mut self, status: i32) {
        self.release_thread();
        if thread_count() == 1 {
            self.prepare_next_run();
            self.process.clone().before_exit(self);
            // SAFETY: ends the process.
            unsafe { libc::_exit(status) }
        }
        self.process.add_totals(&self.totals());
        self.exit_status = Some(status);
    }

    /// Whether the thread has ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.exit_status.is_some()
    }

    /// Status with which the thread has ended.
    pub(crate) fn exit_status(&self) -> i32 {
        self.exit_status.unwrap_or(0)
    }

    /// Leaves the host thread, which must not get signals for the guest any more.
    pub(crate) fn leave(self) {
        host::set_sigmask(host_mask(u64::MAX));
        Inbox::leave();
    }

    /// The processor.
    pub fn cpu(&self) -> &CpuState {
        &self.cpu
    }

    /// The processor.
    pub fn cpu_mut(&mut self) -> &mut CpuState {
        &mut self.cpu
    }

    /// Says that the running call has set all registers itself (sigreturn, execve): its result is not stored.
    pub fn set_keep_registers(&mut self) {
        self.keep_registers = true;
    }

    /// Whether the call has set the registers itself; asks only once.
    pub(crate) fn keep_registers(&mut self) -> bool {
        core::mem::take(&mut self.keep_registers)
    }

    /// Whether a signal waits to be delivered to this thread.
    pub fn signal_queued(&self) -> bool {
        self.attention.get() & Attention::SIGNAL != 0
    }

    /// The signal mask that a call like ppoll(2) waits with, for the host's call: read from `set`, which is of `size` bytes. `None` for a null pointer. The
    /// dispatcher forgets it when the call ends.
    ///
    /// # Errors
    /// EINVAL unless `size` is 8; EFAULT.
    pub fn sigmask_for_wait<A>(&mut self, set: GuestPtr<A, u64>, size: u64) -> SysResult<Option<u64>> {
        const UNBLOCKABLE: u64 = 1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1);
        if set.is_null() {
            return Ok(None);
        }
        if size != 8 {
            return Err(Errno::EINVAL);
        }
        let mask = self.mem.read(set)? & !UNBLOCKABLE;
        self.wait_mask = Some(mask);
        Ok(Some(host_mask(mask)))
    }

    /// The host's descriptor of a guest's: the same number, unless it is one of forklift's own.
    ///
    /// # Errors
    /// EBADF for those. Whether it is open, the host's call says.
    pub fn fd(&self, fd: Fd) -> SysResult<i32> {
        if self.process.is_own_fd(fd.0) { Err(Errno::EBADF) } else { Ok(fd.0) }
    }
}
