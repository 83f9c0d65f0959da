//! FADD, FSUB, FMUL, FDIV in all forms.

use iced_x86::{Instruction, MemorySize, Mnemonic, OpKind};

use super::{EMPTY, begin, control, finish, point, point_mem, pop, st, used};
use crate::build::{Pick, Table};
use crate::f80::bit::{DE, ZE};
use crate::f80::{self, Class, Control, F80, Out};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Fadd, Pick::By(pick::<Add, M>)),
            (Mnemonic::Fiadd, Pick::By(pick::<Add, M>)),
            (Mnemonic::Faddp, Pick::One(registers::<Add, true, M>)),
            (Mnemonic::Fmul, Pick::By(pick::<Mul, M>)),
            (Mnemonic::Fimul, Pick::By(pick::<Mul, M>)),
            (Mnemonic::Fmulp, Pick::One(registers::<Mul, true, M>)),
            (Mnemonic::Fsub, Pick::By(pick::<Sub, M>)),
            (Mnemonic::Fisub, Pick::By(pick::<Sub, M>)),
            (Mnemonic::Fsubp, Pick::One(registers::<Sub, true, M>)),
            (Mnemonic::Fsubr, Pick::By(pick::<SubR, M>)),
            (Mnemonic::Fisubr, Pick::By(pick::<SubR, M>)),
            (Mnemonic::Fsubrp, Pick::One(registers::<SubR, true, M>)),
            (Mnemonic::Fdiv, Pick::By(pick::<Div, M>)),
            (Mnemonic::Fidiv, Pick::By(pick::<Div, M>)),
            (Mnemonic::Fdivp, Pick::One(registers::<Div, true, M>)),
            (Mnemonic::Fdivr, Pick::By(pick::<DivR, M>)),
            (Mnemonic::Fidivr, Pick::By(pick::<DivR, M>)),
            (Mnemonic::Fdivrp, Pick::One(registers::<DivR, true, M>)),
        ]
    }
}

/// An operation on destination and source.
trait Arith {
    fn apply(dest: F80, src: F80, c: Control) -> Out;
}

macro_rules! arith {
    ($($name:ident = |$d:ident, $s:ident, $c:ident| $e:expr;)*) => {$(
        struct $name;
        impl Arith for $name {
            #[inline(always)]
            fn apply($d: F80, $s: F80, $c: Control) -> Out {
                $e
            }
        }
    )*};
}

arith! {
    Add = |d, s, c| f80::add(d, s, c);
    Sub = |d, s, c| f80::sub(d, s, c);
    SubR = |d, s, c| f80::sub(s, d, c);
    Mul = |d, s, c| f80::mul(d, s, c);
    Div = |d, s, c| f80::div(d, s, c);
    DivR = |d, s, c| f80::div(s, d, c);
}

fn pick<A: Arith, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    if i.op0_kind() != OpKind::Memory {
        return Some(registers::<A, false, M>);
    }
    Some(match i.memory_size() {
        MemorySize::Float32 => f32_operand::<A, M>,
        MemorySize::Float64 => f64_operand::<A, M>,
        MemorySize::Int16 => i16_operand::<A, M>,
        MemorySize::Int32 => i32_operand::<A, M>,
        _ => return None,
    })
}

/// ST(dest) = ST(dest) op ST(src), both encoded as operands; pops if `POP`.
fn registers<A: Arith, const POP: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    point(cx, op);
    let x = &cx.cpu.x87;
    let (d, s) = (usize::from(op.reg[0]), usize::from(op.reg[1]));
    let out = if used(x, d) && used(x, s) { A::apply(st(x, d), st(x, s), control(x)) } else { EMPTY };
    if finish(cx, d, out) && POP {
        pop(&mut cx.cpu.x87);
    }
    Ok(())
}

fn f32_operand<A: Arith, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = cx.load(cx.ea(op))?;
    memory::<A, M>(cx, op, f80::operand_f32(v))
}

fn f64_operand<A: Arith, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v = cx.load(cx.ea(op))?;
    memory::<A, M>(cx, op, f80::operand_f64(v))
}

fn i16_operand<A: Arith, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v: u16 = cx.load(cx.ea(op))?;
    memory::<A, M>(cx, op, Out::exact(f80::from_int(i64::from(v as i16))))
}

fn i32_operand<A: Arith, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    begin(cx)?;
    let v: u32 = cx.load(cx.ea(op))?;
    memory::<A, M>(cx, op, Out::exact(f80::from_int(i64::from(v as i32))))
}

/// ST(0) = ST(0) op the memory operand, which may be a denormal of its format.
#[inline(always)]
fn memory<A: Arith, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, operand: Out) -> Step {
    point_mem(cx, op);
    let x = &cx.cpu.x87;
    let out = match (used(x, 0), operand.status) {
        (false, _) => EMPTY,
        (true, 0) => A::apply(st(x, 0), operand.value, control(x)),
        _ => denormal_operand::<A>(st(x, 0), operand.value, control(x)),
    };
    finish(cx, 0, out);
    Ok(())
}

/// The operation with a source that was a denormal in memory, though it is none as an [`F80`].
#[cold]
fn denormal_operand<A: Arith>(dest: F80, src: F80, c: Control) -> Out {
    let out = A::apply(dest, src, c);
    match dest.class() {
        Class::Quiet | Class::Signaling | Class::Unsupported => out,
        // Division by zero hides it.
        _ if out.status & ZE != 0 => out,
        _ if c.unmasked(DE) != 0 => Out { value: dest, status: DE },
        _ => out.with(DE),
    }
}
