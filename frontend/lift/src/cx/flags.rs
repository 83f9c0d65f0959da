//! Status flags: which operation set them last, and the conditions that are computed from its operands.

use cranelift_codegen::ir::{
    Block, BlockArg, InstBuilder, Value,
    condcodes::{FloatCC, IntCC},
    types::{I8, I32, I64},
};
use forklift_x86::{CcKind, CcOp, Cond, Width, bits};

use super::later::Later;
use super::{Lift, int};
use crate::{Helper, offset};

/// A setter of all flags: kind, width and operands as in [`forklift_x86::Flags`], as values of the width (`c`, and `b` of `Result`: of 8 bits).
#[derive(Clone, Copy)]
pub(crate) struct Lazy {
    pub(super) kind: CcKind,
    pub(super) w: Width,
    pub(super) a: Value,
    pub(super) b: Option<Value>,
    pub(super) c: Option<Value>,
    pub(super) r: Option<Value>,
}

impl Lazy {
    /// A setter with its first operand.
    pub const fn new(kind: CcKind, w: Width, a: Value) -> Self {
        Self { kind, w, a, b: None, c: None, r: None }
    }

    /// The second operand.
    pub const fn b(self, b: Value) -> Self {
        Self { b: Some(b), ..self }
    }

    /// The carry; without one it is a flag that nobody reads.
    pub const fn c(self, c: Value) -> Self {
        Self { c: Some(c), ..self }
    }

    /// The width.
    pub const fn width(&self) -> Width {
        self.w
    }

    /// Whether ZF, SF and PF come from a result, and AF is clear, or may be.
    pub const fn has_plain_result(&self, any_af: bool) -> bool {
        match self.kind {
            CcKind::Raw => false,
            CcKind::Logic | CcKind::Shl | CcKind::Shr | CcKind::Sar | CcKind::Result => true,
            _ => any_af,
        }
    }

    /// The result, if there is a value with it already.
    pub const fn r(self, r: Value) -> Self {
        Self { r: Some(r), ..self }
    }
}

#[derive(Clone)]
pub(super) enum Source {
    /// What memory has (or nobody cares).
    Memory,
    Lazy(Lazy),
    /// The result of COMISS and the like.
    Float(Value, Value),
    /// Not computed yet, and what was there before.
    Later(Later, Box<FlagState>),
}

/// Where the status flags are.
#[derive(Clone)]
pub(crate) struct FlagState {
    pub(super) source: Source,
    synced: bool,
}

impl FlagState {
    /// They are in memory.
    pub const MEMORY: Self = Self { source: Source::Memory, synced: true };

    /// Whether they are in memory.
    pub(super) const fn is_synced(&self) -> bool {
        self.synced
    }

    /// They are not in memory.
    pub(super) const fn new(source: Source) -> Self {
        Self { source, synced: false }
    }

    /// The same, for somebody who is about to set a flag by itself: what set it last by itself, behind others of that kind, is forgotten.
    pub(super) fn without(self, bit: u32) -> Self {
        match self.source {
            Source::Later(Later::Flag { bit: b, .. }, before) if b == bit => *before,
            Source::Later(Later::Flag { bit: b, v }, before) => Self::new(Source::Later(Later::Flag { bit: b, v }, Box::new(before.without(bit)))),
            source => Self { source, ..self },
        }
    }
}

impl Lift<'_, '_> {
    /// Records a setter of all six flags.
    pub fn set_flags(&mut self, lazy: Lazy) {
        self.set_source(Source::Lazy(lazy));
    }

    /// Records an unordered comparison of two scalars.
    pub fn set_flags_float(&mut self, a: Value, b: Value) {
        self.set_source(Source::Float(a, b));
    }

    fn set_source(&mut self, source: Source) {
        self.known.flags = if self.live == 0 { FlagState::MEMORY } else { FlagState::new(source) };
    }

    /// Records a setter that counts only if `cond` is not zero.
    pub fn set_flags_if(&mut self, cond: Value, lazy: Lazy) {
        self.set_flags_later(Later::If(cond, lazy));
    }

