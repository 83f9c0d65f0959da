//! Hosts on which guards are not made use of.

/// Whether emitted code is patched.
pub(crate) const PATCHED: bool = false;

pub(super) fn pad(_code: &mut Vec<u8>, _access: usize, _guard: usize) -> Option<u32> {
    None
}

pub(super) fn remove(_code: &mut [u8], _guard: usize) -> Option<()> {
    None
}

pub(super) fn align(_code: &mut [u8], _at: usize) -> Option<()> {
    None
}
