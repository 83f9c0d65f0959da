//! Encoding of common instructions. iced-x86 has an encoder for all, which builds tables of 300 KB when it is used first: a
//! short program does without.

use forklift_x86::MAX_INSN_LEN;
use iced_x86::{Code as Op, Instruction, OpKind, Register};

/// How an instruction is encoded. SDM vol. 2A, 2.1.
#[derive(Clone, Copy)]
struct Shape {
    /// A prefix that belongs to the opcode; 0 if none does.
    prefix: u8,
    /// Its opcode is behind 0F.
    escaped: bool,
    opcode: u8,
    /// Size of its operands, as prefixes tell. Unit: bytes.
    size: u8,
    /// Operand in ModRM's r/m.
    rm: u32,
    reg: Reg,
    /// Size of its immediate operand. Unit: bytes.
    immediate: u8,
}

/// What is in the reg field of ModRM.
#[derive(Clone, Copy)]
enum Reg {
    Operand(u32),
    Digit(u8),
}

/// Sizes of operands in the order of iced's codes.
const SIZES: [u8; 4] = [1, 2, 4, 8];

/// Which of `count` codes from `first` on it is.
fn nth(code: Op, first: Op, count: u32) -> Option<u32> {
    (code as u32).checked_sub(first as u32).filter(|&n| n < count)
}

/// Operations of two operands in all sizes: the first code and the opcode, of the form with r/m first.
const PAIRS: [(Op, bool, u8); 13] = [
    (Op::Add_rm8_r8, false, 0x00),
    (Op::Or_rm8_r8, false, 0x08),
    (Op::Adc_rm8_r8, false, 0x10),
    (Op::Sbb_rm8_r8, false, 0x18),
    (Op::And_rm8_r8, false, 0x20),
    (Op::Sub_rm8_r8, false, 0x28),
    (Op::Xor_rm8_r8, false, 0x30),
    (Op::Cmp_rm8_r8, false, 0x38),
    (Op::Test_rm8_r8, false, 0x84),
    (Op::Xchg_rm8_r8, false, 0x86),
    (Op::Mov_rm8_r8, false, 0x88),
    (Op::Cmpxchg_rm8_r8, true, 0xb0),
    (Op::Xadd_rm8_r8, true, 0xc0),
];

/// The same with the register first.
const REVERSED: [(Op, u8); 9] = [
    (Op::Add_r8_rm8, 0x02),
    (Op::Or_r8_rm8, 0x0a),
    (Op::Adc_r8_rm8, 0x12),
    (Op::Sbb_r8_rm8, 0x1a),
    (Op::And_r8_rm8, 0x22),
    (Op::Sub_r8_rm8, 0x2a),
    (Op::Xor_r8_rm8, 0x32),
    (Op::Cmp_r8_rm8, 0x3a),
    (Op::Mov_r8_rm8, 0x8a),
];

/// A register from r/m, in sizes 2, 4 and 8: the first code, whether the opcode is behind 0F, the opcode.
const LOADS: [(Op, bool, u8); 7] = [
    (Op::Lea_r16_m, false, 0x8d),
    (Op::Imul_r16_rm16, true, 0xaf),
    (Op::Movzx_r16_rm8, true, 0xb6),
    (Op::Movzx_r16_rm16, true, 0xb7),
    (Op::Movsx_r16_rm8, true, 0xbe),
    (Op::Movsx_r16_rm16, true, 0xbf),
    (Op::Imul_r16_rm16_imm8, false, 0x6b),
];

