//! Whether two outcomes agree in all that is defined.
//!
//! What the manual leaves undefined isn't compared. Where CPUs differ among each other, or the interpreter differs on purpose, the difference has a name in
//! [`Known`]: it is counted, and docs/testing.md lists it.

use forklift_x86::{CpuState, Exit, Fault, Gpr, Mode, Seg, bits};
use iced_x86::{Code, CpuidFeature, Instruction, Mnemonic as M, OpKind, Register, RflagsBits};

use crate::batch::{Case, Outcome};
use crate::generate::flag_bits;
use crate::machine::End;

/// A field that differs, with both values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// What it should be, and what it is.
    pub values: [String; 2],
}

/// A difference that is no error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Known {
    /// The end of a segment's 4 GiB.
    SegmentEnd,
    /// Bit 17 of MXCSR.
    MisalignedMode,
    /// Alignment of SHA's operands.
    ShaAlignment,
    /// Approximations of reciprocals.
    Approximation,
    /// Last bit of transcendentals.
    Transcendental,
    /// Shifts by more than the operand has bits.
    DoubleShift,
    /// Which of an instruction's faults comes.
    Order,
    /// Masked stores to where no memory is.
    MaskedStore,
    /// A fault in the middle of POPA.
    PopAll,
    /// Undefined instructions whose end can't be fetched.
    UndefinedEnd,
    /// Memory operands of MOVSXD with 16 bits.
    MovsxdWidth,
    /// Offsets that aren't canonical, in segments with a base.
    Canonical,
    /// Exception flags of MXCSR in translated code.
    StickyFlags,
    /// Exception flags of dot products.
    DotProduct,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SegmentEnd,
        Self::MisalignedMode,
        Self::ShaAlignment,
        Self::Approximation,
        Self::Transcendental,
        Self::DoubleShift,
        Self::Order,
        Self::MaskedStore,
        Self::PopAll,
        Self::UndefinedEnd,
        Self::MovsxdWidth,
        Self::Canonical,
        Self::StickyFlags,
        Self::DotProduct,
    ];

    /// What it is, for the documentation.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SegmentEnd => "An access of 32-bit code across the end of the 4 GiB is #GP or #SS on CPUs, #PF here.",
            Self::MisalignedMode => "Bit 17 of MXCSR (misaligned SSE) exists on AMD's CPUs; here it is reserved, as on Intel's.",
            Self::ShaAlignment => "SHA's memory operands must be aligned in Intel's manual and here; AMD's CPUs don't check.",
            Self::Approximation => "RCPxx and RSQRTxx keep the manual's error bound of 1.5 × 2^-12; the bits differ, as they do between vendors.",
            Self::Transcendental => "x87 transcendentals are within 1 unit of the last place of 80 bits; vendors differ, too.",
            Self::DoubleShift => "SHLD and SHRD of 16 bits by more than 16 are undefined.",
            Self::Order => {
                "Of two faults of one instruction, vendors raise different ones: of CMPS's operands, of CALL's stack and target, of POP to CS. ARPL in CS faults only if it stores."
            }
            Self::MaskedStore => {
                "What a masked store to where no memory is leaves (a fault for an empty mask, its address, MMX entered) differs between vendors."
            }
            Self::PopAll => "POPA that faults has loaded some registers already on AMD's CPUs; here it has done nothing.",
            Self::UndefinedEnd => "UD0 and UD1 raise #UD before their ModRM byte is fetched on AMD's CPUs; Intel's manual gives them one.",
            Self::MovsxdWidth => "MOVSXD with 16 bits reads 32 bits of memory on AMD's CPUs, 16 in Intel's manual.",
            Self::StickyFlags => {
                "Translated code doesn't keep MXCSR's exception flags exactly: results that nothing uses raise none, conversions may raise others."
            }
            Self::DotProduct => "(V)DPPS and (V)DPPD that raise an unmasked exception leave the flags of other steps in MXCSR.",
            Self::Canonical => "AMD's CPUs check the offset, too, where a base of FS or GS makes a canonical address of one that isn't.",
        }
    }
}

