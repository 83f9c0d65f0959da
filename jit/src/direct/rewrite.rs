//! One instruction of the guest as instructions of the host.
//!
//! Most are copied byte by byte. Three things differ between guest and host, and an instruction that has to do with one is encoded anew:
//! * r11 is not the guest's. Another register, which the instruction doesn't use, stands in for it, and is put back afterwards.
//! * `rip` is elsewhere. The operand is reached from the new place, or from address 0, or through a register as above.
//! * The guest's FS is the host's GS.

use forklift_x86::{Gpr, Mode};
use iced_x86::{Code as Op, Encoder, Instruction, InstructionInfoFactory, InstructionInfoOptions, MemoryOperand, OpAccess, OpKind, Register};

use super::emit::{Code, STATE};
use super::marks::{Marks, Recovery};

/// What encoding keeps from one instruction to the next.
pub(super) struct Rewriter {
    /// Made when it is needed first: its tables are large.
    encoder: Option<Encoder>,
    info: InstructionInfoFactory,
    /// What else a place needs to be recovered from.
    held: Recovery,
    /// Mode of the guest's code.
    mode: Mode,
    /// Of 32-bit code: the segments, by number, that code may go through now, and those that some code goes through.
    pub usable: u8,
    pub segments: u8,
}

/// Registers that may stand in, those first that are encoded without a prefix.
const STAND_INS: [Gpr; 14] =
    [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rbx, Gpr::Rsi, Gpr::Rdi, Gpr::Rbp, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15];

fn is_r11(r: Register) -> bool {
    r.full_register() == Register::R11
}

/// The register of iced for `r`, 64 bits wide.
pub(super) fn register(r: Gpr) -> Register {
    Register::RAX + r.index() as u32
}

/// The part of `r` that `like` is of its register.
fn part(like: Register, r: Gpr) -> Register {
    let n = r.index() as u32;
    match like.size() {
        8 => Register::RAX + n,
        4 => Register::EAX + n,
        2 => Register::AX + n,
        // AL to BL, then SPL to DIL and R8L on, which are encoded with REX: r11 was, too.
        _ if n < 4 => Register::AL + n,
        _ => Register::SPL + (n - 4),
    }
}

fn names_r11(i: &Instruction) -> bool {
    (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Register && is_r11(i.op_register(k))) || is_r11(i.memory_base()) || is_r11(i.memory_index())
}

/// `code` with the memory operand of `i`, and `r` as the first operand.
pub(super) fn with_operand_of(code: Op, r: Register, i: &Instruction) -> Option<Instruction> {
    let mut memory = MemoryOperand::new(
        i.memory_base(),
        i.memory_index(),
        i.memory_index_scale(),
        i.memory_displacement64() as i64,
        i.memory_displ_size(),
        false,
        i.segment_prefix(),
    );
    if i.memory_base() == Register::RIP {
        memory.displ_size = 8;
    }
    let mut new = Instruction::with2(code, r, memory).ok()?;
    new.set_ip(i.ip());
    Some(new)
}

impl Rewriter {
    pub fn new(mode: Mode) -> Self {
        Self { encoder: None, info: InstructionInfoFactory::new(), held: Recovery::default(), mode, usable: !0, segments: 0 }
    }

    /// Runs `f` where the guest's state is not all in its registers.
    pub fn holding<T>(&mut self, held: Recovery, f: impl FnOnce(&mut Self) -> T) -> T {
        self.held = held;
        let result = f(self);
        self.held = Recovery::default();
        result
    }

    /// Appends what `i` does; `raw` are its bytes, if it lies in the guest as it is. `None` if that can't be done: nothing is appended then.
    pub fn emit(&mut self, code: &mut Code, marks: &mut Marks, i: &Instruction, raw: Option<&[u8]>) -> Option<()> {
        if self.mode == Mode::Bits32 {
            return self.emit_narrow(code, marks, i, raw);
        }
        let relative = i.is_ip_rel_memory_operand();
        let other = names_r11(i);
        if let Some(raw) = raw.filter(|_| !other && !relative) {
            copy(code, i, raw);
            return Some(());
        }
        let field = raw.filter(|_| !other && !is_lea(i) && is_in_reach(i, code.address())).and_then(|raw| displacement_in(i, raw));
        if let (Some(raw), Some(field)) = (raw, field) {
            let start = code.at();
            copy(code, i, raw);
            let displacement = i.ip_rel_memory_address().wrapping_sub(code.address()) as u32;
            code.bytes[start + field..start + field + 4].copy_from_slice(&displacement.to_le_bytes());
            return Some(());
        }
        let mut i = *i;
        if i.segment_prefix() == Register::FS {
            i.set_segment_prefix(Register::GS);
        }
        if relative && is_lea(&i) {
            let (r, address) = (gpr(i.op0_register()), address(&i));
            if r == STATE {
                // If this is interrupted between, it is done again.
                code.store_u32(8 * STATE.index() as i32, address as u32);
                code.store_u32(8 * STATE.index() as i32 + 4, (address >> 32) as u32);
            } else {
                code.constant(r, address);
            }
            return Some(());
        }
        if !other && self.encode(code, &i).is_some() {
            return Some(());
        }
        self.with_stand_ins(code, marks, i)
    }

