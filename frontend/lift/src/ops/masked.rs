//! AVX's masked moves and gathers. SDM vol. 2, "VMASKMOV", "VPGATHERDD".
//!
//! An access that would fault is stepped by interpretation, so a load may read what its mask leaves out.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{I8X16, I32X4, I64, I64X2},
};
use forklift_x86::{GuestAddr, Width};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::LiftFn;
use crate::LiftedExit;
use crate::cx::{Addr, Halves, Lift, vector_number};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Vmaskmovps, |cx, i| masked(cx, i, I32X4)),
    (Mnemonic::Vmaskmovpd, |cx, i| masked(cx, i, I64X2)),
    (Mnemonic::Vpmaskmovd, |cx, i| masked(cx, i, I32X4)),
    (Mnemonic::Vpmaskmovq, |cx, i| masked(cx, i, I64X2)),
    (Mnemonic::Vgatherdps, |cx, i| gather(cx, i, I32X4, I32X4)),
    (Mnemonic::Vgatherdpd, |cx, i| gather(cx, i, I64X2, I32X4)),
    (Mnemonic::Vgatherqps, |cx, i| gather(cx, i, I32X4, I64X2)),
    (Mnemonic::Vgatherqpd, |cx, i| gather(cx, i, I64X2, I64X2)),
    (Mnemonic::Vpgatherdd, |cx, i| gather(cx, i, I32X4, I32X4)),
    (Mnemonic::Vpgatherdq, |cx, i| gather(cx, i, I64X2, I32X4)),
    (Mnemonic::Vpgatherqd, |cx, i| gather(cx, i, I32X4, I64X2)),
    (Mnemonic::Vpgatherqq, |cx, i| gather(cx, i, I64X2, I64X2)),
];

/// VMASKMOVPS and the like: elements where the mask, operand 1, is negative.
fn masked(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    if i.op_kind(0) == OpKind::Memory {
        return store(cx, i, ty);
    }
    let (a, size) = (cx.addr(i)?, i.memory_size().size());
    let v = cx.load_halves(ty, a, size);
    let mask = cx.halves(i, 1, ty)?;
    let r = v.zip(mask, |_, v, mask| {
        let most = cx.iconst(Width::B4, u64::from(ty.lane_bits()) - 1);
        let mask = cx.b.ins().sshr(mask, most);
        cx.b.ins().band(v, mask)
    });
    cx.set_halves(i, r)
}

/// The other elements aren't touched. Across the end of a page, where one element may fault and another not, the interpreter does it.
fn store(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type) -> Option<()> {
    const PAGE: i64 = 4096;
    let (mask, v) = (cx.halves(i, 1, ty)?, cx.halves(i, 2, ty)?);
    let (a, size) = (cx.addr(i)?, i.memory_size().size());
    let at = cx.host_value(a);
    let within = cx.b.ins().band_imm_u(at, PAGE - 1);
    let crosses = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, within, PAGE - size as i64);
    cx.side_path(crosses, |cx| cx.leave(LiftedExit::Step(GuestAddr::new(i.ip()))));
    cx.resume_here();
    cx.series_follows(ty);
    let bytes = ty.lane_type().bytes() as i32;
    for (half, mask, v) in [(0, Some(mask.low), Some(v.low)), (1, mask.high, v.high)] {
        let (Some(mask), Some(v)) = (mask, v) else { continue };
        for n in 0..ty.lane_count() as u8 {
            let to = a.plus(16 * half + bytes * i32::from(n));
            let (mask, v) = (cx.b.ins().extractlane(mask, n), cx.b.ins().extractlane(v, n));
            let wanted = cx.b.ins().icmp_imm_s(IntCC::SignedLessThan, mask, 0);
            store_if(cx, wanted, v, to);
        }
    }
    Some(())
}

fn store_if(cx: &mut Lift<'_, '_>, wanted: Value, v: Value, to: Addr) {
    let (yes, next) = (cx.b.create_block(), cx.b.create_block());
    cx.b.ins().brif(wanted, yes, &[] as &[BlockArg], next, &[] as &[BlockArg]);
    cx.b.switch_to_block(yes);
    cx.store_behind(v, to);
    cx.b.ins().jump(next, &[] as &[BlockArg]);
    cx.b.switch_to_block(next);
}

/// VGATHERDPS and the like: elements of type `ty`, by indices of type `index`, where the mask, operand 2, is negative; the others stay. The mask is cleared.
fn gather(cx: &mut Lift<'_, '_>, i: &Instruction, ty: Type, index: Type) -> Option<()> {
    let (to, indices, masks) = (i.op0_register(), i.memory_index(), i.op2_register());
    let numbers = [to, indices, masks].map(vector_number);
    let distinct = numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2];
    // Two of them equal: #UD.
    if !distinct || i.memory_base() == Register::None {
        return None;
    }
    let (old, mask, at) = (cx.register_halves(to, ty)?, cx.register_halves(masks, ty)?, cx.register_halves(indices, index)?);
    let lanes = |r: Register, ty: Type| r.size() as u32 / ty.lane_type().bytes();
    let count = lanes(to, ty).min(lanes(indices, index));
    let zero = cx.zero_vector();
    let zero = cx.cast(zero, ty);
    // A destination of 128 bits with two elements of 32 has zeroes above.
    let mut r = if count < ty.lane_count() { Halves::low(zero) } else { old };
    for n in 0..count {
        let (element, mask, old) = (lane(cx, at, n)?, lane(cx, mask, n)?, lane(cx, old, n)?);
        let element = cx.sext(element, I64);
        let wanted = cx.b.ins().icmp_imm_s(IntCC::SignedLessThan, mask, 0);
        let a = cx.addr_of_element(i, element)?;
        let v = cx.load_if(ty.lane_type(), wanted, a);
        let v = cx.b.ins().select(wanted, v, old);
        let within = (n % ty.lane_count()) as u8;
        if n < ty.lane_count() {
            r.low = cx.b.ins().insertlane(r.low, v, within);
        } else {
            r.high = Some(cx.b.ins().insertlane(r.high?, v, within));
        }
    }
    let mask = numbers[2]?;
    let zero = cx.cast(zero, I8X16);
    cx.set_xmm(mask, zero);
    cx.clear_upper(mask);
    cx.set_halves(i, r)
}

fn lane(cx: &mut Lift<'_, '_>, v: Halves, n: u32) -> Option<Value> {
    let count = cx.type_of(v.low).lane_count();
    let half = if n < count { v.low } else { v.high? };
    Some(cx.b.ins().extractlane(half, (n % count) as u8))
}
