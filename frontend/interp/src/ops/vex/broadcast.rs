//! Broadcasts. SDM vol. 2C, "VBROADCAST", "VPBROADCASTB/W/D/Q".

use iced_x86::Mnemonic;

use super::{operand, write};
use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vbroadcastss, Pick::SlowBy(|_| Some(broadcast::<4, M>))),
            (Mnemonic::Vbroadcastsd, Pick::SlowBy(|_| Some(broadcast::<8, M>))),
            (Mnemonic::Vbroadcastf128, Pick::SlowBy(|_| Some(broadcast::<16, M>))),
            (Mnemonic::Vbroadcasti128, Pick::SlowBy(|_| Some(broadcast::<16, M>))),
            (Mnemonic::Vpbroadcastb, Pick::SlowBy(|_| Some(broadcast::<1, M>))),
            (Mnemonic::Vpbroadcastw, Pick::SlowBy(|_| Some(broadcast::<2, M>))),
            (Mnemonic::Vpbroadcastd, Pick::SlowBy(|_| Some(broadcast::<4, M>))),
            (Mnemonic::Vpbroadcastq, Pick::SlowBy(|_| Some(broadcast::<8, M>))),
        ]
    }
}

/// The lowest `N` bytes of the source, repeated.
fn broadcast<const N: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = operand(cx, op, 1)?;
    let v: [u8; 32] = std::array::from_fn(|i| b[i % N]);
    write(cx.cpu, op.reg[0], &v[..op.vector_bytes()]);
    Ok(())
}
