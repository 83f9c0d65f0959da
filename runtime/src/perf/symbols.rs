//! Names of places in ELF files: symbol and offset, or file and offset.
//!
//! A file's names come from its symbol table, or that of the dynamic linker if it has been stripped. What is not as it should be has no names.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;

use forklift_x86::Mode;

use crate::loader::elf::{self, Elf, Fields};
use crate::mem::vma::Backing;

/// Larger tables are not read. Unit: bytes.
const MOST: u64 = 256 << 20;
/// Names are cut here. Unit: characters.
const LONGEST: usize = 200;

/// The names of all files that were asked for.
#[derive(Default)]
pub(super) struct Symbols {
    files: HashMap<(u64, u64), Option<Table>>,
}

impl Symbols {
    /// The name of what lies at `offset` in the file `of`, which `open` opens.
    pub(super) fn name(&mut self, of: &Backing, offset: u64, open: impl FnOnce() -> Option<File>) -> String {
        let module = of.name.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let table = match of.ino {
            0 => &None,
            ino => self.files.entry((of.dev, ino)).or_insert_with(|| open().and_then(|f| Table::read(&f))),
        };
        let Some((table, address)) = table.as_ref().and_then(|t| Some((t, t.address(offset)?))) else { return named(module, offset, true) };
        match table.find(address) {
            Some((name, offset)) => named(name, offset, false),
            None => named(module, address, true),
        }
    }
}

/// As text that has no line ends in it.
fn named(name: &[u8], offset: u64, always: bool) -> String {
    let text: String = String::from_utf8_lossy(name).chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect();
    if always || offset > 0 { format!("{text}+{offset:#x}") } else { text }
}

/// The names in a file.
struct Table {
    /// Where what lies in the file lies in its image: offsets, address of the first.
    segments: Vec<(Range<u64>, u64)>,
    /// By address, one for each.
    symbols: Vec<Symbol>,
    strings: Vec<u8>,
}

/// A name for a range of addresses.
struct Symbol {
    start: u64,
    /// 0: up to the next one.
    size: u64,
    name: usize,
    /// The lowest of those at the same address is the best.
    rank: (bool, usize, u8),
}

/// Types of sections.
const SYMTAB: u64 = 2;
const DYNSYM: u64 = 11;

/// Types of symbols.
const NOTYPE: u8 = 0;
const FUNC: u8 = 2;
const IFUNC: u8 = 10;

impl Table {
    fn read(file: &File) -> Option<Self> {
        let head = elf::read_head(file).ok()?;
        let elf = Elf::parse(file, &head).ok()?;
        let segments = elf.loads().filter_map(|p| Some((p.offset..p.offset.checked_add(p.filesz)?, p.vaddr))).collect();
        let sections = Sections::read(file, elf.mode, &Fields(&head))?;
        let (symbols, strings) = sections.find(SYMTAB).or_else(|| sections.find(DYNSYM))?;
        let (symbols, strings) = (part(file, symbols)?, part(file, strings)?);
        let size = if elf.mode == Mode::Bits64 { 24 } else { 16 };
        let mut symbols: Vec<Symbol> = symbols.chunks_exact(size).filter_map(|s| symbol(elf.mode, &Fields(s), &strings)).collect();
        symbols.sort_unstable_by_key(|s| (s.start, s.rank));
        symbols.dedup_by_key(|s| s.start);
        Some(Self { segments, symbols, strings })
    }

    /// The address of what lies at `offset` in the file.
    fn address(&self, offset: u64) -> Option<u64> {
        let (range, address) = self.segments.iter().find(|s| s.0.contains(&offset))?;
        Some(address.wrapping_add(offset - range.start))
    }

    /// The name of what lies at `address`, and how far behind its start that is.
    fn find(&self, address: u64) -> Option<(&[u8], u64)> {
        let s = self.symbols[..self.symbols.partition_point(|s| s.start <= address)].last()?;
        let offset = address - s.start;
        (s.size == 0 || offset < s.size).then(|| (string(&self.strings, s.name), offset))
    }
}

/// A symbol that names code.
fn symbol(mode: Mode, f: &Fields<'_>, strings: &[u8]) -> Option<Symbol> {
    let (start, size, info, section) = match mode {
        Mode::Bits64 => (f.u64(8), f.u64(16), f.num(4, 1), f.u16(6)),
        Mode::Bits32 => (f.num(4, 4), f.num(8, 4), f.num(12, 1), f.u16(14)),
    };
    let (kind, binding) = (info as u8 & 15, info as u8 >> 4);
    let name = f.u32(0) as usize;
    let text = string(strings, name);
    if !matches!(kind, NOTYPE | FUNC | IFUNC) || section == 0 || text.is_empty() {
        return None;
    }
    // Global before weak before local, `malloc` before `__libc_malloc`.
    let underscores = text.iter().take_while(|&&b| b == b'_').count();
    let binding = [2, 0, 1].get(usize::from(binding)).copied().unwrap_or(0);
    Some(Symbol { start, size, name, rank: (size == 0, underscores, binding) })
}

