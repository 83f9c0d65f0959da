//! Shared memory segments.

use forklift_x86::GuestAddr;

use super::super::show::{IpcCmd, IpcFlags, ShmFlags};
use super::super::sys::{int, ptr, ptr_mut, sys};
use super::super::{Returns, Spec, Support::Full, Syscall};
use super::{Layout, Perm, PermI386, PermOld, PermX64, cut, owner, put, set_owner, split, zeroed};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::mem::Segment;
use crate::table;
use crate::task::Task;

table![Shmget, Shmat, Shmdt, Shmctl];

guest_struct! {
    /// `struct shmid64_ds` of x86-64.
    pub struct DsX64 = 112 { perm: PermX64, segsz: u64, atime: i64, dtime: i64, ctime: i64, cpid: i32, lpid: i32, nattch: u64, unused: [u64; 2] }
}
guest_struct! {
    /// `struct shmid64_ds` of i386.
    pub struct DsI386 = 84 {
        perm: PermI386, segsz: u32, atime: [u32; 2], dtime: [u32; 2], ctime: [u32; 2], cpid: i32, lpid: i32, nattch: u32, unused: [u32; 2],
    }
}

guest_struct! {
    /// `struct shmid_ds` of i386 before Linux 2.4.
    pub struct DsOld = 48 { perm: PermOld, segsz: i32, atime: i32, dtime: i32, ctime: i32, cpid: u16, lpid: u16, nattch: u16, unused: u16, pointers: [u32; 2] }
}

/// shmget(2).
pub struct Shmget;
impl Syscall for Shmget {
    const SPEC: Spec = Spec { name: "shmget", x64: Some(29), i386: Some(395), support: Full };
    type Args<A: Abi> = (i32, u64, IpcFlags);
    fn call<A: Abi>(_: &mut Task, (key, size, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_shmget, [int(key), size, flags.0.into()])
    }
}

fn stat(id: i32) -> SysResult<libc::shmid_ds> {
    let mut ds: libc::shmid_ds = zeroed();
    sys(libc::SYS_shmctl, [int(id), int(libc::IPC_STAT), ptr_mut(&mut ds)])?;
    Ok(ds)
}

const PAGE: u64 = GuestAddr::PAGE_SIZE;

/// shmat(2).
pub struct Shmat;
impl Syscall for Shmat {
    const SPEC: Spec = Spec { name: "shmat", x64: Some(30), i386: Some(397), support: Full };
    const RETURNS: Returns = Returns::Address;
    type Args<A: Abi> = (i32, GuestAddr, ShmFlags);
    fn call<A: Abi>(t: &mut Task, (id, addr, flags): Self::Args<A>) -> SysResult {
        if id < 0 {
            return Err(Errno::EINVAL);
        }
        let has = |f: i32| flags.0 & f as u32 != 0;
        let addr = match addr.get() {
            a if a.is_multiple_of(PAGE) => a,
            a if has(libc::SHM_RND) => a & !(PAGE - 1),
            _ => return Err(Errno::EINVAL),
        };
        if addr == 0 && has(libc::SHM_REMAP) {
            return Err(Errno::EINVAL);
        }
        let ds = stat(id)?;
        // Past the end of all addresses, which is no place, not one that can't be had.
        if !A::IS_32 && !has(libc::SHM_REMAP) && addr.checked_add(ds.shm_segsz as u64).is_none() {
            return Err(Errno::EINVAL);
        }
        let segment = Segment { id, size: ds.shm_segsz as u64, key: ds.shm_perm.__key as u32 };
        t.remapping(|t| t.process.space().attach(segment, addr, !has(libc::SHM_RDONLY), has(libc::SHM_REMAP))).map(GuestAddr::get)
    }
}

