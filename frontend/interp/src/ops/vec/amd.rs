//! SSE4a and 3DNow!, which only AMD's CPUs have or had. AMD64 Architecture Programmer's Manual, vol. 4 and 5.
//!
//! 3DNow! rounds to nearest, takes denormals for zeroes, gives zeroes instead of them, and has no exceptions. What it does with infinities and NaNs is
//! undefined there; here it is what SSE does. Its approximations are as exact as binary32 is, so that the steps that refine them leave them as they are.

use core::cmp::Ordering;

use iced_x86::Mnemonic;

use super::{File, binary, file, low, unary};
use crate::build::{Pick, Table};
use crate::float::{Env, Format, Nans, Rounding, add, compare, div, from_int, max, min, mul, sqrt, sub, to_int};
use crate::vector::{V, VecReg};
use crate::{Exec, Int, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Extrq, Pick::SlowBy(|_| Some(extrq::<M>))),
            (Mnemonic::Insertq, Pick::SlowBy(|_| Some(insertq::<M>))),
            (Mnemonic::Movntss, Pick::One(store_low::<u32, M>)),
            (Mnemonic::Movntsd, Pick::One(store_low::<u64, M>)),
            (Mnemonic::Femms, Pick::One(femms::<M>)),
            (Mnemonic::Pfadd, Pick::By(|i| binary!(pfadd, i))),
            (Mnemonic::Pfsub, Pick::By(|i| binary!(pfsub, i))),
            (Mnemonic::Pfsubr, Pick::By(|i| binary!(pfsubr, i))),
            (Mnemonic::Pfmul, Pick::By(|i| binary!(pfmul, i))),
            (Mnemonic::Pfmax, Pick::By(|i| binary!(pfmax, i))),
            (Mnemonic::Pfmin, Pick::By(|i| binary!(pfmin, i))),
            (Mnemonic::Pfcmpeq, Pick::By(|i| binary!(pfcmpeq, i))),
            (Mnemonic::Pfcmpge, Pick::By(|i| binary!(pfcmpge, i))),
            (Mnemonic::Pfcmpgt, Pick::By(|i| binary!(pfcmpgt, i))),
            (Mnemonic::Pfacc, Pick::By(|i| binary!(pfacc, i))),
            (Mnemonic::Pfnacc, Pick::By(|i| binary!(pfnacc, i))),
            (Mnemonic::Pfpnacc, Pick::By(|i| binary!(pfpnacc, i))),
            (Mnemonic::Pfrcpit1, Pick::By(|i| binary!(second, i))),
            (Mnemonic::Pfrcpit2, Pick::By(|i| binary!(second, i))),
            (Mnemonic::Pfrsqit1, Pick::By(|i| binary!(second, i))),
            (Mnemonic::Pmulhrw, Pick::By(|i| binary!(pmulhrw, i))),
            (Mnemonic::Pavgusb, Pick::By(|i| binary!(pavgusb, i))),
            (Mnemonic::Pi2fd, Pick::By(|i| unary!(pi2fd, i))),
            (Mnemonic::Pi2fw, Pick::By(|i| unary!(pi2fw, i))),
            (Mnemonic::Pf2id, Pick::By(|i| unary!(pf2id, i))),
            (Mnemonic::Pf2iw, Pick::By(|i| unary!(pf2iw, i))),
            (Mnemonic::Pfrcp, Pick::By(|i| unary!(pfrcp, i))),
            (Mnemonic::Pfrsqrt, Pick::By(|i| unary!(pfrsqrt, i))),
            (Mnemonic::Pswapd, Pick::By(|i| unary!(pswapd, i))),
        ]
    }
}

/// MOVNTSS, MOVNTSD.
fn store_low<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = T::from_u64(low(cx.cpu, op.reg[1]));
    cx.store(cx.ea(op), v)
}

/// Index and mask of a bit field of a quadword: a length of 0 means 64.
const fn field(length: u64, index: u64) -> (u32, u64) {
    let length = length & 63;
    ((index & 63) as u32, if length == 0 { u64::MAX } else { (1 << length) - 1 })
}

/// EXTRQ: a bit field of the low quadword, zero-extended. The manual leaves the upper quadword undefined, CPUs zero it. Length and index are immediates, or in the source's first two bytes.
fn extrq<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let i = op.insn();
    let (index, mask) = if file(i, 1) == File::Xmm {
        let control = low(cx.cpu, op.reg[1]);
        field(control, control >> 8)
    } else {
        field(i.immediate8().into(), i.immediate8_2nd().into())
    };
    let v = low(cx.cpu, op.reg[0]) >> index & mask;
    V::<16>::from_bits(v.into()).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// INSERTQ, with the same note: the low bits of the source to a bit field of the low quadword. Length and index are immediates, or in the source's bytes 8 and 9.
fn insertq<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let i = op.insn();
    let (index, mask) = if i.op_count() == 2 {
        let control = cx.cpu.vec[usize::from(op.reg[1])].quadword(1);
        field(control, control >> 8)
    } else {
        field(i.immediate8().into(), i.immediate8_2nd().into())
    };
    let v = low(cx.cpu, op.reg[0]) & !(mask << index) | (low(cx.cpu, op.reg[1]) & mask) << index;
    V::<16>::from_bits(v.into()).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// FEMMS: as EMMS.
