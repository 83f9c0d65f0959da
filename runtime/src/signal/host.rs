//! The host's signal handlers.
//!
//! **A signal for the guest** is queued in the thread's [`Inbox`], and the interrupted context gets a mask that blocks everything, so that whatever else is pending stays in
//! the host's kernel until the guest has been given this one. Hence one slot would do, but for SIGSEGV and SIGBUS, which stay unblocked and may be sent
//! by kill(2). The thread is told by its attention bit; one that is about to make a blocking call, or is in emitted code, is taken out of it.
//!
//! **A fault** is either an access to guest memory with a fixup, or one in emitted code, or a bug of forklift's.
//!
//! Everything here is async-signal-safe: no allocation, no lock that the interrupted code can hold.

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::info::Info;
use crate::host::{context_pc, context_sigmask, interrupted_syscall, set_context_pc, set_disposition};
use crate::mem::{Attention, access};
use crate::task::host_mask;

/// Slots: one for the signal of which the handler blocks all others, the rest for SIGSEGV and SIGBUS that are sent.
const SLOTS: usize = 4;

/// Signals that have arrived at a host thread and not yet at its guest thread.
///
/// # Invariants
/// 1. Only this thread and its signal handlers touch `slots`: the handlers fill slot `count` and then count, the thread takes all with signals blocked.
pub struct Inbox {
    attention: Arc<Attention>,
    slots: UnsafeCell<[Info; SLOTS]>,
    count: AtomicU32,
    /// Called in the handler with the interrupted context, to take the thread out of emitted code.
    pub(crate) kick: Cell<Option<Kick>>,
}

/// What a handler calls to take a thread out of emitted code, and its argument.
#[derive(Clone, Copy)]
pub(crate) struct Kick {
    /// Asynchronous: leave soon.
    pub soon: unsafe fn(*const (), &mut libc::ucontext_t),
    /// A fault: whether it was one of emitted code, which the context now leaves.
    pub fault: unsafe fn(*const (), &mut libc::ucontext_t, &libc::siginfo_t) -> bool,
    /// The argument.
    pub data: *const (),
}

thread_local! {
    /// The inbox of this host thread. No destructor, so that a handler may read it at any time.
    static INBOX: Cell<*const Inbox> = const { Cell::new(core::ptr::null()) };
}

impl Inbox {
    /// An empty one for the thread with these attention bits.
    pub fn new(attention: Arc<Attention>) -> Self {
        Self { attention, slots: UnsafeCell::new([Info([0; 128]); SLOTS]), count: AtomicU32::new(0), kick: Cell::new(None) }
    }

    /// Makes this the inbox of the calling host thread. It must live as long as signals may come.
    pub fn enter(&self) {
        INBOX.set(self);
    }

    /// Makes the calling host thread have none.
    pub fn leave() {
        INBOX.set(core::ptr::null());
    }

    /// What has arrived. Call with all signals blocked.
    pub fn take(&self) -> Vec<Info> {
        let n = self.count.swap(0, Ordering::SeqCst) as usize;
        self.attention.take(Attention::SIGNAL);
        // SAFETY: invariant 1.
        unsafe { (&(*self.slots.get()))[..n.min(SLOTS)].to_vec() }
    }

    /// Adds a signal. In a handler, or with all signals blocked.
    pub(super) fn put(&self, info: Info) {
        let n = self.count.load(Ordering::SeqCst) as usize;
        if n < SLOTS {
            // SAFETY: invariant 1; handlers run with all signals blocked.
            unsafe { (&mut (*self.slots.get()))[n] = info };
            self.count.store(n as u32 + 1, Ordering::SeqCst);
        }
        self.attention.raise(Attention::SIGNAL);
    }
}

/// Address of the handler for signals that the guest handles.
pub(super) fn handler() -> u64 {
    on_signal as *const () as u64
}

/// Installs the handler of SIGSEGV and SIGBUS, on which every access to guest memory rests.
pub(crate) fn install_fault_handlers() {
    for sig in [libc::SIGSEGV, libc::SIGBUS] {
        // The two can't fail: the signals exist.
        let _ = set_disposition(sig, on_fault as *const () as u64, 0);
    }
}

unsafe extern "C" fn on_fault(sig: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes both.
    let (cx, si) = unsafe { (&mut *context.cast::<libc::ucontext_t>(), &*info) };
    if si.si_code <= 0 {
        // SAFETY: as above.
        return unsafe { on_signal(sig, info, context) };
    }
    if let Some(to) = access::fixup(context_pc(cx)) {
        return set_context_pc(cx, to);
    }
    // SAFETY: null or valid, see `enter`.
    let kick = unsafe { INBOX.get().as_ref() }.and_then(|i| i.kick.get());
    // SAFETY: whoever set the kick promises that its argument is valid.
    if kick.is_some_and(|k| unsafe { (k.fault)(k.data, cx, si) }) {
        return;
    }
    // A bug of forklift's: die where it happened.
    let _ = set_disposition(sig, super::action::DFL, 0);
}

unsafe extern "C" fn on_signal(sig: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes both; siginfo_t is 128 bytes.
    let (cx, si, info) = unsafe { (&mut *context.cast::<libc::ucontext_t>(), &*info, Info(*info.cast::<[u8; 128]>())) };
    // SAFETY: null or valid, see `enter`.
    let Some(inbox) = (unsafe { INBOX.get().as_ref() }) else { return };
    // An arithmetic exception in direct code, or an instruction that this host's CPU hasn't got in just this form: the interpreter finds out. Without a handler of
    // the guest's, the host's kernel does what is due.
    // SAFETY: whoever set the kick promises that its argument is valid.
    if matches!(sig, libc::SIGFPE | libc::SIGILL) && si.si_code > 0 && inbox.kick.get().is_some_and(|k| unsafe { (k.fault)(k.data, cx, si) }) {
        return;
    }
    inbox.put(info);
    *context_sigmask(cx) = host_mask(u64::MAX);
    if let Some(to) = interrupted_syscall(context_pc(cx)) {
        set_context_pc(cx, to);
    }
    if let Some(k) = inbox.kick.get() {
        // SAFETY: whoever set the kick promises that its argument is valid.
        unsafe { (k.soon)(k.data, cx) };
    }
}
