//! The address space of a guest: where it lies on the host, its map, and which pages hold translated code.
//!
//! **Placement.** An x86-64 guest's address is the host's; what forklift places lies below [`X64_LIMIT`], or, for programs that want all of that for
//! themselves ([`Placement::High`]), below [`HIGH_TOP`]. What the guest places itself may lie wherever nothing of forklift's does: everything below
//! [`AddressSpace::limit`] is the guest's, and beyond it what its map says. An i386 guest has a window of 4 GiB, aligned to 4 GiB, with guard areas on both
//! sides, all reserved without access. On an x86-64 host it
//! lies at address 0 if that is free, but for what lies below [`MIN_ADDR`], which can't be reserved.
//!
//! **Code pages.** A page with decoded or translated code is write-protected on the host. A write to it ends the instruction, or the system call, in
//! [`AddressSpace::code_written`], which gives the page back and logs the range for all threads to drop their translations. A page that is written again
//! and again is not protected any more; its blocks compare their bytes.
//!
//! Lock order: `jit_epoch`, the cache, the pages that direct code knows to be watched, the JIT's compiler, `brk`, `map`, `code`. No guest memory is accessed under either lock, so the fault handler may take them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forklift_lift::Needs;
use forklift_x86::{GuestAddr, Mode};

use super::mapping::{MAP_FIXED_NOREPLACE, MIN_ADDR};
use super::vma::{Prot, VmaMap};
use super::{Attention, access};
use crate::engine::ProcessJit;
use crate::errno::{Errno, SysResult};
use crate::error::Error;
use crate::segments::Ldt;

/// Everything of an x86-64 guest that forklift places lies below: 2^38, so that a process image fits a host with 39-bit addresses.
pub const X64_LIMIT: u64 = 1 << 38;
/// The same for [`Placement::High`]: below all that a host of 47 bits gives to forklift, above the shadow memory of the address sanitizer.
pub const HIGH_TOP: u64 = 0x4ff0_0000_0000;
/// End of an i386 guest's address space under a 64-bit kernel.
pub const I386_LIMIT: u64 = 0xffff_e000;
/// Kernel's limit for addresses in an x86-64 program: what lies below is valid but not mapped, what lies above is not an address.
pub const X64_TASK_SIZE: u64 = (1 << 47) - 4096;
/// A page that was given back this often is compared instead of protected. Not measured yet.
const MAX_WRITES: u8 = 8;
/// Unit: ranges. A thread that is further behind drops all its translations.
const LOG: usize = 256;

/// New mappings are locked, and filled at once.
pub const LOCK_NOW: u8 = 1;
/// New mappings are locked as they are filled.
pub const LOCK_ON_FAULT: u8 = 2;

/// Where forklift places what an x86-64 guest doesn't place itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Placement {
    /// Below [`X64_LIMIT`].
    #[default]
    Low,
    /// Below [`HIGH_TOP`]; like [`Low`](Self::Low) on a host without such addresses.
    High,
}

/// What is known of a page that has, or had, translated code.
#[derive(Clone, Copy, Default)]
struct CodePage {
    watched: bool,
    writes: u8,
}

#[derive(Default)]
struct Code {
    pages: HashMap<u64, CodePage>,
    /// The last invalidations: number and range.
    log: BTreeMap<u64, (u64, u64)>,
}

/// Which translations a thread must drop.
pub enum Stale {
    /// Those in these ranges.
    Ranges(Vec<(GuestAddr, GuestAddr)>),
    /// All of them.
    Everything,
}