/// Groups of operations told by a digit, with their sizes: the first code, how many there are, the first digit, the opcode, the size of the immediate operand (4: of
/// that of the operands, but no more).
const GROUPS: [(Op, u32, u8, u8, u8); 8] = [
    (Op::Add_rm16_imm16, 8, 0, 0x81, 4),
    (Op::Add_rm16_imm8, 8, 0, 0x83, 1),
    (Op::Rol_rm16_imm8, 8, 0, 0xc1, 1),
    (Op::Rol_rm16_1, 8, 0, 0xd1, 0),
    (Op::Rol_rm16_CL, 8, 0, 0xd3, 0),
    (Op::Not_rm16, 6, 2, 0xf7, 0),
    (Op::Inc_rm16, 2, 0, 0xff, 0),
    (Op::Mov_rm16_imm16, 1, 0, 0xc7, 4),
];

/// The same of 8 bits.
const BYTES: [(Op, u32, u8, u8, u8); 8] = [
    (Op::Add_rm8_imm8, 8, 0, 0x80, 1),
    (Op::Rol_rm8_imm8, 8, 0, 0xc0, 1),
    (Op::Rol_rm8_1, 8, 0, 0xd0, 0),
    (Op::Rol_rm8_CL, 8, 0, 0xd2, 0),
    (Op::Test_rm8_imm8, 1, 0, 0xf6, 1),
    (Op::Not_rm8, 6, 2, 0xf6, 0),
    (Op::Inc_rm8, 2, 0, 0xfe, 0),
    (Op::Mov_rm8_imm8, 1, 0, 0xc6, 1),
];

/// Moves to XMM registers and the like, with prefix and opcode.
const VECTORS: [(Op, u8, u8); 12] = [
    (Op::Movups_xmm_xmmm128, 0, 0x10),
    (Op::Movupd_xmm_xmmm128, 0x66, 0x10),
    (Op::Movss_xmm_xmmm32, 0xf3, 0x10),
    (Op::Movsd_xmm_xmmm64, 0xf2, 0x10),
    (Op::Movlps_xmm_m64, 0, 0x12),
    (Op::Movhps_xmm_m64, 0, 0x16),
    (Op::Movaps_xmm_xmmm128, 0, 0x28),
    (Op::Movapd_xmm_xmmm128, 0x66, 0x28),
    (Op::Movdqa_xmm_xmmm128, 0x66, 0x6f),
    (Op::Movdqu_xmm_xmmm128, 0xf3, 0x6f),
    (Op::Movq_xmm_xmmm64, 0xf3, 0x7e),
    (Op::Pxor_xmm_xmmm128, 0x66, 0xef),
];

/// The same moves from registers.
const FROM_VECTORS: [(Op, u8, u8); 11] = [
    (Op::Movups_xmmm128_xmm, 0, 0x11),
    (Op::Movupd_xmmm128_xmm, 0x66, 0x11),
    (Op::Movss_xmmm32_xmm, 0xf3, 0x11),
    (Op::Movsd_xmmm64_xmm, 0xf2, 0x11),
    (Op::Movlps_m64_xmm, 0, 0x13),
    (Op::Movhps_m64_xmm, 0, 0x17),
    (Op::Movaps_xmmm128_xmm, 0, 0x29),
    (Op::Movapd_xmmm128_xmm, 0x66, 0x29),
    (Op::Movdqa_xmmm128_xmm, 0x66, 0x7f),
    (Op::Movdqu_xmmm128_xmm, 0xf3, 0x7f),
    (Op::Movq_xmmm64_xmm, 0x66, 0xd6),
];

