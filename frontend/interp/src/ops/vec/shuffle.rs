//! Shuffles, unpacking, packing, blending. SDM vol. 1, 9.4.4, 9.4.5, 10.4.5, 11.4.3, 12.6.5, 12.8.

use iced_x86::{Instruction, Mnemonic};

use super::{File, Mm, VMem, VReg, binary, binary128, bind, bind_xmm, file, run_binary, using};
use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Source};
use crate::vector::{Lane, V, VecReg};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pshufb, Pick::By(|i| binary!(pshufb, i))),
            (Mnemonic::Pshufw, Pick::By(|i| bind!(run_unary, i, pshuflw))),
            (Mnemonic::Pshuflw, Pick::By(|i| bind_xmm!(run_unary, i, pshuflw))),
            (Mnemonic::Pshufhw, Pick::By(|i| bind_xmm!(run_unary, i, pshufhw))),
            (Mnemonic::Pshufd, Pick::By(|i| bind_xmm!(run_unary, i, pshufd))),
            (Mnemonic::Shufps, Pick::By(|i| bind_xmm!(run_binary, i, shufps))),
            (Mnemonic::Shufpd, Pick::By(|i| bind_xmm!(run_binary, i, shufpd))),
            (Mnemonic::Punpcklbw, Pick::By(|i| unpack_low::<u8, M>(i))),
            (Mnemonic::Punpcklwd, Pick::By(|i| unpack_low::<u16, M>(i))),
            (Mnemonic::Punpckldq, Pick::By(|i| unpack_low::<u32, M>(i))),
            (Mnemonic::Punpcklqdq, Pick::By(|i| unpack_low::<u64, M>(i))),
            (Mnemonic::Unpcklps, Pick::By(|i| unpack_low::<u32, M>(i))),
            (Mnemonic::Unpcklpd, Pick::By(|i| unpack_low::<u64, M>(i))),
            (Mnemonic::Punpckhbw, Pick::By(|i| bind!(run_binary, i, |a, b, _| high::<u8, _>(a, b)))),
            (Mnemonic::Punpckhwd, Pick::By(|i| bind!(run_binary, i, |a, b, _| high::<u16, _>(a, b)))),
            (Mnemonic::Punpckhdq, Pick::By(|i| bind!(run_binary, i, |a, b, _| high::<u32, _>(a, b)))),
            (Mnemonic::Punpckhqdq, Pick::By(|i| bind_xmm!(run_binary, i, |a, b, _| high::<u64, _>(a, b)))),
            (Mnemonic::Unpckhps, Pick::By(|i| bind_xmm!(run_binary, i, |a, b, _| high::<u32, _>(a, b)))),
            (Mnemonic::Unpckhpd, Pick::By(|i| bind_xmm!(run_binary, i, |a, b, _| high::<u64, _>(a, b)))),
            (Mnemonic::Packsswb, Pick::By(|i| binary!(packsswb, i))),
            (Mnemonic::Packssdw, Pick::By(|i| binary!(packssdw, i))),
            (Mnemonic::Packuswb, Pick::By(|i| binary!(packuswb, i))),
            (Mnemonic::Packusdw, Pick::By(|i| binary128!(packusdw, i))),
            (Mnemonic::Pblendw, Pick::By(|i| bind_xmm!(run_binary, i, blend::<u16>))),
            (Mnemonic::Blendps, Pick::By(|i| bind_xmm!(run_binary, i, blend::<u32>))),
            (Mnemonic::Blendpd, Pick::By(|i| bind_xmm!(run_binary, i, blend::<u64>))),
            (Mnemonic::Pblendvb, Pick::By(blend_variable::<i8, M>)),
            (Mnemonic::Blendvps, Pick::By(blend_variable::<i32, M>)),
            (Mnemonic::Blendvpd, Pick::By(blend_variable::<i64, M>)),
            (Mnemonic::Insertps, Pick::By(|i| if form(i, 1) == Form::Mem { Some(insertps_mem::<M>) } else { Some(insertps::<M>) })),
        ]
    }
}

