//! What a real CPU did with some cases of every form, in a file, for hosts that have no x86 CPU.
//!
//! A file has, for each mode, one data area, some states, and the vectors: a state's number, changes to it, the code, how it ended, what it changed in registers and data.
//! All of it is deflated.

mod bytes;
mod fields;
mod record;
mod replay;

use forklift_x86::{CpuState, Exit, Fault, Gate, Mode};

pub use record::record;
pub use replay::{Player, Replayed, replay};

use crate::batch::{Case, LINE, Line, Outcome};
use crate::machine::{DATA_SIZE, End};
use bytes::{Reader, Writer};

/// Vectors of one mode.
pub struct Vectors {
    /// Mode of the code.
    pub mode: Mode,
    /// The data area that all start with.
    pub image: Vec<u8>,
    /// The states that cases start from, but for what they change.
    pub states: Vec<CpuState>,
    /// State, case, and what became of it.
    pub all: Vec<(u8, Case, Outcome)>,
}

const MODES: [Mode; 2] = [Mode::Bits64, Mode::Bits32];
const FAULTS: [Fault; 12] = {
    use Fault::*;
    [Divide, Debug, Overflow, Bound, InvalidOpcode, SegmentNotPresent, Stack, GeneralProtection, Page, X87, Alignment, Simd]
};
const DONE: u8 = 0xff;
const INT80: u8 = 0xfe;
const SYSCALL: u8 = 0xfd;

/// The contents of a file.
pub fn write(sets: &[Vectors]) -> Vec<u8> {
    let mut w = Writer::default();
    for v in sets {
        w.byte(MODES.iter().position(|m| *m == v.mode).unwrap_or(0) as u8);
        w.bytes(&v.image);
        w.byte(v.states.len() as u8);
        v.states.iter().for_each(|s| fields::write(&mut w, &CpuState::new(v.mode), s));
        w.word(v.all.len() as u32);
        for (state, case, outcome) in &v.all {
            w.byte(*state);
            fields::write(&mut w, &v.states[usize::from(*state)], &case.cpu);
            w.byte(case.code.len() as u8);
            w.bytes(&case.code);
            write_outcome(&mut w, case, outcome, &v.image);
        }
    }
    miniz_oxide::deflate::compress_to_vec(&w.0, 10)
}

fn write_outcome(w: &mut Writer, case: &Case, o: &Outcome, image: &[u8]) {
    w.byte(match o.end {
        End::Done => DONE,
        End::Exit(Exit::Gate(Gate::Int80)) => INT80,
        End::Exit(Exit::Fault(f)) => f.vector(),
        _ => SYSCALL,
    });
    fields::write(w, &case.cpu, &o.cpu);
    w.byte(o.lines.len() as u8);
    for l in &o.lines {
        let at = l.at as usize;
        let before = &image[at..at + LINE];
        let differs = |i: &usize| l.bytes[*i] != before[*i];
        let first = (0..LINE).find(differs).unwrap_or(0);
        let end = (0..LINE).rfind(differs).map_or(0, |i| i + 1);
        w.half((at + first) as u16);
        w.byte((end - first) as u8);
        w.bytes(&l.bytes[first..end]);
    }
}

/// The vectors of a file; `None` if it is damaged.
pub fn read(file: &[u8]) -> Option<Vec<Vectors>> {
    let plain = miniz_oxide::inflate::decompress_to_vec(file).ok()?;
    let mut r = Reader(&plain);
    let mut sets = Vec::new();
    while let Some(mode) = r.byte() {
        let mode = *MODES.get(usize::from(mode))?;
        let image = r.bytes(DATA_SIZE)?.to_vec();
        let mut states = Vec::new();
        for _ in 0..r.byte()? {
            states.push(fields::read(&mut r, &CpuState::new(mode))?);
        }
        let mut all = Vec::new();
        for _ in 0..r.word()? {
            let state = r.byte()?;
            let cpu = fields::read(&mut r, states.get(usize::from(state))?)?;
            let len = r.byte()?;
            let case = Case { cpu, code: r.bytes(len.into())?.to_vec() };
            let outcome = read_outcome(&mut r, &case, &image)?;
            all.push((state, case, outcome));
        }
        sets.push(Vectors { mode, image, states, all });
    }
    Some(sets)
}

fn read_outcome(r: &mut Reader<'_>, case: &Case, image: &[u8]) -> Option<Outcome> {
    let end = match r.byte()? {
        DONE => End::Done,
        INT80 => End::Exit(Exit::Gate(Gate::Int80)),
        SYSCALL => End::Exit(Exit::Gate(Gate::Syscall)),
        vector => End::Exit(Exit::Fault(*FAULTS.iter().find(|f| f.vector() == vector)?)),
    };
    let cpu = fields::read(r, &case.cpu)?;
    let mut lines = Vec::new();
    for _ in 0..r.byte()? {
        let (at, len) = (usize::from(r.half()?), usize::from(r.byte()?));
        let start = at / LINE * LINE;
        let mut bytes: [u8; LINE] = image.get(start..start + LINE)?.try_into().ok()?;
        bytes.get_mut(at - start..at - start + len)?.copy_from_slice(r.bytes(len)?);
        lines.push(Line { at: start as u32, bytes });
    }
    Some(Outcome { end, cpu, lines })
}