fn shape(code: Op) -> Option<Shape> {
    let opcode_of = |opcode: u8, size: u8| opcode | u8::from(size > 1);
    let pair = |first, escaped, opcode, rm| {
        let size = SIZES[nth(code, first, 4)? as usize];
        Some(Shape { prefix: 0, escaped, opcode: opcode_of(opcode, size), size, rm, reg: Reg::Operand(1 - rm), immediate: 0 })
    };
    let load = |first, escaped, opcode| {
        let size = SIZES[1 + nth(code, first, 3)? as usize];
        let immediate = u8::from(opcode == 0x6b);
        Some(Shape { prefix: 0, escaped, opcode, size, rm: 1, reg: Reg::Operand(0), immediate })
    };
    let group = |(first, count, digit, opcode, immediate): (Op, u32, u8, u8, u8)| {
        let n = nth(code, first, 3 * count)?;
        let size = SIZES[1 + n as usize % 3];
        Some(Shape { prefix: 0, escaped: false, opcode, size, rm: 0, reg: Reg::Digit(digit + n as u8 / 3), immediate: immediate.min(size) })
    };
    let byte = |(first, count, digit, opcode, immediate): (Op, u32, u8, u8, u8)| {
        let n = nth(code, first, count)?;
        Some(Shape { prefix: 0, escaped: false, opcode, size: 1, rm: 0, reg: Reg::Digit(digit + n as u8), immediate })
    };
    let single = |escaped, opcode, size, rm, reg, immediate| Some(Shape { prefix: 0, escaped, opcode, size, rm, reg, immediate });
    match code {
        // These are 64 bits wide by themselves.
        Op::Push_rm64 => return single(false, 0xff, 4, 0, Reg::Digit(6), 0),
        Op::Pop_rm64 => return single(false, 0x8f, 4, 0, Reg::Digit(0), 0),
        Op::Movsxd_r64_rm32 => return single(false, 0x63, 8, 1, Reg::Operand(0), 0),
        Op::Test_rm16_imm16 => return single(false, 0xf7, 2, 0, Reg::Digit(0), 2),
        Op::Test_rm32_imm32 => return single(false, 0xf7, 4, 0, Reg::Digit(0), 4),
        Op::Test_rm64_imm32 => return single(false, 0xf7, 8, 0, Reg::Digit(0), 4),
        _ => {}
    }
    if let Some(n) = nth(code, Op::Cmovo_r16_rm16, 48) {
        return single(true, 0x40 + n as u8 / 3, SIZES[1 + n as usize % 3], 1, Reg::Operand(0), 0);
    }
    if let Some(n) = nth(code, Op::Seto_rm8, 16) {
        return single(true, 0x90 + n as u8, 1, 0, Reg::Digit(0), 0);
    }
    let vector = |table: &[(Op, u8, u8)], rm| {
        let &(_, prefix, opcode) = table.iter().find(|v| v.0 == code)?;
        Some(Shape { prefix, escaped: true, opcode, size: 4, rm, reg: Reg::Operand(1 - rm), immediate: 0 })
    };
    let vectors = || vector(&VECTORS, 1).or_else(|| vector(&FROM_VECTORS, 0));
    let pairs = PAIRS.iter().find_map(|&(first, escaped, opcode)| pair(first, escaped, opcode, 0));
    let reversed = || REVERSED.iter().find_map(|&(first, opcode)| pair(first, false, opcode, 1));
    let loads = || LOADS.iter().find_map(|&(first, escaped, opcode)| load(first, escaped, opcode));
    let groups = || GROUPS.iter().find_map(|&g| group(g)).or_else(|| BYTES.iter().find_map(|&g| byte(g)));
    pairs.or_else(reversed).or_else(loads).or_else(groups).or_else(vectors)
}

/// Bytes of an instruction.
pub(super) struct Encoded {
    bytes: [u8; MAX_INSN_LEN],
    len: usize,
}

impl Encoded {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.len..self.len + bytes.len())?.copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The fields of a memory operand.
struct Memory {
    /// Number of the base, of the index, and log2 of its scale.
    base: Option<u8>,
    index: Option<u8>,
    scale: u8,
    displacement: i32,
    /// Addresses are 32 bits wide.
    narrow: bool,
    relative: bool,
}