/// How `got` differs from `want`, the real CPU's, after `case`, which is the instruction `i`; an empty list if it doesn't.
pub fn judge(case: &Case, i: &Instruction, want: &Outcome, got: &Outcome) -> Result<Vec<Difference>, Known> {
    let different = differences(want, got, defined_flags(case, i, want));
    if different.is_empty() {
        return Ok(different);
    }
    known(case, i, want, got, &different).map_or(Ok(different), Err)
}

/// The flags that are defined after `i`.
pub fn defined_flags(case: &Case, i: &Instruction, want: &Outcome) -> u32 {
    // Not if the fault is of fetching what lies behind it.
    let faulted = matches!(want.end, End::Exit(Exit::Fault(_))) && want.cpu.rip == case.cpu.rip;
    let all = bits::STATUS | bits::DF | bits::AC | bits::ID | bits::NT;
    // A comparison that was cut off leaves some of its flags.
    if faulted && i.is_string_instruction() {
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

fn known(case: &Case, i: &Instruction, want: &Outcome, got: &Outcome, all: &[Difference]) -> Option<Known> {
    let is_end = |o: &Outcome, faults: &[Fault]| matches!(o.end, End::Exit(Exit::Fault(f)) if faults.contains(&f));
    let refused = is_end(want, &[Fault::GeneralProtection, Fault::Stack]);
    if case.cpu.mode == Mode::Bits32 && refused && (is_end(got, &[Fault::Page]) || crosses_end(i, &want.cpu)) {
        return Some(Known::SegmentEnd);
    }
    if case.cpu.mode == Mode::Bits64 && refused && matches!(i.memory_segment(), Register::FS | Register::GS) && offset(i, &case.cpu) >> 47 != 0 {
        return Some(Known::Canonical);
    }
    if (want.cpu.mxcsr ^ got.cpu.mxcsr) & 1 << 17 != 0 || case.cpu.mxcsr & 1 << 17 != 0 || loads_misaligned_mode(i, want, got) {
        return Some(Known::MisalignedMode);
    }
    if i.cpuid_features().contains(&CpuidFeature::SHA) && i.op1_kind() == OpKind::Memory && is_end(got, &[Fault::GeneralProtection]) {
        return Some(Known::ShaAlignment);
    }
    let only = |names: &[&str]| all.iter().all(|d| names.iter().any(|n| d.field.starts_with(n)));
    if is_approximation(i) && only(&["xmm", "upper"]) && vectors_are_close(want, got) {
        return Some(Known::Approximation);
    }
    if is_transcendental(i) && transcendentals_are_close(want, got) {
        return Some(Known::Transcendental);
    }
    if i.mnemonic() == M::Arpl && i.memory_segment() == Register::CS && is_end(got, &[Fault::GeneralProtection]) {
        return Some(Known::Order);
    }
    if order_is_open(i, want, got, only(&["end", "cr2", "error code"])) {
        return Some(Known::Order);
    }
    let masked = matches!(i.mnemonic(), M::Maskmovq | M::Maskmovdqu | M::Vmaskmovdqu | M::Vmaskmovps | M::Vmaskmovpd | M::Vpmaskmovd | M::Vpmaskmovq);
    if masked && (is_end(want, &[Fault::Page, Fault::GeneralProtection]) || is_end(got, &[Fault::GeneralProtection])) {
        return Some(Known::MaskedStore);
    }
    if matches!(i.mnemonic(), M::Popa | M::Popad) && is_end(want, &[Fault::Page]) && want.end == got.end {
        return Some(Known::PopAll);
    }
    if matches!(i.mnemonic(), M::Ud0 | M::Ud1) && is_end(want, &[Fault::InvalidOpcode]) && is_end(got, &[Fault::Page]) {
        return Some(Known::UndefinedEnd);
    }
    if i.code() == Code::Movsxd_r16_rm16 && is_end(want, &[Fault::Page, Fault::GeneralProtection]) {
        return Some(Known::MovsxdWidth);
    }
    if matches!(i.mnemonic(), M::Dpps | M::Dppd | M::Vdpps | M::Vdppd) && is_end(want, &[Fault::Simd]) && only(&["mxcsr"]) {
        return Some(Known::DotProduct);
    }
    if matches!(i.mnemonic(), M::Shld | M::Shrd) && i.op1_register().size() == 2 && count_and_size(i, &case.cpu).0 > 16 {
        return Some(Known::DoubleShift);
    }
    None
}

/// The effective address of the memory operand; 0 if there is none.
fn offset(i: &Instruction, cpu: &CpuState) -> u64 {
    let read = |r: Register, _, _| Some(Gpr::from_iced(r).map_or(0, |g| cpu.get(g) & if r.size() == 1 { 0xff } else { u64::MAX }));
    let operand = (0..i.op_count()).find(|&k| i.op_kind(k) == OpKind::Memory);
    operand.and_then(|k| i.virtual_address(k, 0, read)).unwrap_or(0)
}

/// Whether an operand of 32-bit code reaches beyond the last offset of a segment.
fn crosses_end(i: &Instruction, cpu: &CpuState) -> bool {
    let near_end = |at: u64| at & 0xffff_ffff > 0xffff_ffff - 128;
    near_end(offset(i, cpu)) || i.is_string_instruction() && (near_end(cpu.get(Gpr::Rsi)) || near_end(cpu.get(Gpr::Rdi)))
}

/// Whether both faulted, by accesses or checks that have no order.
fn order_is_open(i: &Instruction, want: &Outcome, got: &Outcome, only_fault: bool) -> bool {
    let faulted = |o: &Outcome| matches!(o.end, End::Exit(Exit::Fault(_)));
    let several = matches!(i.mnemonic(), M::Call | M::Pop | M::Cmpsb | M::Cmpsw | M::Cmpsd | M::Cmpsq);
    several && only_fault && faulted(want) && faulted(got)
}

fn loads_misaligned_mode(i: &Instruction, want: &Outcome, got: &Outcome) -> bool {
    matches!(i.mnemonic(), M::Ldmxcsr | M::Vldmxcsr) && want.cpu.mxcsr & 1 << 17 != 0 && got.end == End::Exit(Exit::Fault(Fault::GeneralProtection))
}

fn is_approximation(i: &Instruction) -> bool {
    matches!(i.mnemonic(), M::Rcpps | M::Rcpss | M::Rsqrtps | M::Rsqrtss | M::Vrcpps | M::Vrcpss | M::Vrsqrtps | M::Vrsqrtss)
}

/// Whether the last bit may differ.
pub fn is_transcendental(i: &Instruction) -> bool {
    matches!(i.mnemonic(), M::F2xm1 | M::Fyl2x | M::Fyl2xp1 | M::Fpatan | M::Fptan | M::Fsin | M::Fcos | M::Fsincos)
}

/// Whether all lanes are equal, or numbers that differ by no more than two approximations may.
fn vectors_are_close(a: &Outcome, b: &Outcome) -> bool {
    let lane = |c: &CpuState, i: usize, n: usize| f32::from_le_bytes(std::array::from_fn(|k| c.vec[i].0[4 * n + k]));
    let close = |x: f32, y: f32| x.to_bits() == y.to_bits() || (x / y - 1.0).abs() < 3.0 / 4096.0;
    (0..16).all(|i| (0..8).all(|n| close(lane(&a.cpu, i, n), lane(&b.cpu, i, n))))
}

/// Whether the registers differ by a unit of the last place at most, and nothing else but C1 and the flags of inexact results does.
fn transcendentals_are_close(a: &Outcome, b: &Outcome) -> bool {
    const ROUNDING: u16 = 0x0230;
    let value = |c: &CpuState, i: usize| i128::from(c.x87.regs[i].sign_exp & 0x7fff) << 63 | i128::from(c.x87.regs[i].mantissa & !(1 << 63));
    let sign = |c: &CpuState, i: usize| c.x87.regs[i].sign_exp >> 15;
    let regs = (0..8).all(|i| sign(&a.cpu, i) == sign(&b.cpu, i) && (value(&a.cpu, i) - value(&b.cpu, i)).abs() <= 1);
    let mut rest = b.clone();
    rest.cpu.x87.regs = a.cpu.x87.regs;
    rest.cpu.x87.sw = rest.cpu.x87.sw & !ROUNDING | a.cpu.x87.sw & ROUNDING;
    regs && differences(a, &rest, bits::STATUS).is_empty()
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
    for r in Gpr::ALL {
        if w.get(r) != g.get(r) {
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
