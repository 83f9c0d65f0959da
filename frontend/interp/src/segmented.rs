//! One instruction where segments restrict something ([`CpuState::segmented`]): limits, rights, 16-bit code and stacks, code with a base.
//! SDM vol. 3A, 5.3 and 5.4; 3.4.5 for the bits D and B; chapter 23 for 16-bit code.
//!
//! Slow, so that everything else needs no check. What an instruction accesses is known from its operands before it runs; if all of it is within its
//! segments, the ordinary operation runs. A repeated string instruction does one iteration a step. Known to be inexact: a bit string's address
//! counts without the bit's number, and a stack instruction that has an operand through ESP sees a 16-bit stack pointer there.

use forklift_x86::{CpuModel, CpuState, Exit, Fault, Gpr, GuestAddr, MAX_INSN_LEN, Mode, Seg};
use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register, UsedMemory};

use crate::{Exec, Memory, compile_op, is_interpreted, run_op};

/// Size of the legacy image and header, for what has no size of its own (XSAVE). Unit: bytes.
const XSAVE: u32 = 576;

/// Runs one instruction with all checks.
pub(crate) fn step<M: Memory>(cpu: &mut CpuState, mem: &mut M, model: CpuModel) -> Result<(), Exit> {
    let i = fetch(cpu, mem)?;
    let mut cx = Exec { cpu, mem, model };
    if is_interpreted::<M>(&i) && !is_idle_repeat(cx.cpu, &i) {
        check_accesses(&mut cx, &once(&i))?;
    }
    let before = (cx.cpu.get(Gpr::Rsp), cx.cpu.get(Gpr::Rbp));
    let narrow = i.is_stack_instruction() && !cx.cpu.segment(Seg::Ss).is_wide();
    if narrow {
        narrow_stack(cx.cpu, &i);
    }
    let result = run_one(&mut cx, &i);
    if narrow {
        widen_stack(cx.cpu, before, result.is_err(), &i);
    }
    result?;
    let inside = cx.cpu.mode == Mode::Bits64 || cx.cpu.rip <= u64::from(cx.cpu.segment(Seg::Cs).limit);
    if !inside && cx.cpu.rip != i.next_ip() {
        cx.cpu.rip = i.ip();
        (cx.cpu.gpr[Gpr::Rsp as usize], cx.cpu.gpr[Gpr::Rbp as usize]) = before;
        return Err(cx.general_protection(0));
    }
    Ok(())
}

/// Reads the instruction at CS:EIP.
fn fetch<M: Memory>(cpu: &mut CpuState, mem: &mut M) -> Result<Instruction, Exit> {
    let cs = cpu.segment(Seg::Cs);
    let mut bytes = [0; MAX_INSN_LEN];
    let within = (u64::from(cs.limit) + 1).saturating_sub(cpu.rip).min(MAX_INSN_LEN as u64) as usize;
    let linear = linear(cpu);
    let have = mem.fetch(GuestAddr::new(linear), &mut bytes[..within]);
    let mut d = decoder(cpu, &bytes[..have]);
    let i = d.decode();
    if d.last_error() != DecoderError::NoMoreBytes || have == MAX_INSN_LEN {
        return Ok(i);
    }
    if have == within {
        cpu.error_code = 0;
        return Err(Exit::Fault(Fault::GeneralProtection));
    }
    cpu.cr2 = linear.wrapping_add(have as u64) & 0xffff_ffff;
    cpu.error_code = Fault::PF_USER | Fault::PF_FETCH;
    Err(Exit::Fault(Fault::Page))
}

/// The linear address of CS:rIP.
pub(crate) fn linear(cpu: &CpuState) -> u64 {
    match cpu.mode {
        Mode::Bits64 => cpu.rip,
        Mode::Bits32 => cpu.rip.wrapping_add(cpu.seg_base[Seg::Cs.index()]) & 0xffff_ffff,
    }
}

fn decoder<'a>(cpu: &CpuState, bytes: &'a [u8]) -> Decoder<'a> {
    let bits = match cpu.mode {
        Mode::Bits64 => 64,
        Mode::Bits32 if cpu.segment(Seg::Cs).is_wide() => 32,
        Mode::Bits32 => 16,
    };
    Decoder::with_ip(bits, bytes, cpu.rip, DecoderOptions::NONE)
}

/// The instruction that `bytes` at CS:rIP begin with.
pub(crate) fn decode(cpu: &CpuState, bytes: &[u8]) -> Instruction {
    decoder(cpu, bytes).decode()
}

fn is_repeated(i: &Instruction) -> bool {
    i.is_string_instruction() && (i.has_rep_prefix() || i.has_repne_prefix())
}

/// The register that counts a repeated instruction's iterations, and its mask, by the address size.
fn count_mask(i: &Instruction) -> u64 {
    let narrow = (0..i.op_count()).any(|k| matches!(i.op_kind(k), OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI));
    if narrow { 0xffff } else { 0xffff_ffff }
}

