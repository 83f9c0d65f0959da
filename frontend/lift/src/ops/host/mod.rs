//! What the lifter must know of the host beyond Cranelift's IR: which instructions it has, and where its floating point is not x86's.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(target_arch = "x86_64"))]
pub(super) use other::*;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::*;
