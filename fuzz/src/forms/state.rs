//! The registers that an instruction starts from: values at edges, and addresses that mostly lie in the data.

use forklift_x86::{CpuState, Gpr, Mode, Seg, SegCache, bits};
use iced_x86::{Instruction, Mnemonic as M, OpKind, Register};

use super::encode::has_memory;
use crate::batch::Case;
use crate::generate::Rng;
use crate::generate::number::{double, extended, integer, lane};
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE, RODATA, RODATA_SIZE, TLS_SELECTORS};

/// A case of `code`, which is `i`, over the data of `image`.
pub fn case(mode: Mode, i: &Instruction, code: &[u8], image: &[u8], rng: &mut Rng) -> Case {
    aimed(start(mode, rng), i, code, image, rng)
}

/// Registers with values at edges.
pub fn start(mode: Mode, rng: &mut Rng) -> CpuState {
    let mut cpu = CpuState::new(mode);
    general(&mut cpu, rng);
    segments(&mut cpu, rng);
    cpu.flags.set_status(rng.next() as u32);
    vectors(&mut cpu, rng);
    x87(&mut cpu, rng);
    cpu
}

/// A case of `code`, which is `i`, from `cpu` with addresses that mostly lie in the data.
pub fn aimed(mut cpu: CpuState, i: &Instruction, code: &[u8], image: &[u8], rng: &mut Rng) -> Case {
    let mut code = code.to_vec();
    cpu.rip = CODE + place(code.len(), rng);
    if rng.chance(if i.is_string_instruction() { 3 } else { 32 }) {
        cpu.flags.rest |= bits::DF;
    }
    stack(&mut cpu, i, image, rng);
    if i.is_string_instruction() || matches!(i.mnemonic(), M::Maskmovq | M::Maskmovdqu | M::Vmaskmovdqu) {
        strings(&mut cpu, i, rng);
    }
    if has_memory(i) {
        address(&mut cpu, i, &mut code, image, rng);
        compared(&mut cpu, i, image, rng);
    }
    Case { cpu, code }
}

/// Where in the code area: mostly at its start, at the end of a page, or so that the next page is missing.
fn place(len: usize, rng: &mut Rng) -> u64 {
    let page = CODE_SIZE as u64 / 2;
    match rng.below(24) {
        0 => CODE_SIZE as u64 - len as u64,
        1 => CODE_SIZE as u64 - 1 - rng.below(len as u64),
        2 => page - 1 - rng.below(len as u64),
        _ => rng.below(64),
    }
}

fn general(cpu: &mut CpuState, rng: &mut Rng) {
    let count = if cpu.mode == Mode::Bits64 { 16 } else { 8 };
    for &r in &Gpr::ALL[..count] {
        let v = match rng.below(8) {
            0 => DATA + rng.below(DATA_SIZE as u64),
            1 => double(rng),
            _ => integer(rng),
        };
        cpu.set(r, v & cpu.mode.addr_mask());
    }
}

/// FS and GS have bases; in 32-bit mode, selectors too.
fn segments(cpu: &mut CpuState, rng: &mut Rng) {
    for (seg, selector) in [Seg::Fs, Seg::Gs].into_iter().zip(TLS_SELECTORS) {
        let base = match rng.below(4) {
            0 => 0,
            1 => DATA + rng.below(DATA_SIZE as u64),
            2 => DATA + 0x40 * rng.below(0x80),
            _ => integer(rng) & cpu.mode.addr_mask() & 0x7fff_ffff_ffff,
        };
        cpu.seg_base[seg.index()] = base;
        if cpu.mode == Mode::Bits32 {
            cpu.seg_sel[seg.index()] = selector;
            cpu.seg_cache[seg.index()] = SegCache::DATA;
        }
    }
}

fn vectors(cpu: &mut CpuState, rng: &mut Rng) {
    let count = if cpu.mode == Mode::Bits64 { 16 } else { 8 };
    for v in &mut cpu.vec[..count] {
        let small = rng.chance(6);
        for (n, chunk) in v.0[..32].chunks_exact_mut(8).enumerate() {
            let l = if small { rng.below(70) * u64::from(n % 2 == 0) } else { lane(rng) };
            chunk.copy_from_slice(&l.to_le_bytes());
        }
    }
    cpu.mxcsr = match rng.below(6) {
        0 | 1 => CpuState::MXCSR_DEFAULT,
        // Rounding, DAZ, FTZ and flags.
        2 | 3 => CpuState::MXCSR_DEFAULT | rng.next() as u32 & 0xe07f,
        // One exception unmasked.
        4 => (CpuState::MXCSR_DEFAULT | rng.next() as u32 & 0xe07f) ^ 0x80 << rng.below(6),
        _ => rng.next() as u32 & 0xffff,
    };
}

