//! Moves between vector registers, general purpose registers and memory. SDM vol. 1, 9.4.2, 10.4.1, 11.4.1, 12.3, 12.10.

use forklift_x86::{Exit, Gpr};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

use super::{File, Mm, VMem, VReg, VecSource, Xmm, file, low, set_low, unary128, using};
use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Place, Reg, Source};
use crate::vector::{V, VecReg};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Movaps, Pick::By(aligned)),
            (Mnemonic::Movapd, Pick::By(aligned)),
            (Mnemonic::Movdqa, Pick::By(aligned)),
            (Mnemonic::Movntps, Pick::By(aligned)),
            (Mnemonic::Movntpd, Pick::By(aligned)),
            (Mnemonic::Movntdq, Pick::By(aligned)),
            (Mnemonic::Movntdqa, Pick::By(aligned)),
            (Mnemonic::Movups, Pick::By(unaligned)),
            (Mnemonic::Movupd, Pick::By(unaligned)),
            (Mnemonic::Movdqu, Pick::By(unaligned)),
            (Mnemonic::Lddqu, Pick::By(unaligned)),
            (Mnemonic::Movss, Pick::By(scalar::<u32, M>)),
            (Mnemonic::Movsd, Pick::By(|i| if i.is_string_instruction() { None } else { scalar::<u64, M>(i) })),
            (Mnemonic::Movd, Pick::By(movd)),
            (Mnemonic::Movq, Pick::By(movq)),
            (Mnemonic::Movntq, Pick::One(mmx::<u64, Mem, Mm<1>, M>)),
            (Mnemonic::Movnti, Pick::By(|i| if file(i, 1) == File::Gpr { movnti(i) } else { None })),
            (Mnemonic::Movq2dq, Pick::One(mmx::<u64, Xmm<0>, Mm<1>, M>)),
            (Mnemonic::Movdq2q, Pick::One(mmx::<u64, Mm<0>, Xmm<1>, M>)),
            (Mnemonic::Movlps, Pick::By(halves::<0, M>)),
            (Mnemonic::Movlpd, Pick::By(halves::<0, M>)),
            (Mnemonic::Movhps, Pick::By(halves::<1, M>)),
            (Mnemonic::Movhpd, Pick::By(halves::<1, M>)),
            (Mnemonic::Movhlps, Pick::One(move_half::<0, 1, M>)),
            (Mnemonic::Movlhps, Pick::One(move_half::<1, 0, M>)),
            (Mnemonic::Movddup, Pick::By(|i| if form(i, 1) == Form::Mem { Some(movddup::<Mem, M>) } else { Some(movddup::<Xmm<1>, M>) })),
            (Mnemonic::Movsldup, Pick::By(|i| unary128!(movsldup, i))),
            (Mnemonic::Movshdup, Pick::By(|i| unary128!(movshdup, i))),
            (Mnemonic::Maskmovq, Pick::SlowBy(|i| (file(i, 1) == File::Mmx).then_some(maskmovq::<M>))),
            (Mnemonic::Maskmovdqu, Pick::SlowBy(|i| (file(i, 1) == File::Xmm).then_some(maskmovdqu::<M>))),
        ]
    }
}

/// MOVAPS, MOVAPD, MOVDQA, MOVNTxx.
fn aligned<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), form(i, 1)) {
        (Form::Reg, Form::Reg) => Some(load::<VReg<1>, M>),
        (Form::Reg, Form::Mem) => Some(load::<VMem, M>),
        (Form::Mem, Form::Reg) => Some(store::<true, M>),
        _ => None,
    }
}

/// MOVUPS, MOVUPD, MOVDQU, LDDQU.
fn unaligned<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), form(i, 1)) {
        (Form::Reg, Form::Reg) => Some(load::<VReg<1>, M>),
        (Form::Reg, Form::Mem) => Some(load_unaligned),
        (Form::Mem, Form::Reg) => Some(store::<false, M>),
        _ => None,
    }
}

