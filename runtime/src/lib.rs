//! forklift as a library: a Linux process for x86 guests.
//!
//! | module | what |
//! |---|---|
//! | [`abi`] | the two kernel interfaces as types; guest structures and pointers |
//! | [`errno`] | errors of the guest's kernel |
//! | [`mem`] | guest memory: address space, map, fault-safe access |
//! | [`process`], [`task`] | a guest process and its threads |
//! | [`syscall`] | system calls: one item each, tables, `--strace` |
//! | [`paths`] | the guest's paths on the host |
//! | [`host`] | what depends on the host's architecture |

pub mod abi;
pub mod errno;
pub mod host;
pub mod mem;
pub mod paths;
pub mod process;
pub mod syscall;
pub mod task;

pub use errno::{Errno, SysResult};
