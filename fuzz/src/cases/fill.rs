//! Results of cases that a real CPU is to fill in: lines that end in `=> ?`.

use forklift_x86::{Exit, Fault, Gate, Gpr, Mode, bits};
use iced_x86::{Instruction, RflagsBits};

use super::{Case, Group};
use crate::judge::undefined_by_count;
use crate::machine::{End, Input, Output};

/// The results of `case`, as its line would have them.
pub fn fill(group: &Group, case: &Case, got: &Output) -> String {
    let input = &case.input;
    let end = match got.end {
        End::Done => return results(&group.insn, input, got),
        End::Exit(Exit::Fault(Fault::Page)) => format!("#PF({:#x})", got.cpu.cr2),
        End::Exit(Exit::Fault(f)) => format!("#{}", fault_name(f)),
        End::Exit(Exit::Gate(Gate::Int80)) => "int80".to_owned(),
        End::Exit(_) => "syscall".to_owned(),
        End::Endless => "endless".to_owned(),
    };
    let mut words = vec![end];
    words.extend(gprs(input, got));
    words.extend(rip(super::check::expected_rip(got.end, input), got));
    words.extend(vectors(input, got));
    words.extend(data(input, got));
    words.join(" ")
}

const fn fault_name(f: Fault) -> &'static str {
    match f {
        Fault::Divide => "DE",
        Fault::Debug | Fault::Breakpoint => "DB",
        Fault::Overflow => "OF",
        Fault::Bound => "BR",
        Fault::InvalidOpcode => "UD",
        Fault::SegmentNotPresent => "NP",
        Fault::Stack => "SS",
        Fault::GeneralProtection => "GP",
        Fault::Page => "PF",
        Fault::X87 => "MF",
        Fault::Alignment => "AC",
        Fault::Simd => "XM",
    }
}

fn results(insn: &Instruction, input: &Input, got: &Output) -> String {
    let mut words = gprs(input, got);
    words.extend(rip(super::check::expected_rip(got.end, input), got));
    words.extend(flags(insn, input, got));
    words.extend(vectors(input, got));
    if input.cpu.mxcsr != got.cpu.mxcsr {
        words.push(format!("mxcsr={:#x}", got.cpu.mxcsr));
    }
    words.extend(x87(insn, input, got));
    words.extend(data(input, got));
    words.join(" ")
}

/// The vector registers that changed.
fn vectors(input: &Input, got: &Output) -> Vec<String> {
    let low = |c: &forklift_x86::CpuState, i: usize| c.vec[i].low::<32>();
    (0..16).filter(|&i| low(&input.cpu, i) != low(&got.cpu, i)).map(|i| vector(input, got, i)).collect()
}

/// A vector register, its upper half if that counts.
fn vector(input: &Input, got: &Output, i: usize) -> String {
    let upper = |c: &forklift_x86::CpuState| u128::from_le_bytes(std::array::from_fn(|b| c.vec[i].0[16 + b]));
    match (upper(&input.cpu), upper(&got.cpu)) {
        (0, 0) => format!("xmm{i}={:#x}", got.cpu.xmm(i)),
        (_, u) => format!("ymm{i}=u128({:#x},{u:#x})", got.cpu.xmm(i)),
    }
}

fn gprs(input: &Input, got: &Output) -> Vec<String> {
    let changed = Gpr::ALL.into_iter().filter(|&r| input.cpu.get(r) != got.cpu.get(r));
    let name = |r: Gpr| format!("{r:?}").to_lowercase();
    let name = |r| if input.cpu.mode == Mode::Bits32 { name(r).replace('r', "e") } else { name(r) };
    changed.map(|r| format!("{}={:#x}", name(r), got.cpu.get(r))).collect()
}

fn rip(expected: u64, got: &Output) -> Option<String> {
    (got.cpu.rip != expected).then(|| format!("rip={:#x}", got.cpu.rip))
}

/// Flags that the instruction writes and the manual defines.
fn flags(insn: &Instruction, input: &Input, got: &Output) -> Vec<String> {
    let table = [
        (RflagsBits::CF, bits::CF, "cf"),
        (RflagsBits::PF, bits::PF, "pf"),
        (RflagsBits::AF, bits::AF, "af"),
        (RflagsBits::ZF, bits::ZF, "zf"),
        (RflagsBits::SF, bits::SF, "sf"),
        (RflagsBits::OF, bits::OF, "of"),
        (RflagsBits::DF, bits::DF, "df"),
        (RflagsBits::AC, bits::AC, "ac"),
    ];
    let undefined = insn.rflags_undefined() | undefined_by_count(insn, &input.cpu);
    let written = insn.rflags_modified() & !undefined;
    let value = got.cpu.flags.rflags() as u32;
    table.into_iter().filter(|(iced, ..)| written & iced != 0).map(|(_, bit, name)| format!("{name}={}", u8::from(value & bit != 0))).collect()
}

fn x87(insn: &Instruction, input: &Input, got: &Output) -> Vec<String> {
    let (old, new) = (&input.cpu.x87, &got.cpu.x87);
    let mut words = Vec::new();
    if old == new {
        return words;
    }
    let mmx = (0..insn.op_count()).any(|i| insn.op_register(i).is_mm());
    if mmx {
        words.extend((0..8).filter(|&i| old.regs[i].mantissa != new.regs[i].mantissa).map(|i| format!("mm{i}={:#x}", new.regs[i].mantissa)));
    }
    if old.top != new.top {
        words.push(format!("top={}", new.top));
    }
    if old.cw != new.cw {
        words.push(format!("fcw={:#x}", new.cw));
    }
    if old.sw != new.sw {
        words.push(format!("fsw={:#x}", new.sw));
    }
    if !mmx {
        let st = |i: usize| (new.top as usize + i) & 7;
        let live = |i: &usize| new.used >> st(*i) & 1 != 0;
        words.extend((0..8).filter(live).map(|i| format!("st{i}={:#x}:{:#x}", new.regs[st(i)].sign_exp, new.regs[st(i)].mantissa)));
    }
    words.push(format!("used={:#x}", new.used));
    words
}

/// Changed data, in doublewords.
fn data(input: &Input, got: &Output) -> Vec<String> {
    let dwords = input.data.chunks_exact(4).zip(got.data.chunks_exact(4)).enumerate();
    let changed = dwords.filter(|(_, (old, new))| old != new);
    changed.map(|(i, (_, new))| format!("d32[{:#x}]={:#x}", i * 4, u32::from_le_bytes([new[0], new[1], new[2], new[3]]))).collect()
}
