//! Messages: sendmsg, recvmsg, and their versions for several at once.

use core::fmt;

use forklift_x86::GuestAddr;

use super::super::show::{In, MsgFlags, Sec, show_address, show_vectors};
use super::super::sys::{int, ptr, ptr_mut};
use super::super::{Arg, Fd, Regs, Spec, Support::Full, Syscall, View};
use super::{Addr, MAX_ADDR, check_socket, cmsg, wait_socket};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, GuestMem, IoVecs};
use crate::table;
use crate::task::Task;

table![Sendmsg, Recvmsg, Sendmmsg, Recvmmsg, RecvmmsgTime64];

guest_struct! {
    /// `struct msghdr` of x86-64.
    pub struct MsgX64 = 56 { name: u64, namelen: i32, pad: u32, iov: u64, iovlen: u64, control: u64, controllen: u64, flags: u32, pad2: u32 }
}
guest_struct! {
    /// `struct msghdr` of i386.
    pub struct MsgI386 = 28 { name: u32, namelen: i32, iov: u32, iovlen: u32, control: u32, controllen: u32, flags: u32 }
}

/// Most buffers of one message.
const UIO_MAXIOV: u64 = 1024;
/// More ancillary data than any kernel's `optmem_max` takes. Unit: bytes.
const MAX_CONTROL: u64 = 1 << 20;
/// MSG_CMSG_COMPAT, the kernel's own.
const MSG_CMSG_COMPAT: u32 = 0x8000_0000;

/// A message header of either ABI.
struct Header {
    name: GuestAddr,
    namelen: i32,
    iov: GuestAddr,
    iovlen: u64,
    control: GuestAddr,
    controllen: u64,
    flags: u32,
}

impl Header {
    fn read<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>) -> SysResult<Self> {
        let h = match A::IS_32 {
            true => {
                let m: MsgI386 = mem.read(p.cast())?;
                let addr = |a: u32| GuestAddr::new(a.into());
                let (iovlen, controllen) = (m.iovlen.into(), m.controllen.into());
                Self { name: addr(m.name), namelen: m.namelen, iov: addr(m.iov), iovlen, control: addr(m.control), controllen, flags: m.flags }
            }
            false => {
                let m: MsgX64 = mem.read(p.cast())?;
                let addr = GuestAddr::new;
                Self {
                    name: addr(m.name),
                    namelen: m.namelen,
                    iov: addr(m.iov),
                    iovlen: m.iovlen,
                    control: addr(m.control),
                    controllen: m.controllen,
                    flags: m.flags,
                }
            }
        };
        if h.name.get() != 0 && h.namelen < 0 {
            return Err(Errno::EINVAL);
        }
        Ok(h)
    }

    fn buffers<A: Abi>(&self, t: &Task, access: Access) -> SysResult<IoVecs> {
        if self.iovlen > UIO_MAXIOV {
            return Err(Errno::EMSGSIZE);
        }
        t.mem.host_iovecs::<A>(GuestPtr::new(self.iov), self.iovlen, access)
    }

    /// Writes back what recvmsg changes.
    fn finish<A: Abi>(t: &Task, p: GuestPtr<A, u8>, namelen: Option<u32>, controllen: u64, flags: i32) -> SysResult<()> {
        let (len_at, ctl_at, flags_at) = if A::IS_32 { (4, 20, 24) } else { (8, 40, 48) };
        if let Some(n) = namelen {
            t.mem.write(p.offset::<u32>(len_at), n)?;
        }
        t.mem.write(p.offset::<i32>(flags_at), flags)?;
        match A::IS_32 {
            true => t.mem.write(p.offset::<u32>(ctl_at), controllen as u32),
            false => t.mem.write(p.offset::<u64>(ctl_at), controllen),
        }
    }
}

/// Prints a header, with the first `filled` bytes of its buffers if that is given.
fn show_message<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>, filled: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(h) = Header::read(mem, p) else { return write!(f, "{p:?}") };
    f.write_str("{msg_name=")?;
    show_address(mem, GuestPtr::<A, u8>::new(h.name), h.namelen, f)?;
    write!(f, ", msg_namelen={}, msg_iov=", h.namelen)?;
    show_vectors::<A>(mem, GuestPtr::new(h.iov), h.iovlen, filled, f)?;
    write!(f, ", msg_iovlen={}, msg_controllen={}, msg_flags={}}}", h.iovlen, h.controllen, MsgFlags(h.flags))
}

/// A message that the call sends.
pub struct SentMessage<A>(GuestPtr<A, u8>);

/// A message that the call receives.
pub struct ReceivedMessage<A>(GuestPtr<A, u8>);

impl<A: Abi> Arg for SentMessage<A> {
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_message(v.mem, self.0, None, f)
    }
}

impl<A: Abi> Arg for ReceivedMessage<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(n) => show_message(v.mem, self.0, Some(n), f),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// What isn't a socket is refused before a bad message is.
fn socket_first<T>(fd: i32, r: SysResult<T>) -> SysResult<T> {
    if r.is_err() {
        check_socket(fd)?;
    }
    r
}

