//! Signals.
//!
//! * [`action`]: what the process does with each, and the host's dispositions that follow.
//! * [`host`]: the host's handlers, which queue a signal in the thread's inbox and tell the thread.
//! * [`deliver`]: from the inbox, or from a fault of the guest, to a handler or to death.
//! * [`frame`], [`fpstate`], [`info`]: what handlers find on the stack.
//!
//! **Masks.** The host thread's mask is the guest's, less SIGSEGV and SIGBUS ([`host_mask`](crate::task::host_mask)): pending signals, sigtimedwait, signalfd and the choice of a
//! thread are the host kernel's. From the moment a signal is in the inbox until it is delivered, all is blocked.
//!
//! **Where.** Signals are delivered between blocks and behind system calls. One that arrives before a call is made is delivered with `rip` at the gate, so
//! that no call runs under a mask that the guest believes to have changed.

pub mod action;
mod deliver;
mod fpstate;
mod frame;
mod host;
pub mod info;

pub(crate) use host::{Inbox, Kick, install_fault_handlers};

/// SS_ONSTACK, SS_DISABLE, SS_AUTODISARM of sigaltstack(2).
pub mod ss {
    /// In use.
    pub const ONSTACK: u32 = 1;
    /// There is none.
    pub const DISABLE: u32 = 2;
    /// It is forgotten while a handler runs on it.
    pub const AUTODISARM: u32 = 1 << 31;
}

/// A thread's alternate signal stack.
#[derive(Clone, Copy, Debug)]
pub struct AltStack {
    /// Its lowest address.
    pub sp: u64,
    /// `SS_*`.
    pub flags: u32,
    /// Unit: bytes.
    pub size: u64,
}

impl Default for AltStack {
    fn default() -> Self {
        Self { sp: 0, flags: ss::DISABLE, size: 0 }
    }
}

impl AltStack {
    /// Whether the thread runs on it.
    pub const fn contains(&self, sp: u64) -> bool {
        self.flags & ss::AUTODISARM == 0 && self.size != 0 && sp > self.sp && sp - self.sp <= self.size
    }

    const fn is_usable(&self) -> bool {
        self.size != 0
    }

    const fn autodisarm(&self) -> bool {
        self.flags & ss::AUTODISARM != 0
    }

    /// The flags that sigaltstack(2) reports for a thread with this stack pointer.
    pub const fn reported_flags(&self, sp: u64) -> u32 {
        let state = if self.size == 0 {
            ss::DISABLE
        } else if self.contains(sp) {
            ss::ONSTACK
        } else {
            0
        };
        state | self.flags & ss::AUTODISARM
    }

    /// What a frame's `uc_stack` gets.
    const fn saved(&self) -> [u64; 3] {
        [self.sp, self.flags as u64, self.size]
    }

    /// What sigreturn puts back, unless it is invalid or in use.
    fn restore(&mut self, old: Self, sp: u64) {
        let mode = old.flags & !ss::AUTODISARM;
        if self.contains(sp) || !matches!(mode, 0 | ss::ONSTACK | ss::DISABLE) {
            return;
        }
        *self = if mode == ss::DISABLE { Self { sp: 0, size: 0, flags: old.flags } } else { old };
    }
}

/// The last exception of a thread, as frames show it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Trap {
    /// Vector.
    pub number: u8,
    /// Error code.
    pub error_code: u32,
    /// Address of the last page fault.
    pub cr2: u64,
}

/// Ends the process by a signal, whatever its disposition.
pub fn die_by(sig: i32) -> ! {
    let _ = crate::host::set_disposition(sig, action::DFL, 0);
    crate::host::set_sigmask(!action::bit(sig));
    // SAFETY: the default action of a fatal signal follows; the exit is for those that have another one.
    unsafe {
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), sig);
        libc::_exit(128 + sig)
    }
}