    /// Sets the flags in `mask` and leaves the others; `values` gives the new ones as bits of RFLAGS, and is not asked if nobody reads them.
    pub fn merge_flags(&mut self, mask: u32, values: impl FnOnce(&mut Self) -> Value) {
        if self.live & mask == 0 {
            return;
        }
        let mut new = values(self);
        if self.live & !mask != 0 {
            let old = self.status();
            let old = self.b.ins().band_imm_u(old, i64::from(bits::STATUS & !mask));
            new = self.b.ins().bor(old, new);
        }
        self.set_flags(Lazy::new(CcKind::Raw, Width::B4, new));
    }

    /// Changes the part of RFLAGS that is not status flags.
    pub fn change_rest(&mut self, f: impl FnOnce(&mut Self, Value) -> Value) {
        let v = self.load_state(I32, offset::CC_REST);
        let v = f(self, v);
        self.store_state(v, offset::CC_REST);
    }

    /// A flag (0 or 1, 8 bits) at its place in RFLAGS, 32 bits.
    pub fn flag_bit(&mut self, v: Value, bit: u32) -> Value {
        let v = self.zext(v, I32);
        self.b.ins().ishl_imm_u(v, i64::from(bit.trailing_zeros()))
    }

    /// All six flags as bits of RFLAGS, 32 bits wide.
    pub fn status(&mut self) -> Value {
        self.force_flags();
        if let Source::Lazy(Lazy { kind: CcKind::Raw, a, .. }) = self.known.flags.source {
            return self.zext(a, I32);
        }
        self.sync_flags();
        if self.env.flags_op() == CcOp::RAW {
            return self.raw_status();
        }
        self.status_by_helper()
    }

    fn status_by_helper(&mut self) -> Value {
        let v = self.ask_helper(Helper::Status, None);
        self.zext(v, I32)
    }

    /// The flags in memory, which is likely to have them as bits of RFLAGS.
    fn raw_status(&mut self) -> Value {
        self.close_group();
        let op = self.load_state(I32, offset::CC_OP);
        let hit = self.b.ins().icmp_imm_u(IntCC::Equal, op, i64::from(CcOp::RAW.0));
        let (fast, slow, next) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(next, I32);
        self.b.ins().brif(hit, fast, &[] as &[BlockArg], slow, &[] as &[BlockArg]);
        self.b.switch_to_block(fast);
        let v = self.load_state(I32, offset::CC_A);
        let v = self.b.ins().band_imm_u(v, i64::from(bits::STATUS));
        self.b.ins().jump(next, &[BlockArg::from(v)]);
        self.b.switch_to_block(slow);
        let v = self.status_by_helper();
        self.b.ins().jump(next, &[BlockArg::from(v)]);
        self.b.switch_to_block(next);
        result
    }

    /// Stores the flags if memory doesn't have them.
    pub(super) fn sync_flags(&mut self) {
        if self.known.flags.synced {
            return;
        }
        self.force_flags();
        match self.known.flags.source {
            Source::Memory | Source::Later(..) => {}
            Source::Lazy(lazy) => self.store_lazy(lazy),
            Source::Float(a, b) => {
                let raw = self.float_status(a, b);
                self.store_lazy(Lazy::new(CcKind::Raw, Width::B4, raw));
            }
        }
        self.known.flags.synced = true;
    }

    pub(super) fn store_lazy(&mut self, f: Lazy) {
        // An operation that memory has already (by way of a loop) is not known here: always stored.
        let op = self.b.ins().iconst(I32, i64::from(CcOp::new(f.kind, f.w).0));
        self.store_state(op, offset::CC_OP);
        self.store_state(f.a, offset::CC_A);
        if let Some(b) = f.b {
            self.store_state(b, offset::CC_B);
        }
        if let Some(c) = f.c {
            let c = self.zext(c, I64);
            self.store_state(c, offset::CC_C);
        }
    }