fn load<S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = S::get::<V<16>, M>(cx, op)?;
    v.write(cx.cpu, op.reg[0]);
    Ok(())
}

fn load_unaligned<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: u128 = cx.load(cx.ea(op))?;
    V::from_bits(v).write(cx.cpu, op.reg[0]);
    Ok(())
}

fn store<const ALIGNED: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let ea = cx.ea(op);
    if ALIGNED {
        cx.check_aligned(ea, 16)?;
    }
    cx.store(ea, V::<16>::read(cx.cpu, op.reg[1]).bits())
}

/// MOVSS, MOVSD: a load zeroes the rest of the register, a move between registers keeps it.
fn scalar<T: Int, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), form(i, 1)) {
        (Form::Reg, Form::Reg) => Some(merge::<T, M>),
        (Form::Reg, Form::Mem) => Some(mov::<T, Xmm<0>, Mem, M>),
        (Form::Mem, Form::Reg) => Some(mov::<T, Mem, Xmm<1>, M>),
        _ => None,
    }
}

fn merge<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (old, new) = (low(cx.cpu, op.reg[0]), low(cx.cpu, op.reg[1]));
    let mask = T::WIDTH.mask();
    set_low(cx.cpu, op.reg[0], old & !mask | new & mask);
    Ok(())
}

/// MOVD: 32 bits to and from the low part of a vector register; zero-extends.
fn movd<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.code() {
        Code::Movd_xmm_rm32 => from_rm::<u32, M>(i),
        Code::Movd_rm32_xmm => to_rm::<u32, M>(i),
        Code::Movd_mm_rm32 => mmx_from_rm::<u32, M>(i),
        Code::Movd_rm32_mm => mmx_to_rm::<u32, M>(i),
        _ => None,
    }
}

/// MOVQ: 64 bits likewise, and between vector registers.
fn movq<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.code() {
        Code::Movq_xmm_rm64 => from_rm::<u64, M>(i),
        Code::Movq_rm64_xmm => to_rm::<u64, M>(i),
        Code::Movq_mm_rm64 => mmx_from_rm::<u64, M>(i),
        Code::Movq_rm64_mm => mmx_to_rm::<u64, M>(i),
        Code::Movq_xmm_xmmm64 | Code::Movq_xmmm64_xmm => match (form(i, 0), form(i, 1)) {
            (Form::Reg, Form::Reg) => Some(mov::<u64, Xmm<0>, Xmm<1>, M>),
            (Form::Reg, _) => Some(mov::<u64, Xmm<0>, Mem, M>),
            _ => Some(mov::<u64, Mem, Xmm<1>, M>),
        },
        Code::Movq_mm_mmm64 | Code::Movq_mmm64_mm => match (form(i, 0), form(i, 1)) {
            (Form::Reg, Form::Reg) => Some(mmx::<u64, Mm<0>, Mm<1>, M>),
            (Form::Reg, _) => Some(mmx::<u64, Mm<0>, Mem, M>),
            _ => Some(mmx::<u64, Mem, Mm<1>, M>),
        },
        _ => None,
    }
}

fn from_rm<T: Int, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { mov::<T, Xmm<0>, Mem, M> } else { mov::<T, Xmm<0>, Reg<1>, M> })
}

fn to_rm<T: Int, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 0) == Form::Mem { mov::<T, Mem, Xmm<1>, M> } else { mov::<T, Reg<0>, Xmm<1>, M> })
}

fn mmx_from_rm<T: Int, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { mmx::<T, Mm<0>, Mem, M> } else { mmx::<T, Mm<0>, Reg<1>, M> })
}

fn mmx_to_rm<T: Int, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 0) == Form::Mem { mmx::<T, Mem, Mm<1>, M> } else { mmx::<T, Reg<0>, Mm<1>, M> })
}

