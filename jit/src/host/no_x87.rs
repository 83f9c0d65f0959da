//! Hosts without an x87: its instructions are interpreted.

use forklift_lift::JitState;

/// There are no stubs.
pub(crate) const X87_STUBS: bool = false;

/// Never.
pub(crate) fn in_x87_stub(_pc: u64) -> bool {
    false
}

/// Nothing to take.
pub(crate) fn x87_take(_state: &mut JitState) {}
