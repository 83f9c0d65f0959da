//! New threads and processes.
//!
//! * **Thread** (CLONE_THREAD): a host thread with a [`Task`] of its own; the process is shared.
//! * **fork**: the host's fork. Everything is copied; only the calling thread is there.
//! * **vfork** (CLONE_VM | CLONE_VFORK): a host process that shares this one's memory, forklift's included, while the caller waits. It has its own [`Task`], its own stack on the host, and,
//!   without CLONE_SIGHAND, its own signal actions. It uses the caller's thread-local storage, which is safe as the caller stands still.
//! * **Shared memory alone** (CLONE_VM): the same, but for who waits: a host thread that does nothing else, whose thread-local storage the child uses. The
//!   last guest thread of the parent that ends by exit(2) leaves the parent's process until the child ends; exit_group(2) does not wait.
//!
//! All signals are blocked from before the copy is made until both sides are consistent again.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Once};

use forklift_x86::{GuestAddr, Seg};

use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::process::Process;
use crate::segments::UserDesc;
use crate::task::{Counters, Task, forget_other_threads};

/// What clone(2) and clone3(2) are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloneArgs {
    /// `CLONE_*`, without the signal.
    pub flags: u64,
    /// The signal that the parent gets when the child ends.
    pub exit_signal: u64,
    /// Stack pointer of the child, or 0 for the parent's.
    pub stack: u64,
    /// Where the child's TID is stored in the parent.
    pub parent_tid: GuestAddr,
    /// Where it is stored in the child, and cleared at its end.
    pub child_tid: GuestAddr,
    /// Thread pointer: an address, or on i386 that of a `struct user_desc`.
    pub tls: GuestAddr,
    /// Where a descriptor of the child is stored.
    pub pidfd: GuestAddr,
    /// The ids that the child is to have in its PID namespace and the outer ones.
    pub set_tid: [i32; MAX_PID_NS_LEVEL],
    /// How many those are.
    pub set_tid_size: usize,
    /// Descriptor of the control group that it begins in.
    pub cgroup: u64,
}

/// PID namespaces are nested no deeper.
pub const MAX_PID_NS_LEVEL: usize = 32;

/// `CLONE_*` as numbers of 64 bits.
mod flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x1_0000;
    pub const NEWNS: u64 = 0x2_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const NEWUSER: u64 = 0x1000_0000;
    pub const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    pub const INTO_CGROUP: u64 = 0x2_0000_0000;
    /// What the host's call for a process gets.
    pub const HOST: u64 = FS | FILES | VFORK | PARENT | NEWNS | 0x400_0000 | 0x800_0000 | NEWUSER | 0x2000_0000 | 0x4000_0000 | 0x8000_0000 | 0x200_0000;
}

/// Stack of a host thread that runs a guest thread, and of a vfork child. Only what is touched takes memory. Unit: bytes.
const HOST_STACK: usize = 2 << 20;

impl CloneArgs {
    const fn has(&self, f: u64) -> bool {
        self.flags & f != 0
    }

