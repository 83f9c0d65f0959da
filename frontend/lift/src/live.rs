//! Which status flags can be seen: read, or shown by a fault, before they are set again. With [`Faults::Lost`](crate::Faults::Lost) faults show none.
//!
//! Only what certainly sets a flag kills it: not a shift by CL, which sets none if the count is 0.

use forklift_x86::{CodeFetch, Flow, GuestAddr, Mode, bits, decode_one, flow};
use iced_x86::{EncodingKind, Instruction, Mnemonic, OpKind, Register, RflagsBits};

/// What one instruction does to the status flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Effect {
    /// Flags that it reads, or that can be seen at it because it may fault.
    pub sees: u32,
    /// Flags that it certainly sets.
    pub kills: u32,
}

/// What `i` does. `shown`: faults of accesses to memory show the flags.
pub(crate) fn effect(i: &Instruction, shown: bool) -> Effect {
    let Some(kills) = kills(i).or_else(|| (!shown && is_stack(i)).then_some(0)) else { return Effect { sees: bits::STATUS, kills: 0 } };
    let sees = if shown && touches_memory(i) { bits::STATUS } else { reads(i) };
    Effect { sees, kills }
}

/// The flags live before an instruction, from those live behind it.
pub(crate) fn before(i: &Instruction, behind: u32, shown: bool) -> u32 {
    let e = effect(i, shown);
    behind & !e.kills | e.sees
}

/// Whether `i` has an operand in memory.
pub(crate) fn touches_memory(i: &Instruction) -> bool {
    i.mnemonic() != Mnemonic::Lea && (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Memory)
}

fn reads(i: &Instruction) -> u32 {
    const MAP: [(u32, u32); 6] = [
        (RflagsBits::CF, bits::CF),
        (RflagsBits::PF, bits::PF),
        (RflagsBits::AF, bits::AF),
        (RflagsBits::ZF, bits::ZF),
        (RflagsBits::SF, bits::SF),
        (RflagsBits::OF, bits::OF),
    ];
    let r = i.rflags_read();
    MAP.iter().filter(|(theirs, _)| r & theirs != 0).fold(0, |m, (_, ours)| m | ours)
}

/// The flags that `i` certainly sets; `None` if it may fault or show the flags in another way without touching a memory operand.
///
/// Flags that the manual leaves undefined count as set where the lifter sets them.
fn kills(i: &Instruction) -> Option<u32> {
    use Mnemonic as M;
    Some(match i.mnemonic() {
        M::Add | M::Adc | M::Sub | M::Sbb | M::Cmp | M::Neg | M::And | M::Or | M::Xor | M::Test | M::Xadd | M::Cmpxchg => bits::STATUS,
        M::Imul | M::Mul | M::Popcnt | M::Bsf | M::Bsr | M::Tzcnt | M::Lzcnt | M::Comiss | M::Comisd | M::Ucomiss | M::Ucomisd | M::Ptest => bits::STATUS,
        M::Vcomiss | M::Vcomisd | M::Vucomiss | M::Vucomisd | M::Vptest | M::Vtestps | M::Vtestpd => bits::STATUS,
        M::Pcmpistri | M::Pcmpistrm | M::Pcmpestri | M::Pcmpestri64 | M::Pcmpestrm | M::Pcmpestrm64 => bits::STATUS,
        M::Vpcmpistri | M::Vpcmpistrm | M::Vpcmpestri | M::Vpcmpestri64 | M::Vpcmpestrm | M::Vpcmpestrm64 => bits::STATUS,
        M::Inc | M::Dec => bits::STATUS & !bits::CF,
        M::Shl | M::Shr | M::Sar | M::Shld | M::Shrd => shift_kills(i),
        M::Andn | M::Bextr | M::Blsi | M::Blsmsk | M::Blsr | M::Bzhi => bits::STATUS,
        M::Mulx | M::Pdep | M::Pext | M::Rorx | M::Sarx | M::Shlx | M::Shrx => 0,
        M::Adcx => bits::CF,
        M::Adox => bits::OF,
        M::Clc | M::Stc | M::Cmc | M::Bt | M::Bts | M::Btr | M::Btc => bits::CF,
        M::Sahf => bits::STATUS & !bits::OF,
        M::Rol | M::Ror | M::Rcl | M::Rcr => 0,
        M::Mov | M::Movzx | M::Movsx | M::Movsxd | M::Lea | M::Xchg | M::Not | M::Bswap | M::Movbe | M::Lahf => 0,
        M::Cbw | M::Cwde | M::Cdqe | M::Cwd | M::Cdq | M::Cqo | M::Nop | M::Endbr32 | M::Endbr64 | M::Jmp | M::Vzeroupper | M::Vzeroall => 0,
        _ if i.is_jcc_short_or_near() || i.condition_code() != iced_x86::ConditionCode::None => 0,
        _ if is_plain_sse(i) => 0,
        _ => return None,
    })
}

