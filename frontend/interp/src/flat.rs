//! A memory of its own: byte ranges with permissions, for tests, fuzzers and benches. It has no code pages to protect and one processor.

use forklift_x86::{CodeFetch, Exit, Fault, GuestAddr};

use crate::{MemFault, Memory, Prim};

/// What may be done with a range of [`FlatMemory`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Perm {
    /// Loads may read it.
    pub read: bool,
    /// Stores may write it.
    pub write: bool,
    /// Instructions may be fetched from it.
    pub exec: bool,
}

impl Perm {
    /// Readable and writable.
    pub const RW: Self = Self { read: true, write: true, exec: false };
    /// Readable and executable.
    pub const RX: Self = Self { read: true, write: false, exec: true };
    /// Readable only.
    pub const R: Self = Self { read: true, write: false, exec: false };
    /// All.
    pub const RWX: Self = Self { read: true, write: true, exec: true };
}

struct Range {
    start: u64,
    bytes: Vec<u8>,
    perm: Perm,
}

impl Range {
    /// Offset of `addr`, if it is in the range.
    fn offset(&self, addr: u64) -> Option<usize> {
        let o = addr.wrapping_sub(self.start);
        (o < self.bytes.len() as u64).then_some(o as usize)
    }
}

/// Memory made of byte ranges. What isn't mapped faults with #PF.
#[derive(Default)]
pub struct FlatMemory {
    ranges: Vec<Range>,
    /// The range of the last access.
    last: usize,
    /// The time stamp counter: counts reads of itself.
    tsc: u64,
}

impl FlatMemory {
    /// An empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Maps `bytes` at `start`. Ranges must not overlap (the first one mapped would win); they may touch.
    pub fn map(&mut self, start: u64, bytes: Vec<u8>, perm: Perm) {
        self.ranges.push(Range { start, bytes, perm });
    }

    /// Maps `len` zeroes at `start`.
    pub fn map_zero(&mut self, start: u64, len: usize, perm: Perm) {
        self.map(start, vec![0; len], perm);
    }

    /// Sets the permissions of the range that holds `addr`.
    pub fn protect(&mut self, addr: u64, perm: Perm) {
        if let Some(i) = self.find(addr) {
            self.ranges[i].perm = perm;
        }
    }

    /// The range that was mapped at `start`, whatever its permissions.
    pub fn range(&self, start: u64) -> Option<&[u8]> {
        self.ranges.iter().find(|r| r.start == start).map(|r| &r.bytes[..])
    }

    /// The same, to write.
    pub fn range_mut(&mut self, start: u64) -> Option<&mut [u8]> {
        self.ranges.iter_mut().find(|r| r.start == start).map(|r| &mut r.bytes[..])
    }

    /// Copies mapped bytes out, whatever their permissions; `None` if not all of them are mapped.
    pub fn peek(&self, addr: u64, len: usize) -> Option<Vec<u8>> {
        (0..len as u64)
            .map(|i| {
                let a = addr.wrapping_add(i);
                self.ranges.iter().find_map(|r| r.offset(a).map(|o| r.bytes[o]))
            })
            .collect()
    }

    /// Overwrites mapped bytes, whatever their permissions; bytes that aren't mapped are skipped.
    pub fn poke(&mut self, addr: u64, bytes: &[u8]) {
        for (i, &b) in bytes.iter().enumerate() {
            let a = addr.wrapping_add(i as u64);
            if let Some((r, o)) = self.ranges.iter_mut().find_map(|r| r.offset(a).map(|o| (r, o))) {
                r.bytes[o] = b;
            }
        }
    }

    fn find(&mut self, addr: u64) -> Option<usize> {
        if self.ranges.get(self.last).is_some_and(|r| r.offset(addr).is_some()) {
            return Some(self.last);
        }
        self.last = self.ranges.iter().position(|r| r.offset(addr).is_some())?;
        Some(self.last)
    }

    /// The bytes of an access that lies in one range with the permission.
    #[inline]
    fn whole(&mut self, addr: u64, len: usize, allowed: fn(Perm) -> bool) -> Option<&mut [u8]> {
        let i = self.find(addr)?;
        let r = &mut self.ranges[i];
        let o = r.offset(addr)?;
        if allowed(r.perm) { r.bytes.get_mut(o..o.checked_add(len)?) } else { None }
    }

