//! Every MMX and SSE instruction that the decoder knows, and every VEX and later instruction of the highest CPU model, with operands at the edges, in the
//! interpreter and on the real CPU.
//!
//! `FORKLIFT_SIMD=add` runs only codes whose names contain that; `FORKLIFT_SIMD_TRIALS` sets how often each form is run.

use std::collections::BTreeMap;

use forklift_fuzz::generate::flag_bits;
use forklift_fuzz::machine::{CODE, DATA, RODATA};
use forklift_fuzz::oracle::real_cpu;
use forklift_fuzz::{End, Input};
use forklift_interp::{FlatMemory, Interp, Perm};
use forklift_x86::{CpuModel, CpuState, Exit, Fault, Gpr, Mode, bits};
use iced_x86::{Code, CpuidFeature, Encoder, EncodingKind, Instruction, MemoryOperand, Mnemonic, OpCodeOperandKind, OpKind, Register};

const FEATURES: [CpuidFeature; 7] =
    [CpuidFeature::MMX, CpuidFeature::SSE, CpuidFeature::SSE2, CpuidFeature::SSE3, CpuidFeature::SSSE3, CpuidFeature::SSE4_1, CpuidFeature::SSE4_2];

/// CRC32 has its own cases; x87, hints and fences have no vectors.
fn is_tested(code: Code) -> bool {
    let info = code.op_code();
    info.encoding() == EncodingKind::Legacy
        && (info.mode64() || info.mode32())
        && code.cpuid_features().iter().any(|f| FEATURES.contains(f))
        && !matches!(
            code.mnemonic(),
            Mnemonic::Fisttp
                | Mnemonic::Crc32
                | Mnemonic::Sfence
                | Mnemonic::Lfence
                | Mnemonic::Mfence
                | Mnemonic::Prefetchnta
                | Mnemonic::Prefetcht0
                | Mnemonic::Prefetcht1
                | Mnemonic::Prefetcht2
        )
}

/// What came after SSE4.2.
const LATER: [CpuidFeature; 17] = [
    CpuidFeature::AVX,
    CpuidFeature::AVX2,
    CpuidFeature::FMA,
    CpuidFeature::F16C,
    CpuidFeature::BMI1,
    CpuidFeature::BMI2,
    CpuidFeature::LZCNT,
    CpuidFeature::ADX,
    CpuidFeature::AES,
    CpuidFeature::PCLMULQDQ,
    CpuidFeature::VAES,
    CpuidFeature::VPCLMULQDQ,
    CpuidFeature::SHA,
    CpuidFeature::GFNI,
    CpuidFeature::SSE4A,
    CpuidFeature::MOVBE,
    CpuidFeature::POPCNT,
];

/// What the CPU at hand may lack, of those.
fn is_here(f: CpuidFeature) -> bool {
    let has = |name: &str| {
        std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|s| s.lines().find(|l| l.starts_with("flags")).is_some_and(|l| l.split(' ').any(|w| w == name)))
    };
    match f {
        CpuidFeature::LZCNT => has("abm"),
        CpuidFeature::SHA => has("sha_ni"),
        f => has(&format!("{f:?}").to_lowercase()),
    }
}

fn is_later(code: Code) -> bool {
    let info = code.op_code();
    matches!(info.encoding(), EncodingKind::Legacy | EncodingKind::VEX)
        && (info.mode64() || info.mode32())
        && code.cpuid_features().iter().all(|f| LATER.contains(f))
}

/// A bit of MXCSR that only AMD's CPUs have; reserved for the interpreter.
const AMD_MM: u32 = 0x2_0000;