    /// EINVAL for combinations that the kernel refuses, and those that can't be had here.
    fn check(&self) -> SysResult<()> {
        let bad = (self.has(flag::THREAD) && !self.has(flag::SIGHAND))
            || (self.has(flag::SIGHAND) && !self.has(flag::VM))
            || (self.has(flag::NEWNS) && self.has(flag::FS))
            || (self.has(flag::NEWUSER) && self.has(flag::FS))
            || (self.has(flag::CLEAR_SIGHAND) && self.has(flag::SIGHAND))
            || (self.has(flag::PIDFD) && self.has(flag::THREAD | flag::DETACHED))
            || (self.has(flag::PIDFD) && self.has(flag::PARENT_SETTID) && self.pidfd == self.parent_tid)
            || self.exit_signal > 64;
        // What only clone3 can do is done for processes that don't share memory.
        let unsupported = self.has(flag::VM) && (self.has(flag::INTO_CGROUP) || self.set_tid_size > 0);
        if bad || unsupported { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

impl Task {
    /// clone(2): makes a thread or a process; returns its id, and 0 in it.
    ///
    /// # Errors
    /// Those of the man page.
    pub(crate) fn clone_task<A: Abi>(&mut self, args: &CloneArgs) -> SysResult {
        args.check()?;
        let old = host::set_sigmask(crate::task::host_mask(u64::MAX));
        let result = if self.signal_queued() {
            Err(Errno::ERESTARTNOINTR)
        } else if args.has(flag::THREAD) {
            self.clone_thread::<A>(args)
        } else if args.has(flag::VM) && args.has(flag::VFORK) {
            self.clone_vfork::<A>(args)
        } else if args.has(flag::VM) {
            self.clone_sharing::<A>(args)
        } else {
            self.clone_fork::<A>(args)
        };
        if !self.signal_queued() {
            host::set_sigmask(old);
        }
        result
    }

    /// Registers of the child, as it finds them.
    fn prepare_child<A: Abi>(&mut self, args: &CloneArgs) -> SysResult<()> {
        self.set_stack(args.stack);
        self.cpu_mut().set(forklift_x86::Gpr::Rax, 0);
        if args.has(flag::SETTLS) {
            if A::IS_32 {
                let desc = self.mem.read(GuestPtr::<A, UserDesc>::new(args.tls))?;
                self.set_tls(desc)?;
            } else {
                let cpu = self.cpu_mut();
                (cpu.seg_sel[Seg::Fs.index()], cpu.seg_base[Seg::Fs.index()]) = (0, args.tls.get());
            }
        }
        if args.has(flag::CHILD_CLEARTID) {
            self.clear_child_tid = args.child_tid;
        }
        if args.has(flag::CLEAR_SIGHAND) {
            self.process.actions.clear_handlers();
        }
        Ok(())
    }

    fn store_tid(&self, to: GuestAddr, tid: i32) {
        // Like the kernel: an address that can't be written is the guest's problem.
        let _ = self.mem.write_bytes(to, &tid.to_le_bytes());
    }

    fn clone_thread<A: Abi>(&mut self, args: &CloneArgs) -> SysResult {
        self.process.space().order();
        let mut child = self.new_thread();
        child.prepare_child::<A>(args)?;
        let (send, receive) = sync_channel(1);
        let args = *args;
        let body = move || {
            let mut child = child;
            // The C library's thread start leaves signal 32 unblocked; the guest's mask comes with `run`.
            host::set_sigmask(u64::MAX);
            keep_sigsetxid(&child.process);
            // SAFETY: no arguments.
            child.tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
            let unshare = [(flag::FS, libc::CLONE_FS), (flag::FILES, libc::CLONE_FILES)];
            for (_, host) in unshare.into_iter().filter(|&(f, _)| !args.has(f)) {
                // SAFETY: no memory.
                unsafe { libc::unshare(host) };
            }
            if args.has(flag::PARENT_SETTID) {
                child.store_tid(args.parent_tid, child.tid);
            }
            if args.has(flag::CHILD_SETTID) {
                child.store_tid(args.child_tid, child.tid);
            }
            // The parent waits for it.
            let _ = send.send(child.tid);
            drop(send);
            child.run();
            child.leave();
        };
        std::thread::Builder::new().stack_size(HOST_STACK).spawn(body).map_err(|_| Errno::EAGAIN)?;
        receive.recv().map(|tid| tid as u64).map_err(|_| Errno::EAGAIN)
    }

    fn clone_fork<A: Abi>(&mut self, args: &CloneArgs) -> SysResult {
        let mut pidfd = -1i32;
        let pid = {
            let process = self.process.clone();
            let _locks = process.lock_for_fork();
            host_fork(args, &mut pidfd)?
        };
        if pid == 0 {
            self.after_fork();
            self.prepare_child::<A>(args)?;
            if args.has(flag::CHILD_SETTID) {
                self.store_tid(args.child_tid, self.tid);
            }
            return Ok(0);
        }
        self.finish_parent(args, pid, pidfd);
        Ok(pid as u64)
    }

    fn finish_parent(&self, args: &CloneArgs, pid: i32, pidfd: i32) {
        if args.has(flag::PARENT_SETTID) {
            self.store_tid(args.parent_tid, pid);
        }
        if args.has(flag::PIDFD) {
            self.store_tid(args.pidfd, pidfd);
        }
    }

    /// In a child process: only this thread is there.
    fn after_fork(&mut self) {
        // SAFETY: no arguments.
        self.tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        forget_other_threads(&self.attention);
        self.clear_child_tid = GuestAddr::default();
        self.robust_list = Default::default();
        self.held.clear();
        self.counters = Counters { interpreted_before: self.interp.executed(), ..Counters::default() };
        self.process.forget_totals();
        self.process.space().lock_future.store(0, Ordering::Relaxed);
        self.engine_after_fork();
    }

    fn clone_vfork<A: Abi>(&mut self, args: &CloneArgs) -> SysResult {
        // Emulators that run forklift make this a fork, where a thread that the child hasn't got must have no locks.
        self.stop_compiling();
        let mut child = self.new_thread();
        if !args.has(flag::SIGHAND) {
            child.process = Arc::new(self.process.duplicate());
        }
        child.prepare_child::<A>(args)?;
        let stack = HostStack::new()?;
        let mut start = Start { child: Box::new(child), args: *args, tell: None };
        let mut pidfd = -1i32;
        let flags = (args.flags & flag::HOST | flag::VM | flag::VFORK | args.flags & flag::PIDFD) as i32 | args.exit_signal as i32;
        // SAFETY: the child runs `vfork_child` on its own stack while this thread stands still in the call, so `start` outlives it.
        let pid = unsafe { libc::clone(vfork_child, stack.top(), flags, (&raw mut start).cast(), &raw mut pidfd) };
        let error = Errno::last();
        self.inbox.enter();
        if pid < 0 {
            return Err(error);
        }
        self.finish_parent(args, pid, pidfd);
        Ok(pid as u64)
    }

    /// A process that shares memory and runs at the same time: a host thread waits for it in our place.
    fn clone_sharing<A: Abi>(&mut self, args: &CloneArgs) -> SysResult {
        self.process.space().order();
        let mut child = self.new_thread();
        if !args.has(flag::SIGHAND) {
            child.process = Arc::new(self.process.duplicate());
        }
        child.prepare_child::<A>(args)?;
        let flags = (args.flags & flag::HOST | flag::VM | flag::VFORK | args.flags & flag::PIDFD) as i32 | args.exit_signal as i32;
        let (tell, told) = sync_channel(2);
        let pidfd = Arc::new(AtomicI32::new(-1));
        let (pidfd_out, failed) = (pidfd.clone(), tell.clone());
        let mut start = Start { child: Box::new(child), args: *args, tell: Some(tell) };
        let process = self.process.clone();
        let wait = move || {
            host::set_sigmask(u64::MAX);
            keep_sigsetxid(&process);
            let stack = match HostStack::new() {
                Ok(s) => s,
                Err(e) => {
                    let _ = failed.try_send(Err(e));
                    return;
                }
            };
            // SAFETY: as in `clone_vfork`, with this thread as the one that stands still.
            let pid = unsafe { libc::clone(vfork_child, stack.top(), flags, (&raw mut start).cast(), pidfd_out.as_ptr()) };
            // The child has told its number, unless there is none, or it was killed before.
            let _ = failed.try_send(if pid < 0 { Err(Errno::last()) } else { Ok(pid) });
        };
        std::thread::Builder::new().stack_size(WAITER_STACK).spawn(wait).map_err(|_| Errno::EAGAIN)?;
        let pid = told.recv().map_err(|_| Errno::EAGAIN)??;
        self.finish_parent(args, pid, pidfd.load(Ordering::SeqCst));
        Ok(pid as u64)
    }
}

/// The C library's signal for setuid(2) of all threads. The first thread that it starts makes it take the disposition, which is the guest's.
const SIGSETXID: i32 = 33;

/// To be called when a host thread has been started: makes [`SIGSETXID`] the guest's again.
pub(crate) fn keep_sigsetxid(process: &Process) {
    static FIRST_THREAD: Once = Once::new();
    FIRST_THREAD.call_once(|| process.actions.reassert(SIGSETXID));
}

/// Stack of the host thread that waits for a process that shares memory. Unit: bytes.
const WAITER_STACK: usize = 128 << 10;

/// What a child that shares memory starts with. Lies on the stack of who waits for it.
struct Start {
    child: Box<Task>,
    args: CloneArgs,
    /// Where it tells its number, if the parent doesn't wait.
    tell: Option<SyncSender<SysResult<i32>>>,
}

extern "C" fn vfork_child(start: *mut libc::c_void) -> i32 {
    // SAFETY: from `clone_vfork` or `clone_sharing`, which waits.
    let start = unsafe { &mut *start.cast::<Start>() };
    let child = &mut *start.child;
    // SAFETY: no arguments.
    child.tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    if start.args.has(flag::CHILD_SETTID) {
        child.store_tid(start.args.child_tid, child.tid);
    }
    if let Some(tell) = start.tell.take() {
        let _ = tell.send(Ok(child.tid));
    }
    child.run();
    // SAFETY: ends this process alone, without running what the parent has registered for its own end.
    unsafe { libc::_exit(child.exit_status()) }
}

/// A stack for a vfork child.
struct HostStack(*mut libc::c_void);

impl HostStack {
    fn new() -> SysResult<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a new mapping.
        let p = unsafe { libc::mmap(core::ptr::null_mut(), HOST_STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if p == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Self(p)) }
    }

    fn top(&self) -> *mut libc::c_void {
        // SAFETY: the end of the mapping.
        unsafe { self.0.byte_add(HOST_STACK) }
    }
}

impl Drop for HostStack {
    fn drop(&mut self) {
        // SAFETY: our mapping; the child has gone to another program or ended.
        unsafe { libc::munmap(self.0, HOST_STACK) };
    }
}

/// The host's fork: the C library's where it will do, as it takes care of the allocator's locks.
fn host_fork(args: &CloneArgs, pidfd: &mut i32) -> SysResult<i32> {
    let host_flags = args.flags & flag::HOST;
    if host_flags == 0 && args.exit_signal == libc::SIGCHLD as u64 && !args.has(flag::PIDFD) && !args.has(flag::INTO_CGROUP) && args.set_tid_size == 0 {
        // SAFETY: other threads' locks are held by `lock_for_fork`.
        return Errno::check(unsafe { libc::fork() }).map(|pid| pid as i32);
    }
    let flags = host_flags | args.flags & flag::PIDFD | args.exit_signal;
    if args.has(flag::INTO_CGROUP) || args.set_tid_size > 0 {
        let flags = host_flags | args.flags & (flag::PIDFD | flag::INTO_CGROUP);
        let pidfd = core::ptr::from_mut(pidfd) as u64;
        let tids = if args.set_tid_size > 0 { args.set_tid.as_ptr() as u64 } else { 0 };
        let words = [flags, pidfd, 0, 0, args.exit_signal, 0, 0, 0, tids, args.set_tid_size as u64, args.cgroup];
        // SAFETY: as below.
        return unsafe { host::syscall(libc::SYS_clone3, [words.as_ptr() as u64, size_of_val(&words) as u64, 0, 0, 0, 0]) }.map(|pid| pid as i32);
    }
    // SAFETY: as above; the child goes on with a copy of this stack.
    unsafe { host::syscall(libc::SYS_clone, [flags, 0, core::ptr::from_mut(pidfd) as u64, 0, 0, 0]) }.map(|pid| pid as i32)
}
