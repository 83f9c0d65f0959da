//! Every encoding of user-level x86 up to SSE4.2, x87 and MMX that the decoder's tables have, in each mode: that it is reached at all, and does in the
//! interpreter what the real CPU does, in some twenty states each. `integer.rs` and `simd.rs` go deeper, but choose at random or leave
//! out; here nothing is left out but what [`untestable`] names, with its reason.
//!
//! `FORKLIFT_ONLY=bts` keeps to codes whose names contain that; `FORKLIFT_TRIALS=n` sets the number of states.

use std::collections::BTreeMap;

use forklift_fuzz::cases::different;
use forklift_fuzz::generate::{Rng, flag_bits};
use forklift_fuzz::machine::{CODE, DATA, STACK};
use forklift_fuzz::oracle::{interpreter, real_cpu};
use forklift_fuzz::{End, Input, Oracle, Output};
use forklift_interp::{FlatMemory, is_interpreted};
use forklift_x86::{Exit, Fault, Gpr, GuestAddr, Mode, bits, decode_one};
use iced_x86::{Code, CpuidFeature as F, Instruction, MandatoryPrefix, Mnemonic as M, OpCodeTableKind, OpKind, Register};

const FEATURES: [F; 32] = [
    F::INTEL8086,
    F::INTEL186,
    F::INTEL286,
    F::INTEL386,
    F::INTEL486,
    F::X64,
    F::CPUID,
    F::CX8,
    F::CMOV,
    F::CMPXCHG16B,
    F::MOVBE,
    F::POPCNT,
    F::MULTIBYTENOP,
    F::PAUSE,
    F::CLFSH,
    F::FXSR,
    F::FPU,
    F::FPU287,
    F::FPU387,
    F::MMX,
    F::SSE,
    F::SSE2,
    F::SSE3,
    F::SSSE3,
    F::SSE4_1,
    F::SSE4_2,
    F::SEP,
    F::SYSCALL,
    F::TSC,
    F::RDTSCP,
    F::XSAVE,
    F::PREFETCHW,
];

/// Why this one can't be compared with the real CPU; `None` if it can.
fn untestable(c: Code) -> Option<&'static str> {
    Some(match c.mnemonic() {
        M::Cpuid | M::Rdtsc | M::Rdtscp | M::Xgetbv => "its result is the machine's own",
        M::Sgdt | M::Sidt | M::Sldt | M::Str | M::Smsw => "emulated by the kernel on machines with UMIP: tests/syscall/umip.c",
        M::Lar | M::Lsl | M::Verr | M::Verw => "the kernel's descriptors: tests/syscall/segments.c",
        M::Xsave | M::Xsave64 | M::Xsaveopt | M::Xsaveopt64 | M::Xrstor | M::Xrstor64 => "the machine's XCR0, more than the model's",
        M::Fxsave | M::Fxsave64 | M::Fxrstor | M::Fxrstor64 => "FIP, FDP and reserved bytes differ between vendors",
        M::Fnstenv | M::Fnsave | M::Fldenv | M::Frstor => "FIP and FDP differ between vendors",
        M::Rcpps | M::Rcpss | M::Rsqrtps | M::Rsqrtss => "approximations: simd.rs compares them",
        M::F2xm1 | M::Fyl2x | M::Fyl2xp1 | M::Fpatan | M::Fptan | M::Fsin | M::Fcos | M::Fsincos => "the last bit differs between vendors",
        M::Syscall | M::Sysenter | M::Int | M::Int1 | M::Into => "system calls and traps: tests/insn, tests/syscall/faults.c",
        M::Popf | M::Popfd | M::Popfq | M::Iret | M::Iretd | M::Iretq => "loads TF: tests/syscall/faults.c",
        M::Retf if c.op_code().op_count() == 1 => "which comes first, a bad stack behind the arguments or a bad selector, differs between vendors",
        M::Shld | M::Shrd if c.op_code().operand_size() == 16 => "undefined for counts above 16",
        M::Loope | M::Loopne | M::Reservednop => "vendors differ",
        _ => return None,
    })
}

/// No instruction that a decoder can give, or none of these processors'.
fn is_listed(c: Code) -> bool {
    let o = c.op_code();
    let features = c.cpuid_features();
    o.is_instruction()
        && !features.is_empty()
        && features.iter().all(|f| FEATURES.contains(f))
        && (o.mode32() || o.mode64())
        // With a WAIT in front: decoded as two.
        && !o.fwait()
        // Old forms without operands, or as AMD has them.
        && !matches!(c, Code::Ud0 | Code::Ud0_r16_rm16 | Code::Ud1_r16_rm16)
        && format!("{c:?}").to_lowercase().contains(&std::env::var("FORKLIFT_ONLY").unwrap_or_default())
}

