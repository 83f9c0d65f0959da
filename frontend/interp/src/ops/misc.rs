//! Flag control, CPUID, time stamps, hints and barriers. SDM vol. 1, 7.3.13 and 7.3.14; vol. 2.

use forklift_x86::{CpuModel, CpuState, Gpr, bits};
use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Clc, Pick::One(|cx, _| set_flag(cx, bits::CF, false))),
            (Mnemonic::Stc, Pick::One(|cx, _| set_flag(cx, bits::CF, true))),
            (Mnemonic::Cmc, Pick::One(cmc)),
            (Mnemonic::Cld, Pick::One(|cx, _| set_flag(cx, bits::DF, false))),
            (Mnemonic::Std, Pick::One(|cx, _| set_flag(cx, bits::DF, true))),
            (Mnemonic::Lahf, Pick::One(lahf)),
            (Mnemonic::Sahf, Pick::One(sahf)),
            (Mnemonic::Cpuid, Pick::One(cpuid)),
            (Mnemonic::Rdtsc, Pick::One(rdtsc)),
            (Mnemonic::Rdtscp, Pick::One(rdtscp)),
            (Mnemonic::Mfence, Pick::One(fence)),
            (Mnemonic::Sfence, Pick::One(fence)),
            (Mnemonic::Lfence, Pick::One(fence)),
            (Mnemonic::Clflush, Pick::One(clflush)),
            (Mnemonic::Clflushopt, Pick::One(clflush)),
            (Mnemonic::Clwb, Pick::One(clflush)),
            (Mnemonic::Nop, Pick::One(nop)),
            (Mnemonic::Reservednop, Pick::One(nop)),
            (Mnemonic::Pause, Pick::One(nop)),
            (Mnemonic::Endbr32, Pick::One(nop)),
            (Mnemonic::Endbr64, Pick::One(nop)),
            // Without shadow stacks these are NOPs that leave their operand alone.
            (Mnemonic::Rdsspd, Pick::One(nop)),
            (Mnemonic::Rdsspq, Pick::One(nop)),
            (Mnemonic::Prefetch, Pick::One(nop)),
            (Mnemonic::Prefetchw, Pick::One(nop)),
            (Mnemonic::Prefetchwt1, Pick::One(nop)),
            (Mnemonic::Prefetchnta, Pick::One(nop)),
            (Mnemonic::Prefetcht0, Pick::One(nop)),
            (Mnemonic::Prefetcht1, Pick::One(nop)),
            (Mnemonic::Prefetcht2, Pick::One(nop)),
        ]
    }
}

/// Nothing, also not to its operand.
fn nop<M: Memory>(_: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    Ok(())
}

fn set_flag<M: Memory>(cx: &mut Exec<'_, M>, flag: u32, on: bool) -> Step {
    cx.cpu.flags.set_rflags(if on { flag.into() } else { 0 }, flag);
    Ok(())
}

/// CMC: CF = !CF.
fn cmc<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let cf = cx.cpu.flags.cf();
    set_flag(cx, bits::CF, !cf)
}

/// The flags that AH carries.
const AH_FLAGS: u32 = bits::SF | bits::ZF | bits::AF | bits::PF | bits::CF;
/// Slot of AH.
const AH: u8 = 16;

/// LAHF: AH = the low byte of the flags.
fn lahf<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let v = cx.cpu.flags.rflags() as u8;
    cx.set_gpr(AH, v);
    Ok(())
}

/// SAHF: the reverse; OF stays.
fn sahf<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let v: u8 = cx.gpr(AH);
    cx.cpu.flags.update(AH_FLAGS, v.into());
    Ok(())
}

/// CPUID: leaf eax, subleaf ecx.
fn cpuid<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    show_leaf(cx.cpu, cx.model);
    Ok(())
}

/// What CPUID does to the registers.
pub(crate) fn show_leaf(cpu: &mut CpuState, model: CpuModel) {
    let leaf = model.cpuid(cpu.get(Gpr::Rax) as u32, cpu.get(Gpr::Rcx) as u32);
    for (r, v) in [(Gpr::Rax, leaf.eax), (Gpr::Rbx, leaf.ebx), (Gpr::Rcx, leaf.ecx), (Gpr::Rdx, leaf.edx)] {
        cpu.set(r, v.into());
    }
}

/// RDTSC: edx:eax.
fn rdtsc<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    let (tsc, _) = cx.mem.timestamp();
    cx.cpu.set(Gpr::Rax, tsc & 0xffff_ffff);
    cx.cpu.set(Gpr::Rdx, tsc >> 32);
    Ok(())
}

/// RDTSCP: the same, and TSC_AUX in ecx.
fn rdtscp<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if !cx.model.has(forklift_x86::Feature::Rdtscp) {
        return super::invalid(cx, op);
    }
    let (_, aux) = cx.mem.timestamp();
    cx.cpu.set(Gpr::Rcx, aux.into());
    rdtsc(cx, op)
}

fn fence<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    cx.mem.fence();
    Ok(())
}

/// CLFLUSH, CLFLUSHOPT, CLWB: checked like a byte load.
fn clflush<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    cx.load::<u8>(cx.ea(op)).map(drop)
}