    fn float_status(&mut self, a: Value, b: Value) -> Value {
        let parts = [(FloatCC::UnorderedOrEqual, bits::ZF), (FloatCC::Unordered, bits::PF), (FloatCC::UnorderedOrLessThan, bits::CF)];
        let mut raw = self.iconst(Width::B4, 0);
        for (cc, bit) in parts {
            let v = self.b.ins().fcmp(cc, a, b);
            let v = self.flag_bit(v, bit);
            raw = self.b.ins().bor(raw, v);
        }
        raw
    }

    /// 1 if the condition holds, else 0, 8 bits wide.
    pub fn cond(&mut self, cond: Cond) -> Value {
        if let Some(v) = self.later_cond(cond) {
            return v;
        }
        self.force_flags();
        match self.known.flags.source {
            Source::Memory | Source::Later(..) => self.memory_cond(cond),
            Source::Float(a, b) => self.float_cond(cond, a, b),
            Source::Lazy(f) => self.lazy_cond(cond, f),
        }
    }

    /// A condition on flags in memory: computed here if they come from what was guessed, else by a helper.
    fn memory_cond(&mut self, cond: Cond) -> Value {
        self.close_group();
        let guess = self.known.memory_op.unwrap_or_else(|| self.env.flags_op());
        let (kind, w) = (guess.kind(), guess.width());
        let kept = matches!(kind, CcKind::Inc | CcKind::Dec) && cond.reads() == bits::CF;
        if !kept && !matches!(kind, CcKind::Raw | CcKind::Add | CcKind::Sub | CcKind::Logic | CcKind::Result) {
            return self.cond_by_helper(cond);
        }
        let op = self.load_state(I32, offset::CC_OP);
        let hit = self.b.ins().icmp_imm_u(IntCC::Equal, op, i64::from(guess.0));
        let (fast, slow, next) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(next, I8);
        self.b.ins().brif(hit, fast, &[] as &[BlockArg], slow, &[] as &[BlockArg]);
        self.b.switch_to_block(fast);
        let f = self.load_lazy(kind, w);
        let v = self.lazy_cond(cond, f);
        self.b.ins().jump(next, &[BlockArg::from(v)]);
        self.b.switch_to_block(slow);
        if cond == Cond::B {
            self.no_carry_of_logic(op, next);
        }
        let v = self.cond_by_helper(cond);
        self.b.ins().jump(next, &[BlockArg::from(v)]);
        self.b.switch_to_block(next);
        result
    }

    /// Goes to `next` with a CF of 0 if it is a logical operation that memory has. INC and DEC ask for what is mostly left by one.
    fn no_carry_of_logic(&mut self, op: Value, next: Block) {
        // See `CcOp`.
        let kind = self.b.ins().ushr_imm_u(op, 2);
        let logic = self.b.ins().icmp_imm_u(IntCC::Equal, kind, CcKind::Logic as i64);
        let (none, other) = (self.iconst(Width::B1, 0), self.b.create_block());
        self.b.set_cold_block(other);
        self.b.ins().brif(logic, next, &[BlockArg::from(none)], other, &[] as &[BlockArg]);
        self.b.switch_to_block(other);
    }

    fn cond_by_helper(&mut self, cond: Cond) -> Value {
        let c = self.b.ins().iconst(I64, cond as i64);
        let v = self.ask_helper(Helper::Cond, Some(c));
        self.b.ins().ireduce(I8, v)
    }

    /// The setter in memory, which is known to be of this kind.
    fn load_lazy(&mut self, kind: CcKind, w: Width) -> Lazy {
        let a = self.load_state(if kind == CcKind::Raw { I32 } else { int(w) }, offset::CC_A);
        let f = Lazy::new(kind, w, a);
        match kind {
            CcKind::Add | CcKind::Sub => f.b(self.load_state(int(w), offset::CC_B)),
            CcKind::Inc | CcKind::Dec => f.c(self.load_state(I8, offset::CC_C)),
            CcKind::Result => {
                let b = self.load_state(I8, offset::CC_B);
                let b = self.b.ins().band_imm_u(b, 1);
                f.b(b).c(self.load_state(I8, offset::CC_C))
            }
            _ => f,
        }
    }

