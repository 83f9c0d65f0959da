//! Operands of integer instructions.

use cranelift_codegen::ir::{AtomicRmwOp, BlockArg, InstBuilder, Value, condcodes::IntCC};
use forklift_x86::Width;
use iced_x86::{Instruction, OpKind, Register};

use super::{Addr, Lift, int};

/// Where an operand lies.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In a general purpose register or a part of one.
    Reg(Register),
    /// In memory.
    Mem(Addr),
}

impl Lift<'_, '_> {
    /// Width of operand `n`; that of operand 0 for an immediate. `None` if it is none of an integer.
    pub fn width(&self, i: &Instruction, n: u32) -> Option<Width> {
        match i.op_kind(n) {
            OpKind::Register => Width::from_bytes(i.op_register(n).size()),
            OpKind::Memory => Width::from_bytes(i.memory_size().size()),
            _ if n != 0 => self.width(i, 0),
            _ => None,
        }
    }

    /// Where operand `n` lies. `None` for what isn't in a GPR or addressable memory.
    pub fn place(&mut self, i: &Instruction, n: u32) -> Option<Place> {
        match i.op_kind(n) {
            OpKind::Register if i.op_register(n).is_gpr() => Some(Place::Reg(i.op_register(n))),
            OpKind::Memory => self.addr(i).map(Place::Mem),
            _ => None,
        }
    }

    /// The value at a place.
    pub fn get(&mut self, p: Place, w: Width) -> Option<Value> {
        match p {
            Place::Reg(r) => self.read_register(r),
            Place::Mem(a) => Some(self.load(int(w), a)),
        }
    }

    /// Sets the value at a place.
    pub fn put(&mut self, p: Place, v: Value) -> Option<()> {
        match p {
            Place::Reg(r) => self.write_register(r, v),
            Place::Mem(a) => {
                self.store(v, a);
                Some(())
            }
        }
    }

    /// Reads operand `n`: register, memory or immediate.
    pub fn read(&mut self, i: &Instruction, n: u32) -> Option<Value> {
        let w = self.width(i, n)?;
        match i.op_kind(n) {
            OpKind::Register | OpKind::Memory => {
                let p = self.place(i, n)?;
                self.get(p, w)
            }
            k if is_immediate(k) => Some(self.iconst(w, i.immediate(n))),
            _ => None,
        }
    }

    /// Writes operand `n`.
    pub fn write(&mut self, i: &Instruction, n: u32, v: Value) -> Option<()> {
        let p = self.place(i, n)?;
        self.put(p, v)
    }

    /// Replaces operand 0 by `f` of its old value, and returns both. With a LOCK prefix the same is done by `atomic` with the operand `b`; if there is
    /// no such atomic operation, it is tried until nobody interferes.
    pub fn rmw(&mut self, i: &Instruction, atomic: Option<(AtomicRmwOp, Value)>, f: impl FnOnce(&mut Self, Value) -> Value) -> Option<(Value, Value)> {
        let (p, w) = (self.place(i, 0)?, self.width(i, 0)?);
        match p {
            Place::Mem(a) if i.has_lock_prefix() => {
                let Some((op, b)) = atomic else { return Some(self.exchange_until(a, w, f)) };
                let (flags, ptr) = self.atomic(a);
                let old = self.b.ins().atomic_rmw(int(w), flags, op, ptr, b);
                self.locked();
                Some((old, f(self, old)))
            }
            _ => {
                let old = self.get(p, w)?;
                let new = f(self, old);
                self.put(p, new)?;
                Some((old, new))
            }
        }
    }
}

impl Lift<'_, '_> {
    /// Replaces what is at `a` by `f` of it, atomically, and returns both.
    fn exchange_until(&mut self, a: Addr, w: Width, f: impl FnOnce(&mut Self, Value) -> Value) -> (Value, Value) {
        let (flags, ptr) = self.atomic(a);
        let first = self.b.ins().load(int(w), flags, ptr, 0);
        let (again, next) = (self.b.create_block(), self.b.create_block());
        let old = self.b.append_block_param(again, int(w));
        self.b.ins().jump(again, &[BlockArg::from(first)]);
        self.b.switch_to_block(again);
        let new = f(self, old);
        let found = self.b.ins().atomic_cas(flags, ptr, old, new);
        let done = self.b.ins().icmp(IntCC::Equal, found, old);
        self.b.ins().brif(done, next, &[] as &[BlockArg], again, &[BlockArg::from(found)]);
        self.b.switch_to_block(next);
        self.locked();
        (old, new)
    }
}

fn is_immediate(k: OpKind) -> bool {
    use OpKind as K;
    matches!(
        k,
        K::Immediate8 | K::Immediate16 | K::Immediate32 | K::Immediate64 | K::Immediate8to16 | K::Immediate8to32 | K::Immediate8to64 | K::Immediate32to64
    )
}
