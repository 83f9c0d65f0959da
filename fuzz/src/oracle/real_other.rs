//! Hosts that can't run x86 code themselves.

use crate::Oracle;

/// The CPU of this machine as an oracle: there is none.
pub fn real_cpu() -> Option<Box<dyn Oracle + Send>> {
    None
}
