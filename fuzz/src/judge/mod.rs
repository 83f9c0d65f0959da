//! Whether two outcomes agree in all that is defined.
//!
//! What the manual leaves undefined isn't compared. Where CPUs differ among each other, or the interpreter differs on purpose, the difference has a name in
//! [`Known`]: it is counted, and docs/testing.md lists it.

mod access;
mod image;
mod known;
pub mod sticky;

use forklift_x86::{CpuState, Exit, Fault, Gpr, Seg, bits};
use iced_x86::{Instruction, Mnemonic as M, OpKind, RflagsBits};

pub use known::{Known, is_transcendental};

use crate::batch::{Case, Outcome};
use crate::generate::{flag_bits, is_repeated_comparison};
use crate::machine::End;

/// A field that differs, with both values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// What it should be, and what it is.
    pub values: [String; 2],
}

/// How `got` differs from `want`, the real CPU's, after `case`, which is the instruction `i`; an empty list if it doesn't.
pub fn judge(case: &Case, i: &Instruction, want: &Outcome, got: &Outcome) -> Result<Vec<Difference>, Known> {
    let different = differences(want, got, defined_flags(case, i, want));
    if different.is_empty() {
        return Ok(different);
    }
    Known::of(case, i, want, got, &different).map_or(Ok(different), Err)
}

/// The one that `all`, the differences between `want` and `got`, are an instance of, if both ended by a fault of the same one of `insns`.
pub fn known_fault(insns: &[Instruction], want: &Outcome, got: &Outcome, all: &[Difference]) -> Option<Known> {
    let i = insns.iter().find(|i| i.ip() == want.cpu.rip && want.cpu.rip == got.cpu.rip)?;
    // What faults has done nothing.
    let case = Case { cpu: want.cpu.clone(), code: Vec::new() };
    let fault = |o: &Outcome| matches!(o.end, End::Exit(Exit::Fault(_)));
    if fault(want) && fault(got) { Known::of(&case, i, want, got, all) } else { None }
}

/// The flags that are defined after `i`.
pub fn defined_flags(case: &Case, i: &Instruction, want: &Outcome) -> u32 {
    // Not if the fault is of fetching what lies behind it.
    let faulted = matches!(want.end, End::Exit(Exit::Fault(_))) && want.cpu.rip == case.cpu.rip;
    let all = bits::STATUS | bits::DF | bits::AC | bits::ID | bits::NT;
    if faulted && is_repeated_comparison(i) {
        return all & !bits::STATUS;
    }
    if faulted {
        return all;
    }
    all & !flag_bits(i.rflags_undefined() | undefined_by_count(i, &case.cpu))
}

/// What shifts and rotates leave undefined depends on their count.
pub(crate) fn undefined_by_count(i: &Instruction, cpu: &CpuState) -> u32 {
    let double = matches!(i.mnemonic(), M::Shld | M::Shrd);
    if !double && !matches!(i.mnemonic(), M::Rcl | M::Rcr | M::Rol | M::Ror | M::Sal | M::Sar | M::Shl | M::Shr) {
        return RflagsBits::NONE;
    }
    let (count, size) = count_and_size(i, cpu);
    let rotate = matches!(i.mnemonic(), M::Rcl | M::Rcr | M::Rol | M::Ror);
    match count {
        0 => RflagsBits::NONE,
        1 if rotate => RflagsBits::NONE,
        1 => RflagsBits::AF,
        _ if rotate => RflagsBits::OF,
        _ if double && count > size => RflagsBits::OF | RflagsBits::AF | RflagsBits::CF | RflagsBits::PF | RflagsBits::SF | RflagsBits::ZF,
        _ if count >= size => RflagsBits::OF | RflagsBits::AF | RflagsBits::CF,
        _ => RflagsBits::OF | RflagsBits::AF,
    }
}

/// Count and operand size of a shift. Unit: bits.
fn count_and_size(i: &Instruction, cpu: &CpuState) -> (u32, u32) {
    let last = i.op_count() - 1;
    let count = match i.op_kind(last) {
        OpKind::Register => cpu.get(Gpr::Rcx) as u32,
        _ => i.immediate(last) as u32,
    };
    let size = i.op0_register().size().max(i.memory_size().size()) as u32 * 8;
    (count & if size == 64 { 63 } else { 31 }, size)
}

/// From here on all is the kernel's: the last page of the lower half isn't given to programs.
const USER_END: u64 = 0x7fff_ffff_f000;