    /// The first byte of an access that can't be accessed, as a fault.
    #[cold]
    fn check(&mut self, addr: u64, len: usize, write: bool) -> Result<(), MemFault> {
        let all = || (0..len as u64).map(|i| addr.wrapping_add(i));
        if let Some(a) = all().find(|&a| (a as i64) << 16 >> 16 != a as i64) {
            return Err(MemFault { exit: Exit::Fault(Fault::GeneralProtection), addr: GuestAddr::new(a), error_code: 0 });
        }
        for a in all() {
            let perm = self.find(a).map(|r| self.ranges[r].perm);
            if !perm.is_some_and(|p| if write { p.write } else { p.read }) {
                return Err(MemFault::page(GuestAddr::new(a), perm.is_some(), write));
            }
        }
        Ok(())
    }

    /// An access across ranges, byte by byte, after it was checked.
    #[cold]
    fn read_split(&mut self, addr: u64, out: &mut [u8]) -> Result<(), MemFault> {
        self.check(addr, out.len(), false)?;
        let bytes = self.peek(addr, out.len()).unwrap_or_default();
        out.copy_from_slice(&bytes);
        Ok(())
    }

    #[cold]
    fn write_split(&mut self, addr: u64, bytes: &[u8]) -> Result<(), MemFault> {
        self.check(addr, bytes.len(), true)?;
        self.poke(addr, bytes);
        Ok(())
    }
}

impl CodeFetch for FlatMemory {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buf.len() {
            let a = addr.get().wrapping_add(done as u64);
            let Some(r) = self.find(a).map(|r| &self.ranges[r]).filter(|r| r.perm.exec) else { break };
            let from = &r.bytes[(a - r.start) as usize..];
            let n = from.len().min(buf.len() - done);
            buf[done..done + n].copy_from_slice(&from[..n]);
            done += n;
        }
        done
    }
}

impl Memory for FlatMemory {
    #[inline]
    fn read<T: Prim>(&mut self, addr: GuestAddr) -> Result<T, MemFault> {
        let mut b = [0; 16];
        match self.whole(addr.get(), T::BYTES, |p| p.read) {
            Some(from) => b[..T::BYTES].copy_from_slice(from),
            None => self.read_split(addr.get(), &mut b[..T::BYTES])?,
        }
        Ok(T::from_u128(u128::from_le_bytes(b)))
    }

    #[inline]
    fn write<T: Prim>(&mut self, addr: GuestAddr, value: T) -> Result<(), MemFault> {
        let b = value.to_u128().to_le_bytes();
        match self.whole(addr.get(), T::BYTES, |p| p.write) {
            Some(to) => to.copy_from_slice(&b[..T::BYTES]),
            None => self.write_split(addr.get(), &b[..T::BYTES])?,
        }
        Ok(())
    }

    fn compare_exchange<T: Prim>(&mut self, addr: GuestAddr, old: T, new: T) -> Result<T, MemFault> {
        self.check(addr.get(), T::BYTES, true)?;
        let seen: T = self.read(addr)?;
        self.write(addr, if seen == old { new } else { seen })?;
        Ok(seen)
    }

    fn read_bytes(&mut self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), MemFault> {
        match self.whole(addr.get(), buf.len(), |p| p.read) {
            Some(from) => buf.copy_from_slice(from),
            None => self.read_split(addr.get(), buf)?,
        }
        Ok(())
    }

    fn write_bytes(&mut self, addr: GuestAddr, buf: &[u8]) -> Result<(), MemFault> {
        match self.whole(addr.get(), buf.len(), |p| p.write) {
            Some(to) => to.copy_from_slice(buf),
            None => self.write_split(addr.get(), buf)?,
        }
        Ok(())
    }

    fn fence(&mut self) {}

    fn timestamp(&mut self) -> (u64, u32) {
        self.tsc += 1;
        (self.tsc, 0)
    }

    fn attention(&self) -> bool {
        false
    }

    /// Nothing is watched: what can be written must be compared.
    fn watch_code(&mut self, start: GuestAddr, end: GuestAddr) -> bool {
        self.ranges.iter().any(|r| r.perm.write && r.start < end.get() && start.get() < r.start + r.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_cross_ranges_and_fault_whole() {
        let mut m = FlatMemory::new();
        m.map(0x1000, vec![1; 16], Perm::RW);
        m.map(0x1010, vec![2; 16], Perm::R);
        assert_eq!(m.read::<u32>(GuestAddr::new(0x100e)), Ok(0x0202_0101));
        let fault = m.write::<u32>(GuestAddr::new(0x100e), 0).unwrap_err();
        assert_eq!(fault, MemFault::page(GuestAddr::new(0x1010), true, true));
        assert_eq!(m.peek(0x100e, 4), Some(vec![1, 1, 2, 2]));
        assert_eq!(m.read::<u8>(GuestAddr::new(0x1020)), Err(MemFault::page(GuestAddr::new(0x1020), false, false)));
        assert_eq!(m.fetch(GuestAddr::new(0x1000), &mut [0]), 0);
    }
}
