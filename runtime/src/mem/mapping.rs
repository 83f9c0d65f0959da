//! mmap, munmap, mprotect, mremap and brk: the kernel's checks, the guest's map, and the host's mappings, kept in step.
//!
//! The host never maps guest memory executable. In an i386 guest's window what the guest unmaps becomes reserved again, so that nothing of forklift's can
//! land there. (While mremap moves memory of a program with threads, its old place is free for an instant.)

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use forklift_x86::{GuestAddr, Mode};

use super::GuestMem;
use super::space::{AddressSpace, LOCK_NOW, LOCK_ON_FAULT, X64_LIMIT};
use super::vma::{Area, Backing, Prot, VmaMap};
use crate::errno::{Errno, SysResult};

const PAGE: u64 = GuestAddr::PAGE_SIZE;
/// vm.max_map_count's default.
const MAX_AREAS: usize = 65_530;
/// Lowest address that is given out without being asked for: vm.mmap_min_addr's default.
pub(super) const MIN_ADDR: u64 = 0x1_0000;
/// MAP_32BIT of x86: below 2 GiB.
const MAP_32BIT: i32 = 0x40;
/// MAP_DROPPABLE and the like lie in this mask.
const MAP_TYPE: i32 = 0xf;
/// MAP_FIXED_NOREPLACE, the same on all hosts.
pub(super) const MAP_FIXED_NOREPLACE: i32 = 0x10_0000;
/// Flags that the host gets as they are; their numbers are those of the generic ABI.
const HOST_FLAGS: i32 = MAP_TYPE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_LOCKED | libc::MAP_POPULATE | libc::MAP_NONBLOCK | libc::MAP_SYNC;

/// A request to map memory, as mmap(2) has it.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Wanted address.
    pub addr: u64,
    /// Length in bytes.
    pub len: u64,
    /// Protection.
    pub prot: Prot,
    /// MAP_* of x86.
    pub flags: i32,
    /// The file's descriptor, unless MAP_ANONYMOUS.
    pub fd: i32,
    /// Where in the file, in bytes.
    pub offset: u64,
}

impl MapRequest {
    /// Private anonymous memory at a place of the kernel's choice.
    pub const fn anonymous(len: u64, prot: Prot) -> Self {
        Self { addr: 0, len, prot, flags: libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, fd: -1, offset: 0 }
    }

    /// The same request at a fixed address.
    pub const fn fixed(self, addr: u64) -> Self {
        Self { addr, flags: self.flags | libc::MAP_FIXED, ..self }
    }

    const fn grows_down(&self) -> bool {
        self.flags & libc::MAP_GROWSDOWN != 0
    }

    const fn is_anonymous(&self) -> bool {
        self.flags & libc::MAP_ANONYMOUS != 0
    }
}

pub(super) const fn page_up(v: u64) -> Option<u64> {
    match v.checked_add(PAGE - 1) {
        Some(v) => Some(v & !(PAGE - 1)),
        None => None,
    }
}

