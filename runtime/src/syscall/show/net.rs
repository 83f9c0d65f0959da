//! Sockets: families, types, options, flags, addresses.

use core::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::{Arg, Regs};
use super::{Names, Quoted, View, names, pointer};
use crate::abi::GuestPtr;
use crate::mem::GuestMem;

names! {
    /// The family of a socket or address.
    Family(i32) choices { (0xffff_ffff) {
        AF_UNSPEC, AF_UNIX, AF_INET, AF_AX25, AF_IPX, AF_APPLETALK, AF_INET6, AF_NETLINK, AF_PACKET, AF_RDS, AF_CAN, AF_TIPC, AF_BLUETOOTH, AF_ALG, AF_VSOCK,
        AF_XDP,
    } };
    /// The type of a socket and flags of its descriptor.
    SockType(u32) choices { (0xf) { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET = 10 } } bits { SOCK_CLOEXEC, SOCK_NONBLOCK };
    /// A protocol of IP.
    IpProtocol(i32) choices { (0xffff_ffff) {
        IPPROTO_IP, IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_UDPLITE, IPPROTO_RAW,
    } };
    /// A protocol of netlink.
    Netlink(i32) choices { (0xffff_ffff) {
        NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_SELINUX, NETLINK_AUDIT, NETLINK_CONNECTOR, NETLINK_NETFILTER, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC,
    } };
    /// Flags of send and receive.
    MsgFlags(u32) bits {
        MSG_OOB, MSG_PEEK, MSG_DONTROUTE, MSG_CTRUNC, MSG_PROBE = 0x10, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR, MSG_WAITALL, MSG_FIN, MSG_SYN, MSG_CONFIRM, MSG_RST,
        MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_MORE, MSG_WAITFORONE, MSG_ZEROCOPY = 0x400_0000, MSG_FASTOPEN, MSG_CMSG_CLOEXEC,
    };
    /// shutdown(2).
    ShutdownHow(i32) choices { (0xffff_ffff) { SHUT_RD, SHUT_WR, SHUT_RDWR } };
    /// The level of an option.
    SockLevel(i32) choices { (0xffff_ffff) { SOL_SOCKET, SOL_IP, SOL_TCP, SOL_UDP, SOL_IPV6, SOL_ICMPV6, SOL_RAW, SOL_PACKET, SOL_NETLINK = 270 } };
    /// Options of SOL_SOCKET.
    SocketOption(i32) choices { (0xffff_ffff) {
        SO_DEBUG, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER,
        SO_BSDCOMPAT, SO_REUSEPORT, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO = 20, SO_SNDTIMEO = 21, SO_BINDTODEVICE, SO_ATTACH_FILTER,
        SO_DETACH_FILTER, SO_PEERNAME, SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_TIMESTAMPNS = 35, SO_MARK,
        SO_TIMESTAMPING = 37, SO_PROTOCOL, SO_DOMAIN, SO_RXQ_OVFL, SO_PEEK_OFF, SO_LOCK_FILTER, SO_BUSY_POLL, SO_INCOMING_CPU, SO_ATTACH_REUSEPORT_CBPF = 51,
        SO_PEERGROUPS = 59, SO_ZEROCOPY, SO_TIMESTAMP_NEW = 63, SO_TIMESTAMPNS_NEW = 64, SO_TIMESTAMPING_NEW = 65, SO_RCVTIMEO_NEW = 66, SO_SNDTIMEO_NEW = 67,
    } };
    /// Options of SOL_IP.
    IpOption(i32) choices { (0xffff_ffff) {
        IP_TOS, IP_TTL, IP_HDRINCL, IP_OPTIONS, IP_RECVOPTS, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_MTU, IP_FREEBIND, IP_TRANSPARENT,
        IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_BIND_ADDRESS_NO_PORT,
    } };
    /// Options of SOL_IPV6.
    Ipv6Option(i32) choices { (0xffff_ffff) {
        IPV6_UNICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_MTU_DISCOVER, IPV6_MTU,
        IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS,
    } };
    /// Options of SOL_TCP.
    TcpOption(i32) choices { (0xffff_ffff) {
        TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK,
        TCP_CONGESTION, TCP_USER_TIMEOUT, TCP_FASTOPEN,
    } };
}

/// Family, type and protocol, whose name depends on the family.
#[derive(Clone, Copy, Debug)]
pub struct SocketKind(pub i32, pub u32, pub i32);

impl Arg for SocketKind {
    fn take(r: &mut Regs) -> Self {
        Self(i32::take(r), u32::take(r), i32::take(r))
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(family, kind, protocol) = *self;
        write!(f, "{}, {}, ", Family(family), SockType(kind))?;
        match family {
            libc::AF_INET | libc::AF_INET6 => write!(f, "{}", IpProtocol(protocol)),
            libc::AF_NETLINK => write!(f, "{}", Netlink(protocol)),
            _ => write!(f, "{protocol}"),
        }
    }
}

