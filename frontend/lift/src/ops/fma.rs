//! Fused multiplication and addition. SDM vol. 1, 14.5.
//!
//! Of several NaNs the first of `x`, `y` and `z` in `x * y + z` is the result. Cranelift's `fma` becomes an instruction whose second operand comes first: `x` goes
//! there, and must not be taken from memory by it (see [`Lift::keep_first`]). Where the host has other rules, see `host`.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::FloatCC,
    types::{F32, F32X4, F64, F64X2, I8X16},
};
use iced_x86::{Instruction, Mnemonic};

use super::LiftFn;
use super::host::{self, Small};
use super::lanes::scalar_operand;
use super::sse_shuffle::{blended, shuffle};
use crate::cx::{Halves, Lift, xmm_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Vfmadd132ps, |cx, i| packed_fma(cx, i, F32X4, O132, MADD)),
    (Mnemonic::Vfmadd132pd, |cx, i| packed_fma(cx, i, F64X2, O132, MADD)),
    (Mnemonic::Vfmadd132ss, |cx, i| scalar_fma(cx, i, F32, O132, MADD)),
    (Mnemonic::Vfmadd132sd, |cx, i| scalar_fma(cx, i, F64, O132, MADD)),
    (Mnemonic::Vfmsub132ps, |cx, i| packed_fma(cx, i, F32X4, O132, MSUB)),
    (Mnemonic::Vfmsub132pd, |cx, i| packed_fma(cx, i, F64X2, O132, MSUB)),
    (Mnemonic::Vfmsub132ss, |cx, i| scalar_fma(cx, i, F32, O132, MSUB)),
    (Mnemonic::Vfmsub132sd, |cx, i| scalar_fma(cx, i, F64, O132, MSUB)),
    (Mnemonic::Vfnmadd132ps, |cx, i| packed_fma(cx, i, F32X4, O132, NMADD)),
    (Mnemonic::Vfnmadd132pd, |cx, i| packed_fma(cx, i, F64X2, O132, NMADD)),
    (Mnemonic::Vfnmadd132ss, |cx, i| scalar_fma(cx, i, F32, O132, NMADD)),
    (Mnemonic::Vfnmadd132sd, |cx, i| scalar_fma(cx, i, F64, O132, NMADD)),
    (Mnemonic::Vfnmsub132ps, |cx, i| packed_fma(cx, i, F32X4, O132, NMSUB)),
    (Mnemonic::Vfnmsub132pd, |cx, i| packed_fma(cx, i, F64X2, O132, NMSUB)),
    (Mnemonic::Vfnmsub132ss, |cx, i| scalar_fma(cx, i, F32, O132, NMSUB)),
    (Mnemonic::Vfnmsub132sd, |cx, i| scalar_fma(cx, i, F64, O132, NMSUB)),
    (Mnemonic::Vfmaddsub132ps, |cx, i| alternating(cx, i, F32X4, O132, MADD)),
    (Mnemonic::Vfmaddsub132pd, |cx, i| alternating(cx, i, F64X2, O132, MADD)),
    (Mnemonic::Vfmsubadd132ps, |cx, i| alternating(cx, i, F32X4, O132, MSUB)),
    (Mnemonic::Vfmsubadd132pd, |cx, i| alternating(cx, i, F64X2, O132, MSUB)),
    (Mnemonic::Vfmadd213ps, |cx, i| packed_fma(cx, i, F32X4, O213, MADD)),
    (Mnemonic::Vfmadd213pd, |cx, i| packed_fma(cx, i, F64X2, O213, MADD)),
    (Mnemonic::Vfmadd213ss, |cx, i| scalar_fma(cx, i, F32, O213, MADD)),
    (Mnemonic::Vfmadd213sd, |cx, i| scalar_fma(cx, i, F64, O213, MADD)),
    (Mnemonic::Vfmsub213ps, |cx, i| packed_fma(cx, i, F32X4, O213, MSUB)),
    (Mnemonic::Vfmsub213pd, |cx, i| packed_fma(cx, i, F64X2, O213, MSUB)),
    (Mnemonic::Vfmsub213ss, |cx, i| scalar_fma(cx, i, F32, O213, MSUB)),
    (Mnemonic::Vfmsub213sd, |cx, i| scalar_fma(cx, i, F64, O213, MSUB)),
    (Mnemonic::Vfnmadd213ps, |cx, i| packed_fma(cx, i, F32X4, O213, NMADD)),
    (Mnemonic::Vfnmadd213pd, |cx, i| packed_fma(cx, i, F64X2, O213, NMADD)),
    (Mnemonic::Vfnmadd213ss, |cx, i| scalar_fma(cx, i, F32, O213, NMADD)),
    (Mnemonic::Vfnmadd213sd, |cx, i| scalar_fma(cx, i, F64, O213, NMADD)),
    (Mnemonic::Vfnmsub213ps, |cx, i| packed_fma(cx, i, F32X4, O213, NMSUB)),
    (Mnemonic::Vfnmsub213pd, |cx, i| packed_fma(cx, i, F64X2, O213, NMSUB)),
    (Mnemonic::Vfnmsub213ss, |cx, i| scalar_fma(cx, i, F32, O213, NMSUB)),
    (Mnemonic::Vfnmsub213sd, |cx, i| scalar_fma(cx, i, F64, O213, NMSUB)),
    (Mnemonic::Vfmaddsub213ps, |cx, i| alternating(cx, i, F32X4, O213, MADD)),
    (Mnemonic::Vfmaddsub213pd, |cx, i| alternating(cx, i, F64X2, O213, MADD)),
    (Mnemonic::Vfmsubadd213ps, |cx, i| alternating(cx, i, F32X4, O213, MSUB)),
    (Mnemonic::Vfmsubadd213pd, |cx, i| alternating(cx, i, F64X2, O213, MSUB)),
    (Mnemonic::Vfmadd231ps, |cx, i| packed_fma(cx, i, F32X4, O231, MADD)),
    (Mnemonic::Vfmadd231pd, |cx, i| packed_fma(cx, i, F64X2, O231, MADD)),
    (Mnemonic::Vfmadd231ss, |cx, i| scalar_fma(cx, i, F32, O231, MADD)),
    (Mnemonic::Vfmadd231sd, |cx, i| scalar_fma(cx, i, F64, O231, MADD)),
    (Mnemonic::Vfmsub231ps, |cx, i| packed_fma(cx, i, F32X4, O231, MSUB)),
    (Mnemonic::Vfmsub231pd, |cx, i| packed_fma(cx, i, F64X2, O231, MSUB)),
    (Mnemonic::Vfmsub231ss, |cx, i| scalar_fma(cx, i, F32, O231, MSUB)),
    (Mnemonic::Vfmsub231sd, |cx, i| scalar_fma(cx, i, F64, O231, MSUB)),
    (Mnemonic::Vfnmadd231ps, |cx, i| packed_fma(cx, i, F32X4, O231, NMADD)),
    (Mnemonic::Vfnmadd231pd, |cx, i| packed_fma(cx, i, F64X2, O231, NMADD)),
    (Mnemonic::Vfnmadd231ss, |cx, i| scalar_fma(cx, i, F32, O231, NMADD)),
    (Mnemonic::Vfnmadd231sd, |cx, i| scalar_fma(cx, i, F64, O231, NMADD)),
    (Mnemonic::Vfnmsub231ps, |cx, i| packed_fma(cx, i, F32X4, O231, NMSUB)),
    (Mnemonic::Vfnmsub231pd, |cx, i| packed_fma(cx, i, F64X2, O231, NMSUB)),
    (Mnemonic::Vfnmsub231ss, |cx, i| scalar_fma(cx, i, F32, O231, NMSUB)),
    (Mnemonic::Vfnmsub231sd, |cx, i| scalar_fma(cx, i, F64, O231, NMSUB)),
    (Mnemonic::Vfmaddsub231ps, |cx, i| alternating(cx, i, F32X4, O231, MADD)),
    (Mnemonic::Vfmaddsub231pd, |cx, i| alternating(cx, i, F64X2, O231, MADD)),
    (Mnemonic::Vfmsubadd231ps, |cx, i| alternating(cx, i, F32X4, O231, MSUB)),
    (Mnemonic::Vfmsubadd231pd, |cx, i| alternating(cx, i, F64X2, O231, MSUB)),
];

