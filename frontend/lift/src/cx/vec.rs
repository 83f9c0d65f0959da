//! Vector registers.

use super::Lift;

/// What is known of the vector registers.
#[derive(Clone, Default)]
pub(super) struct Xmms;

impl Lift<'_, '_> {
    pub(super) fn sync_xmm(&mut self) {}
}
