//! Conversions to and from binary16 (F16C). SDM vol. 1, 14.4; vol. 2C.

use iced_x86::Mnemonic;

use super::{operand, probe, read, store, write};
use crate::build::{Form, Pick, Table, form};
use crate::float::{Env, from_half, to_half};
use crate::vector::V;
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const { &[(Mnemonic::Vcvtph2ps, Pick::SlowBy(|_| Some(vcvtph2ps::<M>))), (Mnemonic::Vcvtps2ph, Pick::SlowBy(|_| Some(vcvtps2ph::<M>)))] }
}

/// VCVTPH2PS.
fn vcvtph2ps<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = V(operand(cx, op, 1)?);
    let mut env = Env::new(cx.cpu.mxcsr);
    let n = op.vector_bytes();
    let mut v = V::<32>::ZERO;
    for i in 0..n / 4 {
        v = v.with(i, from_half(&mut env, b.lane(i)));
    }
    env.commit(cx.cpu)?;
    write(cx.cpu, op.reg[0], &v.0[..n]);
    Ok(())
}

/// VCVTPS2PH: bits 0–1 of the immediate are the rounding, unless bit 2 takes MXCSR's. FTZ does not count.
fn vcvtps2ph<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = V(read(cx.cpu, op.reg[1]));
    let rounding = (op.imm & 4 == 0).then_some(op.imm as u32 & 3);
    let mut env = Env::unflushed(cx.cpu.mxcsr, rounding);
    let n = op.vector_bytes() / 2;
    let mut v = V::<32>::ZERO;
    for i in 0..n / 2 {
        v = v.with(i, to_half(&mut env, b.lane(i)));
    }
    if form(op.insn(), 0) == Form::Mem {
        // A page fault comes before its exceptions.
        let ea = cx.ea(op);
        probe(cx, ea, n)?;
        env.commit(cx.cpu)?;
        return store(cx, ea, &v.0[..n]);
    }
    env.commit(cx.cpu)?;
    write(cx.cpu, op.reg[0], &v.0[..n]);
    Ok(())
}
