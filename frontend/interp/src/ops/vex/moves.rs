//! Moves of whole vectors, VZEROUPPER and VZEROALL. SDM vol. 1, 14.1; vol. 2.

use forklift_x86::Mode;
use iced_x86::Mnemonic;

use super::{operand, store, write};
use crate::build::{Form, Pick, Table, form};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vmovaps, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovapd, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovdqa, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovntps, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovntpd, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovntdq, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovntdqa, Pick::SlowBy(|_| Some(mov::<true, M>))),
            (Mnemonic::Vmovups, Pick::SlowBy(|_| Some(mov::<false, M>))),
            (Mnemonic::Vmovupd, Pick::SlowBy(|_| Some(mov::<false, M>))),
            (Mnemonic::Vmovdqu, Pick::SlowBy(|_| Some(mov::<false, M>))),
            (Mnemonic::Vlddqu, Pick::SlowBy(|_| Some(mov::<false, M>))),
            (Mnemonic::Vzeroupper, Pick::One(|cx, _| zero(cx, 16))),
            (Mnemonic::Vzeroall, Pick::One(|cx, _| zero(cx, 0))),
        ]
    }
}

/// VMOVxx between registers and memory; `ALIGNED`: #GP unless the address is a multiple of the size.
fn mov<const ALIGNED: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let n = op.vector_bytes();
    let to_memory = form(op.insn(), 0) == Form::Mem;
    if ALIGNED && (to_memory || form(op.insn(), 1) == Form::Mem) {
        let ea = cx.ea(op);
        cx.check_aligned(ea, n as u64)?;
    }
    let v = operand(cx, op, 1)?;
    if to_memory {
        return store(cx, cx.ea(op), &v[..n]);
    }
    write(cx.cpu, op.reg[0], &v[..n]);
    Ok(())
}

/// VZEROUPPER, VZEROALL: the bytes from `from` on, of the registers that the mode has.
fn zero<M: Memory>(cx: &mut Exec<'_, M>, from: usize) -> Step {
    let count = if cx.cpu.mode == Mode::Bits64 { 16 } else { 8 };
    cx.cpu.vec.iter_mut().take(count).for_each(|v| v.0[from..].fill(0));
    Ok(())
}