/// What /proc/self/maps says about an open file.
fn backing_of(fd: i32) -> SysResult<Arc<Backing>> {
    let mut st = core::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a buffer of the right type.
    Errno::check(unsafe { libc::fstat(fd, st.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded.
    let st = unsafe { st.assume_init() };
    let name = std::fs::read_link(format!("/proc/self/fd/{fd}")).map(|p| p.as_os_str().as_bytes().to_vec()).unwrap_or_default();
    Ok(Arc::new(Backing { name, dev: st.st_dev, ino: st.st_ino }))
}

/// Flags of an open file. EBADF if it is open as a path only.
fn file_flags(fd: i32) -> SysResult<i32> {
    // SAFETY: no memory involved.
    match Errno::check(unsafe { libc::fcntl(fd, libc::F_GETFL) })? as i32 {
        flags if flags & libc::O_PATH != 0 => Err(Errno::EBADF),
        flags => Ok(flags),
    }
}

/// Whether shared mappings of the file may be made writable.
fn is_writable(fd: i32) -> bool {
    file_flags(fd).is_ok_and(|flags| flags & libc::O_ACCMODE == libc::O_RDWR)
}

/// Whether the file is memory: others have it mapped and write to it, though it may be open for reading here.
fn is_memory(fd: i32) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const HUGETLBFS: i64 = 0x9584_58f6;
    let mut st = core::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a buffer of the right type, read only after success.
    unsafe { libc::fstatfs(fd, st.as_mut_ptr()) == 0 && matches!(st.assume_init().f_type, TMPFS | HUGETLBFS) }
}

/// Whether others may see what is written to the mapping, or write to it what is seen here.
fn is_seen_by_others(req: &MapRequest) -> bool {
    req.flags & MAP_TYPE != libc::MAP_PRIVATE && (req.is_anonymous() || is_writable(req.fd) || is_memory(req.fd))
}

/// Whether the file is of a kind, S_IF*.
fn is_kind(fd: i32, kind: libc::mode_t) -> bool {
    let mut st = core::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a buffer of the right type, read only after success.
    unsafe { libc::fstat(fd, st.as_mut_ptr()) == 0 && st.assume_init().st_mode & libc::S_IFMT == kind }
}

/// Whether the file lies on a file system that forbids execution.
fn is_noexec(fd: i32) -> bool {
    let mut st = core::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a buffer of the right type, read only after success.
    unsafe { libc::fstatvfs(fd, st.as_mut_ptr()) == 0 && st.assume_init().f_flag & libc::ST_NOEXEC != 0 }
}

/// What the host's kernel doesn't see of a mapping that stays, as it gets neither PROT_EXEC nor MAP_GROWSDOWN: that the file must not be executed, or can't grow.
/// It is asked with a mapping at a place of its choice.
fn check_unseen(req: &MapRequest) -> SysResult<()> {
    let grows = req.flags & libc::MAP_GROWSDOWN != 0;
    if req.is_anonymous() {
        return if grows && req.flags & MAP_TYPE == libc::MAP_SHARED { Err(Errno::EINVAL) } else { Ok(()) };
    }
    let executes = req.prot.has(Prot::EXEC) && (is_noexec(req.fd) || !is_kind(req.fd, libc::S_IFREG));
    if !executes && !grows {
        return Ok(());
    }
    let prot = req.prot.host() | if executes { libc::PROT_EXEC } else { 0 };
    // SAFETY: replaces nothing, and is given back at once.
    let p = unsafe { libc::mmap(core::ptr::null_mut(), req.len as usize, prot, req.flags & HOST_FLAGS, req.fd, req.offset as libc::off_t) };
    if p == libc::MAP_FAILED {
        let e = Errno::last();
        // A socket can't be mapped, which is found last.
        return Err(if grows && e == Errno::ENODEV && is_kind(req.fd, libc::S_IFSOCK) { Errno::EINVAL } else { e });
    }
    // SAFETY: just mapped.
    unsafe { libc::munmap(p, req.len as usize) };
    if grows { Err(Errno::EINVAL) } else { Ok(()) }
}

impl AddressSpace {
    /// Highest address (exclusive) that mappings are placed below; under it comes the stack.
    pub const fn mmap_base(&self) -> u64 {
        match self.mode() {
            Mode::Bits64 => self.top() - (1 << 30),
            Mode::Bits32 => 0xf7ff_0000,
        }
    }

    /// mmap(2).
    ///
    /// # Errors
    /// Those of the man page.
    pub fn mmap(&self, req: MapRequest) -> SysResult<GuestAddr> {
        let req = MapRequest { prot: self.effective(req.prot), ..req };
        if !req.is_anonymous() {
            file_flags(req.fd)?;
        }
        if req.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = page_up(req.len).ok_or(Errno::ENOMEM)?;
        if is_seen_by_others(&req) {
            self.order();
        }
        let mut map = self.map();
        if map.len() >= MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        let addr = self.place(&map, &req, len)?;
        check_unseen(&req)?;
        self.check_limit(&map, addr, addr + len)?;
        let area = self.describe(&req, addr + len)?;
        self.code_unmapped(addr, addr + len);
        let claimed = self.claim(&map, addr, len)?;
        if let Err(e) = self.host_map(&req, addr, len) {
            self.release(claimed);
            return Err(e);
        }
        map.insert(addr, area);
        self.may_grow.fetch_or(req.grows_down(), Ordering::Relaxed);
        Ok(GuestAddr::new(addr))
    }

    /// Where a request's mapping goes.
    pub(super) fn place(&self, map: &VmaMap, req: &MapRequest, len: u64) -> SysResult<u64> {
        let limit = self.map_limit();
        if len > limit {
            return Err(Errno::ENOMEM);
        }
        let noreplace = req.flags & MAP_FIXED_NOREPLACE != 0;
        if req.flags & libc::MAP_FIXED != 0 || noreplace {
            if req.addr > limit - len {
                return Err(Errno::ENOMEM);
            }
            if !req.addr.is_multiple_of(PAGE) {
                return Err(Errno::EINVAL);
            }
            if noreplace && (map.any(req.addr, req.addr + len) || !self.is_free(map, req.addr, len)) {
                return Err(Errno::EEXIST);
            }
            return Ok(req.addr);
        }
        if req.flags & MAP_32BIT != 0 && self.mode() == Mode::Bits64 {
            return place_32bit(map, req.addr, len).ok_or(Errno::ENOMEM);
        }
        let (low, high) = (MIN_ADDR, self.mmap_base());
        let hint = page_up(req.addr).unwrap_or(0);
        if hint >= MIN_ADDR && hint <= limit.saturating_sub(len) && map.is_clear(hint, hint + len) && self.is_free(map, hint, len) {
            return Ok(hint);
        }
        let fallback = limit.min(self.limit());
        map.find_gap(len, low, high, PAGE).or_else(|| map.find_gap(len, low, fallback, PAGE)).ok_or(Errno::ENOMEM)
    }

    /// Takes from the host what the guest has not mapped of a range, where mappings may lie that are not the guest's, without access. Returns what it took.
    ///
    /// # Errors
    /// ENOMEM if one of them is in the way; nothing is changed then.
    pub(super) fn claim(&self, map: &VmaMap, addr: u64, len: u64) -> SysResult<Vec<(u64, u64)>> {
        let end = addr + len;
        let mut taken = Vec::new();
        if self.mode() == Mode::Bits32 || end <= X64_LIMIT {
            return Ok(taken);
        }
        let mut at = addr.max(X64_LIMIT);
        while at < end {
            let gap = map.covered_from(at, end);
            if gap >= end {
                break;
            }
            let gap_end = map.overlapping(gap, end).next().map_or(end, |(s, _)| s);
            if !self.take(gap, gap_end - gap) {
                self.release(taken);
                return Err(Errno::ENOMEM);
            }
            taken.push((gap, gap_end - gap));
            at = gap_end;
        }
        Ok(taken)
    }

    /// Gives back what [`claim`](Self::claim) took.
    pub(super) fn release(&self, taken: Vec<(u64, u64)>) {
        taken.into_iter().for_each(|(start, len)| _ = self.host_unmap(start, len));
    }

    /// Whether a range that the guest has not mapped is free on the host, too.
    fn is_free(&self, map: &VmaMap, addr: u64, len: u64) -> bool {
        self.claim(map, addr, len).map(|taken| self.release(taken)).is_ok()
    }

    /// Maps a free range without access; false if it isn't free.
    fn take(&self, addr: u64, len: u64) -> bool {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | MAP_FIXED_NOREPLACE;
        let at = self.host(addr).cast::<libc::c_void>();
        // SAFETY: replaces nothing.
        let p = unsafe { libc::mmap(at, len as usize, libc::PROT_NONE, flags, -1, 0) };
        if p == libc::MAP_FAILED {
            return false;
        }
        if p != at {
            // A kernel that doesn't know the flag.
            // SAFETY: what was just mapped.
            unsafe { libc::munmap(p, len as usize) };
        }
        p == at
    }

    fn describe(&self, req: &MapRequest, end: u64) -> SysResult<Area> {
        let shared = req.flags & MAP_TYPE != libc::MAP_PRIVATE;
        let mut area = Area {
            end,
            prot: req.prot,
            shared,
            may_write: true,
            grows_down: req.grows_down(),
            locked: req.flags & libc::MAP_LOCKED != 0 || self.lock_future.load(Ordering::Relaxed) != 0,
            backing: None,
            file_offset: req.offset,
        };
        if !req.is_anonymous() {
            area.backing = Some(backing_of(req.fd)?);
            area.may_write = !shared || is_writable(req.fd);
        } else {
            area.file_offset = 0;
            if shared {
                area.backing = Some(Arc::new(Backing { name: b"/dev/zero (deleted)".to_vec(), dev: 1, ino: 1 }));
            }
        }
        Ok(area)
    }

    pub(super) fn host_map(&self, req: &MapRequest, addr: u64, len: u64) -> SysResult<()> {
        let future = self.lock_future.load(Ordering::Relaxed);
        let locked = if future == LOCK_NOW { libc::MAP_LOCKED } else { 0 };
        let flags = req.flags & HOST_FLAGS | libc::MAP_FIXED | locked;
        // SAFETY: the range is in the guest's part of the address space, where no Rust object lies.
        let p = unsafe { libc::mmap(self.host(addr).cast(), len as usize, req.prot.host(), flags, req.fd, req.offset as libc::off_t) };
        if p == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        // SAFETY: as above.
        if future == LOCK_ON_FAULT && unsafe { libc::syscall(libc::SYS_mlock2, p, len, libc::MLOCK_ONFAULT) } != 0 {
            self.host_unmap(addr, len)?;
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// Gives a range back to the host; an i386 guest's stays reserved.
    pub(super) fn host_unmap(&self, addr: u64, len: u64) -> SysResult<()> {
        let p = self.host(addr).cast::<libc::c_void>();
        // SAFETY: as in `host_map`.
        let below = MIN_ADDR.saturating_sub(p as u64).min(len);
        if self.mode() == Mode::Bits32 && below != 0 {
            // What can't be reserved.
            // SAFETY: the range is the guest's.
            Errno::check(unsafe { libc::munmap(p, below as usize) })?;
            return if below == len { Ok(()) } else { self.host_unmap(addr + below, len - below) };
        }
        let ok = match self.mode() {
            // SAFETY: the range is the guest's.
            Mode::Bits64 => unsafe { libc::munmap(p, len as usize) == 0 },
            Mode::Bits32 => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
                // SAFETY: as in `host_map`.
                unsafe { libc::mmap(p, len as usize, libc::PROT_NONE, flags, -1, 0) != libc::MAP_FAILED }
            }
        };
        if ok { Ok(()) } else { Err(Errno::last()) }
    }

    /// munmap(2).
    ///
    /// # Errors
    /// EINVAL.
    pub fn munmap(&self, addr: u64, len: u64) -> SysResult<()> {
        let limit = self.map_limit();
        if !addr.is_multiple_of(PAGE) || addr > limit || len > limit - addr || len == 0 {
            return Err(Errno::EINVAL);
        }
        let end = page_up(addr + len).ok_or(Errno::EINVAL)?;
        let mut map = self.map();
        for (start, area) in map.remove(addr, end) {
            self.code_unmapped(start, area.end);
            self.host_unmap(start, area.end - start)?;
        }
        Ok(())
    }

    /// mprotect(2) of the pages of `[addr, end)`, behind its checks.
    ///
    /// # Errors
    /// ENOMEM where something isn't mapped (what lies before is changed), EACCES.
    pub fn mprotect(&self, addr: u64, end: u64, prot: Prot) -> SysResult<()> {
        let prot = self.effective(prot);
        let mut map = self.map();
        let mut at = addr;
        let mut result = Ok(());
        for (start, area) in map.overlapping(addr, end) {
            if start > at {
                break;
            }
            if prot.has(Prot::WRITE) && !area.may_write {
                result = Err(Errno::EACCES);
                break;
            }
            at = area.end.min(end);
        }
        if at > addr {
            self.code_unmapped(addr, at);
            if !self.host_protect(addr, at - addr, prot.host()) {
                return Err(Errno::last());
            }
            map.update(addr, at, |a| a.prot = prot);
        }
        if at < end && result.is_ok() { Err(Errno::ENOMEM) } else { result }
    }

    /// Sets where the heap begins; it is empty.
    pub fn set_brk_start(&self, addr: u64) {
        *self.brk.lock().unwrap_or_else(PoisonError::into_inner) = (addr, addr);
    }

    /// Start and end of the heap.
    pub fn heap(&self) -> (u64, u64) {
        *self.brk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// brk(2): the new end of the heap, or the old one if that can't be had.
    pub fn set_brk(&self, new: u64, max_data: u64) -> u64 {
        let mut brk = self.brk.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, old) = *brk;
        let (Some(old_page), Some(new_page)) = (page_up(old), page_up(new)) else { return old };
        if new < start || new - start > max_data {
            return old;
        }
        let ok = if new_page > old_page {
            let req = MapRequest::anonymous(new_page - old_page, Prot(3)).fixed(old_page);
            // One page stays free behind the heap.
            new_page < self.map_limit() && self.map().is_clear(old_page, new_page + PAGE) && self.mmap(req).is_ok()
        } else {
            new_page == old_page || self.munmap(new_page, old_page - new_page).is_ok()
        };
        if ok {
            brk.1 = new;
        }
        brk.1
    }

    /// RLIMIT_AS, for a change that maps all of `[start, end)`.
    pub(super) fn check_limit(&self, map: &VmaMap, start: u64, end: u64) -> SysResult<()> {
        let limit = self.address_limit.load(Ordering::Relaxed);
        if limit == u64::MAX {
            return Ok(());
        }
        let now = map.mapped_bytes(0, self.map_limit());
        if now - map.mapped_bytes(start, end) + (end - start) > limit { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}

/// MREMAP_* flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemapFlags(pub i32);

impl RemapFlags {
    const fn may_move(self) -> bool {
        self.0 & libc::MREMAP_MAYMOVE != 0
    }
    const fn fixed(self) -> bool {
        self.0 & libc::MREMAP_FIXED != 0
    }
    const fn keep_old(self) -> bool {
        self.0 & libc::MREMAP_DONTUNMAP != 0
    }
    /// Whether a new address means something.
    const fn has_target(self) -> bool {
        self.fixed() || self.keep_old()
    }
}

/// A length in whole pages, modulo the address space, as the kernel rounds some.
pub const fn page_round(len: u64) -> u64 {
    len.wrapping_add(PAGE - 1) & !(PAGE - 1)
}

impl AddressSpace {
    /// mremap(2).
    ///
    /// # Errors
    /// Those of the man page.
    pub fn mremap(&self, addr: u64, old_len: u64, new_len: u64, flags: RemapFlags, new_addr: u64) -> SysResult<GuestAddr> {
        const KNOWN: i32 = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | libc::MREMAP_DONTUNMAP;
        let (mut old, new) = (page_round(old_len), page_round(new_len));
        if flags.0 & !KNOWN != 0 || !addr.is_multiple_of(PAGE) || new == 0 {
            return Err(Errno::EINVAL);
        }
        if new > self.map_limit() {
            return self.mremap_too_long(addr, old, new, flags);
        }
        if flags.has_target() {
            self.check_target(addr, old, new, flags, new_addr)?;
        }
        let find = |map: &VmaMap| map.find(GuestAddr::new(addr)).map(|(s, a)| (s, a.clone())).ok_or(Errno::EFAULT);
        let mut map = self.map();
        let (mut start, mut area) = find(&map)?;
        if old > new {
            drop(map);
            self.munmap(addr + new, old - new)?;
            old = new;
            map = self.map();
            (start, area) = find(&map)?;
        }
        if old == new && !flags.has_target() {
            return Ok(GuestAddr::new(addr));
        }
        if old == 0 && !area.shared {
            return Err(Errno::EINVAL);
        }
        if old > area.end - addr {
            return Err(Errno::EFAULT);
        }
        if new > old {
            self.check_limit(&map, addr + old, addr.saturating_add(new))?;
        }
        if !flags.has_target() && old != 0 && old == area.end - addr && self.grow_in_place(&mut map, addr, old, new) {
            return Ok(GuestAddr::new(addr));
        }
        if !flags.may_move() {
            return Err(Errno::ENOMEM);
        }
        let wanted = if flags.has_target() { new_addr } else { 0 };
        let to = if flags.fixed() { new_addr } else { self.place(&map, &MapRequest { addr: wanted, ..MapRequest::anonymous(new, area.prot) }, new)? };
        self.relocate(&mut map, Move { from: addr, old, to, new, keep_old: flags.keep_old() }, Area { file_offset: area.file_offset + (addr - start), ..area })
    }

    /// mremap to more than there can be: the host says what is wrong with it, as kernels before 6.17 look at the old mapping first and
    /// then answer ENOMEM.
    fn mremap_too_long(&self, addr: u64, old: u64, new: u64, flags: RemapFlags) -> SysResult<GuestAddr> {
        const TOO_LONG: u64 = 1 << 62;
        if flags.has_target() {
            return Err(Errno::EINVAL);
        }
        let length = if self.mode() == Mode::Bits32 { new + TOO_LONG } else { new };
        // SAFETY: longer than the host's address space, so nothing is moved.
        let p = unsafe { libc::mremap(self.host(addr).cast(), old as usize, length as usize, flags.0) };
        if p == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(GuestAddr::new(addr)) }
    }

    /// The checks of a new address.
    fn check_target(&self, addr: u64, old: u64, new: u64, flags: RemapFlags, to: u64) -> SysResult<()> {
        let bad = !to.is_multiple_of(PAGE)
            || !flags.may_move()
            || (flags.keep_old() && old != new)
            || to > self.map_limit() - new
            || (addr.wrapping_add(old) > to && to + new > addr);
        if bad { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Grows the mapping that ends at `addr + old`, if what follows is free.
    fn grow_in_place(&self, map: &mut VmaMap, addr: u64, old: u64, new: u64) -> bool {
        let end = addr.saturating_add(new);
        if end > self.map_limit() || map.any(addr + old, end) {
            return false;
        }
        let tail = self.host(addr + old).cast::<libc::c_void>();
        if self.mode() == Mode::Bits32 {
            if crate::task::thread_count() > 1 {
                return false;
            }
            // SAFETY: reserved and unused.
            unsafe { libc::munmap(tail, (new - old) as usize) };
        }
        // SAFETY: in the guest's part of the address space.
        let p = unsafe { libc::mremap(self.host(addr).cast(), old as usize, new as usize, 0) };
        if p == libc::MAP_FAILED {
            if self.mode() == Mode::Bits32 {
                let _ = self.host_unmap(addr + old, new - old);
            }
            return false;
        }
        let Some(mut area) = map.find(GuestAddr::new(addr)).map(|(s, a)| Area { file_offset: a.file_offset + (addr - s), ..a.clone() }) else { return false };
        area.end = end;
        map.insert(addr, area);
        true
    }

    fn relocate(&self, map: &mut VmaMap, m: Move, area: Area) -> SysResult<GuestAddr> {
        let claimed = self.claim(map, m.to, m.new)?;
        self.code_unmapped(m.from, m.from + m.old);
        self.code_unmapped(m.to, m.to + m.new);
        let shrunk = m.old.min(m.new);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | if m.keep_old { libc::MREMAP_DONTUNMAP } else { 0 };
        // SAFETY: both ranges are in the guest's part of the address space.
        let p = unsafe {
            libc::mremap(
                self.host(m.from).cast(),
                if m.old == 0 { 0 } else { shrunk.max(PAGE) as usize },
                m.new as usize,
                flags,
                self.host(m.to).cast::<libc::c_void>(),
            )
        };
        if p == libc::MAP_FAILED {
            let e = Errno::last();
            self.release(claimed);
            return Err(e);
        }
        if m.old > 0 && !m.keep_old {
            map.remove(m.from, m.from + m.old);
            self.host_unmap(m.from, m.old)?;
        }
        map.insert(m.to, Area { end: m.to + m.new, ..area });
        Ok(GuestAddr::new(m.to))
    }
}

struct Move {
    from: u64,
    old: u64,
    to: u64,
    new: u64,
    keep_old: bool,
}

impl GuestMem {
    /// Tells all threads that the map has changed under translations, if it has since `epoch`.
    pub fn announce_since(&self, epoch: u64) {
        if self.space().epoch() != epoch {
            self.space().announce();
        }
    }
}

/// Where MAP_32BIT puts a mapping: at the hint, if that is free and below 2 GiB, else as low as possible in the second GiB.
fn place_32bit(map: &VmaMap, hint: u64, len: u64) -> Option<u64> {
    const LOW: u64 = 0x4000_0000;
    const HIGH: u64 = 0x8000_0000;
    let hint = page_up(hint)?;
    if hint >= MIN_ADDR && hint <= HIGH.checked_sub(len)? && map.is_clear(hint, hint + len) {
        return Some(hint);
    }
    map.find_low_gap(len, LOW, HIGH)
}
