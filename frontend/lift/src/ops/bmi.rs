//! BMI1, BMI2 and ADX. SDM vol. 1, 5.1.16; vol. 2.
//!
//! Flags that the manual leaves undefined are those of the result, or 0.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use forklift_x86::{CcKind, Cond, Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic};

use super::muldiv::wide_product;
use super::{LiftFn, host};
use crate::HostOp;
use crate::cx::{Lazy, Lift, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Andn, andn),
    (Mnemonic::Bextr, bextr),
    (Mnemonic::Blsi, |cx, i| {
        lowest(cx, i, IntCC::NotEqual, |cx, v| {
            let minus = cx.b.ins().ineg(v);
            cx.b.ins().band(minus, v)
        })
    }),
    (Mnemonic::Blsmsk, |cx, i| {
        lowest(cx, i, IntCC::Equal, |cx, v| {
            let less = cx.add_const(v, -1);
            cx.b.ins().bxor(less, v)
        })
    }),
    (Mnemonic::Blsr, |cx, i| {
        lowest(cx, i, IntCC::Equal, |cx, v| {
            let less = cx.add_const(v, -1);
            cx.b.ins().band(less, v)
        })
    }),
    (Mnemonic::Bzhi, bzhi),
    (Mnemonic::Mulx, mulx),
    (Mnemonic::Pdep, |cx, i| scatter(cx, i, HostOp::Pdep)),
    (Mnemonic::Pext, |cx, i| scatter(cx, i, HostOp::Pext)),
    (Mnemonic::Rorx, rorx),
    (Mnemonic::Sarx, |cx, i| shift(cx, i, |cx, v, n| cx.b.ins().sshr(v, n))),
    (Mnemonic::Shlx, |cx, i| shift(cx, i, |cx, v, n| cx.b.ins().ishl(v, n))),
    (Mnemonic::Shrx, |cx, i| shift(cx, i, |cx, v, n| cx.b.ins().ushr(v, n))),
    (Mnemonic::Adcx, |cx, i| add_with(cx, i, Cond::B, bits::CF)),
    (Mnemonic::Adox, |cx, i| add_with(cx, i, Cond::O, bits::OF)),
];

/// ANDN: dest = !first & second; ZF and SF, CF and OF cleared.
fn andn(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 2)?);
    let a = cx.read(i, 1)?;
    let r = cx.b.ins().band_not(b, a);
    cx.write(i, 0, r)?;
    cx.set_flags(Lazy::new(CcKind::Logic, w, r).r(r));
    Some(())
}

/// A byte of `v`, as wide as `v`.
fn byte(cx: &mut Lift<'_, '_>, v: Value, n: u32) -> Value {
    let v = if n == 0 { v } else { cx.b.ins().ushr_imm_u(v, i64::from(8 * n)) };
    cx.b.ins().band_imm_u(v, 0xff)
}

/// The low `n` bits of `v`, all if there are no more.
fn low_bits(cx: &mut Lift<'_, '_>, w: Width, v: Value, n: Value) -> Value {
    let one = cx.iconst(w, 1);
    let end = cx.b.ins().ishl(one, n);
    let mask = cx.add_const(end, -1);
    let masked = cx.b.ins().band(v, mask);
    let some = cx.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, n, i64::from(w.bits()));
    cx.b.ins().select(some, masked, v)
}

/// BEXTR: bits from one on, as many as the second byte of the second source says; ZF, CF and OF cleared.
fn bextr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let control = cx.read(i, 2)?;
    let (start, count) = (byte(cx, control, 0), byte(cx, control, 1));
    let shifted = cx.b.ins().ushr(v, start);
    let within = cx.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, start, i64::from(w.bits()));
    let zero = cx.iconst(w, 0);
    let shifted = cx.b.ins().select(within, shifted, zero);
    let r = low_bits(cx, w, shifted, count);
    cx.write(i, 0, r)?;
    cx.set_flags(Lazy::new(CcKind::Logic, w, r).r(r));
    Some(())
}

