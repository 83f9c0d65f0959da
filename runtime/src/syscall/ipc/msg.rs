//! Message queues of System V. A message begins with a `long`, its type.

use super::super::show::{IpcCmd, IpcFlags, MsgqFlags};
use super::super::sys::{int, ptr, ptr_mut, sys, wait};
use super::super::{Restart, Spec, Support::Full, Syscall};
use super::{IPC_64, Layout, Perm, PermI386, PermOld, PermX64, cut, owner, put, set_owner, size, split, zeroed};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::Access;
use crate::table;
use crate::task::Task;

table![Msgget, Msgsnd, Msgrcv, Msgctl];

guest_struct! {
    /// `struct msqid64_ds` of x86-64.
    pub struct DsX64 = 120 {
        perm: PermX64, stime: i64, rtime: i64, ctime: i64, cbytes: u64, qnum: u64, qbytes: u64, lspid: i32, lrpid: i32, unused: [u64; 2],
    }
}
guest_struct! {
    /// `struct msqid64_ds` of i386.
    pub struct DsI386 = 88 {
        perm: PermI386, stime: [u32; 2], rtime: [u32; 2], ctime: [u32; 2], cbytes: u32, qnum: u32, qbytes: u32, lspid: i32, lrpid: i32, unused: [u32; 2],
    }
}

guest_struct! {
    /// `struct msqid_ds` of i386 before Linux 2.4.
    pub struct DsOld = 56 {
        perm: PermOld, pointers: [u32; 2], stime: i32, rtime: i32, ctime: i32, lcbytes: u32, lqbytes: u32, cbytes: u16, qnum: u16, qbytes: u16, lspid: u16,
        lrpid: u16, pad: u16,
    }
}

/// Messages beyond this are longer than any kernel's limit (MSGMAX). Unit: bytes.
const MAX_MESSAGE: u64 = 1 << 24;

/// msgget(2).
pub struct Msgget;
impl Syscall for Msgget {
    const SPEC: Spec = Spec { name: "msgget", x64: Some(68), i386: Some(399), support: Full };
    type Args<A: Abi> = (i32, IpcFlags);
    fn call<A: Abi>(_: &mut Task, (key, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_msgget, [int(key), flags.0.into()])
    }
}

/// The longest message that may be sent. Unit: bytes.
fn longest() -> u64 {
    std::fs::read_to_string("/proc/sys/kernel/msgmax").ok().and_then(|s| s.trim().parse().ok()).unwrap_or(MAX_MESSAGE)
}

/// msgsnd(2).
pub struct Msgsnd;
impl Syscall for Msgsnd {
    const SPEC: Spec = Spec { name: "msgsnd", x64: Some(69), i386: Some(400), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, A::Word>, u64, MsgqFlags);
    fn call<A: Abi>(t: &mut Task, (id, msg, len, flags): Self::Args<A>) -> SysResult {
        let kind = t.mem.read(msg)?.signed();
        let len = size::<A>(len)?;
        if len > MAX_MESSAGE {
            return Err(Errno::EINVAL);
        }
        let mut buf = kind.to_le_bytes().to_vec();
        buf.resize(8 + len as usize, 0);
        if t.mem.read_bytes(msg.addr().wrapping_add(A::WORD), &mut buf[8..]).is_err() {
            // The text is copied when all else is right.
            return Err(if id < 0 || kind < 1 || len > longest() { Errno::EINVAL } else { Errno::EFAULT });
        }
        wait(t, Restart::NoHand, libc::SYS_msgsnd, [int(id), ptr(&buf[..]), len, flags.0.into()])
    }
}

/// msgrcv(2).
pub struct Msgrcv;
impl Syscall for Msgrcv {
    const SPEC: Spec = Spec { name: "msgrcv", x64: Some(70), i386: Some(401), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, A::Word>, u64, i64, MsgqFlags);
    fn call<A: Abi>(t: &mut Task, (id, msg, len, kind, flags): Self::Args<A>) -> SysResult {
        let len = size::<A>(len)?.min(MAX_MESSAGE);
        let mut buf = vec![0u8; 8 + len as usize];
        let n = wait(t, Restart::NoHand, libc::SYS_msgrcv, [int(id), ptr_mut(&mut buf[..]), len, kind as u64, flags.0.into()])?;
        let mut got = [0u8; 8];
        got.copy_from_slice(&buf[..8]);
        t.mem.write(msg, A::Word::from_u64(u64::from_le_bytes(got)))?;
        t.mem.write_bytes(msg.addr().wrapping_add(A::WORD), &buf[8..8 + n as usize])?;
        Ok(n)
    }
}

const MSG_STAT: i32 = 11;
const MSG_INFO: i32 = 12;
const MSG_STAT_ANY: i32 = 13;
/// Bytes of `struct msginfo`.
const MSGINFO: u64 = 32;

