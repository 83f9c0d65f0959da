//! General purpose registers: which values they hold, and what of that memory doesn't have yet.

use cranelift_codegen::ir::{
    InstBuilder, Value,
    types::{I8, I16, I32, I64},
};
use forklift_x86::{Gpr, Width};
use iced_x86::Register;

use super::{Lift, STATE};
use crate::{PARAM_REGS, offset};

/// What is known of one register. If only the low half is, the high half is zero.
#[derive(Clone, Copy, Default)]
struct Slot {
    whole: Option<Value>,
    low: Option<Value>,
    dirty: bool,
}

/// A register that a header carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedReg {
    pub reg: Gpr,
    /// As its low half, the high one being zero.
    pub low: bool,
}

/// What is known of all registers.
#[derive(Clone, Default)]
pub(super) struct Regs([Slot; 16]);

impl Regs {
    /// At a block's start: the parameters are known. `dirty`: memory may not have them.
    pub fn with_params(params: [Value; PARAM_REGS.len()], dirty: bool) -> Self {
        let mut slots = [Slot::default(); 16];
        for (r, v) in PARAM_REGS.into_iter().zip(params) {
            slots[r.index()] = Slot { whole: Some(v), low: None, dirty };
        }
        Self(slots)
    }

    /// The registers that are known as a whole, as bits.
    pub fn wholes(&self) -> u16 {
        self.0.iter().enumerate().filter(|(_, s)| s.whole.is_some()).fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// The registers that memory hasn't got as they are, as bits.
    pub fn dirty(&self) -> u16 {
        self.0.iter().enumerate().filter(|(_, s)| s.dirty).fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// The values that are known of a register: the whole, and the low half.
    pub fn values(&self, r: Gpr) -> [Option<Value>; 2] {
        [self.0[r.index()].whole, self.0[r.index()].low]
    }

    /// The register was changed in memory.
    pub fn forget(&mut self, r: Gpr) {
        self.0[r.index()] = Slot::default();
    }
}

impl Lift<'_, '_> {
    /// All 64 bits of a register.
    pub fn reg64(&mut self, r: Gpr) -> Value {
        let slot = self.known.regs.0[r.index()];
        if let Some(v) = slot.whole {
            return v;
        }
        let v = match slot.low {
            Some(low) => self.zext(low, I64),
            None => {
                self.graph.seen.gprs |= 1 << r.index();
                self.load_reg(r)
            }
        };
        self.known.regs.0[r.index()].whole = Some(v);
        v
    }

    fn load_reg(&mut self, r: Gpr) -> Value {
        if self.is_64() { self.load_state(I64, offset::gpr(r)) } else { self.b.ins().uload32(STATE, self.state, offset::gpr(r)) }
    }

    /// The low 32 bits of a register.
    pub fn reg32(&mut self, r: Gpr) -> Value {
        if let Some(v) = self.known.regs.0[r.index()].low {
            return v;
        }
        let whole = self.reg64(r);
        let v = match self.as_const(whole) {
            Some(c) => self.iconst(Width::B4, c),
            None => self.b.ins().ireduce(I32, whole),
        };
        // `whole` stays: the high half may be other than zero.
        self.known.regs.0[r.index()].low = Some(v);
        v
    }

    /// Sets all 64 bits.
    pub fn set_reg64(&mut self, r: Gpr, v: Value) {
        self.known.regs.0[r.index()] = Slot { whole: Some(v), low: None, dirty: true };
    }

    /// Sets the low 32 bits and clears the high ones.
    pub fn set_reg32(&mut self, r: Gpr, v: Value) {
        self.known.regs.0[r.index()] = Slot { whole: None, low: Some(v), dirty: true };
    }

    /// A register as wide as a word of the mode.
    pub fn reg_word(&mut self, r: Gpr) -> Value {
        if self.is_64() { self.reg64(r) } else { self.reg32(r) }
    }

    /// Sets a register as wide as a word of the mode.
    pub fn set_reg_word(&mut self, r: Gpr, v: Value) {
        if self.is_64() { self.set_reg64(r, v) } else { self.set_reg32(r, v) }
    }

    /// The low part of a register.
    pub fn reg(&mut self, r: Gpr, w: Width) -> Value {
        match w {
            Width::B8 => self.reg64(r),
            Width::B4 => self.reg32(r),
            Width::B2 | Width::B1 => {
                let v = self.reg32(r);
                self.zext(v, super::int(w))
            }
        }
    }

    /// Sets the low part of a register as an instruction of that operand size does.
    pub fn set_reg(&mut self, r: Gpr, w: Width, v: Value) {
        match w {
            Width::B8 => self.set_reg64(r, v),
            Width::B4 => self.set_reg32(r, v),
            Width::B2 | Width::B1 => self.insert(r, v, 0),
        }
    }

    /// What a name of a register stands for, AH and the like among them. `None` if it isn't in a GPR.
    pub fn read_register(&mut self, r: Register) -> Option<Value> {
        let g = Gpr::from_iced(r)?;
        if is_high_byte(r) {
            let v = self.reg32(g);
            let v = self.b.ins().ushr_imm_u(v, 8);
            return Some(self.b.ins().ireduce(I8, v));
        }
        Some(self.reg(g, Width::from_bytes(r.size())?))
    }

    /// Sets what a name of a register stands for.
    pub fn write_register(&mut self, r: Register, v: Value) -> Option<()> {
        let g = Gpr::from_iced(r)?;
        match Width::from_bytes(r.size())? {
            Width::B1 => self.insert(g, v, if is_high_byte(r) { 8 } else { 0 }),
            w => self.set_reg(g, w, v),
        }
        Some(())
    }

    /// Replaces 8 or 16 bits of a register, from bit `at` on, and leaves the others.
    fn insert(&mut self, r: Gpr, v: Value, at: u32) {
        let bits: u64 = if self.type_of(v) == I16 { 0xffff } else { 0xff };
        // Work on the low half if the high one is zero.
        let slot = self.known.regs.0[r.index()];
        let narrow = !self.is_64() || slot.whole.is_none() && slot.low.is_some();
        let (old, w) = if narrow { (self.reg32(r), Width::B4) } else { (self.reg64(r), Width::B8) };
        let part = self.zext(v, super::int(w));
        let part = if at == 0 { part } else { self.b.ins().ishl_imm_u(part, i64::from(at)) };
        let new = match self.as_const(old) {
            Some(c) if c & !(bits << at) == 0 => part,
            _ => {
                let rest = self.b.ins().band_imm_s(old, !(bits << at) as i64);
                self.b.ins().bor(rest, part)
            }
        };
        if narrow { self.set_reg32(r, new) } else { self.set_reg64(r, new) }
    }

    /// Stores the registers that differ from memory.
    pub(super) fn sync_regs(&mut self) {
        Gpr::ALL.into_iter().for_each(|r| self.sync_reg(r));
    }

    pub(super) fn sync_reg(&mut self, r: Gpr) {
        if !self.known.regs.0[r.index()].dirty {
            return;
        }
        let v = if self.is_64() { self.reg64(r) } else { self.reg32(r) };
        self.store_state(v, offset::gpr(r));
        self.known.regs.0[r.index()].dirty = false;
    }

    /// The register whose low half is known to be `v`.
    pub(super) fn register_with_low(&self, v: Value) -> Option<Gpr> {
        Gpr::ALL.into_iter().find(|r| self.known.regs.0[r.index()].low == Some(v))
    }

    /// The value of a carried register, in the form in which it is carried.
    pub(super) fn carried_reg(&mut self, c: CarriedReg) -> Value {
        if c.low { self.reg32(c.reg) } else { self.reg64(c.reg) }
    }

    /// Makes a carried register known. `dirty`: memory may not have it.
    pub(super) fn set_carried_reg(&mut self, c: CarriedReg, v: Value, dirty: bool) {
        let (whole, low) = if c.low { (None, Some(v)) } else { (Some(v), None) };
        self.known.regs.0[c.reg.index()] = Slot { whole, low, dirty };
    }

    /// The registers that travel between blocks.
    pub(super) fn params(&mut self) -> [Value; PARAM_REGS.len()] {
        PARAM_REGS.map(|r| self.reg64(r))
    }
}

fn is_high_byte(r: Register) -> bool {
    matches!(r, Register::AH | Register::CH | Register::DH | Register::BH)
}
