//! Permutations across lanes or by a vector, blends with four operands, inserts and extracts of 128 bits. SDM vol. 2C.

use iced_x86::Mnemonic;

use super::{Wide, operand, read, store, write};
use crate::build::{Form, Pick, Table, form};
use crate::vector::{Lane, V};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Vpermq, Pick::SlowBy(|_| Some(by_immediate::<u64, M>))),
            (Mnemonic::Vpermpd, Pick::SlowBy(|_| Some(by_immediate::<u64, M>))),
            (Mnemonic::Vpermd, Pick::SlowBy(|_| Some(vpermd::<M>))),
            (Mnemonic::Vpermps, Pick::SlowBy(|_| Some(vpermd::<M>))),
            (Mnemonic::Vpermilps, Pick::SlowBy(|i| Some(if form(i, 2) == Form::Imm { in_lane_immediate::<u32, M> } else { in_lane::<u32, M> }))),
            (Mnemonic::Vpermilpd, Pick::SlowBy(|i| Some(if form(i, 2) == Form::Imm { in_lane_immediate::<u64, M> } else { in_lane::<u64, M> }))),
            (Mnemonic::Vperm2f128, Pick::SlowBy(|_| Some(halves::<M>))),
            (Mnemonic::Vperm2i128, Pick::SlowBy(|_| Some(halves::<M>))),
            (Mnemonic::Vinsertf128, Pick::SlowBy(|_| Some(insert::<M>))),
            (Mnemonic::Vinserti128, Pick::SlowBy(|_| Some(insert::<M>))),
            (Mnemonic::Vextractf128, Pick::SlowBy(|_| Some(extract::<M>))),
            (Mnemonic::Vextracti128, Pick::SlowBy(|_| Some(extract::<M>))),
            (Mnemonic::Vpblendd, Pick::SlowBy(|_| Some(vpblendd::<M>))),
            (Mnemonic::Vpblendvb, Pick::SlowBy(|_| Some(blend::<i8, M>))),
            (Mnemonic::Vblendvps, Pick::SlowBy(|_| Some(blend::<i32, M>))),
            (Mnemonic::Vblendvpd, Pick::SlowBy(|_| Some(blend::<i64, M>))),
        ]
    }
}

fn put<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: V<32>) {
    write(cx.cpu, op.reg[0], &v.0[..op.vector_bytes()]);
}

/// VPERMQ, VPERMPD: each lane picked by two bits of the immediate.
fn by_immediate<L: Lane, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = V(operand(cx, op, 1)?);
    put(cx, op, V::from_fn(|i| b.lane::<L>((op.imm >> (2 * i) & 3) as usize)));
    Ok(())
}

/// VPERMD, VPERMPS: the first source picks lanes of the second.
fn vpermd<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (index, b) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    put(cx, op, V::from_fn(|i| b.lane::<u32>(index.lane::<u32>(i) as usize & 7)));
    Ok(())
}

/// VPERMILPS, VPERMILPD: within 128 bits, by the low bits of a vector's lanes; of a quadword it is bit 1 that counts.
fn in_lane<L: Lane, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, control) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    let per = 16 / L::BYTES;
    put(
        cx,
        op,
        V::from_fn(|i| {
            let c = usize::from(control.0[i * L::BYTES]);
            a.lane::<L>(i / per * per + if L::BYTES == 8 { c >> 1 & 1 } else { c & 3 })
        }),
    );
    Ok(())
}

/// The same by an immediate: two bits for each single, the same for both halves; one bit for each double.
fn in_lane_immediate<L: Lane, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a = V(operand(cx, op, 1)?);
    let per = 16 / L::BYTES;
    let pick = |i: usize| (if L::BYTES == 8 { op.imm >> i & 1 } else { op.imm >> (2 * (i % 4)) & 3 }) as usize;
    put(cx, op, V::from_fn(|i| a.lane::<L>(i / per * per + pick(i))));
    Ok(())
}

/// VPERM2F128, VPERM2I128: each half is one of the four, or zero.
fn halves<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    let pick = |control: u64| match control & 0xf {
        c if c & 8 != 0 => 0u128,
        c if c & 2 != 0 => b.lane(c as usize & 1),
        c => a.lane(c as usize & 1),
    };
    put(cx, op, V::from_fn(|i| pick(op.imm >> (4 * i))));
    Ok(())
}

/// VINSERTF128, VINSERTI128.
fn insert<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    put(cx, op, a.with(op.imm as usize & 1, b.lane::<u128>(0)));
    Ok(())
}

/// VEXTRACTF128, VEXTRACTI128.
fn extract<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let half = V(read(cx.cpu, op.reg[1])).lane::<u128>(op.imm as usize & 1).to_le_bytes();
    if form(op.insn(), 0) == Form::Mem {
        return store(cx, cx.ea(op), &half);
    }
    write(cx.cpu, op.reg[0], &half);
    Ok(())
}

/// VPBLENDD: the lanes of the second source whose bit in the immediate is set.
fn vpblendd<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    put(cx, op, V::from_fn(|i| if op.imm >> i & 1 != 0 { b } else { a }.lane::<u32>(i)));
    Ok(())
}

/// VPBLENDVB, VBLENDVPS, VBLENDVPD: the lanes of the second source whose lane in operand 3 is negative.
fn blend<L: Lane + Default + Ord, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b): (V<32>, V<32>) = (V(read(cx.cpu, op.reg[1])), V(operand(cx, op, 2)?));
    let mask: Wide = read(cx.cpu, op.reg[3]);
    put(cx, op, V::from_fn(|i| if V(mask).lane::<L>(i) < L::default() { b } else { a }.lane::<L>(i)));
    Ok(())
}
