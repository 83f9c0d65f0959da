//! Sockets. Addresses have one layout everywhere; what differs is in [`msg`] (headers and ancillary data) and [`sockopt`].

mod cmsg;
mod msg;
mod socketcall;
mod sockopt;

use std::ffi::CString;

use super::show::{Address, AddressRoom, Bytes, Filled, MsgFlags, Out, ShutdownHow, SockType, SocketKind};
use super::sys::{int, ptr, ptr_mut, sys, wait};
use super::{Fd, Restart, Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::mem::{Access, BAD_ADDRESS, MAX_RW_COUNT};
use crate::paths::Last;
use crate::root::in_root;
use crate::table;
use crate::task::Task;

pub(super) use msg::TABLE as MSG_TABLE;
pub(super) use socketcall::TABLE as SOCKETCALL_TABLE;
pub(super) use sockopt::TABLE as SOCKOPT_TABLE;

table![Socket, Socketpair, Bind, Connect, Listen, Accept, Accept4, Getsockname, Getpeername, Sendto, Recvfrom, Shutdown,];

/// Length of `struct sockaddr_storage`. Unit: bytes.
const MAX_ADDR: usize = 128;

/// Where the path is in an address of AF_UNIX, and where its room ends. Unit: bytes.
const UNIX_PATH: usize = 2;
const UNIX_END: usize = 110;

/// A socket address in forklift's memory.
struct Addr {
    bytes: [u8; MAX_ADDR],
    len: u32,
    /// Whether it couldn't be read, or has a length that can't be.
    unread: bool,
}

impl Addr {
    const fn empty() -> Self {
        Self { bytes: [0; MAX_ADDR], len: MAX_ADDR as u32, unread: false }
    }

    /// Reads one that a call gets. A bad one is left to the host's kernel to refuse.
    fn read<A>(t: &Task, p: GuestPtr<A, u8>, len: i32) -> SysResult<Self> {
        let mut a = Self { len: len as u32, ..Self::empty() };
        a.unread = match a.bytes.get_mut(..len as u32 as usize) {
            Some(bytes) => t.mem.read_bytes(p.addr(), bytes).is_err(),
            None => true,
        };
        if !a.unread {
            a.enter_root(t)?;
        }
        Ok(a)
    }

    /// Address and length as registers of a call that reads it.
    fn registers(&self) -> [u64; 2] {
        [if self.unread { BAD_ADDRESS } else { ptr(&self.bytes) }, self.len.into()]
    }

    /// The path in an address of AF_UNIX; `None` if it has none.
    fn unix_path(&self) -> Option<&[u8]> {
        let family = u16::from_ne_bytes([self.bytes[0], self.bytes[1]]);
        let path = self.bytes.get(UNIX_PATH..(self.len as usize).min(UNIX_END))?;
        let path = path.split(|&b| b == 0).next()?;
        (family == libc::AF_UNIX as u16 && !path.is_empty()).then_some(path)
    }

    fn set_unix_path(&mut self, path: &[u8]) {
        self.bytes[UNIX_PATH..].fill(0);
        self.bytes[UNIX_PATH..UNIX_PATH + path.len()].copy_from_slice(path);
        self.len = (UNIX_PATH + path.len() + 1).min(UNIX_END) as u32;
    }

    /// With `--root`, the path of a socket is one as any other.
    fn enter_root(&mut self, t: &Task) -> SysResult<()> {
        let (Some(_), Some(path)) = (&t.process.config.root, self.unix_path()) else { return Ok(()) };
        let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
        let host = in_root(t.process.config.root.as_deref(), &path, Last::Target)?;
        if host.as_bytes().len() > UNIX_END - UNIX_PATH {
            return Err(Errno::ENAMETOOLONG);
        }
        if host != path {
            self.set_unix_path(host.as_bytes());
        }
        Ok(())
    }

    /// As the guest sees it.
    fn leave_root(&mut self, t: &Task) {
        let Some(path) = self.unix_path() else { return };
        let seen = t.guest_path(path).to_vec();
        if seen != path {
            self.set_unix_path(&seen);
        }
    }

    /// Writes one that a call gave: as much as there is room for, and its whole length.
    fn write<A>(&self, t: &Task, p: GuestPtr<A, u8>, len: GuestPtr<A, i32>) -> SysResult<()> {
        let room = usize::try_from(t.mem.read(len)?).map_err(|_| Errno::EINVAL)?;
        let n = room.min(self.len as usize).min(MAX_ADDR);
        t.mem.write_bytes(p.addr(), &self.bytes[..n])?;
        t.mem.write(len, self.len as i32)
    }
}

/// A host call on a socket that may wait. An interrupted one is begun anew unless the socket has a time-out (`option`: SO_RCVTIMEO or SO_SNDTIMEO).
fn wait_socket<const N: usize>(t: &mut Task, fd: i32, option: i32, nr: i64, args: [u64; N]) -> SysResult {
    match wait(t, Restart::Sys, nr, args) {
        Err(Errno::ERESTARTSYS) if has_timeout(fd, option) => Err(Errno::EINTR),
        r => r,
    }
}

/// EBADF, or ENOTSOCK, unless `fd` is a socket.
fn check_socket(fd: i32) -> SysResult<()> {
    let (mut kind, mut len) = (0u32, 4u32);
    sys(libc::SYS_getsockopt, [int(fd), int(libc::SOL_SOCKET), int(libc::SO_TYPE), ptr_mut(&mut kind), ptr_mut(&mut len)]).map(drop)
}

fn has_timeout(fd: i32, option: i32) -> bool {
    let mut tv = [0i64; 2];
    let mut len = size_of_val(&tv) as u32;
    sys(libc::SYS_getsockopt, [int(fd), int(libc::SOL_SOCKET), int(option), ptr_mut(&mut tv), ptr_mut(&mut len)]).is_ok() && tv != [0, 0]
}

/// socket(2).
pub struct Socket;
impl Syscall for Socket {
    const SPEC: Spec = Spec { name: "socket", x64: Some(41), i386: Some(359), support: Full };
    type Args<A: Abi> = (SocketKind,);
    fn call<A: Abi>(_: &mut Task, (SocketKind(family, kind, protocol),): Self::Args<A>) -> SysResult {
        sys(libc::SYS_socket, [int(family), kind.into(), int(protocol)])
    }
}

/// socketpair(2).
pub struct Socketpair;
impl Syscall for Socketpair {
    const SPEC: Spec = Spec { name: "socketpair", x64: Some(53), i386: Some(360), support: Full };
    type Args<A: Abi> = (SocketKind, Out<A, [i32; 2]>);
    fn call<A: Abi>(t: &mut Task, (SocketKind(family, kind, protocol), Out(out, _)): Self::Args<A>) -> SysResult {
        const TYPE: u32 = 15;
        const FLAGS: u32 = (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u32;
        let mut fds = [0i32; 2];
        if let Err(e) = sys(libc::SYS_socketpair, [int(family), kind.into(), int(protocol), ptr_mut(&mut fds)]) {
            // The kernel writes the descriptors before it makes the sockets.
            if kind & !(TYPE | FLAGS) == 0 && !matches!(e, Errno::EMFILE | Errno::ENFILE) {
                let there = t.mem.read(out)?;
                t.mem.write(out, there)?;
            }
            return Err(e);
        }
        if let Err(e) = t.mem.write(out, fds) {
            for fd in fds {
                sys(libc::SYS_close, [int(fd)])?;
            }
            return Err(e);
        }
        Ok(0)
    }
}

/// bind(2).
pub struct Bind;
impl Syscall for Bind {
    const SPEC: Spec = Spec { name: "bind", x64: Some(49), i386: Some(361), support: Full };
    type Args<A: Abi> = (Fd, Address<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Address(addr, len)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let a = Addr::read(t, addr, len)?;
        let [addr, len] = a.registers();
        sys(libc::SYS_bind, [int(fd), addr, len])
    }
}

/// connect(2).
pub struct Connect;
impl Syscall for Connect {
    const SPEC: Spec = Spec { name: "connect", x64: Some(42), i386: Some(362), support: Full };
    type Args<A: Abi> = (Fd, Address<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Address(addr, len)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let a = Addr::read(t, addr, len)?;
        let [addr, len] = a.registers();
        wait_socket(t, fd, libc::SO_SNDTIMEO, libc::SYS_connect, [int(fd), addr, len])
    }
}

/// listen(2).
pub struct Listen;
impl Syscall for Listen {
    const SPEC: Spec = Spec { name: "listen", x64: Some(50), i386: Some(363), support: Full };
    type Args<A: Abi> = (Fd, i32);
    fn call<A: Abi>(t: &mut Task, (fd, backlog): Self::Args<A>) -> SysResult {
        sys(libc::SYS_listen, [int(t.fd(fd)?), int(backlog)])
    }
}

fn accept<A: Abi>(t: &mut Task, fd: Fd, addr: GuestPtr<A, u8>, len: GuestPtr<A, i32>, flags: u32) -> SysResult {
    let fd = t.fd(fd)?;
    let mut a = Addr::empty();
    let args = [int(fd), ptr_mut(&mut a.bytes), ptr_mut(&mut a.len), flags.into()];
    let new = wait_socket(t, fd, libc::SO_RCVTIMEO, libc::SYS_accept4, args)?;
    if addr.is_null() {
        return Ok(new);
    }
    if let Err(e) = a.write(t, addr, len) {
        sys(libc::SYS_close, [new])?;
        return Err(e);
    }
    Ok(new)
}

/// accept(2).
pub struct Accept;
impl Syscall for Accept {
    const SPEC: Spec = Spec { name: "accept", x64: Some(43), i386: None, support: Full };
    type Args<A: Abi> = (Fd, AddressRoom<A>);
    fn call<A: Abi>(t: &mut Task, (fd, AddressRoom(addr, len)): Self::Args<A>) -> SysResult {
        accept(t, fd, addr, len, 0)
    }
}

/// accept4(2).
pub struct Accept4;
impl Syscall for Accept4 {
    const SPEC: Spec = Spec { name: "accept4", x64: Some(288), i386: Some(364), support: Full };
    type Args<A: Abi> = (Fd, AddressRoom<A>, SockType);
    fn call<A: Abi>(t: &mut Task, (fd, AddressRoom(addr, len), flags): Self::Args<A>) -> SysResult {
        accept(t, fd, addr, len, flags.0)
    }
}

fn name<A: Abi>(t: &Task, nr: i64, fd: Fd, addr: GuestPtr<A, u8>, len: GuestPtr<A, i32>) -> SysResult {
    let mut a = Addr::empty();
    sys(nr, [int(t.fd(fd)?), ptr_mut(&mut a.bytes), ptr_mut(&mut a.len)])?;
    a.leave_root(t);
    a.write(t, addr, len)?;
    Ok(0)
}

/// getsockname(2).
pub struct Getsockname;
impl Syscall for Getsockname {
    const SPEC: Spec = Spec { name: "getsockname", x64: Some(51), i386: Some(367), support: Full };
    type Args<A: Abi> = (Fd, AddressRoom<A>);
    fn call<A: Abi>(t: &mut Task, (fd, AddressRoom(addr, len)): Self::Args<A>) -> SysResult {
        name(t, libc::SYS_getsockname, fd, addr, len)
    }
}

/// getpeername(2).
pub struct Getpeername;
impl Syscall for Getpeername {
    const SPEC: Spec = Spec { name: "getpeername", x64: Some(52), i386: Some(368), support: Full };
    type Args<A: Abi> = (Fd, AddressRoom<A>);
    fn call<A: Abi>(t: &mut Task, (fd, AddressRoom(addr, len)): Self::Args<A>) -> SysResult {
        name(t, libc::SYS_getpeername, fd, addr, len)
    }
}

fn sendto<A: Abi>(t: &mut Task, fd: Fd, buf: GuestPtr<A, u8>, len: u64, flags: u32, to: Option<Addr>) -> SysResult {
    let fd = t.fd(fd)?;
    // The length is cut before the buffer's address is looked at.
    let b = t.mem.host_buf(buf.addr(), len.min(MAX_RW_COUNT), Access::Read)?;
    let [addr, addr_len] = to.as_ref().map_or([0; 2], Addr::registers);
    wait_socket(t, fd, libc::SO_SNDTIMEO, libc::SYS_sendto, [int(fd), b.ptr as u64, b.len as u64, flags.into(), addr, addr_len])
}

/// sendto(2).
pub struct Sendto;
impl Syscall for Sendto {
    const SPEC: Spec = Spec { name: "sendto", x64: Some(44), i386: Some(369), support: Full };
    type Args<A: Abi> = (Fd, Bytes<A>, MsgFlags, Address<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Bytes(buf, len), flags, Address(addr, addr_len)): Self::Args<A>) -> SysResult {
        let to = if addr.is_null() { None } else { Some(Addr::read(t, addr, addr_len)?) };
        sendto(t, fd, buf, len, flags.0, to)
    }
}

/// recvfrom(2).
pub struct Recvfrom;
impl Syscall for Recvfrom {
    const SPEC: Spec = Spec { name: "recvfrom", x64: Some(45), i386: Some(371), support: Full };
    type Args<A: Abi> = (Fd, Filled<A>, MsgFlags, AddressRoom<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Filled(buf, len), flags, AddressRoom(addr, addr_len)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let b = t.mem.host_buf(buf.addr(), len.min(MAX_RW_COUNT), Access::Write)?;
        let mut a = Addr::empty();
        let args = [int(fd), b.ptr as u64, b.len as u64, flags.0.into(), ptr_mut(&mut a.bytes), ptr_mut(&mut a.len)];
        let n = wait_socket(t, fd, libc::SO_RCVTIMEO, libc::SYS_recvfrom, args)?;
        if !addr.is_null() {
            a.leave_root(t);
            a.write(t, addr, addr_len)?;
        }
        Ok(n)
    }
}

/// shutdown(2).
pub struct Shutdown;
impl Syscall for Shutdown {
    const SPEC: Spec = Spec { name: "shutdown", x64: Some(48), i386: Some(373), support: Full };
    type Args<A: Abi> = (Fd, ShutdownHow);
    fn call<A: Abi>(t: &mut Task, (fd, ShutdownHow(how)): Self::Args<A>) -> SysResult {
        sys(libc::SYS_shutdown, [int(t.fd(fd)?), int(how)])
    }
}
