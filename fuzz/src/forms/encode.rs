//! Bytes of a form: prefixes, opcode and what follows by chance, until the decoder gives that form.

use forklift_x86::{GuestAddr, Mode, decode_one};
use iced_x86::{Code, EncodingKind, FlowControl, Instruction, MandatoryPrefix, Mnemonic as M, OpCodeInfo, OpCodeTableKind, Register};

use crate::generate::Rng;
use crate::machine::CODE;

/// How often bytes are drawn before the form counts as one that can't be found.
const TRIES: usize = 2000;

/// An instruction of the form at `CODE` and its bytes, which [`is_comparable`] accepts; `None` if none was found.
pub fn find(c: Code, mode: Mode, rng: &mut Rng) -> Option<(Instruction, Vec<u8>)> {
    (0..TRIES).find_map(|_| draw(c, mode, rng).filter(|(i, b)| is_comparable(mode, i, b)))
}

/// An instruction of the form at `CODE` and its bytes, comparable or not.
pub fn any(c: Code, mode: Mode, rng: &mut Rng) -> Option<Instruction> {
    (0..TRIES).find_map(|_| draw(c, mode, rng)).map(|(i, _)| i)
}

fn draw(c: Code, mode: Mode, rng: &mut Rng) -> Option<(Instruction, Vec<u8>)> {
    let mut b = bytes(c.op_code(), mode, rng);
    let i = decode_one(mode, GuestAddr::new(CODE), &b).filter(|i| i.code() == c)?;
    b.truncate(i.len());
    Some((i, b))
}

/// Whether all CPUs do the same with it. (W is not set where the manual has it ignored in 32-bit mode only: #UD on AMD's CPUs.)
pub fn is_comparable(mode: Mode, i: &Instruction, bytes: &[u8]) -> bool {
    // Vendors differ on near branches with an operand size prefix in 64-bit mode.
    let branch = mode == Mode::Bits64 && i.flow_control() != FlowControl::Next && bytes.contains(&0x66);
    // BSWAP of 16 bits is undefined.
    let odd = i.mnemonic() == M::Bswap && i.op0_register().size() == 2;
    // REP means something to LOOPcc on AMD's CPUs.
    let loops = matches!(i.mnemonic(), M::Loope | M::Loopne) && bytes.iter().any(|b| matches!(b, 0xf2 | 0xf3));
    !branch && !odd && !loops
}

fn bytes(o: &OpCodeInfo, mode: Mode, rng: &mut Rng) -> Vec<u8> {
    let long = mode == Mode::Bits64;
    let mut b = Vec::with_capacity(24);
    if matches!((o.address_size(), long), (16, false) | (32, true)) || o.address_size() == 0 && rng.chance(8) {
        b.push(0x67);
    }
    if rng.chance(6) {
        b.push(*rng.pick(&[0x26, 0x2e, 0x36, 0x3e, 0x64, 0x64, 0x65, 0x65]));
    }
    match o.encoding() {
        EncodingKind::VEX => vex(o, long, rng, &mut b),
        _ => legacy(o, long, rng, &mut b),
    }
    let op = o.op_code();
    if o.encoding() == EncodingKind::D3NOW {
        b.push(0x0f);
    } else if o.op_code_len() == 2 {
        b.extend([(op >> 8) as u8, op as u8]);
    } else {
        // The register of some forms lies in the opcode's low bits.
        b.push((op as u8).wrapping_add(if has_register_in_opcode(o) { rng.below(8) as u8 } else { 0 }));
    }
    b.extend(tail(o, rng));
    b
}

fn has_register_in_opcode(o: &OpCodeInfo) -> bool {
    use iced_x86::OpCodeOperandKind as K;
    o.op_kinds().iter().any(|k| matches!(k, K::r8_opcode | K::r16_opcode | K::r32_opcode | K::r64_opcode | K::sti_opcode))
}

