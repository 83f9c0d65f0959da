//! Which accesses of a loop are aligned, or not, for as long as it runs: those whose registers change by multiples of 16 only.
//!
//! Legacy SSE instructions fault if 16 bytes in memory aren't aligned. Hosts other than x86-64 have no such accesses: the address is tested before each, or, for accesses like
//! these, once before the loop is entered.

use forklift_x86::Gpr;
use iced_x86::{Code, EncodingKind, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

/// An operand in memory that has to be aligned: `base + (index << shift) + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Operand {
    pub base: Option<Gpr>,
    pub index: Option<Gpr>,
    pub shift: u32,
    /// Modulo 16.
    pub disp: i64,
}

/// The bits of an address that must be zero.
const BITS: u32 = 4;

impl Operand {
    /// That of `i`, if it has one: of 64-bit code, without a segment.
    pub fn of(i: &Instruction) -> Option<Self> {
        let unaligned = matches!(i.mnemonic(), Mnemonic::Movups | Mnemonic::Movupd | Mnemonic::Movdqu | Mnemonic::Lddqu);
        let vector = (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Register && i.op_register(n).is_xmm());
        let plain = |r: Register| r == Register::None || r.is_gpr64();
        let fits = i.encoding() == EncodingKind::Legacy && i.memory_size().size() == 16 && !unaligned && vector;
        let simple = plain(i.memory_base()) && plain(i.memory_index()) && matches!(i.memory_segment(), Register::DS | Register::SS);
        let (base, index) = (Gpr::from_iced(i.memory_base()), Gpr::from_iced(i.memory_index()));
        let has_register = base.or(index).is_some();
        let disp = i.memory_displacement64() as i64 & ((1 << BITS) - 1);
        (fits && simple && has_register).then(|| Self { base, index, shift: i.memory_index_scale().trailing_zeros(), disp })
    }
}

/// The operands among `insns`, those of a loop, that are aligned all the time or never.
pub(crate) fn steady<'i>(insns: impl Iterator<Item = &'i Instruction> + Clone) -> Vec<Operand> {
    let mut found: Vec<Operand> = Vec::new();
    let all = insns.clone().filter_map(Operand::of);
    all.for_each(|o| {
        if !found.contains(&o) {
            found.push(o)
        }
    });
    if !found.is_empty() {
        let keeps = kept(insns);
        let of = |r: Option<Gpr>, shift: u32| r.is_none_or(|r| keeps[r.index()] + shift >= BITS);
        found.retain(|o| of(o.base, 0) && of(o.index, o.shift));
    }
    found
}

/// How many low bits of each register none of `insns` changes, as far as matters.
fn kept<'i>(insns: impl Iterator<Item = &'i Instruction>) -> [u32; 16] {
    let mut info = InstructionInfoFactory::new();
    let mut keeps = [BITS; 16];
    for i in insns {
        for r in info.info(i).used_registers() {
            let written = !matches!(r.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess);
            if written && let Some(g) = Gpr::from_iced(r.register()) {
                let of = &mut keeps[g.index()];
                *of = (*of).min(step(i, g).map_or(0, i64::trailing_zeros));
            }
        }
    }
    keeps
}

/// What `i` adds to all of `r`, if that is a constant.
fn step(i: &Instruction, r: Gpr) -> Option<i64> {
    if i.op0_kind() != OpKind::Register || !i.op0_register().is_gpr64() || Gpr::from_iced(i.op0_register()) != Some(r) {
        return None;
    }
    match i.code() {
        Code::Add_rm64_imm8 | Code::Add_rm64_imm32 | Code::Add_RAX_imm32 | Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 | Code::Sub_RAX_imm32 => {
            Some(i.immediate(1) as i64)
        }
        Code::Lea_r64_m if i.memory_base() == i.op0_register() && i.memory_index() == Register::None => Some(i.memory_displacement64() as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forklift_x86::{GuestAddr, Mode, decode_one};

    fn decoded(all: &[&[u8]]) -> Vec<Instruction> {
        all.iter().map(|bytes| decode_one(Mode::Bits64, GuestAddr::new(0x1000), bytes).unwrap()).collect()
    }

    #[test]
    fn registers_that_move_by_whole_vectors() {
        let load: &[u8] = &[0x66, 0x0f, 0x58, 0x04, 0x02]; // addpd xmm0, [rdx+rax]
        let store: &[u8] = &[0x0f, 0x29, 0x44, 0xca, 0x08]; // movaps [rdx+rcx*8+8], xmm0
        let by_16: &[u8] = &[0x48, 0x83, 0xc0, 0x10]; // add rax, 16
        let by_8: &[u8] = &[0x48, 0x83, 0xc0, 0x08]; // add rax, 8
        let two: &[u8] = &[0x48, 0x83, 0xe9, 0x02]; // sub rcx, 2
        let one: &[u8] = &[0x48, 0xff, 0xc1]; // inc rcx
        let half: &[u8] = &[0x83, 0xc0, 0x10]; // add eax, 16
        let count = |insns: &[&[u8]]| steady(decoded(insns).iter()).len();
        assert_eq!(count(&[load, by_16]), 1);
        assert_eq!(count(&[load, by_8]), 0);
        assert_eq!(count(&[load, half]), 0);
        assert_eq!(count(&[load, load, store, by_16, two]), 2);
        assert_eq!(count(&[load, store, by_16, one]), 1);
        assert_eq!(count(&[&[0x0f, 0x10, 0x02], by_16]), 0); // movups xmm0, [rdx]
    }
}
