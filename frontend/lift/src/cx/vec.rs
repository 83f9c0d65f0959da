//! Vector registers, in the pieces that instructions use.
//!
//! Of each register up to five pieces are known: the whole, its low and high half as doubles, its low quarter as a single, and whether the second
//! quarter is zero. All pieces that are known are right; the dirty ones differ from memory. Writing a piece forgets those that overlap it, after
//! saving what of them is dirty and not overwritten. So scalar code never touches high halves, and packed code never sees halves.

use cranelift_codegen::ir::{
    Endianness, InstBuilder, MemFlagsData, Type, Value, ValueDef,
    types::{F32, F32X4, F64, F64X2, I8X16, I32, I64},
};
use forklift_x86::{GuestAddr, Width};
use iced_x86::{Instruction, OpKind, Register};

use super::upper::Uppers;
use super::{Addr, Lift};
use crate::{LiftedExit, offset};

const WHOLE: u8 = 1;
const LOW: u8 = 2;
const HIGH: u8 = 4;
const SINGLE: u8 = 8;
const SECOND: u8 = 16;
/// Not a piece of the slots here: see [`super::upper`].
pub(super) const UPPER: u8 = 32;

/// What is known of one register.
#[derive(Clone, Copy, Default)]
struct Slot {
    whole: Option<Value>,
    low: Option<Value>,
    high: Option<Value>,
    single: Option<Value>,
    /// Bits 32–63 are zero.
    second_zero: bool,
    dirty: u8,
}

/// A piece of a register that a header carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedXmm {
    n: usize,
    piece: u8,
}

impl CarriedXmm {
    /// The register's number, if this is its low half.
    pub fn low_of(&self) -> Option<usize> {
        (self.piece == LOW).then_some(self.n)
    }

    /// The pieces to carry of register `n`, if these are loaded, and those left dirty by a round.
    ///
    /// What a round sets before it reads it costs a store, or a move if it is carried up to a guard. A half by itself would cost more than one store.
    pub fn of(n: usize, loaded: u8, dirty: u8, guarded: bool) -> impl Iterator<Item = Self> {
        let pieces = [WHOLE, LOW, SINGLE];
        let low = pieces.into_iter().find(|p| loaded & p != 0);
        let low = low.or(if guarded { (dirty & LOW != 0).then_some(LOW) } else { pieces.into_iter().find(|p| dirty & p != 0) });
        low.into_iter().chain((loaded & UPPER != 0).then_some(UPPER)).map(move |piece| Self { n, piece })
    }
}

/// What is known of the vector registers.
#[derive(Clone, Default)]
pub(super) struct Xmms {
    slots: [Slot; 16],
    pub(super) uppers: Uppers,
}

impl Xmms {
    /// The pieces of register `n` that memory doesn't have.
    pub fn dirty(&self, n: usize) -> u8 {
        self.slots[n].dirty
    }
}

/// The number of an XMM register; `None` if `r` isn't one, or needs an EVEX prefix.
pub(crate) fn xmm_number(r: Register) -> Option<usize> {
    vector_number(r).filter(|_| r.is_xmm())
}

/// The number of an XMM or YMM register; `None` if `r` isn't one, or needs an EVEX prefix.
pub(crate) fn vector_number(r: Register) -> Option<usize> {
    (r.is_xmm() || r.is_ymm()).then(|| r.number()).filter(|n| *n < 16)
}

const LITTLE: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

impl Lift<'_, '_> {
    /// The bits of `v` as another type of the same size.
    pub fn cast(&mut self, v: Value, ty: Type) -> Value {
        if self.type_of(v) == ty { v } else { self.b.ins().bitcast(ty, LITTLE, v) }
    }

    fn slot(&mut self, n: usize) -> &mut Slot {
        &mut self.known.xmm.slots[n]
    }

    /// Notes for headers that pieces of a register come from memory.
    pub(super) fn note_loaded(&mut self, n: usize, pieces: u8) {
        self.graph.seen.loaded[n] |= pieces;
    }

    /// The value of a carried piece.
    pub(super) fn carried_xmm(&mut self, c: CarriedXmm) -> Value {
        match c.piece {
            WHOLE => self.xmm(c.n, I8X16),
            LOW => self.xmm_low(c.n),
            UPPER => self.upper(c.n, I8X16),
            _ => self.xmm_single(c.n),
        }
    }

