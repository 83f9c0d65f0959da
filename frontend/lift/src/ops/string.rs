//! String instructions. SDM vol. 1, 5.1.8; vol. 2B, "REP".
//!
//! Upwards, an x86-64 host repeats them by its own instructions. On others a few repetitions of MOVS and STOS are a loop here, eight bytes at a time where that is the
//! same, and more are left to the interpreter, which copies in bulk. CMPS and SCAS that aren't repeated and INS are always left to it, and so is what has another address size than the mode's or
//! another segment than DS.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Signature, Type, Value,
    condcodes::IntCC,
    types::{I32, I64},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{Gpr, GuestAddr, Width, bits};
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

/// Most that is done here. Unit: bytes. The interpreter costs about as much as so many.
const MOST: i64 = 256;
/// As many bytes of smaller elements are done at once.
const WIDE: i64 = 8;

/// MOVS: `[rDI]` = `[rSI]`.
pub(super) fn movs(cx: &mut Lift<'_, '_>, i: &Instruction) -> Option<()> {
    let w = element(cx, i)?;
    if is_repeated(i) && cx.host.x86 {
        repeat_on_host(cx, i, RepString::Movs, w, &[Gpr::Rdi, Gpr::Rsi, Gpr::Rcx]);
        return Some(());
    }
    string(cx, i, w, &[Gpr::Rdi, Gpr::Rsi], |cx, at, ty| {
        let from = cx.linear(at[1]);
        let v = cx.load(ty, from);
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
    string(cx, i, w, &[Gpr::Rdi], |cx, at, ty| {
        let v = if ty == int(w) { v } else { several(cx, v, w) };
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
    string(cx, i, w, &[Gpr::Rsi], |cx, at, ty| {
        let from = cx.linear(at[0]);
        let v = cx.load(ty, from);
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

/// As many of an element as 64 bits have room for.
fn several(cx: &mut Lift<'_, '_>, v: Value, w: Width) -> Value {
    let ones = u64::MAX / (u64::MAX >> (64 - 8 * w.bytes()));
    let v = cx.zext(v, I64);
    let ones = cx.iconst(Width::B8, ones);
    cx.b.ins().imul(v, ones)
}

/// What is added to a pointer, by the direction.
fn step_by(cx: &mut Lift<'_, '_>, down: Value, [downwards, upwards]: [i64; 2]) -> Value {
    let (downwards, upwards) = (cx.iconst(cx.word(), downwards as u64), cx.iconst(cx.word(), upwards as u64));
    cx.b.ins().select(down, downwards, upwards)
}

/// The width of the elements of a string instruction that isn't repeated and is lifted so.
pub(crate) fn single_string(i: &Instruction) -> Option<Width> {
    use Mnemonic as M;
    let strings = matches!(
        i.mnemonic(),
        M::Movsb | M::Movsw | M::Movsd | M::Movsq | M::Stosb | M::Stosw | M::Stosd | M::Stosq | M::Lodsb | M::Lodsw | M::Lodsd | M::Lodsq
    );
    (strings && i.is_string_instruction() && !is_repeated(i)).then(|| Width::from_bytes(i.memory_size().size()))?
}

/// What it adds to a pointer.
pub(crate) fn step_of_string(cx: &mut Lift<'_, '_>, w: Width) -> Value {
    let down = direction(cx);
    let size = i64::from(w.bytes());
    step_by(cx, down, [-size, size])
}

/// Does `f` for an element where `pointers` point to, once or repeated, and moves them on. `f` is given the type of the element, or a wider one for several at once.
fn string(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) {
    if is_repeated(i) {
        let down = direction(cx);
        return repeat(cx, i, w, pointers, down, f);
    }
    let step = cx.steps[w.bytes().trailing_zeros() as usize].unwrap_or_else(|| step_of_string(cx, w));
    let at: Vec<Value> = pointers.iter().map(|r| cx.reg_word(*r)).collect();
    f(cx, &at, int(w));
    for (r, v) in pointers.iter().zip(at) {
        let moved = cx.b.ins().iadd(v, step);
        cx.set_reg_word(*r, moved);
    }
}

/// Loops over a few elements, with the registers in memory as they are before each; else a step of the interpreter.
///
/// The first loop does several elements at once. Whatever of them has been done when that faults is done again, one by one, by the interpreter.
fn repeat(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], down: Value, f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) {
    cx.sync();
    let size = i64::from(w.bytes());
    let changed: Vec<Gpr> = pointers.iter().copied().chain([Gpr::Rcx]).collect();
    let start: Vec<Value> = changed.iter().map(|r| cx.reg_word(*r)).collect();
    let many = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, start[pointers.len()], MOST / size);
    let [stepped, first, next] = [(); 3].map(|()| cx.b.create_block());
    cx.b.set_cold_block(stepped);
    cx.b.ins().brif(many, stepped, &[] as &[BlockArg], first, &[] as &[BlockArg]);

    cx.b.switch_to_block(stepped);
    cx.detour(|cx| cx.step(i));
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(first);
    let mut at = start;
    if size < WIDE {
        let apart = (pointers.len() == 2).then(|| is_apart(cx, &at, size, down));
        let lowest = step_by(cx, down, [size - WIDE, 0]);
        let step = step_by(cx, down, [-WIDE, WIDE]);
        at = elements(cx, &changed, &at, (step, WIDE / size), apart, |cx, at| {
            let at: Vec<Value> = at.iter().map(|&p| cx.b.ins().iadd(p, lowest)).collect();
            f(cx, &at, I64);
        });
    }
    let step = step_by(cx, down, [-size, size]);
    elements(cx, &changed, &at, (step, 1), None, |cx, at| f(cx, at, int(w)));
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(next);
    cx.changed_in_memory(&changed);
}

/// Whether MOVS may copy eight bytes at once: no element that is read may have been written among the same eight. And if one of them faults, a part may have been stored in the
/// page before: what is done again must not read that, so that an overlap the other way round has to stay in one page.
fn is_apart(cx: &mut Lift<'_, '_>, at: &[Value], size: i64, down: Value) -> Value {
    let (to, from, count) = (at[0], at[1], at[2]);
    let (up, back) = (cx.b.ins().isub(to, from), cx.b.ins().isub(from, to));
    let mut far = |a, b| {
        let distance = cx.b.ins().select(down, a, b);
        cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, distance, WIDE)
    };
    let (ahead, behind) = (far(back, up), far(up, back));
    let bytes = cx.b.ins().imul_imm_s(count, size);
    let (last, first) = (cx.b.ins().iadd(to, bytes), cx.b.ins().isub(to, bytes));
    let end = cx.b.ins().select(down, first, last);
    // Both ends, and an element beyond.
    let beyond = step_by(cx, down, [size, 0]);
    let start = cx.b.ins().iadd(to, beyond);
    let pages = cx.b.ins().bxor(start, end);
    let one_page = cx.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, pages, GuestAddr::PAGE_SIZE as i64);
    let harmless = cx.b.ins().bor(behind, one_page);
    cx.b.ins().band(ahead, harmless)
}

/// A loop: does `f` at the pointers, which are all of `start` but the last, moves them by `step`, and takes `n` from the last, the count, as long as that has so many and `also`
/// holds. Returns what they are then.
fn elements(
    cx: &mut Lift<'_, '_>,
    registers: &[Gpr],
    start: &[Value],
    (step, n): (Value, i64),
    also: Option<Value>,
    f: impl Fn(&mut Lift<'_, '_>, &[Value]),
) -> Vec<Value> {
    let [header, body, behind] = [(); 3].map(|()| cx.b.create_block());
    let args: Vec<BlockArg> = start.iter().map(|v| BlockArg::from(*v)).collect();
    cx.b.ins().jump(header, args.iter());

    cx.b.switch_to_block(header);
    let at: Vec<Value> = start.iter().map(|_| cx.b.append_block_param(header, int(cx.word()))).collect();
    for (r, v) in registers.iter().zip(&at) {
        cx.store_state(*v, offset::gpr(*r));
    }
    let (pointers, count) = at.split_at(at.len() - 1);
    let enough = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, count[0], n);
    let goes_on = match also {
        Some(also) => cx.b.ins().band(enough, also),
        None => enough,
    };
    cx.b.ins().brif(goes_on, body, &[] as &[BlockArg], behind, &[] as &[BlockArg]);

    cx.b.switch_to_block(body);
    cx.detour(|cx| f(cx, pointers));
    let mut moved: Vec<BlockArg> = pointers.iter().map(|&p| cx.b.ins().iadd(p, step).into()).collect();
    moved.push(cx.b.ins().iadd_imm_s(count[0], -n).into());
    cx.b.ins().jump(header, moved.iter());

    cx.b.switch_to_block(behind);
    at
}