/// shmdt(2).
pub struct Shmdt;
impl Syscall for Shmdt {
    const SPEC: Spec = Spec { name: "shmdt", x64: Some(67), i386: Some(398), support: Full };
    type Args<A: Abi> = (GuestAddr,);
    fn call<A: Abi>(t: &mut Task, (addr,): Self::Args<A>) -> SysResult {
        t.remapping(|t| t.process.space().detach(addr.get()))?;
        Ok(0)
    }
}

const SHM_STAT: i32 = 13;
const SHM_INFO: i32 = 14;
const SHM_STAT_ANY: i32 = 15;

fn put_ds<A: Abi>(t: &Task, p: GuestPtr<A, u8>, layout: Layout, d: &libc::shmid_ds) -> SysResult<()> {
    let (cpid, lpid) = (d.shm_cpid, d.shm_lpid);
    let wide = || DsX64 {
        perm: PermX64::from_host(&d.shm_perm),
        segsz: d.shm_segsz as u64,
        atime: d.shm_atime,
        dtime: d.shm_dtime,
        ctime: d.shm_ctime,
        cpid,
        lpid,
        nattch: d.shm_nattch,
        ..DsX64::default()
    };
    let narrow = || DsI386 {
        perm: PermI386::from_host(&d.shm_perm),
        segsz: cut(d.shm_segsz as u64),
        atime: split(d.shm_atime),
        dtime: split(d.shm_dtime),
        ctime: split(d.shm_ctime),
        cpid,
        lpid,
        nattch: cut(d.shm_nattch),
        ..DsI386::default()
    };
    let old = || DsOld {
        perm: PermOld::from_host(&d.shm_perm),
        segsz: d.shm_segsz as i32,
        atime: d.shm_atime as i32,
        dtime: d.shm_dtime as i32,
        ctime: d.shm_ctime as i32,
        cpid: cpid as u16,
        lpid: lpid as u16,
        nattch: d.shm_nattch as u16,
        ..DsOld::default()
    };
    put(t, p, layout, wide, narrow, old)
}

/// The limits of a 32-bit program: the size of a segment is cut to what it can tell, the others to their lower half.
fn narrow_limits(v: [u64; 9]) -> [u32; 9] {
    let mut out = v.map(|v| v as u32);
    out[0] = cut(v[0]);
    out
}

/// A command in its layout.
pub(super) fn control<A: Abi>(t: &Task, id: i32, (layout, cmd): (Layout, i32), p: GuestPtr<A, u8>) -> SysResult {
    match cmd {
        libc::IPC_STAT | SHM_STAT | SHM_STAT_ANY => {
            let mut ds: libc::shmid_ds = zeroed();
            let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut ds)])?;
            put_ds(t, p, layout, &ds)?;
            Ok(r)
        }
        libc::IPC_SET if id >= 0 => {
            let mut ds: libc::shmid_ds = zeroed();
            set_owner(&mut ds.shm_perm, owner(t, p, layout)?);
            sys(libc::SYS_shmctl, [int(id), int(cmd), ptr(&ds)])
        }
        libc::IPC_INFO => {
            let mut v = [0u64; 9];
            let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut v)])?;
            let narrow = narrow_limits(v);
            put(t, p, layout, || v, || narrow, || [narrow[0], narrow[1], narrow[2], narrow[3], narrow[4]])?;
            Ok(r)
        }
        SHM_INFO => {
            // An int and five longs.
            let mut v = [0u64; 6];
            let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut v)])?;
            let narrow = v.map(|v| v as u32);
            put(t, p, layout, || v, || narrow, || narrow)?;
            Ok(r)
        }
        _ => sys(libc::SYS_shmctl, [int(id), int(cmd), 0]),
    }
}

/// shmctl(2).
pub struct Shmctl;
impl Syscall for Shmctl {
    const SPEC: Spec = Spec { name: "shmctl", x64: Some(31), i386: Some(396), support: Full };
    type Args<A: Abi> = (i32, IpcCmd, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (id, cmd, p): Self::Args<A>) -> SysResult {
        control(t, id, (Layout::of::<A>(), cmd.0 as i32), p)
    }
}
