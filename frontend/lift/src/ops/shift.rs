//! Shifts and rotates. SDM vol. 1, 5.1.5.
//!
//! The count is taken modulo 32 (64 for a 64-bit operand). A count of 0 changes no flag.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I32};
use forklift_x86::{CcKind, Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind};

use super::LiftFn;
use crate::cx::{Later, Lazy, Lift, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Shl, shl),
    (Mnemonic::Sal, shl),
    (Mnemonic::Shr, shr),
    (Mnemonic::Sar, sar),
    (Mnemonic::Rol, rol),
    (Mnemonic::Ror, ror),
    (Mnemonic::Rcl, rcl),
    (Mnemonic::Rcr, rcr),
    (Mnemonic::Shld, shld),
    (Mnemonic::Shrd, shrd),
];

/// A count of a shift.
enum Count {
    Const(u32),
    /// Masked, 32 bits wide.
    Variable(Value),
}

fn count(cx: &mut Lift<'_, '_>, i: &Instruction, n: u32, w: Width) -> Count {
    let mask = if w == Width::B8 { 63 } else { 31 };
    match i.op_kind(n) {
        OpKind::Register => {
            let c = cx.reg32(Gpr::Rcx);
            let c = cx.b.ins().band_imm_u(c, mask);
            cx.as_const(c).map_or(Count::Variable(c), |c| Count::Const(c as u32))
        }
        _ => Count::Const(u32::from(i.immediate8()) & mask as u32),
    }
}

fn count_value(cx: &mut Lift<'_, '_>, c: &Count) -> Value {
    match *c {
        Count::Const(n) => cx.iconst(Width::B4, u64::from(n)),
        Count::Variable(v) => v,
    }
}

/// SHL, SAL.
fn shl(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    shift(cx, i, CcKind::Shl)
}

/// SHR.
fn shr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    shift(cx, i, CcKind::Shr)
}

/// SAR.
fn sar(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    shift(cx, i, CcKind::Sar)
}

fn shift(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CcKind) -> Option<()> {
    if i.has_lock_prefix() {
        return None;
    }
    let w = cx.width(i, 0)?;
    let c = count(cx, i, 1, w);
    let n = count_value(cx, &c);
    let (a, r) = cx.rmw(i, None, |cx, a| shifted(cx, kind, w, a, n))?;
    set_shift_flags(cx, &c, Lazy::new(kind, w, a).b(n).r(r));
    Some(())
}

/// The result; narrow operands are shifted in 32 bits, for the count may exceed their width.
fn shifted(cx: &mut Lift<'_, '_>, kind: CcKind, w: Width, a: Value, n: Value) -> Value {
    let wide = if w < Width::B4 { I32 } else { int(w) };
    let x = if kind == CcKind::Sar { cx.sext(a, wide) } else { cx.zext(a, wide) };
    let r = match kind {
        CcKind::Shl => cx.b.ins().ishl(x, n),
        CcKind::Shr => cx.b.ins().ushr(x, n),
        _ => cx.b.ins().sshr(x, n),
    };
    cx.zext(r, int(w))
}

fn set_shift_flags(cx: &mut Lift<'_, '_>, c: &Count, lazy: Lazy) {
    match *c {
        Count::Const(0) => {}
        Count::Const(_) => cx.set_flags(lazy),
        Count::Variable(n) => cx.set_flags_if(n, lazy),
    }
}

const ROTATED: u32 = bits::CF | bits::OF;

/// ROL: CF = the lowest bit of the result; OF = CF xor the highest (for a count of 1).
fn rol(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    rotate(cx, i, true)
}

/// ROR: CF = the highest bit of the result; OF = the two highest differ (for a count of 1).
fn ror(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    rotate(cx, i, false)
}

fn rotate(cx: &mut Lift<'_, '_>, i: &Instruction, left: bool) -> Option<()> {
    let w = cx.width(i, 0)?;
    let c = count(cx, i, 1, w);
    let variable = matches!(c, Count::Variable(_));
    if i.has_lock_prefix() || variable && cx.live & ROTATED != 0 {
        return None;
    }
    let n = count_value(cx, &c);
    let (_, r) = cx.rmw(i, None, |cx, a| if left { cx.b.ins().rotl(a, n) } else { cx.b.ins().rotr(a, n) })?;
    if !variable && !matches!(c, Count::Const(0)) {
        cx.set_flags_later(Later::Rotation { left, r });
    }
    Some(())
}

/// Sets CF and OF.
fn merge_carries(cx: &mut Lift<'_, '_>, f: impl FnOnce(&mut Lift<'_, '_>) -> (Value, Value)) {
    cx.merge_flags(ROTATED, |cx| {
        let (cf, of) = f(cx);
        let (cf, of) = (cx.flag_bit(cf, bits::CF), cx.flag_bit(of, bits::OF));
        cx.b.ins().bor(cf, of)
    });
}

fn low_bit(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let v = cx.zext(v, int(Width::B1));
    cx.b.ins().band_imm_u(v, 1)
}

fn high_bit(cx: &mut Lift<'_, '_>, _: Width, v: Value) -> Value {
    cx.b.ins().icmp_imm_s(IntCC::SignedLessThan, v, 0)
}

