//! The calls that every program begins and ends with, and examples of how a call is written.

use super::large;
use super::show::{Bytes, Filled};
use super::{Fd, Restart, Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::SysResult;
use crate::guest_struct;
use crate::host;
use crate::mem::Access;
use crate::table;
use crate::task::Task;

table![Write, Read, ExitGroup, Uname, Olduname, Oldolduname, Getpid];

/// write(2).
pub struct Write;
impl Syscall for Write {
    const SPEC: Spec = Spec { name: "write", x64: Some(1), i386: Some(4), support: Full };
    type Args<A: Abi> = (Fd, Bytes<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Bytes(buf, count)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let count = large::room::<A>(fd, None, count)?;
        let b = t.mem.host_buf(buf.addr(), count, Access::Read)?;
        // SAFETY: the buffer is the guest's memory.
        unsafe { t.block(Restart::Sys, libc::SYS_write, [fd as u64, b.ptr as u64, b.len as u64, 0, 0, 0]) }
    }
}

/// read(2).
pub struct Read;
impl Syscall for Read {
    const SPEC: Spec = Spec { name: "read", x64: Some(0), i386: Some(3), support: Full };
    type Args<A: Abi> = (Fd, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Filled(buf, count)): Self::Args<A>) -> SysResult {
        let fd = t.fd(fd)?;
        let b = t.mem.host_buf(buf.addr(), count, Access::Write)?;
        // SAFETY: the buffer is the guest's memory.
        unsafe { t.block(Restart::Sys, libc::SYS_read, [fd as u64, b.ptr as u64, b.len as u64, 0, 0, 0]) }
    }
}

/// exit_group(2).
pub struct ExitGroup;
impl Syscall for ExitGroup {
    const SPEC: Spec = Spec { name: "exit_group", x64: Some(231), i386: Some(252), support: Full };
    type Args<A: Abi> = (i32,);
    fn call<A: Abi>(t: &mut Task, (status,): Self::Args<A>) -> SysResult {
        t.prepare_next_run();
        t.process.before_exit(t);
        // SAFETY: ends the process.
        unsafe { libc::_exit(status & 0xff) }
    }
}

/// getpid(2).
pub struct Getpid;
impl Syscall for Getpid {
    const SPEC: Spec = Spec { name: "getpid", x64: Some(39), i386: Some(20), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(_: &mut Task, (): Self::Args<A>) -> SysResult {
        // SAFETY: no arguments.
        unsafe { host::syscall(libc::SYS_getpid, [0; 6]) }
    }
}

guest_struct! {
    /// `struct new_utsname`: six strings of 65 bytes.
    pub struct Utsname = 390 {
        /// sysname, nodename, release, version, machine, domainname.
        pub fields: [[u8; 65]; 6],
    }
}

/// What the host says of itself, but for the machine's name.
fn names(t: &Task) -> SysResult<Utsname> {
    let mut u = Utsname::default();
    // SAFETY: the host's structure is the same six strings.
    unsafe { host::syscall(libc::SYS_uname, [(&raw mut u) as u64, 0, 0, 0, 0, 0]) }?;
    u.fields[4] = [0; 65];
    // An i386 program on a 64-bit kernel sees x86_64 too, unless it, or who started it, asked otherwise.
    let machine: &[u8] = if t.process.is_linux32() { b"i686" } else { b"x86_64" };
    u.fields[4][..machine.len()].copy_from_slice(machine);
    Ok(u)
}

/// uname(2).
pub struct Uname;
impl Syscall for Uname {
    const SPEC: Spec = Spec { name: "uname", x64: Some(63), i386: Some(122), support: Full };
    type Args<A: Abi> = (GuestPtr<A, Utsname>,);
    fn call<A: Abi>(t: &mut Task, (out,): Self::Args<A>) -> SysResult {
        t.mem.write(out, names(t)?)?;
        Ok(0)
    }
}

/// olduname(2): without the domain's name.
pub struct Olduname;
impl Syscall for Olduname {
    const SPEC: Spec = Spec { name: "olduname", x64: None, i386: Some(109), support: Full };
    type Args<A: Abi> = (GuestPtr<A, [[u8; 65]; 5]>,);
    fn call<A: Abi>(t: &mut Task, (out,): Self::Args<A>) -> SysResult {
        let [a, b, c, d, e, _] = names(t)?.fields;
        t.mem.write(out, [a, b, c, d, e])?;
        Ok(0)
    }
}

/// oldolduname(2): strings of 9 bytes.
pub struct Oldolduname;
impl Syscall for Oldolduname {
    const SPEC: Spec = Spec { name: "oldolduname", x64: None, i386: Some(59), support: Full };
    type Args<A: Abi> = (GuestPtr<A, [[u8; 9]; 5]>,);
    fn call<A: Abi>(t: &mut Task, (out,): Self::Args<A>) -> SysResult {
        let fields = names(t)?.fields;
        let mut short = [[0u8; 9]; 5];
        for (s, f) in short.iter_mut().zip(fields) {
            s[..8].copy_from_slice(&f[..8]);
        }
        t.mem.write(out, short)?;
        Ok(0)
    }
}
