//! Segment registers. SDM vol. 3A, chapters 3 and 5; vol. 2, "MOV", "POP", "LDS/LES/LFS/LGS/LSS".
//!
//! Programs run at privilege level 3. All that a segment does to an access here is its base; where one does more, [`crate::segmented`] looks before.
//! Descriptors come from [`Memory::descriptor`]. Invariants:
//! 1. In 64-bit mode the bases of ES, CS, SS and DS are 0, whatever their selectors; a switch to 32-bit code looks them up again.
//! 2. Instruction pointers are offsets in CS. Its base is 0 unless [`CpuState::segmented`](forklift_x86::CpuState::segmented).

pub(super) mod far;
pub(super) mod privileged;
pub(super) mod query;
#[cfg(test)]
mod tests;
pub(super) mod umip;

use forklift_x86::{Exit, Fault, Gpr, Mode, Seg};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Mem, Reg, Source, by_width};
use crate::{Descriptor, Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Mov, Pick::By(pick_mov)),
            (Mnemonic::Push, Pick::By(pick_push)),
            (Mnemonic::Pop, Pick::By(pick_pop)),
            (Mnemonic::Lds, Pick::By(|i| by_width!(load_far_pointer, i, 0, Ds))),
            (Mnemonic::Les, Pick::By(|i| by_width!(load_far_pointer, i, 0, Es))),
            (Mnemonic::Lfs, Pick::By(|i| by_width!(load_far_pointer, i, 0, Fs))),
            (Mnemonic::Lgs, Pick::By(|i| by_width!(load_far_pointer, i, 0, Gs))),
            (Mnemonic::Lss, Pick::By(|i| by_width!(load_far_pointer, i, 0, Ss))),
        ]
    }
}

/// The privilege level that programs run at, and that of their selectors.
const USER: u16 = 3;

/// Whether a selector is null: its RPL doesn't count.
const fn is_null(selector: u16) -> bool {
    selector & !3 == 0
}

/// A fault whose error code names a selector.
fn selector_fault<M: Memory>(cx: &mut Exec<'_, M>, fault: Fault, selector: u16) -> Exit {
    cx.cpu.error_code = u32::from(selector & !3);
    Exit::Fault(fault)
}

/// Loads a data segment register with all checks of MOV.
fn load<M: Memory>(cx: &mut Exec<'_, M>, seg: Seg, selector: u16) -> Step {
    let d = match seg {
        Seg::Cs => return Err(Exit::Fault(Fault::InvalidOpcode)),
        Seg::Ss => Some(stack_segment(cx, selector)?),
        _ if is_null(selector) => None,
        _ => Some(data_segment(cx, selector)?),
    };
    set(cx, seg, selector, d);
    Ok(())
}

fn set<M: Memory>(cx: &mut Exec<'_, M>, seg: Seg, selector: u16, d: Option<Descriptor>) {
    cx.cpu.set_segment(seg, selector, d.map_or(0, |d| d.base), d.map(Descriptor::cache).unwrap_or_default());
}

/// A descriptor that may be loaded into SS.
fn stack_segment<M: Memory>(cx: &mut Exec<'_, M>, selector: u16) -> Result<Descriptor, Exit> {
    if is_null(selector) {
        return Err(cx.general_protection(0));
    }
    match cx.mem.descriptor(selector) {
        Some(d) if selector & 3 == USER && d.dpl() == 3 && d.is_writable() => {
            if d.is_present() {
                Ok(d)
            } else {
                Err(selector_fault(cx, Fault::Stack, selector))
            }
        }
        _ => Err(selector_fault(cx, Fault::GeneralProtection, selector)),
    }
}

/// A descriptor that may be loaded into DS, ES, FS or GS.
fn data_segment<M: Memory>(cx: &mut Exec<'_, M>, selector: u16) -> Result<Descriptor, Exit> {
    match cx.mem.descriptor(selector) {
        Some(d) if d.is_readable() && (d.is_conforming() || d.dpl() == 3) => {
            if d.is_present() {
                Ok(d)
            } else {
                Err(selector_fault(cx, Fault::SegmentNotPresent, selector))
            }
        }
        _ => Err(selector_fault(cx, Fault::GeneralProtection, selector)),
    }
}

fn is_segment(i: &Instruction, k: u32) -> bool {
    form(i, k) == Form::Reg && i.op_register(k).is_segment_register()
}

