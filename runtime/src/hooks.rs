//! What an embedder may put between a guest and its kernel.

use std::sync::Arc;

use forklift_x86::{Fault, Mode};

use crate::errno::SysResult;
use crate::task::Task;

/// A system call that the guest is about to make.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The ABI, by the mode of its programs.
    pub abi: Mode,
    /// Its number.
    pub number: u64,
    /// Its name, if the kernel's headers know it.
    pub name: Option<&'static str>,
    /// The argument registers.
    pub args: [u64; 6],
}

/// Sees each system call first. `Some` is its result; `None` lets it be done.
pub type SyscallHook = dyn Fn(&mut Task, &Call) -> Option<SysResult> + Send + Sync;

/// Sees each exception of the processor first. `true`: dealt with, go on at `rip`; `false`: the guest gets the signal.
pub type FaultHook = dyn Fn(&mut Task, Fault) -> bool + Send + Sync;

/// The hooks of a process and of those that it forks. A program that it executes has none.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) syscall: Option<Arc<SyscallHook>>,
    pub(crate) fault: Option<Arc<FaultHook>>,
}
