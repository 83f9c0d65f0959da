//! The x87, on hosts that have one: each instruction is a call of the stub that runs it there (see [`crate::X87`]). SDM vol. 1, chapter 8.
//!
//! What the stub can't see is done here: addresses, the pointers to the last instruction, AX, flags.

use cranelift_codegen::ir::{
    AbiParam, InstBuilder, SigRef, Signature, Value,
    condcodes::IntCC,
    types::{I16, I32, I64},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{CcKind, Cond, Gpr, GuestAddr, Seg, Width, bits};
use iced_x86::{Encoder, Instruction, Mnemonic as M};

use super::LiftFn;
use crate::cx::{Lazy, Lift};
use crate::{Helper, LiftedExit, X87, offset};

/// All but those that load, store or reset the environment.
pub(super) const OPS: &[(M, LiftFn)] = &[
    (M::F2xm1, plain),
    (M::Fabs, plain),
    (M::Fadd, plain),
    (M::Faddp, plain),
    (M::Fbld, plain),
    (M::Fbstp, plain),
    (M::Fchs, plain),
    (M::Fclex, control),
    (M::Fcmovb, |cx, i| fcmov(cx, i, Cond::B)),
    (M::Fcmovbe, |cx, i| fcmov(cx, i, Cond::Be)),
    (M::Fcmove, |cx, i| fcmov(cx, i, Cond::E)),
    (M::Fcmovnb, |cx, i| fcmov(cx, i, Cond::Ae)),
    (M::Fcmovnbe, |cx, i| fcmov(cx, i, Cond::A)),
    (M::Fcmovne, |cx, i| fcmov(cx, i, Cond::Ne)),
    (M::Fcmovnu, |cx, i| fcmov(cx, i, Cond::Np)),
    (M::Fcmovu, |cx, i| fcmov(cx, i, Cond::P)),
    (M::Fcom, plain),
    (M::Fcomi, fcomi),
    (M::Fcomip, fcomi),
    (M::Fcomp, plain),
    (M::Fcompp, plain),
    (M::Fcos, plain),
    (M::Fdecstp, plain),
    (M::Fdiv, plain),
    (M::Fdivp, plain),
    (M::Fdivr, plain),
    (M::Fdivrp, plain),
    (M::Ffree, plain),
    (M::Ffreep, plain),
    (M::Fiadd, plain),
    (M::Ficom, plain),
    (M::Ficomp, plain),
    (M::Fidiv, plain),
    (M::Fidivr, plain),
    (M::Fild, plain),
    (M::Fimul, plain),
    (M::Fincstp, plain),
    (M::Fist, plain),
    (M::Fistp, plain),
    (M::Fisttp, plain),
    (M::Fisub, plain),
    (M::Fisubr, plain),
    (M::Fld, plain),
    (M::Fld1, plain),
    (M::Fldcw, fldcw),
    (M::Fldl2e, plain),
    (M::Fldl2t, plain),
    (M::Fldlg2, plain),
    (M::Fldln2, plain),
    (M::Fldpi, plain),
    (M::Fldz, plain),
    (M::Fmul, plain),
    (M::Fmulp, plain),
    (M::Fnclex, control),
    (M::Fnop, plain),
    (M::Fnstcw, control),
    (M::Fnstsw, fnstsw),
    (M::Fpatan, plain),
    (M::Fprem, plain),
    (M::Fprem1, plain),
    (M::Fptan, plain),
    (M::Frndint, plain),
    (M::Fscale, plain),
    (M::Fsin, plain),
    (M::Fsincos, plain),
    (M::Fsqrt, plain),
    (M::Fst, plain),
    (M::Fstcw, control),
    (M::Fstp, plain),
    (M::Fstpnce, plain),
    (M::Fstsw, fnstsw),
    (M::Fsub, plain),
    (M::Fsubp, plain),
    (M::Fsubr, plain),
    (M::Fsubrp, plain),
    (M::Ftst, plain),
    (M::Fucom, plain),
    (M::Fucomi, fcomi),
    (M::Fucomip, fcomi),
    (M::Fucomp, plain),
    (M::Fucompp, plain),
    (M::Fxam, plain),
    (M::Fxch, plain),
    (M::Fxtract, plain),
    (M::Fyl2x, plain),
    (M::Fyl2xp1, plain),
    (M::Wait, wait),
];

/// What is known about the x87 at a point.
#[derive(Clone, Copy, Default)]
pub(crate) struct X87Known {
    /// The host's unit holds the guest's registers.
    live: bool,
    /// Address of the stubs.
    stubs: Option<Value>,
    /// The selectors CS and DS in the high half of a quadword, as behind `cpu.x87.sw`; CS alone.
    selectors: Option<(Value, Value)>,
    signature: Option<SigRef>,
}

impl X87Known {
    /// The interpreter has run.
    pub fn forget(&mut self) {
        (self.live, self.selectors) = (false, None);
    }
}

/// The two bytes of an opcode: the escape's low bits, and ModRM. `None` without stubs.
fn opcode(cx: &Lift<'_, '_>, i: &Instruction) -> Option<(u8, u8)> {
    if !cx.host.x86 {
        return None;
    }
    let mut encoder = Encoder::new(if cx.is_64() { 64 } else { 32 });
    encoder.encode(i, i.ip()).ok()?;
    let bytes = encoder.take_buffer();
    let at = bytes.iter().position(|b| b & 0xf8 == 0xd8)?;
    Some((bytes[at] & 7, *bytes.get(at + 1)?))
}

/// Calls stub `n`. It can't be done again.
fn call(cx: &mut Lift<'_, '_>, n: usize, arg: Option<Value>) {
    let sig = match cx.known_x87().signature {
        Some(sig) => sig,
        None => {
            let mut sig = Signature::new(CallConv::PreserveAll);
            sig.params.push(AbiParam::new(I64));
            cx.b.import_signature(sig)
        }
    };
    let stubs = match cx.known_x87().stubs {
        Some(v) => v,
        None => cx.helper_address(Helper::X87),
    };
    let entry = if cx.known_x87().live { X87::LIVE_ENTRY } else { 0 };
    let stub = cx.b.ins().iadd_imm_s(stubs, (n * X87::SIZE + entry) as i64);
    let arg = arg.unwrap_or(stub);
    cx.b.ins().call_indirect(sig, stub, &[arg]);
    let known = cx.known_x87();
    (known.signature, known.stubs, known.live) = (Some(sig), Some(stubs), true);
    cx.lose_mmx();
    cx.note_change();
}

/// Calls the stub of a register form, or of a memory form with the operand's address; gives the offset of that.
fn run(cx: &mut Lift<'_, '_>, i: &Instruction, (escape, modrm): (u8, u8)) -> Option<Option<Value>> {
    if modrm >= 0xc0 {
        call(cx, X87::register(escape, modrm), None);
        return Some(None);
    }
    let addr = cx.addr(i)?;
    let offset = cx.lea(i)?;
    // The stub may fault: memory must have the state before this very instruction.
    cx.resume_here();
    let ip = cx.b.ins().iconst(I64, i.ip() as i64);
    cx.store_state(ip, offset::RIP);
    let host = cx.host_value(addr);
    call(cx, X87::memory(escape, modrm >> 3 & 7), Some(host));
    Some(Some(cx.zext(offset, I64)))
}

/// Leaves the addresses of the instruction and of its operand.
fn point(cx: &mut Lift<'_, '_>, i: &Instruction, (escape, modrm): (u8, u8), operand: Option<Value>) {
    let fop = i64::from(escape) << 8 | i64::from(modrm);
    let (both, cs) = selectors(cx);
    let ip = cx.b.ins().iconst(I64, i.ip() as i64);
    cx.store_state(ip, offset::X87_FIP);
    let Some(operand) = operand else {
        let v = cx.b.ins().bor_imm_u(cs, fop);
        return cx.store_state(v, offset::X87_SW + 2);
    };
    cx.store_state(operand, offset::X87_FDP);
    let both = match Seg::from_iced(i.memory_segment()) {
        None | Some(Seg::Ds) => both,
        Some(s) => with_segment(cx, cs, s),
    };
    let v = cx.b.ins().bor_imm_u(both, fop << 16);
    // The status word is the unit's to tell.
    cx.store_state(v, offset::X87_SW);
}

/// See [`X87Known::selectors`].
fn selectors(cx: &mut Lift<'_, '_>) -> (Value, Value) {
    if let Some(s) = cx.known_x87().selectors {
        return s;
    }
    let cs = selector(cx, Seg::Cs);
    let cs = cx.b.ins().ireduce(I32, cs);
    let cs = cx.b.ins().ishl_imm_u(cs, 16);
    let both = with_segment(cx, cs, Seg::Ds);
    cx.known_x87().selectors = Some((both, cs));
    (both, cs)
}

fn with_segment(cx: &mut Lift<'_, '_>, cs: Value, s: Seg) -> Value {
    let data = selector(cx, s);
    let data = cx.b.ins().ishl_imm_u(data, 48);
    let cs = cx.zext(cs, I64);
    let cs = cx.b.ins().ishl_imm_u(cs, 16);
    cx.b.ins().bor(data, cs)
}

fn selector(cx: &mut Lift<'_, '_>, s: Seg) -> Value {
    let v = cx.load_state(I16, offset::seg_sel(s));
    cx.zext(v, I64)
}

/// An instruction that does the same on the host.
fn plain(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let op = opcode(cx, i)?;
    let operand = run(cx, i, op)?;
    point(cx, i, op, operand);
    Some(())
}

/// The same, of a control instruction: it leaves no address.
fn control(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let op = opcode(cx, i)?;
    run(cx, i, op)?;
    Some(())
}

/// FWAIT: nothing is pending, since all exceptions are masked.
fn wait(cx: &mut Lift<'_, '_>, _: &Instruction) -> Option<()> {
    cx.host.x86.then_some(())
}

fn scratch(cx: &mut Lift<'_, '_>) -> Value {
    cx.state_address(offset::X87_SCRATCH)
}

/// FNSTSW, to AX or to memory.
fn fnstsw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let op = opcode(cx, i)?;
    if op.1 < 0xc0 {
        return control(cx, i);
    }
    let to = scratch(cx);
    call(cx, X87::memory(5, 7), Some(to));
    let v = cx.load_state(I16, offset::X87_SCRATCH);
    cx.set_reg(Gpr::Rax, Width::B2, v);
    Some(())
}

