//! Many short cases over one image of the data area: what the fast oracles take and give.
//!
//! A case has no data of its own; that of its neighbours is the same. What a run leaves is its registers and the lines of the data area that differ from
//! the image: comparing two of them is comparing little.

use forklift_x86::CpuState;

use crate::machine::{CODE, DATA_SIZE, End, Input, Output};

/// Bytes of data that are compared and exchanged at once. Divides [`DATA_SIZE`].
pub const LINE: usize = 64;

/// Registers and code. The code lies at `cpu.rip`, in the code area.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Registers.
    pub cpu: CpuState,
    /// The instructions.
    pub code: Vec<u8>,
}

/// Cases and what the data area holds when each of them starts.
pub struct Batch {
    /// [`DATA_SIZE`] bytes.
    pub image: Vec<u8>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// A part of the data area that isn't as in the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Line {
    /// Offset in the data area, a multiple of [`LINE`].
    pub at: u32,
    /// What is there.
    pub bytes: [u8; LINE],
}

/// What a case left.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Registers.
    pub cpu: CpuState,
    /// The lines that changed, in order.
    pub lines: Vec<Line>,
}

/// Something that runs batches.
pub trait BatchOracle {
    /// What became of each case.
    fn run_batch(&mut self, batch: &Batch) -> Result<Vec<Outcome>, crate::NoAnswer>;

    /// Whether the oracle itself has memory at `address`, where for cases there is none.
    fn occupies(&self, _address: u64) -> bool {
        false
    }
}

impl Case {
    /// The case with its data, for the oracles that take one at a time.
    pub fn with_data(&self, image: &[u8]) -> Input {
        Input { cpu: self.cpu.clone(), code: self.code.clone(), data: image.to_vec() }
    }

    /// Where in the code area the code lies; at most its size.
    pub fn code_offset(&self) -> usize {
        usize::try_from(self.cpu.rip.wrapping_sub(CODE)).map_or(crate::machine::CODE_SIZE, |at| at.min(crate::machine::CODE_SIZE))
    }
}

impl From<&Input> for Case {
    fn from(input: &Input) -> Self {
        Self { cpu: input.cpu.clone(), code: input.code.clone() }
    }
}

impl Outcome {
    /// `output` as the difference from what the data area held before.
    pub fn new(output: Output, image: &[u8]) -> Self {
        Self { end: output.end, cpu: output.cpu, lines: changed_lines(image, &output.data) }
    }

    /// With the whole data area.
    pub fn into_output(self, image: &[u8]) -> Output {
        let mut data = image.to_vec();
        for l in &self.lines {
            data[l.at as usize..l.at as usize + LINE].copy_from_slice(&l.bytes);
        }
        Output { end: self.end, cpu: self.cpu, data }
    }
}

/// The lines in which `now` differs from `before`; both have [`DATA_SIZE`] bytes.
pub fn changed_lines(before: &[u8], now: &[u8]) -> Vec<Line> {
    // Most cases change nothing: one comparison for all.
    if before == now {
        return Vec::new();
    }
    let changed = |at: &usize| before[*at..*at + LINE] != now[*at..*at + LINE];
    let line = |at: usize| Line { at: at as u32, bytes: std::array::from_fn(|i| now[at + i]) };
    (0..DATA_SIZE).step_by(LINE).filter(changed).map(line).collect()
}
