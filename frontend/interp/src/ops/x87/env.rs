//! FLDENV, FNSTENV, FRSTOR, FNSAVE in their two formats. SDM vol. 1, 8.1.10: figures 8-9 (32 bits) and 8-11 (16 bits), protected mode.

use iced_x86::{Code, Instruction, Mnemonic};

use super::control::{init, waiting};
use super::{begin, set_st, st};
use crate::build::{Pick, Table};
use crate::f80::F80;
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fldenv, Pick::By(|i| Some(if is_short(i) { fldenv::<Short, M> } else { fldenv::<Long, M> }))),
            (Mnemonic::Fnstenv, Pick::By(|i| Some(pick_fnstenv(i)))),
            (Mnemonic::Fstenv, Pick::By(|i| Some(if is_short(i) { fstenv::<Short, M> } else { fstenv::<Long, M> }))),
            (Mnemonic::Frstor, Pick::By(|i| Some(if is_short(i) { frstor::<Short, M> } else { frstor::<Long, M> }))),
            (Mnemonic::Fnsave, Pick::By(|i| Some(if is_short(i) { fnsave::<Short, M> } else { fnsave::<Long, M> }))),
            (Mnemonic::Fsave, Pick::By(|i| Some(if is_short(i) { fsave::<Short, M> } else { fsave::<Long, M> }))),
        ]
    }
}

fn is_short(i: &Instruction) -> bool {
    use Code::{Fldenv_m14byte, Fnsave_m94byte, Fnstenv_m14byte, Frstor_m94byte, Fsave_m94byte, Fstenv_m14byte};
    matches!(i.code(), Fldenv_m14byte | Fnstenv_m14byte | Fstenv_m14byte | Frstor_m94byte | Fnsave_m94byte | Fsave_m94byte)
}

fn pick_fnstenv<M: Memory>(i: &Instruction) -> RunFn<M> {
    if is_short(i) { fnstenv::<Short, M> } else { fnstenv::<Long, M> }
}

/// What an environment holds: words 0–6 are control, status, tags, instruction pointer and selector, operand pointer and selector.
struct Environment {
    control: u16,
    status: u16,
    tags: u16,
    ip: u32,
    cs: u16,
    opcode: u16,
    dp: u32,
    ds: u16,
}

/// An image's format.
trait Format {
    /// Size of an environment in bytes.
    const SIZE: usize;
    /// The environment as bytes.
    fn write(e: &Environment, to: &mut [u8]);
    /// The environment of these bytes.
    fn read(from: &[u8]) -> Environment;
}

/// 14 bytes. It has no opcode.
struct Short;
/// 28 bytes.
struct Long;

fn word(from: &[u8], at: usize) -> u16 {
    from.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn double(from: &[u8], at: usize) -> u32 {
    u32::from(word(from, at)) | u32::from(word(from, at + 2)) << 16
}

impl Format for Short {
    const SIZE: usize = 14;

    fn write(e: &Environment, to: &mut [u8]) {
        let words = [e.control, e.status, e.tags, e.ip as u16, e.cs, e.dp as u16, e.ds];
        for (to, v) in to.chunks_exact_mut(2).zip(words) {
            to.copy_from_slice(&v.to_le_bytes());
        }
    }

    fn read(from: &[u8]) -> Environment {
        let w = |k: usize| word(from, 2 * k);
        Environment { control: w(0), status: w(1), tags: w(2), ip: u32::from(w(3)), cs: w(4), opcode: 0, dp: u32::from(w(5)), ds: w(6) }
    }
}

impl Format for Long {
    const SIZE: usize = 28;

    fn write(e: &Environment, to: &mut [u8]) {
        // Unused upper halves are stored as ones.
        let high = |v: u16| 0xffff_0000 | u32::from(v);
        let cs = u32::from(e.cs) | u32::from(e.opcode & 0x7ff) << 16;
        let words = [high(e.control), high(e.status), high(e.tags), e.ip, cs, e.dp, high(e.ds)];
        for (to, v) in to.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&v.to_le_bytes());
        }
    }

    fn read(from: &[u8]) -> Environment {
        Environment {
            control: word(from, 0),
            status: word(from, 4),
            tags: word(from, 8),
            ip: double(from, 12),
            cs: word(from, 16),
            opcode: word(from, 18) & 0x7ff,
            dp: double(from, 20),
            ds: word(from, 24),
        }
    }
}

fn save<M: Memory>(cx: &Exec<'_, M>) -> Environment {
    let x = &cx.cpu.x87;
    Environment { control: x.cw, status: x.status_word(), tags: x.tag_word(), ip: x.fip as u32, cs: x.fcs, opcode: x.fop, dp: x.fdp as u32, ds: x.fds }
}

fn restore<M: Memory>(cx: &mut Exec<'_, M>, e: &Environment) {
    let x = &mut cx.cpu.x87;
    x.set_status_word(e.status);
    x.set_tag_word(e.tags);
    x.fip = u64::from(e.ip);
    x.fcs = e.cs;
    x.fop = e.opcode;
    x.fdp = u64::from(e.dp);
    x.fds = e.ds;
    x.set_control_word(e.control);
}

/// FLDENV.
fn fldenv<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let mut image = [0; 28];
    cx.load_bytes(cx.ea(op), &mut image[..F::SIZE])?;
    restore(cx, &F::read(&image));
    Ok(())
}

/// FNSTENV: afterwards all exceptions are masked.
fn fnstenv<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mut image = [0; 28];
    F::write(&save(cx), &mut image);
    cx.store_bytes(cx.ea(op), &image[..F::SIZE])?;
    let cw = cx.cpu.x87.cw;
    cx.cpu.x87.set_control_word(cw | 0x3f);
    Ok(())
}

fn fstenv<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    waiting(cx, op, fnstenv::<F, M>)
}

/// FRSTOR: an environment, and ST(0) to ST(7) behind it.
fn frstor<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let mut image = [0; 108];
    cx.load_bytes(cx.ea(op), &mut image[..F::SIZE + 80])?;
    let e = F::read(&image);
    restore(cx, &e);
    let x = &mut cx.cpu.x87;
    for (i, bytes) in image[F::SIZE..F::SIZE + 80].chunks_exact(10).enumerate() {
        let mut sig = [0; 8];
        sig.copy_from_slice(&bytes[..8]);
        set_st(x, i, F80 { sig: u64::from_le_bytes(sig), se: word(bytes, 8) });
    }
    x.set_tag_word(e.tags);
    Ok(())
}

/// FNSAVE: afterwards the unit is as after FNINIT.
fn fnsave<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mut image = [0; 108];
    F::write(&save(cx), &mut image);
    for (i, bytes) in image[F::SIZE..F::SIZE + 80].chunks_exact_mut(10).enumerate() {
        let v = st(&cx.cpu.x87, i);
        bytes[..8].copy_from_slice(&v.sig.to_le_bytes());
        bytes[8..].copy_from_slice(&v.se.to_le_bytes());
    }
    cx.store_bytes(cx.ea(op), &image[..F::SIZE + 80])?;
    init(&mut cx.cpu.x87);
    Ok(())
}

fn fsave<F: Format, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    waiting(cx, op, fnsave::<F, M>)
}
