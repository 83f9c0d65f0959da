//! Fused multiply-add. SDM vol. 1, 14.5; vol. 2C, "VFMADD132PD" and on.

use iced_x86::Mnemonic;

use super::{operand, read, write};
use crate::build::{Pick, Table};
use crate::float::{Env, Float, mul_add};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Step};

/// Which operands are multiplied, in the order in which their NaNs count, and which is added.
type Order = [usize; 3];
const O132: Order = [0, 2, 1];
const O213: Order = [1, 0, 2];
const O231: Order = [1, 2, 0];

/// Whether the addend is subtracted, for even and odd lanes.
type Addend = [bool; 2];
const ADD: Addend = [false, false];
const SUB: Addend = [true, true];
const ADDSUB: Addend = [true, false];
const SUBADD: Addend = [false, true];

#[derive(Clone, Copy)]
struct Kind {
    order: Order,
    /// The product changes its sign.
    negate: bool,
    addend: Addend,
    scalar: bool,
}

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vfmadd132ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd132pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd132ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmadd132sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmadd213ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd213pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd213ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmadd213sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmadd231ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd231pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: ADD, scalar: false })))),
            (Mnemonic::Vfmadd231ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmadd231sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: ADD, scalar: true })))),
            (Mnemonic::Vfmsub132ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub132pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub132ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfmsub132sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfmsub213ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub213pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub213ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfmsub213sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfmsub231ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub231pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: SUB, scalar: false })))),
            (Mnemonic::Vfmsub231ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfmsub231sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmadd132ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd132pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd132ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmadd132sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmadd213ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd213pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd213ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmadd213sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmadd231ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd231pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: true, addend: ADD, scalar: false })))),
            (Mnemonic::Vfnmadd231ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmadd231sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: true, addend: ADD, scalar: true })))),
            (Mnemonic::Vfnmsub132ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub132pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub132ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: true, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmsub132sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: true, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmsub213ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub213pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub213ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: true, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmsub213sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: true, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmsub231ps, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub231pd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: true, addend: SUB, scalar: false })))),
            (Mnemonic::Vfnmsub231ss, Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: true, addend: SUB, scalar: true })))),
            (Mnemonic::Vfnmsub231sd, Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: true, addend: SUB, scalar: true })))),
            (
                Mnemonic::Vfmaddsub132ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmaddsub132pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmaddsub213ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmaddsub213pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmaddsub231ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmaddsub231pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: ADDSUB, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd132ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O132, negate: false, addend: SUBADD, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd132pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O132, negate: false, addend: SUBADD, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd213ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O213, negate: false, addend: SUBADD, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd213pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O213, negate: false, addend: SUBADD, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd231ps,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u32, M>(cx, op, Kind { order: O231, negate: false, addend: SUBADD, scalar: false }))),
            ),
            (
                Mnemonic::Vfmsubadd231pd,
                Pick::SlowBy(|_| Some(|cx, op| fused::<u64, M>(cx, op, Kind { order: O231, negate: false, addend: SUBADD, scalar: false }))),
            ),
        ]
    }
}

/// dest = ±(x · y) ± z, rounded once; a scalar one keeps the other lanes of the low 128 bits.
fn fused<T: Float, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, kind: Kind) -> Step {
    let operands = [V(read(cx.cpu, op.reg[0])), V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?)];
    let n = op.vector_bytes();
    let lanes = if kind.scalar { 1 } else { n / <T as Lane>::BYTES };
    let mut env = Env::new(cx.cpu.mxcsr);
    let mut v: V<32> = operands[0];
    for i in 0..lanes {
        let [x, y, z] = kind.order.map(|k| operands[k].lane::<T>(i));
        v = v.with(i, mul_add(&mut env, [x, y, z], kind.negate, kind.addend[i % 2]));
    }
    env.commit(cx.cpu)?;
    write(cx.cpu, op.reg[0], &v.0[..n]);
    Ok(())
}