/// MOVNTI: a store; its hint doesn't matter here.
fn movnti<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if i.code() == Code::Movnti_m64_r64 { mov::<u64, Mem, Reg<1>, M> } else { mov::<u32, Mem, Reg<1>, M> })
}

fn mov<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    D::set(cx, op, v)
}

/// A move from or to an MMX register.
fn mmx<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    using::<V<8>, M>(cx, |cx| mov::<T, D, S, M>(cx, op))
}

/// MOVLPS, MOVLPD (`HALF` 0), MOVHPS, MOVHPD (`HALF` 1): one quadword from or to memory.
fn halves<const HALF: usize, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { load_half::<HALF, M> } else { store_half::<HALF, M> })
}

fn load_half<const HALF: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.load(cx.ea(op))?;
    cx.cpu.vec[usize::from(op.reg[0] & 31)].set_quadword(HALF, v);
    Ok(())
}

fn store_half<const HALF: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.cpu.vec[usize::from(op.reg[1] & 31)].quadword(HALF);
    cx.store(cx.ea(op), v)
}

/// MOVHLPS, MOVLHPS: quadword `FROM` of src to quadword `TO` of dest.
fn move_half<const TO: usize, const FROM: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = cx.cpu.vec[usize::from(op.reg[1] & 31)].quadword(FROM);
    cx.cpu.vec[usize::from(op.reg[0] & 31)].set_quadword(TO, v);
    Ok(())
}

/// MOVDDUP: one quadword twice.
fn movddup<S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: u64 = S::get(cx, op)?;
    V::<16>::from_fn(|_| v).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// MOVSLDUP: the even lanes twice.
fn movsldup(b: V<16>) -> V<16> {
    V::from_fn(|i| b.lane::<u32>(i & !1))
}

/// MOVSHDUP: the odd lanes twice.
fn movshdup(b: V<16>) -> V<16> {
    V::from_fn(|i| b.lane::<u32>(i | 1))
}

/// MASKMOVQ: stores the bytes of operand 1 whose mask byte (operand 2) is negative at DS:rDI.
fn maskmovq<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    using::<V<8>, M>(cx, |cx| masked_store::<8, M>(cx, op))
}

/// MASKMOVDQU: the same with 16 bytes.
fn maskmovdqu<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    masked_store::<16, M>(cx, op)
}

fn masked_store<const N: usize, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step
where
    V<N>: VecReg,
{
    let (data, mask) = (V::<N>::read(cx.cpu, op.reg[1]), V::<N>::read(cx.cpu, op.reg[2]));
    let start = cx.linear(op, masked_offset(cx, op)?);
    // All bytes must be writable before the first is written: each is first compared and exchanged with itself.
    let wrap = |i: usize| start.wrapping_add(i as u64) & cx_mask(op);
    let chosen = |i: &usize| mask.0[*i] & 0x80 != 0;
    for i in (0..N).filter(chosen) {
        cx.compare_exchange(wrap(i), 0u8, 0)?;
    }
    for i in (0..N).filter(chosen) {
        cx.store(wrap(i), data.0[i])?;
    }
    Ok(())
}

/// rDI at the instruction's address size.
fn masked_offset<M: Memory>(cx: &Exec<'_, M>, op: &Op<M>) -> Result<u64, Exit> {
    let rdi = cx.cpu.get(Gpr::Rdi);
    Ok(match op.insn().op0_kind() {
        OpKind::MemorySegDI => rdi & 0xffff,
        OpKind::MemorySegEDI => rdi & 0xffff_ffff,
        _ => rdi,
    })
}

