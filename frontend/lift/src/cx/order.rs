//! The order of accesses to guest memory, as others see it. SDM vol. 3A, 9.2: x86 keeps all loads in order, all stores, and stores behind the loads before
//! them; only a load may overtake a store before it. Nothing overtakes an instruction with LOCK, or XCHG with memory, or MFENCE.
//!
//! x86-64 hosts do so by themselves. Elsewhere it costs something, and is done as soon as somebody else may look ([`Needs::ORDERED`]): a load is one that
//! acquires, a store one that releases. Those want aligned addresses: see [`Needs::UNALIGNED`]. Vectors of 128 bits have no such instructions; they, and
//! all accesses of blocks with unaligned ones, have a barrier behind a load and before a store. Why: docs/adr/0009-order-on-arm.md.

use cranelift_codegen::ir::{InstBuilder, SourceLoc, Type};

use super::Lift;
use crate::{Needs, STORE_BARRIER};

/// How an access is ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// It isn't, or by itself.
    Plain,
    /// It is made by an instruction that orders.
    Instruction,
    /// By a barrier.
    Barrier,
}

impl Lift<'_, '_> {
    fn needs(&self, what: Needs) -> bool {
        self.key.needs.has(what)
    }

    /// How an access to a value of this type is ordered.
    pub(super) fn order(&self, ty: Type) -> Order {
        let weak = self.needs(Needs::WEAK_VECTORS) && !ty.is_int();
        match ty.bytes() {
            _ if self.host.x86 || weak || !self.needs(Needs::ORDERED) => Order::Plain,
            1 => Order::Instruction,
            2 | 4 | 8 if !self.needs(Needs::UNALIGNED) => Order::Instruction,
            _ => Order::Barrier,
        }
    }

    /// Before a series of [`Lift::store_behind`] of elements of a vector without a store before it.
    pub fn series_follows(&mut self, vector: Type) {
        if self.order(vector) == Order::Barrier {
            self.barrier(STORE_BARRIER);
        }
    }

    /// A barrier of a kind: [`LOAD_BARRIER`](crate::LOAD_BARRIER) or [`STORE_BARRIER`].
    pub(super) fn barrier(&mut self, kind: u32) {
        let at = self.b.srcloc();
        self.b.set_srcloc(SourceLoc::new(kind));
        self.b.ins().fence();
        self.b.set_srcloc(at);
    }

    /// Before a compare-and-swap, which may store nothing: then no store before it must be overtaken by its load, which only a store would be kept from.
    pub fn before_compare(&mut self) {
        if !self.host.x86 && self.needs(Needs::ORDERED) {
            self.full_barrier();
        }
    }

    /// Behind an atomic access of an instruction with LOCK: nothing must overtake it. An atomic instruction of the host sees to that by itself, a sequence
    /// of exclusive accesses doesn't.
    pub fn locked(&mut self) {
        if !self.host.x86 && self.needs(Needs::ORDERED) && !self.host.lse {
            self.full_barrier();
        }
    }

    fn full_barrier(&mut self) {
        let at = self.b.srcloc();
        self.b.set_srcloc(SourceLoc::new(0));
        self.b.ins().fence();
        self.b.set_srcloc(at);
    }
}
