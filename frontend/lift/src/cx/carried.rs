//! Status flags that a header carries: so that nothing is stored for them from round to round, though a fault or an exit could show them.
//!
//! The probe sees by which operation a round sets them last, and what its operands are: mostly constants and registers as the round leaves them, which are
//! carried anyway, or differ from those by a constant. Then a header has one parameter for the flags, which isn't zero if they are what that
//! operation makes of these operands, and zero if memory has them. Other operands are parameters, too.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types::I32};
use forklift_x86::{CcKind, CcOp, Gpr, Width};

use super::flags::{FlagState, Lazy, Source};
use super::later::Later;
use super::{Lift, int};

/// An operand, as the probe has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operand {
    Const(u64),
    /// The low part of a register, and a number that is added.
    Reg(Gpr, i64),
    /// None of those.
    Other,
}

/// The flags at a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FlagShape {
    kind: CcKind,
    w: Width,
    /// Those of a [`Lazy`]: a, b, c.
    operands: [Option<(Type, Operand)>; 3],
}

/// The flags behind a header.
#[derive(Clone, Copy)]
pub(crate) struct CarriedFlags {
    kind: CcKind,
    w: Width,
    operands: [Option<(Type, Part)>; 3],
}

impl CarriedFlags {
    /// Whether the operands tell the result.
    pub const fn has_result(self) -> bool {
        matches!(self.kind, CcKind::Add | CcKind::Sub | CcKind::Logic | CcKind::Result)
    }
}

#[derive(Clone, Copy)]
enum Part {
    Const(u64),
    /// A value, to be cut to its type, and a number that is added.
    Sum(Value, i64),
}

impl FlagShape {
    /// The operation that sets them.
    pub(super) const fn op(&self) -> CcOp {
        CcOp::new(self.kind, self.w)
    }

    /// The shape for a header that carries the registers for which `carried` holds.
    pub(super) fn with(mut self, carried: impl Fn(Gpr) -> bool) -> Self {
        for (_, o) in self.operands.iter_mut().flatten() {
            if matches!(o, Operand::Reg(r, _) if !carried(*r)) {
                *o = Operand::Other;
            }
        }
        self
    }

    fn others(&self) -> impl Iterator<Item = Type> {
        self.operands.into_iter().flatten().filter(|(_, o)| *o == Operand::Other).map(|(ty, _)| ty)
    }
}

impl Lift<'_, '_> {
    /// The shape of the flags as they are, if they have one.
    pub(super) fn flag_shape(&mut self) -> Option<FlagShape> {
        let Source::Lazy(f) = self.known.flags.source else { return None };
        let operands = [Some(f.a), f.b, f.c].map(|v| v.map(|v| (self.type_of(v), self.operand(v))));
        Some(FlagShape { kind: f.kind, w: f.w, operands })
    }

    fn operand(&self, v: Value) -> Operand {
        if let Some(c) = self.as_const(v) {
            return Operand::Const(c);
        }
        let (base, at) = self.as_sum(v);
        let same = |known: Value| {
            let (b, k) = self.as_sum(known);
            (b == base && self.type_of(known) == self.type_of(v)).then(|| at.wrapping_sub(k))
        };
        let of = |r: Gpr| self.known.regs.values(r).into_iter().flatten().find_map(same).map(|k| Operand::Reg(r, k));
        Gpr::ALL.into_iter().find_map(of).unwrap_or(Operand::Other)
    }

    /// The arguments for a header that has flags of this shape; stores the flags if they are others.
    pub(super) fn flag_args(&mut self, shape: &FlagShape) -> Vec<Value> {
        let synced = self.known.flags.is_synced();
        let here = self.flag_shape().filter(|_| !synced);
        let fits = |here: FlagShape| {
            let same = |a: Option<(Type, Operand)>, b: Option<(Type, Operand)>| match (a, b) {
                (None, None) => true,
                (Some((ty, a)), Some((other, b))) => ty == other && (a == b || b == Operand::Other),
                _ => false,
            };
            here.kind == shape.kind && here.w == shape.w && here.operands.into_iter().zip(shape.operands).all(|(a, b)| same(a, b))
        };
        let (Some(_), Source::Lazy(f)) = (here.filter(|h| fits(*h)), &self.known.flags.source) else {
            self.sync_flags();
            let none = self.iconst(Width::B4, 0);
            let others: Vec<Type> = shape.others().collect();
            return core::iter::once(none).chain(others.into_iter().map(|ty| self.b.ins().iconst(ty, 0))).collect();
        };
        let values = [Some(f.a), f.b, f.c];
        let others = shape.operands.into_iter().zip(values).filter(|(o, _)| matches!(o, Some((_, Operand::Other)))).filter_map(|(_, v)| v);
        let others: Vec<Value> = others.collect();
        let one = self.b.ins().iconst(I32, 1);
        core::iter::once(one).chain(others).collect()
    }

    /// Makes the flags known that a header carries. `params`: those that [`Self::flag_args`] are for.
    pub(super) fn set_carried_flags(&mut self, shape: &FlagShape, params: &[Value]) {
        let mut others = params[1..].iter();
        let operands = shape.operands.map(|o| {
            let (ty, o) = o?;
            let part = match o {
                Operand::Const(c) => Part::Const(c),
                Operand::Reg(r, k) => Part::Sum(self.known.regs.values(r).into_iter().flatten().next()?, k),
                Operand::Other => Part::Sum(*others.next()?, 0),
            };
            Some((ty, part))
        });
        let carried = CarriedFlags { kind: shape.kind, w: shape.w, operands };
        self.known.flags = FlagState::new(Source::Later(Later::Carried(params[0], carried), Box::new(FlagState::MEMORY)));
    }

    /// The CF that an operation leaves which sets carried flags but CF.
    pub(super) fn carried_carry(&mut self, f: CarriedFlags) -> Option<Value> {
        if matches!(f.kind, CcKind::Inc | CcKind::Dec) { self.carried_setter(f).c } else { None }
    }

    /// The operation that sets carried flags.
    pub(super) fn carried_setter(&mut self, f: CarriedFlags) -> Lazy {
        let [a, b, c] = f.operands.map(|o| {
            o.map(|(ty, part)| match part {
                Part::Const(c) => self.b.ins().iconst(ty, c as i64),
                Part::Sum(v, k) => {
                    let v = self.zext(v, ty);
                    self.add_const(v, k)
                }
            })
        });
        let zero = a.unwrap_or_else(|| self.b.ins().iconst(int(f.w), 0));
        Lazy { b, c, ..Lazy::new(f.kind, f.w, zero) }
    }
}