/// PSHUFB: bytes of dest picked by the bytes of src; zero where those are negative.
fn pshufb<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    b.map(|k: i8| a.0[k as usize & (N - 1)] & !(k >> 7) as u8)
}

/// Field `i` of four two-bit fields.
const fn field(imm: u8, i: usize) -> usize {
    (imm >> (2 * (i & 3)) & 3) as usize
}

/// PSHUFLW, and PSHUFW, which has nothing else.
fn pshuflw<const N: usize>(b: V<N>, imm: u8) -> V<N> {
    V::from_fn(|i| b.lane::<u16>(if i < 4 { field(imm, i) } else { i }))
}

/// PSHUFHW.
fn pshufhw(b: V<16>, imm: u8) -> V<16> {
    V::from_fn(|i| b.lane::<u16>(if i < 4 { i } else { 4 + field(imm, i) }))
}

/// PSHUFD.
fn pshufd(b: V<16>, imm: u8) -> V<16> {
    V::from_fn(|i| b.lane::<u32>(field(imm, i)))
}

/// SHUFPS: two lanes from dest, two from src.
fn shufps(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    V::from_fn(|i| if i < 2 { a } else { b }.lane::<u32>(field(imm, i)))
}

/// SHUFPD: one lane from dest, one from src.
fn shufpd(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    V::from_fn(|i| if i < 1 { a } else { b }.lane::<u64>(usize::from(imm >> i & 1)))
}

/// PUNPCKLxx, UNPCKLPS, UNPCKLPD. The MMX forms read only 32 bits of memory.
fn unpack_low<L: Lane, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match (file(i, 0), form(i, 1)) {
        (File::Mmx, Form::Mem) => unpack_low_mmx::<L, Mem, M>,
        (File::Mmx, _) => unpack_low_mmx::<L, Mm<1>, M>,
        (_, Form::Mem) => |cx, op| run_binary::<V<16>, VMem, M>(cx, op, |a, b, _| low::<L, 16>(a, b)),
        _ => |cx, op| run_binary::<V<16>, VReg<1>, M>(cx, op, |a, b, _| low::<L, 16>(a, b)),
    })
}

fn unpack_low_mmx<L: Lane, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    using::<V<8>, M>(cx, |cx| {
        let b: u32 = S::get(cx, op)?;
        let a = V::<8>::read(cx.cpu, op.reg[0]);
        low::<L, 8>(a, V::ZERO.with(0, b)).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

/// The lanes of the low halves, interleaved.
fn low<L: Lane, const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    V::from_fn(|i| if i % 2 == 0 { a } else { b }.lane::<L>(i / 2))
}

/// The lanes of the high halves, interleaved.
fn high<L: Lane, const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    let half = V::<N>::lanes::<L>() / 2;
    V::from_fn(|i| if i % 2 == 0 { a } else { b }.lane::<L>(half + i / 2))
}

/// The lanes of dest, then those of src, each narrowed by `f`.
fn pack<W: Lane, L: Lane, const N: usize>(a: V<N>, b: V<N>, f: impl Fn(W) -> L) -> V<N> {
    let half = V::<N>::lanes::<W>();
    V::from_fn(|i| f(if i < half { a.lane(i) } else { b.lane(i - half) }))
}

/// PACKSSWB.
fn packsswb<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    pack(a, b, |w: i16| w.clamp(i16::from(i8::MIN), i16::from(i8::MAX)) as i8)
}

/// PACKSSDW.
fn packssdw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    pack(a, b, |w: i32| w.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16)
}

/// PACKUSWB: signed words to unsigned bytes.
fn packuswb<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    pack(a, b, |w: i16| w.clamp(0, i16::from(u8::MAX)) as u8)
}

