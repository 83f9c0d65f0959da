//! Vector operands in pieces of 128 bits: an instruction of 128 bits has one, an instruction of 256 bits has two.
//!
//! Here is all that legacy and VEX encodings of the same operation differ in: where the first source is, what becomes of the upper half, and whether memory
//! must be aligned. SDM vol. 1, 14.1.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    types::{F32X4, F64X2, I32},
};
use forklift_x86::GuestAddr;
use iced_x86::{EncodingKind, Instruction, OpKind};

use super::{Addr, Lift, is_mmx, mmx_number, vector_number};
use crate::{Faults, LiftedExit, offset};

/// A vector: its low 128 bits, and those above if it has 256.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    pub low: Value,
    pub high: Option<Value>,
}

impl Halves {
    /// 128 bits.
    pub const fn low(low: Value) -> Self {
        Self { low, high: None }
    }

    /// 256 bits.
    pub const fn both(low: Value, high: Value) -> Self {
        Self { low, high: Some(high) }
    }

    /// Applies `f` to each half; it gets the half's number.
    pub fn map(self, mut f: impl FnMut(u8, Value) -> Value) -> Self {
        let low = f(0, self.low);
        Self { low, high: self.high.map(|v| f(1, v)) }
    }

    /// Applies `f` to each half of two vectors of the same size.
    pub fn zip(self, other: Self, mut f: impl FnMut(u8, Value, Value) -> Value) -> Self {
        let low = f(0, self.low, other.low);
        Self { low, high: self.high.zip(other.high).map(|(a, b)| f(1, a, b)) }
    }
}

/// Whether `i` is encoded with a VEX prefix.
pub(crate) fn is_vex(i: &Instruction) -> bool {
    i.encoding() == EncodingKind::VEX
}

/// Numbers of the two sources of an operation. In legacy encodings the destination is the first one.
pub(crate) fn sources(i: &Instruction) -> [u32; 2] {
    if is_vex(i) { [1, 2] } else { [0, 1] }
}

impl Lift<'_, '_> {
    /// Operand `n` as one or two vectors of type `ty`: a register, or memory of that size, which must be aligned for a legacy encoding.
    pub fn halves(&mut self, i: &Instruction, n: u32, ty: Type) -> Option<Halves> {
        match i.op_kind(n) {
            OpKind::Register if i.op_register(n).is_mm() => mmx_number(i.op_register(n)).map(|r| Halves::low(self.mmx_vector(r, ty))),
            OpKind::Register => self.register_halves(i.op_register(n), ty),
            OpKind::Memory if is_mmx(i) && i.memory_size().size() < 16 => self.narrow_memory(i, n, ty).map(Halves::low),
            OpKind::Memory => {
                let size = i.memory_size().size();
                if !matches!(size, 16 | 32) {
                    return None;
                }
                let a = self.addr(i)?;
                if is_vex(i) {
                    return Some(self.load_halves(ty, a, size));
                }
                if self.faults == Faults::Guarded {
                    return Some(Halves::low(self.load_aligned(ty, a)));
                }
                self.check_aligned(i, a, 16);
                Some(self.load_halves(ty, a, size))
            }
            _ => None,
        }
    }

    /// Memory of 4 or 8 bytes as the low end of a vector of type `ty`; zero above.
    pub fn narrow_memory(&mut self, i: &Instruction, n: u32, ty: Type) -> Option<Value> {
        let (v, whole) = match i.memory_size().size() {
            8 => (self.double_operand(i, n)?, F64X2),
            4 => (self.single_operand(i, n)?, F32X4),
            _ => return None,
        };
        let v = self.b.ins().scalar_to_vector(whole, v);
        Some(self.cast(v, ty))
    }

    /// A register as one or two vectors of type `ty`.
    pub fn register_halves(&mut self, r: iced_x86::Register, ty: Type) -> Option<Halves> {
        let n = vector_number(r)?;
        let low = self.xmm(n, ty);
        Some(Halves { low, high: r.is_ymm().then(|| self.upper(n, ty)) })
    }

