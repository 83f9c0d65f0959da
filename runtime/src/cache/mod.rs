//! The persistent cache of translated code: what one run of a program translates, the next one takes from a file. docs/cache.md describes it.
//!
//! * [`format`](self): a file of it, in memory.
//! * `image`: the same of direct code.
//! * `dir`: the directory, and whose it is.
//! * `hash`: checksums.
//!
//! There is a file for each program or library, at each address where it was mapped. Which file belongs to a mapping decides only where blocks are looked
//! for: a block is used if the bytes in guest memory that it was made from are, one by one, those that it was made from. What is made anew goes to memory, and to
//! the file when the process ends or runs another program.

mod dir;
mod format;
mod hash;
#[cfg(target_arch = "x86_64")]
mod image;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use forklift_jit::record_address;
use forklift_lift::Needs;
use forklift_x86::{CpuModel, GuestAddr, Mode};
use memmap2::Mmap;

use crate::mem::GuestMem;
use crate::mem::vma::{Backing, Prot};

use dir::Dir;
pub use dir::{default_dir, is_privileged};
use format::Layout;
#[cfg(target_arch = "x86_64")]
pub use image::{Images, page_has};

/// The start of a file, which tells it from others: it has the ELF header and, nearly always, the linker's build id. Unit: bytes.
const HEAD: usize = GuestAddr::PAGE_SIZE as usize;
/// A file is written anew if what there is to add is at least this part of it.
const WORTH: usize = 32;

/// What was found and kept, for `--stats`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Blocks looked for that a file had.
    pub hits: u64,
    /// Blocks looked for in vain.
    pub misses: u64,
    /// Records whose guest code was another than in memory.
    pub stale: u64,
    /// Bytes of the records that were used.
    pub used: u64,
    /// Files mapped, and their size together.
    pub files: (u64, u64),
    /// Records and bytes written, by whole files.
    pub written: (u64, u64),
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cache: {} hits, {} misses, {} stale; {} bytes used of {} in {} files; {} bytes written for {} new blocks",
            self.hits, self.misses, self.stale, self.used, self.files.1, self.files.0, self.written.1, self.written.0
        )
    }
}

/// A file of the cache, and what is to be added to it.
struct Stored {
    /// What its blocks were made for; in the file, byte by byte.
    key: Vec<u8>,
    name: String,
    map: Option<(Mmap, Layout)>,
    /// Records that were made since.
    new: HashMap<u64, Vec<u8>>,
    new_bytes: usize,
}

impl Stored {
    fn find(&self, pc: u64) -> Option<&[u8]> {
        let (map, layout) = self.map.as_ref()?;
        layout.find(map, pc)
    }
}

/// A part of the guest's memory, and which of the files its code is in, if any.
struct Region {
    start: u64,
    end: u64,
    file: Option<usize>,
}

/// The cache of one process.
pub struct Cache {
    dir: Dir,
    /// The part of the key that all files have in common.
    common: Vec<u8>,
    /// What the blocks are made for, another part of it.
    needs: Needs,
    files: Vec<Stored>,
    regions: Vec<Region>,
    /// Of the address space, when `regions` was right.
    epoch: u64,
    /// Whose the new records are: not a forked child's.
    owner: u32,
    forked: bool,
    counts: Counts,
}

/// What tells this build of forklift from others: the linker's note or, failing that, the file.
fn build_id() -> Option<Vec<u8>> {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, out: *mut libc::c_void) -> i32 {
        // SAFETY: dl_iterate_phdr's promises; notes are mapped.
        unsafe {
            let out = &mut *out.cast::<Vec<u8>>();
            let phdrs = core::slice::from_raw_parts((*info).dlpi_phdr, usize::from((*info).dlpi_phnum));
            for p in phdrs.iter().filter(|p| p.p_type == libc::PT_NOTE) {
                let bytes = core::slice::from_raw_parts(((*info).dlpi_addr + p.p_vaddr) as *const u8, p.p_memsz as usize);
                // Name "GNU" and type NT_GNU_BUILD_ID (3), behind two lengths.
                if bytes.get(8..16) == Some(b"\x03\0\0\0GNU\0") {
                    out.extend_from_slice(bytes);
                }
            }
        }
        // The first object is the program itself.
        1
    }
    let mut id = Vec::new();
    // SAFETY: the callback is as the function wants it.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut id).cast()) };
    if id.is_empty() {
        use std::os::unix::fs::MetadataExt;
        let m = std::fs::metadata("/proc/self/exe").ok()?;
        id = format!("{:?}", [m.dev() as i64, m.ino() as i64, m.size() as i64, m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()]).into_bytes();
    }
    Some(id)
}

/// The part of the key that all files of a process have in common.
fn common_key(mode: Mode, model: CpuModel) -> Option<Vec<u8>> {
    let text = format!("{} {mode:?} {} {} ", env!("CARGO_PKG_VERSION"), model.name(), forklift_jit::fingerprint());
    Some([text.into_bytes(), build_id()?].concat())
}