fn x87(cpu: &mut CpuState, rng: &mut Rng) {
    let x = &mut cpu.x87;
    // Numbers for x87, or for MMX.
    let mmx = rng.chance(2);
    for r in &mut x.regs {
        *r = extended(rng);
        if mmx {
            r.mantissa = lane(rng);
        }
    }
    x.top = rng.below(8) as u32;
    x.used = if rng.chance(3) { rng.next() as u8 } else { 0xff };
    // Rounding and precision, reserved ones too; exceptions mostly masked.
    let masks = if rng.chance(3) { rng.next() as u16 & 0x3f } else { 0x3f };
    let control = rng.next() as u16 & 0x1f00 | masks;
    // Flags and conditions.
    let pending = if rng.chance(8) { rng.next() as u16 & 0x7f } else { rng.next() as u16 & 0x7f & masks };
    x.sw = rng.next() as u16 & 0x4700 | pending;
    x.set_control_word(if rng.chance(3) { 0x37f } else { control });
    if rng.chance(16) {
        return;
    }
    // Nothing pending: else each waiting instruction is #MF.
    x.sw &= !(0x3f & !x.cw);
    x.summarise();
}

/// The stack pointer: in the data, seldom at its ends. What POPF loads has no TF, which would trap.
fn stack(cpu: &mut CpuState, i: &Instruction, image: &[u8], rng: &mut Rng) {
    let popf = matches!(i.mnemonic(), M::Popf | M::Popfd | M::Popfq);
    for _ in 0..64 {
        let at = match rng.below(20) {
            0 => *rng.pick(&[DATA, RODATA, RODATA + RODATA_SIZE as u64]) + rng.below(40) - 20,
            1 => DATA + rng.below(DATA_SIZE as u64),
            _ => DATA + 0x100 + 8 * rng.below((DATA_SIZE as u64 - 0x200) / 8),
        };
        cpu.set(Gpr::Rsp, at);
        // Bit 8 of what lies there.
        let trap = image.get((at.wrapping_sub(DATA) as usize).wrapping_add(1)).is_none_or(|b| b & 1 != 0);
        if !(popf && trap) {
            break;
        }
    }
    if matches!(i.mnemonic(), M::Leave | M::Enter) {
        cpu.set(Gpr::Rbp, DATA + 0x400 + 4 * rng.below(0x800));
    }
}

fn strings(cpu: &mut CpuState, i: &Instruction, rng: &mut Rng) {
    for r in [Gpr::Rsi, Gpr::Rdi] {
        let base = if r == Gpr::Rsi { segment_base(cpu, i.memory_segment()) } else { 0 };
        let to = target(rng);
        cpu.set(r, to.wrapping_sub(base) & cpu.mode.addr_mask());
    }
    let most = *rng.pick(&[4, 20, 20, 80, 700]);
    let count = if rng.chance(24) { integer(rng) } else { rng.below(most) };
    cpu.set(Gpr::Rcx, count & cpu.mode.addr_mask());
}

fn segment_base(cpu: &CpuState, r: Register) -> u64 {
    match Seg::from_iced(r) {
        Some(s) if cpu.mode == Mode::Bits32 || matches!(s, Seg::Fs | Seg::Gs) => cpu.seg_base[s.index()],
        _ => 0,
    }
}

/// An address: in the data mostly, aligned half the time, now and then about the ends of what may be accessed.
fn target(rng: &mut Rng) -> u64 {
    let at_end = |end: u64, rng: &mut Rng| end - rng.below(40);
    match rng.below(40) {
        0 | 1 => at_end(RODATA, rng),
        2 => at_end(RODATA + RODATA_SIZE as u64, rng),
        3 => at_end(DATA, rng),
        4 => RODATA + rng.below(RODATA_SIZE as u64),
        5 => CODE + rng.below(CODE_SIZE as u64),
        6 | 7 => at_end(DATA + 0x1000 + 0x1000 * rng.below(2), rng),
        8 => integer(rng),
        9..=20 => DATA + rng.below(DATA_SIZE as u64 - 64),
        21..=26 => DATA + 8 * rng.below((DATA_SIZE as u64 - 64) / 8),
        _ => DATA + 32 * rng.below((DATA_SIZE as u64 - 64) / 32),
    }
}

/// An address at which FXSAVE's image has no reserved bit of MXCSR, mostly.
fn state_image(image: &[u8], rng: &mut Rng) -> u64 {
    let is_valid = |at: &usize| image.get(at + 26..at + 28) == Some(&[0, 0]);
    let mut places = (0..32).map(|_| 16 * rng.below(DATA_SIZE as u64 / 16 - 32) as usize);
    places.find(is_valid).map_or_else(|| target(rng), |at| DATA + at as u64)
}

