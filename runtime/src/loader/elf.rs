//! ELF headers, read as Linux reads them: exactly its checks and no others, so that files whose headers overlap run.
//!
//! Source: fs/binfmt_elf.c describes itself; in short: the class byte isn't looked at (the machine says which it is), sections aren't either, and program
//! headers must fit one page.

use std::fs::File;
use std::os::unix::fs::FileExt;

use forklift_x86::Mode;

use crate::errno::{Errno, SysResult};

/// Size of the part of the file that decides what it is. Shorter files count as padded with zeroes.
pub const HEAD: usize = 256;

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_386: u16 = 3;
const EM_486: u16 = 6;
const EM_X86_64: u16 = 62;
/// Program headers must fit this.
const MAX_PHDRS: u64 = 4096;
/// Longest path of an interpreter.
const PATH_MAX: u64 = 4096;

/// Types of program headers.
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;

/// A program header, whatever the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phdr {
    /// PT_*.
    pub kind: u32,
    /// PF_X 1, PF_W 2, PF_R 4.
    pub flags: u32,
    /// Where in the file.
    pub offset: u64,
    /// Where in memory.
    pub vaddr: u64,
    /// Bytes in the file.
    pub filesz: u64,
    /// Bytes in memory.
    pub memsz: u64,
    /// Alignment.
    pub align: u64,
}

/// The headers of a program or an interpreter.
#[derive(Clone, Debug)]
pub struct Elf {
    /// The mode that the machine field stands for.
    pub mode: Mode,
    /// Whether it is ET_DYN.
    pub is_dyn: bool,
    /// Entry point, not relocated.
    pub entry: u64,
    /// Where the program headers lie in the file.
    pub phoff: u64,
    /// All program headers.
    pub phdrs: Vec<Phdr>,
}

/// A little-endian reader of header fields.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn num(&self, at: usize, len: usize) -> u64 {
        self.0.get(at..at + len).map_or(0, |b| b.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    }
    pub(crate) fn u16(&self, at: usize) -> u16 {
        self.num(at, 2) as u16
    }
    pub(crate) fn u32(&self, at: usize) -> u32 {
        self.num(at, 4) as u32
    }
    pub(crate) fn u64(&self, at: usize) -> u64 {
        self.num(at, 8)
    }
}

/// The machine of an ELF file, whatever it is, and whether the file is one at all.
pub fn machine(head: &[u8]) -> Option<u16> {
    head.starts_with(b"\x7fELF").then(|| Fields(head).u16(18))
}

/// The mode of programs for this machine.
pub const fn mode_of(machine: u16) -> Option<Mode> {
    match machine {
        EM_X86_64 => Some(Mode::Bits64),
        EM_386 | EM_486 => Some(Mode::Bits32),
        _ => None,
    }
}

/// The name of a machine, for messages.
pub const fn machine_name(machine: u16) -> &'static str {
    match machine {
        EM_X86_64 => "x86-64",
        EM_386 | EM_486 => "i386",
        8 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC64",
        22 => "S/390",
        40 => "ARM",
        183 => "AArch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => "an unknown machine",
    }
}

impl Elf {
    /// Reads and checks the headers of `file`, whose first bytes are `head`.
    ///
    /// # Errors
    /// ENOEXEC.
    pub fn parse(file: &File, head: &[u8; HEAD]) -> SysResult<Self> {
        let f = Fields(head);
        let mode = machine(head).and_then(mode_of).ok_or(Errno::ENOEXEC)?;
        let is_dyn = match f.u16(16) {
            ET_EXEC => false,
            ET_DYN => true,
            _ => return Err(Errno::ENOEXEC),
        };
        let (entry, phoff, sizes, want) = match mode {
            Mode::Bits64 => (f.u64(24), f.u64(32), 54, 56),
            Mode::Bits32 => (f.num(24, 4), f.num(28, 4), 42, 32),
        };
        let (phentsize, phnum) = (f.u16(sizes), f.u16(sizes + 2));
        let bytes = u64::from(phnum) * want;
        if u64::from(phentsize) != want || bytes == 0 || bytes > MAX_PHDRS {
            return Err(Errno::ENOEXEC);
        }
        let mut table = vec![0; bytes as usize];
        read_exact(file, &mut table, phoff).map_err(|_| Errno::ENOEXEC)?;
        let phdrs = table.chunks_exact(want as usize).map(|c| phdr(mode, &Fields(c))).collect();
        Ok(Self { mode, is_dyn, entry, phoff, phdrs })
    }

