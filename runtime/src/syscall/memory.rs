//! Memory: mmap and its kin. The work is done by [`AddressSpace`](crate::mem::AddressSpace); here are the ABIs' forms and the calls that go through to the host
//! range by range.

use std::sync::atomic::Ordering;

use forklift_x86::GuestAddr;

use super::show::{MapFlags, MemAdvice, MlockFlags, MlockallFlags, MremapFlags, MsyncFlags, ProtFlags};
use super::{Arg, Regs, Returns, Spec, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mem::space::{LOCK_NOW, LOCK_ON_FAULT};
use crate::mem::vma::Prot;
use crate::mem::{MapRequest, RemapFlags, page_round};
use crate::table;
use crate::task::Task;

table![
    Mmap,
    OldMmap,
    Mmap2,
    Munmap,
    Mprotect,
    PkeyMprotect,
    PkeyAlloc,
    PkeyFree,
    Mremap,
    Brk,
    Madvise,
    Msync,
    Mincore,
    Mlock,
    Mlock2,
    Munlock,
    Mlockall,
    Munlockall
];

/// An offset in a file, shown in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct Offset(u64);

impl Arg for Offset {
    fn take(r: &mut Regs) -> Self {
        Self(r.word())
    }
    fn show(&self, _: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}

const PAGE: u64 = GuestAddr::PAGE_SIZE;

impl Task {
    /// Runs something that may change mappings under translations, and tells all threads if it did.
    pub fn remapping<T>(&mut self, f: impl FnOnce(&mut Self) -> SysResult<T>) -> SysResult<T> {
        let epoch = self.process.space().epoch();
        let result = f(self);
        self.mem.announce_since(epoch);
        result
    }

    fn map_memory(&mut self, addr: u64, len: u64, prot: u32, flags: i32, fd: i32, offset: u64) -> SysResult {
        if flags & libc::MAP_ANONYMOUS == 0 {
            self.fd(super::Fd(fd))?;
        }
        let prot = Prot(prot as u8 & 7);
        self.remapping(|t| t.process.space().mmap(MapRequest { addr, len, prot, flags, fd, offset })).map(GuestAddr::get)
    }

    /// The mapped parts of `[start, end)`, and whether that is all of it.
    fn mapped_parts(&self, start: u64, end: u64) -> (Vec<(u64, u64)>, bool) {
        let map = self.process.space().map();
        let parts = map.overlapping(start, end).map(|(s, a)| (s.max(start), a.end.min(end))).collect();
        (parts, map.is_covered(start, end))
    }

    /// A host call of (address, length, `arg`) on each mapped part; ENOMEM at the end if there were holes.
    fn on_parts(&self, start: u64, end: u64, nr: i64, arg: u64) -> SysResult {
        let (parts, whole) = self.mapped_parts(start, end);
        for (s, e) in parts {
            // SAFETY: in the guest's part of the address space.
            unsafe { host::syscall(nr, [self.process.space().host(s) as u64, e - s, arg, 0, 0, 0]) }?;
        }
        if whole { Ok(0) } else { Err(Errno::ENOMEM) }
    }
}

/// The end of the pages that hold `len` bytes from `start`, whose rounding may wrap around to nothing. `wrong` if it lies before the start.
fn end_of(start: u64, len: u64, wrong: Errno) -> SysResult<u64> {
    start.checked_add(page_round(len)).ok_or(wrong)
}

/// mmap(2) of x86-64.
pub struct Mmap;
impl Syscall for Mmap {
    const SPEC: Spec = Spec { name: "mmap", x64: Some(9), i386: None, support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (GuestAddr, u64, ProtFlags, MapFlags, i32, Offset);
    fn call<A: Abi>(t: &mut Task, (addr, len, prot, flags, fd, Offset(offset)): Self::Args<A>) -> SysResult {
        if !offset.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        t.map_memory(addr.get(), len, prot.0, flags.0 as i32, fd, offset)
    }
}

/// mmap(2) of i386, the old one: its arguments lie in memory.
pub struct OldMmap;
impl Syscall for OldMmap {
    const SPEC: Spec = Spec { name: "mmap", x64: None, i386: Some(90), support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (GuestPtr<A, [u32; 6]>,);
    fn call<A: Abi>(t: &mut Task, (args,): Self::Args<A>) -> SysResult {
        let [addr, len, prot, flags, fd, offset] = t.mem.read(args)?;
        if !u64::from(offset).is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        t.map_memory(addr.into(), len.into(), prot, flags as i32, fd as i32, offset.into())
    }
}

/// mmap2(2): the offset is in pages.
pub struct Mmap2;
impl Syscall for Mmap2 {
    const SPEC: Spec = Spec { name: "mmap2", x64: None, i386: Some(192), support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (GuestAddr, u64, ProtFlags, MapFlags, i32, Offset);
    fn call<A: Abi>(t: &mut Task, (addr, len, prot, flags, fd, Offset(pages)): Self::Args<A>) -> SysResult {
        t.map_memory(addr.get(), len, prot.0, flags.0 as i32, fd, pages * PAGE)
    }
}

/// munmap(2).
pub struct Munmap;
impl Syscall for Munmap {
    const SPEC: Spec = Spec { name: "munmap", x64: Some(11), i386: Some(91), support: Full };
    type Args<A: Abi> = (GuestAddr, u64);
    fn call<A: Abi>(t: &mut Task, (addr, len): Self::Args<A>) -> SysResult {
        t.remapping(|t| t.process.space().munmap(addr.get(), len)).map(|()| 0)
    }
}

/// PROT_SEM is allowed and means nothing; PROT_GROWSDOWN and PROT_GROWSUP need a mapping that grows. There are no keys but "none".
fn protect(t: &mut Task, addr: u64, len: u64, prot: u32, key: i32) -> SysResult {
    const SEM: u32 = 8;
    const GROWSDOWN: u32 = 0x0100_0000;
    const GROWSUP: u32 = 0x0200_0000;
    let grows = prot & (GROWSDOWN | GROWSUP);
    if grows == GROWSDOWN | GROWSUP || !addr.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    if len == 0 {
        return Ok(0);
    }
    let end = end_of(addr, len, Errno::ENOMEM)?;
    if end <= addr {
        return Err(Errno::ENOMEM);
    }
    if prot & !(7 | SEM | grows) != 0 || key != -1 {
        return Err(Errno::EINVAL);
    }
    let mut start = addr;
    if grows != 0 {
        let map = t.process.space().map();
        let (first, area) = map.overlapping(addr, end).next().ok_or(Errno::ENOMEM)?;
        if grows == GROWSUP && first > addr {
            return Err(Errno::ENOMEM);
        }
        if grows == GROWSUP || !area.grows_down {
            return Err(Errno::EINVAL);
        }
        start = first;
    }
    t.remapping(|t| t.process.space().mprotect(start, end, Prot(prot as u8 & 7))).map(|()| 0)
}

/// mprotect(2).
pub struct Mprotect;
impl Syscall for Mprotect {
    const SPEC: Spec = Spec { name: "mprotect", x64: Some(10), i386: Some(125), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, ProtFlags);
    fn call<A: Abi>(t: &mut Task, (addr, len, prot): Self::Args<A>) -> SysResult {
        protect(t, addr.get(), len, prot.0, -1)
    }
}

/// pkey_mprotect(2).
pub struct PkeyMprotect;
impl Syscall for PkeyMprotect {
    const SPEC: Spec = Spec { name: "pkey_mprotect", x64: Some(329), i386: Some(380), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, ProtFlags, i32);
    fn call<A: Abi>(t: &mut Task, (addr, len, prot, key): Self::Args<A>) -> SysResult {
        protect(t, addr.get(), len, prot.0, key)
    }
}

/// pkey_alloc(2), on a CPU without protection keys.
pub struct PkeyAlloc;
impl Syscall for PkeyAlloc {
    const SPEC: Spec = Spec { name: "pkey_alloc", x64: Some(330), i386: Some(381), support: Full };
    type Args<A: Abi> = (u64, u64);
    fn call<A: Abi>(_: &mut Task, _: Self::Args<A>) -> SysResult {
        Err(Errno::EINVAL)
    }
}

/// pkey_free(2), on a CPU without protection keys.
pub struct PkeyFree;
impl Syscall for PkeyFree {
    const SPEC: Spec = Spec { name: "pkey_free", x64: Some(331), i386: Some(382), support: Full };
    type Args<A: Abi> = (i32,);
    fn call<A: Abi>(_: &mut Task, (_key,): Self::Args<A>) -> SysResult {
        Err(Errno::EINVAL)
    }
}

/// mremap(2).
pub struct Mremap;
impl Syscall for Mremap {
    const SPEC: Spec = Spec { name: "mremap", x64: Some(25), i386: Some(163), support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (GuestAddr, u64, u64, MremapFlags, GuestAddr);
    fn call<A: Abi>(t: &mut Task, (addr, old, new, flags, to): Self::Args<A>) -> SysResult {
        t.remapping(|t| t.process.space().mremap(addr.get(), old, new, RemapFlags(flags.0 as i32), to.get())).map(GuestAddr::get)
    }
}

/// brk(2).
pub struct Brk;
impl Syscall for Brk {
    const SPEC: Spec = Spec { name: "brk", x64: Some(12), i386: Some(45), support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (GuestAddr,);
    fn call<A: Abi>(t: &mut Task, (end,): Self::Args<A>) -> SysResult {
        let mut limit = libc::rlimit { rlim_cur: u64::MAX, rlim_max: u64::MAX };
        // SAFETY: a structure of ours.
        unsafe { libc::getrlimit(libc::RLIMIT_DATA, &raw mut limit) };
        t.remapping(|t| Ok(t.process.space().set_brk(end.get(), limit.rlim_cur)))
    }
}

/// madvise(2).
pub struct Madvise;
impl Syscall for Madvise {
    const SPEC: Spec = Spec { name: "madvise", x64: Some(28), i386: Some(219), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, MemAdvice);
    fn call<A: Abi>(t: &mut Task, (addr, len, MemAdvice(advice)): Self::Args<A>) -> SysResult {
        // SAFETY: no memory is touched: this asks whether the advice is known.
        unsafe { host::syscall(libc::SYS_madvise, [0, 0, advice as u64, 0, 0, 0]) }?;
        let (start, size) = (addr.get(), page_round(len));
        if !start.is_multiple_of(PAGE) || (size == 0 && len != 0) {
            return Err(Errno::EINVAL);
        }
        let end = end_of(start, len, Errno::EINVAL)?;
        if end == start {
            return Ok(0);
        }
        // What is dropped may have been code.
        if matches!(advice, libc::MADV_DONTNEED | libc::MADV_FREE | libc::MADV_REMOVE) {
            t.mem.prepare_write(addr, size);
        }
        t.on_parts(start, end, libc::SYS_madvise, advice as u64)
    }
}

/// msync(2).
pub struct Msync;
impl Syscall for Msync {
    const SPEC: Spec = Spec { name: "msync", x64: Some(26), i386: Some(144), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, MsyncFlags);
    fn call<A: Abi>(t: &mut Task, (addr, len, flags): Self::Args<A>) -> SysResult {
        const KNOWN: i32 = libc::MS_ASYNC | libc::MS_SYNC | libc::MS_INVALIDATE;
        let f = flags.0 as i32;
        let (start, both) = (addr.get(), libc::MS_ASYNC | libc::MS_SYNC);
        if f & !KNOWN != 0 || !start.is_multiple_of(PAGE) || f & both == both {
            return Err(Errno::EINVAL);
        }
        match end_of(start, len, Errno::ENOMEM)? {
            end if end == start => Ok(0),
            end => t.on_parts(start, end, libc::SYS_msync, flags.0.into()),
        }
    }
}

/// mincore(2).
pub struct Mincore;
impl Syscall for Mincore {
    const SPEC: Spec = Spec { name: "mincore", x64: Some(27), i386: Some(218), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (addr, len, out): Self::Args<A>) -> SysResult {
        /// At once. Unit: bytes.
        const MOST: u64 = 1 << 30;
        let start = addr.get();
        if !start.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        if !t.mem.is_address(addr, len) {
            return Err(Errno::ENOMEM);
        }
        if !t.mem.is_address(out.addr(), len.div_ceil(PAGE)) {
            return Err(Errno::EFAULT);
        }
        let mut at = start;
        let (parts, whole) = t.mapped_parts(start, start + page_round(len));
        for (s, e) in parts {
            // What lies before a hole is told all the same.
            if s != at {
                break;
            }
            at = e;
            for s in (s..e).step_by(MOST as usize) {
                let len = MOST.min(e - s);
                let mut pages = vec![0u8; (len / PAGE) as usize];
                // SAFETY: one byte a page.
                unsafe { host::syscall(libc::SYS_mincore, [t.process.space().host(s) as u64, len, pages.as_mut_ptr() as u64, 0, 0, 0]) }?;
                t.mem.write_array(out.index((s - start) / PAGE), &pages)?;
            }
        }
        if whole { Ok(0) } else { Err(Errno::ENOMEM) }
    }
}

fn lock(t: &Task, addr: GuestAddr, len: u64, nr: i64, flags: u64) -> SysResult {
    // mlock takes any address: the pages that hold the range.
    let start = addr.page_base().get();
    match end_of(start, len.wrapping_add(addr.page_offset()), Errno::EINVAL)? {
        end if end == start => Ok(0),
        end => t.on_parts(start, end, nr, flags),
    }
}

/// mlock(2).
pub struct Mlock;
impl Syscall for Mlock {
    const SPEC: Spec = Spec { name: "mlock", x64: Some(149), i386: Some(150), support: Full };
    type Args<A: Abi> = (GuestAddr, u64);
    fn call<A: Abi>(t: &mut Task, (addr, len): Self::Args<A>) -> SysResult {
        lock(t, addr, len, libc::SYS_mlock, 0)
    }
}

/// mlock2(2).
pub struct Mlock2;
impl Syscall for Mlock2 {
    const SPEC: Spec = Spec { name: "mlock2", x64: Some(325), i386: Some(376), support: Full };
    type Args<A: Abi> = (GuestAddr, u64, MlockFlags);
    fn call<A: Abi>(t: &mut Task, (addr, len, MlockFlags(flags)): Self::Args<A>) -> SysResult {
        if flags & !1 != 0 { Err(Errno::EINVAL) } else { lock(t, addr, len, libc::SYS_mlock2, flags as u64) }
    }
}

/// munlock(2).
pub struct Munlock;
impl Syscall for Munlock {
    const SPEC: Spec = Spec { name: "munlock", x64: Some(150), i386: Some(151), support: Full };
    type Args<A: Abi> = (GuestAddr, u64);
    fn call<A: Abi>(t: &mut Task, (addr, len): Self::Args<A>) -> SysResult {
        lock(t, addr, len, libc::SYS_munlock, 0)
    }
}

/// mlockall(2): all of the guest's memory, and none of forklift's.
pub struct Mlockall;
impl Syscall for Mlockall {
    const SPEC: Spec = Spec { name: "mlockall", x64: Some(151), i386: Some(152), support: Full };
    type Args<A: Abi> = (MlockallFlags,);
    fn call<A: Abi>(t: &mut Task, (MlockallFlags(flags),): Self::Args<A>) -> SysResult {
        if flags == 0 || flags & !7 != 0 || flags == libc::MCL_ONFAULT {
            return Err(Errno::EINVAL);
        }
        // Of no memory: EPERM for those who may not lock any.
        // SAFETY: no memory involved.
        unsafe { host::syscall(libc::SYS_mlock, [0; 6]) }?;
        let on_fault = flags & libc::MCL_ONFAULT != 0;
        let future = match flags & libc::MCL_FUTURE {
            0 => 0,
            _ if on_fault => LOCK_ON_FAULT,
            _ => LOCK_NOW,
        };
        t.process.space().lock_future.store(future, Ordering::Relaxed);
        if flags & libc::MCL_CURRENT == 0 {
            return Ok(0);
        }
        if on_fault { all_areas(t, libc::SYS_mlock2, libc::MLOCK_ONFAULT.into()) } else { all_areas(t, libc::SYS_mlock, 0) }
    }
}

/// munlockall(2).
pub struct Munlockall;
impl Syscall for Munlockall {
    const SPEC: Spec = Spec { name: "munlockall", x64: Some(152), i386: Some(153), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        t.process.space().lock_future.store(0, Ordering::Relaxed);
        all_areas(t, libc::SYS_munlock, 0)
    }
}

fn all_areas(t: &Task, nr: i64, arg: u64) -> SysResult {
    let areas: Vec<(u64, u64)> = t.process.space().map().iter().map(|(s, a)| (s, a.end)).collect();
    for (start, end) in areas {
        t.on_parts(start, end, nr, arg)?;
    }
    Ok(0)
}