    /// Makes a carried piece known. `dirty`: memory may not have it.
    pub(super) fn set_carried_xmm(&mut self, c: CarriedXmm, v: Value, dirty: bool) {
        if c.piece == UPPER {
            return self.set_carried_upper(c.n, v, dirty);
        }
        let slot = Slot { dirty: if dirty { c.piece } else { 0 }, ..Slot::default() };
        *self.slot(c.n) = match c.piece {
            WHOLE => Slot { whole: Some(v), ..slot },
            LOW => Slot { low: Some(v), ..slot },
            _ => Slot { single: Some(v), ..slot },
        };
    }

    /// All 128 bits, as a vector of type `ty`.
    pub fn xmm(&mut self, n: usize, ty: Type) -> Value {
        let known = *self.slot(n);
        let v = match known {
            Slot { whole: Some(v), .. } => v,
            Slot { low: Some(low), .. } => {
                let high = self.xmm_high(n);
                let low = self.b.ins().scalar_to_vector(F64X2, low);
                if self.is_zero(high) { low } else { self.b.ins().insertlane(low, high, 1) }
            }
            Slot { single: Some(s), second_zero: true, high: Some(high), .. } if self.is_zero(high) => self.b.ins().scalar_to_vector(F32X4, s),
            _ => {
                self.sync_slot(n);
                self.note_loaded(n, WHOLE);
                self.load_state(I8X16, offset::xmm(n))
            }
        };
        self.slot(n).whole = Some(v);
        self.cast(v, ty)
    }

    /// The low half, as a double.
    pub fn xmm_low(&mut self, n: usize) -> Value {
        let known = *self.slot(n);
        let v = match known {
            Slot { low: Some(v), .. } => v,
            Slot { whole: Some(v), .. } => self.lane(v, F64X2, 0),
            Slot { single: Some(s), second_zero: true, .. } => {
                let bits = self.cast(s, I32);
                let bits = self.zext(bits, I64);
                self.cast(bits, F64)
            }
            _ => {
                self.sync_slot(n);
                self.note_loaded(n, LOW);
                self.load_state(F64, offset::xmm(n))
            }
        };
        self.slot(n).low = Some(v);
        v
    }

    /// The high half, as a double.
    pub fn xmm_high(&mut self, n: usize) -> Value {
        let known = *self.slot(n);
        let v = match known {
            Slot { high: Some(v), .. } => v,
            Slot { whole: Some(v), .. } => self.lane(v, F64X2, 1),
            _ => self.load_state(F64, offset::xmm(n) + 8),
        };
        self.slot(n).high = Some(v);
        v
    }

    /// The low quarter, as a single.
    pub fn xmm_single(&mut self, n: usize) -> Value {
        let known = *self.slot(n);
        let v = match known {
            Slot { single: Some(v), .. } => v,
            Slot { whole: Some(v), .. } => self.lane(v, F32X4, 0),
            Slot { low: Some(v), .. } => {
                let v = self.b.ins().scalar_to_vector(F64X2, v);
                self.lane(v, F32X4, 0)
            }
            _ => {
                self.note_loaded(n, SINGLE);
                self.load_state(F32, offset::xmm(n))
            }
        };
        self.slot(n).single = Some(v);
        v
    }

    /// A lane of a vector taken as one of type `ty`.
    pub fn lane(&mut self, v: Value, ty: Type, lane: u8) -> Value {
        let v = self.cast(v, ty);
        self.b.ins().extractlane(v, lane)
    }

    /// Sets all 128 bits.
    pub fn set_xmm(&mut self, n: usize, v: Value) {
        *self.slot(n) = Slot { whole: Some(v), dirty: WHOLE, ..Slot::default() };
    }

    /// Sets the low half and leaves the high one.
    pub fn set_xmm_low(&mut self, n: usize, v: Value) {
        if self.slot(n).dirty & WHOLE != 0 {
            self.xmm_high(n);
            self.slot(n).dirty |= HIGH;
        }
        let old = *self.slot(n);
        *self.slot(n) = Slot { low: Some(v), high: old.high, dirty: LOW | old.dirty & HIGH, ..Slot::default() };
    }

    /// Sets the high half and leaves the low one.
    pub fn set_xmm_high(&mut self, n: usize, v: Value) {
        let old = *self.slot(n);
        if old.dirty & WHOLE != 0 {
            self.xmm_low(n);
            *self.slot(n) = Slot { dirty: LOW, ..*self.slot(n) };
        }
        let old = *self.slot(n);
        *self.slot(n) = Slot { whole: None, high: Some(v), dirty: old.dirty | HIGH, ..old };
    }

