//! Addition, subtraction, comparison and logic. SDM vol. 1, 5.1.2 and 5.1.4.

use cranelift_codegen::ir::{
    AtomicRmwOp, InstBuilder, Value,
    condcodes::IntCC,
    types::{I32, I64},
};
use forklift_x86::{CcKind, Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Lazy, Lift, Place, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Add, add),
    (Mnemonic::Adc, adc),
    (Mnemonic::Sub, sub),
    (Mnemonic::Sbb, sbb),
    (Mnemonic::Cmp, cmp),
    (Mnemonic::And, and),
    (Mnemonic::Or, or),
    (Mnemonic::Xor, xor),
    (Mnemonic::Test, test),
    (Mnemonic::Inc, inc),
    (Mnemonic::Dec, dec),
    (Mnemonic::Neg, neg),
    (Mnemonic::Not, not),
    (Mnemonic::Xadd, xadd),
    (Mnemonic::Cmpxchg, cmpxchg),
    (Mnemonic::Cmpxchg8b, cmpxchg8b),
    (Mnemonic::Cmpxchg16b, cmpxchg16b),
];

/// ADD: dest += src.
fn add(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let (a, r) = cx.rmw(i, Some((AtomicRmwOp::Add, b)), |cx, a| sum(cx, a, b))?;
    cx.set_flags(Lazy::new(CcKind::Add, w, a).b(b).r(r));
    Some(())
}

fn sum(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    match cx.as_const(b) {
        Some(c) => cx.add_const(a, c as i64),
        None => cx.b.ins().iadd(a, b),
    }
}

/// ADC: dest += src + CF.
fn adc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    with_carry(cx, i, CcKind::Adc, |cx, a, b, c| {
        let sum = cx.b.ins().iadd(a, b);
        cx.b.ins().iadd(sum, c)
    })
}

/// SBB: dest -= src + CF.
fn sbb(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    with_carry(cx, i, CcKind::Sbb, |cx, a, b, c| {
        let difference = cx.b.ins().isub(a, b);
        cx.b.ins().isub(difference, c)
    })
}

fn with_carry(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CcKind, f: impl FnOnce(&mut Lift<'_, '_>, Value, Value, Value) -> Value) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let c = cx.carry();
    let wide = cx.zext(c, int(w));
    let (a, r) = cx.rmw(i, None, |cx, a| f(cx, a, b, wide))?;
    cx.set_flags(Lazy::new(kind, w, a).b(b).c(c).r(r));
    Some(())
}

/// SUB: dest -= src.
fn sub(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let same = same_register(i);
    let (a, r) = cx.rmw(i, Some((AtomicRmwOp::Sub, b)), |cx, a| if same { cx.iconst(w, 0) } else { difference(cx, a, b) })?;
    cx.set_flags(Lazy::new(CcKind::Sub, w, a).b(b).r(r));
    Some(())
}

/// `a - b`; adds the opposite of a constant, so that sums of constants fold.
fn difference(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    match cx.as_const(b) {
        Some(c) => cx.add_const(a, (c as i64).wrapping_neg()),
        None => cx.b.ins().isub(a, b),
    }
}

/// CMP: as SUB, without the result.
fn cmp(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, a) = (cx.width(i, 0)?, cx.read(i, 0)?);
    let b = cx.read(i, 1)?;
    cx.set_flags(Lazy::new(CcKind::Sub, w, a).b(b));
    Some(())
}

/// AND.
fn and(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    logic(cx, i, AtomicRmwOp::And, |cx, a, b| cx.b.ins().band(a, b))
}

/// OR.
fn or(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    logic(cx, i, AtomicRmwOp::Or, |cx, a, b| cx.b.ins().bor(a, b))
}

/// XOR; of a register with itself, a zero that depends on nothing.
fn xor(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, same) = (cx.width(i, 0)?, same_register(i));
    logic(cx, i, AtomicRmwOp::Xor, |cx, a, b| if same { cx.iconst(w, 0) } else { cx.b.ins().bxor(a, b) })
}

