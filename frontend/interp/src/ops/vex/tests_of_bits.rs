//! VPTEST, VTESTPS, VTESTPD; masks of sign bits. SDM vol. 2.

use forklift_x86::bits;
use iced_x86::Mnemonic;

use super::{operand, read};
use crate::build::{Pick, Table};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vptest, Pick::SlowBy(|_| Some(|cx, op| test(cx, op, u64::MAX)))),
            (Mnemonic::Vtestps, Pick::SlowBy(|_| Some(|cx, op| test(cx, op, 0x8000_0000_8000_0000)))),
            (Mnemonic::Vtestpd, Pick::SlowBy(|_| Some(|cx, op| test(cx, op, 1 << 63)))),
            (Mnemonic::Vmovmskps, Pick::SlowBy(|_| Some(signs::<i32, M>))),
            (Mnemonic::Vmovmskpd, Pick::SlowBy(|_| Some(signs::<i64, M>))),
            (Mnemonic::Vpmovmskb, Pick::SlowBy(|_| Some(signs::<i8, M>))),
        ]
    }
}

/// ZF: no bit of `mask` is set in both; CF: none in the second alone. The other status flags are cleared.
fn test<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, mask: u64) -> Step {
    let (a, b) = (V(read(cx.cpu, op.reg[0])), V(operand(cx, op, 1)?));
    let lanes = 0..op.vector_bytes() / 8;
    let zf = lanes.clone().all(|i| a.lane::<u64>(i) & b.lane::<u64>(i) & mask == 0);
    let cf = lanes.clone().all(|i| !a.lane::<u64>(i) & b.lane::<u64>(i) & mask == 0);
    cx.cpu.flags.set_status(if zf { bits::ZF } else { 0 } | if cf { bits::CF } else { 0 });
    Ok(())
}

/// VMOVMSKPS, VMOVMSKPD, VPMOVMSKB: the sign bits of the lanes, zero-extended.
fn signs<L: Lane + Default + Ord, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a = V(read(cx.cpu, op.reg[1]));
    let m = (0..op.vector_bytes() / L::BYTES).fold(0, |m, i| m | u64::from(a.lane::<L>(i) < L::default()) << i);
    cx.set_gpr(op.reg[0], m);
    Ok(())
}
