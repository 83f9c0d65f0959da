//! Packed shifts, whole-register shifts, PALIGNR. SDM vol. 1, 9.4.6, 11.4.2, 12.6.6.

use forklift_x86::Exit;
use iced_x86::{Instruction, Mnemonic};

use super::{File, VMem, VReg, VecSource, bind, file, run_unary, using};
use crate::build::{Form, Pick, Table, form};
use crate::vector::{Lane, V, VecReg};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Psllw, Pick::By(pick::<Left<u16>, M>)),
            (Mnemonic::Pslld, Pick::By(pick::<Left<u32>, M>)),
            (Mnemonic::Psllq, Pick::By(pick::<Left<u64>, M>)),
            (Mnemonic::Psrlw, Pick::By(pick::<Right<u16>, M>)),
            (Mnemonic::Psrld, Pick::By(pick::<Right<u32>, M>)),
            (Mnemonic::Psrlq, Pick::By(pick::<Right<u64>, M>)),
            (Mnemonic::Psraw, Pick::By(pick::<Right<i16>, M>)),
            (Mnemonic::Psrad, Pick::By(pick::<Right<i32>, M>)),
            (Mnemonic::Pslldq, Pick::One(|cx, op| run_unary::<V<16>, VReg<0>, M>(cx, op, pslldq))),
            (Mnemonic::Psrldq, Pick::One(|cx, op| run_unary::<V<16>, VReg<0>, M>(cx, op, psrldq))),
            (Mnemonic::Palignr, Pick::By(|i| bind!(run_binary, i, palignr))),
        ]
    }
}

/// A lane that can be shifted by any count: arithmetically to the right if it is signed.
trait Shift: Lane {
    const WIDE: u64 = Self::BYTES as u64 * 8;
    fn left(self, n: u64) -> Self;
    fn right(self, n: u64) -> Self;
}

macro_rules! shift {
    ($($t:ty, $beyond:expr);*) => {$(
        impl Shift for $t {
            #[inline(always)]
            fn left(self, n: u64) -> Self {
                if n < Self::WIDE { self << n } else { 0 }
            }
            #[inline(always)]
            fn right(self, n: u64) -> Self {
                if n < Self::WIDE { self >> n } else { $beyond(self) }
            }
        }
    )*};
}

shift!(u16, |_| 0; u32, |_| 0; u64, |_| 0; i16, |v: i16| v >> 15; i32, |v: i32| v >> 31);

/// What a shift does to all lanes of a vector.
trait Shifter {
    fn shift<const N: usize>(v: V<N>, n: u64) -> V<N>;
}

struct Left<L>(L);
struct Right<L>(L);

impl<L: Shift> Shifter for Left<L> {
    #[inline(always)]
    fn shift<const N: usize>(v: V<N>, n: u64) -> V<N> {
        v.map(|l: L| l.left(n))
    }
}

impl<L: Shift> Shifter for Right<L> {
    #[inline(always)]
    fn shift<const N: usize>(v: V<N>, n: u64) -> V<N> {
        v.map(|l: L| l.right(n))
    }
}

/// Where a count comes from: the immediate, or the low quadword of operand 1.
trait Count<T: VecReg> {
    fn count<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<u64, Exit>;
}

struct ByImm;

impl<T: VecReg> Count<T> for ByImm {
    #[inline(always)]
    fn count<M: Memory>(_: &mut Exec<'_, M>, op: &Op<M>) -> Result<u64, Exit> {
        Ok(op.imm & 0xff)
    }
}

struct By<S>(S);

impl<S: VecSource, const N: usize> Count<V<N>> for By<S>
where
    V<N>: VecReg,
{
    #[inline(always)]
    fn count<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<u64, Exit> {
        Ok(S::get::<V<N>, M>(cx, op)?.lane(0))
    }
}

fn pick<F: Shifter, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (file(i, 0), form(i, 1)) {
        (File::Mmx, Form::Imm) => Some(shift::<F, 8, ByImm, M>),
        (File::Mmx, Form::Reg) => Some(shift::<F, 8, By<VReg<1>>, M>),
        (File::Mmx, Form::Mem) => Some(shift::<F, 8, By<VMem>, M>),
        (File::Xmm, Form::Imm) => Some(shift::<F, 16, ByImm, M>),
        (File::Xmm, Form::Reg) => Some(shift::<F, 16, By<VReg<1>>, M>),
        (File::Xmm, Form::Mem) => Some(shift::<F, 16, By<VMem>, M>),
        _ => None,
    }
}

/// PSLLx, PSRLx, PSRAx.
fn shift<F: Shifter, const N: usize, C: Count<V<N>>, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step
where
    V<N>: VecReg,
{
    using::<V<N>, M>(cx, |cx| {
        let n = C::count(cx, op)?;
        let v = V::<N>::read(cx.cpu, op.reg[0]);
        F::shift(v, n).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

/// PSLLDQ: by bytes.
fn pslldq(v: V<16>, n: u8) -> V<16> {
    V::from_bits(v.bits().checked_shl(u32::from(n) * 8).unwrap_or(0))
}

/// PSRLDQ.
fn psrldq(v: V<16>, n: u8) -> V<16> {
    V::from_bits(v.bits().checked_shr(u32::from(n) * 8).unwrap_or(0))
}

/// PALIGNR: the low half of dest:src shifted right by bytes.
fn palignr<const N: usize>(a: V<N>, b: V<N>, n: u8) -> V<N> {
    let mut bytes = [0; 48];
    bytes[..N].copy_from_slice(&b.0);
    bytes[N..2 * N].copy_from_slice(&a.0);
    let n = usize::from(n).min(2 * N);
    let mut v = V::ZERO;
    v.0.copy_from_slice(&bytes[n..n + N]);
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_the_lane() {
        let v = V::<8>::from_fn(|_| 0x8001u16);
        assert_eq!(Left::<u16>::shift(v, 15), V::from_fn(|_| 0x8000u16));
        assert_eq!(Left::<u16>::shift(v, 16), V::ZERO);
        assert_eq!(Right::<u16>::shift(v, u64::MAX), V::ZERO);
        assert_eq!(Right::<i16>::shift(v, 1 << 32), V::from_fn(|_| 0xffffu16));
        assert_eq!(Right::<u64>::shift(v, 64), V::ZERO);
    }

    #[test]
    fn bytes() {
        let v = V::<16>::from_fn(|i| i as u8 + 1);
        assert_eq!((pslldq(v, 15).bits(), pslldq(v, 16).bits(), psrldq(v, 255).bits()), (1 << 120, 0, 0));
        assert_eq!(psrldq(v, 14).bits(), 0x100f);
        let (a, b) = (V::<8>([1; 8]), V::<8>([2; 8]));
        assert_eq!(palignr(a, b, 7).0, [2, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(palignr(a, b, 15).0, [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(palignr(a, b, 16), V::ZERO);
    }
}
