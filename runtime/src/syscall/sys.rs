//! Host system calls as the calls' bodies make them.
//!
//! # Invariants
//! 1. Pointers among the arguments come from [`ptr`] and [`ptr_mut`] (objects of forklift that live through the statement), from a [`PathArg`] or [`Text`], or from
//!    [`GuestMem::host_buf`](crate::mem::GuestMem::host_buf) and its relatives (memory of the guest, which no Rust reference points into).
//! 2. The object behind a pointer is of the host's type for that argument, and as long as the call says.
//! 3. No call made here changes forklift's own mappings, signal handlers or threads.

use std::ffi::CString;

use super::{Fd, Restart, Str};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mem::BAD_ADDRESS;
use crate::paths::{HostPath, Last};
use crate::task::Task;

/// The address of an object, for a call that reads it.
pub(super) fn ptr<T: ?Sized>(object: &T) -> u64 {
    (&raw const *object).cast::<u8>() as u64
}

/// The address of an object, for a call that writes it.
pub(super) fn ptr_mut<T: ?Sized>(object: &mut T) -> u64 {
    (&raw mut *object).cast::<u8>() as u64
}

/// The address of an object, or null.
pub(super) fn opt_ptr<T>(object: Option<&T>) -> u64 {
    object.map_or(0, ptr)
}

/// The address of an object that the call writes, or null.
pub(super) fn opt_ptr_mut<T>(object: Option<&mut T>) -> u64 {
    object.map_or(0, ptr_mut)
}

/// An `int` as a register.
pub(super) const fn int(v: i32) -> u64 {
    v as i64 as u64
}

const fn six<const N: usize>(args: [u64; N]) -> [u64; 6] {
    let mut all = [0; 6];
    let mut i = 0;
    while i < N {
        all[i] = args[i];
        i += 1;
    }
    all
}

/// A host system call that doesn't wait for anything but the disk.
///
/// # Errors
/// Those of the call.
pub(super) fn sys<const N: usize>(nr: i64, args: [u64; N]) -> SysResult {
    // SAFETY: invariants 1 to 3.
    unsafe { host::syscall(nr, six(args)) }
}

/// A host system call that may wait; see [`Task::block`].
///
/// # Errors
/// Those of the call, and the internal ones that make the dispatcher restart it.
pub(super) fn wait<const N: usize>(t: &mut Task, restart: Restart, nr: i64, args: [u64; N]) -> SysResult {
    // SAFETY: invariants 1 to 3.
    unsafe { t.block(restart, nr, six(args)) }
}

/// A string from the guest for a host call. One that can't be read becomes an address that the host can't read either, one that is too long a string that is too
/// long for the host, so that the kernel decides which of several errors it gives.
pub(super) enum Text {
    Read(CString),
    Unreadable,
    TooLong,
}

/// As long as a path without a final zero gets, and longer than all other strings.
static TOO_LONG: [u8; 4096] = [b'x'; 4096];

impl Text {
    /// From what reading gave.
    ///
    /// # Errors
    /// All but EFAULT and ENAMETOOLONG.
    pub(super) fn new(read: SysResult<CString>) -> SysResult<Self> {
        match read {
            Err(Errno::EFAULT) => Ok(Self::Unreadable),
            Err(Errno::ENAMETOOLONG) => Ok(Self::TooLong),
            r => r.map(Self::Read),
        }
    }

    /// The string as a register.
    pub(super) fn arg(&self) -> u64 {
        match self {
            Self::Read(s) => s.as_ptr() as u64,
            Self::Unreadable => BAD_ADDRESS,
            Self::TooLong => TOO_LONG.as_ptr() as u64,
        }
    }
}

/// A path from the guest for one of the host's `*at` calls; bad ones as with [`Text`].
pub(super) struct PathArg {
    dir: i32,
    path: Text,
}

impl PathArg {
    /// The path as a register.
    pub(super) fn arg(&self) -> u64 {
        self.path.arg()
    }

    /// The directory as a register.
    pub(super) const fn dir_arg(&self) -> u64 {
        int(self.dir)
    }
}

impl From<HostPath> for PathArg {
    fn from(p: HostPath) -> Self {
        Self { dir: p.dir, path: Text::Read(p.path) }
    }
}

impl From<Text> for PathArg {
    /// A string that is no path of the guest's.
    fn from(path: Text) -> Self {
        Self { dir: libc::AT_FDCWD, path }
    }
}

impl Task {
    /// Reads a path from the guest and says where it is on the host.
    ///
    /// # Errors
    /// ENAMETOOLONG, EBADF.
    pub(super) fn path(&self, dir: Fd, path: Str) -> SysResult<PathArg> {
        self.path_to(dir, path, Last::Link)
    }

    /// The same for a call that follows a link at the end, or not.
    ///
    /// # Errors
    /// ENAMETOOLONG, EBADF.
    pub(super) fn path_to(&self, dir: Fd, path: Str, last: Last) -> SysResult<PathArg> {
        self.path_arg(dir, self.mem.read_path(path.0), last)
    }

    /// The same for a path that was read already.
    ///
    /// # Errors
    /// ENAMETOOLONG, EBADF.
    pub(super) fn path_arg(&self, dir: Fd, read: SysResult<CString>, last: Last) -> SysResult<PathArg> {
        match Text::new(read)? {
            Text::Read(path) => Ok(self.host_path_to(dir, &path, last)?.into()),
            path => Ok(PathArg { dir: self.fd(dir)?, path }),
        }
    }
}
