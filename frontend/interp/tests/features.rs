//! Every instruction of every CPUID feature that a CPU model has is interpreted, and none of them panics.
//!
//! The instructions come out of the decoder: each opcode of the four legacy maps with each mandatory prefix, REX.W and ModRM byte, each of the VEX maps with all
//! fields, and 3DNow!'s, in both modes.

use std::collections::BTreeMap;

use forklift_interp::{FlatMemory, Interp, Perm, is_interpreted};
use forklift_x86::{CpuModel, CpuState, Exit, Fault, Gpr, GuestAddr, Mode, decode_one};
use iced_x86::{Code, Instruction, OpKind};

/// What has those features by iced's tables and still doesn't exist for a program.
fn is_exempt(c: Code) -> bool {
    // System management mode is not there, so RSM is #UD.
    c == Code::Rsm
}

/// One instruction of each code and shape of operands.
fn instructions(mode: Mode) -> Vec<(Vec<u8>, Instruction)> {
    let mut found = BTreeMap::new();
    let rex: &[&[u8]] = if mode == Mode::Bits64 { &[&[], &[0x48]] } else { &[&[]] };
    // The first instruction found of each code and shape.
    let mut add = |bytes: Vec<u8>| {
        let Some(i) = decode_one(mode, GuestAddr::new(CODE), &bytes) else { return };
        if !i.is_invalid() && CpuModel::Max.announces(i.code()) && !is_exempt(i.code()) {
            let shape: Vec<OpKind> = (0..i.op_count()).map(|k| i.op_kind(k)).collect();
            let lock = (i.has_lock_prefix(), i.has_rep_prefix(), i.has_repne_prefix());
            found.entry((i.code() as usize, format!("{shape:?}{lock:?}"))).or_insert((bytes, i));
        }
    };
    for (map, prefix, rex) in product(&[&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]], &[&[], &[0x66], &[0xf2], &[0xf3], &[0x67], &[0xf0]], rex) {
        for (opcode, modrm) in (0..=255u8).flat_map(|o| (0..=255u8).map(move |m| (o, m))) {
            let bytes = [prefix, rex, map, &[opcode, modrm, 0x10, 0, 0x60, 0, 0, 0, 0, 0, 0, 0][..]].concat();
            add(bytes);
        }
    }
    // Third VEX byte: W, vvvv (none, or xmm1), L, pp. A memory operand and a register one for each ModRM.reg; an index that is no other operand.
    for (map, third) in (1..4u8).flat_map(|m| (0..32u8).map(move |f| (m, (f & 0x10) << 3 | if f & 8 != 0 { 0x78 } else { 0x70 } | f & 7))) {
        for (opcode, reg) in (0..=255u8).flat_map(|o| (0..8u8).map(move |r| (o, r << 3))) {
            for modrm in [0xc2 | reg, 0x04 | reg] {
                add(vec![0xc4, 0xe0 | map, third, opcode, modrm, 0x38, 0, 0, 0, 0]);
            }
        }
    }
    for (opcode, modrm) in (0..=255u8).flat_map(|o| [0xc1, 0x00].map(|m| (o, m))) {
        add(vec![0x0f, 0x0f, modrm, opcode, 0, 0]);
    }
    found.into_values().collect()
}

fn product<'a>(a: &[&'a [u8]], b: &[&'a [u8]], c: &[&'a [u8]]) -> Vec<(&'a [u8], &'a [u8], &'a [u8])> {
    a.iter().flat_map(|&a| b.iter().flat_map(move |&b| c.iter().map(move |&c| (a, b, c)))).collect()
}

#[test]
fn every_instruction_of_a_feature_is_interpreted() {
    let mut missing = Vec::new();
    let mut count = 0;
    for mode in [Mode::Bits32, Mode::Bits64] {
        for (bytes, i) in instructions(mode) {
            count += 1;
            if !is_interpreted::<FlatMemory>(&i) {
                missing.push(format!("{mode:?} {:?} {:02x?}", i.code(), &bytes[..i.len()]));
            }
        }
    }
    assert!(count > 2000, "only {count} instructions came out of the decoder");
    assert!(missing.is_empty(), "{} not interpreted:\n{}", missing.len(), missing.join("\n"));
}

const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x60_0000;

/// A processor whose registers point at the data, or hold extreme values.
fn processor(mode: Mode, data: bool) -> CpuState {
    let mut cpu = CpuState::new(mode);
    for r in Gpr::ALL {
        let extreme = [0, u64::MAX, 1 << 63, 1 << 31, 0x80][r.index() % 5] & mode.addr_mask();
        cpu.set(r, if data { DATA + 0x800 } else { extreme });
    }
    cpu.vec.iter_mut().enumerate().for_each(|(i, v)| v.0.iter_mut().enumerate().for_each(|(k, b)| *b = (i * 37 + k * 91) as u8));
    cpu.rip = CODE;
    cpu
}

#[test]
fn none_panics_and_faults_leave_rip() {
    for (mode, data) in [(Mode::Bits32, true), (Mode::Bits32, false), (Mode::Bits64, true), (Mode::Bits64, false)] {
        for (bytes, i) in instructions(mode) {
            let mut mem = FlatMemory::new();
            mem.map(CODE, bytes.clone(), Perm::RX);
            mem.map(DATA, (0..0x1000).map(|k| (k * 13) as u8).collect(), Perm::RW);
            let mut cpu = processor(mode, data);
            let end = Interp::new(CpuModel::Max, u32::MAX).step(&mut cpu, &mut mem);
            let is_trap = matches!(end, Err(Exit::Fault(Fault::Breakpoint | Fault::Debug | Fault::Overflow)));
            if let Err(Exit::Fault(_)) = end
                && !is_trap
            {
                assert_eq!(cpu.rip, CODE, "{:?}", i.code());
            }
            assert!(cpu.gpr[CpuState::ZERO] == 0 && cpu.seg_base[CpuState::FLAT] == 0, "{:?}", i.code());
            let clean = cpu.mode == Mode::Bits64 || cpu.gpr.iter().all(|&v| v >> 32 == 0) && cpu.rip >> 32 == 0;
            assert!(clean, "{:?} leaves more than 32 bits: {:x?} {:x}", i.code(), cpu.gpr, cpu.rip);
        }
    }
}
