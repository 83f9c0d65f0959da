//! Images of direct code: files that are mapped, not copied.
//!
//! ```text
//! header   magic, version; length of the key, how many numbers and pieces; blocks; total length; checksum of all up to the pieces
//! key      what the image was made for and by, compared byte by byte; zeroes up to a multiple of 8
//! numbers  8 bytes each, as the crate jit wants them
//! list     of pieces: section, place, length, checksum, 8 bytes each; zeroes up to a whole page
//! pieces   whole pages
//! ```
//!
//! All numbers are little-endian. There is a file for each program: for each set of files with code that are mapped when it begins (the program and its interpreter). Code of libraries that it maps later is
//! in it too. Which file a process takes decides only where blocks are looked for: before a mapping's blocks are used, all its pages are compared with those that they were made
//! from, by their hashes.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use forklift_jit::{Image, Jit, Keep, Piece};
use forklift_x86::{CpuModel, GuestAddr, Mode};

use super::dir::{Dir, IMAGE};
use super::hash::{self, hash};
use super::{Counts, common_key, file_at};
use crate::mem::GuestMem;
use crate::mem::vma::{Area, Prot};

const MAGIC: [u8; 8] = *b"forkdire";
/// Counts up whenever this layout changes.
const VERSION: u32 = 1;
const HEADER: usize = 48;
const PAGE: usize = GuestAddr::PAGE_SIZE as usize;
/// Numbers for each piece in the list.
const OF_PIECE: usize = 4;
/// Largest file that is written. Unit: bytes.
const MAX_FILE: usize = 64 << 20;
/// Longest head of a file that is read. Unit: bytes.
const MAX_HEAD: usize = 1 << 20;
/// A file is written anew if there are at least so many new blocks, and they are at least this part of those that were there.
const WORTH: (usize, usize) = (16, 32);
/// An image of this size has grown old: what lies in it has been thrown away in large part. The next run begins anew. Unit: bytes.
const WORN: usize = 48 << 20;

/// The head of a file.
struct Head {
    key: Vec<u8>,
    numbers: Vec<u64>,
    pieces: Vec<Piece>,
    /// Their checksums.
    sums: Vec<u64>,
    blocks: usize,
    /// Where the pieces begin, and where they end.
    body: (usize, usize),
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the parts of a head with so much in it begin: numbers, list, pieces.
fn layout(key: usize, numbers: usize, pieces: usize) -> Option<[usize; 3]> {
    let numbers_at = HEADER.checked_add(key)?.checked_next_multiple_of(8)?;
    let list = numbers_at.checked_add(numbers.checked_mul(8)?)?;
    let end = list.checked_add(pieces.checked_mul(8 * OF_PIECE)?)?.checked_next_multiple_of(PAGE)?;
    (end <= MAX_HEAD).then_some([numbers_at, list, end])
}

/// The checksum of a head, in which there is its own place.
fn sum(head: &[u8]) -> u64 {
    hash(&head[..HEADER - 8], 0) ^ hash(&head[HEADER..], 1)
}

impl Head {
    /// Reads the head of a file; `None` if it is damaged, or the file is shorter than it was.
    fn read(file: &File) -> Option<Self> {
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let small = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?) as usize);
        let (key, numbers, pieces) = (small(12)?, small(16)?, small(20)?);
        let [numbers_at, list, end] = layout(key, numbers, pieces)?;
        let total = usize::try_from(number(&header, 32)?).ok()?;
        let right = header[..8] == MAGIC && small(8)? as u32 == VERSION && (end..=MAX_FILE).contains(&total);
        if !right || file.metadata().ok()?.len() < total as u64 {
            return None;
        }
        let mut head = vec![0; end];
        file.read_exact_at(&mut head, 0).ok()?;
        if number(&head, HEADER - 8)? != sum(&head) {
            return None;
        }
        let words = |from: usize, n: usize| (0..n).map(|i| number(&head, from + 8 * i)).collect::<Option<Vec<_>>>();
        let list = words(list, pieces * OF_PIECE)?;
        let pieces: Vec<_> = list.chunks(OF_PIECE).map(|p| Piece { section: p[0] as u32, at: p[1], len: p[2] }).collect();
        let bodies = pieces.iter().try_fold(end as u64, |at, p| at.checked_add(p.len))?;
        (bodies == total as u64).then_some(())?;
        Some(Self {
            key: head.get(HEADER..HEADER + key)?.to_vec(),
            numbers: words(numbers_at, numbers)?,
            sums: list.chunks(OF_PIECE).map(|p| p[3]).collect(),
            pieces,
            blocks: usize::try_from(number(&header, 24)?).ok()?,
            body: (end, total),
        })
    }
}