    /// The carry flag, 8 bits wide.
    pub fn carry(&mut self) -> Value {
        self.cond(Cond::B)
    }

    fn float_cond(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        let cc = match cond {
            Cond::B => FloatCC::UnorderedOrLessThan,
            Cond::Ae => FloatCC::GreaterThanOrEqual,
            Cond::E | Cond::Le => FloatCC::UnorderedOrEqual,
            Cond::Ne | Cond::G => FloatCC::OrderedNotEqual,
            Cond::Be => FloatCC::UnorderedOrLessThanOrEqual,
            Cond::A => FloatCC::GreaterThan,
            Cond::P => FloatCC::Unordered,
            Cond::Np => FloatCC::Ordered,
            // OF and SF are clear.
            Cond::O | Cond::S | Cond::L => return self.iconst(Width::B1, 0),
            Cond::No | Cond::Ns | Cond::Ge => return self.iconst(Width::B1, 1),
        };
        self.b.ins().fcmp(cc, a, b)
    }

    fn lazy_cond(&mut self, cond: Cond, f: Lazy) -> Value {
        if f.kind == CcKind::Raw {
            return self.raw_cond(cond, f.a);
        }
        if let Some(v) = self.compared(cond, f) {
            return v;
        }
        let positive = match cond as u8 >> 1 {
            0 => self.overflow(f),
            1 => self.carry_of(f),
            3 => {
                let (c, z) = (self.carry_of(f), self.zero(f));
                self.b.ins().bor(c, z)
            }
            5 => self.parity(f),
            6 => self.less(f),
            _ => {
                let (l, z) = (self.less(f), self.zero(f));
                self.b.ins().bor(l, z)
            }
        };
        if cond as u8 & 1 == 0 { positive } else { self.b.ins().bxor_imm_u(positive, 1) }
    }

    /// The condition, if that is one comparison.
    pub(super) fn compared(&mut self, cond: Cond, f: Lazy) -> Option<Value> {
        let (cc, x, y) = self.comparison(cond, f)?;
        // Such hosts compare 32 bits or more, and what was loaded has been extended.
        let widens = !self.host.x86 && self.type_of(x).bits() < 32 && cc == cc.unsigned();
        let [x, y] = if widens { [x, y].map(|v| self.zext(v, I32)) } else { [x, y] };
        Some(self.b.ins().icmp(cc, x, y))
    }

    /// Conditions that are one comparison.
    fn comparison(&mut self, cond: Cond, f: Lazy) -> Option<(IntCC, Value, Value)> {
        let against_zero = |cx: &mut Self, cc| {
            let r = cx.result(f);
            let zero = cx.iconst(f.w, 0);
            Some((cc, r, zero))
        };
        let sub = match (f.kind, f.b) {
            (CcKind::Sub, Some(b)) => Some((f.a, b)),
            _ => None,
        };
        let ordered = |cc| sub.map(|(a, b)| (cc, a, b));
        let logic = f.kind == CcKind::Logic;
        match cond {
            Cond::E | Cond::Ne => {
                let cc = if cond == Cond::E { IntCC::Equal } else { IntCC::NotEqual };
                ordered(cc).or_else(|| against_zero(self, cc))
            }
            Cond::S => against_zero(self, IntCC::SignedLessThan),
            Cond::Ns => against_zero(self, IntCC::SignedGreaterThanOrEqual),
            Cond::Be if logic => against_zero(self, IntCC::Equal),
            Cond::A if logic => against_zero(self, IntCC::NotEqual),
            Cond::L | Cond::Ge | Cond::Le | Cond::G if logic => against_zero(self, sub_cc(cond)?),
            Cond::B | Cond::Ae if f.kind == CcKind::Add => {
                let r = self.result(f);
                Some((sub_cc(cond)?, r, f.a))
            }
            _ => ordered(sub_cc(cond)?),
        }
    }

