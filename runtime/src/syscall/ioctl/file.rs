//! Files and file systems.

use super::{Call, Request, input, output, own, value};
use crate::abi::{GuestPtr, I386};
use crate::errno::{Errno, SysResult};
use crate::mem::Access;
use crate::syscall::large;
use crate::syscall::sys::{int, sys};
use crate::task::Task;

pub(super) const REQUESTS: &[Request] = &[
    value(0x5450, "FIONCLEX"),
    value(0x5451, "FIOCLEX"),
    own(0x5452, "FIOASYNC", asynchronous),
    output(0x5460, "FIOQSIZE", 8),
    output(0x2, "FIGETBSZ", 4),
    value(0x4004_9409, "FICLONE"),
    input(0x4020_940d, "FICLONERANGE", 32),
    own(0xc018_9436, "FIDEDUPERANGE", dedupe),
    own(0xc020_660b, "FS_IOC_FIEMAP", fiemap),
    output(0xc004_5877, "FIFREEZE", 4),
    output(0xc004_5878, "FITHAW", 4),
    output(0xc018_5879, "FITRIM", 24),
    // Their number says `long`; it is an `int` that they take.
    output(0x8008_6601, "FS_IOC_GETFLAGS", 4),
    input(0x4008_6602, "FS_IOC_SETFLAGS", 4),
    output(0x8008_7601, "FS_IOC_GETVERSION", 4),
    own(0x8004_6601, "FS_IOC32_GETFLAGS", flags32),
    own(0x4004_6602, "FS_IOC32_SETFLAGS", flags32),
    own(0x8004_7601, "FS_IOC32_GETVERSION", flags32),
    output(0x801c_581f, "FS_IOC_FSGETXATTR", 28),
    input(0x401c_5820, "FS_IOC_FSSETXATTR", 28),
    output(0x8100_9431, "FS_IOC_GETFSLABEL", 256),
    input(0x4100_9432, "FS_IOC_SETFSLABEL", 256),
    // Random numbers.
    output(0x8004_5200, "RNDGETENTCNT", 4),
    input(0x4004_5201, "RNDADDTOENTCNT", 4),
    // Devices of the kernel's tun driver and loop control.
    value(0x4c80, "LOOP_CTL_ADD"),
    value(0x4c81, "LOOP_CTL_REMOVE"),
    value(0x4c82, "LOOP_CTL_GET_FREE"),
    // Namespaces.
    value(0xb701, "NS_GET_USERNS"),
    value(0xb702, "NS_GET_PARENT"),
    value(0xb703, "NS_GET_NSTYPE"),
    output(0xb704, "NS_GET_OWNER_UID", 4),
];

/// FIOASYNC, which a file that isn't a large one can't be told: its flag is a mark of ours.
fn asynchronous(t: &mut Task, c: Call) -> SysResult {
    if large::is_marked(c.fd) {
        let on = t.mem.read(GuestPtr::<I386, i32>::new(c.addr()))? != 0;
        return if on { Err(Errno::ENOTTY) } else { Ok(0) };
    }
    let b = t.mem.host_buf(c.addr(), 4, Access::Read)?;
    c.host(b.ptr as u64)
}

/// The 32-bit numbers, which only 32-bit programs use, as the host's 64-bit ones.
fn flags32(t: &mut Task, c: Call) -> SysResult {
    let b = t.mem.host_buf(c.addr(), 4, Access::Write)?;
    let request = c.request & !0x3fff_0000 | 8 << 16;
    sys(libc::SYS_ioctl, [int(c.fd), request.into(), b.ptr as u64])
}

/// Bytes of the header of `struct fiemap` and of one extent.
const FIEMAP: (u64, u64) = (32, 56);

fn fiemap(t: &mut Task, c: Call) -> SysResult {
    let count = t.mem.read(GuestPtr::<I386, u32>::new(c.addr()).offset::<u32>(24))?;
    let b = t.mem.host_buf(c.addr(), FIEMAP.0 + FIEMAP.1 * u64::from(count), Access::Write)?;
    c.host(b.ptr as u64)
}

/// Bytes of the header of `struct file_dedupe_range` and of one range.
const DEDUPE: (u64, u64) = (24, 32);

fn dedupe(t: &mut Task, c: Call) -> SysResult {
    let count = t.mem.read(GuestPtr::<I386, u32>::new(c.addr()).offset::<u16>(16))?;
    let b = t.mem.host_buf(c.addr(), DEDUPE.0 + DEDUPE.1 * u64::from(count), Access::Write)?;
    c.host(b.ptr as u64)
}
