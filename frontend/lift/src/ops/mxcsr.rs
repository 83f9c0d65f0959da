//! LDMXCSR and STMXCSR, on x86-64 hosts, whose MXCSR is the guest's while emitted code runs. SDM vol. 1, 10.2.3.

use cranelift_codegen::ir::{
    InstBuilder,
    condcodes::IntCC,
    types::{I32, I64},
};
use forklift_x86::GuestAddr;
use iced_x86::{Instruction, Mnemonic};

use super::{VectorOps, host};
use crate::cx::Lift;
use crate::{HostOp, LiftedExit, offset};

pub(super) const OPS: VectorOps = &[(Mnemonic::Ldmxcsr, Mnemonic::Vldmxcsr, ldmxcsr), (Mnemonic::Stmxcsr, Mnemonic::Vstmxcsr, stmxcsr)];

/// LDMXCSR. One that sets reserved bits or unmasks an exception is interpreted, and so is what follows.
fn ldmxcsr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    const MASKS: i64 = 0x1f80;
    const RESERVED: i64 = 0xffff_0000;
    if !cx.host.has(HostOp::Ldmxcsr) {
        return None;
    }
    let a = cx.addr(i)?;
    let v = cx.load(I32, a);
    let checked = cx.b.ins().band_imm_u(v, MASKS | RESERVED);
    let odd = cx.b.ins().icmp_imm_u(IntCC::NotEqual, checked, MASKS);
    cx.side_path(odd, |cx| cx.leave(LiftedExit::Step(GuestAddr::new(i.ip()))));
    cx.store_state(v, offset::MXCSR);
    let wide = cx.zext(v, I64);
    host::run(cx, HostOp::Ldmxcsr, 0, I64, &[wide])?;
    cx.forget_rounding();
    Some(())
}

/// STMXCSR.
fn stmxcsr(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    if !cx.host.has(HostOp::Stmxcsr) {
        return None;
    }
    let a = cx.addr(i)?;
    let v = host::run(cx, HostOp::Stmxcsr, 0, I64, &[])?;
    let v = cx.zext(v, I32);
    cx.store(v, a);
    Some(())
}
