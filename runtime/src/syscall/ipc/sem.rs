//! Semaphores.

use forklift_x86::GuestAddr;

use super::super::show::{Array, IpcCmd, IpcFlags, ShowAs};
use super::super::sys::{int, opt_ptr, ptr, ptr_mut, sys, wait};
use super::super::{Restart, Spec, Support::Full, Syscall};
use super::{IPC_64, Layout, Perm, PermI386, PermOld, PermX64, owner, put, set_owner, split, zeroed};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::{Access, BAD_ADDRESS};
use crate::table;
use crate::task::Task;

table![Semget, Semop, Semtimedop, SemtimedopTime64, Semctl];

guest_struct! {
    /// `struct semid64_ds` of x86-64.
    pub struct DsX64 = 104 { perm: PermX64, otime: i64, unused1: u64, ctime: i64, unused2: u64, nsems: u64, unused: [u64; 2] }
}
guest_struct! {
    /// `struct semid64_ds` of i386.
    pub struct DsI386 = 64 { perm: PermI386, otime: [u32; 2], ctime: [u32; 2], nsems: u32, unused: [u32; 2] }
}
guest_struct! {
    /// `struct semid_ds` of i386 before Linux 2.4.
    pub struct DsOld = 44 { perm: PermOld, otime: i32, ctime: i32, pointers: [u32; 4], nsems: u16, pad: u16 }
}
guest_struct! {
    /// `struct sembuf`.
    pub struct Op = 6 { num: u16, op: i16, flags: i16 }
}

/// How operations are shown.
pub struct Ops;

impl ShowAs<Op> for Ops {
    fn show_as(o: &Op, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (num, op, flags) = (o.num, o.op, o.flags as u16);
        write!(f, "{{{num}, {op}, {flags:#x}}}")
    }
}

/// semget(2).
pub struct Semget;
impl Syscall for Semget {
    const SPEC: Spec = Spec { name: "semget", x64: Some(64), i386: Some(393), support: Full };
    type Args<A: Abi> = (i32, i32, IpcFlags);
    fn call<A: Abi>(_: &mut Task, (key, count, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_semget, [int(key), int(count), flags.0.into()])
    }
}

/// Most operations of one call that are copied; the kernel's limit (SEMOPM) is 500 unless it was raised.
const MAX_OPS: u32 = 1 << 16;

pub(super) fn operate<A: Abi, T: TimePair>(t: &mut Task, id: i32, ops: GuestPtr<A, Op>, count: u32, timeout: GuestPtr<A, T>) -> SysResult {
    let timeout = t.mem.read_opt(timeout)?.map(TimePair::to_host);
    // Too many of them, or what can't be read, is left to the host's kernel to refuse.
    let ops = if count > MAX_OPS { None } else { t.mem.read_array(ops, count as usize).ok() };
    let at = ops.as_ref().map_or(BAD_ADDRESS, |ops| ptr(&ops[..]));
    wait(t, Restart::Never, libc::SYS_semtimedop, [int(id), at, count.into(), opt_ptr(timeout.as_ref())])
}

/// semop(2).
pub struct Semop;
impl Syscall for Semop {
    const SPEC: Spec = Spec { name: "semop", x64: Some(65), i386: None, support: Full };
    type Args<A: Abi> = (i32, Array<A, Op, u32, Ops>);
    fn call<A: Abi>(t: &mut Task, (id, Array(ops, count, _)): Self::Args<A>) -> SysResult {
        operate(t, id, ops, count, GuestPtr::<A, KernelTimespec>::new(GuestAddr::new(0)))
    }
}

/// semtimedop(2).
pub struct Semtimedop;
impl Syscall for Semtimedop {
    const SPEC: Spec = Spec { name: "semtimedop", x64: Some(220), i386: None, support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, Op>, u32, GuestPtr<A, A::Timespec>);
    fn call<A: Abi>(t: &mut Task, (id, ops, count, timeout): Self::Args<A>) -> SysResult {
        operate(t, id, ops, count, timeout)
    }
}

/// semtimedop_time64(2).
pub struct SemtimedopTime64;
impl Syscall for SemtimedopTime64 {
    const SPEC: Spec = Spec { name: "semtimedop_time64", x64: None, i386: Some(420), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, Op>, u32, GuestPtr<A, KernelTimespec>);
    fn call<A: Abi>(t: &mut Task, (id, ops, count, timeout): Self::Args<A>) -> SysResult {
        operate(t, id, ops, count, timeout)
    }
}