/// xorshift64*.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A binary32 number of some interest.
    fn single(&mut self) -> u32 {
        const EDGES: [u32; 18] = [
            0,
            1,
            0x7f_ffff,
            0x80_0000,
            0x80_0001,
            0x3f80_0000,
            0x3f80_0001,
            0x3f7f_ffff,
            0x4f00_0000,
            0x4eff_ffff,
            0x5f00_0000,
            0x7f7f_ffff,
            0x7f80_0000,
            0x7f80_0001,
            0x7fc0_0000,
            0x7fff_ffff,
            0x4b00_0001,
            0x3f00_0000,
        ];
        let v = match self.below(8) {
            0..=2 => self.pick(&EDGES),
            3 => (self.below(40) as f32 / 4.0).to_bits(),
            4 => 0x3f80_0000 + (self.below(0x40_0000) as u32) - 0x20_0000,
            5 => self.below(0x0180_0000) as u32,
            6 => (0x3f80_0000 + (self.below(64) as u32) * 0x80_0000) | self.below(0x80_0000) as u32,
            _ => self.next() as u32,
        };
        v ^ (self.below(2) as u32) << 31
    }

    /// A binary64 number of some interest.
    fn double(&mut self) -> u64 {
        const EDGES: [u64; 18] = [
            0,
            1,
            0xf_ffff_ffff_ffff,
            0x10_0000_0000_0000,
            0x10_0000_0000_0001,
            0x3ff0_0000_0000_0000,
            0x3ff0_0000_0000_0001,
            0x3fef_ffff_ffff_ffff,
            0x41e0_0000_0000_0000,
            0x41df_ffff_ffc0_0000,
            0x43e0_0000_0000_0000,
            0x7fef_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0x7ff8_0000_0000_0000,
            0x36a0_0000_0000_0000,
            0x380f_ffff_ffff_ffff,
            0x47ef_ffff_f000_0000,
        ];
        let v = match self.below(8) {
            0..=2 => self.pick(&EDGES),
            3 => (self.below(40) as f64 / 4.0).to_bits(),
            4 => 0x3ff0_0000_0000_0000 + (self.next() >> 10) - (1 << 53),
            5 => self.next() >> 10,
            6 => (0x3680_0000_0000_0000 + (self.below(0x120) << 52)) | self.next() >> 12,
            _ => self.next(),
        };
        v ^ self.below(2) << 63
    }

    fn quad(&mut self) -> u64 {
        match self.below(6) {
            0 | 1 => u64::from(self.single()) | u64::from(self.single()) << 32,
            2 | 3 => self.double(),
            4 => (0..8).fold(0, |v, i| v | u64::from(self.pick(&[0u8, 1, 2, 0x7f, 0x80, 0xff, 0xfe, b'a'])) << (8 * i)),
            _ => self.next(),
        }
    }
}

fn register(rng: &mut Rng, kind: OpCodeOperandKind, mode: Mode) -> Option<Register> {
    use OpCodeOperandKind::{mm_or_mem, mm_reg, mm_rm, r32_or_mem, r32_reg, r32_rm, r64_or_mem, r64_reg, r64_rm, xmm_or_mem, xmm_reg, xmm_rm};
    use OpCodeOperandKind::{r16_or_mem, r16_reg, r16_rm, r32_vvvv, r64_vvvv, xmm_is4, xmm_vvvv, ymm_is4, ymm_or_mem, ymm_reg, ymm_rm, ymm_vvvv};
    let n = rng.below(8) as u32;
    let long = mode == Mode::Bits64;
    Some(match kind {
        mm_reg | mm_rm | mm_or_mem => Register::MM0 + n,
        xmm_reg | xmm_rm | xmm_or_mem | xmm_vvvv | xmm_is4 => Register::XMM0 + if long { 2 * n } else { n },
        ymm_reg | ymm_rm | ymm_or_mem | ymm_vvvv | ymm_is4 => Register::YMM0 + if long { 2 * n } else { n },
        r16_reg | r16_rm | r16_or_mem => [Register::AX, Register::CX, if long { Register::R9W } else { Register::AX }, Register::DX][n as usize % 4],
        r32_reg | r32_rm | r32_or_mem | r32_vvvv => {
            [Register::EAX, Register::ECX, if long { Register::R9D } else { Register::EAX }, Register::EDX][n as usize % 4]
        }
        r64_reg | r64_rm | r64_or_mem | r64_vvvv => [Register::RAX, Register::RCX, Register::R9, Register::RDX][n as usize % 4],
        _ => return None,
    })
}

fn may_be_memory(kind: OpCodeOperandKind) -> bool {
    use OpCodeOperandKind::{mem, mm_or_mem, r16_or_mem, r32_or_mem, r64_or_mem, xmm_or_mem, ymm_or_mem};
    matches!(kind, mem | mm_or_mem | xmm_or_mem | ymm_or_mem | r16_or_mem | r32_or_mem | r64_or_mem) || vsib(kind).is_some()
}

/// The first register that may be the index of a vector of addresses.
fn vsib(kind: OpCodeOperandKind) -> Option<Register> {
    use OpCodeOperandKind::{mem_vsib32x, mem_vsib32y, mem_vsib64x, mem_vsib64y};
    match kind {
        mem_vsib32x | mem_vsib64x => Some(Register::XMM0),
        mem_vsib32y | mem_vsib64y => Some(Register::YMM0),
        _ => None,
    }
}

