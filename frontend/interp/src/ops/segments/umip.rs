//! SGDT, SIDT, SLDT, STR and SMSW as Linux emulates them on processors with UMIP (`arch/x86/kernel/umip.c`): values that say nothing.
//!
//! A register operand gets as many bytes as the operand has, and keeps the rest of itself: the kernel copies, and extends nothing.

use forklift_x86::Mode;
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form, operand_bytes};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Sgdt, Pick::One(table_register::<0xfffe_0000, M>)),
            (Mnemonic::Sidt, Pick::One(table_register::<0xffff_0000, M>)),
            (Mnemonic::Sldt, Pick::By(|i| pick::<Ldt, M>(i))),
            (Mnemonic::Str, Pick::By(|i| pick::<TaskRegister, M>(i))),
            (Mnemonic::Smsw, Pick::By(|i| pick::<StatusWord, M>(i))),
        ]
    }
}

/// A base in the kernel's half, a limit of 0.
fn table_register<const BASE: u32, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mut image = [0xff; 10];
    image[..2].fill(0);
    image[2..6].copy_from_slice(&BASE.to_le_bytes());
    let len = if cx.cpu.mode == Mode::Bits64 { 10 } else { 6 };
    cx.store_bytes(cx.ea(op), &image[..len])
}

/// What there is to read.
trait Value {
    fn get<M: Memory>(cx: &Exec<'_, M>) -> u64;
}

struct Ldt;
struct TaskRegister;
struct StatusWord;

impl Value for Ldt {
    /// `GDT_ENTRY_LDT`.
    fn get<M: Memory>(cx: &Exec<'_, M>) -> u64 {
        if cx.mem.has_ldt() { 10 * 8 } else { 0 }
    }
}

impl Value for TaskRegister {
    /// `GDT_ENTRY_TSS`.
    fn get<M: Memory>(_: &Exec<'_, M>) -> u64 {
        8 * 8
    }
}

impl Value for StatusWord {
    /// CR0: PE, MP, ET, NE, WP, AM, PG.
    fn get<M: Memory>(_: &Exec<'_, M>) -> u64 {
        0x8005_0033
    }
}

fn pick<V: Value, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match (form(i, 0), operand_bytes(i, 0)) {
        (Form::Mem, _) => to_memory::<V, M>,
        (_, 2) => to_register::<0xffff, V, M>,
        (_, 4) => to_register::<0xffff_ffff, V, M>,
        _ => to_register::<{ u64::MAX }, V, M>,
    })
}

fn to_memory<V: Value, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    cx.store(cx.ea(op), V::get(cx) as u16)
}

fn to_register<const MASK: u64, V: Value, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let slot = usize::from(op.reg[0] & 15);
    cx.cpu.gpr[slot] = cx.cpu.gpr[slot] & !MASK | V::get(cx) & MASK;
    Ok(())
}
