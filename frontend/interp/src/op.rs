//! A pre-decoded operation.

use forklift_x86::Exit;
use iced_x86::Instruction;

use crate::{Exec, Memory};

/// What running an operation gives: go on, or leave the block.
///
/// After `Err(Exit::Fault(fault))` of the fault class nothing architectural has changed but what the manual says (a string instruction's progress);
/// the runner sets `rip` to the instruction. After a trap (#BP, #OF) or a gate `rip` is the next instruction's.
pub type Step = Result<(), Exit>;

/// The semantic function of an operation. Functions of straight instructions leave `rip` alone. The last operation of a block finds in `rip` the
/// address of the next instruction; a branch overwrites it.
pub type RunFn<M> = fn(&mut Exec<'_, M>, &Op<M>) -> Step;

/// A pre-decoded instruction: 64 bytes.
pub struct Op<M: Memory> {
    /// What it does.
    pub run: RunFn<M>,
    /// Address of the instruction.
    pub ip: u64,
    /// The immediate operand as iced extends it to the operand's size (sign-extended to 64 bits), or the branch target.
    pub imm: u64,
    /// Displacement of the memory operand; the absolute address for a RIP-relative one.
    pub disp: u64,
    /// Where the branch of a pair goes ([`crate::fuse`]).
    pub(crate) target: u64,
    /// What operations have that need more than is here.
    pub(crate) ext: Option<Box<Ext<M>>>,
    /// Slots of the register operands, by operand number: GPR 0–15 (AH, CH, DH, BH in a byte operand: 16–19), vector, MMX, x87, segment number.
    pub reg: [u8; 4],
    /// Memory operand: GPR slot of the base ([`CpuState::ZERO`](forklift_x86::CpuState::ZERO) if absent).
    pub base: u8,
    /// The same for the index.
    pub index: u8,
    /// Log2 of the index's scale.
    pub scale: u8,
    /// Slot of the segment base to add.
    pub seg: u8,
    /// 64 − bits of an effective address (67 prefix, mode).
    pub ea_shift: u8,
    /// 64 − bits of a linear address (mode).
    pub linear_shift: u8,
    /// Length of the instruction, in bytes.
    pub len: u8,
    /// Condition of a pair's branch.
    pub(crate) cond: u8,
}

/// The instruction itself, and more.
pub(crate) struct Ext<M: Memory> {
    pub(crate) insn: Instruction,
    /// Operations that this one is made of, one a lane or one for all.
    pub(crate) parts: Vec<Op<M>>,
    /// Size of the vectors. Unit: bytes.
    pub(crate) vector_bytes: usize,
}

impl<M: Memory> Op<M> {
    /// Address of the next instruction.
    pub fn next_ip(&self) -> u64 {
        let s = self.linear_shift;
        self.ip.wrapping_add(u64::from(self.len)) << s >> s
    }

    /// The decoded instruction. Kept for those whose table entry is `Pick::SlowBy`; others see an invalid one.
    pub fn insn(&self) -> &Instruction {
        static NONE: std::sync::LazyLock<Instruction> = std::sync::LazyLock::new(Instruction::default);
        self.ext.as_deref().map_or(&NONE, |e| &e.insn)
    }

    /// The operations that this one is made of.
    pub(crate) fn parts(&self) -> &[Self] {
        self.ext.as_deref().map_or(&[], |e| &e.parts)
    }

    /// Size of the instruction's vectors, 16 or 32.
    pub(crate) fn vector_bytes(&self) -> usize {
        self.ext.as_deref().map_or(16, |e| e.vector_bytes)
    }
}

impl<M: Memory> core::fmt::Debug for Op<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Op({:#x} len {})", self.ip, self.len)
    }
}