/// FLDCW. One that unmasks an exception is interpreted, and so is what follows.
fn fldcw(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let (escape, modrm) = opcode(cx, i)?;
    let addr = cx.addr(i)?;
    let v = cx.load(I16, addr);
    let masks = cx.b.ins().band_imm_u(v, 0x3f);
    let unmasked = cx.b.ins().icmp_imm_u(IntCC::NotEqual, masks, 0x3f);
    let at = GuestAddr::new(i.ip());
    cx.side_path(unmasked, |cx| cx.leave(LiftedExit::Step(at)));
    cx.store_state(v, offset::X87_SCRATCH);
    let from = scratch(cx);
    call(cx, X87::memory(escape, modrm >> 3 & 7), Some(from));
    Some(())
}

/// FCOMI, FCOMIP, FUCOMI, FUCOMIP.
fn fcomi(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    plain(cx, i)?;
    let v = cx.load_state(I32, offset::X87_SCRATCH);
    let v = cx.b.ins().band_imm_u(v, i64::from(bits::STATUS));
    cx.set_flags(Lazy::new(CcKind::Raw, Width::B4, v));
    Some(())
}

fn fcmov(cx: &mut Lift<'_, '_>, i: &Instruction, cond: Cond) -> Option<()> {
    let op = opcode(cx, i)?;
    let c = cx.cond(cond);
    let c = cx.zext(c, I64);
    call(cx, X87::register(op.0, op.1), Some(c));
    point(cx, i, op, None);
    Some(())
}
