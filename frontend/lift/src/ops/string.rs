//! String instructions. SDM vol. 1, 5.1.8; vol. 2B, "REP".
//!
//! Upwards, an x86-64 host repeats them by its own instructions. On others repeated MOVS and STOS are loops here, of vectors and of eight bytes at a time where that is the
//! same, and very long ones are left to the interpreter, which copies in bulk. CMPS and SCAS that aren't repeated and INS are always left to it, and so is what has another address size than the mode's or
//! another segment than DS.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Signature, Type, Value,
    condcodes::IntCC,
    types::{I8X16, I32, I64, I64X2},
};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{Gpr, GuestAddr, Width, bits};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::LiftFn;
use crate::cx::{Lift, int};
use crate::{Faults, Helper, LiftedExit, RepString, offset};

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

/// Most that is done here, for a signal has to wait for its end. Unit: bytes.
const MOST: i64 = 16 << 10;
/// As many bytes of smaller elements are done at once.
const WIDE: i64 = 8;
/// As many bytes of any elements are done at once upwards, by vectors.
const BLOCK: i64 = 32;

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
        let v = if ty == int(w) { v } else { several(cx, v, w, ty) };
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

/// As many of an element as `ty` has room for, which is 64 bits or a vector.
fn several(cx: &mut Lift<'_, '_>, v: Value, w: Width, ty: Type) -> Value {
    let ones = u64::MAX / (u64::MAX >> (64 - 8 * w.bytes()));
    let v = cx.zext(v, I64);
    let ones = cx.iconst(Width::B8, ones);
    let v = cx.b.ins().imul(v, ones);
    if ty == I64 {
        return v;
    }
    let v = cx.b.ins().splat(I64X2, v);
    cx.cast(v, ty)
}

/// What is added to a pointer, by the direction.
fn step_by(cx: &mut Lift<'_, '_>, down: Value, [downwards, upwards]: [i64; 2]) -> Value {
    let (downwards, upwards) = (cx.iconst(cx.word(), downwards as u64), cx.iconst(cx.word(), upwards as u64));
    cx.b.ins().select(down, downwards, upwards)
}

/// Does `f` for an element where `pointers` point to, once or repeated, and moves them on; once and downwards, it is left to the interpreter. `f` is given the type of the element, or a wider one for several at once.
fn string(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) {
    let down = direction(cx);
    if is_repeated(i) {
        let unseen = cx.faults == Faults::Lost;
        return if unseen { repeat_unseen(cx, i, w, pointers, down, f) } else { repeat(cx, i, w, pointers, down, f) };
    }
    let pc = GuestAddr::new(i.ip());
    cx.side_path(down, |cx| cx.leave(LiftedExit::Step(pc)));
    let at: Vec<Value> = pointers.iter().map(|r| cx.reg_word(*r)).collect();
    f(cx, &at, int(w));
    for (r, v) in pointers.iter().zip(at) {
        let moved = cx.add_const(v, i64::from(w.bytes()));
        cx.set_reg_word(*r, moved);
    }
}

/// Loops over elements, with the registers in memory as they are before each; else a step of the interpreter.
///
/// The first loops do several elements at once. Whatever of them has been done when that faults is done again, one by one, by the interpreter.
fn repeat(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], down: Value, f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) {
    cx.sync();
    let size = i64::from(w.bytes());
    let changed: Vec<Gpr> = pointers.iter().copied().chain([Gpr::Rcx]).collect();
    let start: Vec<Value> = changed.iter().map(|r| cx.reg_word(*r)).collect();
    let many = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, start[pointers.len()], MOST / size);
    let [stepped, some, next] = [(); 3].map(|()| cx.b.create_block());
    cx.b.set_cold_block(stepped);
    cx.b.ins().brif(many, stepped, &[] as &[BlockArg], some, &[] as &[BlockArg]);

    cx.b.switch_to_block(stepped);
    cx.detour(|cx| cx.step(i));
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(some);
    in_rounds(cx, &changed, &start, w, down, &f);
    cx.b.ins().jump(next, &[] as &[BlockArg]);

    cx.b.switch_to_block(next);
    cx.changed_in_memory(&changed);
}

