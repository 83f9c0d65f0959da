//! The interpreter as an oracle.

use forklift_interp::{FlatMemory, Interp, Perm, Stop};
use forklift_x86::{CpuModel, Exit, Fault};

use crate::machine::{CODE, DATA, DATA_SIZE, End, Input, NoAnswer, Oracle, Output, RODATA};

/// How long code may run. Unit: guest instructions.
const RUN_LIMIT: u64 = 1_000_000;

/// The interpreter with the richest CPU model.
pub fn interpreter() -> Option<Box<dyn Oracle + Send>> {
    Some(Box::new(Interpreter))
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
        let newest = CpuModel::ALL[CpuModel::ALL.len() - 1];
        let end = match Interp::new(newest, u32::MAX).run(&mut cpu, &mut mem, RUN_LIMIT) {
            Stop::Exit(Exit::Fault(Fault::Breakpoint)) => {
                cpu.rip = cpu.rip.wrapping_sub(1);
                End::Done
            }
            Stop::Exit(e) => End::Exit(e),
            Stop::Hot | Stop::New | Stop::Attention | Stop::Budget => End::Endless,
        };
        let data = mem.peek(DATA, DATA_SIZE).ok_or(NoAnswer::Unsupported("the data area is gone"))?;
        Ok(Output { end, cpu, data })
    }
}
