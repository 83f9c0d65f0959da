//! Instructions of 32-bit code as instructions of the host's 64-bit code.
//!
//! The guest's address 0 is the host's, so most are copied. The registers that 32-bit code doesn't have are free. What differs:
//! * Addresses wrap at 32 bits: the address-size prefix does that. A base with a displacement of 8 bits does without: where the sum would wrap there is nothing of the
//!   guest's, so that the interpreter gets to see it.
//! * An operand without registers is encoded anew (its encoding means `rip` on the host), and so are VEX prefixes, of which 32-bit mode ignores some bits.
//! * PUSH, POP, CALL, RET and LEAVE move 4 bytes: a move, and LEA of the stack pointer, which keeps the flags.
//! * INC and DEC of a register have another encoding; BCD and others have none, and are the interpreter's.
//! * Indirect branches keep the guest's rcx in r9 on their way.
//! * FS and GS have bases of 32 bits, with which addresses wrap: the base becomes a part of the operand.

use forklift_lift::offset;
use forklift_x86::{Gpr, Seg};
use iced_x86::{Code as Op, Instruction, OpKind, Register};

use super::TABLE;
use super::asm::EXIT_UNKNOWN;
use super::emit::{Code, STATE};
use super::marks::{Marks, Recovery};
use super::rewrite::{Rewriter, with_operand_of};
use super::translate::Translation;

/// Holds the base of a segment.
const BASE: Gpr = Gpr::R9;
/// Holds what is on its way to or from the stack, or a part of an address.
const VALUE: Gpr = Gpr::R8;

const ADDRESS_SIZE: u8 = 0x67;

/// The register of iced for `r`, 32 bits wide.
fn narrow(r: Gpr) -> Register {
    Register::EAX + r.index() as u32
}

/// `mov dword ptr [rsp - 4], v`, or a register's, for what is pushed then.
const BELOW: [u8; 2] = [0x24, 0xfc];

impl Code {
    /// `lea esp, [rsp - 4]`.
    fn move_stack_down(&mut self) {
        self.put(&[0x8d, 0x64, 0x24, 0xfc]);
    }

    /// Pushes a constant of 32 bits.
    pub fn push_narrow(&mut self, v: u32) {
        self.put(&[0xc7, 0x44]);
        self.put(&BELOW);
        self.put(&v.to_le_bytes());
        self.move_stack_down();
    }

    fn push_register(&mut self, r: Gpr) {
        if r.index() >= 8 {
            self.put(&[0x44]);
        }
        self.put(&[0x89, 0x44 | (r.index() as u8 & 7) << 3]);
        self.put(&BELOW);
        self.move_stack_down();
    }

    /// `mov r, [rsp]`, 32 bits wide.
    pub fn load_top(&mut self, r: Gpr) {
        if r.index() >= 8 {
            self.put(&[0x44]);
        }
        self.put(&[0x8b, 0x04 | (r.index() as u8 & 7) << 3, 0x24]);
    }

    /// `lea esp, [rsp + n]`.
    pub fn move_stack_up(&mut self, n: i32) {
        self.put(&[0x8d, 0xa4, 0x24]);
        self.put(&n.to_le_bytes());
    }

    /// `mov r9d, [r11 + disp]`.
    fn load_base(&mut self, disp: i32) {
        self.put(&[0x45, 0x8b, 0x8b]);
        self.put(&disp.to_le_bytes());
    }
}

impl Translation {
    /// Behind a branch but for its change of `rip`: to the block at the address in r10.
    pub(super) fn branch_narrow(&mut self) {
        // mov r9, rcx
        self.code.put(&[0x49, 0x89, 0xc9]);
        self.mark(0, Recovery::narrow_branch());
        // movzx ecx, r10w; mov rcx, [r11 + 8 * rcx + TABLE]
        self.code.put(&[0x41, 0x0f, 0xb7, 0xca, 0x49, 0x8b, 0x8c, 0xcb]);
        self.code.put(&(TABLE as u32).to_le_bytes());
        // jrcxz behind; jmp rcx
        self.code.put(&[0xe3, 0x02, 0xff, 0xe1]);
        self.miss_narrow();
    }

