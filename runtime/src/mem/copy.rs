//! What system calls do with guest memory: structures, strings, vectors of buffers, and buffers handed to the host's kernel. Bad addresses give EFAULT.

use std::ffi::CString;

use forklift_x86::{GuestAddr, Mode};

use super::GuestMem;
use super::space::X64_TASK_SIZE;
use crate::abi::{Abi, GuestPtr, GuestWord, Pod};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;

/// The most that one read or write transfers, as the kernel limits it. Unit: bytes.
pub const MAX_RW_COUNT: u64 = 0x7fff_f000;
/// Most buffers of readv and the like.
const UIO_MAXIOV: u64 = 1024;
/// An address that no user can have anything at, on any host.
pub const BAD_ADDRESS: u64 = !0 << 12;
/// Longest path including its terminating zero.
const PATH_MAX: usize = 4096;

/// What a host system call does with a buffer of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The kernel reads it (write(2)).
    Read,
    /// The kernel fills it (read(2)).
    Write,
}

/// A buffer of the guest that the host's kernel may be given. It's no reference: only system calls may touch it, which give EFAULT where it isn't mapped.
#[derive(Clone, Copy, Debug)]
pub struct HostBuf {
    /// Host address.
    pub ptr: *mut libc::c_void,
    /// Length in bytes, at most [`MAX_RW_COUNT`] and only as far as the guest's address space.
    pub len: usize,
}

/// Vectors for readv and the like. Bad ones are bad for the host's kernel too, which says so after whatever it checks before.
pub struct IoVecs {
    list: Vec<libc::iovec>,
    /// How many the guest says there are, if they were not read.
    unread: Option<u64>,
}

impl IoVecs {
    /// How many there are, as the host wants it.
    pub fn count(&self) -> u64 {
        self.unread.unwrap_or(self.list.len() as u64)
    }

    /// How many bytes they have, if they aren't bad.
    pub fn total(&self) -> u64 {
        self.list.iter().fold(0, |n: u64, v| n.saturating_add(v.iov_len as u64)).min(MAX_RW_COUNT)
    }

    /// Cuts them to `room` bytes.
    pub fn cut(&mut self, mut room: u64) {
        for v in &mut self.list {
            v.iov_len = v.iov_len.min(room as usize);
            room -= v.iov_len as u64;
        }
    }

    /// Whether the host's kernel will refuse them.
    pub fn is_bad(&self) -> bool {
        self.unread.is_some() || self.list.iter().any(|v| (v.iov_len as isize) < 0 || v.iov_base as u64 == BAD_ADDRESS)
    }

    /// Address of the first, as the host wants it.
    pub fn addr(&self) -> u64 {
        if self.unread.is_some() { BAD_ADDRESS } else { self.list.as_ptr() as u64 }
    }
}

impl GuestMem {
    /// Reads a structure.
    pub fn read<A, T: Pod>(&self, p: GuestPtr<A, T>) -> SysResult<T> {
        let mut v = T::zeroed();
        self.read_bytes(p.addr(), v.bytes_mut())?;
        Ok(v)
    }

    /// Writes a structure.
    pub fn write<A, T: Pod>(&self, p: GuestPtr<A, T>, v: T) -> SysResult<()> {
        self.write_bytes(p.addr(), v.bytes())
    }

    /// Writes a structure unless `p` is null.
    pub fn write_opt<A, T: Pod>(&self, p: GuestPtr<A, T>, v: T) -> SysResult<()> {
        if p.is_null() { Ok(()) } else { self.write(p, v) }
    }

    /// Reads a structure unless `p` is null.
    pub fn read_opt<A, T: Pod>(&self, p: GuestPtr<A, T>) -> SysResult<Option<T>> {
        if p.is_null() { Ok(None) } else { self.read(p).map(Some) }
    }

    /// Reads a word of the ABI as a number.
    pub fn read_word<A: Abi>(&self, p: GuestPtr<A, A::Word>) -> SysResult<u64> {
        self.read(p).map(Into::into)
    }

