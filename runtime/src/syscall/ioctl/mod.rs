//! ioctl. Requests have one number on all hosts but for those whose number has the size of a `long`; what differs between the ABIs is in the files here.
//!
//! A request of the tables is handed to the host with its argument as the table says. What the tables don't have: from a 64-bit program it is handed over too, as the
//! generic ABI's structures are x86-64's (size and direction are in the number); from a 32-bit program it is refused with ENOTTY, as its layout isn't known.

mod block;
mod file;
mod sock;
mod tty;

use core::fmt;

use forklift_x86::GuestAddr;

use super::sys::{int, sys, wait};
use super::{Arg, Fd, Regs, Restart, Spec, Support::Partial, Syscall, View};
use crate::abi::{Abi, GuestPtr, Pod};
use crate::errno::{Errno, SysResult};
use crate::mem::Access;
use crate::table;
use crate::task::Task;

table![Ioctl];

/// What the argument of a request is.
#[derive(Clone, Copy)]
enum Argument {
    /// A number, or nothing.
    Value,
    /// Address of so many bytes that the kernel reads.
    In(u16),
    /// Address of so many bytes that the kernel writes, and may read.
    Out(u16),
    /// Something else on each ABI.
    Own(fn(&mut Task, Call) -> SysResult),
}

/// A request that is known.
struct Request {
    number: u32,
    name: &'static str,
    argument: Argument,
}

const fn value(number: u32, name: &'static str) -> Request {
    Request { number, name, argument: Argument::Value }
}

const fn input(number: u32, name: &'static str, size: u16) -> Request {
    Request { number, name, argument: Argument::In(size) }
}

const fn output(number: u32, name: &'static str, size: u16) -> Request {
    Request { number, name, argument: Argument::Out(size) }
}

const fn own(number: u32, name: &'static str, run: fn(&mut Task, Call) -> SysResult) -> Request {
    Request { number, name, argument: Argument::Own(run) }
}

/// A call, for requests of their own.
#[derive(Clone, Copy)]
struct Call {
    fd: i32,
    request: u32,
    arg: u64,
    is_32: bool,
}

impl Call {
    const fn addr(self) -> GuestAddr {
        GuestAddr::new(self.arg)
    }

    /// The host's request with a register of ours.
    fn host(self, arg: u64) -> SysResult {
        sys(libc::SYS_ioctl, [int(self.fd), self.request.into(), arg])
    }
}

fn find(number: u32) -> Option<&'static Request> {
    [tty::REQUESTS, sock::REQUESTS, file::REQUESTS, block::REQUESTS].into_iter().flatten().find(|r| r.number == number)
}

/// The number of a request, and its argument.
#[derive(Clone, Copy, Debug)]
pub struct Operation(u32, u64);

impl Arg for Operation {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32, r.word())
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(request) = find(self.0) else { return write!(f, "{:#x}, {:#x}", self.0, self.1) };
        write!(f, "{}, ", request.name)?;
        let p = GuestPtr::<(), i32>::new(GuestAddr::new(self.1));
        match request.argument {
            Argument::Value => write!(f, "{}", self.1),
            Argument::In(4) => show_as::<i32>(p, v, |n| format!("[{n}]"), f),
            Argument::Out(4) if v.value().is_some() => show_as::<i32>(p, v, |n| format!("[{n}]"), f),
            Argument::In(WINSIZE) => show_as(p.cast(), v, show_size, f),
            Argument::Out(WINSIZE) if v.value().is_some() => show_as(p.cast(), v, show_size, f),
            _ => write!(f, "{p:?}"),
        }
    }
}

/// Size of `struct winsize`, which only requests for it have. Unit: bytes.
const WINSIZE: u16 = 8;

fn show_size([rows, columns, width, height]: [u16; 4]) -> String {
    format!("{{ws_row={rows}, ws_col={columns}, ws_xpixel={width}, ws_ypixel={height}}}")
}

fn show_as<T: Pod>(p: GuestPtr<(), T>, v: &View<'_>, show: impl Fn(T) -> String, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match v.mem.read(p) {
        Ok(value) => f.write_str(&show(value)),
        Err(_) => write!(f, "{p:?}"),
    }
}

/// Hands a buffer of the guest over. Terminals may make their callers wait.
fn by_pointer(t: &mut Task, c: Call, size: u64, access: Access) -> SysResult {
    let b = t.mem.host_buf(c.addr(), size, access)?;
    wait(t, Restart::Sys, libc::SYS_ioctl, [int(c.fd), c.request.into(), b.ptr as u64])
}

/// A request of a 64-bit program that no table has.
fn unknown(t: &mut Task, c: Call) -> SysResult {
    let (size, direction) = (c.request >> 16 & 0x3fff, c.request >> 30);
    match direction {
        0 => wait(t, Restart::Sys, libc::SYS_ioctl, [int(c.fd), c.request.into(), c.arg]),
        1 => by_pointer(t, c, size.into(), Access::Read),
        _ => by_pointer(t, c, size.into(), Access::Write),
    }
}

/// ioctl(2).
pub struct Ioctl;
impl Syscall for Ioctl {
    const SPEC: Spec = Spec {
        name: "ioctl",
        x64: Some(16),
        i386: Some(54),
        support: Partial("requests of 32-bit programs: terminals, sockets, files, block devices; ENOTTY for others"),
    };
    type Args<A: Abi> = (Fd, Operation);
    fn call<A: Abi>(t: &mut Task, (fd, Operation(request, arg)): Self::Args<A>) -> SysResult {
        let c = Call { fd: t.fd(fd)?, request, arg, is_32: A::IS_32 };
        // What isn't open, or only as a path, is refused before all else.
        sys(libc::SYS_fcntl, [int(c.fd), libc::F_GETOWN as u64])?;
        match find(request).map(|r| r.argument) {
            Some(Argument::Value) => wait(t, Restart::Sys, libc::SYS_ioctl, [int(c.fd), c.request.into(), arg]),
            Some(Argument::In(size)) => by_pointer(t, c, size.into(), Access::Read),
            Some(Argument::Out(size)) => by_pointer(t, c, size.into(), Access::Write),
            Some(Argument::Own(run)) => run(t, c),
            None if !A::IS_32 => unknown(t, c),
            None => Err(Errno::ENOTTY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_twice() {
        let mut all: Vec<u32> = [tty::REQUESTS, sock::REQUESTS, file::REQUESTS, block::REQUESTS].into_iter().flatten().map(|r| r.number).collect();
        let n = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n);
    }
}