/// dest = dest op src; CF and OF cleared.
fn logic(cx: &mut Lift<'_, '_>, i: &Instruction, op: AtomicRmwOp, f: impl FnOnce(&mut Lift<'_, '_>, Value, Value) -> Value) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let (_, r) = cx.rmw(i, Some((op, b)), |cx, a| f(cx, a, b))?;
    cx.set_flags(Lazy::new(CcKind::Logic, w, r).r(r));
    Some(())
}

/// TEST: as AND, without the result.
fn test(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, a) = (cx.width(i, 0)?, cx.read(i, 0)?);
    let r = if same_register(i) {
        a
    } else {
        let b = cx.read(i, 1)?;
        cx.b.ins().band(a, b)
    };
    cx.set_flags(Lazy::new(CcKind::Logic, w, r).r(r));
    Some(())
}

/// INC: dest += 1; CF stays.
fn inc(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    step_by(cx, i, CcKind::Inc, 1)
}

/// DEC: dest -= 1; CF stays.
fn dec(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    step_by(cx, i, CcKind::Dec, -1)
}

fn step_by(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CcKind, n: i64) -> Option<()> {
    let w = cx.width(i, 0)?;
    let one = cx.iconst(w, n as u64);
    let (a, r) = cx.rmw(i, Some((AtomicRmwOp::Add, one)), |cx, a| cx.add_const(a, n))?;
    let mut lazy = Lazy::new(kind, w, a).r(r);
    if cx.live & bits::CF != 0 {
        lazy = lazy.c(cx.carry());
    }
    cx.set_flags(lazy);
    Some(())
}

/// NEG: dest = 0 - dest.
fn neg(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = cx.width(i, 0)?;
    let zero = cx.iconst(w, 0);
    let (b, r) = cx.rmw(i, None, |cx, a| cx.b.ins().ineg(a))?;
    cx.set_flags(Lazy::new(CcKind::Sub, w, zero).b(b).r(r));
    Some(())
}

/// NOT: no flags.
fn not(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = cx.width(i, 0)?;
    let ones = cx.iconst(w, u64::MAX);
    cx.rmw(i, Some((AtomicRmwOp::Xor, ones)), |cx, a| cx.b.ins().bnot(a))?;
    Some(())
}

/// XADD: (dest, src) = (dest + src, dest); the source is written first, so that of one register with itself the sum stays.
fn xadd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let (a, r) = match cx.place(i, 0)? {
        Place::Mem(_) => {
            let both = cx.rmw(i, Some((AtomicRmwOp::Add, b)), |cx, a| cx.b.ins().iadd(a, b))?;
            cx.write(i, 1, both.0)?;
            both
        }
        place => {
            let a = cx.get(place, w)?;
            let r = cx.b.ins().iadd(a, b);
            cx.write(i, 1, a)?;
            cx.put(place, r)?;
            (a, r)
        }
    };
    cx.set_flags(Lazy::new(CcKind::Add, w, a).b(b).r(r));
    Some(())
}

/// CMPXCHG: if rAX = dest then dest = src, else rAX = dest; flags of CMP rAX, dest. Memory is written in either case.
fn cmpxchg(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, place) = (cx.width(i, 0)?, cx.place(i, 0)?);
    let (src, acc) = (cx.read(i, 1)?, cx.reg(Gpr::Rax, w));
    let old = match place {
        Place::Mem(a) if i.has_lock_prefix() => {
            let (flags, ptr) = cx.atomic(a);
            cx.before_compare();
            let old = cx.b.ins().atomic_cas(flags, ptr, acc, src);
            cx.locked();
            old
        }
        _ => cx.get(place, w)?,
    };
    let equal = cx.b.ins().icmp(IntCC::Equal, acc, old);
    // The accumulator keeps all of its 64 bits if they are equal, a register all of its own if they are not.
    let before = cx.reg64(Gpr::Rax);
    match place {
        Place::Reg(r) if w == Width::B4 => {
            let r = Gpr::from_iced(r)?;
            let (src, whole) = (cx.zext(src, int(Width::B8)), cx.reg64(r));
            let new = cx.b.ins().select(equal, src, whole);
            cx.set_reg64(r, new);
        }
        _ if i.has_lock_prefix() => {}
        _ => {
            let new = cx.b.ins().select(equal, src, old);
            cx.put(place, new)?;
        }
    }
    match w {
        Width::B4 | Width::B8 => replace_accumulator(cx, equal, before, old, place),
        _ => {
            let v = cx.b.ins().select(equal, acc, old);
            if !is_accumulator(place) {
                cx.set_reg(Gpr::Rax, w, v);
            }
        }
    }
    cx.set_flags(Lazy::new(CcKind::Sub, w, acc).b(old));
    Some(())
}

