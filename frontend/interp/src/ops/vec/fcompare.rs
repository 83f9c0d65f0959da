//! Floating-point comparison. SDM vol. 1, 10.4.1.3, 11.4.1.3.

use core::cmp::Ordering;

use forklift_x86::bits;
use iced_x86::{Instruction, Mnemonic};

use super::fp::{scalar, scalar_binary, whole_binary};
use super::{VMem, VReg, Xmm};
use crate::build::{Form, Pick, Table, form};
use crate::float::{Env, Float, Nans, compare};
use crate::ops::vex::ALL_PREDICATES;
use crate::place::{Mem, Source};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Cmpss, Pick::By(one::<u32, M>)),
            (Mnemonic::Cmpsd, Pick::By(|i| if i.is_string_instruction() { None } else { one::<u64, M>(i) })),
            (Mnemonic::Cmpps, Pick::By(all::<u32, M>)),
            (Mnemonic::Cmppd, Pick::By(all::<u64, M>)),
            (Mnemonic::Ucomiss, Pick::By(flags::<u32, false, M>)),
            (Mnemonic::Ucomisd, Pick::By(flags::<u64, false, M>)),
            (Mnemonic::Comiss, Pick::By(flags::<u32, true, M>)),
            (Mnemonic::Comisd, Pick::By(flags::<u64, true, M>)),
        ]
    }
}

fn one<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 1) {
        Form::Mem => Some(|cx, op| scalar_binary::<T, Mem, M>(cx, op, |env, a, b| predicate(env, a, b, op.imm))),
        _ => Some(|cx, op| scalar_binary::<T, Xmm<1>, M>(cx, op, |env, a, b| predicate(env, a, b, op.imm))),
    }
}

fn all<T: Float, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match form(i, 1) {
        Form::Mem => Some(|cx, op| whole_binary::<VMem, M>(cx, op, |env, a, b| a.zip(b, |a: T, b| predicate(env, a, b, op.imm)))),
        _ => Some(|cx, op| whole_binary::<VReg<1>, M>(cx, op, |env, a, b| a.zip(b, |a: T, b| predicate(env, a, b, op.imm)))),
    }
}

/// CMPxx: ones or zeroes, by a predicate: EQ, LT, LE, UNORD, and their opposites. SSE has bits 0–2 of the immediate for it, LT and LE signal quiet NaNs.
/// AVX has bits 0–4: bit 3 makes predicates of the others that differ for unordered operands, bit 4 swaps which of them signal. SDM vol. 2A, table 3-1.
fn predicate<T: Float>(env: &mut Env, a: T, b: T, imm: u64) -> T {
    let imm = if imm & ALL_PREDICATES != 0 { imm & 0x1f } else { imm & 7 };
    let signals = matches!(imm & 3, 1 | 2) != (imm & 0x10 != 0);
    let order = compare(env, a, b, if signals { Nans::Signal } else { Nans::Quiet });
    let holds = match imm & 0xf {
        0 | 8 => order == Some(Ordering::Equal) || imm & 8 != 0 && order.is_none(),
        1 => order == Some(Ordering::Less),
        2 => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        3 => order.is_none(),
        4 | 12 => order != Some(Ordering::Equal) && !(imm & 8 != 0 && order.is_none()),
        5 => order != Some(Ordering::Less),
        6 => !matches!(order, Some(Ordering::Less | Ordering::Equal)),
        7 => order.is_some(),
        // NGE, NGT, FALSE; GE, GT, TRUE.
        9 => !matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        10 => order != Some(Ordering::Greater),
        11 => false,
        13 => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        14 => order == Some(Ordering::Greater),
        _ => true,
    };
    T::from_u64(if holds { u64::MAX } else { 0 })
}

fn flags<T: Float, const SIGNAL: bool, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { run_flags::<T, SIGNAL, Mem, M> } else { run_flags::<T, SIGNAL, Xmm<1>, M> })
}

/// UCOMISS, UCOMISD, COMISS, COMISD (`SIGNAL`): ZF, PF, CF say how dest compares with src; OF, AF, SF are cleared.
fn run_flags<T: Float, const SIGNAL: bool, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a = scalar(cx.cpu, op.reg[0]);
    let mut env = Env::new(cx.cpu.mxcsr);
    let order = compare(&mut env, a, b, if SIGNAL { Nans::Signal } else { Nans::Quiet });
    env.commit(cx.cpu)?;
    cx.cpu.flags.set_status(match order {
        None => bits::ZF | bits::PF | bits::CF,
        Some(Ordering::Less) => bits::CF,
        Some(Ordering::Equal) => bits::ZF,
        Some(Ordering::Greater) => 0,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rig;
    use forklift_x86::CpuState;

    fn rig(code: &[u8], a: f64, b: f64) -> Rig {
        let mut r = Rig::new64(code).flags(bits::STATUS);
        r.cpu.set_xmm(0, u128::from(a.to_bits()));
        r.cpu.set_xmm(1, u128::from(b.to_bits()));
        r.ok()
    }

    #[test]
    fn flags_of_comparisons() {
        let status = |a, b| rig(&[0x66, 0x0f, 0x2e, 0xc1], a, b).status(); // ucomisd xmm0, xmm1
        assert_eq!((status(1.0, 2.0), status(2.0, 1.0), status(0.0, -0.0)), (bits::CF, 0, bits::ZF));
        assert_eq!(status(f64::NAN, 1.0), bits::ZF | bits::PF | bits::CF);
    }

    #[test]
    fn quiet_nans_signal_in_ordered_comparisons_only() {
        let invalid = |code: &[u8]| rig(code, f64::NAN, 1.0).cpu.mxcsr != CpuState::MXCSR_DEFAULT;
        assert!(!invalid(&[0x66, 0x0f, 0x2e, 0xc1])); // ucomisd
        assert!(invalid(&[0x66, 0x0f, 0x2f, 0xc1])); // comisd
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|imm| invalid(&[0xf2, 0x0f, 0xc2, 0xc1, imm])), [false, true, true, false, false, true, true, false]);
    }

    #[test]
    fn predicates() {
        let mask = |a, b| (0..8).fold(0, |m, imm| m | (rig(&[0xf2, 0x0f, 0xc2, 0xc1, imm], a, b).cpu.xmm(0) as u64 >> 63) << imm); // cmpsd
        assert_eq!((mask(1.0, 2.0), mask(1.0, 1.0), mask(2.0, 1.0), mask(f64::NAN, 1.0)), (0b1001_0110, 0b1010_0101, 0b1111_0000, 0b0111_1000));
    }
}