/// Bytes that may be an instruction of this encoding.
fn bytes(c: Code, mode: Mode, rng: &mut Rng) -> Vec<u8> {
    let o = c.op_code();
    let long = mode == Mode::Bits64;
    let mut b = Vec::new();
    if o.operand_size() == 16 {
        b.push(0x66);
    }
    if matches!((o.address_size(), long), (16, false) | (32, true)) {
        b.push(0x67);
    }
    match o.mandatory_prefix() {
        MandatoryPrefix::P66 => b.push(0x66),
        MandatoryPrefix::PF3 => b.push(0xf3),
        MandatoryPrefix::PF2 => b.push(0xf2),
        _ if rng.chance(6) => b.push(*rng.pick(&[0x66, 0xf2, 0xf3, 0xf0])),
        _ => {}
    }
    if long && (o.operand_size() == 64 || o.w() == 1) {
        b.push(0x48);
    } else if long && rng.chance(4) {
        b.push(0x40 | rng.below(16) as u8);
    }
    match o.table() {
        OpCodeTableKind::T0F => b.push(0x0f),
        OpCodeTableKind::T0F38 => b.extend([0x0f, 0x38]),
        OpCodeTableKind::T0F3A => b.extend([0x0f, 0x3a]),
        _ => {}
    }
    let op = o.op_code();
    b.extend(if o.op_code_len() == 2 {
        vec![(op >> 8) as u8, op as u8]
    } else {
        vec![(op as u8).wrapping_add(if rng.chance(2) { 0 } else { rng.below(4) as u8 })]
    });
    let mut tail: Vec<u8> = (0..9).map(|_| rng.next() as u8 & if rng.chance(2) { 7 } else { 0xff }).collect();
    if o.group_index() >= 0 {
        tail[0] = tail[0] & 0xc7 | (o.group_index() as u8) << 3;
    }
    if o.rm_group_index() >= 0 {
        tail[0] = tail[0] & 0xf8 | 0xc0 | o.rm_group_index() as u8;
    }
    b.extend(tail);
    b
}

/// Near branches of 16 bits, which only AMD's CPUs have in 64-bit mode; the decoder takes them as Intel's do.
fn is_amd_branch(c: Code) -> bool {
    let name = format!("{c:?}");
    let near = ["_rel16", "_rel8_16", "_rel8_16_ECX", "_rel8_16_RCX"].iter().any(|end| name.ends_with(end));
    near || matches!(c, Code::Retnw | Code::Retnw_imm16 | Code::Jmp_rm16 | Code::Call_rm16)
}

fn find(c: Code, mode: Mode, rng: &mut Rng) -> Option<(Instruction, Vec<u8>)> {
    (0..600).find_map(|_| {
        let b = bytes(c, mode, rng);
        let i = decode_one(mode, GuestAddr::new(CODE), &b).filter(|i| i.code() == c)?;
        // The oracles' FS and GS are null in 32-bit mode, CS can't be written.
        let null = matches!(i.memory_segment(), Register::FS | Register::GS | Register::CS);
        let near = (0..i.op_count()).any(|k| matches!(i.op_kind(k), OpKind::NearBranch64))
            || matches!(i.code(), Code::Retnq | Code::Retnq_imm16 | Code::Jmp_rm64 | Code::Call_rm64);
        // Vendors differ on those with an operand size prefix.
        let branch = near && b[..i.len()].contains(&0x66);
        (!null && !branch).then(|| (i, b[..i.len()].to_vec()))
    })
}