/// BLSI, BLSMSK, BLSR: `f` of the source; CF = the source compares so with 0, ZF and SF, OF cleared.
fn lowest(cx: &mut Lift<'_, '_>, i: &Instruction, carry: IntCC, f: fn(&mut Lift<'_, '_>, Value) -> Value) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let r = f(cx, v);
    cx.write(i, 0, r)?;
    set_result_flags(cx, w, r, |cx| cx.b.ins().icmp_imm_s(carry, v, 0));
    Some(())
}

/// ZF and SF of a result, and CF; OF cleared.
pub(super) fn set_result_flags(cx: &mut Lift<'_, '_>, w: Width, r: Value, carry: impl FnOnce(&mut Lift<'_, '_>) -> Value) {
    if cx.live != 0 {
        let (cf, of) = (carry(cx), cx.iconst(Width::B1, 0));
        cx.set_flags(Lazy::new(CcKind::Result, w, r).b(of).c(cf).r(r));
    }
}

/// BZHI: the low bits, as many as the low byte of the second source says; CF if those are all.
fn bzhi(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let n = cx.read(i, 2)?;
    let n = byte(cx, n, 0);
    let r = low_bits(cx, w, v, n);
    cx.write(i, 0, r)?;
    set_result_flags(cx, w, r, |cx| cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, n, i64::from(w.bits() - 1)));
    Some(())
}

/// MULX: op0:op1 = rDX * op2, the high half last. No flags.
fn mulx(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 2)?);
    let a = cx.reg(Gpr::Rdx, w);
    let (low, high) = wide_product(cx, w, a, b, false);
    cx.write(i, 1, low)?;
    cx.write(i, 0, high)
}

/// PDEP, PEXT, where the host has them. No flags.
fn scatter(cx: &mut Lift<'_, '_>, i: &Instruction, op: HostOp) -> Option<()> {
    let (w, mask) = (cx.width(i, 0)?, cx.read(i, 2)?);
    let v = cx.read(i, 1)?;
    let (v, mask) = (cx.zext(v, I64), cx.zext(mask, I64));
    let r = host::run(cx, op, 0, I64, &[v, mask])?;
    let r = cx.zext(r, int(w));
    cx.write(i, 0, r)
}

/// RORX. No flags.
fn rorx(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (w, v) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let n = cx.iconst(Width::B4, u64::from(i.immediate8()) & u64::from(w.bits() - 1));
    let r = cx.b.ins().rotr(v, n);
    cx.write(i, 0, r)
}

/// SARX, SHLX, SHRX: by the second source modulo the width. No flags.
fn shift(cx: &mut Lift<'_, '_>, i: &Instruction, f: fn(&mut Lift<'_, '_>, Value, Value) -> Value) -> Option<()> {
    let v = cx.read(i, 1)?;
    let n = cx.read(i, 2)?;
    let r = f(cx, v, n);
    cx.write(i, 0, r)
}

/// ADCX, ADOX: dest += src + a flag, which becomes the carry; the other flags stay.
fn add_with(cx: &mut Lift<'_, '_>, i: &Instruction, flag: Cond, flag_bit: u32) -> Option<()> {
    let (w, b) = (cx.width(i, 0)?, cx.read(i, 1)?);
    let a = cx.read(i, 0)?;
    let c = cx.cond(flag);
    let c = cx.zext(c, int(w));
    let first = cx.b.ins().iadd(a, b);
    let r = cx.b.ins().iadd(first, c);
    cx.write(i, 0, r)?;
    if cx.live & flag_bit != 0 {
        let x = cx.b.ins().icmp(IntCC::UnsignedLessThan, first, a);
        let y = cx.b.ins().icmp(IntCC::UnsignedLessThan, r, first);
        let carry = cx.b.ins().bor(x, y);
        cx.set_flag(flag_bit, carry);
    }
    Some(())
}
