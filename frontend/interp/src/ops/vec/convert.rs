//! Conversions. SDM vol. 1, 10.4.3, 11.4.1.6, 11.6.

use forklift_x86::{Exit, Fault};
use iced_x86::{Instruction, Mnemonic};

use super::fp::{bind_scalar, bind_whole, set_scalar};
use super::{Mm, VMem, VReg, VecSource, Xmm};
use crate::build::{Form, Pick, Table, form, operand_bytes};
use crate::float::{Env, Float, Rounding, from_int, narrow, to_int, widen};
use crate::place::{Mem, Reg, Source};
use crate::vector::{V, VecReg};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Cvtss2sd, Pick::By(|i| bind_scalar!(scalar_unary::<u32, u64>, i, widen))),
            (Mnemonic::Cvtsd2ss, Pick::By(|i| bind_scalar!(scalar_unary::<u64, u32>, i, narrow))),
            (Mnemonic::Cvtps2pd, Pick::By(|i| low_quadword(i, cvtps2pd::<Mem, M>, cvtps2pd::<Xmm<1>, M>))),
            (Mnemonic::Cvtpd2ps, Pick::By(|i| bind_whole!(whole_unary, i, cvtpd2ps))),
            (Mnemonic::Cvtdq2ps, Pick::By(|i| bind_whole!(whole_unary, i, cvtdq2ps))),
            (Mnemonic::Cvtdq2pd, Pick::By(|i| low_quadword(i, cvtdq2pd::<Mem, M>, cvtdq2pd::<Xmm<1>, M>))),
            (Mnemonic::Cvtps2dq, Pick::By(|i| bind_whole!(whole_unary, i, single_to_dwords::<false>))),
            (Mnemonic::Cvttps2dq, Pick::By(|i| bind_whole!(whole_unary, i, single_to_dwords::<true>))),
            (Mnemonic::Cvtpd2dq, Pick::By(|i| bind_whole!(whole_unary, i, double_to_dwords::<false>))),
            (Mnemonic::Cvttpd2dq, Pick::By(|i| bind_whole!(whole_unary, i, double_to_dwords::<true>))),
            (Mnemonic::Cvtsi2ss, Pick::By(from_gpr::<u32, M>)),
            (Mnemonic::Cvtsi2sd, Pick::By(from_gpr::<u64, M>)),
            (Mnemonic::Cvtss2si, Pick::By(to_gpr::<u32, false, M>)),
            (Mnemonic::Cvtsd2si, Pick::By(to_gpr::<u64, false, M>)),
            (Mnemonic::Cvttss2si, Pick::By(to_gpr::<u32, true, M>)),
            (Mnemonic::Cvttsd2si, Pick::By(to_gpr::<u64, true, M>)),
            (Mnemonic::Cvtpi2ps, Pick::By(|i| low_quadword(i, cvtpi2ps::<Mem, M>, cvtpi2ps_mm::<M>))),
            (Mnemonic::Cvtpi2pd, Pick::By(|i| low_quadword(i, cvtpi2pd::<M>, cvtpi2pd_mm::<M>))),
            (Mnemonic::Cvtps2pi, Pick::By(|i| low_quadword(i, single_to_mmx::<false, Mem, M>, single_to_mmx::<false, Xmm<1>, M>))),
            (Mnemonic::Cvttps2pi, Pick::By(|i| low_quadword(i, single_to_mmx::<true, Mem, M>, single_to_mmx::<true, Xmm<1>, M>))),
            (Mnemonic::Cvtpd2pi, Pick::By(|i| low_quadword(i, double_to_mmx::<false, VMem, M>, double_to_mmx::<false, VReg<1>, M>))),
            (Mnemonic::Cvttpd2pi, Pick::By(|i| low_quadword(i, double_to_mmx::<true, VMem, M>, double_to_mmx::<true, VReg<1>, M>))),
        ]
    }
}

/// The memory or the register form.
fn low_quadword<M: Memory>(i: &Instruction, mem: RunFn<M>, reg: RunFn<M>) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { mem } else { reg })
}

/// The rounding that a conversion to integers uses: truncation for CVTTxx.
fn rounding<const TRUNCATE: bool>(env: &Env) -> Rounding {
    if TRUNCATE { Rounding::Zero } else { env.rounding() }
}

/// Two lanes in a quadword.
fn pair(v: u64) -> [u32; 2] {
    [v as u32, (v >> 32) as u32]
}

/// CVTPS2PD.
fn cvtps2pd<S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = pair(S::get(cx, op)?);
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = V::<16>::from_fn(|i| widen(&mut env, b[i]));
    env.commit(cx.cpu)?;
    r.write(cx.cpu, op.reg[0]);
    Ok(())
}

