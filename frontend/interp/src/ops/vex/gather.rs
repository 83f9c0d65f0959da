//! Gathers. SDM vol. 2C, "VGATHERDPS" and on.
//!
//! A fault leaves what was done before: the lanes below have their mask cleared, so that the instruction goes on where it was when it is restarted.

use forklift_x86::Exit;
use iced_x86::Mnemonic;

use super::{read, write};
use crate::build::{Pick, Table};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Prim, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vgatherdps, Pick::SlowBy(|_| Some(gather::<i32, u32, M>))),
            (Mnemonic::Vgatherqps, Pick::SlowBy(|_| Some(gather::<i64, u32, M>))),
            (Mnemonic::Vgatherdpd, Pick::SlowBy(|_| Some(gather::<i32, u64, M>))),
            (Mnemonic::Vgatherqpd, Pick::SlowBy(|_| Some(gather::<i64, u64, M>))),
            (Mnemonic::Vpgatherdd, Pick::SlowBy(|_| Some(gather::<i32, u32, M>))),
            (Mnemonic::Vpgatherqd, Pick::SlowBy(|_| Some(gather::<i64, u32, M>))),
            (Mnemonic::Vpgatherdq, Pick::SlowBy(|_| Some(gather::<i32, u64, M>))),
            (Mnemonic::Vpgatherqq, Pick::SlowBy(|_| Some(gather::<i64, u64, M>))),
        ]
    }
}

/// Lanes `L` at addresses with indices `I`; operand 2 is the mask.
fn gather<I: Lane + Into<i64>, L: Lane + Prim, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let index_slot = op.insn().memory_index();
    let index = V(read(cx.cpu, index_slot.number() as u8));
    // Of the two sizes of lane the larger one says how many there are.
    let width = I::BYTES.max(<L as Lane>::BYTES);
    let count = if index_slot.is_ymm() || op.insn().op0_register().is_ymm() { 32 } else { 16 } / width;
    let (mut v, mut mask) = (V(read(cx.cpu, op.reg[0])), V(read(cx.cpu, op.reg[2])));
    let negative = |mask: &V<32>, i: usize| mask.0[(i + 1) * <L as Lane>::BYTES - 1] >= 0x80;
    let mut done: Result<(), Exit> = Ok(());
    for i in (0..count).filter(|&i| negative(&mask, i)).collect::<Vec<_>>() {
        let offset = cx.offset(op).wrapping_add((index.lane::<I>(i).into() as u64) << op.scale);
        let s = op.ea_shift;
        match cx.load::<L>(cx.linear(op, offset << s >> s)) {
            Ok(l) => (v, mask) = (v.with(i, l), mask.with(i, L::default())),
            Err(exit) => {
                mask.0[..i * <L as Lane>::BYTES].fill(0);
                done = Err(exit);
                break;
            }
        }
    }
    let n = count * <L as Lane>::BYTES;
    if done.is_ok() {
        write(cx.cpu, op.reg[0], &v.0[..n]);
        write(cx.cpu, op.reg[2], &[]);
    } else {
        for (slot, v) in [(op.reg[0], v), (op.reg[2], mask)] {
            cx.cpu.vec[usize::from(slot & 31)].0[..n].copy_from_slice(&v.0[..n]);
        }
    }
    done
}