fn memory(i: &Instruction) -> Option<Memory> {
    let (base, index) = (i.memory_base(), i.memory_index());
    let displacement = i.memory_displacement64();
    let fits = |r: Register| r == Register::None || r.is_gpr64() || r.is_gpr32();
    let relative = base == Register::RIP;
    if !(fits(index) && (relative || fits(base)) && i.memory_index_scale().is_power_of_two()) {
        return None;
    }
    let mut narrow = base.is_gpr32() || index.is_gpr32();
    let signed = if narrow { Some(displacement as i32) } else { i32::try_from(displacement as i64).ok() };
    if signed.is_none() && base == Register::None && index == Register::None {
        narrow = u32::try_from(displacement).is_ok();
    }
    let displacement = if relative { 0 } else { signed.or(narrow.then_some(displacement as i32))? };
    let number = |r: Register| (r != Register::None && !relative).then(|| r.number() as u8);
    Some(Memory { base: number(base), index: number(index), scale: i.memory_index_scale().trailing_zeros() as u8, displacement, narrow, relative })
}

impl Memory {
    /// ModRM and what belongs to it.
    fn put(&self, to: &mut Encoded, reg: u8) -> Option<()> {
        let reg = (reg & 7) << 3;
        let displacement = self.displacement.to_le_bytes();
        if self.relative {
            to.put(&[5 | reg])?;
            return to.put(&displacement);
        }
        let index = self.index.map_or(4, |x| x & 7);
        let Some(base) = self.base else {
            to.put(&[4 | reg, self.scale << 6 | index << 3 | 5])?;
            return to.put(&displacement);
        };
        let short = i8::try_from(self.displacement).is_ok();
        let mode = match self.displacement {
            0 if base & 7 != 5 => 0,
            _ if short => 0x40,
            _ => 0x80,
        };
        if self.index.is_some() || base & 7 == 4 {
            to.put(&[mode | reg | 4, self.scale << 6 | index << 3 | base & 7])?;
        } else {
            to.put(&[mode | reg | base & 7])?;
        }
        match mode {
            0 => Some(()),
            0x40 => to.put(&displacement[..1]),
            _ => to.put(&displacement),
        }
    }
}

/// Whether `r` is the second byte of a register, and whether it is a byte that only REX makes it.
fn byte_register(r: Register) -> (bool, bool) {
    let n = r as u32;
    let between = |from: Register, to: Register| (from as u32..=to as u32).contains(&n);
    (between(Register::AH, Register::BH), between(Register::SPL, Register::DIL))
}

/// MOV of a constant to a register.
fn constant(i: &Instruction) -> Encoded {
    let (r, wide) = (i.op0_register().number() as u8, i.code() == Op::Mov_r64_imm64);
    let rex = u8::from(wide) << 3 | r >> 3;
    let mut to = Encoded { bytes: [0; MAX_INSN_LEN], len: 0 };
    let start = [0x40 | rex, 0xb8 | r & 7];
    // Eleven bytes at most.
    let _ = to.put(&start[usize::from(rex == 0)..]);
    let _ = to.put(&i.immediate(1).to_le_bytes()[..if wide { 8 } else { 4 }]);
    to
}