/// The numbers of the operands that are `x`, `y` and `z`.
type Order = [u32; 3];

const O132: Order = [0, 2, 1];
const O213: Order = [1, 0, 2];
const O231: Order = [1, 2, 0];

/// What is negated before it is added up, without changing a NaN.
#[derive(Clone, Copy)]
struct Negated {
    product: bool,
    addend: bool,
}

const MADD: Negated = Negated { product: false, addend: false };
const MSUB: Negated = Negated { product: false, addend: true };
const NMADD: Negated = Negated { product: true, addend: false };
const NMSUB: Negated = Negated { product: true, addend: true };

impl Negated {
    const fn other_sum(self) -> Self {
        Self { addend: !self.addend, ..self }
    }
}

fn fused(cx: &mut Lift<'_, '_>, [x, y, z]: [Value; 3], negated: Negated) -> Value {
    cx.keep_first(x);
    let factor = if negated.product { cx.b.ins().fneg(y) } else { y };
    let addend = if negated.addend { cx.b.ins().fneg(z) } else { z };
    let r = cx.b.ins().fma(factor, x, addend);
    let again = |cx: &mut Lift<'_, '_>| {
        let ty = cx.type_of(r);
        // The smaller factor: the other might become infinite, which is not a number times zero.
        let (size, other) = (cx.b.ins().fabs(x), cx.b.ins().fabs(factor));
        let less = cx.b.ins().fcmp(FloatCC::LessThan, size, other);
        let [small, large] = [(x, factor), (factor, x)].map(|(a, b)| host::choose(cx, less, a, b));
        let (small, addend) = (host::scaled(cx, small, ty), host::scaled(cx, addend, ty));
        cx.b.ins().fma(small, large, addend)
    };
    host::settled(cx, r, &[x, y, z], Small::Rounded(&again))
}