/// The instruction with random operands; with its memory form if asked for. `None` if there is none.
fn instruction(rng: &mut Rng, code: Code, mode: Mode, memory: bool) -> Option<Instruction> {
    let info = code.op_code();
    let mut i = Instruction::default();
    i.set_code(code);
    let mut has_memory = false;
    for k in 0..info.op_count() {
        let kind = info.op_kind(k);
        match kind {
            _ if may_be_memory(kind) && (memory || kind == OpCodeOperandKind::mem || vsib(kind).is_some()) => {
                has_memory = true;
                let at =
                    MemoryOperand::with_base_displ(if mode == Mode::Bits64 { Register::RSI } else { Register::ESI }, rng.pick(&[0, 0, 0, 16, 32, 48, 1, 8, 4]));
                i.set_op_kind(k, OpKind::Memory);
                i.set_memory_base(at.base);
                i.set_memory_displacement64(at.displacement as u64);
                i.set_memory_displ_size(1);
                if let Some(first) = vsib(kind) {
                    i.set_memory_index(first + rng.below(8) as u32);
                    i.set_memory_index_scale(1 << rng.below(4));
                }
            }
            OpCodeOperandKind::seg_rDI => {
                has_memory = true;
                i.set_op_kind(k, if mode == Mode::Bits64 { OpKind::MemorySegRDI } else { OpKind::MemorySegEDI });
            }
            OpCodeOperandKind::imm8 if k > 0 && info.op_kind(k - 1) == OpCodeOperandKind::imm8 => {
                i.set_op_kind(k, OpKind::Immediate8_2nd);
                i.set_immediate8_2nd(rng.next() as u8);
            }
            OpCodeOperandKind::imm8 => {
                i.set_op_kind(k, OpKind::Immediate8);
                i.set_immediate8(rng.next() as u8);
            }
            _ => {
                i.set_op_kind(k, OpKind::Register);
                i.set_op_register(k, register(rng, kind, mode)?);
            }
        }
    }
    (has_memory == memory).then_some(i)
}

fn input(rng: &mut Rng, i: &Instruction, mode: Mode) -> Option<Input> {
    let mut encoder = Encoder::new(mode.bitness());
    encoder.encode(i, CODE).ok()?;
    let mut input = Input::new(mode, &encoder.take_buffer());
    let cpu = &mut input.cpu;
    for &r in if mode == Mode::Bits64 { &[Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::R9][..] } else { &[Gpr::Rax, Gpr::Rcx, Gpr::Rdx] } {
        let v = match rng.below(4) {
            0 => rng.below(20).wrapping_sub(2),
            1 => 1 << rng.below(64),
            2 => rng.double(),
            _ => rng.next(),
        };
        cpu.set(r, v & mode.addr_mask());
    }
    cpu.set(Gpr::Rsi, DATA + 64);
    // Which bytes of a masked store may fault differs between CPUs.
    cpu.set(Gpr::Rdi, rng.pick(&[DATA + 64, DATA + 77, RODATA - 16]));
    if rng.below(20) == 0 {
        cpu.set(Gpr::Rsi, rng.pick(&[RODATA - 32, RODATA + 16, RODATA + 0xfc0, 0]));
    }
    for i in 0..16 {
        let v = u128::from(rng.quad()) | u128::from(rng.quad()) << 64;
        cpu.set_xmm(i, if rng.below(4) == 0 { v & 0xff } else { v });
    }
    for v in &mut cpu.vec[..16] {
        for at in [16, 24] {
            v.0[at..at + 8].copy_from_slice(&rng.quad().to_le_bytes());
        }
    }
    indices(rng, i, cpu);
    for r in &mut cpu.x87.regs {
        r.mantissa = rng.quad();
        r.sign_exp = rng.next() as u16;
    }
    cpu.x87.top = rng.below(8) as u32;
    cpu.x87.used = rng.next() as u8;
    if rng.below(16) == 0 {
        // A pending exception.
        (cpu.x87.cw, cpu.x87.sw) = (0x37e, 0x8081);
    }
    cpu.flags.set_status(rng.next() as u32);
    cpu.mxcsr = match rng.below(6) {
        0 | 1 => CpuState::MXCSR_DEFAULT,
        2 => CpuState::MXCSR_DEFAULT | 0x20,
        3 => CpuState::MXCSR_DEFAULT | rng.next() as u32 & 0xe07f,
        4 => CpuState::MXCSR_DEFAULT ^ 0x80 << rng.below(6),
        _ => rng.next() as u32 & 0xffff,
    };
    for at in (0..256).step_by(8) {
        input.data[at..at + 8].copy_from_slice(&rng.quad().to_le_bytes());
    }
    Some(input)
}

