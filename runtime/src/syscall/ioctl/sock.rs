//! Sockets and network interfaces. `struct ifreq` has 40 bytes in 64-bit programs and 32 in 32-bit ones, the same up to byte 32 unless it holds a pointer or a
//! `struct ifmap`.

use super::{Call, Request, input, output, own};
use crate::abi::{GuestPtr, I386};
use crate::errno::{Errno, SysResult};
use crate::mem::{Access, BAD_ADDRESS};
use crate::syscall::sys::{ptr, ptr_mut};
use crate::task::Task;

pub(super) const REQUESTS: &[Request] = &[
    input(0x8901, "FIOSETOWN", 4),
    input(0x8902, "SIOCSPGRP", 4),
    output(0x8903, "FIOGETOWN", 4),
    output(0x8904, "SIOCGPGRP", 4),
    output(0x8905, "SIOCATMARK", 4),
    own(0x8906, "SIOCGSTAMP", stamp),
    own(0x8907, "SIOCGSTAMPNS", stamp),
    output(0x8010_8906, "SIOCGSTAMP_NEW", 16),
    output(0x8010_8907, "SIOCGSTAMPNS_NEW", 16),
    own(0x8910, "SIOCGIFNAME", ifreq),
    own(0x8912, "SIOCGIFCONF", ifconf),
    own(0x8913, "SIOCGIFFLAGS", ifreq),
    own(0x8914, "SIOCSIFFLAGS", ifreq),
    own(0x8915, "SIOCGIFADDR", ifreq),
    own(0x8916, "SIOCSIFADDR", ifreq),
    own(0x8917, "SIOCGIFDSTADDR", ifreq),
    own(0x8918, "SIOCSIFDSTADDR", ifreq),
    own(0x8919, "SIOCGIFBRDADDR", ifreq),
    own(0x891a, "SIOCSIFBRDADDR", ifreq),
    own(0x891b, "SIOCGIFNETMASK", ifreq),
    own(0x891c, "SIOCSIFNETMASK", ifreq),
    own(0x891d, "SIOCGIFMETRIC", ifreq),
    own(0x891e, "SIOCSIFMETRIC", ifreq),
    own(0x8921, "SIOCGIFMTU", ifreq),
    own(0x8922, "SIOCSIFMTU", ifreq),
    own(0x8923, "SIOCSIFNAME", ifreq),
    own(0x8924, "SIOCSIFHWADDR", ifreq),
    own(0x8925, "SIOCGIFENCAP", ifreq),
    own(0x8927, "SIOCGIFHWADDR", ifreq),
    own(0x8929, "SIOCGIFSLAVE", ifreq),
    own(0x8931, "SIOCADDMULTI", ifreq),
    own(0x8932, "SIOCDELMULTI", ifreq),
    own(0x8933, "SIOCGIFINDEX", ifreq),
    own(0x8934, "SIOCSIFPFLAGS", ifreq),
    own(0x8935, "SIOCGIFPFLAGS", ifreq),
    own(0x8942, "SIOCGIFTXQLEN", ifreq),
    own(0x8943, "SIOCSIFTXQLEN", ifreq),
    own(0x8946, "SIOCETHTOOL", pointers),
    own(0x8947, "SIOCGMIIPHY", ifreq),
    own(0x8970, "SIOCGIFMAP", pointers),
    own(0x894b, "SIOCOUTQNSD", queue),
];

const HOST_IFREQ: usize = 40;
const SMALL_IFREQ: usize = 32;

/// A request with a `struct ifreq` that holds no pointer.
fn ifreq(t: &mut Task, c: Call) -> SysResult {
    let size = if c.is_32 { SMALL_IFREQ } else { HOST_IFREQ };
    let mut r = [0u8; HOST_IFREQ];
    if t.mem.read_bytes(c.addr(), &mut r[..size]).is_err() {
        return c.host(BAD_ADDRESS);
    }
    let result = c.host(ptr_mut(&mut r))?;
    t.mem.write_bytes(c.addr(), &r[..size])?;
    Ok(result)
}

/// A request whose structure holds pointers: as it is from 64-bit programs.
fn pointers(t: &mut Task, c: Call) -> SysResult {
    if c.is_32 {
        return Err(Errno::ENOTTY);
    }
    let b = t.mem.host_buf(c.addr(), HOST_IFREQ as u64, Access::Write)?;
    c.host(b.ptr as u64)
}

fn queue(t: &mut Task, c: Call) -> SysResult {
    let b = t.mem.host_buf(c.addr(), 4, Access::Write)?;
    c.host(b.ptr as u64)
}

/// Most interfaces' addresses that are listed.
const MAX_LIST: usize = 1 << 16;

/// SIOCGIFCONF: a length and a pointer to an array of `struct ifreq`, or to nothing if only the length is asked for.
fn ifconf(t: &mut Task, c: Call) -> SysResult {
    let size = if c.is_32 { SMALL_IFREQ } else { HOST_IFREQ };
    let p = GuestPtr::<I386, i32>::new(c.addr());
    let buf = match c.is_32 {
        true => t.mem.read(p.offset::<u32>(4)).map(u64::from),
        false => t.mem.read(p.offset::<u64>(8)),
    };
    let (Ok(room), Ok(buf)) = (t.mem.read(p), buf) else { return c.host(BAD_ADDRESS) };
    let count = usize::try_from(room).map_err(|_| Errno::EINVAL)?.min(MAX_LIST) / size;
    let mut list = vec![0u8; count * HOST_IFREQ];
    let mut host = [(list.len() as u64), if buf == 0 { 0 } else { ptr(&list[..]) }];
    c.host(ptr_mut(&mut host))?;
    let have = host[0] as u32 as usize / HOST_IFREQ;
    if buf != 0 {
        let out: Vec<u8> = list.chunks_exact_mut(HOST_IFREQ).take(have).flat_map(|r| r[..size].to_vec()).collect();
        t.mem.write_bytes(forklift_x86::GuestAddr::new(buf), &out)?;
    }
    t.mem.write(p, (have * size) as i32)?;
    Ok(0)
}

/// SIOCGSTAMP and SIOCGSTAMPNS: a timeval or timespec of the ABI.
fn stamp(t: &mut Task, c: Call) -> SysResult {
    let mut host = [0i64; 2];
    c.host(ptr_mut(&mut host))?;
    match c.is_32 {
        true => t.mem.write(GuestPtr::<I386, _>::new(c.addr()), host.map(|v| v as i32))?,
        false => t.mem.write(GuestPtr::<I386, _>::new(c.addr()), host)?,
    }
    Ok(0)
}