/// The bytes in front of the pieces; `None` if it is too large.
fn build(key: &[u8], image: &Image) -> Option<Vec<u8>> {
    let [numbers, list, end] = layout(key.len(), image.numbers.len(), image.pieces.len())?;
    let total = image.pieces.iter().map(|p| p.1.len()).sum::<usize>() + end;
    if total > MAX_FILE {
        return None;
    }
    let mut head = vec![0; end];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    for (at, n) in [(8, VERSION as usize), (12, key.len()), (16, image.numbers.len()), (20, image.pieces.len())] {
        put(at, &(n as u32).to_le_bytes());
    }
    put(24, &(image.blocks.0 as u64).to_le_bytes());
    put(32, &(total as u64).to_le_bytes());
    put(HEADER, key);
    image.numbers.iter().enumerate().for_each(|(i, n)| put(numbers + 8 * i, &n.to_le_bytes()));
    for (i, (p, bytes)) in image.pieces.iter().enumerate() {
        let words = [p.section.into(), p.at, p.len, hash(bytes, 0)];
        words.iter().enumerate().for_each(|(k, w)| put(list + 8 * (OF_PIECE * i + k), &w.to_le_bytes()));
    }
    let sum = sum(&head);
    head[HEADER - 8..HEADER].copy_from_slice(&sum.to_le_bytes());
    Some(head)
}

/// The blocks that the file has, if nothing in it is damaged.
pub(super) fn check(file: &File) -> Option<usize> {
    let head = Head::read(file)?;
    let mut at = head.body.0 as u64;
    for (p, sum) in head.pieces.iter().zip(&head.sums) {
        let mut bytes = vec![0; usize::try_from(p.len).ok()?];
        file.read_exact_at(&mut bytes, at).ok()?;
        (hash(&bytes, 0) == *sum).then_some(())?;
        at += p.len;
    }
    (file.metadata().ok()?.len() == at).then_some(head.blocks)
}

/// Which file it was.
type Identity = (u64, i64, i64);

fn identity(file: &File) -> Option<Identity> {
    file.metadata().ok().map(|m| (m.ino(), m.mtime(), m.mtime_nsec()))
}

/// The image of one process: the one that it has begun with, and the one that it leaves.
pub struct Images {
    dir: Dir,
    key: Vec<u8>,
    name: String,
    loaded: Option<Identity>,
    /// How many blocks it has.
    known: usize,
    worn: bool,
    /// Whose new blocks are written: not a forked child's.
    owner: u32,
    forked: bool,
    counts: Counts,
}

impl Images {
    /// The image in the directory `path` of the program that lies in `mem`, for a process of this mode and CPU. `None` if it can't have one.
    pub fn open(path: &Path, mem: &GuestMem, mode: Mode, model: CpuModel) -> Option<Self> {
        let mut key = common_key(mode, model)?;
        let code: Vec<_> = mem.space().map().iter().filter(|(_, a)| a.prot.has(Prot::EXEC) && a.backing.is_some()).map(|(start, _)| start).collect();
        let mut any = false;
        for start in code {
            if let Some((_, _, Some((base, name)))) = file_at(mem, GuestAddr::new(start)) {
                key.extend_from_slice(&base.to_le_bytes());
                key.extend_from_slice(name.as_bytes());
                any = true;
            }
        }
        let dir = Dir::open(path).ok().filter(|_| any)?;
        let name = hash::name(&key) + IMAGE;
        Some(Self { dir, key, name, loaded: None, known: 0, worn: false, owner: std::process::id(), forked: false, counts: Counts::default() })
    }

    /// Gives `jit`, which has no block yet, those of the image.
    pub fn load(&mut self, jit: &Jit) {
        let Ok(file) = self.dir.read(&self.name) else { return };
        let Some(head) = Head::read(&file).filter(|h| h.key == self.key) else { return };
        let mut sound = |i: usize, bytes: &[u8]| head.sums.get(i) == Some(&hash(bytes, 0));
        if jit.load(&head.numbers, &head.pieces, &file, head.body.0 as u64, &mut sound) {
            (self.loaded, self.known) = (identity(&file), head.blocks);
            self.counts.files = (1, head.body.1 as u64);
            self.counts.used = (head.body.1 - head.body.0) as u64;
            self.worn = jit.arena_used() > WORN;
        }
    }