    /// To where the second table is looked into.
    fn miss_narrow(&mut self) {
        // mov [r11 + 8], r9
        self.code.put(&[0x4d, 0x89, 0x4b, 8 * Gpr::Rcx.index() as u8]);
        self.code.store_u32(offset::EXIT, EXIT_UNKNOWN);
        let miss = self.miss;
        self.code.jump_to(miss);
    }

    /// As [`Translation::landing`].
    pub(super) fn landing_narrow(&mut self, pc: u64) {
        self.mark(0, Recovery::narrow_branch());
        // lea ecx, [r10 - pc]; jrcxz behind
        self.code.put(&[0x41, 0x8d, 0x8a]);
        self.code.put(&(pc as u32).wrapping_neg().to_le_bytes());
        self.code.put(&[0xe3, 0]);
        let hit = self.code.at();
        self.miss_narrow();
        self.code.bytes[hit - 1] = (self.code.at() - hit) as u8;
        // mov rcx, r9
        self.code.put(&[0x4c, 0x89, 0xc9]);
        self.mark(pc, Recovery::default());
        self.entry = self.code.at();
    }
}

/// How the operands of an instruction are addressed.
enum Operand {
    None,
    /// By registers and a displacement.
    Plain,
    /// By registers that the instruction doesn't name.
    Implicit,
    /// With 16 bits, or so that something else makes it one for the interpreter.
    Odd,
}

impl Rewriter {
    /// As [`Rewriter::emit`], of 32-bit code.
    pub(super) fn emit_narrow(&mut self, code: &mut Code, marks: &mut Marks, i: &Instruction, raw: Option<&[u8]>) -> Option<()> {
        if let Some(done) = self.stack(code, marks, i) {
            return done;
        }
        if let Some(same) = same_in_64_bits(i) {
            return self.encode(code, &same);
        }
        if is_narrow_only(i.code()) {
            return None;
        }
        let raw = raw.filter(|r| !is_vex(r));
        match operand(i) {
            Operand::None => match raw {
                Some(raw) => code.put(raw),
                None => self.encode(code, i)?,
            },
            Operand::Implicit => {
                code.put(&[ADDRESS_SIZE]);
                code.put(raw?);
            }
            Operand::Plain => self.with_operand(code, i, raw)?,
            Operand::Odd => return None,
        }
        Some(())
    }

    /// `i` has a memory operand.
    fn with_operand(&mut self, code: &mut Code, i: &Instruction, raw: Option<&[u8]>) -> Option<()> {
        let is_lea = matches!(i.code(), Op::Lea_r32_m | Op::Lea_r16_m | Op::Lea_r64_m);
        if let Some(segment) = Seg::from_iced(i.memory_segment()).filter(|s| !is_lea && matches!(s, Seg::Fs | Seg::Gs)) {
            return self.in_segment(code, i, segment);
        }
        let (base, index) = (i.memory_base(), i.memory_index());
        let has_registers = base != Register::None || index != Register::None;
        match raw {
            Some(raw) if has_registers => {
                let may_wrap = index != Register::None || i.memory_displ_size() > 1;
                if may_wrap && !is_lea {
                    code.put(&[ADDRESS_SIZE]);
                }
                code.put(raw);
                Some(())
            }
            _ => {
                let mut i = *i;
                i.set_segment_prefix(Register::None);
                self.encode(code, &i)
            }
        }
    }

