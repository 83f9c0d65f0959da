//! Loads and stores of the lanes whose mask is negative. SDM vol. 2C, "VMASKMOV", "VPMASKMOV".
//!
//! Lanes without their mask are not accessed at all. A store happens whole or not at all.

use iced_x86::Mnemonic;

use super::{probe, read, write};
use crate::build::{Form, Pick, Table, form};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Prim, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vmaskmovps, Pick::SlowBy(|i| Some(if form(i, 0) == Form::Mem { store::<u32, M> } else { load::<u32, M> }))),
            (Mnemonic::Vmaskmovpd, Pick::SlowBy(|i| Some(if form(i, 0) == Form::Mem { store::<u64, M> } else { load::<u64, M> }))),
            (Mnemonic::Vpmaskmovd, Pick::SlowBy(|i| Some(if form(i, 0) == Form::Mem { store::<u32, M> } else { load::<u32, M> }))),
            (Mnemonic::Vpmaskmovq, Pick::SlowBy(|i| Some(if form(i, 0) == Form::Mem { store::<u64, M> } else { load::<u64, M> }))),
        ]
    }
}

/// The lanes whose mask has its top bit set.
fn chosen<L: Lane, M: Memory>(cx: &Exec<'_, M>, op: &Op<M>) -> Vec<usize> {
    let mask = read(cx.cpu, op.reg[1]);
    (0..op.vector_bytes() / L::BYTES).filter(|i| mask[i * L::BYTES + L::BYTES - 1] >= 0x80).collect()
}

/// Linear address of a lane.
fn address<L: Lane, M: Memory>(cx: &Exec<'_, M>, op: &Op<M>, lane: usize) -> u64 {
    let s = op.ea_shift;
    cx.linear(op, cx.offset(op).wrapping_add((lane * L::BYTES) as u64) << s >> s)
}

fn load<L: Lane + Prim, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mut v = V::<32>::ZERO;
    for i in chosen::<L, M>(cx, op) {
        v = v.with(i, cx.load::<L>(address::<L, M>(cx, op, i))?);
    }
    write(cx.cpu, op.reg[0], &v.0[..op.vector_bytes()]);
    Ok(())
}

fn store<L: Lane + Prim, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = V(read(cx.cpu, op.reg[2]));
    let chosen = chosen::<L, M>(cx, op);
    for &i in &chosen {
        probe(cx, address::<L, M>(cx, op, i), <L as Lane>::BYTES)?;
    }
    for i in chosen {
        cx.store(address::<L, M>(cx, op, i), v.lane::<L>(i))?;
    }
    Ok(())
}
