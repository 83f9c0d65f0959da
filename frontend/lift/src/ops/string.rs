//! String instructions. SDM vol. 1, 5.1.8; vol. 2B, "REP".
//!
//! Upwards, an x86-64 host repeats them by its own instructions. On others a few repetitions of MOVS and STOS are a loop here, and more are left to the
//! interpreter, which copies in bulk. CMPS and SCAS that aren't repeated and INS are always left to it, and so is what has another address size than the mode's or
//! another segment than DS.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Signature, Value,
    condcodes::IntCC,
    types::{I32, I64},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{Gpr, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::LiftFn;
use crate::cx::{Lift, int};
use crate::{Helper, RepString, offset};

pub(super) const OPS: &[(Mnemonic, LiftFn)] = &[
    (Mnemonic::Movsb, movs),
    (Mnemonic::Movsw, movs),
    (Mnemonic::Movsq, movs),
    (Mnemonic::Stosb, stos),
    (Mnemonic::Stosw, stos),
    (Mnemonic::Stosd, stos),
    (Mnemonic::Stosq, stos),
    (Mnemonic::Lodsb, lods),
    (Mnemonic::Lodsw, lods),
    (Mnemonic::Lodsd, lods),
    (Mnemonic::Lodsq, lods),
    (Mnemonic::Cmpsb, cmps),
    (Mnemonic::Cmpsw, cmps),
    (Mnemonic::Cmpsq, cmps),
    (Mnemonic::Scasb, scas),
    (Mnemonic::Scasw, scas),
    (Mnemonic::Scasd, scas),
    (Mnemonic::Scasq, scas),
];

/// Most repetitions that are made here. Unit: elements. The interpreter costs about as much as so many.
const MOST: i64 = 32;

/// MOVS: `[rDI]` = `[rSI]`.
pub(super) fn movs(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    if is_repeated(i) && cx.host.x86 {
        repeat_on_host(cx, i, RepString::Movs, w, &[Gpr::Rdi, Gpr::Rsi, Gpr::Rcx]);
        return Some(());
    }
    string(cx, i, w, &[Gpr::Rdi, Gpr::Rsi], |cx, at| {
        let from = cx.linear(at[1]);
        let v = cx.load(int(w), from);
        let to = cx.linear(at[0]);
        cx.store(v, to);
    });
    Some(())
}

/// STOS: `[rDI]` = rAX.
fn stos(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    if is_repeated(i) && cx.host.x86 {
        repeat_on_host(cx, i, RepString::Stos, w, &[Gpr::Rdi, Gpr::Rcx]);
        return Some(());
    }
    let v = cx.reg(Gpr::Rax, w);
    string(cx, i, w, &[Gpr::Rdi], |cx, at| {
        let to = cx.linear(at[0]);
        cx.store(v, to);
    });
    Some(())
}

/// LODS: rAX = `[rSI]`.
fn lods(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    if is_repeated(i) {
        return None;
    }
    string(cx, i, w, &[Gpr::Rsi], |cx, at| {
        let from = cx.linear(at[0]);
        let v = cx.load(int(w), from);
        cx.set_reg(Gpr::Rax, w, v);
    });
    Some(())
}

/// CMPS, repeated: compares `[rSI]` with `[rDI]`.
pub(super) fn cmps(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    let kind = if i.has_repne_prefix() { RepString::RepneCmps } else { RepString::RepeCmps };
    search(cx, i, kind, w, &[Gpr::Rdi, Gpr::Rsi, Gpr::Rcx])
}

/// SCAS, repeated: compares rAX with `[rDI]`.
fn scas(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    let kind = if i.has_repne_prefix() { RepString::RepneScas } else { RepString::RepeScas };
    search(cx, i, kind, w, &[Gpr::Rdi, Gpr::Rcx])
}

fn search(cx: &mut Lift<'_, '_>, i: &Instruction, kind: RepString, w: Width, changed: &[Gpr]) -> Option<()> {
    if !is_repeated(i) || !cx.host.x86 {
        return None;
    }
    repeat_on_host(cx, i, kind, w, changed);
    cx.flags_changed_in_memory();
    Some(())
}

/// Has the host's own instruction do it, upwards; else the interpreter. `changed`: the registers that it changes.
fn repeat_on_host(cx: &mut Lift<'_, '_>, i: &Instruction, kind: RepString, w: Width, changed: &[Gpr]) {
    cx.sync();
    let down = direction(cx);
    let [stepped, fast, next] = [(); 3].map(|()| cx.b.create_block());
    cx.b.set_cold_block(stepped);
    cx.b.ins().brif(down, stepped, &[] as &[BlockArg], fast, &[] as &[BlockArg]);

    cx.b.switch_to_block(stepped);
    cx.detour(|cx| cx.step(i));
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(fast);
    cx.detour(|cx| {
        cx.resume_here();
        let ip = cx.b.ins().iconst(I64, i.ip() as i64);
        cx.store_state(ip, offset::RIP);
        let sig = cx.b.import_signature(Signature::new(CallConv::PreserveAll));
        let stubs = cx.helper_address(Helper::RepString);
        let stub = cx.b.ins().iadd_imm_s(stubs, (kind.stub(w, cx.key.mode) * RepString::SIZE) as i64);
        cx.b.ins().call_indirect(sig, stub, &[]);
    });
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(next);
    cx.changed_in_memory(changed);
}

/// Not zero if strings are gone through downwards.
fn direction(cx: &mut Lift<'_, '_>) -> Value {
    let rest = cx.load_state(I32, offset::CC_REST);
    cx.b.ins().band_imm_u(rest, i64::from(bits::DF))
}

/// The size of an element, if the operands are plain.
fn element(cx: &Lift<'_, '_>, i: &Instruction) -> Option<Width> {
    let (source, destination) = if cx.is_64() { (OpKind::MemorySegRSI, OpKind::MemoryESRDI) } else { (OpKind::MemorySegESI, OpKind::MemoryESEDI) };
    let plain = (0..i.op_count()).all(|n| match i.op_kind(n) {
        OpKind::Register => true,
        k if k == source => i.memory_segment() == Register::DS,
        k => k == destination,
    });
    (plain && cx.key.flat).then(|| Width::from_bytes(i.memory_size().size()))?
}

fn is_repeated(i: &Instruction) -> bool {
    i.has_rep_prefix() || i.has_repne_prefix()
}

/// Does `f` for an element where `pointers` point to, once or repeated, and moves them on.
fn string(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], f: impl FnOnce(&mut Lift<'_, '_>, &[Value])) {
    let down = direction(cx);
    if is_repeated(i) {
        return repeat(cx, i, w, pointers, down, f);
    }
    let size = i64::from(w.bytes());
    let (forward, backward) = (cx.iconst(cx.word(), size as u64), cx.iconst(cx.word(), size.wrapping_neg() as u64));
    let step = cx.b.ins().select(down, backward, forward);
    let at: Vec<Value> = pointers.iter().map(|r| cx.reg_word(*r)).collect();
    f(cx, &at);
    for (r, v) in pointers.iter().zip(at) {
        let moved = cx.b.ins().iadd(v, step);
        cx.set_reg_word(*r, moved);
    }
}

