//! ipc(2): i386's one door to System V IPC.

use core::marker::PhantomData;

use forklift_x86::GuestAddr;

use super::super::{Arg, Args, Handler, Regs, Spec, Support::Full, Syscall, View, handler};
use super::{Layout, msg, sem, shm};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::{Errno, SysResult};
use crate::mem::GuestMem;
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

/// The call that goes through the door, and its six arguments.
pub struct Inner<A> {
    call: u32,
    args: [u64; 5],
    abi: PhantomData<A>,
}

impl<A: Abi> Inner<A> {
    /// The call's name, and itself with its arguments as they are when it is called directly.
    fn direct(&self, mem: &GuestMem) -> Option<(&'static str, Handler, [u64; 6])> {
        let [first, second, third, p, fifth] = self.args;
        let six = |args: &[u64]| core::array::from_fn(|i| args.get(i).copied().unwrap_or(0));
        Some(match self.call {
            1 => ("SEMOP", handler::<sem::Semop, A>(), six(&[first, p, second])),
            2 => ("SEMGET", handler::<sem::Semget, A>(), six(&[first, second, third])),
            3 => ("SEMCTL", handler::<sem::Semctl, A>(), six(&[first, second, third, mem.read_word::<A>(guest(p)).ok()?])),
            4 => ("SEMTIMEDOP", handler::<sem::Semtimedop, A>(), six(&[first, p, second, fifth])),
            11 => ("MSGSND", handler::<msg::Msgsnd, A>(), six(&[first, p, second, third])),
            13 => ("MSGGET", handler::<msg::Msgget, A>(), six(&[first, second])),
            14 => ("MSGCTL", handler::<msg::Msgctl, A>(), six(&[first, second, p])),
            0x1_000c => ("MSGRCV", handler::<msg::Msgrcv, A>(), six(&[first, p, second, fifth, third])),
            21 => ("SHMAT", handler::<shm::Shmat, A>(), six(&[first, p, second])),
            22 => ("SHMDT", handler::<shm::Shmdt, A>(), six(&[p])),
            23 => ("SHMGET", handler::<shm::Shmget, A>(), six(&[first, second, third])),
            24 => ("SHMCTL", handler::<shm::Shmctl, A>(), six(&[first, second, p])),
            _ => return None,
        })
    }
}

impl<A: Abi> Arg for Inner<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self { call: u32::take(r), args: core::array::from_fn(|_| r.word()), abi: PhantomData }
    }
    fn show(&self, v: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.direct(v.mem) {
            Some((name, call, regs)) => write!(f, "{name}, [{}]", call.show_all(v, regs)),
            None => write!(f, "{:#x}, {:?}", self.call, self.args),
        }
    }
}

/// ipc(2).
pub struct Ipc;
impl Syscall for Ipc {
    const SPEC: Spec = Spec { name: "ipc", x64: None, i386: Some(117), support: Full };
    type Args<A: Abi> = (Inner<A>,);
    fn call<A: Abi>(t: &mut Task, (Inner { call, args: [first, second, third, p, fifth], .. },): Self::Args<A>) -> SysResult {
        match call & 0xffff {
            1 => sem::operate(t, first as i32, guest(p), second as u32, guest::<A, A::Timespec>(0)),
            2 => through::<sem::Semget, A>(t, [first, second, third, 0, 0, 0]),
            3 if p == 0 => Err(Errno::EINVAL),
            3 => {
                let arg = t.mem.read_word::<A>(guest(p))?;
                sem::control::<A>(t, first as i32, second as i32, Layout::of_command(third as i32), arg)
            }
            4 => sem::operate(t, first as i32, guest(p), second as u32, guest::<A, A::Timespec>(fifth)),
            11 => through::<msg::Msgsnd, A>(t, [first, p, second, third, 0, 0]),
            12 => receive::<A>(t, call >> 16, [first, second, third, p, fifth]),
            13 => through::<msg::Msgget, A>(t, [first, second, 0, 0, 0, 0]),
            14 => msg::control::<A>(t, first as i32, Layout::of_command(second as i32), guest(p)),
            21 if call >> 16 == 1 => Err(Errno::EINVAL),
            21 => attach::<A>(t, first, second, third, p),
            22 => through::<shm::Shmdt, A>(t, [p, 0, 0, 0, 0, 0]),
            23 => through::<shm::Shmget, A>(t, [first, second, third, 0, 0, 0]),
            24 => shm::control::<A>(t, first as i32, Layout::of_command(second as i32), guest(p)),
            _ => Err(Errno::ENOSYS),
        }
    }
}
