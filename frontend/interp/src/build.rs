//! From a decoded instruction to an [`Op`].
//!
//! The operands are decoded alike for all instructions; the family tables in `ops/` only pick the semantic function for width and form.

use forklift_x86::{CpuModel, CpuState, Gpr, MAX_INSN_LEN, Mode, Seg};
use iced_x86::{EncodingKind, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register, UsedMemory};

use crate::op::Ext;
use crate::ops::vex;
use crate::{Memory, Op, RunFn, ops};

/// How a table entry finds the function for an instruction; `None`: this form isn't there (#UD).
pub enum Pick<M: Memory> {
    /// One function for all forms.
    One(RunFn<M>),
    /// Chosen by width and form.
    By(fn(&Instruction) -> Option<RunFn<M>>),
    /// Chosen, and works from the whole instruction ([`Op::insn`]).
    SlowBy(fn(&Instruction) -> Option<RunFn<M>>),
}

impl<M: Memory> Clone for Pick<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Memory> Copy for Pick<M> {}

/// A family's table.
pub(crate) type Table<M> = &'static [(Mnemonic, Pick<M>)];

/// The form of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Reg,
    Mem,
    Imm,
    Other,
}

/// The form of operand `k`.
pub(crate) fn form(i: &Instruction, k: u32) -> Form {
    if k >= i.op_count() {
        return Form::Other;
    }
    match i.op_kind(k) {
        OpKind::Register => Form::Reg,
        OpKind::Memory => Form::Mem,
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 | OpKind::FarBranch16 | OpKind::FarBranch32 => Form::Other,
        OpKind::MemorySegSI
        | OpKind::MemorySegESI
        | OpKind::MemorySegRSI
        | OpKind::MemorySegDI
        | OpKind::MemorySegEDI
        | OpKind::MemorySegRDI
        | OpKind::MemoryESDI
        | OpKind::MemoryESEDI
        | OpKind::MemoryESRDI => Form::Other,
        _ => Form::Imm,
    }
}

/// Size of operand `k` in bytes: of the register, of the memory operand, or of operand 0 for an immediate.
pub(crate) fn operand_bytes(i: &Instruction, k: u32) -> usize {
    match form(i, k) {
        Form::Reg => i.op_register(k).size(),
        Form::Mem => i.memory_size().size(),
        Form::Imm if k > 0 => operand_bytes(i, 0),
        _ => i.memory_size().size(),
    }
}

/// Whether the interpreter has this instruction (in this form).
pub fn is_interpreted<M: Memory>(i: &Instruction) -> bool {
    vex::analogue(i).map_or_else(|| lookup::<M>(i).is_some(), |a| lookup::<M>(&a.insn).is_some())
}

fn lookup<M: Memory>(i: &Instruction) -> Option<(RunFn<M>, bool)> {
    if !matches!(i.encoding(), EncodingKind::Legacy | EncodingKind::VEX | EncodingKind::D3NOW) {
        return None;
    }
    ops::table::<M>()[i.mnemonic() as usize].iter().flatten().find_map(|entry| match entry {
        Pick::One(run) => Some((*run, false)),
        Pick::By(pick) => pick(i).map(|run| (run, false)),
        Pick::SlowBy(pick) => pick(i).map(|run| (run, true)),
    })
}

/// Pre-decodes one instruction for `mode`. One that isn't interpreted, or that the model doesn't have, becomes an operation that raises #UD,
/// one of more than 15 bytes one that raises #GP. (An undefined one of just 15 bytes counts as such: the decoder tells no difference.)
pub fn compile_op<M: Memory>(i: &Instruction, mode: Mode, model: CpuModel) -> Op<M> {
    if !model.permits(i.code()) {
        return operands(i, mode, ops::invalid::<M>, None);
    }
    let op = compile_permitted(i, mode);
    if !may_be_null(i, mode) {
        return op;
    }
    operands(i, mode, ops::through_segment::<M>, Some(Box::new(Ext { insn: *i, parts: vec![op], vector_bytes: 0 })))
}

/// Whether it accesses memory through FS or GS in 32-bit mode, which fails after a null selector ([`CpuState::segmented`] says nothing of these).
pub(crate) fn may_be_null(i: &Instruction, mode: Mode) -> bool {
    let accesses = |m: &UsedMemory| matches!(m.segment(), Register::FS | Register::GS) && !matches!(m.access(), OpAccess::None | OpAccess::NoMemAccess);
    mode == Mode::Bits32 && i.segment_prefix() != Register::None && InstructionInfoFactory::new().info(i).used_memory().iter().any(accesses)
}

fn compile_permitted<M: Memory>(i: &Instruction, mode: Mode) -> Op<M> {
    if mode == Mode::Bits32 && writes_through_cs(i) {
        let refuse: RunFn<M> = if waits_for_x87(i) { ops::refuse_waiting } else { ops::refuse };
        return operands(i, mode, refuse, None);
    }
    let ext = |parts| Some(Box::new(Ext { insn: *i, parts, vector_bytes: vex::vector_bytes(i) }));
    if let Some(a) = vex::analogue(i) {
        let Some((run, slow)) = lookup(&a.insn) else { return operands(i, mode, ops::invalid::<M>, None) };
        let parts = (0..2).map(|lane| {
            let ext = slow.then(|| Box::new(Ext { insn: a.insn, parts: Vec::new(), vector_bytes: 16 }));
            let mut part = operands(&a.insn, mode, run, ext);
            part.imm = vex::lane_immediate(&a, part.imm, lane);
            part
        });
        return operands(i, mode, vex::runner(a.shape), ext(parts.collect()));
    }
    // SDM vol. 2A, 2.3.11.
    let missing = if i.is_invalid() && i.len() >= MAX_INSN_LEN { ops::refuse::<M> } else { ops::invalid::<M> };
    let (run, slow) = lookup(i).unwrap_or((missing, false));
    operands(i, mode, run, if slow { ext(Vec::new()) } else { None })
}

