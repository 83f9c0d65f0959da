//! What parent and child exchange, and how processor state is laid out in it: as in signal frames.

use forklift_x86::{CpuState, Exit, Fault, Gate, Gpr, Mode, Seg, bits};
use libc::c_int;

use crate::batch::{Case, Line, Outcome};
use crate::machine::{DATA_SIZE, End, NoAnswer};

/// Linux's selectors for code of both modes, and for data.
const CS64: u64 = 0x33;
const CS32: u64 = 0x23;
const DS: u64 = 0x2b;
/// Size of FXSAVE's image, XSAVE's header and the upper halves of the YMM registers, which the frame has only if the CPU has AVX.
pub const FX_SIZE: usize = 512 + 64 + 256;
/// The part of it with registers, and where XSTATE_BV lies.
pub const FX_LEGACY: usize = 416;
pub const FX_BV: usize = 512;
/// Where the upper halves lie.
pub const FX_UPPER: usize = 576;
/// Cases that are exchanged at once.
pub const SLOTS: usize = 256;
/// The longest code of a case. Unit: bytes.
pub const CODE_MAX: usize = 2048;
/// Lines of data that the cases of a batch may change; a batch that changes more is run in parts.
pub const LINES: usize = 4096;

/// Order of the GPRs in a signal frame, `gregs[i]` for encoding i.
const GREGS: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// A case, and, when it has run, what it left.
#[repr(C)]
pub struct Slot {
    pub gregs: [i64; 23],
    pub fx: [u8; FX_SIZE],
    /// Of FS and GS.
    pub bases: [u64; 2],
    /// ES, DS, FS, GS.
    pub selectors: [u16; 4],
    pub signal: c_int,
    pub si_arch: u32,
    /// Offset in the code area.
    pub code_at: u32,
    pub code_len: u32,
    /// The lines that it changed: from here on in `Shared::lines`.
    pub first_line: u32,
    pub line_count: u32,
    pub code: [u8; CODE_MAX],
}

/// The memory that parent and child share.
#[repr(C)]
pub struct Shared {
    pub image: [u8; DATA_SIZE],
    /// How many slots are to be run.
    pub count: u32,
    /// How many were.
    pub done: u32,
    /// Lines in use.
    pub used_lines: u32,
    /// How much of `fx` frames have.
    pub fx_len: usize,
    pub slots: [Slot; SLOTS],
    pub lines: [Line; LINES],
}

impl Slot {
    pub fn load(&mut self, case: &Case) -> Result<(), NoAnswer> {
        let c = &case.cpu;
        let at = case.code_offset();
        let room = crate::machine::CODE_SIZE - at;
        let code = &case.code[..case.code.len().min(room)];
        let place = self.code.get_mut(..code.len()).ok_or(NoAnswer::Unsupported("the code is too long for the real CPU's child"))?;
        place.copy_from_slice(code);
        (self.code_at, self.code_len) = (at as u32, code.len() as u32);
        for (reg, &slot) in Gpr::ALL.into_iter().zip(&GREGS) {
            self.gregs[slot as usize] = c.get(reg) as i64;
        }
        self.gregs[libc::REG_RIP as usize] = c.rip as i64;
        self.gregs[libc::REG_EFL as usize] = c.flags.rflags() as i64;
        let cs = if c.mode == Mode::Bits64 { CS64 } else { CS32 };
        self.gregs[libc::REG_CSGSFS as usize] = (cs | DS << 48) as i64;
        put_fx(c, &mut self.fx);
        self.bases = [Seg::Fs, Seg::Gs].map(|s| c.seg_base[s.index()]);
        self.selectors = [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs].map(|s| c.seg_sel[s.index()]);
        if c.mode == Mode::Bits32 && self.bases.iter().zip(&self.selectors[2..]).any(|(&base, &sel)| base != 0 && sel == 0) {
            return Err(NoAnswer::Unsupported("segment bases in 32-bit mode need a selector"));
        }
        Ok(())
    }

