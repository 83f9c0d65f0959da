//! Floating-point arithmetic of SSE to SSE4.1, and its VEX forms. SDM vol. 1, 5.5.1.2–5.5.1.4, 5.6.1.2–5.6.1.5.
//!
//! RCPxx and RSQRTxx are left to the interpreter: what the host approximates would be something else. The first operand of an operation stays first (see [`Lift::keep_first`]): it decides which of two NaNs is the result.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::{CondCode, FloatCC},
    types::{F32, F32X4, F64, F64X2, I8X16},
};
use iced_x86::{Instruction, Mnemonic};

use super::VectorOps;
use super::host::{self, Small, choose};
use super::lanes::{Op, Unary, packed, packed_unary, scalar, scalar_operand, scalar_unary, set_scalar};
use super::sse_product::every_other;
use super::sse_shuffle::{blended, shuffle};
use crate::HostOp;
use crate::cx::{Lift, is_vex, sources};

pub(super) const OPS: VectorOps = &[
    (Mnemonic::Addsd, Mnemonic::Vaddsd, |cx, i| scalar(cx, i, F64, add)),
    (Mnemonic::Addss, Mnemonic::Vaddss, |cx, i| scalar(cx, i, F32, add)),
    (Mnemonic::Addpd, Mnemonic::Vaddpd, |cx, i| packed(cx, i, F64X2, add)),
    (Mnemonic::Addps, Mnemonic::Vaddps, |cx, i| packed(cx, i, F32X4, add)),
    (Mnemonic::Subsd, Mnemonic::Vsubsd, |cx, i| scalar(cx, i, F64, sub)),
    (Mnemonic::Subss, Mnemonic::Vsubss, |cx, i| scalar(cx, i, F32, sub)),
    (Mnemonic::Subpd, Mnemonic::Vsubpd, |cx, i| packed(cx, i, F64X2, sub)),
    (Mnemonic::Subps, Mnemonic::Vsubps, |cx, i| packed(cx, i, F32X4, sub)),
    (Mnemonic::Mulsd, Mnemonic::Vmulsd, |cx, i| scalar(cx, i, F64, mul)),
    (Mnemonic::Mulss, Mnemonic::Vmulss, |cx, i| scalar(cx, i, F32, mul)),
    (Mnemonic::Mulpd, Mnemonic::Vmulpd, |cx, i| packed(cx, i, F64X2, mul)),
    (Mnemonic::Mulps, Mnemonic::Vmulps, |cx, i| packed(cx, i, F32X4, mul)),
    (Mnemonic::Divsd, Mnemonic::Vdivsd, |cx, i| scalar(cx, i, F64, div)),
    (Mnemonic::Divss, Mnemonic::Vdivss, |cx, i| scalar(cx, i, F32, div)),
    (Mnemonic::Divpd, Mnemonic::Vdivpd, |cx, i| packed(cx, i, F64X2, div)),
    (Mnemonic::Divps, Mnemonic::Vdivps, |cx, i| packed(cx, i, F32X4, div)),
    (Mnemonic::Addsubps, Mnemonic::Vaddsubps, |cx, i| add_sub(cx, i, F32X4)),
    (Mnemonic::Addsubpd, Mnemonic::Vaddsubpd, |cx, i| add_sub(cx, i, F64X2)),
    (Mnemonic::Haddps, Mnemonic::Vhaddps, |cx, i| neighbours(cx, i, F32X4, add)),
    (Mnemonic::Haddpd, Mnemonic::Vhaddpd, |cx, i| neighbours(cx, i, F64X2, add)),
    (Mnemonic::Hsubps, Mnemonic::Vhsubps, |cx, i| neighbours(cx, i, F32X4, sub)),
    (Mnemonic::Hsubpd, Mnemonic::Vhsubpd, |cx, i| neighbours(cx, i, F64X2, sub)),
    (Mnemonic::Minsd, Mnemonic::Vminsd, |cx, i| scalar(cx, i, F64, min)),
    (Mnemonic::Minss, Mnemonic::Vminss, |cx, i| scalar(cx, i, F32, min)),
    (Mnemonic::Minpd, Mnemonic::Vminpd, |cx, i| packed(cx, i, F64X2, min)),
    (Mnemonic::Minps, Mnemonic::Vminps, |cx, i| packed(cx, i, F32X4, min)),
    (Mnemonic::Maxsd, Mnemonic::Vmaxsd, |cx, i| scalar(cx, i, F64, max)),
    (Mnemonic::Maxss, Mnemonic::Vmaxss, |cx, i| scalar(cx, i, F32, max)),
    (Mnemonic::Maxpd, Mnemonic::Vmaxpd, |cx, i| packed(cx, i, F64X2, max)),
    (Mnemonic::Maxps, Mnemonic::Vmaxps, |cx, i| packed(cx, i, F32X4, max)),
    (Mnemonic::Sqrtsd, Mnemonic::Vsqrtsd, |cx, i| scalar_unary(cx, i, F64, sqrt)),
    (Mnemonic::Sqrtss, Mnemonic::Vsqrtss, |cx, i| scalar_unary(cx, i, F32, sqrt)),
    (Mnemonic::Sqrtpd, Mnemonic::Vsqrtpd, |cx, i| packed_unary(cx, i, F64X2, sqrt)),
    (Mnemonic::Sqrtps, Mnemonic::Vsqrtps, |cx, i| packed_unary(cx, i, F32X4, sqrt)),
    (Mnemonic::Cmpsd, Mnemonic::Vcmpsd, cmpsd),
    (Mnemonic::Cmpss, Mnemonic::Vcmpss, cmpss),
    (Mnemonic::Cmppd, Mnemonic::Vcmppd, |cx, i| compare_packed(cx, i, F64X2)),
    (Mnemonic::Cmpps, Mnemonic::Vcmpps, |cx, i| compare_packed(cx, i, F32X4)),
    (Mnemonic::Ucomisd, Mnemonic::Vucomisd, |cx, i| compare_flags(cx, i, F64)),
    (Mnemonic::Comisd, Mnemonic::Vcomisd, |cx, i| compare_flags(cx, i, F64)),
    (Mnemonic::Ucomiss, Mnemonic::Vucomiss, |cx, i| compare_flags(cx, i, F32)),
    (Mnemonic::Comiss, Mnemonic::Vcomiss, |cx, i| compare_flags(cx, i, F32)),
    (Mnemonic::Dpps, Mnemonic::Vdpps, |cx, i| dot_product(cx, i, HostOp::Dpps, i.immediate8())),
    (Mnemonic::Dppd, Mnemonic::Vdppd, |cx, i| dot_product(cx, i, HostOp::Dppd, i.immediate8() & 3 | i.immediate8() >> 2 & 12)),
    (Mnemonic::Roundsd, Mnemonic::Vroundsd, |cx, i| round_scalar(cx, i, F64)),
    (Mnemonic::Roundss, Mnemonic::Vroundss, |cx, i| round_scalar(cx, i, F32)),
    (Mnemonic::Roundpd, Mnemonic::Vroundpd, |cx, i| round_packed(cx, i, F64X2)),
    (Mnemonic::Roundps, Mnemonic::Vroundps, |cx, i| round_packed(cx, i, F32X4)),
];

