//! Shifts of each lane by its own count. SDM vol. 2C, "VPSLLVD/VPSLLVQ", "VPSRLVD/VPSRLVQ", "VPSRAVD".

use iced_x86::Mnemonic;

use super::{operand, read, write};
use crate::build::{Pick, Table};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vpsllvd, Pick::SlowBy(|_| Some(|cx, op| lanes(cx, op, |a, n: u32| a.checked_shl(n).unwrap_or(0))))),
            (Mnemonic::Vpsrlvd, Pick::SlowBy(|_| Some(|cx, op| lanes(cx, op, |a, n: u32| a.checked_shr(n).unwrap_or(0))))),
            (Mnemonic::Vpsravd, Pick::SlowBy(|_| Some(|cx, op| lanes(cx, op, |a, n: u32| (a as i32 >> n.min(31)) as u32)))),
            (Mnemonic::Vpsllvq, Pick::SlowBy(|_| Some(|cx, op| lanes(cx, op, |a, n: u64| if n < 64 { a << n } else { 0 })))),
            (Mnemonic::Vpsrlvq, Pick::SlowBy(|_| Some(|cx, op| lanes(cx, op, |a, n: u64| if n < 64 { a >> n } else { 0 })))),
        ]
    }
}

/// `f` of each lane of the first source and its count.
fn lanes<L: Lane, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, f: impl Fn(L, L) -> L) -> Step {
    let (a, b) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    write(cx.cpu, op.reg[0], &a.zip(b, f).0[..op.vector_bytes()]);
    Ok(())
}