    fn raw_cond(&mut self, cond: Cond, raw: Value) -> Value {
        let ty = self.type_of(raw);
        let bit = |cx: &mut Self, bit: u32| {
            let v = cx.b.ins().ushr_imm_u(raw, i64::from(bit.trailing_zeros()));
            cx.b.ins().band_imm_u(v, 1)
        };
        let positive = match cond as u8 >> 1 {
            6 => {
                let (s, o) = (bit(self, bits::SF), bit(self, bits::OF));
                self.b.ins().bxor(s, o)
            }
            7 => {
                let (s, o, z) = (bit(self, bits::SF), bit(self, bits::OF), bit(self, bits::ZF));
                let l = self.b.ins().bxor(s, o);
                self.b.ins().bor(l, z)
            }
            _ => {
                let v = self.b.ins().band_imm_u(raw, i64::from(cond.reads()));
                let zero = self.b.ins().iconst(ty, 0);
                let cc = if cond as u8 & 1 == 0 { IntCC::NotEqual } else { IntCC::Equal };
                return self.b.ins().icmp(cc, v, zero);
            }
        };
        let v = self.b.ins().ireduce(I8, positive);
        if cond as u8 & 1 == 0 { v } else { self.b.ins().bxor_imm_u(v, 1) }
    }

    /// The result of the setter.
    pub(super) fn result(&mut self, f: Lazy) -> Value {
        if let Some(r) = f.r {
            return r;
        }
        let r = match (f.kind, f.b) {
            (CcKind::Sub, Some(b)) => self.b.ins().isub(f.a, b),
            (CcKind::Add, Some(b)) => self.b.ins().iadd(f.a, b),
            // All other setters come with their result, or it is `a`.
            _ => f.a,
        };
        if let Source::Lazy(known) = &mut self.known.flags.source {
            known.r = Some(r);
        }
        r
    }

    fn zero(&mut self, f: Lazy) -> Value {
        let r = self.result(f);
        self.b.ins().icmp_imm_s(IntCC::Equal, r, 0)
    }

    fn negative(&mut self, v: Value) -> Value {
        self.b.ins().icmp_imm_s(IntCC::SignedLessThan, v, 0)
    }

    fn less(&mut self, f: Lazy) -> Value {
        let r = self.result(f);
        let (s, o) = (self.negative(r), self.overflow(f));
        self.b.ins().bxor(s, o)
    }

    /// PF: the low byte of the result has an even number of ones.
    fn parity(&mut self, f: Lazy) -> Value {
        let r = self.result(f);
        let r = self.zext(r, I32);
        let high = self.b.ins().ushr_imm_u(r, 4);
        let folded = self.b.ins().bxor(r, high);
        let nibble = self.b.ins().band_imm_u(folded, 15);
        // Bit n is set if n, of four bits, has an even number of ones.
        let table = self.iconst(Width::B4, 0x9669);
        let v = self.b.ins().ushr(table, nibble);
        let v = self.b.ins().band_imm_u(v, 1);
        self.b.ins().ireduce(I8, v)
    }

    fn constant(&mut self, v: u64) -> Value {
        self.iconst(Width::B1, v)
    }

    fn carry_in(&mut self, f: Lazy) -> Value {
        match f.c {
            Some(c) => c,
            None => self.constant(0),
        }
    }

    fn carry_of(&mut self, f: Lazy) -> Value {
        let b = f.b.unwrap_or(f.a);
        match f.kind {
            CcKind::Add => {
                let r = self.result(f);
                self.b.ins().icmp(IntCC::UnsignedLessThan, r, f.a)
            }
            CcKind::Sub => self.b.ins().icmp(IntCC::UnsignedLessThan, f.a, b),
            CcKind::Adc => {
                let r = self.result(f);
                let without = self.b.ins().iadd(f.a, b);
                let first = self.b.ins().icmp(IntCC::UnsignedLessThan, without, f.a);
                let second = self.b.ins().icmp(IntCC::UnsignedLessThan, r, without);
                self.b.ins().bor(first, second)
            }
            CcKind::Sbb => {
                let without = self.b.ins().isub(f.a, b);
                let first = self.b.ins().icmp(IntCC::UnsignedLessThan, f.a, b);
                let c = self.carry_in(f);
                let c = self.zext(c, int(f.w));
                let second = self.b.ins().icmp(IntCC::UnsignedLessThan, without, c);
                self.b.ins().bor(first, second)
            }
            CcKind::Inc | CcKind::Dec | CcKind::Result => self.carry_in(f),
            CcKind::Shl => self.carry_shl(f, b),
            CcKind::Shr | CcKind::Sar => self.carry_shr(f, b),
            CcKind::Logic | CcKind::Raw => self.constant(0),
        }
    }

