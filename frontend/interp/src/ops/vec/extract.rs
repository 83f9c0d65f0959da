//! Lanes to and from general purpose registers and memory; masks of sign bits. SDM vol. 1, 10.4.4, 11.4.1, 12.8.

use iced_x86::{Code, Instruction, Mnemonic};

use super::{File, file, using};
use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Place, Reg, Source};
use crate::vector::{Lane, V, VecReg};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pextrb, Pick::By(|i| extract_to::<u8, M>(i))),
            (Mnemonic::Pextrw, Pick::By(pextrw)),
            (Mnemonic::Pextrd, Pick::By(|i| extract_to::<u32, M>(i))),
            (Mnemonic::Pextrq, Pick::By(|i| extract_to::<u64, M>(i))),
            (Mnemonic::Extractps, Pick::By(|i| extract_to::<u32, M>(i))),
            (Mnemonic::Pinsrb, Pick::By(|i| insert_from::<u8, M>(i))),
            (Mnemonic::Pinsrw, Pick::By(pinsrw)),
            (Mnemonic::Pinsrd, Pick::By(|i| insert_from::<u32, M>(i))),
            (Mnemonic::Pinsrq, Pick::By(|i| insert_from::<u64, M>(i))),
            (Mnemonic::Pmovmskb, Pick::By(|i| Some(if file(i, 1) == File::Mmx { pmovmskb::<8, M> } else { pmovmskb::<16, M> }))),
            (Mnemonic::Movmskps, Pick::One(sign_mask::<i32, M>)),
            (Mnemonic::Movmskpd, Pick::One(sign_mask::<i64, M>)),
        ]
    }
}

fn extract_to<T: Int + Lane, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 0) == Form::Mem { extract_mem::<T, M> } else { extract::<T, 16, M> })
}

/// PEXTRW: the old encoding has an MMX form.
fn pextrw<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.code() {
        Code::Pextrw_r32_mm_imm8 | Code::Pextrw_r64_mm_imm8 => Some(extract::<u16, 8, M>),
        _ => extract_to::<u16, M>(i),
    }
}

/// PINSRW: likewise.
fn pinsrw<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (i.code(), form(i, 1)) {
        (Code::Pinsrw_mm_r32m16_imm8 | Code::Pinsrw_mm_r64m16_imm8, Form::Mem) => Some(insert::<u16, 8, Mem, M>),
        (Code::Pinsrw_mm_r32m16_imm8 | Code::Pinsrw_mm_r64m16_imm8, _) => Some(insert::<u16, 8, Reg<1>, M>),
        _ => insert_from::<u16, M>(i),
    }
}

fn insert_from<T: Int + Lane, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { insert::<T, 16, Mem, M> } else { insert::<T, 16, Reg<1>, M> })
}

/// The lane that an immediate names, modulo their number.
fn index<T: Lane, const N: usize, M: Memory>(op: &Op<M>) -> usize {
    op.imm as usize & (V::<N>::lanes::<T>() - 1)
}

/// PEXTRx to a register: zero-extended.
fn extract<T: Int + Lane, const N: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step
where
    V<N>: VecReg,
{
    using::<V<N>, M>(cx, |cx| {
        let l: T = V::<N>::read(cx.cpu, op.reg[1]).lane(index::<T, N, M>(op));
        cx.set_gpr(op.reg[0], l.to_u64());
        Ok(())
    })
}

/// PEXTRx, EXTRACTPS to memory.
fn extract_mem<T: Int + Lane, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let l: T = V::<16>::read(cx.cpu, op.reg[1]).lane(index::<T, 16, M>(op));
    Mem::set(cx, op, l)
}

/// PINSRx.
fn insert<T: Int + Lane, const N: usize, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step
where
    V<N>: VecReg,
{
    using::<V<N>, M>(cx, |cx| {
        let l: T = S::get(cx, op)?;
        V::<N>::read(cx.cpu, op.reg[0]).with(index::<T, N, M>(op), l).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

/// PMOVMSKB: the sign bits of the bytes.
fn pmovmskb<const N: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step
where
    V<N>: VecReg,
{
    using::<V<N>, M>(cx, |cx| {
        let m = V::<N>::read(cx.cpu, op.reg[1]).byte_signs();
        cx.set_gpr(op.reg[0], m);
        Ok(())
    })
}

/// MOVMSKPS, MOVMSKPD: the sign bits of the lanes.
fn sign_mask<L: Lane + Default + Ord, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let m = V::<16>::read(cx.cpu, op.reg[1]).mask(|l: L| l < L::default());
    cx.set_gpr(op.reg[0], m);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{DATA, Rig};
    use forklift_x86::Gpr;

    fn rig(code: &[u8]) -> Rig {
        let mut r = Rig::new64(code).with(Gpr::Rax, u64::MAX).with(Gpr::Rsi, DATA);
        r.cpu.set_xmm(1, 0x8f0e_8d0c_8b0a_8908_8706_8504_8302_8100);
        r
    }

    #[test]
    fn to_registers_zero_extends() {
        assert_eq!(rig(&[0x66, 0x0f, 0x3a, 0x14, 0xc8, 0x1f]).ok().get(Gpr::Rax), 0x8f); // pextrb eax, xmm1, 31
        assert_eq!(rig(&[0x66, 0x0f, 0xc5, 0xc1, 0x0a]).ok().get(Gpr::Rax), 0x8504); // pextrw eax, xmm1, 10
        assert_eq!(rig(&[0x66, 0x0f, 0xd7, 0xc1]).ok().get(Gpr::Rax), 0xaaaa); // pmovmskb eax, xmm1
        assert_eq!(rig(&[0x0f, 0x50, 0xc1]).ok().get(Gpr::Rax), 0xf); // movmskps eax, xmm1
    }

    #[test]
    fn to_and_from_memory_moves_only_the_lane() {
        let r = rig(&[0x66, 0x0f, 0x3a, 0x15, 0x0e, 0x07]).data(0, &[1; 4]).ok(); // pextrw [rsi], xmm1, 7
        assert_eq!(r.peek(0, 4), [0x0e, 0x8f, 1, 1]);
        let r = rig(&[0x66, 0x0f, 0x3a, 0x20, 0x0e, 0x10]).data(0, &[0x55; 4]).ok(); // pinsrb xmm1, [rsi], 16
        assert_eq!(r.cpu.xmm(1), 0x8f0e_8d0c_8b0a_8908_8706_8504_8302_8155);
    }
}
