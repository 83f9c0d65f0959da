//! Status flags that take more than a few operations to compute: put off until somebody wants them, for mostly nobody does.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Value,
    condcodes::IntCC,
    types::{I8, I64},
};
use forklift_x86::{CcKind, Cond, Width, bits};

use super::carried::CarriedFlags;
use super::flags::{FlagState, Lazy, Source};
use super::{Lift, int};

/// What is to be computed, from values that an instruction has left.
#[derive(Clone)]
pub(crate) enum Later {
    /// CF and OF of a rotation with the result `r`; the other flags stay.
    Rotation { left: bool, r: Value },
    /// CF = bit `n` of `a`, `n` to be taken modulo the width; the other flags stay, or are undefined.
    Bit { w: Width, a: Value, n: Value },
    /// CF = OF = the product of `a` and `b` isn't what its low half `r` extends to.
    Product { w: Width, a: Value, b: Value, r: Value, signed: bool },
    /// Those of a double shift of `a` to `r` by `n`, which isn't 0.
    Double { left: bool, w: Width, a: Value, n: Value, r: Value },
    /// One flag, a bit of RFLAGS, is a value of 0 or 1; the other flags stay.
    Flag { bit: u32, v: Value },
    /// `1` counts only if `0` is not zero.
    If(Value, Lazy),
    /// The same, carried by a header.
    Carried(Value, CarriedFlags),
}

impl Later {
    /// The flags that are set; the others stay.
    const fn sets(&self) -> u32 {
        match self {
            Self::Rotation { .. } => bits::CF | bits::OF,
            Self::Bit { .. } => bits::CF,
            Self::Flag { bit, .. } => *bit,
            _ => bits::STATUS,
        }
    }
}

impl Lift<'_, '_> {
    /// Records a setter whose flags are computed if they are wanted.
    pub fn set_flags_later(&mut self, later: Later) {
        if self.live & later.sets() == 0 {
            return;
        }
        let keeps = self.live & !later.sets() != 0 || matches!(later, Later::If(..) | Later::Carried(..));
        let before = if keeps { self.known.flags.clone() } else { FlagState::MEMORY };
        self.known.flags = FlagState::new(Source::Later(later, Box::new(before)));
    }

    /// Sets one flag and leaves the others.
    pub fn set_flag(&mut self, bit: u32, v: Value) {
        self.known.flags = core::mem::replace(&mut self.known.flags, FlagState::MEMORY).without(bit);
        self.set_flags_later(Later::Flag { bit, v });
    }