fn string(strings: &[u8], at: usize) -> &[u8] {
    strings.get(at..).and_then(|s| s.split(|&b| b == 0).next()).unwrap_or_default()
}

/// A part of a file: offset and size.
type Part = (u64, u64);

/// The contents of a part of a file that is not larger than the file.
fn part(file: &File, (offset, size): Part) -> Option<Vec<u8>> {
    let end = offset.checked_add(size)?;
    if size > MOST || end > file.metadata().ok()?.len() {
        return None;
    }
    let mut bytes = vec![0; size as usize];
    elf::read_exact(file, &mut bytes, offset).ok()?;
    Some(bytes)
}

/// The section headers of a file.
struct Sections {
    mode: Mode,
    bytes: Vec<u8>,
}

impl Sections {
    fn read(file: &File, mode: Mode, head: &Fields<'_>) -> Option<Self> {
        let (offset, at) = match mode {
            Mode::Bits64 => (head.u64(40), 58),
            Mode::Bits32 => (head.num(32, 4), 46),
        };
        let (size, count) = (u64::from(head.u16(at)), u64::from(head.u16(at + 2)));
        let sections = Self { mode, bytes: part(file, (offset, size * count))? };
        (size == sections.header() as u64).then_some(sections)
    }

    const fn header(&self) -> usize {
        match self.mode {
            Mode::Bits64 => 64,
            Mode::Bits32 => 40,
        }
    }

    /// Type, place and link of section `n`.
    fn section(&self, n: usize) -> Option<(u64, Part, usize)> {
        let f = Fields(self.bytes.chunks_exact(self.header()).nth(n)?);
        Some(match self.mode {
            Mode::Bits64 => (f.num(4, 4), (f.u64(24), f.u64(32)), f.u32(40) as usize),
            Mode::Bits32 => (f.num(4, 4), (f.num(16, 4), f.num(20, 4)), f.u32(24) as usize),
        })
    }

    /// The first section of a type, and the one with its strings.
    fn find(&self, kind: u64) -> Option<(Part, Part)> {
        let (_, place, link) = (0..).map_while(|n| self.section(n)).find(|s| s.0 == kind)?;
        Some((place, self.section(link)?.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sym(start: u64, size: u64, info: u8, name: u32) -> Vec<u8> {
        let mut s = name.to_le_bytes().to_vec();
        s.extend([info, 0, 1, 0]);
        s.extend(start.to_le_bytes());
        s.extend(size.to_le_bytes());
        s
    }

    #[test]
    fn names() {
        let strings = b"\0a\0__a\0data\0end\0".to_vec();
        let entries = [sym(0x20, 8, 0x12, 3), sym(0x20, 8, 0x22, 1), sym(0x24, 4, 0x11, 7), sym(0x40, 0, 0, 12)].concat();
        let mut symbols: Vec<_> = entries.chunks(24).filter_map(|s| symbol(Mode::Bits64, &Fields(s), &strings)).collect();
        symbols.sort_unstable_by_key(|s| (s.start, s.rank));
        symbols.dedup_by_key(|s| s.start);
        let segments = vec![(0x120..0x200, 0x20)];
        let t = Table { segments, symbols, strings };
        let mut files = Symbols { files: HashMap::from([((1, 2), Some(t))]) };
        let backing = |ino| Backing { name: b"/lib/x\n.so".to_vec(), dev: 1, ino };
        let mut name = |ino, offset| files.name(&backing(ino), offset, || None);
        assert_eq!([name(2, 0x120), name(2, 0x127), name(2, 0x128), name(2, 0x141)], ["a", "a+0x7", "x?.so+0x28", "end+0x1"]);
        // Not in a segment; no file; a file that can't be opened.
        assert_eq!([name(2, 0x10), name(0, 0x120), name(3, 0)], ["x?.so+0x10", "x?.so+0x120", "x?.so+0x0"]);
    }

    /// Hosts whose programs are guests only: of others, nothing is to be read.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn of_a_real_file() {
        let t = Table::read(&File::open("/proc/self/exe").unwrap()).unwrap();
        let main = t.symbols.iter().find(|s| string(&t.strings, s.name) == b"main").unwrap();
        assert_eq!(t.find(main.start + 1), Some((&b"main"[..], 1)));
    }
}
