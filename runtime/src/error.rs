//! What forklift itself could not do, told with what, where, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::errno::Errno;

/// A failure of forklift, not of the guest.
#[derive(Debug, Error)]
pub enum Error {
    /// A program can't be executed; the kernel would have said `errno`.
    #[error("{path}: {why}", path = path.display())]
    Exec {
        /// The program, script or interpreter in question.
        path: PathBuf,
        /// The kernel's error.
        errno: Errno,
        /// The reason in words.
        why: String,
        /// Whether the kernel finds out only when the old program is gone, so that it kills the new one by SIGSEGV.
        fatal: bool,
    },
    /// There is no JIT for this host.
    #[error("can't compile: {0}; try --interp")]
    Jit(String),
    /// The host's pages are larger than the guest's.
    #[error("this machine's memory pages have {0} bytes; forklift needs a kernel with pages of 4096 bytes")]
    PageSize(u64),
    /// The host refused something that forklift needs.
    #[error("{what}: {errno}")]
    Host {
        /// What was tried.
        what: &'static str,
        /// The host's error.
        errno: Errno,
    },
}

impl Error {
    /// A refusal to execute `path`.
    pub fn exec(path: impl Into<PathBuf>, errno: Errno, why: impl Into<String>) -> Self {
        Self::Exec { path: path.into(), errno, why: why.into(), fatal: false }
    }

    /// The same, found out too late for the old program.
    pub fn fatal(path: impl Into<PathBuf>, errno: Errno, why: impl Into<String>) -> Self {
        Self::Exec { path: path.into(), errno, why: why.into(), fatal: true }
    }

    /// The error number behind it.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Exec { errno, .. } | Self::Host { errno, .. } => *errno,
            Self::Jit(_) | Self::PageSize(_) => Errno::ENOSYS,
        }
    }
}
