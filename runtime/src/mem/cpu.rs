//! Guest memory as the interpreter sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use forklift_interp::{Descriptor, MemFault, Memory, Prim};
use forklift_x86::{CodeFetch, Exit, Fault, GuestAddr, Mode};

use super::space::X64_TASK_SIZE;
use super::vma::Prot;
use super::{AddressSpace, GuestMem};
use crate::segments::{Tls, UserDesc};

/// What a thread must look at before it runs on. Set from signal handlers and by other threads.
#[derive(Default, Debug)]
pub struct Attention(AtomicU32);

impl Attention {
    /// A signal for the guest is queued.
    pub const SIGNAL: u32 = 1;
    /// Translations have become stale.
    pub const STALE: u32 = 2;
    /// The thread must stop running guest code.
    pub const STOP: u32 = 4;
    /// Code was written to, and translations that have become stale are to be dropped.
    pub const WRITTEN: u32 = 8;

    /// Sets reasons. Async-signal-safe.
    pub fn raise(&self, bits: u32) {
        self.0.fetch_or(bits, Ordering::SeqCst);
    }

    /// Clears reasons and returns those that were set.
    pub fn take(&self, bits: u32) -> u32 {
        self.0.fetch_and(!bits, Ordering::SeqCst) & bits
    }

    /// The reasons that are set.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Address of the word, for the host's safe system call.
    pub(crate) const fn as_ptr(&self) -> *mut u32 {
        self.0.as_ptr()
    }
}

/// The memory of a process as seen by one of its threads' processors.
pub struct CpuMem {
    mem: GuestMem,
    attention: Arc<Attention>,
    code_write: GuestAddr,
    /// The thread's entries of the GDT.
    pub tls: Tls,
}

impl core::ops::Deref for CpuMem {
    type Target = GuestMem;

    fn deref(&self) -> &GuestMem {
        &self.mem
    }
}

impl CpuMem {
    /// Memory for the thread with these attention bits.
    pub fn new(mem: GuestMem, attention: Arc<Attention>) -> Self {
        Self { mem, attention, code_write: GuestAddr::new(0), tls: Tls::default() }
    }

    /// Where the last write would have gone that was refused because of translated code.
    pub const fn code_write(&self) -> GuestAddr {
        self.code_write
    }

    /// Runs an access that has failed until it succeeds or has a reason not to.
    #[cold]
    #[inline(never)]
    fn insist<T>(&mut self, addr: GuestAddr, len: usize, write: bool, mut access: impl FnMut(&GuestMem) -> Option<T>) -> Result<T, MemFault> {
        let fault = match self.space.judge(addr.get(), len as u64, write) {
            Verdict::Fault(f) => f,
            // Behind a file's end, unless another thread has changed the map meanwhile.
            Verdict::Retry => return access(&self.mem).ok_or_else(|| MemFault::page(addr, true, write)),
        };
        if fault.exit == Exit::CodeWrite {
            self.code_write = fault.addr;
        }
        Err(fault)
    }

    /// The attention bits.
    pub const fn attention_bits(&self) -> &Arc<Attention> {
        &self.attention
    }
}

/// What the map says about an access that failed.
enum Verdict {
    Fault(MemFault),
    /// It should have worked: try again. If it fails again, it's a bus error.
    Retry,
}

impl AddressSpace {
    #[cold]
    #[inline(never)]
    fn judge(&self, addr: u64, len: u64, write: bool) -> Verdict {
        if self.mode() == Mode::Bits64 && addr.wrapping_add(len - 1) as i64 >> 47 != 0 && addr as i64 >> 47 != -1 {
            return Verdict::Fault(MemFault { exit: Exit::Fault(Fault::GeneralProtection), addr: GuestAddr::new(addr), error_code: 0 });
        }
        let last = addr.saturating_add(len - 1);
        let mut at = GuestAddr::new(addr);
        while at.get() <= last && at.get() <= X64_TASK_SIZE {
            match self.prot_at(at) {
                None if self.grow_to(at) => {}
                None => return Verdict::Fault(MemFault::page(at, false, write)),
                Some(p) if !p.readable() => return Verdict::Fault(MemFault::page(at, false, write)),
                Some(p) if write && !p.has(Prot::WRITE) => return Verdict::Fault(MemFault::page(at, true, write)),
                Some(_) if write && self.is_watched(at) => return Verdict::Fault(MemFault { exit: Exit::CodeWrite, addr: at, error_code: 0 }),
                Some(_) => {}
            }
            at = at.page_base().wrapping_add(GuestAddr::PAGE_SIZE);
        }
        Verdict::Retry
    }
}

