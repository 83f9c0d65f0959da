//! socketcall(2): i386's one door to all calls on sockets.

use super::super::{Arg, Handler, Regs, Spec, Support::Full, Syscall, View, handler};
use super::{Accept, Accept4, Bind, Connect, Getpeername, Getsockname, Listen, Recvfrom, Sendto, Shutdown, Socket, Socketpair, msg, sockopt};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::mem::GuestMem;
use crate::table;
use crate::task::Task;

table![Socketcall];

/// Name, number of arguments and call of each number from 1 on.
const fn doors<A: Abi>() -> [(&'static str, usize, Handler); 20] {
    [
        ("socket", 3, handler::<Socket, A>()),
        ("bind", 3, handler::<Bind, A>()),
        ("connect", 3, handler::<Connect, A>()),
        ("listen", 2, handler::<Listen, A>()),
        ("accept", 3, handler::<Accept, A>()),
        ("getsockname", 3, handler::<Getsockname, A>()),
        ("getpeername", 3, handler::<Getpeername, A>()),
        ("socketpair", 4, handler::<Socketpair, A>()),
        // send and recv are sendto and recvfrom without an address.
        ("send", 4, handler::<Sendto, A>()),
        ("recv", 4, handler::<Recvfrom, A>()),
        ("sendto", 6, handler::<Sendto, A>()),
        ("recvfrom", 6, handler::<Recvfrom, A>()),
        ("shutdown", 2, handler::<Shutdown, A>()),
        ("setsockopt", 5, handler::<sockopt::Setsockopt, A>()),
        ("getsockopt", 5, handler::<sockopt::Getsockopt, A>()),
        ("sendmsg", 3, handler::<msg::Sendmsg, A>()),
        ("recvmsg", 3, handler::<msg::Recvmsg, A>()),
        ("accept4", 4, handler::<Accept4, A>()),
        ("recvmmsg", 5, handler::<msg::Recvmmsg, A>()),
        ("sendmmsg", 4, handler::<msg::Sendmmsg, A>()),
    ]
}

/// Number and arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Through<A> {
    number: u32,
    args: GuestPtr<A, u32>,
}

impl<A: Abi> Through<A> {
    /// The call's name, and itself with its arguments. EINVAL if there is no such call, EFAULT if they can't be read.
    fn resolve(&self, mem: &GuestMem) -> SysResult<(&'static str, Handler, [u64; 6])> {
        let (name, count, call) = (self.number as usize).checked_sub(1).and_then(|i| doors::<A>().get(i).copied()).ok_or(Errno::EINVAL)?;
        let mut regs = [0; 6];
        for (r, w) in regs.iter_mut().zip(mem.read_array(self.args, count)?) {
            *r = w.into();
        }
        Ok((name, call, regs))
    }
}

impl<A: Abi> Arg for Through<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self { number: u32::take(r), args: GuestPtr::take(r) }
    }
    fn show(&self, v: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Ok((name, call, regs)) = self.resolve(v.mem) else { return write!(f, "{}, {:?}", self.number, self.args) };
        write!(f, "SYS_{}, [{}]", name.to_uppercase(), call.show_all(v, regs))
    }
}

/// socketcall(2).
pub struct Socketcall;
impl Syscall for Socketcall {
    const SPEC: Spec = Spec { name: "socketcall", x64: None, i386: Some(102), support: Full };
    type Args<A: Abi> = (Through<A>,);
    fn call<A: Abi>(t: &mut Task, (through,): Self::Args<A>) -> SysResult {
        let (_, call, regs) = through.resolve(&t.mem)?;
        (call.run)(t, regs)
    }
}