#[allow(clippy::unnecessary_cast, reason = "widths differ between hosts")]
fn put_ds<A: Abi>(t: &Task, p: GuestPtr<A, u8>, layout: Layout, d: &libc::msqid_ds) -> SysResult<()> {
    let counts = [d.__msg_cbytes as u64, d.msg_qnum as u64, d.msg_qbytes as u64];
    let (lspid, lrpid) = (d.msg_lspid, d.msg_lrpid);
    let wide = || DsX64 {
        perm: PermX64::from_host(&d.msg_perm),
        stime: d.msg_stime,
        rtime: d.msg_rtime,
        ctime: d.msg_ctime,
        cbytes: counts[0],
        qnum: counts[1],
        qbytes: counts[2],
        lspid,
        lrpid,
        ..DsX64::default()
    };
    let narrow = || DsI386 {
        perm: PermI386::from_host(&d.msg_perm),
        stime: split(d.msg_stime),
        rtime: split(d.msg_rtime),
        ctime: split(d.msg_ctime),
        cbytes: cut(counts[0]),
        qnum: cut(counts[1]),
        qbytes: cut(counts[2]),
        lspid,
        lrpid,
        ..DsI386::default()
    };
    let old = || DsOld {
        perm: PermOld::from_host(&d.msg_perm),
        stime: d.msg_stime as i32,
        rtime: d.msg_rtime as i32,
        ctime: d.msg_ctime as i32,
        cbytes: counts[0] as u16,
        qnum: counts[1] as u16,
        qbytes: counts[2] as u16,
        lspid: lspid as u16,
        lrpid: lrpid as u16,
        ..DsOld::default()
    };
    put(t, p, layout, wide, narrow, old)
}

/// The limit in bytes, which IPC_SET takes besides the owner: where it lies.
fn limit<A: Abi>(t: &Task, p: GuestPtr<A, u8>, layout: Layout) -> SysResult<u64> {
    match layout {
        Layout::Old => t.mem.read(p.offset::<u16>(core::mem::offset_of!(DsOld, qbytes) as u64)).map(u64::from),
        Layout::I386 => t.mem.read(p.offset::<u32>(core::mem::offset_of!(DsI386, qbytes) as u64)).map(u64::from),
        Layout::X64 => t.mem.read(p.offset::<u64>(core::mem::offset_of!(DsX64, qbytes) as u64)),
    }
}

/// A command in its layout.
pub(super) fn control<A: Abi>(t: &Task, id: i32, (layout, cmd): (Layout, i32), p: GuestPtr<A, u8>) -> SysResult {
    match cmd {
        libc::IPC_STAT | MSG_STAT | MSG_STAT_ANY => {
            let mut ds: libc::msqid_ds = zeroed();
            let r = sys(libc::SYS_msgctl, [int(id), int(cmd), ptr_mut(&mut ds)])?;
            put_ds(t, p, layout, &ds)?;
            Ok(r)
        }
        libc::IPC_SET if id >= 0 => {
            let mut ds: libc::msqid_ds = zeroed();
            set_owner(&mut ds.msg_perm, owner(t, p, layout)?);
            ds.msg_qbytes = limit(t, p, layout)? as _;
            sys(libc::SYS_msgctl, [int(id), int(cmd), ptr(&ds)])
        }
        libc::IPC_INFO | MSG_INFO => {
            let b = t.mem.host_buf(p.addr(), MSGINFO, Access::Write)?;
            sys(libc::SYS_msgctl, [int(id), int(cmd), b.ptr as u64])
        }
        _ => sys(libc::SYS_msgctl, [int(id), int(cmd), 0]),
    }
}

/// msgctl(2).
pub struct Msgctl;
impl Syscall for Msgctl {
    const SPEC: Spec = Spec { name: "msgctl", x64: Some(71), i386: Some(402), support: Full };
    type Args<A: Abi> = (i32, IpcCmd, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (id, cmd, p): Self::Args<A>) -> SysResult {
        let (layout, cmd) = (Layout::of::<A>(), cmd.0 as i32);
        match cmd & !IPC_64 {
            // A 32-bit program's bit means nothing here, but some commands are unknown with it.
            libc::IPC_STAT | MSG_STAT | MSG_STAT_ANY | libc::IPC_INFO | MSG_INFO if A::IS_32 => control(t, id, (layout, cmd & !IPC_64), p),
            libc::IPC_SET if A::IS_32 && cmd & IPC_64 != 0 && id >= 0 => owner(t, p, layout).and(limit(t, p, layout)).and(Err(Errno::EINVAL)),
            _ => control(t, id, (layout, cmd), p),
        }
    }
}