/// Dispatches on the size of a [`Prim`].
macro_rules! by_size {
    ($t:ty, $raw:ident => $e:expr) => {
        match <$t>::BYTES {
            1 => {
                type $raw = u8;
                $e
            }
            2 => {
                type $raw = u16;
                $e
            }
            4 => {
                type $raw = u32;
                $e
            }
            8 => {
                type $raw = u64;
                $e
            }
            _ => {
                type $raw = u128;
                $e
            }
        }
    };
}

impl GuestMem {
    #[inline(always)]
    fn load_prim<T: Prim>(&self, addr: GuestAddr) -> Option<T> {
        by_size!(T, R => self.load::<R>(addr).map(|v| T::from_u128(v.to_u128())))
    }

    #[inline(always)]
    fn store_prim<T: Prim>(&self, addr: GuestAddr, v: T) -> Option<()> {
        by_size!(T, R => self.store(addr, v.to_u128() as R))
    }

    fn cas_prim<T: Prim>(&self, addr: GuestAddr, old: T, new: T) -> Option<T> {
        by_size!(T, R => self.cas(addr, old.to_u128() as R, new.to_u128() as R).map(|v| T::from_u128(v.to_u128())))
    }
}

impl Memory for CpuMem {
    #[inline(always)]
    fn read<T: Prim>(&mut self, addr: GuestAddr) -> Result<T, MemFault> {
        match self.mem.load_prim(addr) {
            Some(v) => Ok(v),
            None => self.insist(addr, T::BYTES, false, |m| m.load_prim(addr)),
        }
    }

    #[inline(always)]
    fn write<T: Prim>(&mut self, addr: GuestAddr, value: T) -> Result<(), MemFault> {
        match self.mem.store_prim(addr, value) {
            Some(()) => Ok(()),
            None => self.insist(addr, T::BYTES, true, |m| m.store_prim(addr, value)),
        }
    }

    fn compare_exchange<T: Prim>(&mut self, addr: GuestAddr, old: T, new: T) -> Result<T, MemFault> {
        match self.mem.cas_prim(addr, old, new) {
            Some(v) => Ok(v),
            None => self.insist(addr, T::BYTES, true, |m| m.cas_prim(addr, old, new)),
        }
    }

    fn read_bytes(&mut self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), MemFault> {
        match self.mem.copy_from(addr, buf) {
            0 => Ok(()),
            left => {
                let at = addr.wrapping_add((buf.len() - left) as u64);
                let start = buf.len() - left;
                self.insist(at, 1, false, |m| (m.copy_from(at, &mut buf[start..]) == 0).then_some(()))
            }
        }
    }

    fn write_bytes(&mut self, addr: GuestAddr, buf: &[u8]) -> Result<(), MemFault> {
        match self.mem.copy_to(addr, buf) {
            0 => Ok(()),
            left => {
                let at = addr.wrapping_add((buf.len() - left) as u64);
                self.insist(at, 1, true, |m| (m.copy_to(at, &buf[buf.len() - left..]) == 0).then_some(()))
            }
        }
    }

    fn fence(&mut self) {
        core::sync::atomic::fence(Ordering::SeqCst);
    }

    fn timestamp(&mut self) -> (u64, u32) {
        crate::host::timestamp()
    }

    fn random(&mut self) -> Option<u64> {
        let mut v = 0u64;
        // SAFETY: eight bytes to fill.
        let n = unsafe { libc::getrandom((&raw mut v).cast(), 8, libc::GRND_NONBLOCK) };
        (n == 8).then_some(v)
    }

    #[inline(always)]
    fn attention(&self) -> bool {
        self.attention.get() != 0
    }

    fn watch_code(&mut self, start: GuestAddr, end: GuestAddr) -> bool {
        self.space.watch_code(start, end)
    }

    fn has_ldt(&self) -> bool {
        !self.space.ldt().is_empty()
    }

    fn descriptor(&mut self, selector: u16) -> Option<Descriptor> {
        let index = selector >> 3;
        match selector & 4 {
            0 => Descriptor::of_linux(selector).or_else(|| self.tls.get(index.into()).map(|d| d.descriptor())),
            _ => self.space.ldt().get(&index).map(UserDesc::descriptor),
        }
    }
}

impl CodeFetch for CpuMem {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.mem.fetch_code(addr, buf)
    }
}

impl GuestMem {
    /// Copies executable bytes from `addr` on; returns how many there were.
    pub fn fetch_code(&self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let mut end = addr.get();
        let want = addr.get().saturating_add(buf.len() as u64);
        for (start, area) in self.space.map().overlapping(addr.get(), want) {
            if start > end || !area.prot.has(Prot::EXEC) {
                break;
            }
            end = area.end.min(want);
        }
        let n = (end - addr.get()) as usize;
        n - self.copy_from(addr, &mut buf[..n]).min(n)
    }
}