/// The address space of a process.
pub struct AddressSpace {
    mode: Mode,
    base: u64,
    limit: u64,
    placement: Placement,
    map: Mutex<VmaMap>,
    code: Mutex<Code>,
    epoch: AtomicU64,
    /// The program break: start of the heap and its current end.
    pub(super) brk: Mutex<(u64, u64)>,
    /// RLIMIT_AS of the guest, in bytes; u64::MAX for none. The host's limit would count forklift too.
    pub address_limit: AtomicU64,
    /// The segments of modify_ldt(2).
    ldt: Mutex<Ldt>,
    /// The JIT, once there is one, and the last invalidation that it has followed.
    jit: OnceLock<Option<Arc<ProcessJit>>>,
    jit_epoch: Mutex<u64>,
    /// MCL_FUTURE of mlockall(2): 0, [`LOCK_NOW`] or [`LOCK_ON_FAULT`].
    pub lock_future: AtomicU8,
    /// Whether there has been a mapping with MAP_GROWSDOWN.
    pub(super) may_grow: AtomicBool,
    /// READ_IMPLIES_EXEC of personality(2).
    read_implies_exec: AtomicBool,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AddressSpace {
    /// An empty address space for programs of this mode.
    ///
    /// # Errors
    /// ENOMEM if the host has no room for an i386 guest's window.
    pub fn new(mode: Mode, placement: Placement) -> SysResult<Self> {
        let (base, limit) = match mode {
            Mode::Bits64 => (0, host_floor()),
            Mode::Bits32 => (reserve_window()?, 1 << 32),
        };
        Ok(Self {
            mode,
            base,
            limit,
            placement: if limit >= HIGH_TOP { placement } else { Placement::Low },
            map: Mutex::default(),
            code: Mutex::default(),
            epoch: AtomicU64::new(0),
            brk: Mutex::default(),
            ldt: Mutex::default(),
            jit: OnceLock::new(),
            jit_epoch: Mutex::default(),
            address_limit: AtomicU64::new(u64::MAX),
            lock_future: AtomicU8::new(0),
            may_grow: AtomicBool::new(false),
            read_implies_exec: AtomicBool::new(false),
        })
    }

    /// The mode that the space was made for.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Host address of guest address 0.
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// Top of what forklift places.
    pub const fn top(&self) -> u64 {
        match (self.mode, self.placement) {
            (Mode::Bits32, _) => I386_LIMIT,
            (Mode::Bits64, Placement::Low) => X64_LIMIT,
            (Mode::Bits64, Placement::High) => HIGH_TOP,
        }
    }

    /// Host address where translated code should lie, the same for each process of a kind: within reach of an x86-64 guest's code and data, and behind what 32-bit code
    /// can reach.
    pub const fn beside(&self) -> u64 {
        match self.mode {
            Mode::Bits32 => self.base + WINDOW + GUARD,
            Mode::Bits64 => self.top(),
        }
    }

    /// First address at which there may be something of forklift's. Beyond it, an x86-64 guest has what its map says.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// First address that can't be mapped.
    pub const fn map_limit(&self) -> u64 {
        match self.mode {
            Mode::Bits64 => X64_TASK_SIZE,
            Mode::Bits32 => I386_LIMIT,
        }
    }

    /// Sets whether what is readable becomes executable too, from now on.
    pub fn set_read_implies_exec(&self, on: bool) {
        self.read_implies_exec.store(on, Ordering::Relaxed);
    }

    /// `prot` as it takes effect.
    pub(super) fn effective(&self, prot: Prot) -> Prot {
        if prot.has(Prot::READ) && self.read_implies_exec.load(Ordering::Relaxed) { Prot(prot.0 | Prot::EXEC.0) } else { prot }
    }

    /// Holds all locks that a forked child must find free.
    pub fn lock_for_fork(&self) -> impl Sized + '_ {
        let epoch = lock(&self.jit_epoch);
        let jit = self.existing_jit().map(|p| p.before_fork());
        (epoch, jit, lock(&self.brk), self.map(), lock(&self.code), self.ldt())
    }