fn femms<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    V::<8>::check(cx)?;
    cx.cpu.x87.used = 0;
    cx.cpu.x87.top = 0;
    Ok(())
}

/// All exceptions masked, denormals are zeroes.
fn env() -> Env {
    Env::new(0x9fc0)
}

fn singles<const N: usize>(a: V<N>, b: V<N>, f: impl Fn(&mut Env, u32, u32) -> u32) -> V<N> {
    a.zip(b, |x, y| f(&mut env(), x, y))
}

fn pfadd<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(a, b, add)
}

fn pfsub<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(a, b, sub)
}

fn pfsubr<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(b, a, sub)
}

fn pfmul<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(a, b, mul)
}

fn pfmax<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(a, b, max)
}

fn pfmin<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    singles(a, b, min)
}

/// Ones where `f` of the order holds.
fn mask<const N: usize>(a: V<N>, b: V<N>, f: impl Fn(Ordering) -> bool) -> V<N> {
    singles(a, b, |env, x, y| if compare(env, x, y, Nans::Quiet).is_some_and(&f) { u32::MAX } else { 0 })
}

fn pfcmpeq<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    mask(a, b, Ordering::is_eq)
}

fn pfcmpge<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    mask(a, b, Ordering::is_ge)
}

fn pfcmpgt<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    mask(a, b, Ordering::is_gt)
}

/// `f` of the neighbours in dest and `g` of those in src.
fn across<const N: usize>(a: V<N>, b: V<N>, f: fn(&mut Env, u32, u32) -> u32, g: fn(&mut Env, u32, u32) -> u32) -> V<N> {
    V::from_fn(|i| if i == 0 { f(&mut env(), a.lane(0), a.lane(1)) } else { g(&mut env(), b.lane(0), b.lane(1)) })
}

fn pfacc<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    across(a, b, add, add)
}

fn pfnacc<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    across(a, b, sub, sub)
}

fn pfpnacc<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    across(a, b, sub, add)
}

/// PFRCPIT1, PFRSQIT1, PFRCPIT2: the last one's source is the approximation, which needs no step.
fn second<const N: usize>(_: V<N>, b: V<N>) -> V<N> {
    b
}

/// PMULHRW: the upper halves of the products, rounded.
fn pmulhrw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |x: i16, y| ((i32::from(x) * i32::from(y) + 0x8000) >> 16) as i16)
}

/// PAVGUSB.
fn pavgusb<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |x: u8, y| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8)
}

/// PI2FD: truncated, as the manual has it.
fn pi2fd<const N: usize>(b: V<N>) -> V<N> {
    b.map(|l: i32| from_int::<u32>(&mut Env::unflushed(0x1f80, Some(3)), l.into()))
}

/// PI2FW: from the low word of each doubleword.
fn pi2fw<const N: usize>(b: V<N>) -> V<N> {
    b.map(|l: i32| from_int::<u32>(&mut env(), i64::from(l as i16)))
}

/// Truncated to an integer of `bits`, saturating.
fn truncate(l: u32, bits: u32) -> u32 {
    let limit = 1i64 << (bits - 1);
    if l.exponent() >= (u32::BIAS + 62) as u64 {
        return if l.sign() { -limit } else { limit - 1 } as u32;
    }
    let v = to_int(&mut env(), l, 64, Rounding::Zero) as i64;
    v.clamp(-limit, limit - 1) as u32
}

fn pf2id<const N: usize>(b: V<N>) -> V<N> {
    b.map(|l: u32| truncate(l, 32))
}

/// PF2IW: sign-extended words.
fn pf2iw<const N: usize>(b: V<N>) -> V<N> {
    b.map(|l: u32| truncate(l, 16))
}

/// PFRCP: of the low single, to both.
fn pfrcp<const N: usize>(b: V<N>) -> V<N> {
    let r = div(&mut env(), 1.0f32.to_bits(), b.lane(0));
    V::from_fn(|_| r)
}

/// PFRSQRT: of the low single's magnitude, with its sign, to both.
fn pfrsqrt<const N: usize>(b: V<N>) -> V<N> {
    let v: u32 = b.lane(0);
    let root = sqrt(&mut env(), v.magnitude() as u32);
    let r = div(&mut env(), 1.0f32.to_bits(), root) | u32::zero(v.sign());
    V::from_fn(|_| r)
}

fn pswapd<const N: usize>(b: V<N>) -> V<N> {
    V::from_fn(|i| b.lane::<u32>(i ^ 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: f32, b: f32) -> V<8> {
        V::from_fn(|i| [a, b][i].to_bits())
    }

    #[test]
    fn examples() {
        assert_eq!(pfacc(pair(1.0, 2.0), pair(3.0, 4.0)), pair(3.0, 7.0));
        assert_eq!(pfpnacc(pair(1.0, 2.0), pair(3.0, 4.0)), pair(-1.0, 7.0));
        assert_eq!(pfrcp(pair(4.0, 0.0)), pair(0.25, 0.25));
        assert_eq!(pfrsqrt(pair(-4.0, 0.0)), pair(-0.5, -0.5));
        assert_eq!(pf2iw(pair(-1e9, 7.9)), V::from_fn(|i| [-32768i32, 7][i]));
        assert_eq!(pf2id(pair(1e20, -2.5)), V::from_fn(|i| [i32::MAX, -2][i]));
        assert_eq!(pswapd(pair(1.0, 2.0)), pair(2.0, 1.0));
    }
}
