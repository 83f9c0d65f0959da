//! A comparison and the conditional branch behind it as one operation, for the end of a block.
//!
//! The flags are set as ever; the branch looks at the operands instead, and one dispatch is saved. Invariants:
//! 1. Only what comes before the flags can fault, so `ip` of the pair is that of the first instruction, and it is so also for [`crate::run`].
//! 2. The branch's target is a possible `rip`: otherwise there is no pair.

use forklift_x86::{CcKind, Cond, CpuModel, Mode};
use iced_x86::{Instruction, Mnemonic};

use crate::build::may_be_null;
use crate::place::{Place, Source, by_form, by_place, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step, compile_op};

/// The pair of these neighbours, if it is one that is worth it.
pub(crate) fn fuse<M: Memory>(first: &Instruction, branch: &Instruction, mode: Mode, model: CpuModel) -> Option<Op<M>> {
    let cond = Cond::from_iced(branch.condition_code()).filter(|_| branch.is_jcc_short_or_near())?;
    let target = branch.near_branch_target();
    if first.has_lock_prefix() || may_be_null(first, mode) || (target as i64) << 16 >> 16 != target as i64 {
        return None;
    }
    let run = pick::<M>(first, cond)?;
    let mut op = compile_op(first, mode, model);
    (op.run, op.target, op.cond) = (run, target, cond as u8);
    Some(op)
}

fn pick<M: Memory>(i: &Instruction, cond: Cond) -> Option<RunFn<M>> {
    let needs_cf = matches!(cond, Cond::B | Cond::Ae | Cond::Be | Cond::A);
    match i.mnemonic() {
        // The parity is not worth having at hand.
        _ if matches!(cond, Cond::P | Cond::Np) => None,
        Mnemonic::Cmp => by_form!(cmp, i),
        Mnemonic::Sub => by_form!(sub, i),
        Mnemonic::Test => by_form!(test, i),
        Mnemonic::And => by_form!(and, i),
        Mnemonic::Inc if !needs_cf => by_place!(inc, i),
        Mnemonic::Dec if !needs_cf => by_place!(dec, i),
        _ => None,
    }
}

/// The positive conditions O, B, E, BE, S, (P,) L and LE, by the number of the pair.
struct Conditions {
    overflow: bool,
    below: bool,
    equal: bool,
    sign: bool,
    less: bool,
}

impl Conditions {
    /// Those of `a - b`.
    #[inline(always)]
    fn of_difference<T: Int>(a: T, b: T) -> Self {
        let less = a.to_i64() < b.to_i64();
        let sign = T::from_u64(a.to_u64().wrapping_sub(b.to_u64())).sign();
        Self { overflow: sign != less, below: a.to_u64() < b.to_u64(), equal: a == b, sign, less }
    }

    /// Those of a result without carry and with this overflow.
    #[inline(always)]
    fn of_result<T: Int>(r: T, overflow: bool) -> Self {
        let sign = r.sign();
        Self { overflow, below: false, equal: r == T::default(), sign, less: sign != overflow }
    }

    /// Takes the branch of `op` if its condition holds.
    #[inline(always)]
    fn branch<M: Memory>(self, cx: &mut Exec<'_, M>, op: &Op<M>) {
        let bit = |set: bool, at: u32| u32::from(set) << at;
        let all = bit(self.overflow, 0)
            | bit(self.below, 1)
            | bit(self.equal, 2)
            | bit(self.below | self.equal, 3)
            | bit(self.sign, 4)
            | bit(self.less, 6)
            | bit(self.less | self.equal, 7);
        let taken = (all >> (op.cond >> 1 & 7) ^ u32::from(op.cond)) & 1 != 0;
        // A branch of the host's, which predicts it and goes on to the next block before the operands are there.
        if taken {
            cx.cpu.rip = op.target;
        }
    }
}

fn cmp<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::get(cx, op)?;
    let b: T = S::get(cx, op)?;
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Conditions::of_difference(a, b).branch(cx, op);
    Ok(())
}