/// Flags of a message for the host. MSG_CMSG_COMPAT is the kernel's own: refused from x86-64, before all else, and nothing new from i386.
const fn host_flags<A: Abi>(flags: u32) -> SysResult<u32> {
    if !A::IS_32 && flags & MSG_CMSG_COMPAT != 0 { Err(Errno::EINVAL) } else { Ok(flags & !MSG_CMSG_COMPAT) }
}

/// The host's header, empty.
const fn host_header() -> libc::msghdr {
    // SAFETY: null pointers and zeroes.
    unsafe { core::mem::zeroed() }
}

/// The ancillary data that a message sends, in the host's form.
fn control<A: Abi>(t: &Task, h: &Header) -> SysResult<Vec<u8>> {
    if h.controllen > i32::MAX as u64 {
        return Err(Errno::ENOBUFS);
    }
    let len = match h.controllen {
        0 => return Ok(Vec::new()),
        len if A::IS_32 => cmsg::extent(t, h.control, len)?,
        len => len,
    };
    if len > MAX_CONTROL {
        return Err(if A::IS_32 { Errno::ENOMEM } else { Errno::ENOBUFS });
    }
    let mut control = vec![0; len as usize];
    t.mem.read_bytes(h.control, &mut control)?;
    if A::IS_32 { cmsg::to_host(&control) } else { Ok(control) }
}

/// What a message sends, read from the guest in the kernel's order.
struct Outgoing {
    name: Option<Addr>,
    buffers: IoVecs,
    control: Vec<u8>,
}

impl Outgoing {
    fn read<A: Abi>(t: &Task, p: GuestPtr<A, u8>) -> SysResult<Self> {
        let h = Header::read(&t.mem, p)?;
        let name = match h.name.get() != 0 && h.namelen > 0 {
            true => Some(Addr::read(t, GuestPtr::<A, u8>::new(h.name), h.namelen.min(MAX_ADDR as i32))?),
            false => None,
        };
        if name.as_ref().is_some_and(|n| n.unread) {
            return Err(Errno::EFAULT);
        }
        let buffers = h.buffers::<A>(t, Access::Read)?;
        // What can't be read of the buffers is found before the rest is looked at.
        let control = if buffers.is_bad() { Vec::new() } else { control::<A>(t, &h)? };
        Ok(Self { name, buffers, control })
    }
}

fn send<A: Abi>(t: &mut Task, fd: Fd, p: GuestPtr<A, u8>, flags: u32) -> SysResult {
    let flags = host_flags::<A>(flags)?;
    let fd = t.fd(fd)?;
    let m = socket_first(fd, Outgoing::read(t, p))?;
    let mut host = host_header();
    if let Some(n) = &m.name {
        (host.msg_name, host.msg_namelen) = (ptr(&n.bytes) as *mut _, n.len);
    }
    (host.msg_iov, host.msg_iovlen) = (m.buffers.addr() as *mut _, m.buffers.count() as _);
    if !m.control.is_empty() {
        (host.msg_control, host.msg_controllen) = (ptr(&m.control[..]) as *mut _, m.control.len() as _);
    }
    wait_socket(t, fd, libc::SO_SNDTIMEO, libc::SYS_sendmsg, [int(fd), ptr(&host), flags.into()])
}

fn receive<A: Abi>(t: &mut Task, fd: Fd, p: GuestPtr<A, u8>, flags: u32) -> SysResult {
    let flags = host_flags::<A>(flags)?;
    let fd = t.fd(fd)?;
    let h = socket_first(fd, Header::read(&t.mem, p))?;
    let mut host = host_header();
    let mut name = Addr::empty();
    (host.msg_name, host.msg_namelen) = (ptr_mut(&mut name.bytes) as *mut _, name.len);
    let v = socket_first(fd, h.buffers::<A>(t, Access::Write))?;
    (host.msg_iov, host.msg_iovlen) = (v.addr() as *mut _, v.count() as _);
    let room = h.controllen.min(MAX_CONTROL) as usize;
    // The host's form takes at most 4 bytes more for each header of 12, and 4 more for alignment.
    let mut control = vec![0u8; if A::IS_32 && room > 0 { 2 * room + 64 } else { room }];
    (host.msg_control, host.msg_controllen) = (ptr_mut(&mut control[..]) as *mut _, control.len() as _);
    let n = wait_socket(t, fd, libc::SO_RCVTIMEO, libc::SYS_recvmsg, [int(fd), ptr_mut(&mut host), flags.into()])?;
    control.truncate(host.msg_controllen as _);
    let mut out_flags = host.msg_flags;
    if A::IS_32 {
        let r = cmsg::to_guest(&control, room);
        out_flags |= if r.truncated { libc::MSG_CTRUNC } else { 0 };
        control = r.bytes;
    }
    let mut namelen = None;
    if h.name.get() != 0 {
        name.len = host.msg_namelen;
        name.leave_root(t);
        let have = name.len.min(MAX_ADDR as u32);
        t.mem.write_bytes(h.name, &name.bytes[..(h.namelen as usize).min(have as usize)])?;
        namelen = Some(name.len);
    }
    t.mem.write_bytes(h.control, &control)?;
    Header::finish(t, p, namelen, control.len() as u64, out_flags)?;
    Ok(n)
}

