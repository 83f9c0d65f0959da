//! Message queues of POSIX.

use forklift_x86::GuestAddr;

use super::super::flags;
use super::super::show::{Bytes, In, OpenMode, Sec};
use super::super::sys::{int, opt_ptr, opt_ptr_mut, ptr_mut, sys, wait};
use super::super::{Fd, Restart, Spec, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord, KernelTimespec, TimePair};
use crate::errno::SysResult;
use crate::guest_struct;
use crate::mem::Access;
use crate::table;
use crate::task::Task;

table![MqOpen, MqUnlink, MqTimedsend, MqTimedreceive, MqTimedsendTime64, MqTimedreceiveTime64, MqNotify, MqGetsetattr];

/// No message is longer (HARD_MSGSIZEMAX). Unit: bytes.
const MAX_MESSAGE: u64 = 16 << 20;

/// `struct mq_attr`: flags, most messages, longest message, messages there, and four that are reserved.
type Attr<A> = [<A as Abi>::Word; 8];

fn host_attr<A: Abi>(a: Attr<A>) -> [i64; 8] {
    a.map(GuestWord::signed)
}

/// A queue's name.
fn name(t: &Task, p: Str) -> SysResult<std::ffi::CString> {
    t.mem.read_path(p.0)
}

/// mq_open(2).
pub struct MqOpen;
impl Syscall for MqOpen {
    const SPEC: Spec = Spec { name: "mq_open", x64: Some(240), i386: Some(277), support: Full };
    type Args<A: Abi> = (Str, OpenMode, GuestPtr<A, Attr<A>>);
    fn call<A: Abi>(t: &mut Task, (path, OpenMode(flags, mode), attr): Self::Args<A>) -> SysResult {
        // A 32-bit program's attributes are looked at for a new queue only.
        let attr = if A::IS_32 && flags.0 & libc::O_CREAT as u32 == 0 { None } else { t.mem.read_opt(attr)?.map(host_attr::<A>) };
        let path = name(t, path)?;
        sys(libc::SYS_mq_open, [path.as_ptr() as u64, flags::to_host(flags.0), mode.0.into(), opt_ptr(attr.as_ref())])
    }
}

/// mq_unlink(2).
pub struct MqUnlink;
impl Syscall for MqUnlink {
    const SPEC: Spec = Spec { name: "mq_unlink", x64: Some(241), i386: Some(278), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let path = name(t, path)?;
        sys(libc::SYS_mq_unlink, [path.as_ptr() as u64])
    }
}

fn timeout<A: Abi, T: TimePair>(t: &Task, p: GuestPtr<A, T>) -> SysResult<Option<libc::timespec>> {
    Ok(t.mem.read_opt(p)?.map(TimePair::to_host))
}

fn send<A: Abi, T: TimePair>(t: &mut Task, q: Fd, msg: GuestPtr<A, u8>, len: u64, priority: u32, at: GuestPtr<A, T>) -> SysResult {
    let (q, time) = (t.fd(q)?, timeout(t, at)?);
    let b = t.mem.host_buf(msg.addr(), len.min(MAX_MESSAGE), Access::Read)?;
    wait(t, Restart::Sys, libc::SYS_mq_timedsend, [int(q), b.ptr as u64, len, priority.into(), opt_ptr(time.as_ref())])
}

fn receive<A: Abi, T: TimePair>(t: &mut Task, q: Fd, msg: GuestPtr<A, u8>, len: u64, priority: GuestPtr<A, u32>, at: GuestPtr<A, T>) -> SysResult {
    let (q, time) = (t.fd(q)?, timeout(t, at)?);
    let b = t.mem.host_buf(msg.addr(), len.min(MAX_MESSAGE), Access::Write)?;
    let mut prio = 0u32;
    let n = wait(t, Restart::Sys, libc::SYS_mq_timedreceive, [int(q), b.ptr as u64, len, ptr_mut(&mut prio), opt_ptr(time.as_ref())])?;
    t.mem.write_opt(priority, prio)?;
    Ok(n)
}

