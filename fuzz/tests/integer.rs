//! Random integer instructions, as bytes with prefixes, in the interpreter and on the real CPU. Bytes, so that encodings come up that no assembler makes.
//!
//! `FORKLIFT_TRIALS=n` runs n instructions for each mode instead of some thousands; `FORKLIFT_SEED=n` starts with another seed; `FORKLIFT_ONLY=bts`
//! keeps to mnemonics whose names contain that.

use forklift_fuzz::cases::different;
use forklift_fuzz::generate::{Rng, flag_bits};
use forklift_fuzz::machine::{CODE, DATA, DATA_SIZE};
use forklift_fuzz::oracle::{interpreter, real_cpu};
use forklift_fuzz::{End, Input};
use forklift_x86::{Exit, Fault, Gpr, GuestAddr, Mode, bits, decode_one};
use iced_x86::{Code, CpuidFeature, Instruction, Mnemonic, OpKind, Register};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn is_tested(i: &Instruction) -> bool {
    use CpuidFeature as F;
    let of_integers = |f: &F| {
        matches!(
            f,
            F::INTEL8086
                | F::INTEL186
                | F::INTEL286
                | F::INTEL386
                | F::INTEL486
                | F::X64
                | F::CX8
                | F::CMOV
                | F::POPCNT
                | F::CMPXCHG16B
                | F::MOVBE
                | F::SSE4_2
                | F::MULTIBYTENOP
        )
    };
    let only = std::env::var("FORKLIFT_ONLY").unwrap_or_default();
    let vector = (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Register && i.op_register(k).is_vector_register());
    !i.is_invalid()
        && i.code().cpuid_features().iter().all(of_integers)
        && !vector
        && !depends_on_host(i)
        && format!("{:?}", i.mnemonic()).to_lowercase().contains(&only)
}

/// What isn't the same on the real CPU under its kernel, or ends the oracle.
fn depends_on_host(i: &Instruction) -> bool {
    use Mnemonic as M;
    let segment = (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Register && i.op_register(k).is_segment_register());
    let emulated = matches!(i.mnemonic(), M::Sgdt | M::Sidt | M::Sldt | M::Str | M::Smsw);
    let tables = matches!(i.mnemonic(), M::Lar | M::Lsl | M::Verr | M::Verw | M::Lds | M::Les | M::Lfs | M::Lgs | M::Lss);
    let gates = matches!(i.mnemonic(), M::Int | M::Int1 | M::Int3 | M::Syscall | M::Sysenter | M::Cpuid | M::Rsm);
    let far = i.is_jmp_far()
        || i.is_call_far()
        || i.is_jmp_far_indirect()
        || i.is_call_far_indirect()
        || matches!(i.mnemonic(), M::Retf | M::Iret | M::Iretd | M::Iretq);
    // TF and the like would trap; vendors differ on near branches of 16 bits in 64-bit mode.
    let flags = matches!(i.mnemonic(), M::Popf | M::Popfd | M::Popfq | M::Pushf | M::Pushfd | M::Pushfq);
    let vendors = matches!(i.code(), Code::Retnw | Code::Retnw_imm16 | Code::Jmp_rm16 | Code::Call_rm16);
    // Prefixes that have no meaning have one on LOOPcc; double shifts of 16 bits by more are undefined; 0F 0D of registers is AMD's #UD.
    let odd = matches!(i.mnemonic(), M::Loope | M::Loopne | M::Shld | M::Shrd | M::Lzcnt | M::Tzcnt | M::Reservednop);
    // The oracles' FS and GS are null in 32-bit mode, and nothing can be written through CS.
    let null = matches!(i.memory_segment(), Register::FS | Register::GS | Register::CS);
    segment || emulated || tables || gates || far || flags || vendors || odd || null
}

/// Whether it is a near branch with an operand size prefix: vendors differ on those in 64-bit mode.
fn is_short_branch(code: &[u8], i: &Instruction) -> bool {
    code.contains(&0x66) && (i.flow_control() != iced_x86::FlowControl::Next)
}

fn bytes(mode: Mode, rng: &mut Rng) -> Vec<u8> {
    let mut b = Vec::new();
    for _ in 0..rng.below(3) {
        b.extend(rng.pick(&[&[0x66][..], &[0x67], &[0xf2], &[0xf3], &[0xf0], &[], &[]]).iter());
    }
    if mode == Mode::Bits64 && rng.chance(2) {
        b.push(0x40 | rng.below(16) as u8);
    }
    b.extend(rng.pick(&[&[][..], &[], &[0x0f], &[0x0f, 0x38]]).iter());
    b.extend([rng.below(256) as u8, rng.below(256) as u8, rng.below(256) as u8]);
    b.extend((0..9).map(|_| if rng.chance(2) { rng.below(8) as u8 } else { rng.below(256) as u8 }));
    b
}

