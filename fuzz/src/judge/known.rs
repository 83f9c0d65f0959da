//! Differences that are no errors, each with the conditions in which it is one.

use forklift_x86::{CpuState, Exit, Fault, GuestAddr, Mode, bits};
use iced_x86::{Code, CpuidFeature, Instruction, Mnemonic as M, OpKind, Register};

use super::access::accesses;
use super::image::without_pointers;
use super::{Difference, count_and_size, differences};
use crate::batch::{Case, Outcome};
use crate::machine::End;

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
    /// Pointers in images of the x87 state.
    Pointers,
    /// Stores across the end of a page that end where nothing can be written.
    TornStore,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 16] = [
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
        Self::Pointers,
        Self::TornStore,
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
                "Of two faults of one instruction, vendors raise different ones: of CMPS's operands, of CALL's stack and target, of POP to CS, of the pages of an image of the x87 state. ARPL in CS faults only if it stores."
            }
            Self::MaskedStore => {
                "What a masked store to where no memory is leaves (a fault for an empty mask, its address, MMX entered) differs between vendors."
            }
            Self::PopAll => "POPA that faults has loaded some registers already on AMD's CPUs; here it has done nothing.",
            Self::UndefinedEnd => "UD0 and UD1 raise #UD before their ModRM byte is fetched on AMD's CPUs; Intel's manual gives them one.",
            Self::MovsxdWidth => "MOVSXD with 16 bits reads 32 bits of memory on AMD's CPUs, 16 in Intel's manual.",
            Self::StickyFlags => {
                "Of MXCSR's exception flags, translated code raises none for results that nothing uses, no IE for quiet NaNs in COMISx; it may raise DE in CVTTSx2SI, PE beside IE in CVTPD2DQ and CVTSx2SI, PE in ROUNDxx that suppresses it, those of both operations in ADDSUBxx and FMADDSUB, and those of half an instruction that a page fault ends. Hosts without an x86 CPU keep none."
            }
            Self::DotProduct => "(V)DPPS and (V)DPPD that raise an unmasked exception leave the flags of other steps in MXCSR.",
            Self::Pointers => {
                "FXSAVE, FNSAVE and FNSTENV store FOP, FIP and FDP (on AMD's CPUs of the last instruction that raised an exception) and MXCSR's mask by vendor."
            }
            Self::TornStore => {
                "On hosts other than x86-64, a store across the end of a page that faults in the second one may have been made in the first one."
            }
            Self::Canonical => "AMD's CPUs check the offset, too, where a base of FS or GS makes a canonical address of one that isn't.",
        }
    }

    /// The one that `all`, the differences between the CPU's outcome `want` and `got`, are an instance of.
    pub(super) fn of(case: &Case, i: &Instruction, want: &Outcome, got: &Outcome, all: &[Difference]) -> Option<Self> {
        let d = Differing { case, i, want, got, all };
        let conditions: [(Self, Condition); 15] = [
            (Self::SegmentEnd, segment_end),
            (Self::Canonical, canonical),
            (Self::MisalignedMode, misaligned_mode),
            (Self::ShaAlignment, sha_alignment),
            (Self::Approximation, |d| is_approximation(d.i) && d.only(&["xmm", "upper"]) && vectors_are_close(d.want, d.got)),
            (Self::Transcendental, |d| is_transcendental(d.i) && transcendentals_are_close(d.want, d.got)),
            (Self::Order, order),
            (Self::MaskedStore, masked_store),
            (Self::PopAll, pop_all),
            (Self::UndefinedEnd, |d| matches!(d.i.mnemonic(), M::Ud0 | M::Ud1) && d.want.faults(&[Fault::InvalidOpcode]) && d.got.faults(&[Fault::Page])),
            (Self::MovsxdWidth, movsxd_width),
            (Self::DotProduct, |d| is_dot_product(d.i) && d.want.faults(&[Fault::Simd]) && d.only(&["mxcsr"])),
            (Self::DoubleShift, double_shift),
            (Self::Pointers, pointers),
            (Self::TornStore, torn_store),
        ];
        conditions.into_iter().find(|(_, holds)| holds(&d)).map(|(k, _)| k)
    }
}

/// Whether a difference is a certain one.
type Condition = fn(&Differing<'_>) -> bool;

/// A case that came out differently.
struct Differing<'a> {
    case: &'a Case,
    i: &'a Instruction,
    want: &'a Outcome,
    got: &'a Outcome,
    all: &'a [Difference],
}

impl Differing<'_> {
    /// Whether only fields differ whose names begin with one of `names`.
    fn only(&self, names: &[&str]) -> bool {
        self.all.iter().all(|d| names.iter().any(|n| d.field.starts_with(n)))
    }
}

impl Outcome {
    fn faults(&self, faults: &[Fault]) -> bool {
        matches!(self.end, End::Exit(Exit::Fault(f)) if faults.contains(&f))
    }