/// All fields in which `got` differs from `want`; of the flags, those in `flags`.
pub fn differences(want: &Outcome, got: &Outcome, flags: u32) -> Vec<Difference> {
    let mut all = Vec::new();
    let (w, g) = (&want.cpu, &got.cpu);
    if want.end != got.end {
        all.push(difference("end".into(), format!("{:?}", want.end), format!("{:?}", got.end)));
    }
    let mut number = |name: &str, a: u64, b: u64| {
        if a != b {
            all.push(difference(name.into(), format!("{a:#x}"), format!("{b:#x}")));
        }
    };
    // A far branch out of 64-bit mode leaves the upper halves undefined.
    let mask = g.mode.addr_mask();
    for r in Gpr::ALL {
        if w.get(r) & mask != g.get(r) & mask {
            number(&format!("{r:?}").to_lowercase(), w.get(r), g.get(r));
        }
    }
    number("rip", w.rip, g.rip);
    number("mxcsr", w.mxcsr.into(), g.mxcsr.into());
    for s in [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs] {
        if w.seg_sel[s.index()] != g.seg_sel[s.index()] || w.seg_base[s.index()] != g.seg_base[s.index()] {
            number(&format!("{s:?}"), w.seg_sel[s.index()].into(), g.seg_sel[s.index()].into());
            number(&format!("base of {s:?}"), w.seg_base[s.index()], g.seg_base[s.index()]);
        }
    }
    if want.end == got.end && want.end == End::Exit(Exit::Fault(Fault::Page)) {
        number("cr2", w.cr2, g.cr2);
        // Linux says that the kernel's pages are there, and whether one that can't be executed is there is the memory's to say, not the interpreter's.
        let said = if w.cr2 < USER_END && w.error_code & Fault::PF_FETCH == 0 { !0 } else { !Fault::PF_PRESENT };
        number("error code", (w.error_code & said).into(), (g.error_code & said).into());
    }
    let flags_of = |c: &CpuState| c.flags.rflags() as u32 & flags;
    if flags_of(w) != flags_of(g) {
        all.push(difference("flags".into(), flag_names(flags_of(w)), flag_names(flags_of(g))));
    }
    vectors(w, g, &mut all);
    x87(w, g, &mut all);
    lines(want, got, &mut all);
    all
}

fn difference(field: String, want: String, got: String) -> Difference {
    Difference { field, values: [want, got] }
}

fn vectors(w: &CpuState, g: &CpuState, all: &mut Vec<Difference>) {
    for i in 0..16 {
        for (name, at) in [("xmm", 0), ("upper half of ymm", 16)] {
            let (a, b) = (&w.vec[i].0[at..at + 16], &g.vec[i].0[at..at + 16]);
            if a != b {
                all.push(difference(format!("{name}{i}"), hex(a), hex(b)));
            }
        }
    }
}

fn x87(w: &CpuState, g: &CpuState, all: &mut Vec<Difference>) {
    if (&w.x87.regs, w.x87.top, w.x87.used, w.x87.cw, w.x87.sw) == (&g.x87.regs, g.x87.top, g.x87.used, g.x87.cw, g.x87.sw) {
        return;
    }
    for i in 0..8 {
        let show = |c: &CpuState| format!("{:04x}:{:016x}", c.x87.regs[i].sign_exp, c.x87.regs[i].mantissa);
        if w.x87.regs[i] != g.x87.regs[i] {
            all.push(difference(format!("x87 R{i}"), show(w), show(g)));
        }
    }
    let words = |c: &CpuState| [("top", c.x87.top), ("used", c.x87.used.into()), ("fcw", c.x87.cw.into()), ("fsw", c.x87.sw.into())];
    for ((name, a), (_, b)) in words(w).into_iter().zip(words(g)) {
        if a != b {
            all.push(difference(name.into(), format!("{a:#x}"), format!("{b:#x}")));
        }
    }
}

fn lines(want: &Outcome, got: &Outcome, all: &mut Vec<Difference>) {
    if want.lines == got.lines {
        return;
    }
    let only = |a: &Outcome, b: &Outcome| -> Vec<_> { a.lines.iter().filter(|l| !b.lines.contains(l)).copied().collect() };
    let show = |l: Option<&crate::batch::Line>| l.map_or_else(|| "unchanged".to_owned(), |l| format!("{:#x}: {}", l.at, hex(&l.bytes)));
    let (a, b) = (only(want, got), only(got, want));
    all.push(difference("data".into(), show(a.first()), show(b.first())));
}

/// Names of the flags in `f`.
pub fn flag_names(f: u32) -> String {
    let all = [("cf", bits::CF), ("pf", bits::PF), ("af", bits::AF), ("zf", bits::ZF), ("sf", bits::SF), ("of", bits::OF), ("df", bits::DF), ("ac", bits::AC)];
    let set: Vec<_> = all.into_iter().filter(|(_, b)| f & b != 0).map(|(n, _)| n).collect();
    set.join(" ")
}

/// Most significant byte first.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use forklift_x86::{CpuState, Mode, decode_one};

    use super::*;
    use crate::machine::CODE;

    fn outcome(fault: Fault) -> Outcome {
        let mut cpu = CpuState::new(Mode::Bits64);
        cpu.rip = CODE;
        Outcome { end: End::Exit(Exit::Fault(fault)), cpu, lines: Vec::new() }
    }

    /// A CALL whose stack isn't there, to an address that isn't one; not so a jump there.
    #[test]
    fn faults_come_in_either_order() {
        let (want, got) = (outcome(Fault::Page), outcome(Fault::GeneralProtection));
        let all = differences(&want, &got, 0);
        let known = |code: &[u8]| known_fault(&[decode_one(Mode::Bits64, want.cpu.pc(), code).expect("an instruction")], &want, &got, &all);
        assert_eq!(known(&[0x41, 0xff, 0xd1]), Some(Known::Order));
        assert_eq!(known(&[0x41, 0xff, 0xe1]), None);
    }

    #[test]
    fn leaving_64_bit_mode_leaves_upper_halves_undefined() {
        let (want, mut got) = (outcome(Fault::Page), outcome(Fault::Page));
        got.cpu.set(Gpr::Rax, 1 << 32);
        assert_eq!(differences(&want, &got, 0).len(), 1);
        got.cpu.mode = Mode::Bits32;
        assert!(differences(&want, &got, 0).is_empty());
    }
}