/// Prefixes and the opcode's map.
fn legacy(o: &OpCodeInfo, long: bool, rng: &mut Rng, b: &mut Vec<u8>) {
    if o.operand_size() == 16 {
        b.push(0x66);
    }
    match o.mandatory_prefix() {
        MandatoryPrefix::P66 => b.push(0x66),
        MandatoryPrefix::PF3 => b.push(0xf3),
        MandatoryPrefix::PF2 => b.push(0xf2),
        _ if o.can_use_lock_prefix() && rng.chance(3) => b.push(0xf0),
        _ if (o.can_use_rep_prefix() || o.can_use_repne_prefix()) && rng.chance(2) => b.push(*rng.pick(&[0xf2, 0xf3])),
        _ if rng.chance(10) => b.push(*rng.pick(&[0x66, 0xf2, 0xf3, 0xf0])),
        _ => {}
    }
    if long {
        let wide = o.operand_size() == 64 && !o.default_op_size64() && !o.force_op_size64() || o.w() == 1;
        if wide || rng.chance(2) {
            b.push(0x40 | if wide { 8 } else { 0 } | if rng.chance(2) { 0 } else { rng.below(16) as u8 });
        }
    }
    match (o.encoding(), o.table()) {
        (EncodingKind::D3NOW, _) => b.push(0x0f),
        (_, OpCodeTableKind::T0F) => b.push(0x0f),
        (_, OpCodeTableKind::T0F38) => b.extend([0x0f, 0x38]),
        (_, OpCodeTableKind::T0F3A) => b.extend([0x0f, 0x3a]),
        _ => {}
    }
}

/// The VEX prefix, of two bytes where that will do.
fn vex(o: &OpCodeInfo, long: bool, rng: &mut Rng, b: &mut Vec<u8>) {
    let map = match o.table() {
        OpCodeTableKind::T0F38 => 2,
        OpCodeTableKind::T0F3A => 3,
        _ => 1,
    };
    let pp = match o.mandatory_prefix() {
        MandatoryPrefix::P66 => 1,
        MandatoryPrefix::PF3 => 2,
        MandatoryPrefix::PF2 => 3,
        _ => 0,
    };
    let free = |rng: &mut Rng, ignored: bool, v: u32| if ignored { rng.below(2) as u8 } else { v as u8 };
    let (w, l) = (free(rng, o.is_wig(), o.w()), free(rng, o.is_lig(), o.l()));
    // Inverted; bits of R and X that are 0 would make another instruction of it in 32-bit mode.
    let vvvv = if rng.chance(3) { 15 } else { rng.below(16) as u8 | if long { 0 } else { 8 } };
    let low = vvvv << 3 | l << 2 | pp;
    let rxb = if long { rng.below(8) as u8 | if rng.chance(2) { 7 } else { 0 } } else { 7 };
    if map == 1 && w == 0 && rxb & 3 == 3 && rng.chance(2) {
        b.extend([0xc5, (rxb & 4) << 5 | low]);
    } else {
        b.extend([0xc4, rxb << 5 | map, w << 7 | low]);
    }
}

/// ModRM, SIB, displacement and immediates, as far as the form has them.
fn tail(o: &OpCodeInfo, rng: &mut Rng) -> Vec<u8> {
    let small = rng.chance(2);
    let mut edge = || match rng.below(6) {
        0 => *rng.pick(&[0u8, 1, 0x7f, 0x80, 0xff, 0xfe]),
        1 => 0,
        _ if small => rng.below(8) as u8,
        _ => rng.next() as u8,
    };
    let mut t: Vec<u8> = (0..14).map(|_| edge()).collect();
    t[0] = rng.next() as u8;
    if rng.chance(3) {
        t[0] |= 0xc0;
    }
    if o.group_index() >= 0 {
        t[0] = t[0] & 0xc7 | (o.group_index() as u8) << 3;
    }
    if o.rm_group_index() >= 0 {
        t[0] = t[0] & 0xf8 | 0xc0 | o.rm_group_index() as u8;
    }
    if o.encoding() == EncodingKind::D3NOW {
        // The opcode comes last: a register operand, or one without displacement.
        t[0] = if t[0] & 0xc0 == 0xc0 { t[0] } else { t[0] & 0x38 | *rng.pick(&[0, 1, 3, 6, 7]) };
        t[1] = o.op_code() as u8;
    }
    t
}

/// Whether the instruction reads or writes memory at an address that it names.
pub fn has_memory(i: &Instruction) -> bool {
    i.memory_base() != Register::None || i.memory_index() != Register::None || i.memory_displ_size() != 0
}