    /// The LDT, locked.
    pub fn ldt(&self) -> MutexGuard<'_, Ldt> {
        lock(&self.ldt)
    }

    /// The map, locked.
    pub fn map(&self) -> MutexGuard<'_, VmaMap> {
        lock(&self.map)
    }

    /// The protection at `addr`; `None` where nothing is mapped.
    pub fn prot_at(&self, addr: GuestAddr) -> Option<Prot> {
        self.map().find(addr).map(|(_, a)| a.prot)
    }

    /// How many of the `len` bytes at `addr`, which is not below the limit, are the guest's.
    #[cold]
    #[inline(never)]
    pub(super) fn room_beyond(&self, addr: u64, len: u64) -> u64 {
        if self.mode == Mode::Bits32 || addr >= X64_TASK_SIZE {
            return 0;
        }
        self.map().covered_from(addr, addr.saturating_add(len)) - addr
    }

    /// How many invalidations there have been.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What was invalidated since `*seen`, which is brought up to date.
    pub fn stale_since(&self, seen: &mut u64) -> Stale {
        let code = lock(&self.code);
        let from = core::mem::replace(seen, self.epoch());
        match code.log.first_key_value() {
            Some((&first, _)) if first > from + 1 => Stale::Everything,
            _ => Stale::Ranges(code.log.range(from + 1..).map(|(_, &(s, e))| (GuestAddr::new(s), GuestAddr::new(e))).collect()),
        }
    }

    /// The JIT of the process, made on demand; `None` if there can't be one.
    pub(crate) fn jit(&self, make: impl FnOnce() -> Result<ProcessJit, Error>) -> Option<Arc<ProcessJit>> {
        self.jit.get_or_init(|| make().ok().map(Arc::new)).clone()
    }

    /// The JIT of the process, if it has been made.
    pub(crate) fn existing_jit(&self) -> Option<&Arc<ProcessJit>> {
        self.jit.get().and_then(Option::as_ref)
    }

    /// Others are about to see guest memory: a thread, or whoever else has mapped a part of it. From now on accesses to it are ordered as x86's are. Call it
    /// before they can look, without holding a lock of this module.
    pub fn order(&self) {
        access::order();
        if let Some(p) = self.existing_jit() {
            p.jit.need(Needs::ORDERED);
        }
    }

    /// Has all translations dropped that have become stale: the JIT's now, the interpreters' when their threads look. Call it behind whatever makes
    /// translations stale, without holding a lock of this module, and before the guest can see the change.
    pub fn announce(&self) {
        if let Some(p) = self.existing_jit() {
            let mut seen = lock(&self.jit_epoch);
            match self.stale_since(&mut seen) {
                Stale::Everything => _ = p.jit.invalidate(GuestAddr::new(0), GuestAddr::new(self.map_limit())),
                Stale::Ranges(ranges) => ranges.into_iter().for_each(|(s, e)| _ = p.jit.invalidate(s, e)),
            }
        }
        crate::task::raise_all(Attention::STALE);
    }

    /// Puts the pages of `[start, end)` under watch. Returns true if a page among them can't be watched: its blocks must compare their bytes.
    pub fn watch_code(&self, start: GuestAddr, end: GuestAddr) -> bool {
        let map = self.map();
        let mut code = lock(&self.code);
        let mut checked = false;
        for page in start.page()..=end.get().wrapping_sub(1).max(start.get()) / GuestAddr::PAGE_SIZE {
            let entry = code.pages.entry(page).or_default();
            if entry.watched {
                continue;
            }
            let addr = GuestAddr::new(page * GuestAddr::PAGE_SIZE);
            let Some((_, area)) = map.find(addr) else { continue };
            if entry.writes >= MAX_WRITES || (area.shared && area.may_write) {
                checked = true;
                continue;
            }
            entry.watched = true;
            if area.prot.has(Prot::WRITE) {
                self.host_protect(addr.get(), GuestAddr::PAGE_SIZE, area.prot.host() & !libc::PROT_WRITE);
            }
        }
        checked
    }

    /// Whether the page of `addr` is protected because of translations on it.
    pub fn is_watched(&self, addr: GuestAddr) -> bool {
        lock(&self.code).pages.get(&addr.page()).is_some_and(|p| p.watched)
    }

    /// Makes the pages of `[start, end)` writable again that are watched, and logs their translations as stale. Returns whether there were any.
    pub fn code_written(&self, start: GuestAddr, end: GuestAddr) -> bool {
        let map = self.map();
        let mut code = lock(&self.code);
        if code.pages.is_empty() {
            return false;
        }
        let mut any = false;
        for page in pages_in(&code.pages, start, end) {
            let Some(p) = code.pages.get_mut(&page).filter(|p| p.watched) else { continue };
            p.watched = false;
            p.writes = p.writes.saturating_add(1);
            any = true;
            let addr = page * GuestAddr::PAGE_SIZE;
            self.log(&mut code, addr, addr + GuestAddr::PAGE_SIZE);
            if let Some((_, area)) = map.find(GuestAddr::new(addr)) {
                self.host_protect(addr, GuestAddr::PAGE_SIZE, area.prot.host());
            }
        }
        any
    }

    /// Forgets the code pages of `[start, end)`, whose mapping changes, and logs their translations as stale. The caller sets the host's protection.
    pub fn code_unmapped(&self, start: u64, end: u64) -> bool {
        let mut code = lock(&self.code);
        if code.pages.is_empty() {
            return false;
        }
        let mut any = false;
        for page in pages_in(&code.pages, GuestAddr::new(start), GuestAddr::new(end)) {
            let Some(p) = code.pages.remove(&page) else { continue };
            if p.watched || p.writes > 0 {
                let addr = page * GuestAddr::PAGE_SIZE;
                self.log(&mut code, addr, addr + GuestAddr::PAGE_SIZE);
                any = true;
            }
        }
        any
    }

    fn log(&self, code: &mut Code, start: u64, end: u64) {
        let n = self.epoch.load(Ordering::Relaxed) + 1;
        code.log.insert(n, (start, end));
        while code.log.len() > LOG {
            code.log.pop_first();
        }
        self.epoch.store(n, Ordering::Release);
    }

    /// Host pointer of a guest address inside the space.
    pub const fn host(&self, addr: u64) -> *mut u8 {
        (self.base + addr) as *mut u8
    }

    /// mprotect on the host; failures of a range that the map says is mapped don't occur but for lack of memory, where the old protection stays.
    pub(super) fn host_protect(&self, addr: u64, len: u64, prot: i32) -> bool {
        // SAFETY: the range is in the guest's part of the address space, where no Rust object lies.
        unsafe { libc::mprotect(self.host(addr).cast(), len as usize, prot) == 0 }
    }
}

