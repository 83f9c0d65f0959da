//! Files that an i386 program opened without O_LARGEFILE, which says that it can't tell more than 31 bits of a position. The kernel doesn't let it write beyond.
//!
//! forklift is a 64-bit program, all of whose files are large ones for the host, so such an open file is marked: by O_ASYNC among its flags. On a regular file
//! or a directory that means nothing and F_SETFL can't change it, and it goes wherever the open file goes, to duplicates, children and other programs.

use std::sync::atomic::{AtomicBool, Ordering};

use super::flags;
use super::sys::{PathArg, int, sys};
use crate::abi::Abi;
use crate::errno::{Errno, SysResult};
use crate::paths::Last;

const MARK: u64 = libc::O_ASYNC as u64;

/// Largest size of such a file. Unit: bytes.
pub(super) const MAX_NON_LFS: u64 = 0x7fff_ffff;

/// Whether this process has opened one; while it hasn't, writing costs nothing.
static ANY: AtomicBool = AtomicBool::new(false);

const fn is_plain(mode: libc::mode_t) -> bool {
    matches!(mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR)
}

/// The host's flags for opening a file that isn't to be a large one, from x86's. One that is too large isn't emptied before it is refused.
pub(super) fn open_flags(p: &PathArg, flags: u32, last: Last) -> u64 {
    const TMPFILE: u32 = 0o20_000_000;
    let (plain, too_large) = match super::stat::host_stat_at(p, if last == Last::Link { libc::AT_SYMLINK_NOFOLLOW as u32 } else { 0 }) {
        Ok(st) => (is_plain(st.st_mode), st.st_size > MAX_NON_LFS as i64),
        Err(e) => (e == Errno::ENOENT && flags & libc::O_CREAT as u32 != 0, false),
    };
    let host = flags::to_host(if too_large { flags & !(libc::O_TRUNC as u32) } else { flags });
    if !plain && flags & TMPFILE == 0 {
        return host;
    }
    ANY.store(true, Ordering::Relaxed);
    host | MARK
}

fn host_flags(fd: i32) -> SysResult {
    sys(libc::SYS_fcntl, [int(fd), libc::F_GETFL as u64])
}

fn stat(fd: i32) -> Option<libc::stat> {
    super::stat::host_fstat(fd).ok().filter(|st| is_plain(st.st_mode))
}

/// Whether `fd` has such a file open.
pub(super) fn is_marked(fd: i32) -> bool {
    host_flags(fd).is_ok_and(|f| f & MARK != 0) && stat(fd).is_some()
}

/// Whether a length is too much for the file that `fd` has open.
pub(super) fn is_too_long(fd: i32, len: i64) -> bool {
    len > MAX_NON_LFS as i64 && is_marked(fd)
}

/// How many of `count` bytes may be written at a position, or at the file's own.
///
/// # Errors
/// EFBIG if there is no room for any.
pub(super) fn room<A: Abi>(fd: i32, at: Option<i64>, count: u64) -> SysResult {
    const RDONLY: u64 = libc::O_RDONLY as u64;
    if !A::IS_32 || count == 0 || !ANY.load(Ordering::Relaxed) {
        return Ok(count);
    }
    let flags = host_flags(fd).unwrap_or(0);
    if flags & MARK == 0 || flags & libc::O_ACCMODE as u64 == RDONLY {
        return Ok(count);
    }
    let Some(st) = stat(fd) else { return Ok(count) };
    let at = match at {
        _ if flags & libc::O_APPEND as u64 != 0 => st.st_size as u64,
        Some(at) if at < 0 => return Ok(count),
        Some(at) => at as u64,
        None => sys(libc::SYS_lseek, [int(fd), 0, libc::SEEK_CUR as u64])?,
    };
    match MAX_NON_LFS.saturating_sub(at) {
        0 => Err(Errno::EFBIG),
        room => Ok(count.min(room)),
    }
}

/// The host's flags of an open file as the guest sees them. Whether an i386 program's pipe or device is a large file isn't known; most aren't.
pub(super) fn seen_flags<A: Abi>(fd: i32, host: u64) -> u64 {
    if !A::IS_32 && host & MARK == 0 {
        return flags::from_host(host);
    }
    match (stat(fd).is_some(), host & MARK != 0) {
        (true, false) => flags::from_host(host),
        (true, true) => flags::from_host(host & !MARK & !flags::HOST_LARGEFILE),
        (false, _) if A::IS_32 => flags::from_host(host & !flags::HOST_LARGEFILE),
        (false, _) => flags::from_host(host),
    }
}