/// CMPXCHG8B: if EDX:EAX = dest then dest = ECX:EBX, else EDX:EAX = dest; ZF says which. Memory is written in either case.
fn cmpxchg8b(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let a = cx.addr(i)?;
    let [expected, new] = [(Gpr::Rax, Gpr::Rdx), (Gpr::Rbx, Gpr::Rcx)].map(|(low, high)| {
        let (low, high) = (cx.reg32(low), cx.reg32(high));
        let (low, high) = (cx.zext(low, I64), cx.zext(high, I64));
        let high = cx.b.ins().ishl_imm_u(high, 32);
        cx.b.ins().bor(low, high)
    });
    let (flags, ptr) = cx.atomic(a);
    cx.before_compare();
    let old = cx.b.ins().atomic_cas(flags, ptr, expected, new);
    cx.locked();
    let equal = cx.b.ins().icmp(IntCC::Equal, old, expected);
    let low = cx.zext(old, I32);
    let low = cx.zext(low, I64);
    let high = cx.b.ins().ushr_imm_u(old, 32);
    keep_pair(cx, equal, low, high);
    Some(())
}

/// CMPXCHG16B, on x86-64 hosts that have it: the same with RDX:RAX and RCX:RBX. #GP if memory isn't aligned.
fn cmpxchg16b(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.cmpxchg16b {
        return None;
    }
    let a = cx.addr(i)?;
    cx.check_aligned(i, a, 16);
    let [expected, new] = [(Gpr::Rax, Gpr::Rdx), (Gpr::Rbx, Gpr::Rcx)].map(|(low, high)| {
        let (low, high) = (cx.reg64(low), cx.reg64(high));
        cx.b.ins().iconcat(low, high)
    });
    let (flags, ptr) = cx.atomic(a);
    let old = cx.b.ins().atomic_cas(flags, ptr, expected, new);
    let equal = cx.b.ins().icmp(IntCC::Equal, old, expected);
    let (low, high) = cx.b.ins().isplit(old);
    keep_pair(cx, equal, low, high);
    Some(())
}

/// ZF = equal; RAX and RDX, all of their 64 bits, keep what they have if it is set, and become `low` and `high` otherwise.
fn keep_pair(cx: &mut Lift<'_, '_>, equal: Value, low: Value, high: Value) {
    for (r, v) in [(Gpr::Rax, low), (Gpr::Rdx, high)] {
        let before = cx.reg64(r);
        let v = cx.b.ins().select(equal, before, v);
        cx.set_reg64(r, v);
    }
    cx.set_flag(bits::ZF, equal);
}

/// rAX = equal ? before : zero-extended old. Where the destination is rAX itself, the two are equal and it has the source already.
fn replace_accumulator(cx: &mut Lift<'_, '_>, equal: Value, before: Value, old: Value, place: Place) {
    if is_accumulator(place) {
        return;
    }
    let old = cx.zext(old, int(Width::B8));
    let v = cx.b.ins().select(equal, before, old);
    cx.set_reg64(Gpr::Rax, v);
}

fn is_accumulator(p: Place) -> bool {
    matches!(p, Place::Reg(r) if Gpr::from_iced(r) == Some(Gpr::Rax) && r != iced_x86::Register::AH)
}

fn same_register(i: &Instruction) -> bool {
    i.op_kind(0) == OpKind::Register && i.op_kind(1) == OpKind::Register && i.op0_register() == i.op1_register()
}
