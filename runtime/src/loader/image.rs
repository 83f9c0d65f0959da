//! Mapping the segments of an executable and its interpreter.

use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use forklift_x86::{CpuModel, CpuState, GuestAddr, Mode};

use super::elf::{Elf, Phdr};
use super::stack::{self, StackInfo};
use super::{ExecFile, Executable, vdso};
use crate::errno::{Errno, SysResult};
use crate::error::Error;
use crate::mem::space::HIGH_TOP;
use crate::mem::vma::{Backing, Prot};
use crate::mem::{AddressSpace, GuestMem, MapRequest, page_round};
use crate::process::Program;

const PAGE: u64 = GuestAddr::PAGE_SIZE;

/// Where a file was mapped.
#[derive(Clone, Copy, Default, Debug)]
struct Placed {
    bias: u64,
    entry: u64,
    phdr: u64,
    /// End of the segments.
    brk: u64,
    code: (u64, u64),
    data: (u64, u64),
}

/// A loaded program: where it starts and what it looks like.
pub struct Loaded {
    /// Registers of the first thread.
    pub cpu: CpuState,
    /// What /proc and execve show.
    pub program: Program,
    /// Where SYSENTER returns to; 0 for x86-64.
    pub sysenter_return: GuestAddr,
    /// The vdso's sigreturn functions of i386: `__kernel_sigreturn`, `__kernel_rt_sigreturn`.
    pub sigreturn: (u64, u64),
}

/// Where the first segment of a position-independent program with an interpreter goes: two thirds of the address space, as Linux has it. On x86-64 hosts,
/// within reach of direct code, which lies between it and what mmap gives out.
const fn pie_base(space: &AddressSpace) -> u64 {
    match space.mode() {
        Mode::Bits64 if cfg!(target_arch = "x86_64") => space.top() + (1 << 29),
        Mode::Bits64 if space.top() == HIGH_TOP => 0x4000_0000_0000,
        Mode::Bits64 => 0x2a_aaaa_a000,
        Mode::Bits32 => 0x5655_5000,
    }
}

/// Maps `x` into the empty `space`.
///
/// # Errors
/// [`Error::Exec`], all of the kind that the kernel answers with SIGSEGV.
pub fn load(mem: &GuestMem, x: &Executable, envp: &[CString], model: CpuModel) -> Result<Loaded, Error> {
    let space = mem.space();
    let mode = x.elf.mode;
    let fail = |file: &ExecFile, e: Errno| Error::fatal(&file.guest_path, e, format!("its segments can't be mapped ({e})"));
    space.set_read_implies_exec(mode == Mode::Bits32 && stack::is_default(&x.elf));
    let stack = stack::map(space, &x.elf).map_err(|e| fail(&x.exe, e))?;
    let main = map_file(mem, &x.exe, &x.elf, x.interp.is_some()).map_err(|e| fail(&x.exe, e))?;
    space.set_brk_start(main.brk.next_multiple_of(PAGE));
    let interp = match &x.interp {
        Some((file, elf)) => Some(map_file(mem, file, elf, false).map_err(|e| fail(file, e))?),
        None => None,
    };
    let entry = interp.map_or(main.entry, |i| i.entry);
    if entry >= space.map_limit() {
        return Err(fail(&x.exe, Errno::EINVAL));
    }
    let (vdso_at, vdso) = map_vdso(mem, mode).map_err(|e| fail(&x.exe, e))?;
    let info = StackInfo {
        mode,
        model,
        argv: &x.argv,
        envp,
        filename: &x.filename,
        phdr: main.phdr,
        phent: x.elf.phentsize(),
        phnum: x.elf.phdrs.len() as u64,
        base: interp.map_or(0, |i| i.bias),
        entry: main.entry,
        sysinfo: if mode == Mode::Bits32 { vdso_at + vdso.vsyscall } else { 0 },
        vdso: vdso_at,
    };
    let built = stack::build(mem, stack, &info).map_err(|e| fail(&x.exe, e))?;
    let mut cpu = CpuState::new(mode);
    cpu.set(forklift_x86::Gpr::Rsp, built.sp);
    cpu.rip = entry;
    cpu.xcr0 = model.xcr0();
    let program = Program {
        exe: x.exe.guest_path.clone(),
        argv: x.argv.clone(),
        auxv: built.auxv,
        arg_area: built.args,
        env_area: built.env,
        start_stack: built.sp,
        code_data: [main.code.0, main.code.1, main.data.0, main.data.1],
    };
    let at = |offset: u64| vdso_at + offset;
    Ok(Loaded { cpu, program, sysenter_return: GuestAddr::new(at(vdso.sysenter_return)), sigreturn: (at(vdso.sigreturn), at(vdso.rt_sigreturn)) })
}

const fn prot_of(flags: u32) -> Prot {
    // PF_X 1, PF_W 2, PF_R 4 against PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4.
    Prot((flags as u8 & 4) >> 2 | flags as u8 & 2 | (flags as u8 & 1) << 2)
}