/// mq_timedsend(2).
pub struct MqTimedsend;
impl Syscall for MqTimedsend {
    const SPEC: Spec = Spec { name: "mq_timedsend", x64: Some(242), i386: Some(279), support: Full };
    type Args<A: Abi> = (Fd, Bytes<A>, u32, In<A, A::Timespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (q, Bytes(msg, len), priority, In(time, _)): Self::Args<A>) -> SysResult {
        send(t, q, msg, len, priority, time)
    }
}

/// mq_timedsend_time64(2).
pub struct MqTimedsendTime64;
impl Syscall for MqTimedsendTime64 {
    const SPEC: Spec = Spec { name: "mq_timedsend_time64", x64: None, i386: Some(418), support: Full };
    type Args<A: Abi> = (Fd, Bytes<A>, u32, In<A, KernelTimespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (q, Bytes(msg, len), priority, In(time, _)): Self::Args<A>) -> SysResult {
        send(t, q, msg, len, priority, time)
    }
}

/// mq_timedreceive(2).
pub struct MqTimedreceive;
impl Syscall for MqTimedreceive {
    const SPEC: Spec = Spec { name: "mq_timedreceive", x64: Some(243), i386: Some(280), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u64, GuestPtr<A, u32>, GuestPtr<A, A::Timespec>);
    fn call<A: Abi>(t: &mut Task, (q, msg, len, priority, time): Self::Args<A>) -> SysResult {
        receive(t, q, msg, len, priority, time)
    }
}

/// mq_timedreceive_time64(2).
pub struct MqTimedreceiveTime64;
impl Syscall for MqTimedreceiveTime64 {
    const SPEC: Spec = Spec { name: "mq_timedreceive_time64", x64: None, i386: Some(419), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u64, GuestPtr<A, u32>, GuestPtr<A, KernelTimespec>);
    fn call<A: Abi>(t: &mut Task, (q, msg, len, priority, time): Self::Args<A>) -> SysResult {
        receive(t, q, msg, len, priority, time)
    }
}

guest_struct! {
    /// The head of the host's `struct sigevent`, in its 64 bytes.
    pub struct HostEvent = 64 { value: u64, signal: i32, notify: i32, rest: [u64; 6] }
}

/// Bytes of the cookie that SIGEV_THREAD's value points to.
const COOKIE: u64 = 32;

/// mq_notify(2).
pub struct MqNotify;
impl Syscall for MqNotify {
    const SPEC: Spec = Spec { name: "mq_notify", x64: Some(244), i386: Some(281), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, A::Word>);
    fn call<A: Abi>(t: &mut Task, (q, event): Self::Args<A>) -> SysResult {
        let q = t.fd(q)?;
        if event.is_null() {
            return sys(libc::SYS_mq_notify, [int(q), 0]);
        }
        let value = t.mem.read_word::<A>(event)?;
        let [signal, notify] = t.mem.read(event.offset::<[i32; 2]>(A::WORD))?;
        let value = match notify {
            libc::SIGEV_THREAD => t.mem.host_buf(GuestAddr::new(value), COOKIE, Access::Read)?.ptr as u64,
            _ => value,
        };
        let host = HostEvent { value, signal, notify, ..HostEvent::default() };
        sys(libc::SYS_mq_notify, [int(q), super::super::sys::ptr(&host)])
    }
}

/// mq_getsetattr(2).
pub struct MqGetsetattr;
impl Syscall for MqGetsetattr {
    const SPEC: Spec = Spec { name: "mq_getsetattr", x64: Some(245), i386: Some(282), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, Attr<A>>, GuestPtr<A, Attr<A>>);
    fn call<A: Abi>(t: &mut Task, (q, new, old): Self::Args<A>) -> SysResult {
        let new = t.mem.read_opt(new)?.map(host_attr::<A>);
        let mut before = (!old.is_null()).then_some([0i64; 8]);
        sys(libc::SYS_mq_getsetattr, [int(t.fd(q)?), opt_ptr(new.as_ref()), opt_ptr_mut(before.as_mut())])?;
        if let Some(b) = before {
            t.mem.write(old, b.map(|v| A::Word::from_u64(v as u64)))?;
        }
        Ok(0)
    }
}