fn cx_mask<M: Memory>(op: &Op<M>) -> u64 {
    u64::MAX >> op.linear_shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DATA, Rig};
    use forklift_x86::{Fault, Mode};

    fn rig(code: &[u8]) -> Rig {
        let mut r = Rig::new64(code).with(Gpr::Rsi, DATA).with(Gpr::Rdi, DATA + 1).data(0, &core::array::from_fn::<u8, 32, _>(|i| i as u8 + 1));
        r.cpu.set_xmm(0, u128::MAX);
        r.cpu.set_xmm(1, 0x0807_0605_0403_0201_f0f1_f2f3_f4f5_f6f7);
        r.cpu.x87.regs[0].mantissa = 0x1122_3344_5566_7788;
        r.cpu.x87.top = 3;
        r
    }

    #[test]
    fn loads_zero_the_rest_and_moves_keep_it() {
        assert_eq!(rig(&[0xf3, 0x0f, 0x10, 0x06]).ok().cpu.xmm(0), 0x0403_0201); // movss xmm0, [rsi]
        assert_eq!(rig(&[0xf2, 0x0f, 0x10, 0xc1]).ok().cpu.xmm(0), u128::MAX << 64 | 0xf0f1_f2f3_f4f5_f6f7); // movsd xmm0, xmm1
        assert_eq!(rig(&[0xf3, 0x0f, 0x7e, 0xc1]).ok().cpu.xmm(0), 0xf0f1_f2f3_f4f5_f6f7); // movq xmm0, xmm1
        assert_eq!(rig(&[0x66, 0x0f, 0x16, 0x06]).ok().cpu.xmm(0) as u64, u64::MAX); // movhpd xmm0, [rsi]
    }

    #[test]
    fn alignment_is_checked_where_the_manual_says() {
        let r = rig(&[0x0f, 0x28, 0x07]).exits(Fault::GeneralProtection); // movaps xmm0, [rdi]
        assert_eq!((r.cpu.error_code, r.cpu.xmm(0)), (0, u128::MAX));
        assert_eq!(rig(&[0x0f, 0x10, 0x07]).ok().cpu.xmm(0) as u8, 2); // movups xmm0, [rdi]
        rig(&[0x66, 0x0f, 0x7f, 0x0f]).exits(Fault::GeneralProtection); // movdqa [rdi], xmm1
        rig(&[0x66, 0x0f, 0xef, 0x07]).exits(Fault::GeneralProtection); // pxor xmm0, [rdi]
    }

    #[test]
    fn mmx_moves_take_the_x87_registers() {
        let r = rig(&[0x0f, 0x6f, 0x0e]).ok(); // movq mm1, [rsi]
        let reg = r.cpu.x87.regs[1];
        assert_eq!((reg.mantissa, reg.sign_exp, r.cpu.x87.top, r.cpu.x87.used), (0x0807_0605_0403_0201, 0xffff, 0, 0xff));
        let r = rig(&[0xf3, 0x0f, 0xd6, 0xc0]).ok(); // movq2dq xmm0, mm0
        assert_eq!((r.cpu.xmm(0), r.cpu.x87.top), (0x1122_3344_5566_7788, 0));
        let mut r = rig(&[0x0f, 0x6f, 0x0e]);
        r.cpu.x87.sw = 0x80;
        let r = r.exits(Fault::X87);
        assert_eq!((r.cpu.x87.top, r.cpu.x87.used), (3, 0));
    }

    #[test]
    fn masked_stores() {
        let mut r = rig(&[0x66, 0x0f, 0xf7, 0xc1]); // maskmovdqu xmm0, xmm1
        r.cpu.set_xmm(0, 0xaaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa);
        assert_eq!(r.ok().peek(0, 10), [1, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 10]);
        let r = rig(&[0x66, 0x0f, 0xf7, 0xc1]).with(Gpr::Rdi, DATA + 0x1ffc).exits(Fault::Page);
        assert_eq!(r.peek(0x1ffc, 4), [0; 4]);
    }

    #[test]
    fn nothing_below_64_bits_needs_mode() {
        let r = Rig::new(Mode::Bits32, &[0x66, 0x0f, 0x6e, 0xc0]).with(Gpr::Rax, 0xffff_fff0).ok(); // movd xmm0, eax
        assert_eq!(r.cpu.xmm(0), 0xffff_fff0);
    }
}