/// Maps all segments of a file.
fn map_file(mem: &GuestMem, file: &ExecFile, elf: &Elf, has_interp: bool) -> SysResult<Placed> {
    let space = mem.space();
    let limit = space.map_limit();
    let mut out = Placed { code: (u64::MAX, 0), ..Placed::default() };
    let Some(first) = elf.loads().next() else {
        return if elf.is_dyn { Err(Errno::EINVAL) } else { Ok(Placed { entry: elf.entry, ..out }) };
    };
    if elf.is_dyn {
        out.bias = choose_bias(space, elf, first, has_interp)?;
    }
    let mut replaceable = elf.is_dyn;
    for p in elf.loads() {
        map_segment(mem, file, p, out.bias, replaceable)?;
        replaceable = true;
        let start = out.bias.wrapping_add(p.vaddr);
        if start >= limit || p.filesz > p.memsz || p.memsz > limit || limit - p.memsz < start {
            return Err(Errno::EINVAL);
        }
        if p.flags & 1 != 0 {
            out.code = (out.code.0.min(start), out.code.1.max(start + p.filesz));
        }
        out.data = (out.data.0.max(start), out.data.1.max(start + p.filesz));
        out.brk = out.brk.max(start + p.memsz);
    }
    out.entry = elf.entry.wrapping_add(out.bias) & elf.mode.addr_mask();
    out.phdr = elf.phdr_addr().wrapping_add(out.bias) & elf.mode.addr_mask();
    if elf.phdr_addr() == 0 {
        out.phdr = 0;
    }
    Ok(out)
}

fn choose_bias(space: &AddressSpace, elf: &Elf, first: &Phdr, has_interp: bool) -> SysResult<u64> {
    let total = elf.total_size();
    if total == 0 {
        return Err(Errno::EINVAL);
    }
    let align = elf.max_align().max(PAGE);
    let len = total.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    let base = match has_interp {
        true => pie_base(space) & !(align - 1),
        false => space.map().find_gap(len, PAGE, space.mmap_base(), align).ok_or(Errno::ENOMEM)?,
    };
    Ok(base.wrapping_sub(first.vaddr & !(PAGE - 1)))
}

fn map_segment(mem: &GuestMem, file: &ExecFile, p: &Phdr, bias: u64, replaceable: bool) -> SysResult<()> {
    let space = mem.space();
    let prot = prot_of(p.flags);
    let start = bias.wrapping_add(p.vaddr) & space.mode().addr_mask();
    let page = start & !(PAGE - 1);
    let fixed = if replaceable { libc::MAP_FIXED } else { 0x10_0000 };
    if p.filesz > 0 {
        let shift = p.vaddr & (PAGE - 1);
        let len = p.filesz.checked_add(shift).ok_or(Errno::ENOMEM)?;
        let offset = p.offset.wrapping_sub(shift);
        if !offset.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        space.mmap(MapRequest { addr: page, len, prot, flags: libc::MAP_PRIVATE | fixed, fd: file.file.as_raw_fd(), offset })?;
    }
    if p.memsz > p.filesz {
        let zero = start.checked_add(p.filesz).ok_or(Errno::EINVAL)?;
        let end = start.checked_add(p.memsz).ok_or(Errno::EINVAL)?;
        let pages = if p.filesz == 0 { page } else { zero.checked_next_multiple_of(PAGE).ok_or(Errno::EINVAL)? };
        let pages_end = end.checked_next_multiple_of(PAGE).ok_or(Errno::EINVAL)?;
        if p.filesz > 0 && zero < pages && prot.has(Prot::WRITE) {
            let zeroes = vec![0; (pages - zero) as usize];
            mem.write_bytes(GuestAddr::new(zero), &zeroes)?;
        }
        if pages < pages_end {
            // The kernel makes these readable and writable whatever the segment says, and executable if it says so.
            let prot = Prot(3 | prot.0 & Prot::EXEC.0);
            space.mmap(MapRequest { addr: pages, len: pages_end - pages, prot, flags: libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed, fd: -1, offset: 0 })?;
        }
    }
    Ok(())
}

fn map_vdso(mem: &GuestMem, mode: Mode) -> SysResult<(u64, vdso::Vdso)> {
    let v = vdso::build(mode);
    let at = mem.space().mmap(MapRequest::anonymous(v.image.len() as u64, Prot(3)))?;
    mem.write_bytes(at, &v.image)?;
    mem.space().mprotect(at.get(), at.get() + page_round(v.image.len() as u64), Prot(5))?;
    let name = Arc::new(Backing { name: b"[vdso]".to_vec(), dev: 0, ino: 0 });
    mem.space().map().update(at.get(), at.get() + v.image.len() as u64, |a| a.backing = Some(name.clone()));
    Ok((at.get(), v))
}
