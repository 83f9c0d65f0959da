//! What aarch64's instructions do to memory. Arm Architecture Reference Manual, C4.1, "Loads and Stores".

/// How an instruction accesses memory. Unit: bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Load(u32),
    Store(u32),
    /// LDAR.
    Acquire(u32),
    /// LDAPR.
    AcquirePc(u32),
    /// STLR.
    Release(u32),
    /// Exclusive, or atomic by itself.
    Atomic,
}

impl Access {
    /// Its size; 0 for atomic ones.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Load(n) | Self::Store(n) | Self::Acquire(n) | Self::AcquirePc(n) | Self::Release(n) => n,
            Self::Atomic => 0,
        }
    }
}

/// A DMB of the inner shareable domain, or wider. What is greater does all that is needed of a lesser one: a full one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barrier {
    Loads,
    Stores,
    Full,
}

impl PartialOrd for Barrier {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        use core::cmp::Ordering as O;
        match (self, other) {
            (a, b) if a == b => Some(O::Equal),
            (Self::Full, _) => Some(O::Greater),
            (_, Self::Full) => Some(O::Less),
            _ => None,
        }
    }
}

/// The access that an instruction makes; `None` if it makes none.
pub fn access(insn: u32) -> Option<Access> {
    let (size, load) = (1 << (insn >> 30), insn >> 22 & 1 == 1);
    if insn & 0x3f00_0000 == 0x0800_0000 {
        // Exclusive and ordered ones: bits 23, 21 and 15 tell which.
        return Some(match (insn >> 23 & 1, insn >> 21 & 1, insn >> 15 & 1) {
            (1, 0, 1) if load => Access::Acquire(size),
            (1, 0, 1) => Access::Release(size),
            _ => Access::Atomic,
        });
    }
    if insn & 0x3fff_fc00 == 0x38bf_c000 {
        return Some(Access::AcquirePc(size));
    }
    if insn & 0x3b20_0c00 == 0x3820_0000 {
        return Some(Access::Atomic);
    }
    if insn & 0x3a00_0000 == 0x2800_0000 {
        // Pairs.
        return Some(if load { Access::Load(16) } else { Access::Store(16) });
    }
    if insn & 0xbe00_0000 == 0x0c00_0000 {
        // Structures: single elements, replicated or not, are no wider than that, but nobody needs to know.
        return Some(if load { Access::Load(8) } else { Access::Store(8) });
    }
    if insn & 0x3a00_0000 != 0x3800_0000 {
        return None;
    }
    let (vector, opc) = (insn >> 26 & 1 == 1, insn >> 22 & 3);
    let size = if vector && opc >= 2 { 16 } else { size };
    let load = if vector { opc & 1 == 1 } else { opc != 0 };
    Some(if load { Access::Load(size) } else { Access::Store(size) })
}

/// The barrier that an instruction is, if it is one.
pub fn barrier(insn: u32) -> Option<Barrier> {
    match insn {
        0xd503_39bf => Some(Barrier::Loads),
        0xd503_3abf => Some(Barrier::Stores),
        0xd503_3bbf => Some(Barrier::Full),
        _ => None,
    }
}
