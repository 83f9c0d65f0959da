//! Shared memory segments.

use forklift_x86::GuestAddr;

use super::super::show::{IpcCmd, IpcFlags, ShmFlags};
use super::super::sys::{int, ptr, ptr_mut, sys};
use super::super::{Returns, Spec, Support::Full, Syscall};
use super::{Perm, PermI386, PermX64, command, cut, owner, put, set_owner, split, zeroed};
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

fn put_ds<A: Abi>(t: &Task, p: GuestPtr<A, u8>, d: &libc::shmid_ds) -> SysResult<()> {
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
    put(t, p, wide, narrow)
}

/// shmctl(2).
pub struct Shmctl;
impl Syscall for Shmctl {
    const SPEC: Spec = Spec { name: "shmctl", x64: Some(31), i386: Some(396), support: Full };
    type Args<A: Abi> = (i32, IpcCmd, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (id, cmd, p): Self::Args<A>) -> SysResult {
        let cmd = command::<A>(cmd.0 as i32);
        match cmd {
            libc::IPC_STAT | SHM_STAT | SHM_STAT_ANY => {
                let mut ds: libc::shmid_ds = zeroed();
                let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut ds)])?;
                put_ds(t, p, &ds)?;
                Ok(r)
            }
            libc::IPC_SET => {
                let mut ds: libc::shmid_ds = zeroed();
                set_owner(&mut ds.shm_perm, owner(t, p)?);
                sys(libc::SYS_shmctl, [int(id), int(cmd), ptr(&ds)])
            }
            libc::IPC_INFO => {
                let mut v = [0u64; 9];
                let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut v)])?;
                put(t, p, || v, || v.map(cut))?;
                Ok(r)
            }
            SHM_INFO => {
                // An int and five longs.
                let mut v = [0u64; 6];
                let r = sys(libc::SYS_shmctl, [int(id), int(cmd), ptr_mut(&mut v)])?;
                put(t, p, || v, || v.map(cut))?;
                Ok(r)
            }
            _ => sys(libc::SYS_shmctl, [int(id), int(cmd), 0]),
        }
    }
}