/// CVTPD2PS: the upper lanes become zero.
fn cvtpd2ps(env: &mut Env, b: V<16>) -> V<16> {
    V::from_fn(|i| if i < 2 { narrow(env, b.lane(i)) } else { 0 })
}

/// CVTDQ2PS.
fn cvtdq2ps(env: &mut Env, b: V<16>) -> V<16> {
    b.map(|l: i32| from_int::<u32>(env, i64::from(l)))
}

/// CVTDQ2PD: exact.
fn cvtdq2pd<S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: u64 = S::get(cx, op)?;
    doubles(b).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// Two signed doublewords as doubles.
fn doubles(b: u64) -> V<16> {
    V::from_fn(|i| f64::from(pair(b)[i] as i32).to_bits())
}

/// CVTPS2DQ, CVTTPS2DQ.
fn single_to_dwords<const TRUNCATE: bool>(env: &mut Env, b: V<16>) -> V<16> {
    let rounding = rounding::<TRUNCATE>(env);
    b.map(|l: u32| to_int(env, l, 32, rounding) as u32)
}

/// CVTPD2DQ, CVTTPD2DQ: the upper lanes become zero.
fn double_to_dwords<const TRUNCATE: bool>(env: &mut Env, b: V<16>) -> V<16> {
    let rounding = rounding::<TRUNCATE>(env);
    V::from_fn(|i| if i < 2 { to_int(env, b.lane::<u64>(i), 32, rounding) as u32 } else { 0 })
}

/// CVTSI2SS, CVTSI2SD.
fn from_gpr<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (operand_bytes(i, 1), form(i, 1)) {
        (4, Form::Mem) => Some(run_from_gpr::<T, u32, Mem, M>),
        (4, _) => Some(run_from_gpr::<T, u32, Reg<1>, M>),
        (8, Form::Mem) => Some(run_from_gpr::<T, u64, Mem, M>),
        (8, _) => Some(run_from_gpr::<T, u64, Reg<1>, M>),
        _ => None,
    }
}

fn run_from_gpr<T: Float, I: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: I = S::get(cx, op)?;
    let mut env = Env::new(cx.cpu.mxcsr);
    let r: T = from_int(&mut env, b.to_i64());
    env.commit(cx.cpu)?;
    set_scalar(cx.cpu, op.reg[0], r);
    Ok(())
}

/// CVTSS2SI, CVTSD2SI, CVTTSS2SI, CVTTSD2SI.
fn to_gpr<T: Float, const TRUNCATE: bool, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (operand_bytes(i, 0), form(i, 1)) {
        (4, Form::Mem) => Some(run_to_gpr::<T, 32, TRUNCATE, Mem, M>),
        (4, _) => Some(run_to_gpr::<T, 32, TRUNCATE, Xmm<1>, M>),
        (8, Form::Mem) => Some(run_to_gpr::<T, 64, TRUNCATE, Mem, M>),
        (8, _) => Some(run_to_gpr::<T, 64, TRUNCATE, Xmm<1>, M>),
        _ => None,
    }
}

fn run_to_gpr<T: Float, const BITS: u32, const TRUNCATE: bool, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let mut env = Env::new(cx.cpu.mxcsr);
    let rounding = rounding::<TRUNCATE>(&env);
    let r = to_int(&mut env, b, BITS, rounding);
    env.commit(cx.cpu)?;
    cx.set_gpr(op.reg[0], r);
    Ok(())
}

/// CVTPI2PS: two signed doublewords to the low lanes; the others stay.
///
/// From memory it leaves the x87 state alone, as CVTPI2PD does. The manual says so only for CVTPI2PD, but CPUs do it for both.
fn cvtpi2ps<S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = pair(S::get(cx, op)?);
    let mut env = Env::new(cx.cpu.mxcsr);
    let r = b.map(|l| from_int::<u32>(&mut env, i64::from(l as i32)));
    env.commit(cx.cpu)?;
    V::<16>::read(cx.cpu, op.reg[0]).with(0, r[0]).with(1, r[1]).write(cx.cpu, op.reg[0]);
    Ok(())
}

/// CVTPI2PS from an MMX register.
fn cvtpi2ps_mm<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    using_mmx(cx, |cx| cvtpi2ps::<Mm<1>, M>(cx, op))
}