/// The pages of `[start, end)` that have entries, by the cheaper of two ways.
fn pages_in(pages: &HashMap<u64, CodePage>, start: GuestAddr, end: GuestAddr) -> Vec<u64> {
    let range = start.page()..end.get().div_ceil(GuestAddr::PAGE_SIZE);
    if range.end.saturating_sub(range.start) < 64 {
        return range.filter(|p| pages.contains_key(p)).collect();
    }
    pages.keys().copied().filter(|p| range.contains(p)).collect()
}

/// What an i386 guest can reach.
const WINDOW: u64 = 1 << 32;
/// Guard areas: the longest transfer of one host syscall, so that none reaches beyond.
const GUARD: u64 = 1 << 31;

/// Where forklift's own part of the address space begins: below the lowest of its program, its libraries and what the host's kernel would map next, with
/// room for what it maps later.
fn host_floor() -> u64 {
    const ROOM: u64 = 1 << 40;
    const STEP: u64 = 1 << 38;
    // SAFETY: a new mapping at a place of the kernel's choice, given back at once.
    let next = unsafe {
        let p = libc::mmap(core::ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        libc::munmap(p, 4096);
        p as u64
    };
    let own = [host_floor as *const () as u64, libc::getpid as *const () as u64, next];
    let lowest = own.into_iter().min().unwrap_or(0).min(X64_TASK_SIZE);
    (lowest.saturating_sub(ROOM) / STEP * STEP).max(X64_LIMIT)
}

/// A window at address 0 where that is free, so that the guest's addresses are the host's; below it, where no mapping can be, is guard enough.
fn reserve_window() -> SysResult<u64> {
    const FLAGS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    if cfg!(target_arch = "x86_64") {
        let (low, len) = (MIN_ADDR as *mut libc::c_void, (WINDOW + GUARD - MIN_ADDR) as usize);
        // SAFETY: a new mapping; the flag keeps what is there, and a kernel that doesn't know it takes the address as a wish.
        let p = unsafe { libc::mmap(low, len, libc::PROT_NONE, FLAGS | MAP_FIXED_NOREPLACE, -1, 0) };
        if p == low {
            return Ok(0);
        }
        if p != libc::MAP_FAILED {
            // SAFETY: what was just mapped.
            unsafe { libc::munmap(p, len) };
        }
    }
    let len = 2 * WINDOW + 2 * GUARD;
    // SAFETY: a new mapping at a place of the kernel's choice.
    let p = unsafe { libc::mmap(core::ptr::null_mut(), len as usize, libc::PROT_NONE, FLAGS, -1, 0) };
    if p == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    let start = p as u64;
    Ok((start + GUARD).next_multiple_of(WINDOW))
}