fn add(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.keep_first(a);
    let r = cx.b.ins().fadd(a, b);
    host::settled(cx, r, &[a, b], Small::Exact)
}

fn sub(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let r = cx.b.ins().fsub(a, b);
    host::settled(cx, r, &[a, b], Small::Exact)
}

fn mul(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    cx.keep_first(a);
    let r = cx.b.ins().fmul(a, b);
    let again = |cx: &mut Lift<'_, '_>| {
        let a = host::scaled(cx, a, cx.type_of(r));
        cx.b.ins().fmul(a, b)
    };
    host::settled(cx, r, &[a, b], Small::Rounded(&again))
}

fn div(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let r = cx.b.ins().fdiv(a, b);
    let again = |cx: &mut Lift<'_, '_>| {
        let a = host::scaled(cx, a, cx.type_of(r));
        cx.b.ins().fdiv(a, b)
    };
    host::settled(cx, r, &[a, b], Small::Rounded(&again))
}

/// The second operand if either is NaN or both are zero.
fn min(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let less = cx.b.ins().fcmp(FloatCC::LessThan, a, b);
    let r = choose(cx, less, a, b);
    host::chosen(cx, r)
}

/// The second operand if either is NaN or both are zero.
fn max(cx: &mut Lift<'_, '_>, a: Value, b: Value) -> Value {
    let less = cx.b.ins().fcmp(FloatCC::LessThan, b, a);
    let r = choose(cx, less, a, b);
    host::chosen(cx, r)
}

