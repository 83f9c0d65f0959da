//! A bench for unit tests of instructions: code at [`CODE`], two pages of data at [`DATA`], a stack below [`STACK`], the highest CPU model.

#![allow(dead_code, reason = "each family uses a part of it")]

use forklift_x86::{CpuModel, CpuState, Exit, Gpr, Mode, bits};

use crate::{FlatMemory, Interp, Perm};

pub(crate) const CODE: u64 = 0x40_0000;
pub(crate) const DATA: u64 = 0x60_0000;
pub(crate) const DATA_LEN: usize = 0x2000;
/// The stack pointer to begin with; 4096 bytes lie below and 256 above.
pub(crate) const STACK: u64 = 0x70_1000;

pub(crate) struct Rig {
    pub(crate) cpu: CpuState,
    pub(crate) mem: FlatMemory,
    pub(crate) interp: Interp<FlatMemory>,
}

impl Rig {
    /// A processor in front of `code`.
    pub(crate) fn new(mode: Mode, code: &[u8]) -> Self {
        let mut mem = FlatMemory::new();
        mem.map(CODE, code.to_vec(), Perm::RX);
        mem.map_zero(DATA, DATA_LEN, Perm::RW);
        mem.map_zero(STACK - 4096, 4096 + 256, Perm::RW);
        let mut cpu = CpuState::new(mode);
        cpu.rip = CODE;
        cpu.set(Gpr::Rsp, STACK);
        Self { cpu, mem, interp: Interp::new(CpuModel::Max, u32::MAX) }
    }

    pub(crate) fn new64(code: &[u8]) -> Self {
        Self::new(Mode::Bits64, code)
    }

    pub(crate) fn new32(code: &[u8]) -> Self {
        Self::new(Mode::Bits32, code)
    }

    pub(crate) fn with(mut self, r: Gpr, v: u64) -> Self {
        self.cpu.set(r, v);
        self
    }

    /// Sets the status flags.
    pub(crate) fn flags(mut self, status: u32) -> Self {
        self.cpu.flags.set_status(status);
        self
    }

    pub(crate) fn data(mut self, offset: u64, bytes: &[u8]) -> Self {
        self.mem.poke(DATA + offset, bytes);
        self
    }

    /// Runs one instruction.
    pub(crate) fn step(&mut self) -> Result<(), Exit> {
        self.interp.step(&mut self.cpu, &mut self.mem)
    }

    /// Runs one instruction that must not fault.
    pub(crate) fn ok(mut self) -> Self {
        assert_eq!(self.step(), Ok(()));
        self
    }

    /// Runs one instruction, which must end so; `rip` must still be at it for a fault.
    pub(crate) fn exits(mut self, exit: impl Into<Exit>) -> Self {
        assert_eq!(self.step(), Err(exit.into()));
        self
    }

    pub(crate) fn get(&self, r: Gpr) -> u64 {
        self.cpu.get(r)
    }

    pub(crate) fn status(&self) -> u32 {
        self.cpu.flags.status()
    }

    /// Whether each named flag is set, as `(cf, of)` and so on.
    pub(crate) fn flag(&self, bit: u32) -> bool {
        self.status() & bit & bits::STATUS != 0
    }

    pub(crate) fn peek(&self, offset: u64, len: usize) -> Vec<u8> {
        self.mem.peek(DATA + offset, len).expect("the data pages are mapped")
    }
}
