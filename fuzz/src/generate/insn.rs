//! One random instruction of a given encoding.

use forklift_x86::{Gpr, Mode};
use iced_x86::{Code, Instruction, MemoryOperand, Mnemonic, OpCodeOperandKind as K, OpKind, Register};

use super::Rng;
use super::number::integer;

/// The register that holds a small number, for use as an index.
pub(super) fn index(mode: Mode) -> Gpr {
    if mode == Mode::Bits64 { Gpr::R15 } else { Gpr::Rbx }
}

/// Whether every operand is of a kind that we can make. Branches are not.
pub(super) fn is_supported(c: Code) -> bool {
    let info = c.op_code();
    let operands = (0..info.op_count()).all(|n| size_of_operand(info.op_kind(n)).is_some());
    // Of 16 bits: double shifts by more than that are undefined, and vendors differ on branches in 64-bit mode.
    let narrow = matches!(c.mnemonic(), Mnemonic::Shld | Mnemonic::Shrd | Mnemonic::Call | Mnemonic::Ret | Mnemonic::Jmp) && info.operand_size() == 16;
    // What a far branch with REX.W reads differs between vendors.
    let far = matches!(c, Code::Jmp_m1664 | Code::Call_m1664);
    // Exception flags that translated code need not keep would lie in memory.
    let flags = matches!(c.mnemonic(), Mnemonic::Stmxcsr | Mnemonic::Vstmxcsr);
    operands && !narrow && !far && !flags && !matches!(c.mnemonic(), Mnemonic::Enter | Mnemonic::Leave | Mnemonic::Pop) && info.is_instruction()
}

/// Width of a register or immediate operand in bytes; 0 for what needs none.
fn size_of_operand(k: K) -> Option<usize> {
    Some(match k {
        K::r8_or_mem | K::r8_reg | K::r8_opcode | K::al | K::cl | K::imm8 => 1,
        K::r16_or_mem | K::r16_reg | K::r16_rm | K::r16_opcode | K::ax | K::dx | K::imm16 | K::imm8sex16 => 2,
        K::r32_or_mem | K::r32_reg | K::r32_rm | K::r32_vvvv | K::r32_opcode | K::eax | K::imm32 | K::imm8sex32 => 4,
        K::r64_or_mem | K::r64_reg | K::r64_rm | K::r64_vvvv | K::r64_opcode | K::rax | K::imm64 | K::imm32sex64 | K::imm8sex64 => 8,
        K::xmm_or_mem | K::xmm_reg | K::xmm_rm | K::xmm_vvvv | K::xmm_is4 => 16,
        K::ymm_or_mem | K::ymm_reg | K::ymm_rm | K::ymm_vvvv | K::ymm_is4 => 32,
        K::mm_or_mem | K::mm_reg | K::mm_rm => 8,
        K::mem | K::imm8_const_1 | K::es_rDI | K::seg_rSI => 0,
        _ => return None,
    })
}

/// A random instruction of this encoding; `None` if the choice was bad.
pub(super) fn make(mode: Mode, c: Code, rng: &mut Rng) -> Option<Instruction> {
    let info = c.op_code();
    let mut i = Instruction::default();
    i.set_code(c);
    let mut memory = None;
    // With a register for the bit's number, the operand may lie anywhere.
    let string_of_bits = matches!(c.mnemonic(), Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc) && !matches!(info.op_kind(1), K::imm8);
    // How much of it is read differs between vendors.
    let odd_width = c == Code::Movsxd_r16_rm16;
    for n in 0..info.op_count() {
        let k = info.op_kind(n);
        let is_memory = k == K::mem
            || matches!(k, K::r8_or_mem | K::r16_or_mem | K::r32_or_mem | K::r64_or_mem | K::xmm_or_mem | K::ymm_or_mem | K::mm_or_mem)
                && rng.chance(2)
                && !string_of_bits
                && !odd_width;
        if is_memory {
            i.set_op_kind(n, OpKind::Memory);
            memory = Some(n);
            continue;
        }
        operand(mode, &mut i, n, k, rng)?;
    }
    if memory.is_some() {
        set_memory(mode, &mut i, rng);
        if info.can_use_lock_prefix() && i.op0_kind() == OpKind::Memory && rng.chance(3) {
            i.set_has_lock_prefix(true);
        }
    }
    Some(i)
}

