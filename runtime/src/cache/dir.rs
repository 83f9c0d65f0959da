//! The directory of the cache: whom it belongs to, how its files are replaced, and how they are kept few.
//!
//! Only a directory and files are used that belong to the effective user and that nobody else can write to; links are not followed. A file is never changed:
//! it is written anew under another name, under the directory's lock (flock(2)), and renamed. So whoever has mapped the old one keeps it. No descriptor
//! stays open, so the guest finds none.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Ending of files of records.
pub(super) const RECORDS: &str = ".blocks";
/// Ending of images.
pub(super) const IMAGE: &str = ".image";
/// Beginning of the names of files that are being written.
const TEMP: &str = ".new-";
/// The file that the process locks which works in the background.
const TURN: &str = "worker.lock";
/// All files together are no larger than this, unless FORKLIFT_CACHE_LIMIT says otherwise. Unit: bytes.
const LIMIT: u64 = 256 << 20;
/// A file being written that is older was left behind.
const TEMP_AGE: Duration = Duration::from_secs(3600);
/// A file that is used counts as new again, but it's told no more often than this.
const TOUCH: Duration = Duration::from_secs(24 * 3600);

/// Where the cache of a user with this environment lies.
pub fn default_dir(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |v: OsString| Some(PathBuf::from(v)).filter(|p| p.is_absolute());
    let base = var("XDG_CACHE_HOME").and_then(absolute).or_else(|| var("HOME").and_then(absolute).map(|h| h.join(".cache")));
    base.map(|b| b.join("forklift"))
}

/// Whether this process runs with other rights than its user's: then files of the user must not decide what it does.
pub fn is_privileged() -> bool {
    // SAFETY: no arguments, no memory.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 || libc::geteuid() != libc::getuid() || libc::getegid() != libc::getgid() }
}

fn is_mine(m: &std::fs::Metadata) -> bool {
    // SAFETY: no arguments.
    m.uid() == unsafe { libc::geteuid() } && m.mode() & 0o022 == 0
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, what.to_owned())
}

/// A file of the cache, as a list shows it.
pub(super) struct Entry {
    pub name: OsString,
    pub len: u64,
    pub used: SystemTime,
}

/// The directory. Found again by its path, but only if it is the same.
pub(super) struct Dir {
    path: PathBuf,
    id: (u64, u64),
}

/// The directory's lock.
pub(super) struct Locked<'a> {
    dir: &'a Dir,
    file: File,
}

impl Dir {
    /// The directory at `path`, made if it isn't there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut dir = Self { path: path.to_owned(), id: (0, 0) };
        let found = dir.handle();
        let file = match found {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                dir.handle()?
            }
            other => other?,
        };
        let m = file.metadata()?;
        dir.id = (m.dev(), m.ino());
        Ok(dir)
    }

    fn handle(&self) -> io::Result<File> {
        let file = File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(&self.path)?;
        let m = file.metadata()?;
        if !is_mine(&m) {
            return Err(refused("the directory belongs to somebody else, or others may write to it"));
        }
        if self.id != (0, 0) && self.id != (m.dev(), m.ino()) {
            return Err(refused("another directory by now"));
        }
        Ok(file)
    }

    /// The file `name`, if it is there and ours.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let file = open_at(&self.handle()?, name, libc::O_RDONLY, 0)?;
        let m = file.metadata()?;
        if !m.is_file() || !is_mine(&m) {
            return Err(refused("the file belongs to somebody else, or others may write to it"));
        }
        if m.modified().ok().and_then(|t| t.elapsed().ok()).is_some_and(|age| age > TOUCH) {
            // As a note for `evict`.
            let _ = file.set_modified(SystemTime::now());
        }
        Ok(file)
    }

    /// Takes the lock, unless somebody has it for longer than a moment.
    pub(super) fn lock(&self) -> io::Result<Locked<'_>> {
        let file = self.handle()?;
        for _ in 0..5 {
            // SAFETY: no memory.
            if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
                return Ok(Locked { dir: self, file });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The turn of a process that works in the background: a file that is locked as long as it is open.
    pub(super) fn turn(&self) -> io::Result<File> {
        let file = open_at(&self.handle()?, TURN, libc::O_RDWR | libc::O_CREAT, 0o600)?;
        // SAFETY: no memory.
        match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
            0 => Ok(file),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The files of the cache.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut all = Vec::new();
        for e in std::fs::read_dir(&self.path)?.flatten() {
            let Ok(m) = e.metadata() else { continue };
            let name = e.file_name();
            if m.is_file() && is_mine(&m) && (is_records(&name) || is_image(&name) || is_temp(&name)) {
                all.push(Entry { name, len: m.len(), used: m.modified().unwrap_or(SystemTime::UNIX_EPOCH) });
            }
        }
        Ok(all)
    }

    /// A file of [`list`](Self::list).
    pub(super) fn open_entry(&self, e: &Entry) -> io::Result<File> {
        File::open(self.path.join(&e.name))
    }

    /// Removes a file of [`list`](Self::list).
    pub(super) fn remove(&self, e: &Entry) -> io::Result<()> {
        std::fs::remove_file(self.path.join(&e.name))
    }

    /// Removes the file `name`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        unlink_at(&self.handle()?, name)
    }
}

