//! The x87 unit's instructions. SDM vol. 1, chapter 8; vol. 2A, "F2XM1" to "FYL2XP1".
//!
//! Numbers are computed in [`crate::f80`]. Here are the register stack, tags, pointers, and the responses to exceptions. Invariants:
//! 1. ES and B of the status word are set exactly if an exception flag is set whose mask in the control word is not. [`raise`] and [`X87::summarise`] keep it so.
//! 2. A waiting instruction begins with [`begin`]: #MF if ES is set, before anything else, also before its memory operand is touched.
//! 3. An instruction's effects come after its last access to memory, so that a page fault leaves the unit as it was.

pub(super) mod arith;
pub(super) mod compare;
pub(super) mod control;
pub(super) mod env;
pub(super) mod moves;
#[cfg(test)]
mod tests;
pub(super) mod transcendental;
pub(super) mod unary;

use forklift_x86::{Exit, Fault, Mode, Seg, X87};
use iced_x86::{Encoder, Instruction, Mnemonic};

use crate::f80::bit::{BUSY, C1, ES, IE, SF};
use crate::f80::{Control, F80, Out};
use crate::{Exec, Memory, Op, Step};

/// Index of the physical register that is ST(i).
#[inline(always)]
fn phys(x: &X87, i: usize) -> usize {
    (x.top as usize).wrapping_add(i) & 7
}

/// The number in ST(i), whether in use or not.
#[inline(always)]
fn st(x: &X87, i: usize) -> F80 {
    x.regs[phys(x, i)].into()
}

/// Whether ST(i) is in use.
#[inline(always)]
fn used(x: &X87, i: usize) -> bool {
    x.used >> phys(x, i) & 1 != 0
}

/// Sets ST(i), which is in use then.
#[inline(always)]
fn set_st(x: &mut X87, i: usize, v: F80) {
    let p = phys(x, i);
    x.regs[p] = v.into();
    x.used |= 1 << p;
}

/// Pops the stack.
#[inline(always)]
fn pop(x: &mut X87) {
    x.used &= !(1 << phys(x, 0));
    x.top = (x.top + 1) & 7;
}

/// Pushes without looking at what was there.
#[inline(always)]
fn push_unchecked(x: &mut X87, v: F80) {
    x.top = x.top.wrapping_sub(1) & 7;
    set_st(x, 0, v);
}

/// The control word.
#[inline(always)]
fn control(x: &X87) -> Control {
    Control::new(x.cw)
}

/// Sets exception flags and C1 from an operation's status; other condition codes are only added.
#[inline(always)]
fn raise<M: Memory>(cx: &mut Exec<'_, M>, status: u16) {
    let x = &mut cx.cpu.x87;
    x.sw = x.sw & !C1 | status;
    if control(x).unmasked(status) != 0 {
        x.sw |= ES | BUSY;
    }
}

/// Completes a pre-decoded x87 operation: `imm` becomes the 11 bits that FOP has of it (the low bits of the first opcode byte, and the second), `reg[3]`
/// the number of its operand's segment register.
pub(crate) fn annotate<M: Memory>(op: &mut Op<M>, i: &Instruction, mode: Mode) {
    if !(Mnemonic::F2xm1..=Mnemonic::Fyl2xp1).contains(&i.mnemonic()) {
        return;
    }
    op.reg[3] = Seg::from_iced(i.memory_segment()).map_or(Seg::Ds as u8, |s| s as u8);
    let mut encoder = Encoder::new(mode.bitness());
    if encoder.encode(i, i.ip()).is_ok() {
        let bytes = encoder.take_buffer();
        // Only prefixes come before the opcode, and none of them is D8–DF.
        let opcode = bytes.iter().skip_while(|&b| b & 0xf8 != 0xd8).take(2).fold(0, |o, &b| o << 8 | u64::from(b));
        op.imm = opcode & 0x7ff;
    }
}

/// What every waiting instruction does first.
#[inline(always)]
fn begin<M: Memory>(cx: &Exec<'_, M>) -> Step {
    if cx.cpu.x87.is_pending() { Err(Exit::Fault(Fault::X87)) } else { Ok(()) }
}

/// Records the address of a non-control instruction.
#[inline(always)]
fn point<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) {
    let cs = cx.cpu.seg_sel[Seg::Cs as usize];
    let x = &mut cx.cpu.x87;
    (x.fip, x.fcs, x.fop) = (op.ip, cs, op.imm as u16);
}

/// Records the addresses of a non-control instruction and of its memory operand (an offset in its segment).
#[inline(always)]
fn point_mem<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) {
    cx.cpu.x87.fdp = cx.offset(op);
    cx.cpu.x87.fds = cx.cpu.seg_sel[usize::from(op.reg[3]) % 6];
    point(cx, op);
}

/// A stack underflow: the status; C1 is 0.
const UNDERFLOW: u16 = IE | SF;
/// A stack overflow.
const OVERFLOW: u16 = IE | SF | C1;

/// The result of an operation with an empty operand.
const EMPTY: Out = Out { value: F80::INDEFINITE, status: UNDERFLOW };

/// Ends an operation whose destination is ST(i).
#[inline(always)]
fn finish<M: Memory>(cx: &mut Exec<'_, M>, i: usize, out: Out) -> bool {
    let stops = control(&cx.cpu.x87).stops(out.status);
    raise(cx, out.status);
    if !stops {
        set_st(&mut cx.cpu.x87, i, out.value);
    }
    !stops
}

/// Pushes the result of a load. A denormal that was converted is pushed even with DE unmasked.
#[inline(always)]
fn finish_push<M: Memory>(cx: &mut Exec<'_, M>, out: Out) {
    let x = &cx.cpu.x87;
    let out = if used(x, 7) && out.status & SF == 0 { Out { value: F80::INDEFINITE, status: OVERFLOW } } else { out };
    let stops = control(x).unmasked(out.status) & IE != 0;
    raise(cx, out.status);
    if !stops {
        push_unchecked(&mut cx.cpu.x87, out.value);
    }
}