    /// Computes what was put off.
    pub(super) fn force_flags(&mut self) {
        let Source::Later(later, before) = self.known.flags.source.clone() else { return };
        self.known.flags = *before;
        let lazy = match later {
            Later::If(cond, lazy) => return self.store_if(cond, |_| lazy),
            Later::Carried(cond, carried) => return self.store_if(cond, |cx| cx.carried_setter(carried)),
            Later::Flag { bit, v } => {
                let old = self.status();
                let old = self.b.ins().band_imm_u(old, i64::from(bits::STATUS & !bit));
                let new = self.flag_bit(v, bit);
                Lazy::new(CcKind::Raw, Width::B4, self.b.ins().bor(old, new))
            }
            Later::Rotation { left, r } => {
                let (cf, of) = self.rotation(left, r);
                self.with_carries(cf, Some(of))
            }
            Later::Bit { w, a, n } => {
                let cf = self.bit_of(w, a, n);
                self.with_carries(cf, None)
            }
            Later::Product { w, a, b, r, signed } => {
                let lost = self.lost(w, a, b, r, signed);
                Lazy::new(CcKind::Result, w, r).b(lost).c(lost).r(r)
            }
            Later::Double { left, w, a, n, r } => {
                let cf = self.double_carry(left, a, n);
                let changed = self.b.ins().bxor(a, r);
                let of = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, changed, 0);
                Lazy::new(CcKind::Result, w, r).b(of).c(cf).r(r)
            }
        };
        self.known.flags = FlagState::new(Source::Lazy(lazy));
    }

    /// A condition on flags that were put off: from what it needs of them, if that is simple. `None`: they must be computed.
    pub(super) fn later_cond(&mut self, cond: Cond) -> Option<Value> {
        let Source::Later(later, before) = self.known.flags.source.clone() else { return None };
        if cond.reads() & later.sets() == 0 {
            let now = core::mem::replace(&mut self.known.flags, *before);
            let v = self.cond(cond);
            self.known.flags = now;
            return Some(v);
        }
        let carry = match later {
            Later::Flag { bit, v } if cond.reads() == bit => return Some(if cond as u8 & 1 == 0 { v } else { self.b.ins().bxor_imm_u(v, 1) }),
            Later::Carried(set, carried) if cond.reads() != bits::CF && carried.has_result() => {
                let setter = self.carried_setter(carried);
                let kept = self.compared(cond, setter)?;
                return Some(self.kept_cond(cond, set, kept, *before));
            }
            _ if cond.reads() != bits::CF => return None,
            Later::Rotation { left, r } => self.rotation(left, r).0,
            Later::Bit { w, a, n } => self.bit_of(w, a, n),
            Later::Carried(set, carried) => {
                let kept = self.carried_carry(carried)?;
                self.kept_cond(Cond::B, set, kept, *before)
            }
            _ => return None,
        };
        Some(if cond == Cond::B { carry } else { self.b.ins().bxor_imm_u(carry, 1) })
    }

    /// The flags that there are, with another CF and OF; without an OF, all but ZF may become anything.
    fn with_carries(&mut self, cf: Value, of: Option<Value>) -> Lazy {
        self.force_flags();
        if let Source::Lazy(f) = self.known.flags.source
            && f.has_plain_result(of.is_none())
        {
            let r = self.result(f);
            let of = of.unwrap_or_else(|| self.iconst(Width::B1, 0));
            return Lazy::new(CcKind::Result, f.width(), r).b(of).c(cf).r(r);
        }
        let old = self.status();
        let mask = if of.is_some() { bits::CF | bits::OF } else { bits::CF };
        let mut raw = self.b.ins().band_imm_u(old, i64::from(bits::STATUS & !mask));
        for (flag, bit) in [(Some(cf), bits::CF), (of, bits::OF)] {
            if let Some(flag) = flag {
                let v = self.flag_bit(flag, bit);
                raw = self.b.ins().bor(raw, v);
            }
        }
        Lazy::new(CcKind::Raw, Width::B4, raw)
    }

    /// `kept` if `set` isn't zero, else whether `cond` held `before`.
    fn kept_cond(&mut self, cond: Cond, set: Value, kept: Value, before: FlagState) -> Value {
        self.close_group();
        let (other, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(other);
        let holds = self.b.append_block_param(next, I8);
        self.b.ins().brif(set, next, &[BlockArg::Value(kept)], other, &[] as &[BlockArg]);
        self.b.switch_to_block(other);
        self.detour(|cx| {
            cx.known.flags = before;
            let v = cx.cond(cond);
            cx.b.ins().jump(next, &[BlockArg::Value(v)]);
        });
        self.b.switch_to_block(next);
        holds
    }

    fn store_if(&mut self, cond: Value, setter: impl FnOnce(&mut Self) -> Lazy) {
        self.close_group();
        self.sync_flags();
        let (set, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(cond, set, &[] as &[BlockArg], next, &[] as &[BlockArg]);
        self.b.switch_to_block(set);
        let lazy = setter(self);
        self.store_lazy(lazy);
        self.b.ins().jump(next, &[] as &[BlockArg]);
        self.b.switch_to_block(next);
        self.known.flags = FlagState::MEMORY;
    }

    /// CF and OF (for a count of 1) of a rotation.
    fn rotation(&mut self, left: bool, r: Value) -> (Value, Value) {
        let high = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, r, 0);
        if left {
            let low = self.low_bit(r);
            return (low, self.b.ins().bxor(low, high));
        }
        let doubled = self.b.ins().ishl_imm_u(r, 1);
        let next = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, doubled, 0);
        (high, self.b.ins().bxor(high, next))
    }

    fn low_bit(&mut self, v: Value) -> Value {
        let v = self.zext(v, I8);
        self.b.ins().band_imm_u(v, 1)
    }

    fn bit_of(&mut self, w: Width, a: Value, n: Value) -> Value {
        let n = self.b.ins().band_imm_u(n, i64::from(w.bits() - 1));
        let v = self.b.ins().ushr(a, n);
        self.low_bit(v)
    }

    /// The last bit that a double shift shifts out.
    fn double_carry(&mut self, left: bool, a: Value, n: Value) -> Value {
        let last = if left { self.b.ins().ineg(n) } else { self.add_const(n, -1) };
        let out = self.b.ins().ushr(a, last);
        self.low_bit(out)
    }

    fn lost(&mut self, w: Width, a: Value, b: Value, r: Value, signed: bool) -> Value {
        let high = self.high_half(w, a, b, signed);
        let expected = if signed { self.b.ins().sshr_imm_u(r, i64::from(w.bits() - 1)) } else { self.iconst(w, 0) };
        self.b.ins().icmp(IntCC::NotEqual, high, expected)
    }

    /// The high half of a product.
    pub fn high_half(&mut self, w: Width, a: Value, b: Value, signed: bool) -> Value {
        if w == Width::B8 {
            return if signed { self.b.ins().smulhi(a, b) } else { self.b.ins().umulhi(a, b) };
        }
        let extend = |cx: &mut Self, v| if signed { cx.sext(v, I64) } else { cx.zext(v, I64) };
        let (a, b) = (extend(self, a), extend(self, b));
        let product = self.b.ins().imul(a, b);
        let high = self.b.ins().ushr_imm_u(product, i64::from(w.bits()));
        self.zext(high, int(w))
    }
}
