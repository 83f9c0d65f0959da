//! Floating-point arithmetic. SDM vol. 1, 10.4.1, 11.4.1, 12.3, 12.8.

use iced_x86::{Instruction, Mnemonic};

use super::fp::{bind_scalar, bind_whole, packed, single};
use super::{VMem, VReg, VecSource};
use crate::build::{Form, Pick, Table, form};
use crate::float::{Env, Float, Rounding, add, mul, round_to_integral, sqrt, sub};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Addss, Pick::By(|i| single!(add, u32, i))),
            (Mnemonic::Addsd, Pick::By(|i| single!(add, u64, i))),
            (Mnemonic::Addps, Pick::By(|i| packed!(add, u32, i))),
            (Mnemonic::Addpd, Pick::By(|i| packed!(add, u64, i))),
            (Mnemonic::Subss, Pick::By(|i| single!(sub, u32, i))),
            (Mnemonic::Subsd, Pick::By(|i| single!(sub, u64, i))),
            (Mnemonic::Subps, Pick::By(|i| packed!(sub, u32, i))),
            (Mnemonic::Subpd, Pick::By(|i| packed!(sub, u64, i))),
            (Mnemonic::Mulss, Pick::By(|i| single!(mul, u32, i))),
            (Mnemonic::Mulsd, Pick::By(|i| single!(mul, u64, i))),
            (Mnemonic::Mulps, Pick::By(|i| packed!(mul, u32, i))),
            (Mnemonic::Mulpd, Pick::By(|i| packed!(mul, u64, i))),
            (Mnemonic::Divss, Pick::By(|i| single!(div, u32, i))),
            (Mnemonic::Divsd, Pick::By(|i| single!(div, u64, i))),
            (Mnemonic::Divps, Pick::By(|i| packed!(div, u32, i))),
            (Mnemonic::Divpd, Pick::By(|i| packed!(div, u64, i))),
            (Mnemonic::Minss, Pick::By(|i| single!(min, u32, i))),
            (Mnemonic::Minsd, Pick::By(|i| single!(min, u64, i))),
            (Mnemonic::Minps, Pick::By(|i| packed!(min, u32, i))),
            (Mnemonic::Minpd, Pick::By(|i| packed!(min, u64, i))),
            (Mnemonic::Maxss, Pick::By(|i| single!(max, u32, i))),
            (Mnemonic::Maxsd, Pick::By(|i| single!(max, u64, i))),
            (Mnemonic::Maxps, Pick::By(|i| packed!(max, u32, i))),
            (Mnemonic::Maxpd, Pick::By(|i| packed!(max, u64, i))),
            (Mnemonic::Sqrtss, Pick::By(|i| bind_scalar!(scalar_unary::<u32, u32>, i, sqrt))),
            (Mnemonic::Sqrtsd, Pick::By(|i| bind_scalar!(scalar_unary::<u64, u64>, i, sqrt))),
            (Mnemonic::Sqrtps, Pick::By(|i| bind_whole!(whole_unary, i, |env, b| b.map(|b: u32| sqrt(env, b))))),
            (Mnemonic::Sqrtpd, Pick::By(|i| bind_whole!(whole_unary, i, |env, b| b.map(|b: u64| sqrt(env, b))))),
            (Mnemonic::Addsubps, Pick::By(|i| bind_whole!(whole_binary, i, addsub::<u32>))),
            (Mnemonic::Addsubpd, Pick::By(|i| bind_whole!(whole_binary, i, addsub::<u64>))),
            (Mnemonic::Haddps, Pick::By(|i| bind_whole!(whole_binary, i, |env, a, b| horizontal::<u32>(a, b, |x, y| add(env, x, y))))),
            (Mnemonic::Haddpd, Pick::By(|i| bind_whole!(whole_binary, i, |env, a, b| horizontal::<u64>(a, b, |x, y| add(env, x, y))))),
            (Mnemonic::Hsubps, Pick::By(|i| bind_whole!(whole_binary, i, |env, a, b| horizontal::<u32>(a, b, |x, y| sub(env, x, y))))),
            (Mnemonic::Hsubpd, Pick::By(|i| bind_whole!(whole_binary, i, |env, a, b| horizontal::<u64>(a, b, |x, y| sub(env, x, y))))),
            (Mnemonic::Dpps, Pick::By(dot::<u32, M>)),
            (Mnemonic::Dppd, Pick::By(dot::<u64, M>)),
            (Mnemonic::Roundss, Pick::By(round_scalar::<u32, M>)),
            (Mnemonic::Roundsd, Pick::By(round_scalar::<u64, M>)),
            (Mnemonic::Roundps, Pick::By(round_packed::<u32, M>)),
            (Mnemonic::Roundpd, Pick::By(round_packed::<u64, M>)),
        ]
    }
}

/// ADDSUBPS, ADDSUBPD: the even lanes are subtracted, the odd ones added.
fn addsub<T: Float>(env: &mut Env, a: V<16>, b: V<16>) -> V<16> {
    V::from_fn(|i| {
        let (x, y) = (a.lane::<T>(i), b.lane(i));
        if i % 2 == 0 { sub(env, x, y) } else { add(env, x, y) }
    })
}

/// HADDxx, HSUBxx: neighbours in dest, then in src.
fn horizontal<T: Float>(a: V<16>, b: V<16>, mut f: impl FnMut(T, T) -> T) -> V<16> {
    let half = V::<16>::lanes::<T>() / 2;
    V::from_fn(|i| {
        let (v, k) = if i < half { (a, 2 * i) } else { (b, 2 * (i - half)) };
        f(v.lane(k), v.lane(k + 1))
    })
}

