//! Reserved address space, and append-only arrays in it.
//!
//! A signal handler must be able to find its way from a host address to a block while another thread adds blocks, so what describes them never moves
//! and is never freed one by one: a [`Log`] reserves room for all elements there can ever be and lets the kernel supply pages as they are touched.
//!
//! # Invariants
//! 1. Elements below `len` are initialised and change through atomics only.
//! 2. `len` grows under the writer's lock. It shrinks ([`Log::clear`]) only when no thread can hold a reference: see `invalidate`, "Flush".

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(target_arch = "x86_64")]
use std::fs::File;
use std::io;
#[cfg(target_arch = "x86_64")]
use std::os::fd::AsRawFd;

/// Reserved, private memory: zeroed, but for what was mapped into it.
pub(crate) struct Region {
    base: *mut u8,
    len: usize,
    prot: i32,
}

// SAFETY: a Region is an address range; whoever reads or writes it does so through pointers of its own.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves `len` bytes with access `prot`.
    pub(crate) fn reserve(len: usize, prot: i32) -> io::Result<Self> {
        Self::reserve_near(0, len, prot)
    }

    /// The same, at `near` if that is free.
    pub(crate) fn reserve_near(near: u64, len: usize, prot: i32) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: an anonymous mapping that may lie where the kernel likes touches no memory that exists.
        let base = unsafe { libc::mmap(near as *mut libc::c_void, len, prot, flags, -1, 0) };
        if base == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self { base: base.cast(), len, prot }) }
    }

    /// Its first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Its size. Unit: bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Gives the pages back; they read as zeroes from now on.
    pub(crate) fn discard(&self) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the range is ours; callers own the decision that nothing in it is needed. If the kernel refuses, what was there stays.
        unsafe { libc::mmap(self.base.cast(), self.len, self.prot, flags, -1, 0) };
    }

    /// Maps `len` bytes of `file` from `from` on to the offset `at`, privately; both are multiples of the page. Returns them, as the file has them.
    ///
    /// # Safety
    /// Nobody uses that part of the region yet. The file must not change as long as the region is there.
    #[cfg(target_arch = "x86_64")]
    pub(crate) unsafe fn map(&self, at: usize, file: &File, from: u64, len: usize) -> io::Result<&[u8]> {
        /// Since Linux 5.14; without it, pages come as they are touched.
        const MADV_POPULATE_READ: i32 = 22;
        if at.checked_add(len).is_none_or(|end| end > self.len.next_multiple_of(PAGE)) || !at.is_multiple_of(PAGE) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the range is in the region, and free, as the caller promises.
        unsafe {
            let to = self.base.add(at);
            if libc::mmap(to.cast(), len, self.prot, flags, file.as_raw_fd(), from.try_into().map_err(io::Error::other)?) == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            libc::madvise(to.cast(), len, MADV_POPULATE_READ);
            Ok(core::slice::from_raw_parts(to, len))
        }
    }
}

/// Unit: bytes.
#[cfg(target_arch = "x86_64")]
pub(crate) const PAGE: usize = 4096;

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and with its owner all users are gone.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

/// An append-only array that never moves. Its elements are never dropped.
pub(crate) struct Log<T> {
    region: Region,
    cap: u32,
    len: AtomicU32,
    of: PhantomData<T>,
}

impl<T: Sync> Log<T> {
    /// Room for `cap` elements.
    pub(crate) fn new(cap: u32) -> io::Result<Self> {
        let region = Region::reserve(cap as usize * size_of::<T>(), libc::PROT_READ | libc::PROT_WRITE)?;
        Ok(Self { region, cap, len: AtomicU32::new(0), of: PhantomData })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// Whether `n` more fit.
    pub(crate) fn has_room(&self, n: usize) -> bool {
        n <= (self.cap - self.len()) as usize
    }

    /// Appends `v`; `None` if it is full. Callers hold the writer's lock.
    pub(crate) fn push(&self, v: T) -> Option<u32> {
        let i = self.len();
        if i >= self.cap {
            return None;
        }
        // SAFETY: i is within the reserved memory and not yet below len, so nobody refers to it; the lock keeps other writers out.
        unsafe { self.region.base().cast::<T>().add(i as usize).write(v) };
        self.len.store(i + 1, Ordering::Release);
        Some(i)
    }

    /// Element `i`.
    pub(crate) fn get(&self, i: u32) -> Option<&T> {
        // SAFETY: below len, elements are initialised and stay where they are (invariants 1 and 2).
        (i < self.len()).then(|| unsafe { &*self.region.base().cast::<T>().add(i as usize) })
    }

    /// All elements.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn all(&self) -> &[T] {
        // SAFETY: below len, elements are initialised and stay where they are (invariants 1 and 2).
        unsafe { core::slice::from_raw_parts(self.region.base().cast::<T>(), self.len() as usize) }
    }

    /// The elements from `from` on, `n` of them or as many as there are.
    pub(crate) fn range(&self, from: u32, n: u32) -> impl Iterator<Item = (u32, &T)> {
        (from..from.saturating_add(n)).map_while(move |i| self.get(i).map(|t| (i, t)))
    }

    /// How many elements satisfy `pred`, which must hold for a first part of them and for none behind it.
    pub(crate) fn partition_point(&self, pred: impl Fn(&T) -> bool) -> u32 {
        let (mut lo, mut hi) = (0, self.len());
        while lo < hi {
            let mid = lo + (hi - lo) / 2;
            if self.get(mid).is_some_and(&pred) { lo = mid + 1 } else { hi = mid }
        }
        lo
    }

    /// The memory of the elements.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Makes the first `n` elements known.
    ///
    /// # Safety
    /// The region begins with so many of them, which nobody refers to yet, and there is room for them.
    #[cfg(target_arch = "x86_64")]
    pub(crate) unsafe fn adopt(&self, n: u32) {
        self.len.store(n, Ordering::Release);
    }

    /// Forgets all elements.
    ///
    /// # Safety
    /// Nobody may hold a reference to one of them.
    pub(crate) unsafe fn clear(&self) {
        self.len.store(0, Ordering::Release);
        self.region.discard();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_searches() {
        let log = Log::<u64>::new(1000).unwrap();
        for i in 0..1000 {
            assert_eq!(log.push(i * 2), Some(i as u32));
        }
        assert_eq!(log.push(0), None);
        assert_eq!(log.partition_point(|&v| v < 501), 251);
        assert_eq!(log.range(998, 10).map(|(_, v)| *v).collect::<Vec<_>>(), [1996, 1998]);
        assert_eq!(log.get(1000), None);
    }
}