fn is_temp(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(TEMP.as_bytes())
}

fn is_records(name: &OsString) -> bool {
    name.as_encoded_bytes().ends_with(RECORDS.as_bytes())
}

/// Whether a file of this name is an image.
pub(super) fn is_image(name: &OsString) -> bool {
    name.as_encoded_bytes().ends_with(IMAGE.as_bytes())
}

fn unlink_at(dir: &File, name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    // SAFETY: a string of ours.
    match unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn open_at(dir: &File, name: &str, flags: i32, mode: libc::mode_t) -> io::Result<File> {
    let name = CString::new(OsString::from(name).into_vec())?;
    // SAFETY: a string of ours.
    let fd = unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK, mode) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Whether the process may write files of `len` bytes. Beyond RLIMIT_FSIZE there would be a signal, for the guest.
fn may_write(len: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) == 0 && limit.rlim_cur >= len as u64 }
}

impl Locked<'_> {
    /// Puts these bytes, one after the other, in the place of the file `name`.
    pub(super) fn replace(&self, name: &str, bytes: &[&[u8]]) -> io::Result<()> {
        if !may_write(bytes.iter().map(|b| b.len()).sum()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let temp = format!("{TEMP}{}", std::process::id());
        // Left behind by a process of the same number.
        let _ = unlink_at(&self.file, &temp);
        let file = open_at(&self.file, &temp, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o600);
        let written = file.and_then(|mut f| bytes.iter().try_for_each(|b| f.write_all(b)));
        let renamed = written.and_then(|()| rename_at(&self.file, &temp, name));
        if renamed.is_err() {
            let _ = unlink_at(&self.file, &temp);
        }
        renamed
    }

    /// Removes the files that were not used for longest, until all together are well below the limit, and what was left behind.
    pub(super) fn evict(&self) -> io::Result<()> {
        let limit = std::env::var("FORKLIFT_CACHE_LIMIT").ok().and_then(|l| l.parse().ok()).unwrap_or(LIMIT);
        let mut all = self.dir.list()?;
        let old = |e: &Entry| is_temp(&e.name) && e.used.elapsed().is_ok_and(|age| age > TEMP_AGE);
        all.iter().filter(|e| old(e)).for_each(|e| _ = self.dir.remove(e));
        let mut total: u64 = all.iter().map(|e| e.len).sum();
        if total <= limit {
            return Ok(());
        }
        all.sort_by_key(|e| e.used);
        for e in all.iter().filter(|e| !is_temp(&e.name)) {
            if total <= limit / 4 * 3 {
                break;
            }
            self.dir.remove(e)?;
            total -= e.len;
        }
        Ok(())
    }
}

fn rename_at(dir: &File, from: &str, to: &str) -> io::Result<()> {
    let (from, to) = (CString::new(from)?, CString::new(to)?);
    // SAFETY: strings of ours.
    match unsafe { libc::renameat(dir.as_raw_fd(), from.as_ptr(), dir.as_raw_fd(), to.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