    /// `i` has a memory operand relative to FS or GS.
    fn in_segment(&mut self, code: &mut Code, i: &Instruction, segment: Seg) -> Option<()> {
        if self.usable >> segment.index() & 1 == 0 {
            return None;
        }
        let before = code.at();
        let mut new = *i;
        new.set_code(with_registers(i.code()));
        new.set_segment_prefix(Register::None);
        code.load_base(offset::seg_base(segment));
        match (i.memory_base(), i.memory_index()) {
            (Register::None, Register::None) => {
                new.set_memory_base(narrow(BASE));
                new.set_memory_displ_size(4);
            }
            (_, Register::None) => {
                new.set_memory_index(narrow(BASE));
                new.set_memory_index_scale(1);
            }
            _ if i.memory_index().is_vector_register() => return None,
            _ => {
                let mut lea = with_operand_of(Op::Lea_r64_m, Register::R8, i)?;
                lea.set_segment_prefix(Register::None);
                self.encode(code, &lea)?;
                new.set_memory_base(narrow(BASE));
                new.set_memory_index(narrow(VALUE));
                new.set_memory_index_scale(1);
                new.set_memory_displacement64(0);
                new.set_memory_displ_size(0);
            }
        }
        self.segments |= 1 << segment.index();
        let done = self.encode(code, &new);
        if done.is_none() {
            code.bytes.truncate(before);
        }
        done
    }

    /// PUSH, POP and LEAVE; `None` if it is none of these.
    fn stack(&mut self, code: &mut Code, marks: &mut Marks, i: &Instruction) -> Option<Option<()>> {
        let r = || Gpr::from_iced(i.op0_register());
        match i.code() {
            Op::Push_r32 | Op::Push_rm32 if i.op0_kind() == OpKind::Register => code.push_register(r()?),
            Op::Push_rm32 => {
                let load = with_operand_of(Op::Mov_r32_rm32, narrow(VALUE), i);
                if load.and_then(|load| self.emit_narrow(code, marks, &load, None)).is_none() {
                    return Some(None);
                }
                code.push_register(VALUE);
            }
            Op::Pushd_imm8 | Op::Pushd_imm32 => code.push_narrow(i.immediate(0) as u32),
            Op::Pop_r32 | Op::Pop_rm32 if i.op0_kind() == OpKind::Register => {
                let r = r()?;
                code.load_top(r);
                if r != Gpr::Rsp {
                    marks.add(code.at(), i.next_ip(), Recovery::default().and_pops());
                    code.move_stack_up(4);
                }
            }
            Op::Pop_rm32 => return Some(None),
            Op::Leaved => {
                // mov r8d, [rbp]; lea esp, [rbp + 4]; mov ebp, r8d
                code.put(&[0x44, 0x8b, 0x45, 0, 0x8d, 0x65, 4]);
                marks.add(code.at(), i.next_ip(), Recovery::default().and_frame_in_value());
                code.put(&[0x44, 0x89, 0xc5]);
            }
            _ => return None,
        }
        Some(Some(()))
    }
}

/// What is encoded otherwise in 64-bit code.
fn same_in_64_bits(i: &Instruction) -> Option<Instruction> {
    let code = match i.code() {
        Op::Inc_r32 => Op::Inc_rm32,
        Op::Inc_r16 => Op::Inc_rm16,
        Op::Dec_r32 => Op::Dec_rm32,
        Op::Dec_r16 => Op::Dec_rm16,
        _ => return None,
    };
    let mut new = *i;
    new.set_code(code);
    Some(new)
}

/// The form of a MOV of a fixed address that can have registers in it.
fn with_registers(code: Op) -> Op {
    match code {
        Op::Mov_AL_moffs8 => Op::Mov_r8_rm8,
        Op::Mov_AX_moffs16 => Op::Mov_r16_rm16,
        Op::Mov_EAX_moffs32 => Op::Mov_r32_rm32,
        Op::Mov_moffs8_AL => Op::Mov_rm8_r8,
        Op::Mov_moffs16_AX => Op::Mov_rm16_r16,
        Op::Mov_moffs32_EAX => Op::Mov_rm32_r32,
        other => other,
    }
}

