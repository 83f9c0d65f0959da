//! The oracles.

mod interp;
mod jit;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod real_x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use real_x86_64 as real;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod real_other;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
use real_other as real;

pub use interp::{interpreter, interpreter_batches, newest};
pub use jit::{Tier, direct, jit, listing, ordered, unseen};
pub use real::{real_batches, real_cpu};