    /// The path of the interpreter that the file asks for, without its zero.
    ///
    /// # Errors
    /// ENOEXEC, EIO.
    pub fn interpreter(&self, file: &File) -> SysResult<Option<Vec<u8>>> {
        let Some(p) = self.phdrs.iter().find(|p| p.kind == PT_INTERP) else { return Ok(None) };
        if p.filesz > PATH_MAX || p.filesz < 2 {
            return Err(Errno::ENOEXEC);
        }
        let mut path = vec![0; p.filesz as usize];
        read_exact(file, &mut path, p.offset)?;
        if path.pop() != Some(0) {
            return Err(Errno::ENOEXEC);
        }
        let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
        path.truncate(end);
        Ok(Some(path))
    }

    /// Whether `name` is among the strings of the dynamic linker. A file that is not as it should be has none.
    pub fn has_dynamic_name(&self, file: &File, name: &[u8]) -> bool {
        self.dynamic_strings(file).is_some_and(|s| s.split(|&b| b == 0).any(|n| n == name))
    }

    fn dynamic_strings(&self, file: &File) -> Option<Vec<u8>> {
        const PT_DYNAMIC: u32 = 2;
        const DT_STRTAB: u64 = 5;
        const DT_STRSZ: u64 = 10;
        /// Larger ones are not looked at. Unit: bytes.
        const MOST: (u64, u64) = (64 << 10, 16 << 20);
        let p = self.phdrs.iter().find(|p| p.kind == PT_DYNAMIC && p.filesz <= MOST.0)?;
        let mut entries = vec![0; p.filesz as usize];
        read_exact(file, &mut entries, p.offset).ok()?;
        let word = |b: &[u8]| b.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b));
        let size = if self.mode == Mode::Bits64 { 8 } else { 4 };
        let tag = |t| entries.chunks_exact(2 * size).find(|e| word(&e[..size]) == t).map(|e| word(&e[size..]));
        let (at, len) = (tag(DT_STRTAB)?, tag(DT_STRSZ)?);
        let holder = self.loads().find(|p| p.vaddr <= at && at - p.vaddr < p.filesz)?;
        let mut strings = vec![0; len.min(MOST.1) as usize];
        read_exact(file, &mut strings, holder.offset.checked_add(at - holder.vaddr)?).ok()?;
        Some(strings)
    }

    /// The segments to load, in the file's order.
    pub fn loads(&self) -> impl Iterator<Item = &Phdr> {
        self.phdrs.iter().filter(|p| p.kind == PT_LOAD)
    }

    /// The largest sensible alignment among the segments; 0 if none has any.
    pub fn max_align(&self) -> u64 {
        self.loads().map(|p| p.align).filter(|a| a.is_power_of_two()).max().unwrap_or(0)
    }

    /// Size of the range from the first page of all segments to the last byte.
    pub fn total_size(&self) -> u64 {
        let low = self.loads().map(|p| p.vaddr & !0xfff).min();
        let high = self.loads().map(|p| p.vaddr.saturating_add(p.memsz)).max();
        low.zip(high).map_or(0, |(l, h)| h.saturating_sub(l))
    }

    /// Where the program headers lie in memory, not relocated; 0 if no segment holds them.
    pub fn phdr_addr(&self) -> u64 {
        let holds = |p: &&Phdr| p.offset <= self.phoff && self.phoff - p.offset < p.filesz;
        self.loads().find(holds).map_or(0, |p| (self.phoff - p.offset).wrapping_add(p.vaddr))
    }

    /// Size of a program header.
    pub const fn phentsize(&self) -> u64 {
        match self.mode {
            Mode::Bits64 => 56,
            Mode::Bits32 => 32,
        }
    }
}

fn phdr(mode: Mode, f: &Fields<'_>) -> Phdr {
    let w = |i: usize| f.num(i * 4, 4);
    match mode {
        Mode::Bits64 => Phdr { kind: f.u32(0), flags: f.u32(4), offset: f.u64(8), vaddr: f.u64(16), filesz: f.u64(32), memsz: f.u64(40), align: f.u64(48) },
        Mode::Bits32 => Phdr { kind: f.u32(0), flags: f.u32(24), offset: w(1), vaddr: w(2), filesz: w(4), memsz: w(5), align: w(7) },
    }
}

/// Reads all of `buf`, or gives EIO, as the kernel's loader.
///
/// # Errors
/// EIO if the file is too short; the error of reading.
pub fn read_exact(file: &File, buf: &mut [u8], offset: u64) -> SysResult<()> {
    if offset > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    file.read_exact_at(buf, offset).map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno))
}

/// The first bytes of a file, padded with zeroes.
///
/// # Errors
/// The error of reading.
pub fn read_head(file: &File) -> SysResult<[u8; HEAD]> {
    let mut head = [0; HEAD];
    let mut have = 0;
    while have < HEAD {
        match file.read_at(&mut head[have..], have as u64)? {
            0 => break,
            n => have += n,
        }
    }
    Ok(head)
}