/// RCL: through CF.
fn rcl(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if let Some(n) = more_than_one(cx, i)? {
        return by_several(cx, i, n, true);
    }
    through_carry(cx, i, |cx, w, a, c| {
        let doubled = cx.b.ins().ishl_imm_u(a, 1);
        let c = cx.zext(c, int(w));
        let r = cx.b.ins().bor(doubled, c);
        let (cf, high) = (high_bit(cx, w, a), high_bit(cx, w, r));
        (r, cf, cx.b.ins().bxor(cf, high))
    })
}

/// RCR: through CF.
fn rcr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if let Some(n) = more_than_one(cx, i)? {
        return by_several(cx, i, n, false);
    }
    through_carry(cx, i, |cx, w, a, c| {
        let halved = cx.b.ins().ushr_imm_u(a, 1);
        let wide = cx.zext(c, int(w));
        let top = cx.b.ins().ishl_imm_u(wide, i64::from(w.bits() - 1));
        let r = cx.b.ins().bor(halved, top);
        let (cf, high) = (low_bit(cx, a), high_bit(cx, w, a));
        (r, cf, cx.b.ins().bxor(c, high))
    })
}

type Through = fn(&mut Lift<'_, '_>, Width, Value, Value) -> (Value, Value, Value);

fn through_carry(cx: &mut Lift<'_, '_>, i: &Instruction, f: Through) -> Option<()> {
    let w = cx.width(i, 0)?;
    if i.has_lock_prefix() || !matches!(count(cx, i, 1, w), Count::Const(1)) {
        return None;
    }
    let place = cx.place(i, 0)?;
    let a = cx.get(place, w)?;
    let c = cx.carry();
    let (r, cf, of) = f(cx, w, a, c);
    cx.put(place, r)?;
    merge_carries(cx, |_| (cf, of));
    Some(())
}

/// The count of a rotation through CF if it is a constant of 2 or more: modulo the width and CF, if it is less than the width. `None` for what is left to the interpreter.
fn more_than_one(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<Option<u32>> {
    let w = cx.width(i, 0)?;
    let Count::Const(n) = count(cx, i, 1, w) else { return None };
    match n % (w.bits() + 1) {
        0 => None,
        1 => (n == 1).then_some(None),
        n => (n < w.bits()).then_some(Some(n)),
    }
}

/// A rotation through CF by 2 or more, but less than the width. OF is undefined.
fn by_several(cx: &mut Lift<'_, '_>, i: &Instruction, n: u32, left: bool) -> Option<()> {
    let w = cx.width(i, 0)?;
    let c = cx.carry();
    let c = cx.zext(c, int(w));
    let (out, back) = (w.bits() - n, w.bits() + 1 - n);
    let (a, _) = cx.rmw(i, None, |cx, a| {
        let parts = if left {
            [cx.b.ins().ishl_imm_u(a, i64::from(n)), cx.b.ins().ishl_imm_u(c, i64::from(n - 1)), cx.b.ins().ushr_imm_u(a, i64::from(back))]
        } else {
            [cx.b.ins().ushr_imm_u(a, i64::from(n)), cx.b.ins().ishl_imm_u(c, i64::from(out)), cx.b.ins().ishl_imm_u(a, i64::from(back))]
        };
        let r = cx.b.ins().bor(parts[0], parts[1]);
        cx.b.ins().bor(r, parts[2])
    })?;
    let last = cx.b.ins().ushr_imm_u(a, i64::from(if left { out } else { n - 1 }));
    let cf = low_bit(cx, last);
    let of = cx.iconst(Width::B1, 0);
    merge_carries(cx, |_| (cf, of));
    Some(())
}

/// SHLD: dest:src shifted left, the upper part kept.
fn shld(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    double(cx, i, CcKind::Shl, |cx, a, b, n, back| {
        let (x, y) = (cx.b.ins().ishl(a, n), cx.b.ins().ushr(b, back));
        cx.b.ins().bor(x, y)
    })
}

/// SHRD: src:dest shifted right, the lower part kept.
fn shrd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    double(cx, i, CcKind::Shr, |cx, a, b, n, back| {
        let (x, y) = (cx.b.ins().ushr(a, n), cx.b.ins().ishl(b, back));
        cx.b.ins().bor(x, y)
    })
}

type Double = fn(&mut Lift<'_, '_>, Value, Value, Value, Value) -> Value;

/// Double shifts of 32 and 64 bits; of 16 bits counts above 16 are undefined, and it is left to the interpreter.
fn double(cx: &mut Lift<'_, '_>, i: &Instruction, kind: CcKind, f: Double) -> Option<()> {
    let w = cx.width(i, 0)?;
    let c = count(cx, i, 2, w);
    let variable = matches!(c, Count::Variable(_));
    if w < Width::B4 || variable && cx.live != 0 || matches!(c, Count::Const(0)) {
        return None;
    }
    let (place, b, n) = (cx.place(i, 0)?, cx.read(i, 1)?, count_value(cx, &c));
    let a = cx.get(place, w)?;
    // Modulo the width, as shifts take it; a count of 0 must not mix in the source.
    let back = cx.b.ins().ineg(n);
    let shifted = f(cx, a, b, n, back);
    let r = if variable { cx.b.ins().select(n, shifted, a) } else { shifted };
    cx.put(place, r)?;
    // A count of 0 has been refused if the flags are live.
    cx.set_flags_later(Later::Double { left: kind == CcKind::Shl, w, a, n, r });
    Some(())
}