    /// Sets both halves.
    pub fn set_xmm_halves(&mut self, n: usize, low: Value, high: Value) {
        *self.slot(n) = Slot { low: Some(low), high: Some(high), dirty: LOW | HIGH, ..Slot::default() };
    }

    /// Sets the low half and clears the high one.
    pub fn set_xmm_low_zero(&mut self, n: usize, low: Value) {
        let old = *self.slot(n);
        if old.dirty & (WHOLE | HIGH) == 0 && old.high.is_some_and(|v| self.is_zero(v)) {
            // Memory has that zero.
            *self.slot(n) = Slot { low: Some(low), high: old.high, dirty: LOW, ..Slot::default() };
            return;
        }
        let zero = self.b.ins().f64const(0.0);
        self.set_xmm_halves(n, low, zero);
    }

    /// The registers whose high half is known to be zero, as bits.
    pub(super) fn zero_highs(&self) -> u16 {
        let zero = |s: &Slot| s.high.is_some_and(|v| self.is_zero(v));
        self.known.xmm.slots.iter().enumerate().filter(|(_, s)| zero(s)).fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// At a header: memory has a zero in the high half of these registers.
    pub(super) fn set_zero_highs(&mut self, registers: u16) {
        for n in (0..16).filter(|n| registers & 1 << n != 0) {
            if self.slot(n).low.is_some() {
                let zero = self.b.ins().f64const(0.0);
                self.slot(n).high = Some(zero);
            }
        }
    }

    /// Sets the low quarter and leaves the others.
    pub fn set_xmm_single(&mut self, n: usize, v: Value) {
        let old = *self.slot(n);
        if old.dirty & WHOLE != 0 {
            let whole = self.xmm(n, F32X4);
            let whole = self.b.ins().insertlane(whole, v, 0);
            self.set_xmm(n, whole);
            self.slot(n).single = Some(v);
            return;
        }
        if old.dirty & LOW != 0 {
            self.sync_slot(n);
        }
        let old = *self.slot(n);
        *self.slot(n) = Slot { whole: None, low: None, single: Some(v), dirty: old.dirty & (HIGH | SECOND) | SINGLE, ..old };
    }

    /// Sets the low quarter and clears the others.
    pub fn set_xmm_single_zero(&mut self, n: usize, v: Value) {
        let zero = self.b.ins().f64const(0.0);
        *self.slot(n) = Slot { single: Some(v), second_zero: true, high: Some(zero), dirty: SINGLE | SECOND | HIGH, ..Slot::default() };
    }

    /// Clears all 128 bits.
    pub fn clear_xmm(&mut self, n: usize) {
        let zero = self.b.ins().f64const(0.0);
        let single = self.b.ins().f32const(0.0);
        let whole = self.zero_vector();
        *self.slot(n) = Slot { whole: Some(whole), low: Some(zero), high: Some(zero), single: Some(single), second_zero: true, dirty: WHOLE };
    }

    /// Copies a whole register, in whatever pieces it is known.
    pub fn copy_xmm(&mut self, to: usize, from: usize) {
        let s = *self.slot(from);
        let dirty = if s.whole.is_some() {
            WHOLE
        } else if s.low.is_some() {
            self.xmm_high(from);
            LOW | HIGH
        } else if s.single.is_some() && s.second_zero && s.high.is_some() {
            SINGLE | SECOND | HIGH
        } else if self.scalar && s.single.is_none() {
            self.xmm_low(from);
            self.xmm_high(from);
            LOW | HIGH
        } else {
            self.xmm(from, I8X16);
            WHOLE
        };
        *self.slot(to) = Slot { dirty, ..*self.slot(from) };
    }

    /// 128 zero bits.
    pub fn zero_vector(&mut self) -> Value {
        let zero = self.b.func.dfg.constants.insert([0u8; 16].as_slice().into());
        self.b.ins().vconst(I8X16, zero)
    }

    fn is_zero(&self, v: Value) -> bool {
        use cranelift_codegen::ir::InstructionData;
        let ValueDef::Result(inst, 0) = self.b.func.dfg.value_def(v) else { return false };
        matches!(self.b.func.dfg.insts[inst], InstructionData::UnaryIeee64 { imm, .. } if imm.bits() == 0)
    }

    pub(super) fn sync_xmm(&mut self) {
        for n in 0..16 {
            if self.known.xmm.slots[n].dirty != 0 {
                self.sync_slot(n);
            }
        }
        self.sync_uppers(|_| false);
    }

    /// Stores the dirty pieces, but for those that are carried.
    pub(super) fn sync_xmm_but(&mut self, carried: &[CarriedXmm]) {
        for n in 0..16 {
            match carried.iter().find(|c| c.n == n && c.piece != UPPER) {
                Some(c) => self.sync_rest(n, c.piece),
                None if self.slot(n).dirty != 0 => self.sync_slot(n),
                None => {}
            }
        }
        self.sync_uppers(|n| carried.iter().any(|c| c.n == n && c.piece == UPPER));
    }

    /// Stores what is dirty and not within a piece.
    fn sync_rest(&mut self, n: usize, piece: u8) {
        let dirty = self.slot(n).dirty;
        match piece {
            WHOLE => {}
            LOW if dirty & (WHOLE | HIGH) != 0 => {
                let (_, high) = (self.xmm_low(n), self.xmm_high(n));
                let high = if self.is_zero(high) { self.iconst(Width::B8, 0) } else { high };
                self.store_state(high, offset::xmm(n) + 8);
            }
            SINGLE if dirty & !SINGLE != 0 => self.sync_slot(n),
            _ => {}
        }
    }

    /// Stores the dirty pieces.
    ///
    /// Both halves are stored as a whole: a load of the whole that follows need not wait until two stores have reached memory.
    fn sync_slot(&mut self, n: usize) {
        if self.slot(n).dirty & (LOW | HIGH) == LOW | HIGH {
            let v = self.xmm(n, I8X16);
            *self.slot(n) = Slot { whole: Some(v), dirty: WHOLE, ..*self.slot(n) };
        }
        let s = *self.slot(n);
        let at = offset::xmm(n);
        let pieces = [(WHOLE, s.whole, 0), (LOW, s.low, 0), (HIGH, s.high, 8), (SINGLE, s.single, 0)];
        for (bit, v, disp) in pieces {
            if let (true, Some(v)) = (s.dirty & bit != 0, v) {
                self.store_state(v, at + disp);
            }
        }
        if s.dirty & SECOND != 0 {
            let zero = self.iconst(Width::B4, 0);
            self.store_state(zero, at + 4);
        }
        self.slot(n).dirty = 0;
    }

    /// Makes sure that `v`, if it is a load, is not folded into the operation that it is the first operand of: the operands would be exchanged, and with
    /// two NaNs it is the first that counts. A second use does it, even by an instruction that is dropped.
    pub fn keep_first(&mut self, v: Value) -> Value {
        match self.type_of(v) {
            F32 => self.cast(v, I32),
            F64 => self.cast(v, I64),
            F64X2 => self.cast(v, F32X4),
            _ => self.cast(v, F64X2),
        };
        v
    }

    /// Operand `n` as a double: the low half of a register, or 8 bytes of memory.
    pub fn double_operand(&mut self, i: &Instruction, n: u32) -> Option<Value> {
        match i.op_kind(n) {
            OpKind::Register => xmm_number(i.op_register(n)).map(|r| self.xmm_low(r)),
            OpKind::Memory => {
                let a = self.addr(i)?;
                Some(self.load(F64, a))
            }
            _ => None,
        }
    }

    /// Operand `n` as a single: the low quarter of a register, or 4 bytes of memory.
    pub fn single_operand(&mut self, i: &Instruction, n: u32) -> Option<Value> {
        match i.op_kind(n) {
            OpKind::Register => xmm_number(i.op_register(n)).map(|r| self.xmm_single(r)),
            OpKind::Memory => {
                let a = self.addr(i)?;
                Some(self.load(F32, a))
            }
            _ => None,
        }
    }

    /// Leaves the block if an address is not a multiple of `size`, 16 or 32: #GP.
    pub fn check_aligned(&mut self, i: &Instruction, a: Addr, size: i32) {
        if !self.note_aligned(a, size) || size == 16 && self.is_steady(i) {
            return;
        }
        let v = self.host_value(a);
        let low = self.b.ins().band_imm_u(v, i64::from(size) - 1);
        let pc = GuestAddr::new(i.ip());
        self.side_path(low, |cx| cx.leave(LiftedExit::Step(pc)));
    }
}
