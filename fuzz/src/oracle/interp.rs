//! The interpreter as an oracle.

use forklift_interp::{FlatMemory, Interp, Perm, Stop};
use forklift_x86::{CpuModel, CpuState, Exit, Fault};

use crate::batch::{Batch, BatchOracle, Case, LINE, Outcome, changed_lines};
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE, End, Input, NoAnswer, Oracle, Output, RODATA, RODATA_SIZE};

/// How long code may run. Unit: guest instructions.
const RUN_LIMIT: u64 = 1_000_000;
/// How long a case of a batch may run: single instructions, whose iterations and wrong turns count. Unit: guest instructions.
const STEP_LIMIT: u32 = 20_000;
const INT3: u8 = 0xcc;

/// The interpreter with the richest CPU model.
pub fn interpreter() -> Option<Box<dyn Oracle + Send>> {
    Some(Box::new(Interpreter))
}

/// The same, for many cases at a time. Those that take too long end as [`End::Endless`].
pub fn interpreter_batches() -> Box<dyn BatchOracle + Send> {
    let mut mem = FlatMemory::new();
    mem.map(CODE, vec![INT3; CODE_SIZE], Perm::RX);
    mem.map(DATA, vec![0; DATA_SIZE], Perm::RW);
    mem.map(RODATA, vec![0; RODATA_SIZE], Perm::R);
    Box::new(Stepper { mem, interp: Interp::new(newest(), u32::MAX) })
}

/// The CPU model that has all instructions.
pub fn newest() -> CpuModel {
    CpuModel::ALL[CpuModel::ALL.len() - 1]
}

struct Interpreter;

impl Oracle for Interpreter {
    fn name(&self) -> &'static str {
        "interpreter"
    }

    fn run(&mut self, input: &Input) -> Result<Output, NoAnswer> {
        let mut mem = FlatMemory::new();
        mem.map(CODE, input.code_area(), Perm::RX);
        mem.map(DATA, input.data.clone(), Perm::RW);
        mem.map(RODATA, input.rodata().to_vec(), Perm::R);
        let mut cpu = input.cpu.clone();
        let end = match Interp::new(newest(), u32::MAX).run(&mut cpu, &mut mem, RUN_LIMIT) {
            Stop::Exit(e) => end(&mut cpu, e),
            Stop::Hot | Stop::New | Stop::Attention | Stop::Budget => End::Endless,
        };
        let data = mem.range(DATA).ok_or(NoAnswer::Unsupported("the data area is gone"))?.to_vec();
        Ok(Output { end, cpu, data })
    }
}

/// The end that an exit is: INT3 with `rip` at it.
fn end(cpu: &mut CpuState, exit: Exit) -> End {
    if exit == Exit::Fault(Fault::Breakpoint) {
        cpu.rip = cpu.rip.wrapping_sub(1);
        return End::Done;
    }
    End::Exit(exit)
}

/// Runs instructions one by one, each decoded anew.
struct Stepper {
    mem: FlatMemory,
    interp: Interp<FlatMemory>,
}

impl Stepper {
    /// An area of `machine.rs`, which all are mapped.
    fn area(&mut self, at: u64) -> &mut [u8] {
        self.mem.range_mut(at).unwrap_or_default()
    }

    fn run_case(&mut self, case: &Case, image: &[u8]) -> Outcome {
        let at = case.code_offset();
        let len = case.code.len().min(CODE_SIZE - at);
        self.area(CODE)[at..at + len].copy_from_slice(&case.code[..len]);
        let mut cpu = case.cpu.clone();
        let end = self.run_to_end(&mut cpu);
        self.area(CODE)[at..at + len].fill(INT3);
        let data = self.area(DATA);
        let lines = changed_lines(image, data);
        for l in &lines {
            let range = l.at as usize..l.at as usize + LINE;
            data[range.clone()].copy_from_slice(&image[range]);
        }
        Outcome { end, cpu, lines }
    }

    fn run_to_end(&mut self, cpu: &mut CpuState) -> End {
        for _ in 0..STEP_LIMIT {
            let at_int3 = self.mem.range(CODE).and_then(|c| c.get(cpu.rip.wrapping_sub(CODE) as usize)) == Some(&INT3);
            if at_int3 {
                return End::Done;
            }
            if let Err(exit) = self.interp.step(cpu, &mut self.mem) {
                return end(cpu, exit);
            }
        }
        End::Endless
    }
}

impl BatchOracle for Stepper {
    fn run_batch(&mut self, batch: &Batch) -> Result<Vec<Outcome>, NoAnswer> {
        self.area(DATA).copy_from_slice(&batch.image);
        self.area(RODATA).copy_from_slice(&batch.image[..RODATA_SIZE]);
        Ok(batch.cases.iter().map(|c| self.run_case(c, &batch.image)).collect())
    }
}
