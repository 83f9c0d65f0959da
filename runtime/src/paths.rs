//! Paths of the guest: where they are on the host (with `--root`: [`crate::root`]), and /proc/self/exe, which is the guest's.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::errno::{Errno, SysResult};
use crate::root::in_root_at;
use crate::syscall::Fd;
use crate::task::Task;

/// What to give to one of the host's `*at` calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPath {
    /// The directory's descriptor, or AT_FDCWD.
    pub dir: i32,
    /// The path.
    pub path: CString,
}

impl HostPath {
    /// The path for a call, as a register.
    pub fn arg(&self) -> u64 {
        self.path.as_ptr() as u64
    }

    /// The directory for a call, as a register.
    pub const fn dir_arg(&self) -> u64 {
        self.dir as i64 as u64
    }
}

/// What becomes of a symbolic link at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// It is meant itself.
    Link,
    /// What it leads to is meant.
    Target,
    /// A name is meant that the call makes, whatever the host has under it.
    New,
}

impl Last {
    /// As the flags of an `*at` call have it.
    pub const fn of_flags(flags: u32) -> Self {
        Self::target_unless(flags & libc::AT_SYMLINK_NOFOLLOW as u32 != 0)
    }

    /// Of a call that follows a link but for a flag.
    pub const fn target_unless(no_follow: bool) -> Self {
        if no_follow { Self::Link } else { Self::Target }
    }
}

impl Task {
    /// Where the guest's `path`, relative to `dir`, is on the host. An empty path stays empty (AT_EMPTY_PATH).
    ///
    /// # Errors
    /// EBADF if `dir` is forklift's own descriptor.
    pub fn host_path(&self, dir: Fd, path: &CStr) -> SysResult<HostPath> {
        self.host_path_to(dir, path, Last::Link)
    }

    /// The same for a call that follows a link at the end, or not.
    ///
    /// # Errors
    /// EBADF if `dir` is forklift's own descriptor; ELOOP.
    pub fn host_path_to(&self, dir: Fd, path: &CStr, last: Last) -> SysResult<HostPath> {
        let dir = if path.to_bytes().first() == Some(&b'/') { libc::AT_FDCWD } else { self.fd(dir)? };
        let root = self.process.config.root.as_deref();
        if last == Last::Target && self.own_proc_entry(path) == Some(b"exe") {
            let exe = CString::new(self.process.program().exe.as_os_str().as_bytes()).map_err(|_| Errno::ENOENT)?;
            return in_root_at(root, dir, &exe, last);
        }
        in_root_at(root, dir, path, last)
    }

    /// The path that execve(2) or execveat(2) names, as the guest would write it: relative to the current directory or absolute.
    ///
    /// # Errors
    /// EBADF, ENOENT; ELOOP if `no_follow` and it is a link.
    pub fn host_exec_path(&self, dir: Fd, path: CString, no_follow: bool) -> SysResult<CString> {
        if let Some(exe) = self.own_exe_link(&path) {
            return c_path(exe);
        }
        if no_follow {
            let p = self.host_path(dir, &path)?;
            let mut st = core::mem::MaybeUninit::<libc::stat>::zeroed();
            // SAFETY: a string and a buffer of ours; all zeroes is a stat.
            let st = unsafe {
                Errno::check(libc::fstatat(p.dir, p.path.as_ptr(), st.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH))?;
                st.assume_init()
            };
            if st.st_mode & libc::S_IFMT == libc::S_IFLNK {
                return Err(Errno::ELOOP);
            }
        }
        if dir == Fd::CWD || path.to_bytes().first() == Some(&b'/') {
            return Ok(path);
        }
        // The new program may not have the descriptor any more: its path is better, if it has one.
        let link = PathBuf::from(format!("/proc/self/fd/{}", self.fd(dir)?));
        let target = std::fs::read_link(&link).map_err(|_| Errno::EBADF)?;
        let mut full = if target.is_absolute() && target.exists() { target } else { link }.into_os_string().into_vec();
        if !path.is_empty() {
            full.push(b'/');
            full.extend(path.to_bytes());
        }
        CString::new(full).map_err(|_| Errno::ENOENT)
    }

    /// The name below /proc/self (or /proc/PID of this process, or /proc/thread-self) that `path` names.
    pub fn own_proc_entry<'p>(&self, path: &'p CStr) -> Option<&'p [u8]> {
        let rest = path.to_bytes().strip_prefix(b"/proc/")?;
        let slash = rest.iter().position(|&b| b == b'/')?;
        let (who, entry) = (&rest[..slash], &rest[slash + 1..]);
        let own = match who {
            b"self" | b"thread-self" => true,
            _ => core::str::from_utf8(who).is_ok_and(|s| s.parse() == Ok(std::process::id())),
        };
        own.then_some(entry)
    }

    /// The target of /proc/self/exe, for readlink(2); `None` if `path` isn't that.
    pub fn own_exe_link(&self, path: &CStr) -> Option<PathBuf> {
        (self.own_proc_entry(path)? == b"exe").then(|| self.process.program().exe.clone())
    }
}

/// A path from bytes.
pub fn path_from(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path's bytes as a C string.
pub fn c_path(path: PathBuf) -> SysResult<CString> {
    CString::new(path.into_os_string().into_vec()).map_err(|_| Errno::ENOENT)
}
