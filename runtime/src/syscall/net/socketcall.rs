//! socketcall(2): i386's one door to all calls on sockets.

use forklift_x86::GuestAddr;

use super::super::{Arg, Args, Regs, Spec, Support::Full, Syscall};
use super::{Accept, Accept4, Bind, Connect, Getpeername, Getsockname, Listen, Recvfrom, Sendto, Shutdown, Socket, Socketpair, msg, sockopt};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::mem::GuestMem;
use crate::table;
use crate::task::Task;

table![Socketcall];

/// A call by its arguments.
type Door = fn(&mut Task, [u64; 6]) -> SysResult;

fn door<S: Syscall, A: Abi>(t: &mut Task, args: [u64; 6]) -> SysResult {
    S::call::<A>(t, Args::take(&mut Regs::new::<A>(args)))
}

/// Name, number of arguments and call of each number from 1 on.
const fn doors<A: Abi>() -> [(&'static str, usize, Door); 20] {
    [
        ("socket", 3, door::<Socket, A>),
        ("bind", 3, door::<Bind, A>),
        ("connect", 3, door::<Connect, A>),
        ("listen", 2, door::<Listen, A>),
        ("accept", 3, door::<Accept, A>),
        ("getsockname", 3, door::<Getsockname, A>),
        ("getpeername", 3, door::<Getpeername, A>),
        ("socketpair", 4, door::<Socketpair, A>),
        // send and recv are sendto and recvfrom without an address.
        ("send", 4, door::<Sendto, A>),
        ("recv", 4, door::<Recvfrom, A>),
        ("sendto", 6, door::<Sendto, A>),
        ("recvfrom", 6, door::<Recvfrom, A>),
        ("shutdown", 2, door::<Shutdown, A>),
        ("setsockopt", 5, door::<sockopt::Setsockopt, A>),
        ("getsockopt", 5, door::<sockopt::Getsockopt, A>),
        ("sendmsg", 3, door::<msg::Sendmsg, A>),
        ("recvmsg", 3, door::<msg::Recvmsg, A>),
        ("accept4", 4, door::<Accept4, A>),
        ("recvmmsg", 5, door::<msg::Recvmmsg, A>),
        ("sendmmsg", 4, door::<msg::Sendmmsg, A>),
    ]
}

/// The number of a call.
#[derive(Clone, Copy, Debug)]
pub struct Number(u32);

impl Arg for Number {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32)
    }
    fn show(&self, _: &GuestMem, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.0 as usize).checked_sub(1).and_then(|i| doors::<crate::abi::I386>().get(i).copied()) {
            Some((name, ..)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// socketcall(2).
pub struct Socketcall;
impl Syscall for Socketcall {
    const SPEC: Spec = Spec { name: "socketcall", x64: None, i386: Some(102), support: Full };
    type Args<A: Abi> = (Number, GuestAddr);
    fn call<A: Abi>(t: &mut Task, (number, args): Self::Args<A>) -> SysResult {
        let (_, count, call) = (number.0 as usize).checked_sub(1).and_then(|i| doors::<A>().get(i).copied()).ok_or(Errno::EINVAL)?;
        let words: Vec<A::Word> = t.mem.read_array(GuestPtr::<A, A::Word>::new(args), count)?;
        let mut regs = [0; 6];
        for (r, w) in regs.iter_mut().zip(words) {
            *r = w.into();
        }
        call(t, regs)
    }
}
