//! MXCSR and the MMX state. SDM vol. 1, 9.6.3, 10.2.3, 10.4.2.

use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::place::{Mem, Place, Source};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, Step};

/// The bits of MXCSR that exist.
const MXCSR_MASK: u32 = 0xffff;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const { &[(Mnemonic::Emms, Pick::One(emms::<M>)), (Mnemonic::Ldmxcsr, Pick::One(ldmxcsr::<M>)), (Mnemonic::Stmxcsr, Pick::One(stmxcsr::<M>))] }
}

/// EMMS: all x87 registers are empty.
fn emms<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    V::<8>::check(cx)?;
    cx.cpu.x87.used = 0;
    cx.cpu.x87.top = 0;
    Ok(())
}

/// LDMXCSR: #GP if a reserved bit is set.
fn ldmxcsr<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: u32 = Mem::get(cx, op)?;
    if v & !MXCSR_MASK != 0 {
        return Err(cx.general_protection(0));
    }
    cx.cpu.mxcsr = v;
    Ok(())
}

/// STMXCSR.
fn stmxcsr<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    Mem::set(cx, op, cx.cpu.mxcsr)
}