    /// Encodes `i` for where it goes. `None` if its operand is out of reach from there, and from address 0.
    pub(super) fn encode(&mut self, code: &mut Code, i: &Instruction) -> Option<()> {
        let mut i = *i;
        if i.is_ip_rel_memory_operand() && !is_in_reach(&i, code.address()) {
            i32::try_from(i.ip_rel_memory_address()).ok()?;
            i.set_memory_base(Register::None);
            i.set_memory_displ_size(4);
        }
        if let Some(encoded) = super::encode::encode(&i, code.address()) {
            code.put(encoded.bytes());
            return Some(());
        }
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(64));
        let done = encoder.encode(&i, code.address()).is_ok();
        let mut bytes = encoder.take_buffer();
        if done {
            code.put(&bytes);
        }
        bytes.clear();
        encoder.set_buffer(bytes);
        done.then_some(())
    }

    fn with_stand_ins(&mut self, code: &mut Code, marks: &mut Marks, i: Instruction) -> Option<()> {
        if let Some(of_stack) = push_or_pop(&i) {
            return self.encode(code, &of_stack);
        }
        if let Some(at_slot) = Self::with_slot(&i) {
            self.encode(code, &at_slot)?;
            if i.op0_kind() == OpKind::Register && i.op0_register() == Register::R11D && self.writes_r11(&i) {
                // A write to 32 bits clears the others. If this is interrupted before, it is done again.
                code.store_u32(8 * STATE.index() as i32 + 4, 0);
            }
            return Some(());
        }
        let mut free = self.unused(&i);
        let other = names_r11(&i);
        let r11 = if other { Some(free.next()?) } else { None };
        let pointer = if is_out_of_reach(&i, code.address()) { Some(free.next()?) } else { None };
        let mut new = i;
        if let Some(r) = r11 {
            replace_r11(&mut new, r);
        }
        let far = pointer.map(|p| (p, i.ip_rel_memory_address()));
        if let Some((p, _)) = far {
            new.set_memory_base(register(p));
            new.set_memory_displacement64(0);
            new.set_memory_displ_size(0);
        }
        let writes = other && self.writes_r11(&i);
        let reads = !writes || self.reads_r11(&i);
        let before = (code.at(), marks.len());
        let done = self.borrowing(code, marks, &new, (r11, far), (reads, writes));
        if done.is_none() {
            code.bytes.truncate(before.0);
            marks.truncate(before.1);
        }
        done
    }

    /// `i`, with one register for r11 and one for the address of its operand.
    fn borrowing(
        &mut self,
        code: &mut Code,
        marks: &mut Marks,
        i: &Instruction,
        (r11, far): (Option<Gpr>, Option<(Gpr, u64)>),
        (reads, writes): (bool, bool),
    ) -> Option<()> {
        let lent = || [r11, far.map(|f| f.0)].into_iter().flatten();
        lent().for_each(|r| code.save(r));
        let recovery = lent().fold(self.held, Recovery::and_restores);
        marks.add(code.at(), i.ip(), recovery);
        if let Some(r) = r11.filter(|_| reads) {
            code.load_r11(r);
        }
        if let Some((p, address)) = far {
            code.constant(p, address);
        }
        self.encode(code, i)?;
        let after = if writes { r11.map_or(recovery, |r| recovery.and_keeps_r11(r)) } else { recovery };
        marks.add(code.at(), i.next_ip(), after);
        if let Some(r) = r11.filter(|_| writes) {
            code.store_r11(r);
        }
        lent().for_each(|r| code.restore(r));
        Some(())
    }

    /// Whether `i` may write to memory.
    pub fn writes_memory(&mut self, i: &Instruction) -> bool {
        let reads = |a| matches!(a, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess);
        self.info.info(i).used_memory().iter().any(|m| !reads(m.access()))
    }

    /// Registers that `i` neither reads nor writes.
    fn unused(&mut self, i: &Instruction) -> impl Iterator<Item = Gpr> + use<> {
        let used = self.info.info_options(i, InstructionInfoOptions::NO_MEMORY_USAGE);
        let mut mask = 0u32;
        for u in used.used_registers() {
            let full = u.register().full_register();
            if full.is_gpr64() {
                mask |= 1 << (full as u32 - Register::RAX as u32);
            }
        }
        STAND_INS.into_iter().filter(move |r| mask >> r.index() & 1 == 0)
    }

    /// `i` with r11's place in the state for the one operand that is r11, where there is such a form of it.
    fn with_slot(i: &Instruction) -> Option<Instruction> {
        if i.op_count() < 2 || (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Memory) {
            return None;
        }
        let mut of_r11 = (0..i.op_count()).filter(|&k| i.op_kind(k) == OpKind::Register && is_r11(i.op_register(k)));
        let (Some(k), None) = (of_r11.next(), of_r11.next()) else { return None };
        let (code, at) = memory_form(i.code(), k)?;
        let mut new = *i;
        new.set_code(code);
        if at != k {
            let other = i.op_register(1 - k);
            new.set_op_register(k, other);
        }
        new.set_op_kind(at, OpKind::Memory);
        new.set_memory_base(Register::R11);
        new.set_memory_index(Register::None);
        new.set_memory_displacement64(8 * STATE.index() as u64);
        new.set_memory_displ_size(1);
        Some(new)
    }

    /// Whether some of r11 that `i` doesn't write itself matters.
    fn reads_r11(&mut self, i: &Instruction) -> bool {
        let used = self.info.info_options(i, InstructionInfoOptions::NO_MEMORY_USAGE);
        used.used_registers().iter().any(|u| is_r11(u.register()) && (u.access() != OpAccess::Write || u.register().size() < 4))
    }

    fn writes_r11(&mut self, i: &Instruction) -> bool {
        let used = self.info.info_options(i, InstructionInfoOptions::NO_MEMORY_USAGE);
        let writes = |a| !matches!(a, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess);
        used.used_registers().iter().any(|u| is_r11(u.register()) && writes(u.access()))
    }
}