fn shift_kills(i: &Instruction) -> u32 {
    let n = i.op_count() - 1;
    let mask = if i.op0_register().is_gpr64() || i.memory_size().size() == 8 { 63 } else { 31 };
    let constant = matches!(i.op_kind(n), OpKind::Immediate8);
    if constant && i.immediate8() & mask != 0 { bits::STATUS } else { 0 }
}

/// Moves and arithmetic of MMX, SSE and AVX: no flags, and no faults but of an operand in memory, while all exceptions are masked.
fn is_plain_sse(i: &Instruction) -> bool {
    let is_vector = |r: Register| r.is_xmm() || r.is_ymm() || r.is_mm();
    let plain = |n| matches!(i.op_kind(n), OpKind::Register | OpKind::Memory | OpKind::Immediate8);
    matches!(i.encoding(), EncodingKind::Legacy | EncodingKind::VEX)
        && (is_vector(i.op0_register()) || is_vector(i.op1_register()))
        && (0..i.op_count()).all(plain)
        && i.rflags_modified() == 0
}

/// PUSH and POP but of segments.
fn is_stack(i: &Instruction) -> bool {
    matches!(i.mnemonic(), Mnemonic::Push | Mnemonic::Pop) && !i.op0_register().is_segment_register() || i.mnemonic() == Mnemonic::Leave
}

/// Looks at the code behind exits, and remembers what it looked at.
pub(crate) struct Lookahead {
    /// As for [`effect`].
    shown: bool,
    seen: Vec<(GuestAddr, u32)>,
    ranges: Vec<(GuestAddr, GuestAddr)>,
}

/// How far to look. Unit: guest instructions.
const DEPTH: usize = 6;

impl Lookahead {
    /// One that has seen nothing; `shown` as for [`effect`].
    pub const fn new(shown: bool) -> Self {
        Self { shown, seen: Vec::new(), ranges: Vec::new() }
    }

    /// Whether faults show the flags.
    pub const fn is_shown(&self) -> bool {
        self.shown
    }

    /// The flags that may be seen at `addr` before they are set.
    pub fn live_at(&mut self, code: &mut impl CodeFetch, mode: Mode, addr: GuestAddr) -> u32 {
        if let Some((_, live)) = self.seen.iter().find(|(a, _)| *a == addr) {
            return *live;
        }
        let mut buf = [0; 64];
        let have = code.fetch(addr, &mut buf);
        let (live, len) = scan(&buf[..have], mode, addr, self.shown);
        self.seen.push((addr, live));
        if len != 0 && live != bits::STATUS {
            self.ranges.push((addr, addr.wrapping_add(len as u64)));
        }
        live
    }

    /// The code that the answers depend on.
    pub fn into_ranges(self) -> Vec<(GuestAddr, GuestAddr)> {
        self.ranges
    }
}

fn scan(bytes: &[u8], mode: Mode, addr: GuestAddr, shown: bool) -> (u32, usize) {
    let (mut live, mut open, mut at) = (0, bits::STATUS, 0);
    for _ in 0..DEPTH {
        let Some(i) = decode_one(mode, addr.wrapping_add(at as u64), &bytes[at..]) else { break };
        at += i.len();
        let e = effect(&i, shown);
        live |= open & e.sees;
        open &= !e.kills & !live;
        if open == 0 || flow(&i) != Flow::Next {
            break;
        }
    }
    (live | open, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(bytes: &[u8]) -> u32 {
        scan(bytes, Mode::Bits64, GuestAddr::new(0x1000), true).0
    }

    #[test]
    fn a_compare_kills_and_a_fault_sees() {
        assert_eq!(live(&[0x39, 0xd8]), 0); // cmp eax, ebx
        assert_eq!(live(&[0x89, 0xc8, 0x39, 0xd8]), 0); // mov eax, ecx; cmp
        assert_eq!(live(&[0x8b, 0x01, 0x39, 0xd8]), bits::STATUS); // mov eax, [rcx]; cmp
        assert_eq!(scan(&[0x8b, 0x01, 0x39, 0xd8], Mode::Bits64, GuestAddr::new(0x1000), false).0, 0); // the same, where faults show nothing
        assert_eq!(live(&[0xd3, 0xe0]), bits::STATUS); // shl eax, cl
        assert_eq!(live(&[0xc1, 0xe0, 0x03]), 0); // shl eax, 3
        assert_eq!(live(&[0xff, 0xc0, 0x39, 0xd8]), 0); // inc eax; cmp
        assert_eq!(live(&[0x11, 0xd8]), bits::CF); // adc eax, ebx
        assert_eq!(live(&[0x74, 0x00]), bits::STATUS); // je
    }
}