/// Makes the memory operand's address one that [`target`] gives: by the base register, the index, or the displacement in `code`.
fn address(cpu: &mut CpuState, i: &Instruction, code: &mut [u8], image: &[u8], rng: &mut Rng) {
    if i.memory_index().is_vector_register() {
        return indices(cpu, i, rng);
    }
    // Bits of a string in memory: mostly near.
    if matches!(i.mnemonic(), M::Bt | M::Bts | M::Btr | M::Btc) && i.op1_kind() == OpKind::Register && !rng.chance(8) {
        set_part(cpu, i.op1_register(), rng.below(4000).wrapping_sub(2000));
    }
    if i.mnemonic() == M::Xlatb {
        let to = target(rng).wrapping_sub(segment_base(cpu, i.memory_segment())).wrapping_sub(cpu.get(Gpr::Rax) & 0xff);
        cpu.set(Gpr::Rbx, to & cpu.mode.addr_mask());
        return;
    }
    let to = if matches!(i.mnemonic(), M::Fxrstor | M::Fxrstor64) { state_image(image, rng) } else { target(rng) };
    let to = to.wrapping_sub(segment_base(cpu, i.memory_segment()));
    let register = |r: Register| Gpr::from_iced(r);
    let (base, index) = (register(i.memory_base()), register(i.memory_index()));
    let scale = i.memory_index_scale() as u64;
    match (base, index) {
        (Some(b), Some(x)) if b != x => {
            if !rng.chance(6) {
                let small = rng.below(64).wrapping_sub(16) & cpu.mode.addr_mask();
                cpu.set(x, small);
            }
            let rest = to.wrapping_sub(cpu.get(x).wrapping_mul(scale)).wrapping_sub(i.memory_displacement64());
            cpu.set(b, rest & cpu.mode.addr_mask());
        }
        (Some(b), None) => cpu.set(b, to.wrapping_sub(i.memory_displacement64()) & cpu.mode.addr_mask()),
        (Some(b), Some(_)) => cpu.set(b, (to.wrapping_sub(i.memory_displacement64()) / (scale + 1)) & cpu.mode.addr_mask()),
        (None, index) => displacement(cpu, i, index, to, code),
    }
}

/// Sets the displacement in `code`, of an operand without a base register.
fn displacement(cpu: &mut CpuState, i: &Instruction, index: Option<Gpr>, to: u64, code: &mut [u8]) {
    let mut decoder = iced_x86::Decoder::with_ip(cpu.mode.bitness(), code, CODE, iced_x86::DecoderOptions::NONE);
    let again = decoder.decode();
    let at = decoder.get_constant_offsets(&again);
    let relative = if i.is_ip_rel_memory_operand() { cpu.rip.wrapping_add(code.len() as u64) } else { 0 };
    let scaled = index.map_or(0, |x| cpu.get(x).wrapping_mul(i.memory_index_scale() as u64));
    let value = to.wrapping_sub(relative).wrapping_sub(scaled).to_le_bytes();
    if at.has_displacement() {
        code[at.displacement_offset()..at.displacement_offset() + at.displacement_size()].copy_from_slice(&value[..at.displacement_size()]);
    }
}

/// Small indices for a gather, but for one now and then.
fn indices(cpu: &mut CpuState, i: &Instruction, rng: &mut Rng) {
    let wide = format!("{:?}", i.code()).contains("vm64");
    let n = if wide { 8 } else { 4 };
    for chunk in cpu.vec[i.memory_index().number()].0[..32].chunks_exact_mut(n) {
        let v = rng.below(20) as i64 - 4 + if rng.chance(60) { 1 << 30 } else { 0 };
        chunk.copy_from_slice(&v.to_le_bytes()[..n]);
    }
    if let Some(b) = Gpr::from_iced(i.memory_base()) {
        let at = DATA + 0x200 + rng.below(0x2000);
        cpu.set(b, at.wrapping_sub(segment_base(cpu, i.memory_segment())).wrapping_sub(i.memory_displacement64()) & cpu.mode.addr_mask());
    }
}

/// What a compare-and-exchange compares is often equal.
fn compared(cpu: &mut CpuState, i: &Instruction, image: &[u8], rng: &mut Rng) {
    if !matches!(i.mnemonic(), M::Cmpxchg | M::Cmpxchg8b | M::Cmpxchg16b) || rng.chance(2) {
        return;
    }
    let read = |r: Register, _, _| Some(Gpr::from_iced(r).map_or_else(|| segment_base(cpu, r), |g| cpu.get(g)));
    let at = i.virtual_address(0, 0, read).unwrap_or(0).wrapping_sub(DATA) as usize;
    let Some(bytes) = image.get(at..at.saturating_add(16)) else { return };
    let quad = |at: usize| u64::from_le_bytes(std::array::from_fn(|k| bytes[at + k]));
    let base = Gpr::from_iced(i.memory_base());
    let index = Gpr::from_iced(i.memory_index());
    let mut set = |r: Gpr, v: u64| {
        if base != Some(r) && index != Some(r) {
            cpu.set(r, v & cpu.mode.addr_mask());
        }
    };
    match i.mnemonic() {
        M::Cmpxchg8b => {
            set(Gpr::Rax, quad(0) & 0xffff_ffff);
            set(Gpr::Rdx, quad(0) >> 32);
        }
        M::Cmpxchg16b => {
            set(Gpr::Rax, quad(0));
            set(Gpr::Rdx, quad(8));
        }
        _ => set(Gpr::Rax, quad(0)),
    }
}

/// Sets the register `r`, of 16 to 64 bits, sign-extended.
fn set_part(cpu: &mut CpuState, r: Register, v: u64) {
    if let Some(g) = Gpr::from_iced(r) {
        cpu.set(g, v & cpu.mode.addr_mask());
    }
}