/// Whether the memory operand isn't aligned to 16 bytes; its base is RSI.
fn memory_is_unaligned(i: &Instruction, input: &Input) -> bool {
    i.memory_base() != Register::None && input.cpu.get(Gpr::Rsi).wrapping_add(i.memory_displacement64()) & 15 != 0
}

/// Small indices for a gather, but for one now and then.
fn indices(rng: &mut Rng, i: &Instruction, cpu: &mut CpuState) {
    let r = i.memory_index();
    if !r.is_vector_register() {
        return;
    }
    let wide = i.op_count() == 3 && format!("{:?}", i.code()).contains("vm64");
    for at in (0..32).step_by(if wide { 8 } else { 4 }) {
        let v = rng.below(20) as i64 - 4 + if rng.below(60) == 0 { 1 << 30 } else { 0 };
        let n = if wide { 8 } else { 4 };
        cpu.vec[r.number()].0[at..at + n].copy_from_slice(&v.to_le_bytes()[..n]);
    }
    // Below 0 lie the kernel's pages, or the end of a segment.
    if cpu.get(Gpr::Rsi) == 0 {
        cpu.set(Gpr::Rsi, DATA + 64);
    }
}

fn interpret(input: &Input) -> (End, CpuState, Vec<u8>) {
    let mut mem = FlatMemory::new();
    mem.map(CODE, input.code_area(), Perm::RX);
    mem.map(DATA, input.data.clone(), Perm::RW);
    mem.map(RODATA, input.rodata().to_vec(), Perm::R);
    let mut cpu = input.cpu.clone();
    let end = match Interp::new(CpuModel::Max, u32::MAX).step(&mut cpu, &mut mem) {
        Ok(()) => End::Done,
        Err(exit) => End::Exit(exit),
    };
    let data = mem.peek(DATA, input.data.len()).expect("mapped");
    (end, cpu, data)
}

/// Whether all lanes are equal, or are numbers that differ by no more than two approximations may.
fn is_close(a: u128, b: u128) -> bool {
    (0..4).all(|i| {
        let (a, b) = ((a >> (32 * i)) as u32, (b >> (32 * i)) as u32);
        a == b || (f32::from_bits(a) / f32::from_bits(b) - 1.0).abs() < 3.0 / 4096.0
    })
}

/// What differs, in words.
fn differences(real: &(End, CpuState, Vec<u8>), ours: &(End, CpuState, Vec<u8>), approximate: bool) -> Vec<String> {
    let mut d = Vec::new();
    let mut note = |name: String, r: String, o: String| {
        if r != o {
            d.push(format!("{name}: real {r}, ours {o}"));
        }
    };
    note("end".into(), format!("{:?}", real.0), format!("{:?}", ours.0));
    let (r, o) = (&real.1, &ours.1);
    for i in 0..16 {
        note(format!("gpr {i}"), format!("{:x}", r.gpr[i]), format!("{:x}", o.gpr[i]));
        if !(approximate && is_close(r.xmm(i), o.xmm(i))) {
            note(format!("xmm{i}"), format!("{:032x}", r.xmm(i)), format!("{:032x}", o.xmm(i)));
        }
        let upper = |c: &CpuState| u128::from_le_bytes(std::array::from_fn(|b| c.vec[i].0[16 + b]));
        if !(approximate && is_close(upper(r), upper(o))) {
            note(format!("upper half of ymm{i}"), format!("{:032x}", upper(r)), format!("{:032x}", upper(o)));
        }
    }
    for i in 0..8 {
        let reg = |c: &CpuState| format!("{:04x} {:016x}", c.x87.regs[i].sign_exp, c.x87.regs[i].mantissa);
        note(format!("mm{i}"), reg(r), reg(o));
    }
    let x87 = |c: &CpuState| format!("top {} used {:02x}", c.x87.top, c.x87.used);
    note("x87".into(), x87(r), x87(o));
    note("mxcsr".into(), format!("{:04x}", r.mxcsr), format!("{:04x}", o.mxcsr));
    note("flags".into(), format!("{:x}", r.flags.status()), format!("{:x}", o.flags.status()));
    note("rip".into(), format!("{:x}", r.rip), format!("{:x}", o.rip));
    if real.0 == End::Exit(Exit::Fault(Fault::Page)) {
        note("cr2".into(), format!("{:x} {:x}", r.cr2, r.error_code), format!("{:x} {:x}", o.cr2, o.error_code));
    }
    if let Some(at) = (0..real.2.len()).find(|&i| real.2[i] != ours.2[i]) {
        d.push(format!("data at {at:#x}: real {:02x?}, ours {:02x?}", &real.2[at & !15..at | 15], &ours.2[at & !15..at | 15]));
    }
    d
}

