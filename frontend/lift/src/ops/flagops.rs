//! Instructions on flags. SDM vol. 1, 5.1.12.

use cranelift_codegen::ir::InstBuilder;
use forklift_x86::{Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic, Register};

use super::LiftFn;
use crate::cx::{Lift, int};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Clc, clc),
    (Mnemonic::Stc, stc),
    (Mnemonic::Cmc, cmc),
    (Mnemonic::Cld, cld),
    (Mnemonic::Std, std),
    (Mnemonic::Lahf, lahf),
    (Mnemonic::Sahf, sahf),
];

/// CLC.
fn clc(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.merge_flags(bits::CF, |cx| cx.iconst(Width::B4, 0));
    Some(())
}

/// STC.
fn stc(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.merge_flags(bits::CF, |cx| cx.iconst(Width::B4, u64::from(bits::CF)));
    Some(())
}

/// CMC.
fn cmc(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.merge_flags(bits::CF, |cx| {
        let c = cx.carry();
        let c = cx.b.ins().bxor_imm_u(c, 1);
        cx.zext(c, int(Width::B4))
    });
    Some(())
}

/// CLD.
fn cld(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.change_rest(|cx, v| cx.b.ins().band_imm_u(v, i64::from(!bits::DF)));
    Some(())
}

/// STD.
fn std(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.change_rest(|cx, v| cx.b.ins().bor_imm_u(v, i64::from(bits::DF)));
    Some(())
}

/// LAHF: AH = SF, ZF, 0, AF, 0, PF, 1, CF.
fn lahf(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    let v = cx.status();
    let v = cx.b.ins().bor_imm_u(v, i64::from(bits::ONE));
    let v = cx.zext(v, int(Width::B1));
    cx.write_register(Register::AH, v)
}

/// SAHF: all status flags but OF from AH.
fn sahf(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    let mask = bits::STATUS & !bits::OF;
    let v = cx.reg32(Gpr::Rax);
    cx.merge_flags(mask, |cx| {
        let v = cx.b.ins().ushr_imm_u(v, 8);
        cx.b.ins().band_imm_u(v, i64::from(mask))
    });
    Some(())
}
