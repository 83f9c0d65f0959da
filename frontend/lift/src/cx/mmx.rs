//! MMX registers: the significands of the x87's registers, in memory. SDM vol. 1, 9.5.
//!
//! While emitted code runs, the host's unit may hold the x87's registers (see [`X87`](crate::X87)). It gives them back before the first of them is read
//! here; from then on memory has them until an instruction of the x87 brings them to the unit again.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Type, Value,
    types::{F64, F64X2, I32},
};
use forklift_x86::Width;
use iced_x86::{Instruction, Register};

use super::Lift;
use crate::{Helper, offset};

/// What is known about the x87 registers as those of MMX.
#[derive(Clone, Copy, Default)]
pub(crate) struct MmxKnown {
    /// The host's unit doesn't hold them.
    taken: bool,
    /// TOP is 0, and all are in use.
    entered: bool,
    /// A bit for each register: sign and exponent are all ones.
    written: u8,
}

/// The number of an MMX register.
pub(crate) fn mmx_number(r: Register) -> Option<usize> {
    r.is_mm().then(|| r.number())
}

/// Whether one of the first two operands is an MMX register.
pub(crate) fn is_mmx(i: &Instruction) -> bool {
    i.op0_register().is_mm() || i.op1_register().is_mm()
}

impl Lift<'_, '_> {
    /// The interpreter has run.
    pub fn forget_mmx(&mut self) {
        let taken = self.known.mmx.taken;
        self.known.mmx = MmxKnown { taken, ..MmxKnown::default() };
    }

    /// The host's unit holds the x87's registers.
    pub fn lose_mmx(&mut self) {
        self.known.mmx = MmxKnown::default();
    }

    /// Takes the x87's registers back from the host's unit.
    fn take_x87(&mut self) {
        if !self.host.x86 || self.known.mmx.taken {
            return;
        }
        self.close_group();
        let live = self.load_state(I32, offset::X87_LIVE);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(live, cold, &[] as &[BlockArg], next, &[] as &[BlockArg]);
        self.b.switch_to_block(cold);
        self.call_helper(Helper::TakeX87, None);
        self.b.ins().jump(next, &[] as &[BlockArg]);
        self.b.switch_to_block(next);
        self.known.x87.forget();
        self.known.mmx.taken = true;
    }

    /// Behind the last access of an instruction that may fault: what every MMX instruction but EMMS does to the x87.
    pub fn enter_mmx(&mut self) {
        self.take_x87();
        if self.known.mmx.entered {
            return;
        }
        let (top, used) = (self.iconst(Width::B4, 0), self.iconst(Width::B1, 0xff));
        self.store_state(top, offset::X87_TOP);
        self.store_state(used, offset::X87_USED);
        self.known.mmx.entered = true;
    }

    /// EMMS: all registers are empty; TOP is 0, as CPUs have it.
    pub fn leave_mmx(&mut self) {
        self.take_x87();
        let (top, used) = (self.iconst(Width::B4, 0), self.iconst(Width::B1, 0));
        self.store_state(top, offset::X87_TOP);
        self.store_state(used, offset::X87_USED);
        self.known.mmx.entered = false;
    }

    /// A register, as a double.
    pub fn mmx(&mut self, n: usize) -> Value {
        self.take_x87();
        self.load_state(F64, offset::mmx(n))
    }

    /// A register as the low half of a vector, whose high half is zero.
    pub fn mmx_vector(&mut self, n: usize, ty: Type) -> Value {
        let v = self.mmx(n);
        let v = self.b.ins().scalar_to_vector(F64X2, v);
        self.cast(v, ty)
    }

    /// Sets a register, to a value of 64 bits.
    pub fn set_mmx(&mut self, n: usize, v: Value) {
        self.enter_mmx();
        self.store_state(v, offset::mmx(n));
        if self.known.mmx.written & 1 << n == 0 {
            let ones = self.iconst(Width::B2, 0xffff);
            self.store_state(ones, offset::mmx(n) + 8);
            self.known.mmx.written |= 1 << n;
        }
    }
}
