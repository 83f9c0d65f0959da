//! `--perf`: which block lies where, for perf(1), under the guest's names.
//!
//! * `map`: lines of `/tmp/perf-PID.map`, which `perf report` reads by itself. A forked child goes on in its parent's file, where perf looks for its samples, too.
//! * `jitdump`: records of `/tmp/jit-PID.dump` with the code itself, for `perf inject --jit`; perf finds the file by an executable mapping of it, the marker.
//!   A forked child has a file of its own. Format: tools/perf/Documentation/jitdump-specification.txt of Linux.
//!
//! A file is opened for each record and closed again, so that the guest, which owns the descriptors, neither sees nor closes one of ours. [`symbols`] has the names.

mod symbols;

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use clap::ValueEnum;
use forklift_jit::debug::Observer;
use forklift_x86::GuestAddr;
use memmap2::{Mmap, MmapOptions};

use crate::errno::Errno;
use crate::error::Error;
use crate::mem::AddressSpace;
use crate::mem::vma::Backing;
use crate::paths::Last;
use crate::root::in_root;
use symbols::Symbols;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// /tmp/perf-PID.map, which perf report reads.
    Map,
    /// /tmp/jit-PID.dump, for perf inject --jit after perf record -k mono.
    Jitdump,
}

impl Kind {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Jitdump => "jitdump",
        }
    }

    /// The file of this process, where perf expects it.
    fn path(self) -> PathBuf {
        let pid = std::process::id();
        match self {
            Self::Map => format!("/tmp/perf-{pid}.map").into(),
            Self::Jitdump => format!("/tmp/jit-{pid}.dump").into(),
        }
    }

    /// Makes the file of this process, in place of one that an earlier process of the same number has left.
    ///
    /// # Errors
    /// [`Error`]: it can't be written.
    pub fn create(self) -> Result<(), Error> {
        let path = self.path();
        let fail = |e: io::Error| Error::exec(&path, Errno::from(e), format!("--perf={} can't write there", self.name()));
        let mut file = options().create(true).write(true).truncate(true).open(&path).map_err(fail)?;
        if self == Self::Jitdump { file.write_all(&header()).map_err(fail) } else { Ok(()) }
    }
}

/// The directory is everyone's: no link of others' is followed.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NOFOLLOW);
    options
}

/// ELF's number of the host's machine.
const MACHINE: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
/// Sizes of a jitdump's header and of what comes before the name in a record of code.
const HEADER: u32 = 40;
const RECORD: usize = 56;

/// Nanoseconds of CLOCK_MONOTONIC, which `perf record -k mono` uses.
fn now() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// A jitdump's header: magic, version, size, machine, padding, process, time, flags.
fn header() -> Vec<u8> {
    let words = [0x4a69_5444, 1, HEADER, MACHINE, 0, std::process::id()];
    let mut out: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
    out.extend(now().to_ne_bytes());
    out.extend(0u64.to_ne_bytes());
    out
}

/// The record JIT_CODE_LOAD: kind, size, time; process, thread, address twice, size and number of the code; its name; the code.
fn record(name: &str, address: u64, code: &[u8], number: u64) -> Vec<u8> {
    let size = RECORD + name.len() + 1 + code.len();
    // SAFETY: no arguments.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let mut out = Vec::with_capacity(size);
    out.extend([0, size as u32].iter().flat_map(|w| w.to_ne_bytes()));
    out.extend(now().to_ne_bytes());
    out.extend([std::process::id(), thread].iter().flat_map(|w| w.to_ne_bytes()));
    out.extend([address, address, code.len() as u64, number].iter().flat_map(|w| w.to_ne_bytes()));
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(code);
    out
}

/// The file of a process.
pub(crate) struct Log {
    kind: Kind,
    root: Option<PathBuf>,
    /// Not a count of its own: the JIT, which has this, is the address space's.
    space: Weak<AddressSpace>,
    state: Mutex<State>,
}

struct State {
    path: PathBuf,
    symbols: Symbols,
    /// How many records were written.
    records: u64,
    /// Held for perf to see.
    _marker: Option<Mmap>,
}

impl Log {
    /// Makes the file; `None` if that fails, which [`Kind::create`] has told whoever asked for it.
    pub(crate) fn new(kind: Kind, root: Option<PathBuf>, space: &Arc<AddressSpace>) -> Option<Arc<Self>> {
        kind.create().ok()?;
        let state = State { path: kind.path(), symbols: Symbols::default(), records: 0, _marker: mark(kind) };
        Some(Arc::new(Self { kind, root, space: Arc::downgrade(space), state: Mutex::new(state) }))
    }

    /// In a forked child.
    pub(crate) fn after_fork(&self) {
        if self.kind == Kind::Jitdump && self.kind.create().is_ok() {
            let mut state = self.lock();
            (state.path, state._marker) = (self.kind.path(), mark(self.kind));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, name: &str, address: u64, code: &[u8]) {
        let bytes = match self.kind {
            Kind::Map => format!("{address:x} {:x} {name}\n", code.len()).into_bytes(),
            Kind::Jitdump => record(name, address, code, state.records),
        };
        state.records += 1;
        // A profile with a gap is a pity, not an error.
        let _ = options().append(true).open(&state.path).and_then(|mut f| f.write_all(&bytes));
    }

    /// The name of what lies at `pc` in the guest.
    fn name(&self, symbols: &mut Symbols, pc: GuestAddr) -> String {
        let backing = self.space.upgrade().and_then(|space| {
            let map = space.map();
            let (start, area) = map.find(pc)?;
            Some((area.backing.clone()?, area.file_offset + (pc.get() - start)))
        });
        match backing {
            Some((backing, offset)) => symbols.name(&backing, offset, || self.open(&backing)),
            None => format!("guest_{:x}", pc.get()),
        }
    }

    /// The file that is mapped, if it is still under its name.
    fn open(&self, backing: &Backing) -> Option<File> {
        let path = in_root(self.root.as_deref(), &CString::new(&backing.name[..]).ok()?, Last::Target).ok()?;
        let file = File::open(OsStr::from_bytes(path.as_bytes())).ok()?;
        let found = file.metadata().ok()?;
        (found.is_file() && (found.dev(), found.ino()) == (backing.dev, backing.ino)).then_some(file)
    }
}

impl Observer for Log {
    fn block(&self, pc: GuestAddr, address: u64, code: &[u8]) {
        let mut state = self.lock();
        let name = self.name(&mut state.symbols, pc);
        self.add(&mut state, &name, address, code);
    }

    fn shared(&self, name: &str, address: u64, code: &[u8]) {
        self.add(&mut self.lock(), name, address, code);
    }
}

/// Maps the first page of a jitdump so that `perf record` sees it.
fn mark(kind: Kind) -> Option<Mmap> {
    let file = File::open(kind.path()).ok().filter(|_| kind == Kind::Jitdump)?;
    // SAFETY: nothing is read from it.
    unsafe { MmapOptions::new().len(HEADER as usize).map_exec(&file) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_jitdump() {
        assert_eq!(header().len(), HEADER as usize);
        let r = record("main", 0x1000, &[1, 2, 3], 7);
        assert_eq!(r.len(), RECORD + 5 + 3);
        assert_eq!(r[4..8], (r.len() as u32).to_ne_bytes());
        assert_eq!(&r[RECORD..], b"main\0\x01\x02\x03");
    }
}