fn operand(mode: Mode, i: &mut Instruction, n: u32, k: K, rng: &mut Rng) -> Option<()> {
    let fixed = match k {
        K::al => Some(Register::AL),
        K::cl => Some(Register::CL),
        K::ax => Some(Register::AX),
        K::dx => Some(Register::DX),
        K::eax => Some(Register::EAX),
        K::rax => Some(Register::RAX),
        K::mm_or_mem | K::mm_reg | K::mm_rm => Some(Register::MM0 + rng.below(8) as u32 / 2),
        _ => None,
    };
    if let Some(r) = fixed {
        i.set_op_kind(n, OpKind::Register);
        i.set_op_register(n, r);
        return Some(());
    }
    let long = mode == Mode::Bits64;
    let kind = match k {
        K::es_rDI => {
            if long {
                OpKind::MemoryESRDI
            } else {
                OpKind::MemoryESEDI
            }
        }
        K::seg_rSI => {
            if long {
                OpKind::MemorySegRSI
            } else {
                OpKind::MemorySegESI
            }
        }
        K::imm8 => OpKind::Immediate8,
        K::imm16 => OpKind::Immediate16,
        K::imm32 => OpKind::Immediate32,
        K::imm64 => OpKind::Immediate64,
        K::imm8sex16 => OpKind::Immediate8to16,
        K::imm8sex32 => OpKind::Immediate8to32,
        K::imm8sex64 => OpKind::Immediate8to64,
        K::imm32sex64 => OpKind::Immediate32to64,
        K::imm8_const_1 => OpKind::Immediate8,
        _ => OpKind::Register,
    };
    i.set_op_kind(n, kind);
    if matches!(k, K::es_rDI | K::seg_rSI) {
        i.set_has_rep_prefix(i.has_rep_prefix() || rng.chance(3));
        return Some(());
    }
    if kind == OpKind::Register {
        i.set_op_register(n, register(mode, size_of_operand(k)?, rng));
    } else {
        set_immediate(i, n, kind, k, rng);
    }
    Some(())
}

fn set_immediate(i: &mut Instruction, n: u32, kind: OpKind, k: K, rng: &mut Rng) {
    let v = if k == K::imm8_const_1 { 1 } else { integer(rng) };
    match kind {
        OpKind::Immediate8 => i.set_immediate_u64(n, v & 0xff),
        OpKind::Immediate16 => i.set_immediate_u64(n, v & 0xffff),
        OpKind::Immediate32 => i.set_immediate_u64(n, v & 0xffff_ffff),
        OpKind::Immediate64 => i.set_immediate_u64(n, v),
        OpKind::Immediate32to64 => i.set_immediate_i64(n, i64::from(v as i32)),
        _ => i.set_immediate_i64(n, i64::from(v as i8)),
    }
}

/// A register that may be written: no pointer and no index.
fn register(mode: Mode, size: usize, rng: &mut Rng) -> Register {
    const FREE: [u32; 11] = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14];
    let long = mode == Mode::Bits64;
    let n = *rng.pick(if long { &FREE } else { &FREE[..3] });
    match size {
        1 if rng.chance(3) => [Register::AH, Register::CH, Register::DH][n as usize % 3],
        1 => Register::AL + if n < 4 { n } else { n + 4 },
        2 => Register::AX + n,
        4 => Register::EAX + n,
        8 => Register::RAX + n,
        32 => Register::YMM0 + rng.below(if long { 16 } else { 8 }) as u32 / 2,
        _ => Register::XMM0 + rng.below(if long { 16 } else { 8 }) as u32 / 2,
    }
}

fn set_memory(mode: Mode, i: &mut Instruction, rng: &mut Rng) {
    let long = mode == Mode::Bits64;
    let sized = |r: Register| if long { r } else { r - 16 };
    let base = sized(*rng.pick(&[Register::RDI, Register::RSI, Register::RBP]));
    let index_register = if long { Register::R15 } else { Register::EBX };
    let displacement = rng.below(64) as i64 - 32;
    // Often aligned to 16 bytes from rbp, for what demands it.
    let displacement = if rng.chance(2) { displacement & !15 } else { displacement };
    let m = if rng.chance(3) {
        MemoryOperand::with_base_index_scale_displ_size(base, index_register, 1 << rng.below(4), displacement, 1)
    } else {
        MemoryOperand::with_base_displ_size(base, displacement, 1)
    };
    i.set_memory_base(m.base);
    i.set_memory_index(m.index);
    i.set_memory_index_scale(m.scale);
    i.set_memory_displacement64(m.displacement as u64 & mode.addr_mask());
    i.set_memory_displ_size(if long { 8 } else { 4 });
}