/// Whether 64-bit mode has no such instruction, apart from those that are encoded otherwise there and those that the interpreter does anyway.
fn is_narrow_only(code: Op) -> bool {
    use iced_x86::Mnemonic as M;
    const EIGHTY_TWO: [Op; 8] = [
        Op::Add_rm8_imm8_82,
        Op::Or_rm8_imm8_82,
        Op::Adc_rm8_imm8_82,
        Op::Sbb_rm8_imm8_82,
        Op::And_rm8_imm8_82,
        Op::Sub_rm8_imm8_82,
        Op::Xor_rm8_imm8_82,
        Op::Cmp_rm8_imm8_82,
    ];
    matches!(code.mnemonic(), M::Aaa | M::Aas | M::Aad | M::Aam | M::Daa | M::Das | M::Salc | M::Pusha | M::Pushad | M::Popa | M::Popad | M::Pushfd)
        || EIGHTY_TWO.contains(&code)
}

/// Whether the bytes begin with a VEX prefix, behind those of segments and of the address size.
fn is_vex(raw: &[u8]) -> bool {
    let opcode = raw.iter().find(|b| !matches!(b, 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x67));
    matches!(opcode, Some(0xc4 | 0xc5))
}

fn operand(i: &Instruction) -> Operand {
    let kinds = || (0..i.op_count()).map(|k| i.op_kind(k));
    let odd_segment = |r| matches!(r, Register::FS | Register::GS | Register::CS);
    if kinds().any(|k| matches!(k, OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI)) {
        return Operand::Odd;
    }
    let implicit = kinds().any(|k| matches!(k, OpKind::MemorySegESI | OpKind::MemorySegEDI | OpKind::MemoryESEDI));
    if implicit || i.code() == Op::Xlat_m8 {
        let wide = i.code() != Op::Xlat_m8 || i.memory_base() == Register::EBX;
        return if wide && !odd_segment(i.segment_prefix()) { Operand::Implicit } else { Operand::Odd };
    }
    if !kinds().any(|k| k == OpKind::Memory) {
        return Operand::None;
    }
    let (base, index) = (i.memory_base(), i.memory_index());
    let narrow =
        base.size() == 2 || index.size() == 2 && !index.is_vector_register() || base == Register::None && index == Register::None && i.memory_displ_size() == 2;
    if narrow || i.segment_prefix() == Register::CS { Operand::Odd } else { Operand::Plain }
}

/// The bytes above address the state by r11.
const _: () = assert!(STATE.index() == Gpr::R11.index());

#[cfg(test)]
mod tests {
    use super::*;
    use forklift_x86::{GuestAddr, Mode, decode_one};

    fn rewritten(bytes: &[u8]) -> Option<Vec<String>> {
        let i = decode_one(Mode::Bits32, GuestAddr::new(0x1000), bytes).unwrap();
        let (mut code, mut marks) = (Code::new(), Marks::default());
        code.restart(0x40_0000_0000);
        Rewriter::new(Mode::Bits32).emit(&mut code, &mut marks, &i, Some(bytes))?;
        Some(iced_x86::Decoder::with_ip(64, &code.bytes, 0x40_0000_0000, 0).into_iter().map(|i| i.to_string()).collect())
    }