#[test]
fn as_the_real_cpu_does() {
    compare(is_tested);
}

#[test]
fn later_instructions_as_the_real_cpu_does() {
    let here: Vec<_> = LATER.into_iter().filter(|&f| is_here(f)).collect();
    let lacking: Vec<_> = LATER.into_iter().filter(|f| !here.contains(f)).collect();
    eprintln!("not on this machine: {lacking:?}");
    compare(|c| is_later(c) && c.cpuid_features().iter().all(|f| here.contains(f)));
}

fn compare(is_tested: impl Fn(Code) -> bool) {
    let Some(mut real) = real_cpu() else { return };
    let filter = std::env::var("FORKLIFT_SIMD").unwrap_or_default().to_lowercase();
    let trials = std::env::var("FORKLIFT_SIMD_TRIALS").ok().and_then(|v| v.parse().ok()).unwrap_or(30);
    let mut rng = Rng(std::env::var("FORKLIFT_SIMD_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(0x1234_5678_9abc_def1));
    let mut wrong: BTreeMap<String, (u32, String)> = BTreeMap::new();
    let mut runs = 0;
    let mut not_run = Vec::new();
    for code in Code::values().filter(|&c| is_tested(c) && format!("{c:?}").to_lowercase().contains(&filter)) {
        let approximate = matches!(code.mnemonic(), Mnemonic::Rcpps | Mnemonic::Rcpss | Mnemonic::Rsqrtps | Mnemonic::Rsqrtss)
            || matches!(code.mnemonic(), Mnemonic::Vrcpps | Mnemonic::Vrcpss | Mnemonic::Vrsqrtps | Mnemonic::Vrsqrtss);
        let before = runs;
        for trial in 0..2 * trials {
            // One in five in 32-bit mode.
            let mode = if rng.below(5) == 0 || !code.op_code().mode64() { Mode::Bits32 } else { Mode::Bits64 };
            if mode == Mode::Bits32 && !code.op_code().mode32() {
                continue;
            }
            let Some(i) = instruction(&mut rng, code, mode, trial % 2 == 1) else { continue };
            let Some(input) = input(&mut rng, &i, mode) else { continue };
            let out = real.run(&input).expect("the real CPU answers");
            if out.cpu.mxcsr & AMD_MM != 0 {
                continue;
            }
            // Intel's manual wants SHA's memory operands aligned; AMD's CPUs don't.
            let unaligned = memory_is_unaligned(&i, &input) && code.cpuid_features().contains(&CpuidFeature::SHA);
            let (out_flags, ours) = (out.cpu.flags.status(), interpret(&input));
            let mut difference = differences(&(out.end, out.cpu, out.data), &ours, approximate);
            runs += 1;
            if unaligned {
                continue;
            }
            if i.rflags_undefined() != 0 {
                let defined = bits::STATUS & !flag_bits(i.rflags_undefined());
                let same = out_flags & defined == ours.1.flags.status() & defined;
                difference.retain(|d| !(same && d.starts_with("flags")));
            }
            if !difference.is_empty() {
                let c = &input.cpu;
                let regs: Vec<_> = (0..i.op_count())
                    .filter(|&k| i.op_kind(k) == OpKind::Register && i.op_register(k).is_vector_register())
                    .map(|k| c.vec[i.op_register(k).number()].low::<32>())
                    .map(|v| v.iter().rev().map(|b| format!("{b:02x}")).collect::<String>())
                    .collect();
                let text = format!(
                    "{i} {:02x?} mxcsr {:04x} registers {regs:?} mem {:02x?}\n    {}",
                    input.code,
                    c.mxcsr,
                    &input.data[64..80],
                    difference.join("\n    ")
                );
                let entry = wrong.entry(format!("{code:?}")).or_insert((0, text));
                entry.0 += 1;
            }
        }
        if runs == before {
            not_run.push(code);
        }
    }
    for (name, (n, text)) in &wrong {
        eprintln!("{name}: {n} times, at first\n  {text}");
    }
    assert!(not_run.is_empty(), "could not be encoded: {not_run:?}");
    assert!(wrong.is_empty(), "{} of the codes differ, in {runs} runs", wrong.len());
}