const GETALL: i32 = 13;
const SETVAL: i32 = 16;
const SETALL: i32 = 17;
const SEM_STAT: i32 = 18;
const SEM_INFO: i32 = 19;
const SEM_STAT_ANY: i32 = 20;
/// Bytes of `struct seminfo`.
const SEMINFO: u64 = 40;

fn put_ds<A: Abi>(t: &Task, p: GuestPtr<A, u8>, layout: Layout, d: &libc::semid_ds) -> SysResult<()> {
    let nsems = d.sem_nsems;
    let wide = || DsX64 { perm: PermX64::from_host(&d.sem_perm), otime: d.sem_otime, ctime: d.sem_ctime, nsems, ..DsX64::default() };
    let narrow =
        || DsI386 { perm: PermI386::from_host(&d.sem_perm), otime: split(d.sem_otime), ctime: split(d.sem_ctime), nsems: nsems as u32, ..DsI386::default() };
    let old = || DsOld { perm: PermOld::from_host(&d.sem_perm), otime: d.sem_otime as i32, ctime: d.sem_ctime as i32, nsems: nsems as u16, ..DsOld::default() };
    put(t, p, layout, wide, narrow, old)
}

/// GETALL and SETALL: an array with a number for each semaphore.
fn all_values(t: &Task, id: i32, cmd: i32, addr: GuestAddr) -> SysResult {
    let mut ds: libc::semid_ds = zeroed();
    sys(libc::SYS_semctl, [int(id), 0, int(libc::IPC_STAT), ptr_mut(&mut ds)])?;
    let b = t.mem.host_buf(addr, 2 * ds.sem_nsems, if cmd == GETALL { Access::Write } else { Access::Read })?;
    sys(libc::SYS_semctl, [int(id), 0, int(cmd), b.ptr as u64])
}

/// A command in its layout.
pub(super) fn control<A: Abi>(t: &Task, id: i32, num: i32, (layout, cmd): (Layout, i32), arg: u64) -> SysResult {
    let p = GuestPtr::<A, u8>::new(GuestAddr::new(arg));
    match cmd {
        libc::IPC_STAT | SEM_STAT | SEM_STAT_ANY => {
            let mut ds: libc::semid_ds = zeroed();
            let r = sys(libc::SYS_semctl, [int(id), int(num), int(cmd), ptr_mut(&mut ds)])?;
            put_ds(t, p, layout, &ds)?;
            Ok(r)
        }
        libc::IPC_SET => {
            let mut ds: libc::semid_ds = zeroed();
            set_owner(&mut ds.sem_perm, owner(t, p, layout)?);
            sys(libc::SYS_semctl, [int(id), int(num), int(cmd), ptr(&ds)])
        }
        libc::IPC_INFO | SEM_INFO => {
            let b = t.mem.host_buf(p.addr(), SEMINFO, Access::Write)?;
            sys(libc::SYS_semctl, [int(id), int(num), int(cmd), b.ptr as u64])
        }
        GETALL | SETALL => all_values(t, id, cmd, p.addr()),
        SETVAL => sys(libc::SYS_semctl, [int(id), int(num), int(cmd), int(arg as i32)]),
        _ => sys(libc::SYS_semctl, [int(id), int(num), int(cmd), 0]),
    }
}

/// semctl(2).
pub struct Semctl;
impl Syscall for Semctl {
    const SPEC: Spec = Spec { name: "semctl", x64: Some(66), i386: Some(394), support: Full };
    type Args<A: Abi> = (i32, i32, IpcCmd, u64);
    fn call<A: Abi>(t: &mut Task, (id, num, cmd, arg): Self::Args<A>) -> SysResult {
        let cmd = cmd.0 as i32;
        let present = (Layout::of::<A>(), cmd & !IPC_64);
        match cmd & !IPC_64 {
            // A 32-bit program's bit means nothing here, but most commands are unknown with it.
            libc::IPC_STAT | SEM_STAT | SEM_STAT_ANY | libc::IPC_INFO | SEM_INFO | SETVAL if A::IS_32 => control::<A>(t, id, num, present, arg),
            libc::IPC_SET if A::IS_32 && cmd & IPC_64 != 0 && id >= 0 => owner::<A>(t, GuestPtr::new(GuestAddr::new(arg)), present.0).and(Err(Errno::EINVAL)),
            _ => control::<A>(t, id, num, (present.0, cmd), arg),
        }
    }
}
