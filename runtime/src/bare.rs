//! A processor with memory and no operating system: for those who want to run code, not programs.

use forklift_interp::{FlatMemory, Interp, Perm, Stop};
use forklift_x86::{CpuModel, CpuState, Exit, GuestAddr, Mode};

/// A processor and its memory. Several may live in one process.
///
/// ```
/// use forklift::BareMachine;
/// use forklift::x86::{CpuModel, Exit, Gate, Gpr, Mode};
/// use forklift::interp::{Perm, Stop};
///
/// let mut m = BareMachine::new(Mode::Bits32, CpuModel::I686);
/// // mov eax, 40; add eax, 2; int 0x80
/// m.map(0x1000, vec![0xb8, 40, 0, 0, 0, 0x83, 0xc0, 2, 0xcd, 0x80], Perm::RX);
/// m.cpu_mut().rip = 0x1000;
/// assert_eq!(m.run(1000), Stop::Exit(Exit::Gate(Gate::Int80)));
/// assert_eq!(m.cpu().get(Gpr::Rax), 42);
/// assert_eq!(m.cpu().rip, 0x100a);
/// ```
pub struct BareMachine {
    cpu: CpuState,
    mem: FlatMemory,
    interp: Interp<FlatMemory>,
}

impl BareMachine {
    /// A machine with empty memory and a processor as a new program finds it.
    pub fn new(mode: Mode, model: CpuModel) -> Self {
        let mut cpu = CpuState::new(mode);
        cpu.xcr0 = model.xcr0();
        Self { cpu, mem: FlatMemory::new(), interp: Interp::new(model, u32::MAX) }
    }

    /// Maps `bytes` at `start`. What isn't mapped gives #PF.
    pub fn map(&mut self, start: u64, bytes: Vec<u8>, perm: Perm) {
        self.mem.map(start, bytes, perm);
    }

    /// The processor.
    pub const fn cpu(&self) -> &CpuState {
        &self.cpu
    }

    /// The processor, to set registers.
    pub const fn cpu_mut(&mut self) -> &mut CpuState {
        &mut self.cpu
    }

    /// Copies memory out, whatever its permissions; `None` if not all of it is mapped.
    pub fn peek(&self, addr: GuestAddr, len: usize) -> Option<Vec<u8>> {
        self.mem.peek(addr.get(), len)
    }

    /// Overwrites memory, whatever its permissions; what isn't mapped is skipped. Code that was there is decoded anew.
    pub fn poke(&mut self, addr: GuestAddr, bytes: &[u8]) {
        self.mem.poke(addr.get(), bytes);
        self.interp.invalidate(addr, addr.wrapping_add(bytes.len() as u64));
    }

    /// Runs until an exception or a gate, at most about `budget` instructions. What it stopped for is for the caller to deal with.
    pub fn run(&mut self, budget: u64) -> Stop {
        self.interp.run(&mut self.cpu, &mut self.mem, budget)
    }

    /// Runs one instruction.
    ///
    /// # Errors
    /// The exception or gate that it ended with.
    pub fn step(&mut self) -> Result<(), Exit> {
        self.interp.step(&mut self.cpu, &mut self.mem)
    }

    /// Instructions executed so far.
    pub const fn executed(&self) -> u64 {
        self.interp.executed()
    }
}
