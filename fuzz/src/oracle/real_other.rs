//! Hosts that can't run x86 code themselves.

use crate::Oracle;
use crate::batch::BatchOracle;

/// The CPU of this machine as an oracle: there is none.
pub fn real_cpu() -> Option<Box<dyn Oracle + Send>> {
    None
}

/// The same, for many cases at a time: there is none.
pub fn real_batches() -> Option<Box<dyn BatchOracle + Send>> {
    None
}
