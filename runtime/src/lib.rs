//! forklift as a library: a Linux process for x86 guests.
//!
//! [`Linux`] runs a program; [`BareMachine`] is a processor with memory that you map.
//!
//! | module | what |
//! |---|---|
//! | [`abi`] | the two kernel interfaces as types; guest structures and pointers |
//! | [`errno`] | errors of the guest's kernel |
//! | [`bare`], [`linux`], [`hooks`] | for embedders |
//! | [`binfmt`] | what the kernel is told, so that it starts programs with forklift |
//! | [`cache`] | translated code from earlier runs |
//! | [`clone`], [`exec`] | new threads, processes and programs |
//! | [`dump`] | printing blocks that are compiled |
//! | [`engine`] | the loop that runs a thread |
//! | [`error`] | failures of forklift itself |
//! | [`loader`] | from a path to a program in memory |
//! | [`machine`] | building a process and running it |
//! | [`mem`] | guest memory: address space, map, fault-safe access |
//! | [`perf`] | profiles with the guest's names |
//! | [`process`], [`task`] | a guest process and its threads |
//! | [`procfs`] | files of /proc that describe the guest |
//! | [`segments`] | GDT and LDT entries of programs |
//! | [`signal`] | signals |
//! | [`stats`] | what a process has done |
//! | [`syscall`] | system calls: one item each, tables, `--strace` |
//! | [`paths`] | the guest's paths on the host |
//! | [`host`] | what depends on the host's architecture |

pub mod abi;
pub mod bare;
pub mod binfmt;
pub mod cache;
#[doc(hidden)]
pub mod cli;
pub mod clone;
pub mod dump;
pub mod engine;
pub mod errno;
pub mod error;
pub mod exec;
pub mod hooks;
pub mod host;
pub mod linux;
pub mod loader;
pub mod machine;
pub mod mem;
mod naming;
pub mod paths;
pub mod perf;
pub mod process;
pub mod procfs;
pub mod root;
pub mod segments;
pub mod signal;
pub mod stats;
pub mod syscall;
pub mod task;

pub use bare::BareMachine;
pub use errno::{Errno, SysResult};
pub use error::Error;
pub use linux::Linux;
pub use machine::Machine;

/// The interpreter.
pub use forklift_interp as interp;
/// The crate that says what an x86 machine is.
pub use forklift_x86 as x86;