/// sendmsg(2).
pub struct Sendmsg;
impl Syscall for Sendmsg {
    const SPEC: Spec = Spec { name: "sendmsg", x64: Some(46), i386: Some(370), support: Full };
    type Args<A: Abi> = (Fd, SentMessage<A>, MsgFlags);
    fn call<A: Abi>(t: &mut Task, (fd, SentMessage(msg), flags): Self::Args<A>) -> SysResult {
        send(t, fd, msg, flags.0)
    }
}

/// recvmsg(2).
pub struct Recvmsg;
impl Syscall for Recvmsg {
    const SPEC: Spec = Spec { name: "recvmsg", x64: Some(47), i386: Some(372), support: Full };
    type Args<A: Abi> = (Fd, ReceivedMessage<A>, MsgFlags);
    fn call<A: Abi>(t: &mut Task, (fd, ReceivedMessage(msg), flags): Self::Args<A>) -> SysResult {
        receive(t, fd, msg, flags.0)
    }
}

/// Bytes of `struct mmsghdr`, and where its length lies.
const fn mmsg<A: Abi>() -> (u64, u64) {
    if A::IS_32 { (32, 28) } else { (64, 56) }
}

/// Does `one` for each of `count` messages, until an error or until it says that it is enough. The error counts if nothing was done before it.
fn each<A: Abi>(t: &mut Task, first: GuestPtr<A, u8>, count: u32, mut one: impl FnMut(&mut Task, GuestPtr<A, u8>, u32) -> SysResult<(u64, bool)>) -> SysResult {
    let (size, len_at) = mmsg::<A>();
    let mut done = 0;
    while done < count.min(UIO_MAXIOV as u32) {
        let p = first.offset::<u8>(size * u64::from(done));
        match one(t, p, done) {
            Ok((n, enough)) => {
                t.mem.write(p.offset::<u32>(len_at), n as u32)?;
                done += 1;
                if enough {
                    break;
                }
            }
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        }
    }
    Ok(done.into())
}

/// sendmmsg(2).
pub struct Sendmmsg;
impl Syscall for Sendmmsg {
    const SPEC: Spec = Spec { name: "sendmmsg", x64: Some(307), i386: Some(345), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u32, MsgFlags);
    fn call<A: Abi>(t: &mut Task, (fd, msgs, count, flags): Self::Args<A>) -> SysResult {
        host_flags::<A>(flags.0)?;
        check_socket(t.fd(fd)?)?;
        each(t, msgs, count, |t, p, _| Ok((send(t, fd, p, flags.0)?, false)))
    }
}

fn now() -> i128 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a structure of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
    i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec)
}

/// The time-out is looked at between messages only, as in the kernel.
fn recvmmsg<A: Abi, T: TimePair>(t: &mut Task, fd: Fd, msgs: GuestPtr<A, u8>, count: u32, flags: u32, at: GuestPtr<A, T>) -> SysResult {
    const WAITFORONE: u32 = libc::MSG_WAITFORONE as u32;
    host_flags::<A>(flags)?;
    let deadline = match t.mem.read_opt(at)?.map(TimePair::get) {
        Some((sec, nsec)) if sec < 0 || !(0..1_000_000_000).contains(&nsec) => return Err(Errno::EINVAL),
        Some((sec, nsec)) => Some(now() + i128::from(sec) * 1_000_000_000 + i128::from(nsec)),
        None => None,
    };
    check_socket(t.fd(fd)?)?;
    let result = each(t, msgs, count, |t, p, done| {
        let dont_wait = if done > 0 && flags & WAITFORONE != 0 { libc::MSG_DONTWAIT as u32 } else { 0 };
        let n = receive(t, fd, p, flags & !WAITFORONE | dont_wait)?;
        Ok((n, deadline.is_some_and(|d| now() >= d)))
    });
    if let (Some(d), Ok(1..)) = (deadline, &result) {
        let left = (d - now()).max(0);
        t.mem.write(at, T::make((left / 1_000_000_000) as i64, (left % 1_000_000_000) as i64))?;
    }
    result
}

/// recvmmsg(2).
pub struct Recvmmsg;
impl Syscall for Recvmmsg {
    const SPEC: Spec = Spec { name: "recvmmsg", x64: Some(299), i386: Some(337), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u32, MsgFlags, In<A, A::Timespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, msgs, count, flags, In(timeout, _)): Self::Args<A>) -> SysResult {
        recvmmsg(t, fd, msgs, count, flags.0, timeout)
    }
}

/// recvmmsg_time64(2).
pub struct RecvmmsgTime64;
impl Syscall for RecvmmsgTime64 {
    const SPEC: Spec = Spec { name: "recvmmsg_time64", x64: None, i386: Some(417), support: Full };
    type Args<A: Abi> = (Fd, GuestPtr<A, u8>, u32, MsgFlags, In<A, KernelTimespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (fd, msgs, count, flags, In(timeout, _)): Self::Args<A>) -> SysResult {
        recvmmsg(t, fd, msgs, count, flags.0, timeout)
    }
}
