//! Block devices.

use super::{Call, Request, input, output, own, value};
use crate::abi::{GuestPtr, I386};
use crate::errno::{Errno, SysResult};
use crate::mem::Access;
use crate::syscall::sys::{int, ptr_mut, sys};
use crate::task::Task;

pub(super) const REQUESTS: &[Request] = &[
    input(0x125d, "BLKROSET", 4),
    output(0x125e, "BLKROGET", 4),
    value(0x125f, "BLKRRPART"),
    own(0x1260, "BLKGETSIZE", long),
    value(0x1261, "BLKFLSBUF"),
    value(0x1262, "BLKRASET"),
    own(0x1263, "BLKRAGET", long),
    value(0x1264, "BLKFRASET"),
    own(0x1265, "BLKFRAGET", long),
    output(0x1267, "BLKSECTGET", 2),
    output(0x1268, "BLKSSZGET", 4),
    output(0x8008_1270, "BLKBSZGET", 4),
    input(0x4008_1271, "BLKBSZSET", 4),
    output(0x8008_1272, "BLKGETSIZE64", 8),
    own(0x8004_1270, "BLKBSZGET_32", renamed),
    own(0x4004_1271, "BLKBSZSET_32", renamed),
    own(0x8004_1272, "BLKGETSIZE64_32", renamed),
    input(0x1277, "BLKDISCARD", 16),
    output(0x1278, "BLKIOMIN", 4),
    output(0x1279, "BLKIOOPT", 4),
    output(0x127a, "BLKALIGNOFF", 4),
    output(0x127b, "BLKPBSZGET", 4),
    output(0x127c, "BLKDISCARDZEROES", 4),
    output(0x127e, "BLKROTATIONAL", 2),
    input(0x127f, "BLKZEROOUT", 16),
    own(0x301, "HDIO_GETGEO", geometry),
];

/// A request that gives an `unsigned long`.
fn long(t: &mut Task, c: Call) -> SysResult {
    let mut v = 0u64;
    c.host(ptr_mut(&mut v))?;
    match c.is_32 {
        true => t.mem.write(GuestPtr::<I386, u32>::new(c.addr()), u32::try_from(v).map_err(|_| Errno::EFBIG)?)?,
        false => t.mem.write(GuestPtr::<I386, u64>::new(c.addr()), v)?,
    }
    Ok(0)
}

/// The numbers of 32-bit programs whose structures are the same.
fn renamed(t: &mut Task, c: Call) -> SysResult {
    let b = t.mem.host_buf(c.addr(), 8, Access::Write)?;
    let request = c.request & !0x3fff_0000 | 8 << 16;
    sys(libc::SYS_ioctl, [int(c.fd), request.into(), b.ptr as u64])
}

/// HDIO_GETGEO: heads, sectors, cylinders, and the start as a `long`.
fn geometry(t: &mut Task, c: Call) -> SysResult {
    let mut host = [0u64; 2];
    c.host(ptr_mut(&mut host))?;
    let p = GuestPtr::<I386, u32>::new(c.addr());
    t.mem.write(p, host[0] as u32)?;
    match c.is_32 {
        true => t.mem.write(p.offset::<u32>(4), host[1] as u32)?,
        false => t.mem.write(p.offset::<u64>(8), host[1])?,
    }
    Ok(0)
}
