//! What a processor asks of the machine around it.

use forklift_x86::{CodeFetch, Exit, Fault, GuestAddr};

use crate::Prim;

/// Why an access to memory did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemFault {
    /// What the access ends the instruction with: mostly `Fault(Page)`; `Fault(GeneralProtection)` for a non-canonical address;
    /// `CodeWrite` for a write to a page with translations.
    pub exit: Exit,
    /// The first byte that could not be accessed.
    pub addr: GuestAddr,
    /// For page faults: [`Fault::PF_PRESENT`] and [`Fault::PF_WRITE`].
    pub error_code: u32,
}

impl MemFault {
    /// A page fault at `addr`.
    pub const fn page(addr: GuestAddr, present: bool, write: bool) -> Self {
        let error_code = Fault::PF_USER | if present { Fault::PF_PRESENT } else { 0 } | if write { Fault::PF_WRITE } else { 0 };
        Self { exit: Exit::Fault(Fault::Page), addr, error_code }
    }
}

/// Guest memory, and the few things around a processor that are not memory. Addresses are linear.
///
/// An access either happens whole or not at all, also across a page's end. Plain accesses have the ordering of the guest's (TSO) as far as the
/// implementation promises it.
pub trait Memory: CodeFetch + 'static {
    /// Reads a little-endian value at any alignment.
    fn read<T: Prim>(&mut self, addr: GuestAddr) -> Result<T, MemFault>;

    /// Writes a little-endian value at any alignment.
    fn write<T: Prim>(&mut self, addr: GuestAddr, value: T) -> Result<(), MemFault>;

    /// Atomically replaces `old` by `new`, sequentially consistent. Returns what was there: `old` if it was replaced. A value that isn't
    /// replaced still counts as written for faults.
    fn compare_exchange<T: Prim>(&mut self, addr: GuestAddr, old: T, new: T) -> Result<T, MemFault>;

    /// Reads `buf.len()` bytes; which of them were read is not said on a fault.
    fn read_bytes(&mut self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), MemFault> {
        for (i, b) in buf.iter_mut().enumerate() {
            *b = self.read(addr.wrapping_add(i as u64))?;
        }
        Ok(())
    }

    /// Writes `buf`; on a fault a part of it may have been written.
    fn write_bytes(&mut self, addr: GuestAddr, buf: &[u8]) -> Result<(), MemFault> {
        for (i, &b) in buf.iter().enumerate() {
            self.write(addr.wrapping_add(i as u64), b)?;
        }
        Ok(())
    }

    /// A full barrier (MFENCE).
    fn fence(&mut self);

    /// The time stamp counter and the processor number as RDTSCP gives them (TSC, TSC_AUX).
    fn timestamp(&mut self) -> (u64, u32);

    /// Whether the runner must return to its caller before the next block: a signal is pending, or translations were invalidated. Called once a block.
    fn attention(&self) -> bool;

    /// Called before a block of `[start, end)` is kept: from now on a write there must give `CodeWrite`. Returns true if the block must compare
    /// its bytes at every entry instead.
    fn watch_code(&mut self, start: GuestAddr, end: GuestAddr) -> bool;
}