    fn faults_somehow(&self) -> bool {
        matches!(self.end, End::Exit(Exit::Fault(_)))
    }
}

const REFUSED: [Fault; 2] = [Fault::GeneralProtection, Fault::Stack];

fn segment_end(d: &Differing<'_>) -> bool {
    let crosses = || accesses(d.i, &d.want.cpu).into_iter().any(|a| (a.offset & 0xffff_ffff) + a.size > 1 << 32);
    d.case.cpu.mode == Mode::Bits32 && d.want.faults(&REFUSED) && crosses()
}

fn canonical(d: &Differing<'_>) -> bool {
    let is_canonical = |at: u64| (at as i64) << 16 >> 16 == at as i64;
    let odd = || accesses(d.i, &d.case.cpu).into_iter().any(|a| a.base != 0 && !(is_canonical(a.offset) && is_canonical(a.last())));
    d.case.cpu.mode == Mode::Bits64 && d.want.faults(&REFUSED) && odd()
}

fn misaligned_mode(d: &Differing<'_>) -> bool {
    let loads = matches!(d.i.mnemonic(), M::Ldmxcsr | M::Vldmxcsr | M::Fxrstor | M::Fxrstor64);
    loads && d.want.cpu.mxcsr & 1 << 17 != 0 && d.got.faults(&[Fault::GeneralProtection])
}

fn sha_alignment(d: &Differing<'_>) -> bool {
    let odd = || accesses(d.i, &d.case.cpu).into_iter().any(|a| a.linear() % 16 != 0);
    d.i.cpuid_features().contains(&CpuidFeature::SHA) && d.got.faults(&[Fault::GeneralProtection]) && odd()
}

/// Of faults that an instruction may raise, vendors raise different ones.
fn order(d: &Differing<'_>) -> bool {
    let open = match d.i.mnemonic() {
        // Which byte of it isn't there.
        M::Fldenv | M::Frstor | M::Fxrstor | M::Fxrstor64 | M::Fnstenv | M::Fnsave | M::Fxsave | M::Fxsave64 => true,
        M::Cmpsb | M::Cmpsw | M::Cmpsd | M::Cmpsq | M::Call => true,
        M::Pop => d.i.op0_kind() == OpKind::Memory,
        // In CS.
        M::Arpl => return d.i.memory_segment() == Register::CS && d.got.faults(&[Fault::GeneralProtection]),
        _ => false,
    };
    open && d.only(&["end", "cr2", "error code"]) && d.want.faults_somehow() && d.got.faults_somehow()
}

fn masked_store(d: &Differing<'_>) -> bool {
    use M::*;
    let masked = matches!(d.i.mnemonic(), Maskmovq | Maskmovdqu | Vmaskmovdqu | Vmaskmovps | Vmaskmovpd | Vpmaskmovd | Vpmaskmovq);
    if d.want.end == d.got.end && d.want.cpu.rip == d.got.cpu.rip {
        return masked && d.only(&["cr2", "error code", "x87", "top", "used"]);
    }
    masked && (d.want.faults(&[Fault::Page, Fault::GeneralProtection]) || d.got.faults(&[Fault::GeneralProtection]))
}

fn pop_all(d: &Differing<'_>) -> bool {
    let loaded = d.only(&["rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi"]);
    matches!(d.i.mnemonic(), M::Popa | M::Popad) && d.want.faults(&[Fault::Page]) && d.want.end == d.got.end && loaded
}

fn movsxd_width(d: &Differing<'_>) -> bool {
    let from_memory = d.i.code() == Code::Movsxd_r16_rm16 && d.i.op1_kind() == OpKind::Memory;
    // The two bytes that are not read may be what can't be, or begin where no address does.
    let refused = d.got.cpu.rip != d.case.cpu.rip || d.want.end != d.got.end;
    from_memory && d.want.faults(&[Fault::Page, Fault::GeneralProtection]) && d.want.cpu.rip == d.case.cpu.rip && refused
}

fn double_shift(d: &Differing<'_>) -> bool {
    matches!(d.i.mnemonic(), M::Shld | M::Shrd) && d.i.op1_register().size() == 2 && count_and_size(d.i, &d.case.cpu).0 > 16
}

fn torn_store(d: &Differing<'_>) -> bool {
    let crosses = || accesses(d.i, &d.case.cpu).into_iter().any(|a| a.linear() % GuestAddr::PAGE_SIZE + a.size > GuestAddr::PAGE_SIZE);
    cfg!(not(target_arch = "x86_64")) && d.want.faults(&[Fault::Page]) && d.want.end == d.got.end && d.only(&["data"]) && crosses()
}

fn pointers(d: &Differing<'_>) -> bool {
    without_pointers(d.case, d.i, [d.want, d.got]).is_some_and(|[want, got]| differences(&want, &got, bits::STATUS).is_empty())
}

fn is_dot_product(i: &Instruction) -> bool {
    matches!(i.mnemonic(), M::Dpps | M::Dppd | M::Vdpps | M::Vdppd)
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