    /// The last bit shifted out to the left: bit `width` of `a << b`.
    fn carry_shl(&mut self, f: Lazy, b: Value) -> Value {
        let (a, n) = (self.zext(f.a, I64), self.zext(b, I64));
        let v = if f.w == Width::B8 {
            // b is from 1 to 63.
            let back = self.b.ins().ineg(n);
            self.b.ins().ushr(a, back)
        } else {
            let v = self.b.ins().ishl(a, n);
            self.b.ins().ushr_imm_u(v, i64::from(f.w.bits()))
        };
        let v = self.b.ins().band_imm_u(v, 1);
        self.b.ins().ireduce(I8, v)
    }

    /// The last bit shifted out to the right: bit `b - 1` of `a`.
    fn carry_shr(&mut self, f: Lazy, b: Value) -> Value {
        let a = if f.kind == CcKind::Sar { self.sext(f.a, I64) } else { self.zext(f.a, I64) };
        let n = self.zext(b, I64);
        let n = self.add_const(n, -1);
        let v = if f.kind == CcKind::Sar { self.b.ins().sshr(a, n) } else { self.b.ins().ushr(a, n) };
        let v = self.b.ins().band_imm_u(v, 1);
        self.b.ins().ireduce(I8, v)
    }

    fn overflow(&mut self, f: Lazy) -> Value {
        let b = f.b.unwrap_or(f.a);
        match f.kind {
            CcKind::Add | CcKind::Adc => {
                let r = self.result(f);
                let (x, y) = (self.b.ins().bxor(f.a, r), self.b.ins().bxor(b, r));
                let v = self.b.ins().band(x, y);
                self.negative(v)
            }
            CcKind::Sub | CcKind::Sbb => {
                let r = self.result(f);
                let (x, y) = (self.b.ins().bxor(f.a, b), self.b.ins().bxor(f.a, r));
                let v = self.b.ins().band(x, y);
                self.negative(v)
            }
            CcKind::Inc | CcKind::Dec => {
                let r = self.result(f);
                let limit = 1u64 << (f.w.bits() - 1);
                let limit = self.iconst(f.w, if f.kind == CcKind::Inc { limit } else { limit - 1 });
                self.b.ins().icmp(IntCC::Equal, r, limit)
            }
            CcKind::Shl => {
                let r = self.result(f);
                let (s, c) = (self.negative(r), self.carry_shl(f, b));
                self.b.ins().bxor(s, c)
            }
            CcKind::Shr => self.negative(f.a),
            CcKind::Result => f.b.unwrap_or(f.a),
            CcKind::Logic | CcKind::Sar | CcKind::Raw => self.constant(0),
        }
    }
}

/// The comparison of the operands of a subtraction that gives the condition.
fn sub_cc(cond: Cond) -> Option<IntCC> {
    Some(match cond {
        Cond::B => IntCC::UnsignedLessThan,
        Cond::Ae => IntCC::UnsignedGreaterThanOrEqual,
        Cond::Be => IntCC::UnsignedLessThanOrEqual,
        Cond::A => IntCC::UnsignedGreaterThan,
        Cond::L => IntCC::SignedLessThan,
        Cond::Ge => IntCC::SignedGreaterThanOrEqual,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::G => IntCC::SignedGreaterThan,
        _ => return None,
    })
}