/// Encodes `i` as 64-bit code at `address`, unless it is none of the common ones.
pub(super) fn encode(i: &Instruction, address: u64) -> Option<Encoded> {
    if let Op::Mov_r32_imm32 | Op::Mov_r64_imm64 = i.code() {
        return Some(constant(i));
    }
    let shape = shape(i.code())?;
    if i.has_rep_prefix() || i.has_repne_prefix() || i.has_xacquire_prefix() || i.has_xrelease_prefix() {
        return None;
    }
    let mut to = Encoded { bytes: [0; MAX_INSN_LEN], len: 0 };
    let (mut high, mut needs_rex) = (false, false);
    let mut number = |r: Register| {
        let (second, by_rex) = byte_register(r);
        high |= second;
        needs_rex |= by_rex;
        // SPL, which is 4 by REX, comes behind BH.
        let n = r.number() as u8;
        if r.is_gpr8() && n >= 8 { n - 4 } else { n }
    };
    let reg = match shape.reg {
        Reg::Operand(k) => number(i.op_register(k)),
        Reg::Digit(digit) => digit,
    };
    let operand = if i.op_kind(shape.rm) == OpKind::Memory { Err(memory(i)?) } else { Ok(number(i.op_register(shape.rm))) };
    if i.has_lock_prefix() {
        to.put(&[0xf0])?;
    }
    if let Err(m) = &operand {
        match i.segment_prefix() {
            Register::FS => to.put(&[0x64])?,
            Register::GS => to.put(&[0x65])?,
            _ => {}
        }
        if m.narrow {
            to.put(&[0x67])?;
        }
    }
    if shape.size == 2 {
        to.put(&[0x66])?;
    }
    if shape.prefix != 0 {
        to.put(&[shape.prefix])?;
    }
    let (base, index) = match &operand {
        Ok(r) => (*r, 0),
        Err(m) => (m.base.unwrap_or(0), m.index.unwrap_or(0)),
    };
    let rex = u8::from(shape.size == 8) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    if rex != 0 || needs_rex {
        to.put(&[0x40 | rex])?;
    }
    if high && (rex != 0 || needs_rex) {
        return None;
    }
    if shape.escaped {
        to.put(&[0x0f])?;
    }
    to.put(&[shape.opcode])?;
    match &operand {
        Ok(r) => to.put(&[0xc0 | (reg & 7) << 3 | r & 7])?,
        Err(m) => m.put(&mut to, reg)?,
    }
    let field = to.len;
    if shape.immediate != 0 {
        let last = i.op_count() - 1;
        to.put(&i.immediate(last).to_le_bytes()[..usize::from(shape.immediate)])?;
    }
    if operand.is_err_and(|m| m.relative) {
        let displacement = i.ip_rel_memory_address().wrapping_sub(address.wrapping_add(to.len as u64)) as i64;
        to.bytes[field - 4..field].copy_from_slice(&i32::try_from(displacement).ok()?.to_le_bytes());
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};

    fn decode(bytes: &[u8], ip: u64) -> Instruction {
        Decoder::with_ip(64, bytes, ip, DecoderOptions::NONE).decode()
    }

    /// Whatever is encoded here is decoded as what it was: opcodes with random prefixes and operands.
    #[test]
    fn does_as_the_decoder_says() {
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as u32
        };
        let (mut seen, from, to) = (std::collections::BTreeSet::new(), 0x40_0000_1000, 0x40_0000_5678);
        for _ in 0..2_000_000 {
            let mut bytes = Vec::new();
            for prefix in [0x66, 0x67, 0x64, 0x65, 0xf2, 0xf3] {
                if random() % 6 == 0 {
                    bytes.push(prefix);
                }
            }
            if random() % 2 == 0 {
                bytes.push(0x40 | random() as u8 & 15);
            }
            if random() % 3 == 0 {
                bytes.push(0x0f);
            }
            for n in 0..14 {
                bytes.push(if n > 3 && random() % 3 == 0 { 0 } else { random() as u8 });
            }
            let i = decode(&bytes, from);
            if i.is_invalid() || i.is_ip_rel_memory_operand() && i.memory_base() == Register::EIP {
                continue;
            }
            let Some(encoded) = encode(&i, to) else { continue };
            let j = decode(encoded.bytes(), to);
            assert_eq!((i.code(), i.to_string(), encoded.len), (j.code(), j.to_string(), j.len()), "{:02x?} as {:02x?}", &bytes[..i.len()], encoded.bytes());
            seen.insert(i.code() as u32);
        }
        let shapes: Vec<_> = Op::values().filter(|&c| shape(c).is_some()).collect();
        let missing: Vec<_> = shapes.iter().filter(|&&c| !seen.contains(&(c as u32))).collect();
        assert!(missing.is_empty(), "{missing:?} of {} never came", shapes.len());
    }
}