/// Whether it writes to memory in CS, which no code segment allows.
fn writes_through_cs(i: &Instruction) -> bool {
    i.segment_prefix() == Register::CS && InstructionInfoFactory::new().info(i).used_memory().iter().any(|m| m.segment() == Register::CS && is_written(m))
}

/// Whether it may write to memory.
pub(crate) fn writes_memory(i: &Instruction) -> bool {
    InstructionInfoFactory::new().info(i).used_memory().iter().any(is_written)
}

fn is_written(m: &UsedMemory) -> bool {
    !matches!(m.access(), OpAccess::None | OpAccess::NoMemAccess | OpAccess::Read | OpAccess::CondRead)
}

/// Whether a store raises what is pending in the x87.
fn waits_for_x87(i: &Instruction) -> bool {
    use Mnemonic as M;
    let is_x87 = (M::F2xm1..=M::Fyl2xp1).contains(&i.mnemonic());
    let has_mmx = (0..i.op_count()).any(|k| i.op_register(k).is_mm());
    has_mmx || is_x87 && !matches!(i.mnemonic(), M::Fnsave | M::Fnstcw | M::Fnstenv | M::Fnstsw | M::Fxsave)
}

/// An operation with the operands of `i`.
fn operands<M: Memory>(i: &Instruction, mode: Mode, run: RunFn<M>, ext: Option<Box<Ext<M>>>) -> Op<M> {
    let mut op = Op {
        run,
        ip: i.ip(),
        imm: 0,
        disp: 0,
        target: 0,
        ext,
        reg: [0; 4],
        base: CpuState::ZERO as u8,
        index: CpuState::ZERO as u8,
        scale: 0,
        seg: CpuState::FLAT as u8,
        ea_shift: 0,
        linear_shift: (64 - mode.bitness()) as u8,
        len: i.len() as u8,
        cond: 0,
    };
    for k in 0..i.op_count() {
        match i.op_kind(k) {
            OpKind::Register => {
                if let Some(r) = op.reg.get_mut(k as usize) {
                    *r = slot(i.op_register(k));
                }
            }
            OpKind::Memory => memory(&mut op, i, mode),
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => op.imm = i.near_branch_target(),
            OpKind::FarBranch16 | OpKind::FarBranch32 => {}
            _ if form(i, k) == Form::Imm => op.imm = i.immediate(k),
            _ => string_operand(&mut op, i, k, mode),
        }
    }
    ops::x87::annotate(&mut op, i, mode);
    op
}

/// The slot of a register in its file.
fn slot(r: Register) -> u8 {
    match r {
        Register::AH => 16,
        Register::CH => 17,
        Register::DH => 18,
        Register::BH => 19,
        _ => match Gpr::from_iced(r) {
            Some(g) => g as u8,
            None => r.number() as u8,
        },
    }
}

fn memory<M: Memory>(op: &mut Op<M>, i: &Instruction, mode: Mode) {
    op.disp = i.memory_displacement64();
    if i.memory_base() != Register::RIP && i.memory_base() != Register::EIP {
        op.base = gpr_or_zero(i.memory_base());
    }
    op.index = gpr_or_zero(i.memory_index());
    op.scale = i.memory_index_scale().trailing_zeros() as u8;
    op.seg = segment(i.memory_segment(), mode);
    op.ea_shift = 64 - address_bits(i, mode);
}

/// String operands have no encoded address; segment and address size are what is left to know.
fn string_operand<M: Memory>(op: &mut Op<M>, i: &Instruction, k: u32, mode: Mode) {
    let bits = match i.op_kind(k) {
        OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI => 16,
        OpKind::MemorySegESI | OpKind::MemorySegEDI | OpKind::MemoryESEDI => 32,
        _ => 64,
    };
    op.ea_shift = 64 - bits;
    if !matches!(i.op_kind(k), OpKind::MemoryESDI | OpKind::MemoryESEDI | OpKind::MemoryESRDI) {
        op.seg = segment(i.memory_segment(), mode);
    }
}

fn gpr_or_zero(r: Register) -> u8 {
    Gpr::from_iced(r).map_or(CpuState::ZERO as u8, |g| g as u8)
}

/// In 64-bit mode only FS and GS have a base.
fn segment(r: Register, mode: Mode) -> u8 {
    match Seg::from_iced(r) {
        Some(s) if mode == Mode::Bits32 || matches!(s, Seg::Fs | Seg::Gs) => s as u8,
        _ => CpuState::FLAT as u8,
    }
}

/// Bits of the memory operand's effective address: by its registers, else by displacement and mode.
fn address_bits(i: &Instruction, mode: Mode) -> u8 {
    let by_register = |r: Register| if r == Register::None || r.is_vector_register() { 0 } else { r.size() as u8 * 8 };
    match by_register(i.memory_base()).max(by_register(i.memory_index())) {
        0 => match (i.memory_displ_size(), mode) {
            (2, _) => 16,
            // In 64-bit mode of four bytes only with the address-size prefix.
            (_, Mode::Bits32) | (4, Mode::Bits64) => 32,
            (_, Mode::Bits64) => 64,
        },
        bits => bits,
    }
}