/// Level and option.
#[derive(Clone, Copy, Debug)]
pub struct SockOption(pub i32, pub i32);

impl Arg for SockOption {
    fn take(r: &mut Regs) -> Self {
        Self(i32::take(r), i32::take(r))
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NONE: Names = Names { choices: &[], bits: &[] };
        let Self(level, option) = *self;
        write!(f, "{}, ", SockLevel(level))?;
        let names = match level {
            libc::SOL_SOCKET => SocketOption::NAMES,
            libc::SOL_IP => IpOption::NAMES,
            libc::SOL_IPV6 => Ipv6Option::NAMES,
            libc::SOL_TCP => TcpOption::NAMES,
            _ => NONE,
        };
        names.show(u64::from(option as u32), f)
    }
}

/// The value of an option, an `int` or something else, and its length.
pub struct OptionValue<A>(pub GuestPtr<A, u8>, pub i32);

impl<A> Arg for OptionValue<A> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), i32::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_option(v.mem, self.0, self.1, f)?;
        write!(f, ", {}", self.1)
    }
}

/// Where the value of an option goes, and its length, before and behind.
pub struct OptionRoom<A>(pub GuestPtr<A, u8>, pub GuestPtr<A, i32>);

impl<A> Arg for OptionRoom<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), pointer(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (v.value(), v.mem.read(self.1)) {
            (Some(_), Ok(len)) => {
                show_option(v.mem, self.0, len, f)?;
                write!(f, ", [{len}]")
            }
            _ => write!(f, "{:?}, {:?}", self.0, self.1),
        }
    }
}

fn show_option<A>(mem: &GuestMem, p: GuestPtr<A, u8>, len: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut bytes = vec![0u8; len.clamp(0, 32) as usize];
    match mem.read_bytes(p.addr(), &mut bytes) {
        Ok(()) if len == 4 => write!(f, "[{}]", i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        Ok(()) if len > 0 => write!(f, "{}{}", Quoted(&bytes), if len > 32 { "..." } else { "" }),
        _ => write!(f, "{p:?}"),
    }
}

/// A socket address that the call reads, and its length.
pub struct Address<A>(pub GuestPtr<A, u8>, pub i32);

impl<A> Arg for Address<A> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), i32::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_address(v.mem, self.0, self.1, f)?;
        write!(f, ", {}", self.1)
    }
}

/// Where a socket address goes, and its length, before and behind.
pub struct AddressRoom<A>(pub GuestPtr<A, u8>, pub GuestPtr<A, i32>);

impl<A> Arg for AddressRoom<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), pointer(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (v.value(), v.mem.read_opt(self.1)) {
            (Some(_), Ok(Some(len))) => {
                show_address(v.mem, self.0, len, f)?;
                write!(f, ", [{len}]")
            }
            _ => write!(f, "{:?}, {:?}", self.0, self.1),
        }
    }
}

/// Shows a socket address of `len` bytes.
pub fn show_address<A>(mem: &GuestMem, p: GuestPtr<A, u8>, len: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut b = vec![0u8; len.clamp(0, 128) as usize];
    if p.is_null() || b.len() < 2 || mem.read_bytes(p.addr(), &mut b).is_err() {
        return write!(f, "{p:?}");
    }
    let family = i32::from(u16::from_le_bytes([b[0], b[1]]));
    write!(f, "{{sa_family={}", Family(family))?;
    let port = |b: &[u8]| u16::from_be_bytes([b[2], b[3]]);
    match family {
        libc::AF_UNIX => match b[2..].split_first() {
            None => Ok(()),
            Some((0, name)) => write!(f, ", sun_path=@{}", Quoted(name)),
            Some(_) => write!(f, ", sun_path={}", Quoted(b[2..].split(|&c| c == 0).next().unwrap_or(&[]))),
        },
        libc::AF_INET if b.len() >= 8 => {
            write!(f, ", sin_port=htons({}), sin_addr=inet_addr(\"{}\")", port(&b), Ipv4Addr::new(b[4], b[5], b[6], b[7]))
        }
        libc::AF_INET6 if b.len() >= 24 => {
            let ip: [u8; 16] = core::array::from_fn(|i| b[8 + i]);
            write!(f, ", sin6_port=htons({}), sin6_addr=\"{}\"", port(&b), Ipv6Addr::from(ip))
        }
        libc::AF_NETLINK if b.len() >= 12 => {
            let word = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
            write!(f, ", nl_pid={}, nl_groups={:08x}", word(4), word(8))
        }
        _ => write!(f, ", sa_data={}", Quoted(&b[2..])),
    }?;
    f.write_str("}")
}
