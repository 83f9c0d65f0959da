//! Other processes: descriptors for them, their memory.

use forklift_x86::GuestAddr;

use super::signals::read_info;
use super::sys::{int, opt_ptr, ptr, sys};
use super::{Fd, Hex, Sig, Spec, Support::Full, Support::Partial, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::SysResult;
use crate::mem::{Access, BAD_ADDRESS};
use crate::signal::info::InfoBytes;
use crate::table;
use crate::task::Task;

table![PidfdOpen, PidfdSendSignal, PidfdGetfd, ProcessVmReadv, ProcessVmWritev, ProcessMrelease];

/// pidfd_open(2).
pub struct PidfdOpen;
impl Syscall for PidfdOpen {
    const SPEC: Spec = Spec { name: "pidfd_open", x64: Some(434), i386: Some(434), support: Full };
    type Args<A: Abi> = (i32, Hex);
    fn call<A: Abi>(_: &mut Task, (pid, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_pidfd_open, [int(pid), flags.0.into()])
    }
}

/// pidfd_send_signal(2).
pub struct PidfdSendSignal;
impl Syscall for PidfdSendSignal {
    const SPEC: Spec = Spec { name: "pidfd_send_signal", x64: Some(424), i386: Some(424), support: Full };
    type Args<A: Abi> = (Fd, Sig, GuestPtr<A, InfoBytes>, Hex);
    fn call<A: Abi>(t: &mut Task, (fd, sig, info, flags): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let read = if info.is_null() { Ok(None) } else { read_info(t, info).map(Some) };
        // What can't be read is left to the host's kernel to refuse, after what it checks before.
        let at = read.as_ref().map_or(BAD_ADDRESS, |i| opt_ptr(i.as_ref().map(|i| &i.0)));
        sys(libc::SYS_pidfd_send_signal, [int(fd), int(sig.0), at, flags.0.into()])
    }
}

/// pidfd_getfd(2).
pub struct PidfdGetfd;
impl Syscall for PidfdGetfd {
    const SPEC: Spec = Spec { name: "pidfd_getfd", x64: Some(438), i386: Some(438), support: Full };
    type Args<A: Abi> = (Fd, Fd, Hex);
    fn call<A: Abi>(t: &mut Task, (fd, target, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_pidfd_getfd, [int(t.fd(fd)?), int(target.0), flags.0.into()])
    }
}

/// Most vectors on the other side.
const UIO_MAXIOV: u64 = 1024;

/// Vectors of the other process: its window is taken to lie where ours does, which is so for all that were forked from one program. `None` for too many, and for
/// what can't be read.
fn remote<A: Abi>(t: &Task, p: GuestPtr<A, A::Word>, count: u64) -> Option<Vec<libc::iovec>> {
    let words: Vec<A::Word> = if count > UIO_MAXIOV { None } else { t.mem.read_array(p, count as usize * 2).ok() }?;
    let base = t.process.space().base();
    let vector = |w: &[A::Word]| libc::iovec { iov_base: base.wrapping_add(w[0].into()) as *mut _, iov_len: w[1].signed() as usize };
    Some(words.chunks_exact(2).map(vector).collect())
}

fn transfer<A: Abi>(t: &Task, nr: i64, pid: i32, local: (GuestAddr, u64), other: (GuestAddr, u64), flags: u64, access: Access) -> SysResult {
    let mine = t.mem.host_iovecs::<A>(GuestPtr::new(local.0), u64::from(local.1 as u32), access)?;
    let theirs = remote::<A>(t, GuestPtr::new(other.0), other.1);
    if access == Access::Read && pid == std::process::id() as i32 {
        for v in theirs.iter().flatten() {
            t.mem.prepare_write(GuestAddr::new((v.iov_base as u64).wrapping_sub(t.process.space().base())), v.iov_len as u64);
        }
    }
    let at = theirs.as_ref().map_or(BAD_ADDRESS, |v| ptr(&v[..]));
    sys(nr, [int(pid), mine.addr(), mine.count(), at, other.1, flags])
}

/// What is said about both calls.
const WINDOWS: &str = "of 32-bit programs: only among processes that were forked from one";

/// process_vm_readv(2).
pub struct ProcessVmReadv;
impl Syscall for ProcessVmReadv {
    const SPEC: Spec = Spec { name: "process_vm_readv", x64: Some(310), i386: Some(347), support: Partial(WINDOWS) };
    type Args<A: Abi> = (i32, GuestAddr, u64, GuestAddr, u64, u64);
    fn call<A: Abi>(t: &mut Task, (pid, local, local_count, other, other_count, flags): Self::Args<A>) -> SysResult {
        transfer::<A>(t, libc::SYS_process_vm_readv, pid, (local, local_count), (other, other_count), flags, Access::Write)
    }
}

/// process_vm_writev(2).
pub struct ProcessVmWritev;
impl Syscall for ProcessVmWritev {
    const SPEC: Spec = Spec { name: "process_vm_writev", x64: Some(311), i386: Some(348), support: Partial(WINDOWS) };
    type Args<A: Abi> = (i32, GuestAddr, u64, GuestAddr, u64, u64);
    fn call<A: Abi>(t: &mut Task, (pid, local, local_count, other, other_count, flags): Self::Args<A>) -> SysResult {
        transfer::<A>(t, libc::SYS_process_vm_writev, pid, (local, local_count), (other, other_count), flags, Access::Read)
    }
}

/// process_mrelease(2).
pub struct ProcessMrelease;
impl Syscall for ProcessMrelease {
    const SPEC: Spec = Spec { name: "process_mrelease", x64: Some(448), i386: Some(448), support: Full };
    type Args<A: Abi> = (Fd, Hex);
    fn call<A: Abi>(t: &mut Task, (fd, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_process_mrelease, [int(t.fd(fd)?), flags.0.into()])
    }
}
