//! What a process does with each signal, and the host's dispositions that follow from it.
//!
//! A signal that the guest handles gets forklift's handler on the host; one that it ignores or leaves alone is ignored or left alone on the host too, so that
//! stopping, continuing and dying are the host kernel's business. SIGSEGV and SIGBUS always have forklift's handler.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::errno::{Errno, SysResult};
use crate::host;

/// Highest signal number.
pub const NSIG: i32 = 64;

/// SIG_DFL and SIG_IGN.
pub const DFL: u64 = 0;
/// See [`DFL`].
pub const IGN: u64 = 1;

/// Flags of sigaction(2), the same on all hosts.
pub mod sa {
    /// No SIGCHLD for stopped children.
    pub const NOCLDSTOP: u64 = 1;
    /// No zombies.
    pub const NOCLDWAIT: u64 = 2;
    /// The handler gets three arguments.
    pub const SIGINFO: u64 = 4;
    /// The restorer is there.
    pub const RESTORER: u64 = 0x0400_0000;
    /// On the alternate stack.
    pub const ONSTACK: u64 = 0x0800_0000;
    /// Restart calls.
    pub const RESTART: u64 = 0x1000_0000;
    /// The signal isn't blocked in its handler.
    pub const NODEFER: u64 = 0x4000_0000;
    /// Back to the default when delivered.
    pub const RESETHAND: u64 = 0x8000_0000;
}

/// A signal's action as the guest has set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Address of the handler, [`DFL`] or [`IGN`].
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Address of the code that returns from the handler.
    pub restorer: u64,
    /// Signals blocked while the handler runs.
    pub mask: u64,
}

/// The bit of a signal in a mask.
pub const fn bit(sig: i32) -> u64 {
    1 << (sig - 1)
}

/// Signals that can't be caught or blocked.
pub const UNBLOCKABLE: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP);

/// Signals that forklift handles itself whatever the guest does.
pub const fn is_ours(sig: i32) -> bool {
    matches!(sig, libc::SIGSEGV | libc::SIGBUS)
}

/// Whether the default action is to ignore the signal (or to continue).
pub const fn ignored_by_default(sig: i32) -> bool {
    matches!(sig, libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH)
}

/// The actions of a process.
pub struct Actions(Mutex<[Action; NSIG as usize + 1]>);

impl Actions {
    /// What this process inherited: ignored signals are ignored, all others have their default.
    pub fn inherited() -> Self {
        let mut all = [Action::default(); NSIG as usize + 1];
        for (sig, a) in (1..=NSIG).zip(&mut all[1..]) {
            if host::disposition(sig) == IGN {
                a.handler = IGN;
            }
        }
        Self(Mutex::new(all))
    }

    /// A copy, for a child that shares memory but not actions.
    pub fn duplicate(&self) -> Self {
        Self(Mutex::new(*self.lock()))
    }

    /// The table, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, [Action; NSIG as usize + 1]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// CLONE_CLEAR_SIGHAND: handled signals get their default back.
    pub fn clear_handlers(&self) {
        for sig in 1..=NSIG {
            if self.get(sig).handler > IGN {
                // The signal exists.
                let _ = self.set(sig, Action::default());
            }
        }
    }

    /// The action of a valid signal.
    pub fn get(&self, sig: i32) -> Action {
        self.lock()[sig as usize]
    }

    /// Sets the action of a valid signal, on the host too; returns the old one.
    ///
    /// # Errors
    /// Those of the host.
    pub fn set(&self, sig: i32, new: Action) -> SysResult<Action> {
        let mut all = self.lock();
        tell_host(sig, &new)?;
        Ok(core::mem::replace(&mut all[sig as usize], new))
    }

    /// Sets the host's disposition of a valid signal once more, which something other than the guest has changed.
    pub(crate) fn reassert(&self, sig: i32) {
        let all = self.lock();
        // It has been set so before.
        let _ = tell_host(sig, &all[sig as usize]);
    }

    /// The action of a signal that is about to be delivered; SA_RESETHAND takes effect.
    pub fn take(&self, sig: i32) -> Action {
        let action = self.get(sig);
        if action.flags & sa::RESETHAND != 0 && action.handler > IGN {
            let _ = self.set(sig, Action { handler: DFL, ..action });
        }
        action
    }
}

/// Gives the host the disposition that follows from an action.
fn tell_host(sig: i32, action: &Action) -> SysResult<()> {
    if is_ours(sig) {
        return Ok(());
    }
    let flags = action.flags & (sa::NOCLDSTOP | sa::NOCLDWAIT);
    let handler = if action.handler > IGN { super::host::handler() } else { action.handler };
    host::set_disposition(sig, handler, flags)
}

/// EINVAL unless `sig` is a signal.
///
/// # Errors
/// EINVAL.
pub const fn check(sig: i32) -> SysResult<()> {
    if sig >= 1 && sig <= NSIG { Ok(()) } else { Err(Errno::EINVAL) }
}