fn value(rng: &mut Rng) -> u64 {
    match rng.below(7) {
        0 => rng.below(70),
        1 => rng.below(40).wrapping_sub(20),
        2 => (1u64 << rng.below(64)).wrapping_sub(rng.below(2)),
        3 => rng.next() as u32 as u64,
        4 => rng.next(),
        5 => 0x0909_0909_0909_0909 & rng.next(),
        _ => DATA + rng.below(DATA_SIZE as u64),
    }
}

/// An input for `i`; its address registers mostly point into the data.
fn input(mode: Mode, i: &Instruction, code: &[u8], rng: &mut Rng) -> Input {
    let mut input = Input::new(mode, code);
    let mask = mode.addr_mask();
    for r in Gpr::ALL.into_iter().filter(|&r| r != Gpr::Rsp) {
        let v = value(rng) & mask;
        input.cpu.set(r, v);
    }
    let near = |rng: &mut Rng| DATA + if rng.chance(4) { DATA_SIZE as u64 - rng.below(40) } else { 0x400 + rng.below(0x2000) };
    if i.is_string_instruction() {
        for r in [Gpr::Rsi, Gpr::Rdi] {
            let v = near(rng);
            input.cpu.set(r, v);
        }
        let most = if rng.chance(4) { 3000 } else { 80 };
        input.cpu.set(Gpr::Rcx, rng.below(most));
        input.cpu.flags.rest |= if rng.chance(3) { bits::DF } else { 0 };
    }
    for (r, index) in [(i.memory_base(), false), (i.memory_index(), true)] {
        if let Some(g) = Gpr::from_iced(r).filter(|_| r != Register::None) {
            let v = if index { rng.below(16) } else { near(rng).wrapping_sub(i.memory_displacement64()) & mask };
            input.cpu.set(
                g,
                if rng.chance(8) {
                    value(rng) & mask
                } else if rng.chance(2) {
                    v & !15
                } else {
                    v
                },
            );
        }
    }
    let status = rng.next() as u32 & bits::STATUS;
    input.cpu.flags.set_status(status);
    let few = rng.chance(2);
    input.data.iter_mut().for_each(|d| *d = if few { rng.below(2) as u8 } else { rng.next() as u8 });
    input
}

fn run(mode: Mode) {
    let (Some(mut real), Some(mut ours)) = (real_cpu(), interpreter()) else { return };
    let (trials, seed) = (setting("FORKLIFT_TRIALS", 4000), setting("FORKLIFT_SEED", 1));
    let mut wrong = Vec::new();
    let mut n = 0;
    let mut at = 0;
    while n < trials && wrong.len() < 20 {
        at += 1;
        let mut rng = Rng::new(seed.wrapping_mul(1 << 32) + at);
        let code = bytes(mode, &mut rng);
        let Some(i) = decode_one(mode, GuestAddr::new(CODE), &code).filter(is_tested) else { continue };
        n += 1;
        let input = input(mode, &i, &code[..i.len()], &mut rng);
        if is_short_branch(&code[..i.len()], &i) {
            continue;
        }
        let (Ok(want), Ok(got)) = (real.run(&input), ours.run(&input)) else { continue };
        // The end of a segment's 4 GiB is #GP or #SS, and no concern of the interpreter's memory.
        let end_of_segment = mode == Mode::Bits32 && matches!(want.end, End::Exit(Exit::Fault(Fault::GeneralProtection | Fault::Stack)));
        // Which comes first, a wrong alignment or an address that isn't canonical, is open.
        if i.mnemonic() == Mnemonic::Cmpxchg16b && want.end != got.end {
            continue;
        }
        if want.end == End::Endless || end_of_segment && got.end == End::Exit(Exit::Fault(Fault::Page)) {
            continue;
        }
        let mut flags = (bits::STATUS | bits::DF) & !flag_bits(i.rflags_undefined());
        if matches!(want.end, End::Exit(Exit::Fault(Fault::Page))) && i.is_string_instruction() {
            // Of a comparison that was cut off.
            flags &= !bits::STATUS;
        }
        let text = different(&want, &got, flags, false);
        if !text.is_empty() {
            wrong.push(format!("{at}: {i} ({:?}, {:02x?})\n{text}", i.code(), input.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn integers_of_64_bit_mode() {
    run(Mode::Bits64);
}

#[test]
fn integers_of_32_bit_mode() {
    run(Mode::Bits32);
}
