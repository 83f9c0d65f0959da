//! Signals.
//!
//! [`host`] has the host's handlers.

mod host;

pub(crate) use host::install_fault_handlers;

/// Ends the process by a signal, whatever its disposition.
pub fn die_by(sig: i32) -> ! {
    // SAFETY: sets the default, unblocks, raises; only the default action can follow.
    unsafe {
        libc::signal(sig, libc::SIG_DFL);
        let mut set: libc::sigset_t = core::mem::zeroed();
        libc::sigaddset(&raw mut set, sig);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, core::ptr::null_mut());
        libc::raise(sig);
        libc::_exit(128 + sig)
    }
}