/// The same where no fault shows the registers: they are in memory neither before nor behind.
fn repeat_unseen(cx: &mut Lift<'_, '_>, i: &Instruction, w: Width, pointers: &[Gpr], down: Value, f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) {
    cx.close_group();
    let changed: Vec<Gpr> = pointers.iter().copied().chain([Gpr::Rcx]).collect();
    let start: Vec<Value> = changed.iter().map(|r| cx.reg_word(*r)).collect();
    let word = int(cx.word());
    let [stepped, any, some, next] = [(); 4].map(|()| cx.b.create_block());
    let end: Vec<Value> = start.iter().map(|_| cx.b.append_block_param(next, word)).collect();
    cx.b.set_cold_block(stepped);
    let args = |values: &[Value]| values.iter().map(|v| BlockArg::from(*v)).collect::<Vec<_>>();
    let count = start[pointers.len()];
    cx.b.ins().brif(count, any, &[] as &[BlockArg], next, args(&start).iter());

    cx.b.switch_to_block(any);
    let many = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, count, MOST / i64::from(w.bytes()));
    cx.b.ins().brif(many, stepped, &[] as &[BlockArg], some, &[] as &[BlockArg]);

    cx.b.switch_to_block(stepped);
    let mut left = Vec::new();
    cx.detour(|cx| {
        cx.step(i);
        left = changed.iter().map(|r| cx.reg_word(*r)).collect();
    });
    cx.b.ins().jump(next, args(&left).iter());

    cx.b.switch_to_block(some);
    let at = in_rounds(cx, &changed, &start, w, down, &f);
    cx.b.ins().jump(next, args(&at).iter());

    cx.b.switch_to_block(next);
    changed.iter().zip(end).for_each(|(r, v)| cx.set_reg_word(*r, v));
    cx.note_change();
}

/// All elements, in loops: returns what pointers and count are then.
fn in_rounds(cx: &mut Lift<'_, '_>, changed: &[Gpr], start: &[Value], w: Width, down: Value, f: &impl Fn(&mut Lift<'_, '_>, &[Value], Type)) -> Vec<Value> {
    let size = i64::from(w.bytes());
    let mut at = blocks(cx, changed, start, size, down, f);
    if size < WIDE {
        at = words(cx, changed, &at, size, down, f);
    }
    let step = step_by(cx, down, [-size, size]);
    elements(cx, changed, &at, Rounds { step, n: 1, allowed: None }, None, |cx, at| f(cx, at, int(w)))
}

/// What a pointer is asked for.
type Test<'t> = dyn Fn(&mut Lift<'_, '_>, Value) -> Value + 't;

/// A loop over elements, several of them at once.
struct Rounds {
    /// What is added to pointers.
    step: Value,
    /// How many elements a round is.
    n: i64,
    /// Without this there is none.
    allowed: Option<Value>,
}

/// The loop over blocks, upwards: returns what pointers and count are then.
fn blocks(cx: &mut Lift<'_, '_>, registers: &[Gpr], start: &[Value], size: i64, down: Value, f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) -> Vec<Value> {
    let mut allowed = cx.b.ins().icmp_imm_s(IntCC::Equal, down, 0);
    if let [to, from, _] = *start {
        // Neither is what is read written before, nor is what is done again changed by what a fault left.
        let distance = cx.b.ins().isub(to, from);
        let distance = cx.b.ins().iadd_imm_s(distance, BLOCK - 1);
        let apart = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, distance, 2 * BLOCK - 1);
        allowed = cx.b.ins().band(allowed, apart);
    }
    let rounds = Rounds { step: cx.iconst(cx.word(), BLOCK as u64), n: BLOCK / size, allowed: Some(allowed) };
    elements(cx, registers, start, rounds, None, |cx, at| {
        for part in (0..BLOCK).step_by(I8X16.bytes() as usize) {
            let at: Vec<Value> = at.iter().map(|&p| cx.b.ins().iadd_imm_s(p, part)).collect();
            f(cx, &at, I8X16);
        }
    })
}

