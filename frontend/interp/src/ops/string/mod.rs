//! String instructions and their repetition. SDM vol. 1, 7.3.9; vol. 2B, "REP/REPE/REPZ/REPNE/REPNZ".
//!
//! An *element* is what the instruction does without a prefix. A repeated instruction runs elements, or many at once through [`bulk`], until its
//! count or its condition ends it or it has done enough for one call: then `rip` goes back to the instruction, as after an interrupt.
//! At a fault the registers say exactly which elements are done.

mod bulk;
mod element;
#[cfg(test)]
mod tests;

use forklift_x86::{Gpr, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Pick, Table};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

use element::{Cmps, Element, Lods, Movs, Scas, Stos};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Movsb, Pick::By(|i| repetition::<u8, Movs, M>(i))),
            (Mnemonic::Movsw, Pick::By(|i| repetition::<u16, Movs, M>(i))),
            (Mnemonic::Movsd, Pick::By(|i| if i.is_string_instruction() { repetition::<u32, Movs, M>(i) } else { None })),
            (Mnemonic::Movsq, Pick::By(|i| repetition::<u64, Movs, M>(i))),
            (Mnemonic::Cmpsb, Pick::By(|i| repetition::<u8, Cmps, M>(i))),
            (Mnemonic::Cmpsw, Pick::By(|i| repetition::<u16, Cmps, M>(i))),
            (Mnemonic::Cmpsd, Pick::By(|i| if i.is_string_instruction() { repetition::<u32, Cmps, M>(i) } else { None })),
            (Mnemonic::Cmpsq, Pick::By(|i| repetition::<u64, Cmps, M>(i))),
            (Mnemonic::Stosb, Pick::By(|i| repetition::<u8, Stos, M>(i))),
            (Mnemonic::Stosw, Pick::By(|i| repetition::<u16, Stos, M>(i))),
            (Mnemonic::Stosd, Pick::By(|i| repetition::<u32, Stos, M>(i))),
            (Mnemonic::Stosq, Pick::By(|i| repetition::<u64, Stos, M>(i))),
            (Mnemonic::Lodsb, Pick::By(|i| repetition::<u8, Lods, M>(i))),
            (Mnemonic::Lodsw, Pick::By(|i| repetition::<u16, Lods, M>(i))),
            (Mnemonic::Lodsd, Pick::By(|i| repetition::<u32, Lods, M>(i))),
            (Mnemonic::Lodsq, Pick::By(|i| repetition::<u64, Lods, M>(i))),
            (Mnemonic::Scasb, Pick::By(|i| repetition::<u8, Scas, M>(i))),
            (Mnemonic::Scasw, Pick::By(|i| repetition::<u16, Scas, M>(i))),
            (Mnemonic::Scasd, Pick::By(|i| repetition::<u32, Scas, M>(i))),
            (Mnemonic::Scasq, Pick::By(|i| repetition::<u64, Scas, M>(i))),
            (Mnemonic::Insb, Pick::One(port_io::<M>)),
            (Mnemonic::Insw, Pick::One(port_io::<M>)),
            (Mnemonic::Insd, Pick::One(port_io::<M>)),
            (Mnemonic::Outsb, Pick::One(port_io::<M>)),
            (Mnemonic::Outsw, Pick::One(port_io::<M>)),
            (Mnemonic::Outsd, Pick::One(port_io::<M>)),
        ]
    }
}

/// Unit: elements. What one call does at most one by one, so that signals get in.
const MAX_ELEMENTS: u32 = 4096;
/// Unit: transfers of at most [`bulk::BUFFER`] bytes.
const MAX_BULK: u32 = 64;
/// Unit: bytes. Less is not worth filling a buffer.
const MIN_BULK: u64 = 64;

/// What ends a repetition besides its count.
pub(super) trait Until {
    /// Whether to go on after an element that left ZF so.
    fn goes_on(zf: bool) -> bool;
}

/// REP of an instruction that sets no flags: nothing.
struct Count;
/// REPE.
struct Differs;
/// REPNE.
struct Equals;

impl Until for Count {
    fn goes_on(_: bool) -> bool {
        true
    }
}

impl Until for Differs {
    fn goes_on(zf: bool) -> bool {
        zf
    }
}

impl Until for Equals {
    fn goes_on(zf: bool) -> bool {
        !zf
    }
}

/// Picks the function by prefix. REPNE repeats MOVS, STOS and LODS like REP.
fn repetition<T: Int, E: Element, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match (i.has_rep_prefix(), i.has_repne_prefix(), E::COMPARES) {
        (false, false, _) => once::<T, E, M>,
        (_, _, false) => repeated::<T, E, Count, M>,
        (true, _, true) => repeated::<T, E, Differs, M>,
        (_, true, true) => repeated::<T, E, Equals, M>,
    })
}

fn once<T: Int, E: Element, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    E::one::<T, M>(cx, op)
}

fn repeated<T: Int, E: Element, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let flags = cx.cpu.flags;
    repeat::<T, E, U, M>(cx, op).inspect_err(|_| {
        // A fault leaves the flags as they were before the instruction (SDM, "REP").
        if E::COMPARES {
            cx.cpu.flags = flags;
        }
    })
}

fn repeat<T: Int, E: Element, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    // A single step ends behind each iteration.
    let stepping = cx.cpu.flags.rest & bits::TF != 0;
    let (mut elements, mut transfers) = if stepping { (1, 0) } else { (MAX_ELEMENTS, MAX_BULK) };
    loop {
        let count = register(cx, op, Gpr::Rcx);
        if count == 0 {
            return Ok(());
        }
        if elements == 0 || transfers == 0 && !stepping {
            cx.cpu.rip = op.ip;
            return Ok(());
        }
        let many = if !stepping && count.saturating_mul(T::BYTES as u64) >= MIN_BULK { E::many::<T, U, M>(cx, op, count) } else { None };
        match many {
            Some(true) => transfers -= 1,
            Some(false) => return Ok(()),
            None => {
                elements -= 1;
                E::one::<T, M>(cx, op)?;
                set_register(cx, op, Gpr::Rcx, count.wrapping_sub(1));
                if E::COMPARES && !U::goes_on(cx.cpu.flags.zf()) {
                    return Ok(());
                }
            }
        }
    }
}

/// A register at the address size of the instruction.
#[inline(always)]
fn register<M: Memory>(cx: &Exec<'_, M>, op: &Op<M>, r: Gpr) -> u64 {
    cx.cpu.get(r) << op.ea_shift >> op.ea_shift
}

/// Sets a register at the address size: 32 bits zero-extend, 16 bits merge.
#[inline(always)]
fn set_register<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, r: Gpr, v: u64) {
    let v = v << op.ea_shift >> op.ea_shift;
    let keep = if op.ea_shift == 48 { cx.cpu.get(r) & !0xffff } else { 0 };
    cx.cpu.set(r, keep | v);
}

/// Moves an index register by `n` elements in the direction that DF says.
#[inline(always)]
fn advance<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, r: Gpr, n: u64) {
    let bytes = n.wrapping_mul(T::BYTES as u64);
    let by = if cx.cpu.flags.rest & bits::DF != 0 { bytes.wrapping_neg() } else { bytes };
    set_register(cx, op, r, register(cx, op, r).wrapping_add(by));
}

/// INS and OUTS: #GP(0), as IOPL is 0 and no port is permitted.
fn port_io<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    Err(cx.general_protection(0))
}
