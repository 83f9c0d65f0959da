//! System V IPC and POSIX message queues.
//!
//! Structures: [`Perm`] and what follows in each file, in the guest's two layouts. i386 programs say IPC_64 to get the present layout, which is the only one here.

mod door;
mod mqueue;
mod msg;
mod sem;
mod shm;

pub(super) use door::TABLE as DOOR_TABLE;
pub(super) use mqueue::TABLE as MQUEUE_TABLE;
pub(super) use msg::TABLE as MSG_TABLE;
pub(super) use sem::TABLE as SEM_TABLE;
pub(super) use shm::TABLE as SHM_TABLE;

use crate::abi::{Abi, GuestPtr, Pod};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::task::Task;

guest_struct! {
    /// `struct ipc64_perm` of x86-64.
    pub struct PermX64 = 48 { key: i32, uid: u32, gid: u32, cuid: u32, cgid: u32, mode: u32, seq: u16, pad: [u16; 3], unused: [u64; 2] }
}
guest_struct! {
    /// `struct ipc64_perm` of i386.
    pub struct PermI386 = 36 { key: i32, uid: u32, gid: u32, cuid: u32, cgid: u32, mode: u16, pad1: u16, seq: u16, pad2: u16, unused: [u32; 2] }
}

/// The permissions in a layout.
trait Perm: Pod {
    fn from_host(p: &libc::ipc_perm) -> Self;
    /// What IPC_SET takes: owner, group, mode.
    fn owner(self) -> (u32, u32, u32);
}

#[allow(clippy::unnecessary_cast, reason = "widths differ between hosts")]
impl Perm for PermX64 {
    fn from_host(p: &libc::ipc_perm) -> Self {
        let (mode, seq) = (p.mode as u32, p.__seq as u16);
        Self { key: p.__key, uid: p.uid, gid: p.gid, cuid: p.cuid, cgid: p.cgid, mode, seq, ..Self::default() }
    }
    fn owner(self) -> (u32, u32, u32) {
        (self.uid, self.gid, self.mode)
    }
}

#[allow(clippy::unnecessary_cast, reason = "widths differ between hosts")]
impl Perm for PermI386 {
    fn from_host(p: &libc::ipc_perm) -> Self {
        let (mode, seq) = (p.mode as u16, p.__seq as u16);
        Self { key: p.__key, uid: p.uid, gid: p.gid, cuid: p.cuid, cgid: p.cgid, mode, seq, ..Self::default() }
    }
    fn owner(self) -> (u32, u32, u32) {
        (self.uid, self.gid, self.mode.into())
    }
}

fn set_owner(p: &mut libc::ipc_perm, (uid, gid, mode): (u32, u32, u32)) {
    (p.uid, p.gid, p.mode) = (uid, gid, mode as _);
}

/// A time in two words: low, high.
const fn split(v: i64) -> [u32; 2] {
    [v as u32, (v >> 32) as u32]
}

/// A number that is cut to what an `unsigned long` of i386, read as signed, can tell.
fn cut(v: u64) -> u32 {
    u32::try_from(v).unwrap_or(u32::MAX).min(i32::MAX as u32)
}

/// A structure of the host, zeroed, to be filled by a call.
fn zeroed<T>() -> T {
    // SAFETY: only used for libc's IPC structures: integers.
    unsafe { core::mem::zeroed() }
}

/// The command of a control call, without i386's IPC_64.
const fn command<A: Abi>(cmd: i32) -> i32 {
    const IPC_64: i32 = 0x100;
    if A::IS_32 { cmd & !IPC_64 } else { cmd }
}

/// Writes a structure in the ABI's layout.
fn put<A: Abi, W: Pod, N: Pod>(t: &Task, p: GuestPtr<A, u8>, wide: impl FnOnce() -> W, narrow: impl FnOnce() -> N) -> SysResult<()> {
    if A::IS_32 { t.mem.write(p.cast(), narrow()) } else { t.mem.write(p.cast(), wide()) }
}

/// Owner, group and mode from the head of a structure that IPC_SET gets.
fn owner<A: Abi>(t: &Task, p: GuestPtr<A, u8>) -> SysResult<(u32, u32, u32)> {
    Ok(if A::IS_32 { t.mem.read(p.cast::<PermI386>())?.owner() } else { t.mem.read(p.cast::<PermX64>())?.owner() })
}

/// EINVAL for a size that is negative as a `long` of the ABI.
fn size<A: Abi>(n: u64) -> SysResult<u64> {
    let max = if A::IS_32 { i32::MAX as u64 } else { i64::MAX as u64 };
    if n > max { Err(Errno::EINVAL) } else { Ok(n) }
}
