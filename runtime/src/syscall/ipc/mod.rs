//! System V IPC and POSIX message queues.
//!
//! Structures: [`Perm`] and what follows in each file, in the guest's layouts ([`Layout`]).

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

guest_struct! {
    /// `struct ipc_perm` of i386 before Linux 2.4.
    pub struct PermOld = 16 { key: i32, uid: u16, gid: u16, cuid: u16, cgid: u16, mode: u16, seq: u16 }
}

/// Layouts of the structures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    /// That of x86-64.
    X64,
    /// The present one of i386.
    I386,
    /// That of before Linux 2.4, which ipc(2) has for commands without IPC_64.
    Old,
}

impl Layout {
    /// The present one of an ABI.
    const fn of<A: Abi>() -> Self {
        if A::IS_32 { Self::I386 } else { Self::X64 }
    }

    /// That of a command given to ipc(2), and the command itself.
    const fn of_command(cmd: i32) -> (Self, i32) {
        if cmd & IPC_64 != 0 { (Self::I386, cmd & !IPC_64) } else { (Self::Old, cmd) }
    }
}

/// i386's bit for the present layouts in the commands of ipc(2).
const IPC_64: i32 = 0x100;

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

/// A user or a group in 16 bits, as the kernel shows those that don't fit.
fn narrow_id(id: u32) -> u16 {
    const OVERFLOW: u16 = 65534;
    u16::try_from(id).unwrap_or(OVERFLOW)
}

#[allow(clippy::unnecessary_cast, reason = "widths differ between hosts")]
impl Perm for PermOld {
    fn from_host(p: &libc::ipc_perm) -> Self {
        let [uid, gid, cuid, cgid] = [p.uid, p.gid, p.cuid, p.cgid].map(narrow_id);
        Self { key: p.__key, uid, gid, cuid, cgid, mode: p.mode as u16, seq: p.__seq as u16 }
    }
    fn owner(self) -> (u32, u32, u32) {
        (self.uid.into(), self.gid.into(), self.mode.into())
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

/// Writes a structure in a layout.
fn put<A: Abi, W: Pod, N: Pod, O: Pod>(
    t: &Task,
    p: GuestPtr<A, u8>,
    layout: Layout,
    wide: impl FnOnce() -> W,
    narrow: impl FnOnce() -> N,
    old: impl FnOnce() -> O,
) -> SysResult<()> {
    match layout {
        Layout::X64 => t.mem.write(p.cast(), wide()),
        Layout::I386 => t.mem.write(p.cast(), narrow()),
        Layout::Old => t.mem.write(p.cast(), old()),
    }
}

/// Owner, group and mode from the head of a structure that IPC_SET gets.
fn owner<A: Abi>(t: &Task, p: GuestPtr<A, u8>, layout: Layout) -> SysResult<(u32, u32, u32)> {
    Ok(match layout {
        Layout::X64 => t.mem.read(p.cast::<PermX64>())?.owner(),
        Layout::I386 => t.mem.read(p.cast::<PermI386>())?.owner(),
        Layout::Old => t.mem.read(p.cast::<PermOld>())?.owner(),
    })
}

/// EINVAL for a size that is negative as a `long` of the ABI.
fn size<A: Abi>(n: u64) -> SysResult<u64> {
    let max = if A::IS_32 { i32::MAX as u64 } else { i64::MAX as u64 };
    if n > max { Err(Errno::EINVAL) } else { Ok(n) }
}