/// A loop over a few elements, upwards, with the registers in memory as they are before each; else a step of the interpreter.
fn repeat(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], down: Value, f: impl FnOnce(&mut Lift<'_, '_>, &[Value])) {
    cx.sync();
    let changed: Vec<Gpr> = pointers.iter().copied().chain([Gpr::Rcx]).collect();
    let start: Vec<Value> = changed.iter().map(|r| cx.reg_word(*r)).collect();
    let many = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, start[pointers.len()], MOST);
    let many = cx.zext(many, I32);
    let slow = cx.b.ins().bor(down, many);
    let [stepped, header, body, next] = [(); 4].map(|()| cx.b.create_block());
    cx.b.set_cold_block(stepped);
    let args: Vec<BlockArg> = start.iter().map(|v| BlockArg::from(*v)).collect();
    cx.b.ins().brif(slow, stepped, &[] as &[BlockArg], header, args.iter());

    cx.b.switch_to_block(stepped);
    cx.detour(|cx| cx.step(i));
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(header);
    let at: Vec<Value> = start.iter().map(|_| cx.b.append_block_param(header, int(cx.word()))).collect();
    for (r, v) in changed.iter().zip(&at) {
        cx.store_state(*v, offset::gpr(*r));
    }
    let count = at[pointers.len()];
    cx.b.ins().brif(count, body, &[] as &[BlockArg], next, &[] as &[BlockArg]);

    cx.b.switch_to_block(body);
    cx.detour(|cx| f(cx, &at));
    let size = i64::from(w.bytes());
    let moved: Vec<BlockArg> = at.iter().enumerate().map(|(n, v)| cx.b.ins().iadd_imm_s(*v, if n < pointers.len() { size } else { -1 }).into()).collect();
    cx.b.ins().jump(header, moved.iter());

    cx.b.switch_to_block(next);
    cx.changed_in_memory(&changed);
}