/// Where a file is mapped, and the name of its head.
type FileAt = (u64, String);

/// The mapping around `pc`: where it is and, if it has a file's code, what tells that file at that place.
fn file_at(mem: &GuestMem, pc: GuestAddr) -> Option<(u64, u64, Option<FileAt>)> {
    let same = |a: &Arc<Backing>, b: &Arc<Backing>| (a.dev, a.ino) == (b.dev, b.ino);
    let (start, end, base) = {
        let map = mem.space().map();
        let (start, area) = map.find(pc)?;
        let head = |backing| {
            let base = start.checked_sub(area.file_offset)?;
            let (_, first) = map.find(GuestAddr::new(base))?;
            let at = base.checked_sub(map.find(GuestAddr::new(base))?.0)?;
            let right = first.file_offset + at == 0 && first.prot.readable() && first.backing.as_ref().is_some_and(|b| same(b, backing));
            right.then_some(base)
        };
        let backing = area.backing.as_ref().filter(|b| b.ino != 0 && !area.shared && !area.prot.has(Prot::WRITE));
        (start, area.end, backing.and_then(head))
    };
    let file = base.and_then(|base| {
        let mut head = [0; HEAD];
        let have = mem.read_some(GuestAddr::new(base), &mut head);
        (have == HEAD).then(|| (base, hash::name(&head)))
    });
    Some((start, end, file))
}

impl Cache {
    /// The cache in the directory `path` for a process of this mode and CPU; `None` if it can't be had.
    pub fn open(path: &Path, mode: Mode, model: CpuModel) -> Option<Self> {
        let common = common_key(mode, model)?;
        let dir = Dir::open(path).ok()?;
        let owner = std::process::id();
        Some(Self { dir, common, files: Vec::new(), regions: Vec::new(), epoch: 0, owner, forked: false, counts: Counts::default(), needs: Needs::NONE })
    }

    /// From now on, blocks are made for this: they have files of their own.
    pub fn set_needs(&mut self, needs: Needs) {
        if needs != self.needs {
            self.save();
            self.files.clear();
            self.regions.clear();
            self.needs = needs;
        }
    }

    /// What was found and kept.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether this is the process that opened the cache: not a fork of it.
    pub fn is_own(&self) -> bool {
        !self.forked && self.owner == std::process::id()
    }

    /// The turn to work in the background for this cache, unless another process has it. It is had as long as the file is open.
    pub fn turn(&self) -> Option<File> {
        self.dir.turn().ok()
    }

    /// Makes the new records those of this process.
    pub fn adopt(&mut self) {
        self.after_fork();
    }

    /// The record of the block at `pc`, if there is one.
    pub fn find(&mut self, mem: &GuestMem, pc: GuestAddr) -> Option<&[u8]> {
        let file = self.file_of(mem, pc)?;
        let record = self.files[file].find(pc.get());
        let counts = &mut self.counts;
        *(if record.is_some() { &mut counts.hits } else { &mut counts.misses }) += 1;
        counts.used += record.map_or(0, |r| r.len() as u64);
        record
    }

    /// Whether an earlier run has left blocks of the file that the code at `pc` is in.
    pub fn knows(&mut self, mem: &GuestMem, pc: GuestAddr) -> bool {
        self.file_of(mem, pc).is_some_and(|f| self.files[f].map.is_some())
    }

    /// The record that was found last was of no use.
    pub fn was_stale(&mut self) {
        self.counts.stale += 1;
    }

    /// Whether a record of the block at `pc` would be kept: the code is a file's, and there is none.
    pub fn wants(&mut self, mem: &GuestMem, pc: GuestAddr) -> bool {
        self.file_of(mem, pc).is_some_and(|f| !self.files[f].new.contains_key(&pc.get()))
    }

    /// Keeps a record.
    pub fn add(&mut self, mem: &GuestMem, record: Vec<u8>) {
        let Some(pc) = record_address(&record) else { return };
        if let Some(f) = self.file_of(mem, pc) {
            let file = &mut self.files[f];
            file.new_bytes += record.len();
            file.new.insert(pc.get(), record);
        }
    }

    /// The file that the block at `pc` belongs to. (A mapping that was replaced without a block on it may still be taken for the old one: that costs hits only.)
    fn file_of(&mut self, mem: &GuestMem, pc: GuestAddr) -> Option<usize> {
        let epoch = mem.space().epoch();
        if epoch != self.epoch {
            self.regions.clear();
            self.epoch = epoch;
        }
        if let Some(r) = self.regions.iter().find(|r| (r.start..r.end).contains(&pc.get())) {
            return r.file;
        }
        let (start, end, file) = file_at(mem, pc)?;
        let file = file.map(|(base, head)| self.load([&self.common[..], &[self.needs.bits()], &base.to_le_bytes(), head.as_bytes()].concat()));
        self.regions.push(Region { start, end, file });
        file
    }

