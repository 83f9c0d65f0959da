//! Where an instruction accesses memory.

use forklift_x86::{CpuState, Gpr, Mode, Seg};
use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic as M, OpAccess, Register, UsedMemory};

/// One access.
#[derive(Clone, Copy)]
pub struct Access {
    /// Offset in its segment.
    pub offset: u64,
    /// The segment's base.
    pub base: u64,
    /// Unit: bytes.
    pub size: u64,
}

impl Access {
    /// The last byte's offset.
    pub const fn last(self) -> u64 {
        self.offset.wrapping_add(self.size.saturating_sub(1))
    }

    /// The linear address, before it is cut to the mode's width.
    pub const fn linear(self) -> u64 {
        self.offset.wrapping_add(self.base)
    }
}

/// The accesses that `i` makes, or goes on with, in the state `cpu`.
pub fn accesses(i: &Instruction, cpu: &CpuState) -> Vec<Access> {
    let mut info = InstructionInfoFactory::new();
    let used = info.info(i).used_memory().iter().filter(|m| !matches!(m.access(), OpAccess::None | OpAccess::NoMemAccess));
    used.flat_map(|m| of_operand(i, m, cpu)).collect()
}

/// One, or as many as a gather has left to do.
fn of_operand(i: &Instruction, m: &UsedMemory, cpu: &CpuState) -> Vec<Access> {
    // How much a repeated instruction accesses isn't said.
    let size = if i.is_string_instruction() { i.memory_size() } else { m.memory_size() }.size() as u64;
    let access = |element: usize| {
        let offset = m.virtual_address(element, |r, n, bytes| Some(value(r, n, bytes, cpu))).unwrap_or(0);
        Access { offset: offset.wrapping_add(bit_offset(i, cpu)), base: base(m.segment(), cpu), size }
    };
    if m.vsib_size() == 0 {
        return vec![access(0)];
    }
    let mask = &cpu.vec[i.op2_register().number()].0;
    let wanted = |n: &usize| mask[(n + 1) * size as usize - 1] >= 0x80;
    (0..32 / size.max(u64::from(m.vsib_size())) as usize).filter(wanted).map(access).collect()
}

/// A register as part of an address; segments have none.
fn value(r: Register, element: usize, bytes: usize, cpu: &CpuState) -> u64 {
    if r.is_vector_register() {
        let at = element * bytes;
        return cpu.vec[r.number()].0[at..at + bytes].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
    }
    let mask = if r.size() >= 8 { u64::MAX } else { (1 << (8 * r.size())) - 1 };
    Gpr::from_iced(r).map_or(0, |g| cpu.get(g) & mask)
}

fn base(r: Register, cpu: &CpuState) -> u64 {
    match Seg::from_iced(r) {
        Some(s) if cpu.mode == Mode::Bits32 || matches!(s, Seg::Fs | Seg::Gs) => cpu.seg_base[s.index()],
        _ => 0,
    }
}

/// How far from its operand's start a bit test by register accesses memory.
fn bit_offset(i: &Instruction, cpu: &CpuState) -> u64 {
    if !matches!(i.mnemonic(), M::Bt | M::Bts | M::Btr | M::Btc) || !i.op1_register().is_gpr() {
        return 0;
    }
    let bytes = i.op1_register().size() as i64;
    let unused = 64 - 8 * bytes as u32;
    let bit = (value(i.op1_register(), 0, 0, cpu) << unused) as i64 >> unused;
    (bit.div_euclid(8 * bytes) * bytes) as u64
}