/// The operands of 128 or 256 bits, in the order in which they are computed with.
fn operands(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, order: Order) -> Option<[Halves; 3]> {
    if !cx.host.fma {
        return None;
    }
    let [x, y, z] = order.map(|n| cx.halves(i, n, ty));
    Some([x?, y?, z?])
}

fn each(cx: &mut Lift<'_, '_>, i: &Instruction, [x, y, z]: [Halves; 3], f: impl Fn(&mut Lift<'_, '_>, [Value; 3]) -> Value) -> Option<()> {
    let low = f(cx, [x.low, y.low, z.low]);
    let high = match (x.high, y.high, z.high) {
        (Some(x), Some(y), Some(z)) => Some(f(cx, [x, y, z])),
        _ => None,
    };
    cx.set_halves(i, Halves { low, high })
}

fn packed_fma(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, order: Order, negated: Negated) -> Option<()> {
    let v = operands(cx, i, ty, order)?;
    each(cx, i, v, |cx, v| fused(cx, v, negated))
}

/// The even elements with the opposite addend.
fn alternating(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, order: Order, odd: Negated) -> Option<()> {
    let v = operands(cx, i, ty, order)?;
    each(cx, i, v, |cx, v| {
        let (even, odd) = (fused(cx, v, odd.other_sum()), fused(cx, v, odd));
        let (even, odd) = (cx.cast(even, I8X16), cx.cast(odd, I8X16));
        shuffle(cx, even, odd, blended(ty.lane_type().bytes() as u8, 0xaa))
    })
}

/// The lowest elements; the others of the destination stay.
fn scalar_fma(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, order: Order, negated: Negated) -> Option<()> {
    if !cx.host.fma {
        return None;
    }
    let to = xmm_number(i.op0_register())?;
    let [x, y, z] = order.map(|n| scalar_operand(cx, i, n, ty));
    let r = fused(cx, [x?, y?, z?], negated);
    if ty == F64 {
        cx.set_xmm_low(to, r);
    } else {
        cx.set_xmm_single(to, r);
    }
    cx.clear_upper(to);
    Some(())
}
