//! Guest memory.
//!
//! * [`space`]: where the guest's address space lies on the host, and which of its pages hold translated code.
//! * [`vma`]: the map of what is mapped.

//! * [`mapping`]: mmap, munmap, mprotect, mremap and brk on both; `grow`: mappings that grow.
//! * `shm`: System V shared memory.
//! * [`access`]: the loads and stores that survive bad addresses.
//! * [`copy`]: what system calls use: structures, strings, vectors of buffers, buffers for host system calls.
//! * [`cpu`]: what the interpreter uses.
//!
//! No Rust reference ever points into guest memory.

pub(crate) mod access;
mod copy;
mod cpu;
mod grow;
mod mapping;
mod shm;
pub mod space;
pub mod vma;

use std::sync::Arc;

use forklift_x86::GuestAddr;

use access::Raw;

pub use copy::{Access, BAD_ADDRESS, HostBuf, IoVecs, MAX_RW_COUNT};
pub use cpu::{Attention, CpuMem};
pub use mapping::{MapRequest, RemapFlags, page_round};
pub use shm::Segment;
pub use space::AddressSpace;

/// A handle to the memory of a process; cheap to clone.
#[derive(Clone)]
pub struct GuestMem {
    base: u64,
    limit: u64,
    space: Arc<AddressSpace>,
}

impl GuestMem {
    /// A handle to `space`.
    pub fn new(space: Arc<AddressSpace>) -> Self {
        Self { base: space.base(), limit: space.limit(), space }
    }

    /// The address space.
    pub const fn space(&self) -> &Arc<AddressSpace> {
        &self.space
    }

    /// Host address of `len` bytes at `addr`; `None` if they reach out of the guest's part of the address space.
    #[inline(always)]
    fn host(&self, addr: u64, len: usize) -> Option<usize> {
        if addr <= self.limit - len as u64 || self.space.room_beyond(addr, len as u64) == len as u64 { Some((self.base + addr) as usize) } else { None }
    }

    /// How many of the `len` bytes at `addr` are in the guest's part of the address space.
    fn room(&self, addr: u64, len: u64) -> u64 {
        if addr < self.limit { len.min(self.limit - addr) } else { self.space.room_beyond(addr, len) }
    }

    #[inline(always)]
    fn load<T: Raw>(&self, addr: GuestAddr) -> Option<T> {
        let p = self.host(addr.get(), size_of::<T>())?;
        // SAFETY: `host` checked that this is the guest's part of the address space.
        let v = unsafe { T::load(p) };
        access::loaded();
        v
    }

    #[inline(always)]
    fn store<T: Raw>(&self, addr: GuestAddr, v: T) -> Option<()> {
        let p = self.host(addr.get(), size_of::<T>())?;
        access::storing();
        // SAFETY: as in `load`.
        unsafe { T::store(p, v) }
    }

    fn cas<T: Raw>(&self, addr: GuestAddr, old: T, new: T) -> Option<T> {
        let p = self.host(addr.get(), size_of::<T>())?;
        // It may store nothing, and yet nothing must overtake it.
        access::locked();
        // SAFETY: as in `load`.
        let was = unsafe { T::cas(p, old, new) };
        access::locked();
        was
    }

    /// Copies from the guest; returns how many bytes at the end of `buf` could not be read.
    fn copy_from(&self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let inside = self.room(addr.get(), buf.len() as u64) as usize;
        if inside == 0 {
            return buf.len();
        }
        // SAFETY: `inside` bytes are in the guest's part; `buf` is ours.
        let left = unsafe { access::copy(buf.as_mut_ptr(), self.space.host(addr.get()), inside) };
        access::loaded();
        buf.len() - inside + left
    }

    /// Copies to the guest; returns how many bytes at the end of `buf` could not be written.
    fn copy_to(&self, addr: GuestAddr, buf: &[u8]) -> usize {
        let inside = self.room(addr.get(), buf.len() as u64) as usize;
        if inside == 0 {
            return buf.len();
        }
        access::storing();
        // SAFETY: as in `copy_from`.
        let left = unsafe { access::copy(self.space.host(addr.get()), buf.as_ptr(), inside) };
        buf.len() - inside + left
    }
}