    /// The low 128 bits of operand `n`, or 16 bytes of memory, aligned or not.
    pub fn low_operand(&mut self, i: &Instruction, n: u32, ty: Type) -> Option<Value> {
        match i.op_kind(n) {
            OpKind::Register => vector_number(i.op_register(n)).map(|r| self.xmm(r, ty)),
            OpKind::Memory if i.memory_size().size() == 16 => {
                let a = self.addr(i)?;
                Some(self.load(ty, a))
            }
            _ => None,
        }
    }

    /// Loads 16 or 32 bytes.
    pub fn load_halves(&mut self, ty: Type, a: Addr, size: usize) -> Halves {
        let low = self.load(ty, a);
        Halves { low, high: (size == 32).then(|| self.load(ty, a.plus(16))) }
    }

    /// Sets the vector register that is operand 0 as an instruction of this encoding and size does; of an MMX register's new value, the high half counts for nothing.
    pub fn set_halves(&mut self, i: &Instruction, v: Halves) -> Option<()> {
        if let Some(to) = mmx_number(i.op0_register()) {
            let low = self.lane(v.low, F64X2, 0);
            self.set_mmx(to, low);
            return Some(());
        }
        let to = vector_number(i.op0_register())?;
        self.set_xmm(to, v.low);
        match v.high {
            Some(high) => self.set_upper(to, high),
            None => self.extend(i, to),
        }
        Some(())
    }

    /// Behind a write of 128 bits to a register: what this encoding does to those above.
    pub fn extend(&mut self, i: &Instruction, to: usize) {
        if is_vex(i) {
            self.clear_upper(to);
        }
    }

    /// Before a write of some bits of register `to`: the others come from the first source, and those above 128 are as the encoding has them.
    pub fn merge(&mut self, i: &Instruction, to: usize) -> Option<()> {
        if is_vex(i) {
            let from = vector_number(i.op1_register())?;
            if from != to {
                self.copy_xmm(to, from);
            }
            self.clear_upper(to);
        }
        Some(())
    }

    /// Copies a whole register, as the size of `i` has it.
    pub fn copy_vector(&mut self, i: &Instruction, to: usize, from: usize) {
        self.copy_xmm(to, from);
        if i.op0_register().is_ymm() {
            self.copy_upper(to, from);
        } else {
            self.extend(i, to);
        }
    }

    /// Sets operand 0 to zero.
    pub fn clear_vector(&mut self, i: &Instruction) -> Option<()> {
        if i.op0_register().is_mm() {
            let zero = self.zero_vector();
            return self.set_halves(i, Halves::low(zero));
        }
        let to = vector_number(i.op0_register())?;
        self.clear_xmm(to);
        self.extend(i, to);
        Some(())
    }

    /// Stores 16 or 32 bytes, all or nothing.
    pub fn store_halves(&mut self, v: Halves, a: Addr) {
        if let Some(high) = v.high {
            self.make_writable(a);
            self.store(v.low, a);
            self.store_behind(high, a.plus(16));
        } else {
            self.store(v.low, a);
        }
    }

    /// MXCSR has changed.
    pub fn forget_rounding(&mut self) {
        self.known.rounds_to_nearest = false;
    }

    /// Leaves the block if MXCSR doesn't round to the nearest: for what Cranelift can do with a rounding of its own only.
    pub fn require_nearest(&mut self, i: &Instruction) {
        const ROUNDING: i64 = 0x6000;
        if core::mem::replace(&mut self.known.rounds_to_nearest, true) {
            return;
        }
        let mxcsr = self.load_state(I32, offset::MXCSR);
        let other = self.b.ins().band_imm_u(mxcsr, ROUNDING);
        let pc = GuestAddr::new(i.ip());
        self.side_path(other, |cx| cx.leave(LiftedExit::Step(pc)));
    }
}