/// Runs `f` as an MMX instruction. The transition to MMX happens even if it ends with #XM.
fn using_mmx<M: Memory>(cx: &mut Exec<'_, M>, f: impl FnOnce(&mut Exec<'_, M>) -> Step) -> Step {
    V::<8>::check(cx)?;
    let r = f(cx);
    if matches!(r, Ok(()) | Err(Exit::Fault(Fault::Simd))) {
        V::<8>::finish(cx.cpu);
    }
    r
}

/// CVTPI2PD from memory: no MMX register is touched.
fn cvtpi2pd<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    cvtdq2pd::<Mem, M>(cx, op)
}

/// CVTPI2PD from an MMX register.
fn cvtpi2pd_mm<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    super::using::<V<8>, M>(cx, |cx| cvtdq2pd::<Mm<1>, M>(cx, op))
}

/// CVTPS2PI, CVTTPS2PI.
fn single_to_mmx<const TRUNCATE: bool, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = |cx: &mut Exec<'_, M>| S::get(cx, op).map(pair);
    to_mmx::<u32, TRUNCATE, M>(cx, op, b)
}

/// CVTPD2PI, CVTTPD2PI.
fn double_to_mmx<const TRUNCATE: bool, S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = |cx: &mut Exec<'_, M>| S::get::<V<16>, M>(cx, op).map(|v| [v.lane(0), v.lane(1)]);
    to_mmx::<u64, TRUNCATE, M>(cx, op, b)
}

fn to_mmx<T: Float, const TRUNCATE: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, source: impl FnOnce(&mut Exec<'_, M>) -> Result<[T; 2], Exit>) -> Step {
    using_mmx(cx, |cx| {
        let b = source(cx)?;
        let mut env = Env::new(cx.cpu.mxcsr);
        let rounding = rounding::<TRUNCATE>(&env);
        let r = b.map(|l| to_int(&mut env, l, 32, rounding) as u32);
        env.commit(cx.cpu)?;
        V::<8>::ZERO.with(0, r[0]).with(1, r[1]).write(cx.cpu, op.reg[0]);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::Rig;
    use forklift_x86::{CpuState, Fault, Gpr};

    fn rig(code: &[u8], b: f64) -> Rig {
        let mut r = Rig::new64(code).with(Gpr::Rax, u64::MAX);
        r.cpu.set_xmm(0, u128::MAX);
        r.cpu.set_xmm(1, u128::from(b.to_bits()));
        r
    }

    #[test]
    fn to_integers() {
        let r = rig(&[0xf2, 0x0f, 0x2d, 0xc1], 2.5).ok(); // cvtsd2si eax, xmm1
        assert_eq!((r.get(Gpr::Rax), r.cpu.mxcsr), (2, CpuState::MXCSR_DEFAULT | 0x20));
        let r = rig(&[0xf2, 0x0f, 0x2c, 0xc1], -1e10).ok(); // cvttsd2si eax, xmm1
        assert_eq!((r.get(Gpr::Rax), r.cpu.mxcsr), (0x8000_0000, CpuState::MXCSR_DEFAULT | 1));
        let r = rig(&[0xf2, 0x48, 0x0f, 0x2c, 0xc1], -1e10).ok(); // cvttsd2si rax, xmm1
        assert_eq!(r.get(Gpr::Rax) as i64, -10_000_000_000);
    }

    #[test]
    fn lanes_that_are_left() {
        assert_eq!(rig(&[0x66, 0x0f, 0xe6, 0xc1], 7.9).ok().cpu.xmm(0), 7); // cvttpd2dq xmm0, xmm1
        assert_eq!(rig(&[0xf2, 0x0f, 0x5a, 0xc1], 1.0).ok().cpu.xmm(0), u128::MAX << 32 | 0x3f80_0000); // cvtsd2ss xmm0, xmm1
        assert_eq!(rig(&[0xf2, 0x0f, 0x2a, 0xc0], 0.0).ok().cpu.xmm(0), u128::MAX << 64 | u128::from((-1f64).to_bits())); // cvtsi2sd xmm0, eax
    }

    #[test]
    fn to_mmx() {
        let r = rig(&[0x66, 0x0f, 0x2d, 0xd1], 3.0).ok(); // cvtpd2pi mm2, xmm1
        assert_eq!((r.cpu.x87.regs[2].mantissa, r.cpu.x87.regs[2].sign_exp, r.cpu.x87.used), (3, 0xffff, 0xff));
        let mut r = rig(&[0x66, 0x0f, 0x2d, 0xd1], 3.5);
        r.cpu.mxcsr = 0;
        let r = r.exits(Fault::Simd);
        assert_eq!((r.cpu.x87.regs[2].mantissa, r.cpu.mxcsr), (0, 0x20));
    }
}
