//! The interpreter under test, behind the same interface as the host.

use forklift_interp::{FlatMemory, Interp, Perm};
use forklift_x86::{CpuModel, CpuState, Gpr, GuestAddr, Mode, X87, X87Reg};

use crate::host::{RELATIVE, State};

const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x60_0000;

pub struct Soft {
    cpu: CpuState,
    mem: FlatMemory,
    interp: Interp<FlatMemory>,
}

impl Soft {
    pub fn new() -> Self {
        let mut mem = FlatMemory::new();
        mem.map_zero(CODE, 64, Perm::RX);
        mem.map_zero(DATA, 4096, Perm::RW);
        Self { cpu: CpuState::new(Mode::Bits64), mem, interp: Interp::new(CpuModel::V2, u32::MAX) }
    }

    pub fn load(&mut self, insn: &[u8]) {
        self.mem.poke(CODE, insn);
        self.mem.poke(CODE + insn.len() as u64, &[0x90; 16]);
        self.interp.invalidate(GuestAddr::new(CODE), GuestAddr::new(CODE + 64));
    }

    pub fn run(&mut self, s: &State) -> State {
        self.cpu.rip = CODE;
        self.cpu.set(Gpr::Rax, s.rax);
        self.cpu.set(Gpr::Rdx, DATA);
        self.cpu.flags.set_rflags(s.rflags, 0x8d5);
        // As on the host.
        self.cpu.seg_sel = [0, 0x33, 0x2b, 0, 0, 0];
        self.cpu.x87 = X87 {
            regs: s.regs.map(|(mantissa, sign_exp)| X87Reg { mantissa, sign_exp, pad: [0; 3] }),
            top: s.top,
            used: s.used,
            cw: s.cw,
            sw: s.sw,
            fop: s.fop,
            fip: s.fip,
            fdp: s.fdp,
            ..X87::default()
        };
        self.mem.poke(DATA, &s.mem);
        self.interp.step(&mut self.cpu, &mut self.mem).expect("the instruction is interpreted");
        let x = &self.cpu.x87;
        let relative = |v: u64, base: u64| if v.wrapping_sub(base) < 4096 { v - base + RELATIVE } else { v };
        State {
            regs: x.regs.map(|r| (r.mantissa, r.sign_exp)),
            top: x.top,
            used: x.used,
            cw: x.cw,
            sw: x.sw,
            fop: x.fop,
            fip: relative(x.fip & 0xffff_ffff, CODE),
            fdp: relative(x.fdp & 0xffff_ffff, DATA),
            fcs: x.fcs,
            fds: x.fds,
            rax: self.cpu.get(Gpr::Rax),
            rflags: self.cpu.flags.rflags() & 0x8d5,
            mem: self.mem.peek(DATA, 128).unwrap().try_into().unwrap(),
        }
    }
}
