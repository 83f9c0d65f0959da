//! The host's signal handlers.

use crate::host::{context_pc, set_context_pc};
use crate::mem::access;

/// Installs the handler of SIGSEGV and SIGBUS, on which every access to guest memory rests.
pub(crate) fn install_fault_handlers() {
    for sig in [libc::SIGSEGV, libc::SIGBUS] {
        install(sig, on_fault);
    }
}

type Handler = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

fn install(sig: i32, handler: Handler) {
    // SAFETY: all zeroes is a sigaction; the handlers of this module are async-signal-safe.
    unsafe {
        let mut act: libc::sigaction = core::mem::zeroed();
        act.sa_sigaction = handler as usize;
        act.sa_flags = libc::SA_SIGINFO;
        libc::sigfillset(&raw mut act.sa_mask);
        libc::sigaction(sig, &raw const act, core::ptr::null_mut());
    }
}

unsafe extern "C" fn on_fault(sig: i32, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a context.
    let cx = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    match access::fixup(context_pc(cx)) {
        Some(to) => set_context_pc(cx, to),
        // A bug of forklift's: die where it happened.
        None => unsafe {
            libc::signal(sig, libc::SIG_DFL);
        },
    }
}