fn segment_of(slot: u8) -> Seg {
    Seg::ALL[usize::from(slot) % Seg::ALL.len()]
}

fn pick_mov<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (is_segment(i, 0), is_segment(i, 1), form(i, 0), form(i, 1)) {
        (true, _, _, Form::Reg) => Some(mov_to::<Reg<1>, M>),
        (true, _, _, _) => Some(mov_to::<Mem, M>),
        (_, true, Form::Reg, _) => by_width!(mov_from_to_register, i, 0),
        (_, true, _, _) => Some(mov_from_to_memory),
        _ => None,
    }
}

/// MOV Sreg, r/m16.
fn mov_to<S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector: u16 = S::get(cx, op)?;
    load(cx, segment_of(op.reg[0]), selector)
}

/// MOV r, Sreg: zero-extends to the operand's size.
fn mov_from_to_register<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector = cx.cpu.seg_sel[segment_of(op.reg[1]).index()];
    cx.set_gpr(op.reg[0], T::from_u64(selector.into()));
    Ok(())
}

/// MOV m16, Sreg: 16 bits at any operand size.
fn mov_from_to_memory<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector = cx.cpu.seg_sel[segment_of(op.reg[1]).index()];
    cx.store(cx.ea(op), selector)
}

fn pick_push<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.stack_pointer_increment() {
        _ if !is_segment(i, 0) => None,
        -2 => Some(push::<u16, M>),
        -4 => Some(push::<u32, M>),
        _ => Some(push::<u64, M>),
    }
}

/// PUSH Sreg, zero-extended.
fn push<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector = cx.cpu.seg_sel[segment_of(op.reg[0]).index()];
    cx.push(T::from_u64(selector.into()))
}

fn pick_pop<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match i.stack_pointer_increment() {
        _ if !is_segment(i, 0) => None,
        2 => Some(pop::<2, M>),
        4 => Some(pop::<4, M>),
        _ => Some(pop::<8, M>),
    }
}

/// POP Sreg: reads 16 bits, drops `BYTES`.
fn pop<const BYTES: u64, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let selector: u16 = cx.peek(0)?;
    load(cx, segment_of(op.reg[0]), selector)?;
    cx.drop_stack(BYTES);
    Ok(())
}

/// A segment register as a type.
trait Which {
    const SEG: Seg;
}

struct Ds;
struct Es;
struct Fs;
struct Gs;
struct Ss;

impl Which for Ds {
    const SEG: Seg = Seg::Ds;
}

impl Which for Es {
    const SEG: Seg = Seg::Es;
}

impl Which for Fs {
    const SEG: Seg = Seg::Fs;
}

impl Which for Gs {
    const SEG: Seg = Seg::Gs;
}

impl Which for Ss {
    const SEG: Seg = Seg::Ss;
}

/// A pointer in memory: offset, then selector.
fn far_pointer<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<(T, u16), Exit> {
    let offset = cx.offset(op);
    let behind = offset.wrapping_add(T::BYTES as u64) << op.ea_shift >> op.ea_shift;
    Ok((cx.load(cx.linear(op, offset))?, cx.load(cx.linear(op, behind))?))
}

/// LDS, LES, LFS, LGS, LSS.
fn load_far_pointer<T: Int, W: Which, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (offset, selector) = far_pointer::<T, M>(cx, op)?;
    load(cx, W::SEG, selector)?;
    cx.set_gpr(op.reg[0], offset);
    Ok(())
}

/// Looks the bases up again after a switch of mode (invariant 1), and makes the upper halves of registers zero for 32-bit code.
fn switch_mode<M: Memory>(cx: &mut Exec<'_, M>, mode: Mode) {
    cx.cpu.mode = mode;
    for seg in [Seg::Es, Seg::Ss, Seg::Ds] {
        let selector = cx.cpu.seg_sel[seg.index()];
        let d = if is_null(selector) { None } else { cx.mem.descriptor(selector) };
        set(cx, seg, selector, d);
    }
    if mode == Mode::Bits32 {
        for r in &Gpr::ALL[..8] {
            let v = cx.cpu.get(*r);
            cx.cpu.set(*r, v & 0xffff_ffff);
        }
        for seg in [Seg::Fs, Seg::Gs] {
            cx.cpu.seg_base[seg.index()] &= 0xffff_ffff;
        }
    }
}
