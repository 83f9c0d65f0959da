//! ipc(2): i386's one door to System V IPC.

use forklift_x86::GuestAddr;

use super::super::{Args, Hex, Regs, Spec, Support::Full, Syscall};
use super::{Layout, msg, sem, shm};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::{Errno, SysResult};
use crate::table;
use crate::task::Task;

table![Ipc];

fn through<S: Syscall, A: Abi>(t: &mut Task, args: [u64; 6]) -> SysResult {
    S::call::<A>(t, Args::take(&mut Regs::new::<A>(args)))
}

fn guest<A, T>(addr: u64) -> GuestPtr<A, T> {
    GuestPtr::new(GuestAddr::new(addr))
}

/// SHMAT: the address goes to where the third argument points.
fn attach<A: Abi>(t: &mut Task, id: u64, flags: u64, out: u64, addr: u64) -> SysResult {
    let at = through::<shm::Shmat, A>(t, [id, addr, flags, 0, 0, 0])?;
    t.mem.write(guest::<A, A::Word>(out), A::Word::from_u64(at))?;
    Ok(0)
}

/// MSGRCV: version 0 has pointer and type in memory.
fn receive<A: Abi>(t: &mut Task, version: u32, [id, len, flags, p, kind]: [u64; 5]) -> SysResult {
    if id as i32 <= -1 || len as i32 <= -1 {
        return Err(Errno::EINVAL);
    }
    let (p, kind) = match version {
        0 if p == 0 => return Err(Errno::EINVAL),
        0 => {
            let [p, kind] = t.mem.read(guest::<A, [A::Word; 2]>(p))?;
            (p.into(), kind.into())
        }
        _ => (p, kind),
    };
    through::<msg::Msgrcv, A>(t, [id, p, len, kind, flags, 0])
}

/// ipc(2).
pub struct Ipc;
impl Syscall for Ipc {
    const SPEC: Spec = Spec { name: "ipc", x64: None, i386: Some(117), support: Full };
    type Args<A: Abi> = (Hex, u64, u64, u64, u64, u64);
    fn call<A: Abi>(t: &mut Task, (call, first, second, third, p, fifth): Self::Args<A>) -> SysResult {
        match call.0 & 0xffff {
            1 => sem::operate(t, first as i32, guest(p), second as u32, guest::<A, A::Timespec>(0)),
            2 => through::<sem::Semget, A>(t, [first, second, third, 0, 0, 0]),
            3 if p == 0 => Err(Errno::EINVAL),
            3 => {
                let arg = t.mem.read_word::<A>(guest(p))?;
                sem::control::<A>(t, first as i32, second as i32, Layout::of_command(third as i32), arg)
            }
            4 => sem::operate(t, first as i32, guest(p), second as u32, guest::<A, A::Timespec>(fifth)),
            11 => through::<msg::Msgsnd, A>(t, [first, p, second, third, 0, 0]),
            12 => receive::<A>(t, call.0 >> 16, [first, second, third, p, fifth]),
            13 => through::<msg::Msgget, A>(t, [first, second, 0, 0, 0, 0]),
            14 => msg::control::<A>(t, first as i32, Layout::of_command(second as i32), guest(p)),
            21 if call.0 >> 16 == 1 => Err(Errno::EINVAL),
            21 => attach::<A>(t, first, second, third, p),
            22 => through::<shm::Shmdt, A>(t, [p, 0, 0, 0, 0, 0]),
            23 => through::<shm::Shmget, A>(t, [first, second, third, 0, 0, 0]),
            24 => shm::control::<A>(t, first as i32, Layout::of_command(second as i32), guest(p)),
            _ => Err(Errno::ENOSYS),
        }
    }
}