fn sqrt(cx: &mut Lift<'_, '_>, v: Value) -> Value {
    let r = cx.b.ins().sqrt(v);
    host::settled(cx, r, &[v], Small::Never)
}

/// DPPS, DPPD, by the host: in which order it adds, only it knows.
fn dot_product(cx: &mut Lift<'_, '_>, i: &Instruction, op: HostOp, number: u8) -> Option<()> {
    if !cx.host.has(op) {
        return None;
    }
    packed(cx, i, I8X16, |cx, a, b| host::run_on_vectors(cx, op, number, &[a, b]).unwrap_or(a))
}

/// A predicate of CMPPS and the like, SDM vol. 2A, "CMPPD", table 3-1.
#[derive(Clone, Copy)]
struct Predicate {
    cc: FloatCC,
    /// An ordering that doesn't mind quiet NaNs, though comparisons of this kind raise #I for them elsewhere.
    quiet: bool,
}

/// The predicate of an immediate: the eight of SSE, the 32 of VEX. `None` for what few programs use: constants, and equality that raises #I for quiet NaNs.
fn predicate(i: &Instruction) -> Option<Predicate> {
    const PREDICATES: [FloatCC; 15] = [
        FloatCC::Equal,
        FloatCC::LessThan,
        FloatCC::LessThanOrEqual,
        FloatCC::Unordered,
        FloatCC::NotEqual,
        FloatCC::UnorderedOrGreaterThanOrEqual,
        FloatCC::UnorderedOrGreaterThan,
        FloatCC::Ordered,
        FloatCC::UnorderedOrEqual,
        FloatCC::UnorderedOrLessThan,
        FloatCC::UnorderedOrLessThanOrEqual,
        // False.
        FloatCC::Equal,
        FloatCC::OrderedNotEqual,
        FloatCC::GreaterThanOrEqual,
        FloatCC::GreaterThan,
    ];
    let imm = usize::from(i.immediate8()) & if is_vex(i) { 0x1f } else { 7 };
    let ordering = matches!(imm & 7, 1 | 2 | 5 | 6);
    let quiet = imm >= 16;
    if imm & 15 == 11 || quiet && !ordering {
        return None;
    }
    PREDICATES.get(imm & 15).map(|cc| Predicate { cc: *cc, quiet })
}

/// A mask: all ones where `cc` holds. Cranelift's other back ends know no vector comparison that holds for NaNs, too.
fn fcmp(cx: &mut Lift<'_, '_>, cc: FloatCC, a: Value, b: Value) -> Value {
    let for_nan = matches!(
        cc,
        FloatCC::UnorderedOrGreaterThanOrEqual | FloatCC::UnorderedOrGreaterThan | FloatCC::UnorderedOrLessThan | FloatCC::UnorderedOrLessThanOrEqual
    );
    if cx.host.x86 || !for_nan {
        return cx.b.ins().fcmp(cc, a, b);
    }
    let fails = cx.b.ins().fcmp(cc.complement(), a, b);
    cx.b.ins().bnot(fails)
}

