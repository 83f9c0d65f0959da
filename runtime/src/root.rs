//! `--root`: where the paths of the guest are on the host.
//!
//! What is in the root hides what the host has under the same path. Links in the root lead to where they lead for the guest, and there is
//! nothing above it. What neither has is made in the root if its directory is there.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::errno::{Errno, SysResult};
use crate::paths::{HostPath, Last};

/// The kernel follows no more in one path.
const MAX_LINKS: u32 = 40;

/// Where `path`, absolute or relative to the current directory, is on the host.
///
/// # Errors
/// ELOOP.
pub fn in_root(root: Option<&Path>, path: &CStr, last: Last) -> SysResult<CString> {
    in_root_at(root, libc::AT_FDCWD, path, last).map(|p| p.path)
}

/// Where `path`, absolute or relative to the directory `dir` of the host, is on the host. An empty path stays empty.
///
/// # Errors
/// ELOOP.
pub fn in_root_at(root: Option<&Path>, dir: i32, path: &CStr, last: Last) -> SysResult<HostPath> {
    let same = || HostPath { dir, path: path.to_owned() };
    let Some(root) = root.filter(|_| !path.is_empty()) else { return Ok(same()) };
    let absolute = path.to_bytes().first() == Some(&b'/');
    let start = if absolute { Some(Vec::new()) } else { below(root, dir) };
    let Some(start) = start else { return Ok(same()) };
    let mut walk = Walk { root, at: start, links: 0, strayed: absolute };
    match walk.go(path.to_bytes(), last)? {
        Some(found) if walk.strayed => Ok(HostPath { dir: libc::AT_FDCWD, path: CString::new(found).map_err(|_| Errno::ENOENT)? }),
        _ => Ok(same()),
    }
}

/// The path below the root of a directory of the host, if it is there.
fn below(root: &Path, dir: i32) -> Option<Vec<u8>> {
    let link = if dir == libc::AT_FDCWD { "/proc/self/cwd".to_owned() } else { format!("/proc/self/fd/{dir}") };
    let below = std::fs::read_link(link).ok()?.strip_prefix(root).ok()?.as_os_str().as_bytes().to_vec();
    Some(if below.is_empty() { below } else { [b"/", &below[..]].concat() })
}

/// A way through a path, name by name.
struct Walk<'r> {
    root: &'r Path,
    /// Where it is, as the guest sees it; empty in the root itself.
    at: Vec<u8>,
    links: u32,
    /// Whether the host's kernel would end up elsewhere.
    strayed: bool,
}

impl Walk<'_> {
    fn on_host(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec([self.root.as_os_str().as_bytes(), &self.at].concat()))
    }

    /// Where `path` is. `None`: as it is, on the host.
    fn go(&mut self, path: &[u8], last: Last) -> SysResult<Option<Vec<u8>>> {
        let mut todo = names(path);
        while let Some(name) = todo.pop() {
            let end = self.at.len();
            match &name[..] {
                b"" | b"." => continue,
                b".." if self.on_host().is_dir() => {
                    self.up();
                    continue;
                }
                _ => self.at.extend([b"/", &name[..]].concat()),
            }
            match std::fs::read_link(self.on_host()) {
                Ok(target) if last == Last::Target || !todo.is_empty() => self.follow(target.into_os_string().into_vec(), end, &mut todo)?,
                // There, and no link.
                Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {}
                Ok(_) => {}
                // Through a file: the kernel has the error.
                Err(e) if e.raw_os_error() == Some(libc::ENOTDIR) => return Ok(Some(rest_of(self.host_bytes(), &todo))),
                Err(_) => return Ok(self.missing(&todo, last)),
            }
        }
        let mut host = self.host_bytes();
        if path.ends_with(b"/") && !host.ends_with(b"/") {
            host.push(b'/');
        }
        Ok(Some(host))
    }

    fn host_bytes(&self) -> Vec<u8> {
        self.on_host().into_os_string().into_vec()
    }

    fn up(&mut self) {
        self.strayed |= self.at.is_empty();
        self.at.truncate(self.at.iter().rposition(|&b| b == b'/').unwrap_or(0));
    }

    /// Goes on where a link leads, from the directory that ends at `end`.
    fn follow(&mut self, target: Vec<u8>, end: usize, todo: &mut Vec<Vec<u8>>) -> SysResult<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        let absolute = target.first() == Some(&b'/');
        self.strayed |= absolute;
        self.at.truncate(if absolute { 0 } else { end });
        todo.extend(names(&target));
        Ok(())
    }

    /// Where something is that the root doesn't have: made in the root if its directory is there and the host hasn't got it, else on the
    /// host, to where the links have led.
    fn missing(&self, todo: &[Vec<u8>], last: Last) -> Option<Vec<u8>> {
        let directory_is_here = todo.iter().all(|name| matches!(&name[..], b"" | b"."));
        let on_host = || Path::new(OsStr::from_bytes(&self.at)).symlink_metadata().is_ok();
        if directory_is_here && (last == Last::New || !on_host()) {
            return Some(rest_of(self.host_bytes(), todo));
        }
        self.strayed.then(|| rest_of(self.at.clone(), todo))
    }
}

/// The names in a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect()
}

/// `at`, and what was to follow.
fn rest_of(mut at: Vec<u8>, todo: &[Vec<u8>]) -> Vec<u8> {
    for name in todo.iter().rev() {
        at.push(b'/');
        at.extend(name);
    }
    at
}