    /// What was found and kept.
    pub fn counts(&self, jit: &Jit) -> Counts {
        let stats = jit.stats();
        Counts { hits: stats.installed, misses: stats.blocks, stale: stats.refused, ..self.counts }
    }

    /// In a forked child: what is new is the parent's to write.
    pub fn after_fork(&mut self, jit: &Jit) {
        (self.owner, self.forked, self.counts) = (std::process::id(), true, Counts::default());
        jit.count_from_now();
    }

    /// Writes an image of what there is, where it is worth it. If that fails, the cache stays as it was.
    pub fn save(&mut self, jit: &Jit, mem: &GuestMem) {
        // A child that shares memory (vfork) leaves it to its parent.
        if self.owner != std::process::id() {
            return;
        }
        let mut pages = Pages(mem);
        if !pages.is_worth(jit.new_blocks(), self.known) || self.forked && self.is_replaced() {
            return;
        }
        // What is stale goes first. If more becomes stale meanwhile, hashes may be those of other bytes than blocks were made from.
        let before = mem.space().epoch();
        mem.space().announce();
        let Some(image) = jit.image(&mut pages).filter(|_| mem.space().epoch() == before) else { return };
        if self.write(&image).is_ok_and(|written| written) {
            let _ = self.dir.lock().and_then(|l| l.evict());
        }
        jit.count_from_now();
    }

    /// Whether there is another file by now. The first of a parent's children that has something new writes it; the others would write much the same.
    fn is_replaced(&self) -> bool {
        self.dir.read(&self.name).ok().as_ref().and_then(identity) != self.loaded
    }

    /// Whether it was written.
    fn write(&mut self, image: &Image) -> io::Result<bool> {
        if self.worn {
            return self.dir.remove_file(&self.name).map(|()| false);
        }
        // One that is too large leaves the file that there is alone.
        let Some(head) = build(&self.key, image) else { return Ok(false) };
        let lock = self.dir.lock()?;
        let current = self.dir.read(&self.name).ok();
        // Others may have written a better one.
        let other = current.as_ref().filter(|f| identity(f) != self.loaded).and_then(Head::read);
        if other.is_some_and(|o| o.key == self.key && o.blocks >= image.blocks.0) {
            return Ok(false);
        }
        let bytes: Vec<_> = core::iter::once(&head[..]).chain(image.pieces.iter().map(|p| &p.1[..])).collect();
        lock.replace(&self.name, &bytes)?;
        drop(lock);
        (self.loaded, self.known) = (self.dir.read(&self.name).ok().as_ref().and_then(identity), image.blocks.0);
        self.counts.written = (image.blocks.1 as u64, bytes.iter().map(|b| b.len() as u64).sum());
        Ok(true)
    }
}

/// Whether the page has this hash.
pub fn page_has(mem: &GuestMem, page: GuestAddr, sum: u64) -> bool {
    page_hash(mem, page) == Some(sum)
}

fn page_hash(mem: &GuestMem, page: GuestAddr) -> Option<u64> {
    let mut bytes = [0; PAGE];
    (mem.read_some(page, &mut bytes) == PAGE).then(|| hash(&bytes, page.get()))
}

/// The guest's memory, for the JIT.
struct Pages<'a>(&'a GuestMem);

impl Keep for Pages<'_> {
    /// Neighbours that map the same file are one: protections come and go.
    fn mapping(&mut self, at: GuestAddr) -> Option<(GuestAddr, GuestAddr)> {
        let map = self.0.space().map();
        let file = |a: &Area| {
            let kept = !a.shared && a.prot.has(Prot::EXEC) && !a.prot.has(Prot::WRITE);
            a.backing.as_ref().filter(|b| kept && b.ino != 0).map(|b| (b.dev, b.ino))
        };
        let (mut start, area) = map.find(at)?;
        let (which, mut end) = (file(area)?, area.end);
        while let Some((before, _)) = start.checked_sub(1).and_then(|a| map.find(GuestAddr::new(a))).filter(|(_, a)| file(a) == Some(which)) {
            start = before;
        }
        while let Some((_, behind)) = map.find(GuestAddr::new(end)).filter(|(_, a)| file(a) == Some(which)) {
            end = behind.end;
        }
        Some((GuestAddr::new(start), GuestAddr::new(end)))
    }

    fn hash(&mut self, page: GuestAddr) -> Option<u64> {
        page_hash(self.0, page)
    }

    fn is_worth(&mut self, new: usize, others: usize) -> bool {
        new >= WORTH.0 && new * WORTH.1 >= others
    }
}