/// A mask: all ones where the predicate holds.
fn compare_vectors(cx: &mut Lift<'_, '_>, p: Predicate, a: Value, b: Value) -> Value {
    if p.quiet {
        // NaNs are replaced by zero first.
        let ordered = cx.b.ins().fcmp(FloatCC::Ordered, a, b);
        let ty = cx.type_of(a);
        let mask = cx.cast(ordered, ty);
        let (x, y) = (cx.b.ins().band(a, mask), cx.b.ins().band(b, mask));
        let holds = fcmp(cx, p.cc, x, y);
        let for_nan = matches!(
            p.cc,
            FloatCC::UnorderedOrGreaterThanOrEqual | FloatCC::UnorderedOrGreaterThan | FloatCC::UnorderedOrLessThan | FloatCC::UnorderedOrLessThanOrEqual
        );
        if for_nan {
            let unordered = cx.b.ins().bnot(ordered);
            return cx.b.ins().bor(holds, unordered);
        }
        return cx.b.ins().band(holds, ordered);
    }
    match p.cc {
        FloatCC::UnorderedOrEqual => {
            let (x, y) = (cx.b.ins().fcmp(FloatCC::Unordered, a, b), cx.b.ins().fcmp(FloatCC::Equal, a, b));
            cx.b.ins().bor(x, y)
        }
        FloatCC::OrderedNotEqual => {
            let (x, y) = (cx.b.ins().fcmp(FloatCC::Ordered, a, b), cx.b.ins().fcmp(FloatCC::NotEqual, a, b));
            cx.b.ins().band(x, y)
        }
        cc => fcmp(cx, cc, a, b),
    }
}

/// CMPSD (not the string instruction).
fn cmpsd(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if i.is_string_instruction() {
        return super::string::cmps(cx, i);
    }
    compare_scalar(cx, i, F64)
}

/// CMPSS.
fn cmpss(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    compare_scalar(cx, i, F32)
}

fn compare_scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let (p, [x, y]) = (predicate(i)?, sources(i));
    let b = scalar_operand(cx, i, y, ty)?;
    let a = scalar_operand(cx, i, x, ty)?;
    // In vectors, where the comparison gives a mask.
    let vector = if ty == F64 { F64X2 } else { F32X4 };
    let (a, b) = (cx.b.ins().scalar_to_vector(vector, a), cx.b.ins().scalar_to_vector(vector, b));
    let mask = compare_vectors(cx, p, a, b);
    let r = cx.lane(mask, vector, 0);
    set_scalar(cx, i, r)
}

fn compare_packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let p = predicate(i)?;
    packed(cx, i, ty, |cx, a, b| compare_vectors(cx, p, a, b))
}

/// UCOMISD and the like: ZF, PF, CF; the other flags are cleared.
fn compare_flags(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let b = scalar_operand(cx, i, 1, ty)?;
    let a = scalar_operand(cx, i, 0, ty)?;
    cx.set_flags_float(a, b);
    Some(())
}

/// The rounding that an immediate selects, by MXCSR if that says to the nearest.
fn rounding(cx: &mut Lift<'_, '_>, i: &Instruction) -> Unary {
    match i.immediate8() & 7 {
        0 => |cx, b| cx.b.ins().nearest(b),
        1 => |cx, b| cx.b.ins().floor(b),
        2 => |cx, b| cx.b.ins().ceil(b),
        3 => |cx, b| cx.b.ins().trunc(b),
        _ => {
            cx.require_nearest(i);
            |cx, b| cx.b.ins().nearest(b)
        }
    }
}

/// ROUNDSD, ROUNDSS.
fn round_scalar(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let f = rounding(cx, i);
    scalar_unary(cx, i, ty, f)
}

/// ROUNDPD, ROUNDPS.
fn round_packed(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    let f = rounding(cx, i);
    packed_unary(cx, i, ty, f)
}

/// ADDSUBPS, ADDSUBPD: differences of the even elements, sums of the odd ones.
fn add_sub(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    packed(cx, i, ty, |cx, a, b| {
        let (even, odd) = (sub(cx, a, b), add(cx, a, b));
        let (even, odd) = (cx.cast(even, I8X16), cx.cast(odd, I8X16));
        shuffle(cx, even, odd, blended(ty.lane_type().bytes() as u8, 0xaa))
    })
}

/// HADDPS, HSUBPS and the like: `f` of neighbours, first those of the first source.
fn neighbours(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, f: Op) -> Option<()> {
    let size = ty.lane_type().bytes() as u8;
    packed(cx, i, ty, |cx, a, b| {
        let (even, odd) = (every_other(cx, [a, b], size, 0, ty), every_other(cx, [a, b], size, 1, ty));
        f(cx, even, odd)
    })
}