    /// What the decoder's tables say that 64-bit mode hasn't got is known here, or the interpreter's.
    #[test]
    fn none_is_copied_that_64_bit_mode_lacks() {
        use forklift_x86::CpuModel;
        let mut policy = super::super::policy::Policy::new(CpuModel::Max, Mode::Bits32);
        let mut copied = |c: Op| {
            let mut i = Instruction::default();
            i.set_code(c);
            policy.of(&i).is_copied()
        };
        let narrow = |c: &Op| c.op_code().mode32() && !c.op_code().mode64() && c.op_code().is_instruction();
        let branch = |c: Op| !matches!(c.flow_control(), iced_x86::FlowControl::Next);
        let handled = |c: Op| {
            let kinds = || (0..c.op_code().op_count()).map(|n| format!("{:?}", c.op_code().op_kind(n)));
            let segment = kinds().any(|k| ["seg_", "cr_", "dr_"].iter().any(|s| k.contains(s))) || format!("{c:?}").ends_with('S');
            let stack = matches!(c, Op::Push_r32 | Op::Push_rm32 | Op::Pushd_imm8 | Op::Pushd_imm32 | Op::Pop_r32 | Op::Pop_rm32 | Op::Leaved);
            let mut i = Instruction::default();
            i.set_code(c);
            segment || stack || same_in_64_bits(&i).is_some()
        };
        let missed: Vec<_> = Op::values().filter(narrow).filter(|&c| !branch(c) && !handled(c) && !is_narrow_only(c) && copied(c)).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }

    fn is(bytes: &[u8], host: &[&str]) {
        assert_eq!(rewritten(bytes).unwrap(), host);
    }

    #[test]
    fn addresses_wrap() {
        is(&[0x01, 0xc8], &["add eax,ecx"]);
        is(&[0x8b, 0x43, 0x10], &["mov eax,[rbx+10h]"]);
        is(&[0x8b, 0x04, 0x8b], &["mov eax,[ebx+ecx*4]"]);
        is(&[0x8b, 0x83, 0, 0, 1, 0], &["mov eax,[ebx+10000h]"]);
        is(&[0x8b, 0x0d, 0, 0, 0, 0xf0], &["mov ecx,[0F0000000h]"]);
        is(&[0xa1, 0, 0, 0, 0xf0], &["addr32 mov eax,[0F0000000h]"]);
        is(&[0x8d, 0x05, 0, 0, 0, 0xf0], &["lea eax,[0F0000000h]"]);
        is(&[0xf3, 0xa5], &["rep movsd [edi],[esi]"]);
        assert!(rewritten(&[0x67, 0x8b, 0x07]).is_none());
    }

    #[test]
    fn stacks_are_narrow() {
        is(&[0x50], &["mov [rsp-4],eax", "lea esp,[rsp-4]"]);
        is(&[0x6a, 0xff], &["mov dword ptr [rsp-4],0FFFFFFFFh", "lea esp,[rsp-4]"]);
        is(&[0xff, 0x74, 0x24, 4], &["mov r8d,[esp+4]", "mov [rsp-4],r8d", "lea esp,[rsp-4]"]);
        is(&[0x5b], &["mov ebx,[rsp]", "lea esp,[rsp+4]"]);
        is(&[0x5c], &["mov esp,[rsp]"]);
        is(&[0xc9], &["mov r8d,[rbp]", "lea esp,[rbp+4]", "mov ebp,r8d"]);
    }

    #[test]
    fn other_encodings() {
        is(&[0x40], &["inc eax"]);
        is(&[0x66, 0x4b], &["dec bx"]);
        // andn eax, ebx, [ecx] with W and the highest bit of vvvv.
        is(&[0xc4, 0xe2, 0xa0, 0xf2, 0x01], &["andn eax,ebx,[ecx]"]);
        assert!(rewritten(&[0x27]).is_none());
        assert!(rewritten(&[0x60]).is_none());
    }

    #[test]
    fn segments_have_bases() {
        let base = format!("mov r9d,[r11+0{:X}h]", offset::seg_base(Seg::Gs));
        is(&[0x65, 0xa1, 0xfc, 0xff, 0xff, 0xff], &[&base, "mov eax,[r9d-4]"]);
        is(&[0x65, 0x8b, 0x00], &[&base, "mov eax,[eax+r9d]"]);
        is(&[0x65, 0x8b, 0x44, 0x8b, 4], &[&base, "lea r8,[ebx+ecx*4+4]", "mov eax,[r9d+r8d]"]);
    }
}