/// PACKUSDW.
fn packusdw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    pack(a, b, |w: i32| w.clamp(0, i32::from(u16::MAX)) as u16)
}

/// PBLENDW, BLENDPS, BLENDPD: the lanes of src whose bit in the immediate is set.
fn blend<L: Lane>(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    V::from_fn(|i| if imm >> i & 1 != 0 { b } else { a }.lane::<L>(i))
}

/// PBLENDVB, BLENDVPS, BLENDVPD: the lanes of src whose lane in XMM0 is negative.
fn blend_variable<L: Lane + Default + Ord, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    fn run<L: Lane + Default + Ord, S: super::VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let mask = V::<16>::read(cx.cpu, 0);
        let choose = |a: V<16>, b: V<16>, _| V::from_fn(|i| if mask.lane::<L>(i) < L::default() { b } else { a }.lane::<L>(i));
        run_binary::<V<16>, S, M>(cx, op, choose)
    }
    Some(if form(i, 1) == Form::Mem { run::<L, VMem, M> } else { run::<L, VReg<1>, M> })
}

/// INSERTPS with a register: bits 7–6 of the immediate pick the lane of src.
fn insertps<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = V::<16>::read(cx.cpu, op.reg[1]).lane(field(op.imm as u8, 3));
    insert(cx, op, b);
    Ok(())
}

/// INSERTPS with memory: bits 7–6 of the immediate don't count.
fn insertps_mem<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = Mem::get(cx, op)?;
    insert(cx, op, b);
    Ok(())
}

/// Puts `b` into the lane that bits 5–4 name and zeroes the lanes of bits 3–0.
fn insert<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, b: u32) {
    let imm = op.imm as u8;
    let v = V::<16>::read(cx.cpu, op.reg[0]).with(field(imm, 2), b);
    blend::<u32>(v, V::ZERO, imm & 15).write(cx.cpu, op.reg[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dwords(d: [u32; 4]) -> V<16> {
        V::from_fn(|i| d[i])
    }

    #[test]
    fn fields() {
        let (a, b) = (dwords([0, 1, 2, 3]), dwords([10, 11, 12, 13]));
        assert_eq!(pshufd(b, 0b00_01_10_11), dwords([13, 12, 11, 10]));
        assert_eq!(shufps(a, b, 0b11_00_01_10), dwords([2, 1, 10, 13]));
        assert_eq!(pshufhw(V::from_fn(|i| i as u16), 0x1b), V::from_fn(|i| [0u16, 1, 2, 3, 7, 6, 5, 4][i]));
        assert_eq!(blend::<u32>(a, b, 0b1010), dwords([0, 11, 2, 13]));
    }

    #[test]
    fn bytes_by_bytes() {
        let a = V::<8>([10, 11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(pshufb(a, V([7, 0x80, 8, 0xff, 0, 0x7f, 3, 1])).0, [17, 0, 10, 0, 10, 17, 13, 11]);
    }

    #[test]
    fn packing_saturates() {
        let w = V::<8>::from_fn(|i| [300i16, -300, 127, -128][i]);
        assert_eq!(packsswb(w, V::ZERO).0, [0x7f, 0x80, 0x7f, 0x80, 0, 0, 0, 0]);
        assert_eq!(packuswb(w, w).0, [255, 0, 127, 0, 255, 0, 127, 0]);
        assert_eq!(packusdw(dwords([0x1_0000, u32::MAX, 7, 0]), V::ZERO).bits(), 0x7_0000_ffff);
    }

    #[test]
    fn unpacking_interleaves() {
        let (a, b) = (V::<8>([0, 1, 2, 3, 4, 5, 6, 7]), V::<8>([10, 11, 12, 13, 14, 15, 16, 17]));
        assert_eq!(low::<u8, 8>(a, b).0, [0, 10, 1, 11, 2, 12, 3, 13]);
        assert_eq!(high::<u16, 8>(a, b).0, [4, 5, 14, 15, 6, 7, 16, 17]);
    }
}