    /// The file with this key, mapped if there is one.
    fn load(&mut self, key: Vec<u8>) -> usize {
        if let Some(i) = self.files.iter().position(|f| f.key == key) {
            return i;
        }
        let name = hash::name(&key) + dir::RECORDS;
        let map = map_file(&self.dir, &name, &key);
        if let Some((map, _)) = &map {
            self.counts.files.0 += 1;
            self.counts.files.1 += map.len() as u64;
        }
        self.files.push(Stored { key, name, map, new: HashMap::new(), new_bytes: 0 });
        self.files.len() - 1
    }

    /// In a forked child: what is new is the parent's to write.
    pub fn after_fork(&mut self) {
        self.owner = std::process::id();
        self.forked = true;
        self.counts = Counts::default();
        for f in &mut self.files {
            (f.new, f.new_bytes) = (HashMap::new(), 0);
        }
    }

    /// Writes what is new, where it is worth it. If that fails, the cache stays as it was.
    pub fn save(&mut self) {
        // A child that shares memory (vfork) leaves it to its parent.
        if self.owner != std::process::id() {
            return;
        }
        let mut files = core::mem::take(&mut self.files);
        let worth = |f: &&mut Stored| f.new_bytes > 0 && f.new_bytes * WORTH >= f.map.as_ref().map_or(0, |(m, _)| m.len());
        let mut any = false;
        for f in files.iter_mut().filter(worth) {
            any |= self.write(f).is_ok();
        }
        if any {
            let _ = self.dir.lock().and_then(|l| l.evict());
        }
        self.files = files;
    }

    /// Writes one file: what others have added since, and what is new.
    fn write(&mut self, f: &mut Stored) -> io::Result<()> {
        let lock = self.dir.lock()?;
        let current = map_file(&self.dir, &f.name, &f.key);
        let old = current.iter().flat_map(|(map, layout)| layout.iter(map));
        let old = old.filter(|r| record_address(r).is_some_and(|pc| !f.new.contains_key(&pc.get())));
        let bytes = format::build(&f.key, f.new.values().map(Vec::as_slice).chain(old).collect::<Vec<_>>().into_iter());
        lock.replace(&f.name, &[&bytes])?;
        self.counts.written.0 += f.new.len() as u64;
        self.counts.written.1 += bytes.len() as u64;
        (f.new, f.new_bytes) = (HashMap::new(), 0);
        Ok(())
    }
}

/// Maps the file `name`, if it is there, ours, sound and for `key`.
fn map_file(dir: &Dir, name: &str, key: &[u8]) -> Option<(Mmap, Layout)> {
    let file = dir.read(name).ok()?;
    if file.metadata().ok()?.len() > format::MAX_FILE as u64 {
        return None;
    }
    // SAFETY: files of the cache are never changed, but replaced; nobody but this user could do otherwise.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    let layout = Layout::parse(&map).filter(|l| l.key(&map) == key)?;
    Some((map, layout))
}

/// What `forklift cache` shows of the directory.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Files.
    pub files: usize,
    /// Their size together. Unit: bytes.
    pub bytes: u64,
    /// Blocks in them.
    pub blocks: usize,
    /// Files with some damage.
    pub damaged: usize,
}

/// Reads all files of the cache in `path` and checks them; with `clear` removes them all, with `repair` those that are damaged.
///
/// # Errors
/// The directory can't be used.
pub fn survey(path: &Path, clear: bool, repair: bool) -> io::Result<Summary> {
    let dir = Dir::open(path)?;
    let _lock = if clear || repair { Some(dir.lock()?) } else { None };
    let mut sum = Summary::default();
    for e in dir.list()? {
        let blocks = dir.open_entry(&e).map(|f| blocks_in(&e, &f))?;
        sum.files += 1;
        sum.bytes += e.len;
        sum.blocks += blocks.0;
        sum.damaged += usize::from(!blocks.1);
        if clear || (repair && !blocks.1) {
            dir.remove(&e)?;
        }
    }
    Ok(sum)
}

/// How many blocks the file has, and whether it is sound.
fn blocks_in(e: &dir::Entry, file: &File) -> (usize, bool) {
    #[cfg(target_arch = "x86_64")]
    if dir::is_image(&e.name) {
        let blocks = image::check(file);
        return (blocks.unwrap_or(0), blocks.is_some());
    }
    let mut bytes = Vec::with_capacity(e.len as usize);
    let read = { file }.read_to_end(&mut bytes).is_ok();
    let layout = Layout::parse(&bytes).filter(|_| read);
    let sound = layout.is_some_and(|l| l.len() == bytes.len() && l.iter(&bytes).count() == l.count());
    (layout.map_or(0, |l| l.iter(&bytes).count()), sound)
}