fn input(mode: Mode, i: &Instruction, code: &[u8], rng: &mut Rng) -> Input {
    let mut input = Input::new(mode, code);
    let mask = mode.addr_mask();
    for r in Gpr::ALL.into_iter().filter(|&r| r != Gpr::Rsp) {
        let v = match rng.below(5) {
            0 => rng.below(70),
            1 => 0u64.wrapping_sub(rng.below(20)),
            2 => 1 << rng.below(64),
            3 => rng.next(),
            _ => DATA + rng.below(0x2000),
        };
        input.cpu.set(r, v & mask);
    }
    let near = |rng: &mut Rng| (DATA + 0x400 + rng.below(0x1800)) & if rng.chance(2) { !0 } else { !15 };
    if i.is_string_instruction() {
        for (r, v) in [(Gpr::Rsi, near(rng)), (Gpr::Rdi, near(rng)), (Gpr::Rcx, rng.below(40))] {
            input.cpu.set(r, v);
        }
    }
    let memory = (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Memory);
    for (r, index) in [(i.memory_base(), false), (i.memory_index(), true)] {
        if let Some(g) = Gpr::from_iced(r).filter(|&g| memory && g != Gpr::Rsp) {
            let v = if index { rng.below(16) } else { near(rng).wrapping_sub(i.memory_displacement64()) & mask };
            input.cpu.set(g, v);
        }
    }
    if i.mnemonic() == M::Leave {
        input.cpu.set(Gpr::Rbp, STACK + rng.below(64) * 8);
    }
    input.cpu.flags.set_status(rng.next() as u32 & bits::STATUS);
    for x in 0..16 {
        input.cpu.set_xmm(x, u128::from(rng.next()) | u128::from(rng.next()) << 64);
    }
    for r in &mut input.cpu.x87.regs {
        r.sign_exp = (0x3fff - 30 + rng.below(60) as u16) | if rng.chance(2) { 0x8000 } else { 0 };
        r.mantissa = 1 << 63 | rng.next();
    }
    input.cpu.x87.top = rng.below(8) as u32;
    input.cpu.x87.used = if rng.chance(3) { rng.next() as u8 } else { 0xff };
    input.data.iter_mut().for_each(|d| *d = rng.next() as u8);
    input
}

/// In words, how the outputs differ in what is defined.
fn compare(i: &Instruction, mode: Mode, want: &Output, got: &Output) -> String {
    let page = |o: &Output| o.end == End::Exit(Exit::Fault(Fault::Page));
    // The end of a segment's 4 GiB is no concern of the interpreter's memory; an endless loop has no state.
    let edge = mode == Mode::Bits32 && matches!(want.end, End::Exit(Exit::Fault(Fault::GeneralProtection | Fault::Stack))) && page(got);
    if want.end == End::Endless || edge {
        return String::new();
    }
    // Whether MMX is entered before that fault differs between vendors.
    let mmx = i.mnemonic() != M::Maskmovq || want.end == End::Done;
    let mut flags = (bits::STATUS | bits::DF) & !flag_bits(i.rflags_undefined());
    if page(want) && i.is_string_instruction() {
        flags &= !bits::STATUS;
    }
    different(want, got, flags, mmx)
}

fn sweep(mode: Mode, mut ours: Box<dyn Oracle + Send>) {
    let Some(mut real) = real_cpu() else { return };
    let trials = std::env::var("FORKLIFT_TRIALS").ok().and_then(|v| v.parse().ok()).unwrap_or(20);
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    let mut rng = Rng::new(7);
    let codes = Code::values().filter(|&c| is_listed(c) && if mode == Mode::Bits64 { c.op_code().mode64() && !is_amd_branch(c) } else { c.op_code().mode32() });
    for c in codes {
        for _ in 0..trials {
            let Some((i, code)) = find(c, mode, &mut rng) else {
                wrong.insert(format!("{c:?}"), "no bytes found".into());
                break;
            };
            let input = input(mode, &i, &code, &mut rng);
            let Ok(want) = real.run(&input) else { continue };
            let invalid = want.end == End::Exit(Exit::Fault(Fault::InvalidOpcode));
            if !invalid && !is_interpreted::<FlatMemory>(&i) {
                wrong.insert(format!("{c:?}"), format!("{i} {code:02x?}: not reached"));
            }
            if untestable(c).is_some() {
                continue;
            }
            let Ok(got) = ours.run(&input) else { continue };
            let text = compare(&i, mode, &want, &got);
            if !text.is_empty() {
                wrong.entry(format!("{c:?}")).or_insert_with(|| format!("{i} {code:02x?}\n{text}"));
            }
        }
    }
    let list: Vec<_> = wrong.iter().map(|(n, t)| format!("{n}: {t}")).collect();
    assert!(wrong.is_empty(), "{} of the codes:\n{}", wrong.len(), list.join("\n"));
}

#[test]
fn interpreter_in_64_bit_mode() {
    interpreter().into_iter().for_each(|o| sweep(Mode::Bits64, o));
}

#[test]
fn interpreter_in_32_bit_mode() {
    interpreter().into_iter().for_each(|o| sweep(Mode::Bits32, o));
}