fn sub<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_sub(b.to_u64())))?;
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Conditions::of_difference(a, b).branch(cx, op);
    Ok(())
}

fn test<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let a: T = D::get(cx, op)?;
    let b: T = S::get(cx, op)?;
    logic(cx, op, T::from_u64(a.to_u64() & b.to_u64()));
    Ok(())
}

fn and<T: Int, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64() & b.to_u64()))?;
    logic(cx, op, T::from_u64(a.to_u64() & b.to_u64()));
    Ok(())
}

#[inline(always)]
fn logic<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, r: T) {
    cx.cpu.flags.set(CcKind::Logic, T::WIDTH, r.to_u64(), 0, 0);
    Conditions::of_result(r, false).branch(cx, op);
}

fn inc<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let next = |a: T| T::from_u64(a.to_u64().wrapping_add(1));
    let a: T = D::update(cx, op, next)?;
    let c = u64::from(cx.cpu.flags.cf());
    cx.cpu.flags.set(CcKind::Inc, T::WIDTH, a.to_u64(), 0, c);
    Conditions::of_result(next(a), !a.sign() & next(a).sign()).branch(cx, op);
    Ok(())
}

fn dec<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let next = |a: T| T::from_u64(a.to_u64().wrapping_sub(1));
    let a: T = D::update(cx, op, next)?;
    let c = u64::from(cx.cpu.flags.cf());
    cx.cpu.flags.set(CcKind::Dec, T::WIDTH, a.to_u64(), 0, c);
    Conditions::of_result(next(a), a.sign() & !next(a).sign()).branch(cx, op);
    Ok(())
}

#[cfg(test)]
mod tests {
    use forklift_x86::{Cond, Gpr, bits};

    use crate::Stop;
    use crate::testing::{CODE, Rig};

    const VALUES: [u64; 8] = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff_ffff_ffff_ffff, 1 << 63];
    /// Code on rax and rcx, in front of a branch.
    const FIRST: &[&[u8]] =
        &[&[0x48, 0x39, 0xc8], &[0x38, 0xc8], &[0x28, 0xc8], &[0x48, 0x29, 0xc8], &[0x84, 0xc8], &[0x48, 0x21, 0xc8], &[0xfe, 0xc0], &[0x48, 0xff, 0xc8]];

    /// The pair must do what its instructions do one by one.
    #[test]
    fn pairs_are_their_parts() {
        for &first in FIRST {
            for cond in Cond::ALL {
                for (a, c) in VALUES.into_iter().flat_map(|a| VALUES.map(|c| (a, c))) {
                    let code = [first, &[0x70 | cond as u8, 0x02, 0xcc, 0xcc, 0xcc]].concat();
                    let make = || Rig::new64(&code).with(Gpr::Rax, a).with(Gpr::Rcx, c).flags(if a & 1 != 0 { bits::CF } else { 0 });
                    let (mut whole, mut parts) = (make(), make());
                    assert_eq!(whole.interp.run(&mut whole.cpu, &mut whole.mem, 1), Stop::Budget);
                    assert_eq!((parts.step(), parts.step()), (Ok(()), Ok(())));
                    assert_eq!(whole.interp.executed(), 2);
                    assert_eq!((whole.cpu.rip, whole.cpu.gpr), (parts.cpu.rip, parts.cpu.gpr), "{code:x?} {a:x} {c:x}");
                    assert_eq!(whole.status(), parts.status(), "{code:x?} {a:x} {c:x}");
                }
            }
        }
    }

    #[test]
    fn a_fault_is_the_first_instruction_s() {
        let mut r = Rig::new64(&[0x90, 0x39, 0x08, 0x74, 0x00]);
        assert!(matches!(r.interp.run(&mut r.cpu, &mut r.mem, 100), Stop::Exit(_)));
        assert_eq!(r.cpu.rip, CODE + 1);
    }
}
