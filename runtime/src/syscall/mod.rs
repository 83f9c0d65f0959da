//! System calls.
//!
//! **One item per call**: a type that implements [`Syscall`], with its name, both numbers and how complete it is in `SPEC`, typed arguments generic over the ABI, and a body.
//! Each area's file has a `TABLE` (macro [`table!`](crate::table)), and [`AREAS`] below joins them; dispatch, `--strace`, `forklift syscalls` and the list of what is
//! missing all come from there. A number used twice doesn't compile.
//!
//! **To add a call**: write the item in its area's file, name it in that file's `table!`. To add an area: a file with a `TABLE`, a line in `AREAS`.
//!
//! **What a body uses** (`t: &mut Task`):
//! * `t.mem`: [`GuestMem`](crate::mem::GuestMem): `read`/`write` of [`guest_struct!`](crate::guest_struct) types through [`GuestPtr`](crate::abi::GuestPtr), `read_path`, `host_buf` (zero-copy buffer for a
//!   host call; gives translated code pages back), `host_iovecs`, `prepare_write`.
//! * `t.fd(Fd)`: the host's descriptor (EBADF for forklift's own). Guest descriptors are host descriptors.
//! * `t.host_path(dir, &path)`: what to give to the host's `*at` call, with `--root` and /proc/self applied. [`crate::procfs`] has the files that are the guest's.
//! * [`host::syscall`](crate::host::syscall) for calls that don't block; [`Task::block`] for those that do: it says which [`Restart`] the
//!   kernel gives the call, and everything about EINTR, SA_RESTART and lost wake-ups follows from it.
//! * `t.sigmask_for_wait` for calls with a temporary signal mask (ppoll, pselect, epoll_pwait).
//! * `t.process`: what threads share.
//!
//! Results are [`SysResult`]: the value for the result register, or an [`Errno`](crate::errno::Errno).

mod args;
mod basic;
mod dir;
mod dispatch;
mod epoll;
mod events;
mod fcntl;
mod file;
mod flags;
mod futex;
mod ids;
mod ioctl;
mod ipc;
mod large;
mod limits;
mod link;
mod memory;
mod mount;
pub mod names;
mod net;
mod other_process;
mod perm;
mod pipe;
mod plain;
mod poll;
mod process;
mod refused;
mod rw;
mod show;
mod signals;
mod stat;
mod strace;
mod sys;
mod threads;
mod time;
mod times;
mod xattr;

use crate::abi::{Abi, I386, X64};
use crate::errno::SysResult;
use crate::task::Task;

pub use args::{Arg, Args, Fd, Hex, Octal, Regs, Sig, Split64, Str};
pub use dispatch::{Restart, dispatch};
pub use show::View;
pub use strace::Strace;

/// How complete a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Support {
    /// All of it.
    Full,
    /// The text says what is missing; that part is refused with an error.
    Partial(&'static str),
    /// Always refused, with the error and for the reason in the text.
    Refused(&'static str),
}

/// What is said about a call once.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The kernel's name.
    pub name: &'static str,
    /// Number on x86-64.
    pub x64: Option<u16>,
    /// Number on i386.
    pub i386: Option<u16>,
    /// How complete it is.
    pub support: Support,
}

/// What the result of a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returns {
    /// A number.
    Number,
    /// An address.
    Address,
    /// Permission bits.
    Mode,
}

/// A system call.
pub trait Syscall {
    /// Names and numbers.
    const SPEC: Spec;
    /// What its result is, for `--strace`.
    const RETURNS: Returns = Returns::Number;
    /// Its arguments.
    type Args<A: Abi>: Args;
    /// What it does.
    ///
    /// # Errors
    /// Those of its man page.
    fn call<A: Abi>(t: &mut Task, args: Self::Args<A>) -> SysResult;
}

/// The calls of one ABI, without their type.
#[derive(Clone, Copy)]
struct Handler {
    run: fn(&mut Task, [u64; 6]) -> SysResult,
    show: fn(&View<'_>, [u64; 6], &mut Vec<String>),
}

impl Handler {
    /// The arguments of a call through another, shown when it has returned.
    fn show_all(&self, v: &View<'_>, regs: [u64; 6]) -> String {
        let mut args = Vec::new();
        (self.show)(&View { result: None, ..*v }, regs, &mut args);
        (self.show)(v, regs, &mut args);
        args.join(", ")
    }
}

/// A call in a table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Names and numbers.
    pub spec: Spec,
    returns: Returns,
    x64: Handler,
    i386: Handler,
}

const fn handler<S: Syscall, A: Abi>() -> Handler {
    Handler {
        run: |t, regs| S::call::<A>(t, Args::take(&mut Regs::new::<A>(regs))),
        show: |view, regs, out| S::Args::<A>::take(&mut Regs::new::<A>(regs)).show(view, out),
    }
}

/// The entry for a call.
pub const fn entry<S: Syscall>() -> Entry {
    Entry { spec: S::SPEC, returns: S::RETURNS, x64: handler::<S, X64>(), i386: handler::<S, I386>() }
}

/// Defines `TABLE`: the calls of a file.
#[macro_export]
macro_rules! table {
    ($($call:ident),* $(,)?) => {
        /// The calls of this file.
        pub(in $crate::syscall) const TABLE: &[$crate::syscall::Entry] = &[$($crate::syscall::entry::<$call>()),*];
    };
}

/// All areas.
const AREAS: &[&[Entry]] = &[
    basic::TABLE,
    dir::TABLE,
    epoll::TABLE,
    events::TABLE,
    fcntl::TABLE,
    file::TABLE,
    futex::TABLE,
    ids::TABLE,
    ioctl::TABLE,
    ipc::DOOR_TABLE,
    ipc::MQUEUE_TABLE,
    ipc::MSG_TABLE,
    ipc::SEM_TABLE,
    ipc::SHM_TABLE,
    limits::TABLE,
    link::TABLE,
    memory::TABLE,
    mount::TABLE,
    net::MSG_TABLE,
    net::SOCKETCALL_TABLE,
    net::SOCKOPT_TABLE,
    net::TABLE,
    other_process::TABLE,
    perm::TABLE,
    pipe::TABLE,
    poll::TABLE,
    refused::TABLE,
    rw::TABLE,
    process::TABLE,
    signals::TABLE,
    stat::TABLE,
    threads::TABLE,
    time::TABLE,
    times::TABLE,
    xattr::TABLE,
];

/// All calls that are implemented or refused on purpose.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    AREAS.iter().copied().flatten()
}

/// Numbers are below this.
const NUMBERS: usize = 512;

static BY_X64: [Option<&Entry>; NUMBERS] = index(true);
static BY_I386: [Option<&Entry>; NUMBERS] = index(false);

const fn index(x64: bool) -> [Option<&'static Entry>; NUMBERS] {
    let mut out = [None; NUMBERS];
    let mut a = 0;
    while a < AREAS.len() {
        let mut i = 0;
        while i < AREAS[a].len() {
            let e = &AREAS[a][i];
            if let Some(nr) = if x64 { e.spec.x64 } else { e.spec.i386 } {
                assert!(out[nr as usize].is_none(), "two system calls have one number");
                out[nr as usize] = Some(e);
            }
            i += 1;
        }
        a += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        for e in all() {
            let s = e.spec;
            for (nr, table) in [(s.x64, names::X64), (s.i386, names::I386)] {
                if let Some(nr) = nr {
                    assert_eq!(names::name(table, nr.into()), Some(s.name), "{nr}");
                }
            }
        }
    }
}