    /// Reads `count` structures. The caller has limited `count`.
    pub fn read_array<A, T: Pod>(&self, p: GuestPtr<A, T>, count: usize) -> SysResult<Vec<T>> {
        let mut v = vec![T::zeroed(); count];
        // SAFETY: Pod: any bytes are values, and the vector's length in bytes is right.
        let bytes = unsafe { core::slice::from_raw_parts_mut(v.as_mut_ptr().cast(), size_of_val(&v[..])) };
        self.read_bytes(p.addr(), bytes)?;
        Ok(v)
    }

    /// Writes structures one behind the other.
    pub fn write_array<A, T: Pod>(&self, p: GuestPtr<A, T>, v: &[T]) -> SysResult<()> {
        // SAFETY: Pod: all bytes are initialised.
        let bytes = unsafe { core::slice::from_raw_parts(v.as_ptr().cast(), size_of_val(v)) };
        self.write_bytes(p.addr(), bytes)
    }

    /// Reads `buf.len()` bytes.
    pub fn read_bytes(&self, addr: GuestAddr, buf: &mut [u8]) -> SysResult<()> {
        let done = buf.is_empty() || self.copy_from(addr, buf) == 0 || self.reach(addr, buf.len() as u64) && self.copy_from(addr, buf) == 0;
        if done { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Reads as many bytes as there are, at most `buf.len()`.
    pub fn read_some(&self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        buf.len() - self.copy_from(addr, buf)
    }

    /// Writes `buf`. On EFAULT a part may have been written.
    pub fn write_bytes(&self, addr: GuestAddr, buf: &[u8]) -> SysResult<()> {
        match self.copy_to(addr, buf) {
            0 => Ok(()),
            left => {
                let rest = &buf[buf.len() - left..];
                let at = addr.wrapping_add((buf.len() - left) as u64);
                // The only other reasons are translated code on the page, and a stack that has to grow.
                self.prepare_write(at, rest.len() as u64);
                self.reach(at, rest.len() as u64);
                if self.copy_to(at, rest) == 0 { Ok(()) } else { Err(Errno::EFAULT) }
            }
        }
    }

    /// Atomically replaces a 32-bit word if it is `old`; returns what was there.
    pub fn compare_exchange(&self, addr: GuestAddr, old: u32, new: u32) -> SysResult<u32> {
        self.cas(addr, old, new)
            .or_else(|| {
                self.prepare_write(addr, 4);
                self.cas(addr, old, new)
            })
            .ok_or(Errno::EFAULT)
    }

    /// A string that ends with a zero, of at most `max` bytes including that. ENAMETOOLONG if it doesn't end by then.
    pub fn read_cstr(&self, addr: GuestAddr, max: usize) -> SysResult<CString> {
        let mut bytes = Vec::new();
        let mut chunk = [0u8; 256];
        while bytes.len() < max {
            let at = addr.wrapping_add(bytes.len() as u64);
            let n = self.read_some(at, &mut chunk).min(max - bytes.len());
            if let Some(end) = chunk[..n].iter().position(|&b| b == 0) {
                bytes.extend_from_slice(&chunk[..end]);
                return CString::new(bytes).map_err(|_| Errno::EINVAL);
            }
            if n == 0 || (n < chunk.len() && bytes.len() + n < max) {
                return Err(Errno::EFAULT);
            }
            bytes.extend_from_slice(&chunk[..n]);
        }
        Err(Errno::ENAMETOOLONG)
    }

    /// A path, not yet resolved.
    pub fn read_path(&self, addr: GuestAddr) -> SysResult<CString> {
        self.read_cstr(addr, PATH_MAX)
    }

    /// Whether the kernel takes a range for addresses of a program, mapped or not.
    pub fn is_address(&self, addr: GuestAddr, len: u64) -> bool {
        self.space.mode() == Mode::Bits32 || addr.get().checked_add(len).is_some_and(|end| end <= X64_TASK_SIZE)
    }

    /// A buffer for a host system call. One that leaves the guest's part of the address space is given a bad address, so that the host's kernel
    /// says EFAULT, after whatever it checks before.
    ///
    /// Pages with translations in a buffer that is to be written are given back first.
    pub fn host_buf(&self, addr: GuestAddr, len: u64, access: Access) -> SysResult<HostBuf> {
        let a = addr.get();
        let limit = match self.space.mode() {
            Mode::Bits64 => X64_TASK_SIZE,
            Mode::Bits32 => 1 << 32,
        };
        if a.checked_add(len).is_none_or(|end| end > limit.saturating_add(u64::from(len == 0))) && self.space.mode() == Mode::Bits64 {
            return Ok(HostBuf { ptr: BAD_ADDRESS as *mut _, len: len as usize });
        }
        let room = self.room(a, len.min(MAX_RW_COUNT));
        if room == 0 && len > 0 {
            return Ok(HostBuf { ptr: BAD_ADDRESS as *mut _, len: len.min(MAX_RW_COUNT) as usize });
        }
        // One byte more than there is lets the host see that the range is too long.
        let len = len.min(MAX_RW_COUNT).min(room + u64::from(self.space.mode() == Mode::Bits32) * 4096);
        self.reach(addr, len);
        if access == Access::Write {
            self.prepare_write(addr, len);
        }
        Ok(HostBuf { ptr: self.space.host(if room == 0 { a.min(self.limit) } else { a }).cast(), len: len as usize })
    }

    /// Reads an array of `struct iovec` and prepares the buffers for a host system call. Too many of them, or what can't be read, is left to the host's
    /// kernel to refuse.
    pub fn host_iovecs<A: Abi>(&self, p: GuestPtr<A, IoVec<A>>, count: u64, access: Access) -> SysResult<IoVecs> {
        let unread = IoVecs { list: Vec::new(), unread: Some(count) };
        if count > UIO_MAXIOV {
            return Ok(unread);
        }
        let words: Vec<A::Word> = match self.read_array(p.cast::<A::Word>(), count as usize * 2) {
            Err(Errno::EFAULT) => return Ok(unread),
            r => r?,
        };
        let mut list = Vec::with_capacity(count as usize);
        for pair in words.chunks_exact(2) {
            let len = match pair[1].signed() {
                // A single one is cut before its address is looked at.
                len if len > MAX_RW_COUNT as i64 && count == 1 => MAX_RW_COUNT as i64,
                len => len,
            };
            list.push(match u64::try_from(len) {
                Err(_) => libc::iovec { iov_base: core::ptr::null_mut(), iov_len: len as usize },
                Ok(len) => {
                    let b = self.host_buf(GuestAddr::new(pair[0].into()), len, access)?;
                    libc::iovec { iov_base: b.ptr, iov_len: b.len }
                }
            });
        }
        Ok(IoVecs { list, unread: None })
    }

    /// Host address of a 32-bit word for the host's futex call; outside the guest's part one that is bad for the host, and as misaligned.
    pub fn host_futex(&self, addr: GuestAddr) -> u64 {
        self.host(addr.get(), 4).map_or(BAD_ADDRESS | addr.get() & 3, |p| p as u64)
    }

    /// Must be called before the host's kernel writes to guest memory: gives back pages with translated code and has those translations dropped.
    pub fn prepare_write(&self, addr: GuestAddr, len: u64) {
        if len > 0 && self.space.code_written(addr, addr.wrapping_add(len)) {
            self.space.announce();
        }
    }
}

/// `struct iovec` of an ABI: a pointer and a length, each a word.
#[derive(Clone, Copy, Debug)]
pub struct IoVec<A>(core::marker::PhantomData<A>);

guest_struct! {
    /// `struct iovec` of x86-64.
    pub struct IoVec64 = 16 {
        /// Address.
        pub base: u64,
        /// Length in bytes.
        pub len: u64,
    }
}