fn dot<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { run_dot::<T, VMem, M> } else { run_dot::<T, VReg<1>, M> })
}

/// DPPS, DPPD: products of the lanes that bits 4 and on of the immediate choose, summed pairwise, to the lanes that its low bits choose.
///
/// Each stage delivers its exceptions before the next one begins.
fn run_dot<T: Float, S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: V<16> = S::get(cx, op)?;
    let a = V::<16>::read(cx.cpu, op.reg[0]);
    let imm = op.imm as u8;
    let mut env = Env::new(cx.cpu.mxcsr);
    let products = V::<16>::from_fn(|i| if imm >> (4 + i) & 1 != 0 { mul(&mut env, a.lane::<T>(i), b.lane(i)) } else { T::zero(false) });
    env.commit(cx.cpu)?;
    let sums = horizontal::<T>(products, products, |x, y| add(&mut env, x, y));
    env.commit(cx.cpu)?;
    let sum = if V::<16>::lanes::<T>() == 4 { add(&mut env, sums.lane::<T>(0), sums.lane(1)) } else { sums.lane(0) };
    env.commit(cx.cpu)?;
    V::<16>::from_fn(|i| if imm >> i & 1 != 0 { sum } else { T::zero(false) }).write(cx.cpu, op.reg[0]);
    Ok(())
}

fn round_scalar<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 1) {
        Form::Mem => Some(|cx, op| super::fp::scalar_unary::<T, T, crate::place::Mem, M>(cx, op, |env, b| round(env, b, op.imm))),
        _ => Some(|cx, op| super::fp::scalar_unary::<T, T, super::Xmm<1>, M>(cx, op, |env, b| round(env, b, op.imm))),
    }
}

fn round_packed<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 1) {
        Form::Mem => Some(|cx, op| super::fp::whole_unary::<VMem, M>(cx, op, |env, b| b.map(|b: T| round(env, b, op.imm)))),
        _ => Some(|cx, op| super::fp::whole_unary::<VReg<1>, M>(cx, op, |env, b| b.map(|b: T| round(env, b, op.imm)))),
    }
}

/// ROUNDxx: bits 0–1 of the immediate are the rounding mode, bit 2 takes MXCSR's instead, bit 3 suppresses the inexact exception.
fn round<T: Float>(env: &mut Env, b: T, imm: u64) -> T {
    let rounding = if imm & 4 != 0 { env.rounding() } else { Rounding::from_bits(imm as u32) };
    round_to_integral(env, b, rounding, imm & 8 == 0)
}

#[cfg(test)]
mod tests {
    use crate::testing::Rig;
    use forklift_x86::{CpuState, Fault};

    const PE: u32 = 0x20;
    const ZE: u32 = 4;

    fn singles(s: [f32; 4]) -> u128 {
        s.iter().rev().fold(0, |v, l| v << 32 | u128::from(l.to_bits()))
    }

    fn rig(code: &[u8], a: [f32; 4], b: [f32; 4]) -> Rig {
        let mut r = Rig::new64(code);
        r.cpu.set_xmm(0, singles(a));
        r.cpu.set_xmm(1, singles(b));
        r
    }

    #[test]
    fn scalar_keeps_the_other_lanes() {
        let r = rig(&[0xf3, 0x0f, 0x58, 0xc1], [1.0, 2.0, 3.0, 4.0], [0.5, 9.0, 9.0, 9.0]).ok(); // addss xmm0, xmm1
        assert_eq!((r.cpu.xmm(0), r.cpu.mxcsr), (singles([1.5, 2.0, 3.0, 4.0]), CpuState::MXCSR_DEFAULT));
    }

    #[test]
    fn an_unmasked_exception_leaves_the_destination() {
        let (a, b) = ([1.0, 1.0, 1.0, 1.0], [3.0, 0.0, 1.0, 1.0]);
        let mut r = rig(&[0x0f, 0x5e, 0xc1], a, b); // divps xmm0, xmm1
        r.cpu.mxcsr &= !(ZE << 7);
        let r = r.exits(Fault::Simd);
        // The division by zero is found before 1/3 can be inexact.
        assert_eq!((r.cpu.xmm(0), r.cpu.mxcsr), (singles(a), CpuState::MXCSR_DEFAULT & !(ZE << 7) | ZE));
        let r = rig(&[0x0f, 0x5e, 0xc1], a, b).ok();
        assert_eq!((r.cpu.xmm(0), r.cpu.mxcsr), (singles([1.0 / 3.0, f32::INFINITY, 1.0, 1.0]), CpuState::MXCSR_DEFAULT | ZE | PE));
    }

    #[test]
    fn sums_across() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]);
        let result = |code: &[u8]| rig(code, a, b).ok().cpu.xmm(0);
        assert_eq!(result(&[0xf2, 0x0f, 0x7c, 0xc1]), singles([3.0, 7.0, 30.0, 70.0])); // haddps
        assert_eq!(result(&[0xf2, 0x0f, 0x7d, 0xc1]), singles([-1.0, -1.0, -10.0, -10.0])); // hsubps
        assert_eq!(result(&[0xf2, 0x0f, 0xd0, 0xc1]), singles([-9.0, 22.0, -27.0, 44.0])); // addsubps
        assert_eq!(result(&[0x66, 0x0f, 0x3a, 0x40, 0xc1, 0x59]), singles([100.0, 0.0, 0.0, 100.0])); // dpps 0x59
        assert_eq!(result(&[0x66, 0x0f, 0x3a, 0x08, 0xc1, 0x00]), singles(b)); // roundps
    }
}
