//! Paths of the guest: `--root` is looked up first, and what /proc says about the process is the guest's.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::errno::{Errno, SysResult};
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
}

impl Last {
    /// As the flags of an `*at` call have it.
    pub const fn of_flags(flags: u32) -> Self {
        if flags & libc::AT_SYMLINK_NOFOLLOW as u32 != 0 { Self::Link } else { Self::Target }
    }
}

/// The kernel follows no more in one path.
const MAX_LINKS: u32 = 40;

/// Where an absolute path of the guest is: in `root` if there is something, else as the host has it. Links in `root` lead to where they lead for the guest, and
/// there is nothing above it. Relative paths stay: the current directory is the host's.
///
/// # Errors
/// ELOOP.
pub fn in_root(root: Option<&Path>, path: &CStr, last: Last) -> SysResult<CString> {
    let Some(root) = root.filter(|_| path.to_bytes().first() == Some(&b'/')) else { return Ok(path.to_owned()) };
    match look_up(root, path.to_bytes(), last)? {
        Some(found) => CString::new(found).map_err(|_| Errno::ENOENT),
        None => Ok(path.to_owned()),
    }
}

/// Goes through `path` from `root` on, name by name. `None`: as it is, on the host.
fn look_up(root: &Path, path: &[u8], last: Last) -> SysResult<Option<Vec<u8>>> {
    let names = |p: &[u8]| p.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
    let on_host = |at: &[u8]| PathBuf::from(OsString::from_vec([root.as_os_str().as_bytes(), at].concat()));
    let (mut todo, mut at, mut links) = (names(path), Vec::new(), 0);
    while let Some(name) = todo.pop() {
        let end = at.len();
        match &name[..] {
            b"" | b"." => continue,
            b".." if on_host(&at).is_dir() => {
                at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0));
                continue;
            }
            _ => at.extend([b"/", &name[..]].concat()),
        }
        match std::fs::read_link(on_host(&at)) {
            Ok(target) if last == Last::Target || !todo.is_empty() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                let target = target.into_os_string().into_vec();
                at.truncate(if target.first() == Some(&b'/') { 0 } else { end });
                todo.extend(names(&target));
            }
            // There, and no link.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {}
            Ok(_) => {}
            // Through a file: the kernel has the error.
            Err(e) if e.raw_os_error() == Some(libc::ENOTDIR) => {
                return Ok(Some(rest_of(on_host(&at).into_os_string().into_vec(), &todo)));
            }
            // Not in the root. What the links have led to may be on the host.
            Err(_) => return Ok((links > 0).then(|| rest_of(at, &todo))),
        }
    }
    let mut host = on_host(&at).into_os_string().into_vec();
    if path.ends_with(b"/") && !host.ends_with(b"/") {
        host.push(b'/');
    }
    Ok(Some(host))
}

/// `at`, and what was to follow.
fn rest_of(mut at: Vec<u8>, todo: &[Vec<u8>]) -> Vec<u8> {
    for name in todo.iter().rev() {
        at.push(b'/');
        at.extend(name);
    }
    at
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
        let path = match self.own_proc_entry(path) {
            Some(b"exe") if last == Last::Target => {
                let exe = CString::new(self.process.program().exe.as_os_str().as_bytes()).map_err(|_| Errno::ENOENT)?;
                in_root(self.process.config.root.as_deref(), &exe, last)?
            }
            _ => in_root(self.process.config.root.as_deref(), path, last)?,
        };
        Ok(HostPath { dir, path })
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