    pub fn outcome(&self, case: &Case, lines: &[Line]) -> Outcome {
        let mut cpu = case.cpu.clone();
        for (reg, &slot) in Gpr::ALL.into_iter().zip(&GREGS) {
            cpu.set(reg, self.gregs[slot as usize] as u64);
        }
        cpu.rip = self.gregs[libc::REG_RIP as usize] as u64;
        cpu.flags.set_rflags(self.gregs[libc::REG_EFL as usize] as u64, !bits::RF);
        for (s, v) in [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs].into_iter().zip(self.selectors) {
            cpu.seg_sel[s.index()] = v;
        }
        for (s, v) in [Seg::Fs, Seg::Gs].into_iter().zip(self.bases) {
            cpu.seg_base[s.index()] = v;
        }
        get_fx(&mut cpu, &self.fx);
        let end = self.end();
        match end {
            End::Done => cpu.rip = cpu.rip.wrapping_sub(1),
            End::Exit(Exit::Fault(Fault::Page)) => {
                cpu.cr2 = self.gregs[libc::REG_CR2 as usize] as u64;
                cpu.error_code = self.gregs[libc::REG_ERR as usize] as u32;
            }
            _ => {}
        }
        let first = self.first_line as usize;
        Outcome { end, cpu, lines: lines[first..first + self.line_count as usize].to_vec() }
    }

    fn end(&self) -> End {
        let trap = self.gregs[libc::REG_TRAPNO as usize];
        match self.signal {
            libc::SIGVTALRM => End::Endless,
            libc::SIGSYS if self.si_arch & 0xffff == 3 => End::Exit(Exit::Gate(Gate::Int80)),
            libc::SIGSYS => End::Exit(Exit::Gate(Gate::Syscall)),
            _ if trap == 3 => End::Done,
            _ => fault(trap).map_or(End::Endless, |f| End::Exit(Exit::Fault(f))),
        }
    }
}

/// The fault of this vector, as signal frames name it.
fn fault(vector: i64) -> Option<Fault> {
    use Fault::*;
    let all = [Divide, Debug, Overflow, Bound, InvalidOpcode, SegmentNotPresent, Stack, GeneralProtection, Page, X87, Alignment, Simd];
    all.into_iter().find(|f| i64::from(f.vector()) == vector)
}

/// FXSAVE's image of the 64-bit form, and XSAVE's header.
fn put_fx(c: &CpuState, fx: &mut [u8; FX_SIZE]) {
    let mut put = |at: usize, bytes: &[u8]| fx[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &c.x87.cw.to_le_bytes());
    put(2, &c.x87.status_word().to_le_bytes());
    put(4, &[c.x87.used, 0]);
    put(6, &c.x87.fop.to_le_bytes());
    put(8, &c.x87.fip.to_le_bytes());
    put(16, &c.x87.fdp.to_le_bytes());
    put(24, &c.mxcsr.to_le_bytes());
    for i in 0..8 {
        let r = c.x87.regs[(c.x87.top as usize + i) & 7];
        put(32 + 16 * i, &r.mantissa.to_le_bytes());
        put(40 + 16 * i, &r.sign_exp.to_le_bytes());
    }
    for i in 0..16 {
        put(160 + 16 * i, &c.xmm(i).to_le_bytes());
        put(FX_UPPER + 16 * i, &c.vec[i].0[16..32]);
    }
    // XSTATE_BV: x87, SSE and AVX are not in their initial state.
    put(FX_BV, &7u64.to_le_bytes());
}

fn get_fx(c: &mut CpuState, fx: &[u8; FX_SIZE]) {
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| fx[at + i]));
    let u16_at = |at: usize| u16::from_le_bytes([fx[at], fx[at + 1]]);
    c.x87.cw = u16_at(0);
    c.x87.set_status_word(u16_at(2));
    c.x87.used = fx[4];
    c.x87.fop = u16_at(6);
    (c.x87.fip, c.x87.fdp) = (u64_at(8), u64_at(16));
    c.mxcsr = u64_at(24) as u32;
    for i in 0..8 {
        let r = &mut c.x87.regs[(c.x87.top as usize + i) & 7];
        (r.mantissa, r.sign_exp) = (u64_at(32 + 16 * i), u16_at(40 + 16 * i));
    }
    let upper_held = u64_at(FX_BV) & 4 != 0;
    for i in 0..16 {
        c.set_xmm(i, u128::from(u64_at(160 + 16 * i)) | u128::from(u64_at(168 + 16 * i)) << 64);
        let upper = if upper_held { std::array::from_fn(|b| fx[FX_UPPER + 16 * i + b]) } else { [0; 16] };
        c.vec[i].0[16..32].copy_from_slice(&upper);
    }
}