/// One iteration of it, if it is repeated.
fn once(i: &Instruction) -> Instruction {
    let mut once = *i;
    if i.is_string_instruction() {
        once.set_has_rep_prefix(false);
        once.set_has_repne_prefix(false);
    }
    once
}

fn is_idle_repeat(cpu: &CpuState, i: &Instruction) -> bool {
    is_repeated(i) && cpu.get(Gpr::Rcx) & count_mask(i) == 0
}

/// Runs the operation; of a repeated instruction, one iteration.
fn run_one<M: Memory>(cx: &mut Exec<'_, M>, i: &Instruction) -> Result<(), Exit> {
    if !is_repeated(i) || is_idle_repeat(cx.cpu, i) {
        return run_op(cx, &compile_op(i, Mode::Bits32, cx.model));
    }
    let until_zero = i.has_repne_prefix();
    run_op(cx, &compile_op(&once(i), Mode::Bits32, cx.model))?;
    let mask = count_mask(i);
    let count = cx.cpu.get(Gpr::Rcx);
    let left = count.wrapping_sub(1) & mask;
    cx.cpu.set(Gpr::Rcx, count & !mask | left);
    let compares = matches!(i.mnemonic(), Mnemonic::Cmpsb | Mnemonic::Cmpsw | Mnemonic::Cmpsd | Mnemonic::Scasb | Mnemonic::Scasw | Mnemonic::Scasd);
    let zero = cx.cpu.flags.status() & forklift_x86::bits::ZF != 0;
    if left != 0 && !(compares && zero == until_zero) {
        cx.cpu.rip = i.ip();
    }
    Ok(())
}

/// Checks all memory operands, those on the stack among them.
fn check_accesses<M: Memory>(cx: &mut Exec<'_, M>, i: &Instruction) -> Result<(), Exit> {
    let mut factory = InstructionInfoFactory::new();
    for used in factory.info(i).used_memory() {
        let (reads, writes) = match used.access() {
            OpAccess::Read | OpAccess::CondRead => (true, false),
            OpAccess::Write | OpAccess::CondWrite => (false, true),
            OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
            OpAccess::None | OpAccess::NoMemAccess => continue,
        };
        let Some(seg) = Seg::from_iced(used.segment()) else { continue };
        let c = cx.cpu.segment(seg);
        let size = match used.memory_size().size() {
            0 => XSAVE,
            n => n as u32,
        };
        let permitted = (!reads || c.is_readable()) && (!writes || c.is_writable());
        if !permitted || !c.contains(offset(cx.cpu, i, used), size) {
            cx.cpu.error_code = 0;
            return Err(Exit::Fault(if seg == Seg::Ss { Fault::Stack } else { Fault::GeneralProtection }));
        }
    }
    Ok(())
}

/// Effective address of an access.
fn offset(cpu: &CpuState, i: &Instruction, used: &UsedMemory) -> u32 {
    let value = |r: Register| match Gpr::from_iced(r) {
        Some(g) if r.size() == 2 => cpu.get(g) & 0xffff,
        Some(g) => cpu.get(g),
        None => 0,
    };
    let index = value(used.index()).wrapping_mul(used.scale() as u64);
    let by_sp = i.is_stack_instruction() && matches!(used.base(), Register::SP | Register::ESP) && used.segment() == Register::SS;
    // The width of SP is the stack's, whatever that of the code.
    let base = if by_sp { cpu.get(Gpr::Rsp) } else { value(used.base()) };
    let address = base.wrapping_add(index).wrapping_add(used.displacement());
    let narrow = if by_sp { !cpu.segment(Seg::Ss).is_wide() } else { used.address_size() == iced_x86::CodeSize::Code16 };
    if narrow { address as u32 & 0xffff } else { address as u32 }
}

/// Makes ESP and EBP what a 16-bit stack has of them; SP that a push would take below 0 as if it came from 64 KiB.
fn narrow_stack(cpu: &mut CpuState, i: &Instruction) {
    let sp = cpu.get(Gpr::Rsp) & 0xffff;
    let pushed = u64::from(i.stack_pointer_increment().min(0).unsigned_abs());
    cpu.set(Gpr::Rsp, if sp < pushed { sp + 0x1_0000 } else { sp });
    if i.mnemonic() == Mnemonic::Leave {
        let bp = cpu.get(Gpr::Rbp);
        cpu.set(Gpr::Rbp, bp & 0xffff);
    }
}

/// Puts the upper halves back.
fn widen_stack(cpu: &mut CpuState, (esp, ebp): (u64, u64), failed: bool, i: &Instruction) {
    let sp = cpu.get(Gpr::Rsp);
    cpu.set(Gpr::Rsp, if failed { esp } else { esp & 0xffff_0000 | sp & 0xffff });
    if failed {
        cpu.set(Gpr::Rbp, ebp);
    } else if i.mnemonic() == Mnemonic::Leave && i.stack_pointer_increment() == 2 {
        let bp = cpu.get(Gpr::Rbp);
        cpu.set(Gpr::Rbp, ebp & 0xffff_0000 | bp & 0xffff);
    }
}