/// The loop over [`WIDE`] bytes of elements of fewer: returns what pointers and count are then.
///
/// No element that MOVS reads may have been written among the same eight. An overlap the other way round is as harmful if a store is done in part before it faults, because
/// what is done again would read that: an aligned one isn't.
fn words(cx: &mut Lift<'_, '_>, registers: &[Gpr], start: &[Value], size: i64, down: Value, f: impl Fn(&mut Lift<'_, '_>, &[Value], Type)) -> Vec<Value> {
    let mut at = start.to_vec();
    let mut allowed = None;
    if let [to, from, _] = *start {
        let (up, back) = (cx.b.ins().isub(to, from), cx.b.ins().isub(from, to));
        let mut far = |a, b| {
            let distance = cx.b.ins().select(down, a, b);
            cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, distance, WIDE)
        };
        let (ahead, behind) = (far(back, up), far(up, back));
        let near = cx.b.ins().bxor_imm_u(behind, 1);
        let near = cx.b.ins().band(ahead, near);
        let step = step_by(cx, down, [-size, size]);
        let beyond = step_by(cx, down, [size, 0]);
        let unaligned = |cx: &mut Lift<'_, '_>, to: Value| {
            let end = cx.b.ins().iadd(to, beyond);
            let rest = cx.b.ins().band_imm_u(end, WIDE - 1);
            cx.b.ins().icmp_imm_s(IntCC::NotEqual, rest, 0)
        };
        let element = Width::from_bytes(size as usize).map_or(I64, int);
        at = elements(cx, registers, start, Rounds { step, n: 1, allowed: Some(near) }, Some(&unaligned), |cx, at| f(cx, at, element));
        let odd = unaligned(cx, at[0]);
        let aligned = cx.b.ins().bxor_imm_u(odd, 1);
        let harmless = cx.b.ins().bor(behind, aligned);
        allowed = Some(cx.b.ins().band(ahead, harmless));
    }
    let lowest = step_by(cx, down, [size - WIDE, 0]);
    let rounds = Rounds { step: step_by(cx, down, [-WIDE, WIDE]), n: WIDE / size, allowed };
    elements(cx, registers, &at, rounds, None, |cx, at| {
        let at: Vec<Value> = at.iter().map(|&p| cx.b.ins().iadd(p, lowest)).collect();
        f(cx, &at, I64);
    })
}

/// Does `f` at the pointers, which are all of `start` but the last, as long as the last, the count, has enough for another round and `also` holds for the first pointer.
/// Returns what they are then, and what memory has, if a fault may show it.
fn elements(
    cx: &mut Lift<'_, '_>,
    registers: &[Gpr],
    start: &[Value],
    rounds: Rounds,
    also: Option<&Test<'_>>,
    f: impl Fn(&mut Lift<'_, '_>, &[Value]),
) -> Vec<Value> {
    let word = int(cx.word());
    let [body, behind] = [(); 2].map(|()| cx.b.create_block());
    let [at, end] = [body, behind].map(|block| start.iter().map(|_| cx.b.append_block_param(block, word)).collect::<Vec<Value>>());
    let goes_on = |cx: &mut Lift<'_, '_>, at: &[Value], allowed: Option<Value>| {
        let mut on = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, at[at.len() - 1], rounds.n);
        let also = also.map(|also| also(cx, at[0]));
        for other in allowed.into_iter().chain(also) {
            on = cx.b.ins().band(on, other);
        }
        let args: Vec<BlockArg> = at.iter().map(|v| BlockArg::from(*v)).collect();
        cx.b.ins().brif(on, body, args.iter(), behind, args.iter());
    };
    goes_on(cx, start, rounds.allowed);

    cx.b.switch_to_block(body);
    let (pointers, count) = at.split_at(at.len() - 1);
    cx.detour(|cx| f(cx, pointers));
    let mut moved: Vec<Value> = pointers.iter().map(|&p| cx.b.ins().iadd(p, rounds.step)).collect();
    moved.push(cx.b.ins().iadd_imm_s(count[0], -rounds.n));
    if cx.faults != Faults::Lost {
        for (r, v) in registers.iter().zip(&moved) {
            cx.store_state(*v, offset::gpr(*r));
        }
    }
    goes_on(cx, &moved, None);

    cx.b.switch_to_block(behind);
    end
}