/// The bytes as they are, but with GS for FS.
fn copy(code: &mut Code, i: &Instruction, raw: &[u8]) {
    let at = code.at();
    code.put(raw);
    if i.segment_prefix() == Register::FS {
        let is_prefix = |b: &u8| matches!(b, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
        let copied = &mut code.bytes[at..];
        let prefixes = copied.iter().take_while(|b| is_prefix(b)).count();
        // The last one counts.
        for b in copied[..prefixes].iter_mut().filter(|b| **b == 0x64) {
            *b = 0x65;
        }
    }
}

/// Where in `raw` the displacement of `i` lies, which is relative to `rip`: before an immediate operand of 0, 1, 2 or 4 bytes. `None` unless only one place has its
/// value.
fn displacement_in(i: &Instruction, raw: &[u8]) -> Option<usize> {
    let value = (i.ip_rel_memory_address().wrapping_sub(i.next_ip()) as u32).to_le_bytes();
    let mut places = [0, 1, 2, 4].into_iter().filter_map(|n| raw.len().checked_sub(4 + n)).filter(|&at| raw[at..at + 4] == value);
    places.next().filter(|_| places.next().is_none())
}

/// What LEA makes of an address that is known.
fn address(lea: &Instruction) -> u64 {
    let at = lea.ip_rel_memory_address();
    if lea.op0_register().size() == 4 { u64::from(at as u32) } else { at }
}

fn gpr(r: Register) -> Gpr {
    Gpr::ALL[(r.full_register() as usize - Register::RAX as usize) & 15]
}

/// PUSH and POP of r11 as those of its place in the state.
fn push_or_pop(i: &Instruction) -> Option<Instruction> {
    let code = match i.code() {
        Op::Push_r64 | Op::Push_rm64 if i.op0_kind() == OpKind::Register => Op::Push_rm64,
        Op::Pop_r64 | Op::Pop_rm64 if i.op0_kind() == OpKind::Register => Op::Pop_rm64,
        _ => return None,
    };
    let slot = MemoryOperand::with_base_displ(Register::R11, 8 * STATE.index() as i64);
    Instruction::with1(code, slot).ok()
}

fn is_lea(i: &Instruction) -> bool {
    matches!(i.code(), Op::Lea_r64_m | Op::Lea_r32_m)
}

/// Whether a displacement from about `from` reaches the operand, which is relative to `rip`.
fn is_in_reach(i: &Instruction, from: u64) -> bool {
    const MARGIN: i64 = 1 << 12;
    let distance = i.ip_rel_memory_address().wrapping_sub(from) as i64;
    (i64::from(i32::MIN) + MARGIN..i64::from(i32::MAX) - MARGIN).contains(&distance)
}

/// Whether the operand can be reached neither from about `from` nor from address 0.
fn is_out_of_reach(i: &Instruction, from: u64) -> bool {
    i.is_ip_rel_memory_operand() && !is_in_reach(i, from) && i32::try_from(i.ip_rel_memory_address()).is_err()
}

/// The form of `code` that has operand `k` in memory, and which operand that is then. It reads all of it, or writes 32 or 64 bits of it by MOV.
fn memory_form(code: Op, k: u32) -> Option<(Op, u32)> {
    let from_second = match code {
        Op::Mov_rm64_r64 | Op::Mov_r64_rm64 => Op::Mov_r64_rm64,
        Op::Mov_rm32_r32 | Op::Mov_r32_rm32 => Op::Mov_r32_rm32,
        Op::Add_rm64_r64 | Op::Add_r64_rm64 => Op::Add_r64_rm64,
        Op::Add_rm32_r32 | Op::Add_r32_rm32 => Op::Add_r32_rm32,
        Op::Sub_rm64_r64 | Op::Sub_r64_rm64 => Op::Sub_r64_rm64,
        Op::Sub_rm32_r32 | Op::Sub_r32_rm32 => Op::Sub_r32_rm32,
        Op::And_rm64_r64 | Op::And_r64_rm64 => Op::And_r64_rm64,
        Op::And_rm32_r32 | Op::And_r32_rm32 => Op::And_r32_rm32,
        Op::Or_rm64_r64 | Op::Or_r64_rm64 => Op::Or_r64_rm64,
        Op::Or_rm32_r32 | Op::Or_r32_rm32 => Op::Or_r32_rm32,
        Op::Xor_rm64_r64 | Op::Xor_r64_rm64 => Op::Xor_r64_rm64,
        Op::Xor_rm32_r32 | Op::Xor_r32_rm32 => Op::Xor_r32_rm32,
        Op::Cmp_rm64_r64 | Op::Cmp_r64_rm64 => Op::Cmp_r64_rm64,
        Op::Cmp_rm32_r32 | Op::Cmp_r32_rm32 => Op::Cmp_r32_rm32,
        Op::Adc_rm64_r64 | Op::Adc_r64_rm64 => Op::Adc_r64_rm64,
        Op::Adc_rm32_r32 | Op::Adc_r32_rm32 => Op::Adc_r32_rm32,
        Op::Sbb_rm64_r64 | Op::Sbb_r64_rm64 => Op::Sbb_r64_rm64,
        Op::Sbb_rm32_r32 | Op::Sbb_r32_rm32 => Op::Sbb_r32_rm32,
        Op::Movzx_r32_rm8 | Op::Movzx_r64_rm8 | Op::Movzx_r32_rm16 | Op::Movzx_r64_rm16 | Op::Movsx_r32_rm8 | Op::Movsx_r64_rm8 => code,
        Op::Movsx_r32_rm16 | Op::Movsx_r64_rm16 | Op::Movsxd_r64_rm32 | Op::Imul_r32_rm32 | Op::Imul_r64_rm64 => code,
        Op::Imul_r64_rm64_imm32 | Op::Imul_r64_rm64_imm8 | Op::Imul_r32_rm32_imm32 | Op::Imul_r32_rm32_imm8 => code,
        _ => Op::INVALID,
    };
    let of_first = match code {
        Op::Mov_rm64_r64 | Op::Mov_r64_rm64 => Op::Mov_rm64_r64,
        Op::Mov_rm32_r32 | Op::Mov_r32_rm32 => Op::Mov_rm32_r32,
        Op::Mov_rm64_imm32 | Op::Mov_rm32_imm32 | Op::Cmp_rm64_r64 | Op::Cmp_rm32_r32 | Op::Test_rm64_r64 | Op::Test_rm32_r32 => code,
        Op::Cmp_rm64_imm32 | Op::Cmp_rm64_imm8 | Op::Cmp_rm32_imm32 | Op::Cmp_rm32_imm8 | Op::Test_rm64_imm32 | Op::Test_rm32_imm32 => code,
        _ => Op::INVALID,
    };
    match (k, code) {
        // The operands of TEST can change places.
        (1, Op::Test_rm64_r64 | Op::Test_rm32_r32) => Some((code, 0)),
        (1, _) if from_second != Op::INVALID => Some((from_second, 1)),
        (0, _) if of_first != Op::INVALID => Some((of_first, 0)),
        _ => None,
    }
}

fn replace_r11(i: &mut Instruction, r: Gpr) {
    for k in 0..i.op_count() {
        if i.op_kind(k) == OpKind::Register && is_r11(i.op_register(k)) {
            let new = part(i.op_register(k), r);
            i.set_op_register(k, new);
        }
    }
    if is_r11(i.memory_base()) {
        i.set_memory_base(part(i.memory_base(), r));
    }
    if is_r11(i.memory_index()) {
        i.set_memory_index(part(i.memory_index(), r));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forklift_x86::{GuestAddr, decode_one};

    /// What becomes of the instruction at `pc`, for code at 0x40_0000_0000.
    fn rewritten(pc: u64, bytes: &[u8]) -> Vec<String> {
        let i = decode_one(Mode::Bits64, GuestAddr::new(pc), bytes).unwrap();
        let (mut code, mut marks) = (Code::new(), Marks::default());
        code.restart(0x40_0000_0000);
        Rewriter::new(Mode::Bits64).emit(&mut code, &mut marks, &i, Some(bytes)).unwrap();
        iced_x86::Decoder::with_ip(64, &code.bytes, 0x40_0000_0000, 0).into_iter().map(|i| i.to_string()).collect()
    }

    #[test]
    fn most_are_copied() {
        assert_eq!(rewritten(0x1000, &[0x48, 0x01, 0xc8]), ["add rax,rcx"]);
        assert_eq!(rewritten(0x1000, &[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0]), ["mov rax,gs:[28h]"]);
    }

    #[test]
    fn operands_relative_to_rip_are_reached() {
        // cmp dword ptr [rip + 0x100], 0x100: the displacement's value is there twice.
        let near = rewritten(0x40_1000_0000, &[0x81, 0x3d, 0, 1, 0, 0, 0, 1, 0, 0]);
        assert_eq!(near, ["cmp dword ptr [401000010Ah],100h"]);
        assert_eq!(rewritten(0x40_1000_0000, &[0xff, 0x05, 0x10, 0, 0, 0]), ["inc dword ptr [4010000016h]"]);
        assert_eq!(rewritten(0x40_0000, &[0xff, 0x05, 0x10, 0, 0, 0]), ["inc dword ptr [400016h]"]);
        let far = rewritten(0x7000_0000_0000, &[0x01, 0x05, 0x10, 0, 0, 0]);
        assert_eq!(far, ["mov [r11+8],rcx", "mov rcx,700000000016h", "add [rcx],eax", "mov rcx,[r11+8]"]);
        assert_eq!(rewritten(0x7000_0000_0000, &[0x48, 0x8d, 0x05, 0x10, 0, 0, 0]), ["mov rax,700000000017h"]);
        assert_eq!(rewritten(0x7000_0000_0000, &[0x44, 0x8d, 0x05, 0x10, 0, 0, 0]), ["mov r8d,17h"]);
        let of_r11 = rewritten(0x7000_0000_0000, &[0x4c, 0x8d, 0x1d, 0x10, 0, 0, 0]);
        assert_eq!(of_r11, ["mov dword ptr [r11+58h],17h", "mov dword ptr [r11+5Ch],7000h"]);
    }

    #[test]
    fn r11_is_in_the_state() {
        assert_eq!(rewritten(0x1000, &[0x4c, 0x01, 0xd8]), ["add rax,[r11+58h]"]);
        assert_eq!(rewritten(0x1000, &[0x41, 0x53]), ["push qword ptr [r11+58h]"]);
        assert_eq!(rewritten(0x1000, &[0x49, 0x89, 0xc3]), ["mov [r11+58h],rax"]);
        assert_eq!(rewritten(0x1000, &[0x41, 0x89, 0xc3]), ["mov [r11+58h],eax", "mov dword ptr [r11+5Ch],0"]);
        let through = ["mov [r11],rax", "mov rax,[r11+58h]", "mov rcx,[rax+8]", "mov rax,[r11]"];
        assert_eq!(rewritten(0x1000, &[0x49, 0x8b, 0x4b, 0x08]), through);
        // BT with a register addresses bits beyond its operand in memory.
        assert_eq!(rewritten(0x1000, &[0x49, 0x0f, 0xa3, 0xcb]).len(), 4);
    }
}
