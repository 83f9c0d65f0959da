//! A short piece of code with the state that it starts from, and what came of it: the common language of all oracles.
//!
//! Every oracle offers the same address space:
//!
//! | from | bytes | holds |
//! |---|---|---|
//! | [`CODE`] | [`CODE_SIZE`] | the code, at any offset; INT3 everywhere else. Readable and executable |
//! | [`DATA`] | [`DATA_SIZE`] | data, readable and writable |
//! | [`RODATA`] | 4096 | a copy of the first data page, read-only; adjoins the data |
//!
//! All else is unmapped. A run ends at the first INT3, fault or gate.

use forklift_x86::{CpuState, Exit, Mode};

/// Address of the code.
pub const CODE: u64 = 0x1000_0000;
/// Unit: bytes.
pub const CODE_SIZE: usize = 0x2000;
/// Address of the writable data.
pub const DATA: u64 = 0x2000_0000;
/// Unit: bytes.
pub const DATA_SIZE: usize = 0x3000;
/// Address of the read-only data.
pub const RODATA: u64 = DATA + DATA_SIZE as u64;
/// Unit: bytes.
pub const RODATA_SIZE: usize = 0x1000;
/// Where cases have the stack pointer unless they say otherwise: the middle of the data.
pub const STACK: u64 = DATA + 0x1800;

/// Selectors of FS and GS where 32-bit code has a base there: the first entries of the LDT.
pub const TLS_SELECTORS: [u16; 2] = [0x07, 0x0f];

/// Code and the state it starts from.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    /// Registers. `rip` says where in the code area the code lies.
    pub cpu: CpuState,
    /// The instructions, placed at `cpu.rip`.
    pub code: Vec<u8>,
    /// What the data area holds, [`DATA_SIZE`] bytes.
    pub data: Vec<u8>,
}

impl Input {
    /// Code at the start of the code area, zeroes in all registers and data.
    pub fn new(mode: Mode, code: &[u8]) -> Self {
        let mut cpu = CpuState::new(mode);
        cpu.rip = CODE;
        cpu.set(forklift_x86::Gpr::Rsp, STACK);
        Self { cpu, code: code.to_vec(), data: vec![0; DATA_SIZE] }
    }

    /// The whole code area: [`code`](Self::code) in its place, INT3 around it.
    pub fn code_area(&self) -> Vec<u8> {
        let mut area = vec![0xcc; CODE_SIZE];
        let at = self.cpu.rip.wrapping_sub(CODE) as usize;
        // What lies behind the area isn't there.
        if let Some(room) = area.get_mut(at..) {
            let len = self.code.len().min(room.len());
            room[..len].copy_from_slice(&self.code[..len]);
        }
        area
    }

    /// The read-only data that belongs to [`data`](Self::data).
    pub fn rodata(&self) -> &[u8] {
        &self.data[..RODATA_SIZE]
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// An INT3: `rip` is that of the INT3.
    Done,
    /// A fault or gate, with the state at its delivery.
    Exit(Exit),
    /// It didn't end in the time that the oracle allows. The state is of no use.
    Endless,
}

/// What a run left.
#[derive(Clone, PartialEq, Debug)]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// Registers.
    pub cpu: CpuState,
    /// The data area.
    pub data: Vec<u8>,
}

/// Why an oracle has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The oracle can't set up or watch that state.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The oracle itself failed.
    #[error("{what}: {source}")]
    Failed {
        /// What it was doing.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Something that runs x86 code: the interpreter, the JIT, a real CPU.
pub trait Oracle {
    /// Its name in messages.
    fn name(&self) -> &'static str;

    /// Runs the code until it ends.
    fn run(&mut self, input: &Input) -> Result<Output, NoAnswer>;
}
