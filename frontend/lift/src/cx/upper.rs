//! The upper halves of YMM registers: bits 128–255.
//!
//! Of each register it is known to be zero, or which value it is, or else it lies in memory. Legacy SSE leaves upper halves alone, VEX instructions of 128
//! bits clear them: so code that has no use for 256 bits pays a store of zero for each register that it writes, at most.

use cranelift_codegen::ir::{Type, Value, types::I8X16};

use super::Lift;
use super::vec::UPPER;
use crate::offset;

#[derive(Clone, Copy, Default)]
enum Content {
    /// What memory has.
    #[default]
    Memory,
    Zero,
    Value(Value),
}

/// What is known of one upper half.
#[derive(Clone, Copy, Default)]
struct Slot {
    content: Content,
    /// Memory has something else.
    dirty: bool,
}

/// What is known of all upper halves.
#[derive(Clone, Default)]
pub(super) struct Uppers([Slot; 16]);

impl Lift<'_, '_> {
    fn upper_slot(&mut self, n: usize) -> &mut Slot {
        &mut self.known.xmm.uppers.0[n]
    }

    /// The upper half of a register, as a vector of type `ty`.
    pub fn upper(&mut self, n: usize, ty: Type) -> Value {
        let v = match self.upper_slot(n).content {
            Content::Value(v) => v,
            Content::Zero => self.zero_vector(),
            Content::Memory => {
                let v = self.load_state(I8X16, offset::upper(n));
                self.note_loaded(n, UPPER);
                *self.upper_slot(n) = Slot { content: Content::Value(v), dirty: false };
                v
            }
        };
        self.cast(v, ty)
    }

    /// Sets an upper half.
    pub fn set_upper(&mut self, n: usize, v: Value) {
        *self.upper_slot(n) = Slot { content: Content::Value(v), dirty: true };
    }

    /// Clears an upper half.
    pub fn clear_upper(&mut self, n: usize) {
        let slot = self.upper_slot(n);
        if !matches!(slot.content, Content::Zero) {
            *slot = Slot { content: Content::Zero, dirty: true };
        }
    }

    /// Copies an upper half.
    pub fn copy_upper(&mut self, to: usize, from: usize) {
        match self.upper_slot(from).content {
            Content::Zero => self.clear_upper(to),
            _ => {
                let v = self.upper(from, I8X16);
                self.set_upper(to, v);
            }
        }
    }

    /// Makes a carried upper half known. `dirty`: memory may not have it.
    pub(super) fn set_carried_upper(&mut self, n: usize, v: Value, dirty: bool) {
        *self.upper_slot(n) = Slot { content: Content::Value(v), dirty };
    }

    /// Stores the upper halves that differ from memory, but for those that `keep` names.
    pub(super) fn sync_uppers(&mut self, keep: impl Fn(usize) -> bool) {
        let mut zero = None;
        for n in 0..16 {
            let slot = *self.upper_slot(n);
            if !slot.dirty || keep(n) {
                continue;
            }
            let v = match slot.content {
                Content::Value(v) => v,
                _ => *zero.get_or_insert_with(|| self.zero_vector()),
            };
            self.store_state(v, offset::upper(n));
            self.upper_slot(n).dirty = false;
        }
    }
}
