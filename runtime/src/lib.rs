//! forklift as a library: a Linux process for x86 guests.
//!
//! | module | what |
//! |---|---|
//! | [`abi`] | the two kernel interfaces as types; guest structures and pointers |
//! | [`errno`] | errors of the guest's kernel |
//! | [`clone`], [`exec`] | new threads, processes and programs |
//! | [`dump`] | printing blocks that are compiled |
//! | [`engine`] | the loop that runs a thread |
//! | [`error`] | failures of forklift itself |
//! | [`loader`] | from a path to a program in memory |
//! | [`machine`] | building a process and running it |
//! | [`mem`] | guest memory: address space, map, fault-safe access |
//! | [`process`], [`task`] | a guest process and its threads |
//! | [`procfs`] | files of /proc that describe the guest |
//! | [`segments`] | GDT and LDT entries of programs |
//! | [`signal`] | signals |
//! | [`stats`] | what a process has done |
//! | [`syscall`] | system calls: one item each, tables, `--strace` |
//! | [`paths`] | the guest's paths on the host |
//! | [`host`] | what depends on the host's architecture |

pub mod abi;
#[doc(hidden)]
pub mod cli;
pub mod clone;
pub mod dump;
pub mod engine;
pub mod errno;
pub mod error;
pub mod exec;
pub mod host;
pub mod loader;
pub mod machine;
pub mod mem;
pub mod paths;
pub mod process;
pub mod procfs;
pub mod segments;
pub mod signal;
pub mod stats;
pub mod syscall;
pub mod task;

pub use errno::{Errno, SysResult};
pub use error::Error;
pub use machine::Machine;
