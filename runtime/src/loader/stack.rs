//! The initial stack: strings, auxiliary vector, pointers, argument count.
//!
//! From the top downwards, as Linux: a null word, the file's name, the environment's strings, the arguments' strings, the platform's name, 16 random bytes; then, at a multiple of
//! 16, upwards: argc, argv, NULL, envp, NULL, auxv.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use forklift_x86::{CpuModel, GuestAddr, Mode};

use super::elf::Elf;
use crate::errno::{Errno, SysResult};
use crate::mem::vma::{Backing, Prot};
use crate::mem::{AddressSpace, GuestMem, MapRequest};

const PT_GNU_STACK: u32 = 0x6474_e551;
/// Stack of a program whose limit is "unlimited", or more than there is room for. Unit: bytes.
const MAX_STACK: (u64, u64) = (512 << 20, 96 << 20);
/// Smallest stack, for arguments and environment. Unit: bytes.
const MIN_STACK: u64 = 1 << 20;

/// What goes onto the stack.
pub struct StackInfo<'a> {
    /// The program's class.
    pub mode: Mode,
    /// The CPU, for AT_HWCAP.
    pub model: CpuModel,
    /// Arguments.
    pub argv: &'a [CString],
    /// Environment.
    pub envp: &'a [CString],
    /// AT_EXECFN.
    pub filename: &'a CStr,
    /// AT_PHDR.
    pub phdr: u64,
    /// AT_PHENT.
    pub phent: u64,
    /// AT_PHNUM.
    pub phnum: u64,
    /// AT_BASE.
    pub base: u64,
    /// AT_ENTRY.
    pub entry: u64,
    /// AT_SYSINFO, for i386.
    pub sysinfo: u64,
    /// AT_SYSINFO_EHDR.
    pub vdso: u64,
}

/// What was built.
pub(super) struct Built {
    pub sp: u64,
    pub auxv: Vec<u8>,
    pub args: (u64, u64),
    pub env: (u64, u64),
}

/// Whether the program says nothing about its stack.
pub(super) fn is_default(elf: &Elf) -> bool {
    !elf.phdrs.iter().any(|p| p.kind == PT_GNU_STACK)
}

/// Maps the stack and returns its top.
pub(super) fn map(space: &AddressSpace, elf: &Elf) -> SysResult<u64> {
    let (top, max) = match space.mode() {
        Mode::Bits64 => (space.top() - 0x1_0000, MAX_STACK.0),
        Mode::Bits32 => (space.top(), MAX_STACK.1),
    };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    let size = limit.rlim_cur.clamp(MIN_STACK, max) & !(GuestAddr::PAGE_SIZE - 1);
    let exec = elf.phdrs.iter().rfind(|p| p.kind == PT_GNU_STACK).is_some_and(|p| p.flags & 1 != 0);
    let prot = if exec { Prot(7) } else { Prot(3) };
    let request = MapRequest::anonymous(size, prot).fixed(top - size);
    space.mmap(MapRequest { flags: request.flags | libc::MAP_NORESERVE | libc::MAP_STACK, ..request })?;
    let name = Arc::new(Backing { name: b"[stack]".to_vec(), dev: 0, ino: 0 });
    space.map().update(top - size, top, |a| {
        a.grows_down = true;
        a.backing = Some(name.clone());
    });
    Ok(top)
}

/// A stack that grows down.
struct Push<'a> {
    mem: &'a GuestMem,
    sp: u64,
    word: u64,
}

impl Push<'_> {
    fn bytes(&mut self, b: &[u8]) -> SysResult<u64> {
        self.sp = self.sp.checked_sub(b.len() as u64).ok_or(Errno::E2BIG)?;
        self.mem.write_bytes(GuestAddr::new(self.sp), b)?;
        Ok(self.sp)
    }

    fn strings(&mut self, list: &[CString]) -> SysResult<Vec<u64>> {
        let mut at = list.iter().rev().map(|s| self.bytes(s.as_bytes_with_nul())).collect::<SysResult<Vec<_>>>()?;
        at.reverse();
        Ok(at)
    }

    fn words(&self, v: &[u64]) -> Vec<u8> {
        v.iter().flat_map(|w| w.to_le_bytes()[..self.word as usize].to_vec()).collect()
    }
}

fn random() -> [u8; 16] {
    let mut r = [0u8; 16];
    // SAFETY: a buffer of ours.
    unsafe { libc::getrandom(r.as_mut_ptr().cast(), r.len(), libc::GRND_NONBLOCK) };
    r
}

/// Writes the initial stack below `top`.
pub(super) fn build(mem: &GuestMem, top: u64, info: &StackInfo<'_>) -> SysResult<Built> {
    let word = if info.mode == Mode::Bits64 { 8 } else { 4 };
    let mut p = Push { mem, sp: top, word };
    p.bytes(&[0; 8][..word as usize])?;
    let execfn = p.bytes(info.filename.to_bytes_with_nul())?;
    let env_end = p.sp;
    let env = p.strings(info.envp)?;
    let arg_end = p.sp;
    let args = p.strings(info.argv)?;
    let arg_start = p.sp;
    p.sp &= !15;
    let platform = p.bytes(if info.mode == Mode::Bits64 { b"x86_64\0" } else { b"i686\0" })?;
    let random = p.bytes(&random())?;
    let auxv = auxv(info, execfn, platform, random);
    let mut words = vec![args.len() as u64];
    words.extend(&args);
    words.push(0);
    words.extend(&env);
    words.push(0);
    let auxv_words: Vec<u64> = auxv.iter().flat_map(|&(k, v)| [k, v]).collect();
    let total = (words.len() + auxv_words.len()) as u64 * word;
    p.sp = (p.sp.checked_sub(total).ok_or(Errno::E2BIG)?) & !15;
    let auxv_bytes = p.words(&auxv_words);
    let mut image = p.words(&words);
    image.extend(&auxv_bytes);
    mem.write_bytes(GuestAddr::new(p.sp), &image)?;
    Ok(Built { sp: p.sp, auxv: auxv_bytes, args: (arg_start, arg_end), env: (arg_end, env_end) })
}

fn auxv(info: &StackInfo<'_>, execfn: u64, platform: u64, random: u64) -> Vec<(u64, u64)> {
    // SAFETY: no arguments.
    let (uid, euid, gid, egid) = unsafe { (libc::getuid(), libc::geteuid(), libc::getgid(), libc::getegid()) };
    let mut v = Vec::with_capacity(24);
    if info.sysinfo != 0 {
        v.push((32, info.sysinfo));
    }
    v.extend([
        (33, info.vdso),
        (51, 2048),
        (16, info.model.cpuid(1, 0).edx.into()),
        (6, GuestAddr::PAGE_SIZE),
        (17, 100),
        (3, info.phdr),
        (4, info.phent),
        (5, info.phnum),
        (7, info.base),
        (8, 0),
        (9, info.entry),
        (11, uid.into()),
        (12, euid.into()),
        (13, gid.into()),
        (14, egid.into()),
        (23, 0),
        (25, random),
        (26, 0),
        (31, execfn),
        (15, platform),
        (0, 0),
    ]);
    v
}
