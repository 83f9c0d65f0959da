//! What a processor asks of the machine around it.

use forklift_x86::{CodeFetch, Exit, Fault, GuestAddr, SegCache};

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

/// A segment descriptor of the GDT or an LDT, as far as user code can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The segment's base.
    pub base: u64,
    /// Offset of its last byte, the granularity bit already applied.
    pub limit: u32,
    /// Access rights as LAR gives them: type, S, DPL and P in bits 8–15, AVL, L, D/B and G in bits 20–23.
    pub access: u32,
}

impl Descriptor {
    /// 32-bit code, selector 0x23 in Linux on x86-64.
    pub const USER_CODE32: Self = Self { base: 0, limit: u32::MAX, access: 0xcf_fb00 };
    /// Data, selector 0x2b.
    pub const USER_DATA: Self = Self { base: 0, limit: u32::MAX, access: 0xcf_f300 };
    /// 64-bit code, selector 0x33.
    pub const USER_CODE64: Self = Self { base: 0, limit: u32::MAX, access: 0xaf_fb00 };

    /// The segments that every process has in Linux on x86-64, by selector without its RPL bits.
    pub const fn of_linux(selector: u16) -> Option<Self> {
        match selector & !3 {
            0x20 => Some(Self::USER_CODE32),
            0x28 => Some(Self::USER_DATA),
            0x30 => Some(Self::USER_CODE64),
            _ => None,
        }
    }

    /// What a segment register keeps of it.
    pub const fn cache(self) -> SegCache {
        SegCache { limit: self.limit, access: self.access }
    }

    /// Whether it is a code segment.
    pub const fn is_code(self) -> bool {
        self.access & 0x1800 == 0x1800
    }

    /// Whether it is a conforming code segment, which code of less privilege may use too.
    pub const fn is_conforming(self) -> bool {
        self.access & 0x1c00 == 0x1c00
    }

    /// Whether data can be read through it: a data segment or a readable code segment.
    pub const fn is_readable(self) -> bool {
        self.access & 0x1000 != 0 && (self.access & 0x800 == 0 || self.access & 0x200 != 0)
    }

    /// Whether data can be written through it.
    pub const fn is_writable(self) -> bool {
        self.access & 0x1a00 == 0x1200
    }

    /// Whether it is a 64-bit code segment.
    pub const fn is_long(self) -> bool {
        self.is_code() && self.access & 0x20_0000 != 0
    }

    /// Whether it is present (P).
    pub const fn is_present(self) -> bool {
        self.access & 0x8000 != 0
    }

    /// Its privilege level, 0–3.
    pub const fn dpl(self) -> u32 {
        self.access >> 13 & 3
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

    /// A random number for RDRAND and RDSEED; `None` if there is none now, which programs must expect.
    fn random(&mut self) -> Option<u64> {
        None
    }

    /// Whether the runner must return to its caller before the next block: a signal is pending, or translations were invalidated. Called once a block.
    fn attention(&self) -> bool;

    /// Called before a block of `[start, end)` is kept: from now on a write there must give `CodeWrite`. Returns true if the block must compare
    /// its bytes at every entry instead.
    fn watch_code(&mut self, start: GuestAddr, end: GuestAddr) -> bool;

    /// Whether there is an LDT, as Linux lets SLDT tell.
    fn has_ldt(&self) -> bool {
        false
    }

    /// The descriptor that `selector` names, its RPL (bits 0–1) ignored: one of the fixed ones, a TLS entry (set_thread_area), or one of the LDT
    /// (bit 2 set; modify_ldt). `None`: beyond the table, or empty. Never called for a null selector (0–3).
    fn descriptor(&mut self, selector: u16) -> Option<Descriptor> {
        Descriptor::of_linux(selector)
    }
}
