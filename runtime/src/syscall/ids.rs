//! Who a process is: users, groups, capabilities, process groups and sessions. i386 has the old calls with 16-bit ids beside those with 32 bits.
//!
//! The calls act on the calling thread, as the kernel's do; the guest's libc makes them act on all threads.

use super::plain::plain_calls;
use super::{Spec, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::host;
use crate::mem::BAD_ADDRESS;
use crate::table;
use crate::task::Task;

table![
    Getppid,
    Gettid,
    Getpgrp,
    Getpgid,
    Setpgid,
    Getsid,
    Setsid,
    Getuid32,
    Geteuid32,
    Getgid32,
    Getegid32,
    Setuid32,
    Setgid32,
    Setreuid32,
    Setregid32,
    Setresuid32,
    Setresgid32,
    Setfsuid32,
    Setfsgid32,
    Getuid,
    Geteuid,
    Getgid,
    Getegid,
    Setuid,
    Setgid,
    Setreuid,
    Setregid,
    Setresuid,
    Setresgid,
    Setfsuid,
    Setfsgid,
    Getresuid,
    Getresgid,
    Getresuid32,
    Getresgid32,
    Getgroups,
    Setgroups,
    Getgroups32,
    Setgroups32,
    Capget,
    Capset,
];

plain_calls! {
    /// getppid(2).
    Getppid = "getppid" (Some(110), Some(64)) SYS_getppid ();
    /// gettid(2).
    Gettid = "gettid" (Some(186), Some(224)) SYS_gettid ();
    /// getpgid(2).
    Getpgid = "getpgid" (Some(121), Some(132)) SYS_getpgid (pid: i32);
    /// setpgid(2).
    Setpgid = "setpgid" (Some(109), Some(57)) SYS_setpgid (pid: i32, pgid: i32);
    /// getsid(2).
    Getsid = "getsid" (Some(124), Some(147)) SYS_getsid (pid: i32);
    /// setsid(2).
    Setsid = "setsid" (Some(112), Some(66)) SYS_setsid ();
    /// getuid(2) of i386 with 32 bits.
    Getuid32 = "getuid32" (None, Some(199)) SYS_getuid ();
    /// geteuid(2) of i386 with 32 bits.
    Geteuid32 = "geteuid32" (None, Some(201)) SYS_geteuid ();
    /// getgid(2) of i386 with 32 bits.
    Getgid32 = "getgid32" (None, Some(200)) SYS_getgid ();
    /// getegid(2) of i386 with 32 bits.
    Getegid32 = "getegid32" (None, Some(202)) SYS_getegid ();
    /// setuid(2) of i386 with 32 bits.
    Setuid32 = "setuid32" (None, Some(213)) SYS_setuid (uid: u32);
    /// setgid(2) of i386 with 32 bits.
    Setgid32 = "setgid32" (None, Some(214)) SYS_setgid (gid: u32);
    /// setreuid(2) of i386 with 32 bits.
    Setreuid32 = "setreuid32" (None, Some(203)) SYS_setreuid (ruid: u32, euid: u32);
    /// setregid(2) of i386 with 32 bits.
    Setregid32 = "setregid32" (None, Some(204)) SYS_setregid (rgid: u32, egid: u32);
    /// setresuid(2) of i386 with 32 bits.
    Setresuid32 = "setresuid32" (None, Some(208)) SYS_setresuid (ruid: u32, euid: u32, suid: u32);
    /// setresgid(2) of i386 with 32 bits.
    Setresgid32 = "setresgid32" (None, Some(210)) SYS_setresgid (rgid: u32, egid: u32, sgid: u32);
    /// setfsuid(2) of i386 with 32 bits.
    Setfsuid32 = "setfsuid32" (None, Some(215)) SYS_setfsuid (uid: u32);
    /// setfsgid(2) of i386 with 32 bits.
    Setfsgid32 = "setfsgid32" (None, Some(216)) SYS_setfsgid (gid: u32);
}

/// getpgrp(2).
pub struct Getpgrp;
impl Syscall for Getpgrp {
    const SPEC: Spec = Spec { name: "getpgrp", x64: Some(111), i386: Some(65), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(_: &mut Task, (): Self::Args<A>) -> SysResult {
        // SAFETY: no pointers. Not all hosts have getpgrp.
        unsafe { host::syscall(libc::SYS_getpgid, [0; 6]) }
    }
}

/// What the kernel shows in 16 bits of an id that has more.
const OVERFLOW_ID: u64 = 65534;

/// An id as the ABI's classic calls return it: 16 bits on i386.
const fn narrow<A: Abi>(id: u64) -> u64 {
    if A::IS_32 && id > 0xffff { OVERFLOW_ID } else { id }
}

/// An id as the ABI's classic calls take it: on i386 16 bits, all ones meaning −1.
const fn widen<A: Abi>(id: u32) -> u64 {
    match (A::IS_32, id & 0xffff) {
        (false, _) => id as u64,
        (true, 0xffff) => u32::MAX as u64,
        (true, low) => low as u64,
    }
}

/// Calls that return an id, or take up to three.
macro_rules! id_calls {
    ($($(#[$m:meta])* $call:ident = $name:literal ($x64:literal, $i386:literal) $nr:ident ($($arg:ident),*);)*) => {
        $(
            $(#[$m])*
            pub struct $call;
            impl Syscall for $call {
                const SPEC: Spec = Spec { name: $name, x64: Some($x64), i386: Some($i386), support: Full };
                type Args<A: Abi> = ($(id_calls!(@u32 $arg),)*);
                fn call<A: Abi>(_: &mut Task, ($($arg,)*): Self::Args<A>) -> SysResult {
                    let args: &[u64] = &[$(widen::<A>($arg)),*];
                    let mut all = [0; 6];
                    all[..args.len()].copy_from_slice(args);
                    // SAFETY: no pointers.
                    unsafe { host::syscall(libc::$nr, all) }.map(narrow::<A>)
                }
            }
        )*
    };
    (@u32 $arg:ident) => { u32 };
}

id_calls! {
    /// getuid(2).
    Getuid = "getuid" (102, 24) SYS_getuid ();
    /// geteuid(2).
    Geteuid = "geteuid" (107, 49) SYS_geteuid ();
    /// getgid(2).
    Getgid = "getgid" (104, 47) SYS_getgid ();
    /// getegid(2).
    Getegid = "getegid" (108, 50) SYS_getegid ();
    /// setuid(2).
    Setuid = "setuid" (105, 23) SYS_setuid (uid);
    /// setgid(2).
    Setgid = "setgid" (106, 46) SYS_setgid (gid);
    /// setreuid(2).
    Setreuid = "setreuid" (113, 70) SYS_setreuid (ruid, euid);
    /// setregid(2).
    Setregid = "setregid" (114, 71) SYS_setregid (rgid, egid);
    /// setresuid(2).
    Setresuid = "setresuid" (117, 164) SYS_setresuid (ruid, euid, suid);
    /// setresgid(2).
    Setresgid = "setresgid" (119, 170) SYS_setresgid (rgid, egid, sgid);
    /// setfsuid(2).
    Setfsuid = "setfsuid" (122, 138) SYS_setfsuid (uid);
    /// setfsgid(2).
    Setfsgid = "setfsgid" (123, 139) SYS_setfsgid (gid);
}

/// The three ids that a getres*id call of the host gives.
fn res_ids(nr: i64) -> SysResult<[u32; 3]> {
    let mut ids = [0u32; 3];
    let at = ids.as_mut_ptr() as u64;
    // SAFETY: pointers to the three ids.
    unsafe { host::syscall(nr, [at, at + 4, at + 8, 0, 0, 0]) }?;
    Ok(ids)
}

fn write_res_ids<A: Abi>(t: &Task, out: [GuestPtr<A, u32>; 3], ids: [u32; 3], wide: bool) -> SysResult {
    for (p, id) in out.into_iter().zip(ids) {
        match wide {
            true => t.mem.write(p, id)?,
            false => t.mem.write(p.cast::<u16>(), narrow::<A>(id.into()) as u16)?,
        }
    }
    Ok(0)
}

/// getresuid(2).
pub struct Getresuid;
impl Syscall for Getresuid {
    const SPEC: Spec = Spec { name: "getresuid", x64: Some(118), i386: Some(165), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u32>, GuestPtr<A, u32>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (r, e, s): Self::Args<A>) -> SysResult {
        write_res_ids(t, [r, e, s], res_ids(libc::SYS_getresuid)?, !A::IS_32)
    }
}

/// getresgid(2).
pub struct Getresgid;
impl Syscall for Getresgid {
    const SPEC: Spec = Spec { name: "getresgid", x64: Some(120), i386: Some(171), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u32>, GuestPtr<A, u32>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (r, e, s): Self::Args<A>) -> SysResult {
        write_res_ids(t, [r, e, s], res_ids(libc::SYS_getresgid)?, !A::IS_32)
    }
}

/// getresuid(2) of i386 with 32 bits.
pub struct Getresuid32;
impl Syscall for Getresuid32 {
    const SPEC: Spec = Spec { name: "getresuid32", x64: None, i386: Some(209), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u32>, GuestPtr<A, u32>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (r, e, s): Self::Args<A>) -> SysResult {
        write_res_ids(t, [r, e, s], res_ids(libc::SYS_getresuid)?, true)
    }
}

/// getresgid(2) of i386 with 32 bits.
pub struct Getresgid32;
impl Syscall for Getresgid32 {
    const SPEC: Spec = Spec { name: "getresgid32", x64: None, i386: Some(211), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u32>, GuestPtr<A, u32>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (r, e, s): Self::Args<A>) -> SysResult {
        write_res_ids(t, [r, e, s], res_ids(libc::SYS_getresgid)?, true)
    }
}

/// NGROUPS_MAX.
const MAX_GROUPS: i32 = 65536;

fn getgroups<A: Abi>(t: &Task, size: i32, list: GuestPtr<A, u32>, wide: bool) -> SysResult {
    let mut groups = vec![0u32; size.clamp(0, MAX_GROUPS) as usize];
    // SAFETY: room for `size` groups, or a size that the kernel refuses or that only asks for the number.
    let n = unsafe { host::syscall(libc::SYS_getgroups, [size.min(MAX_GROUPS) as u64, groups.as_mut_ptr() as u64, 0, 0, 0, 0]) }?;
    groups.truncate(n as usize);
    match wide {
        true => t.mem.write_array(list, &groups)?,
        false => {
            let narrow: Vec<u16> = groups.iter().map(|&g| narrow::<A>(g.into()) as u16).collect();
            t.mem.write_array(list.cast::<u16>(), &narrow)?;
        }
    }
    Ok(n)
}

fn setgroups<A: Abi>(t: &Task, size: i32, list: GuestPtr<A, u32>, wide: bool) -> SysResult {
    // The permission comes first.
    let count = match usize::try_from(size) {
        Ok(n) if size <= MAX_GROUPS => n,
        // SAFETY: refused for its size or for lack of permission before it reads.
        _ => return unsafe { host::syscall(libc::SYS_setgroups, [i32::MAX as u64, 0, 0, 0, 0, 0]) },
    };
    let groups: Vec<u32> = match wide {
        true => t.mem.read_array(list, count)?,
        false => t.mem.read_array(list.cast::<u16>(), count)?.into_iter().map(|g| widen::<A>(g.into()) as u32).collect(),
    };
    // SAFETY: `count` groups.
    unsafe { host::syscall(libc::SYS_setgroups, [count as u64, groups.as_ptr() as u64, 0, 0, 0, 0]) }
}

/// getgroups(2).
pub struct Getgroups;
impl Syscall for Getgroups {
    const SPEC: Spec = Spec { name: "getgroups", x64: Some(115), i386: Some(80), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (size, list): Self::Args<A>) -> SysResult {
        getgroups(t, size, list, !A::IS_32)
    }
}

/// setgroups(2).
pub struct Setgroups;
impl Syscall for Setgroups {
    const SPEC: Spec = Spec { name: "setgroups", x64: Some(116), i386: Some(81), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (size, list): Self::Args<A>) -> SysResult {
        setgroups(t, size, list, !A::IS_32)
    }
}

/// getgroups(2) of i386 with 32 bits.
pub struct Getgroups32;
impl Syscall for Getgroups32 {
    const SPEC: Spec = Spec { name: "getgroups32", x64: None, i386: Some(205), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (size, list): Self::Args<A>) -> SysResult {
        getgroups(t, size, list, true)
    }
}

/// setgroups(2) of i386 with 32 bits.
pub struct Setgroups32;
impl Syscall for Setgroups32 {
    const SPEC: Spec = Spec { name: "setgroups32", x64: None, i386: Some(206), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (size, list): Self::Args<A>) -> SysResult {
        setgroups(t, size, list, true)
    }
}

guest_struct! {
    /// `struct __user_cap_header_struct`.
    pub struct CapHeader = 8 {
        /// `_LINUX_CAPABILITY_VERSION_*`.
        pub version: u32,
        /// Whose, 0 for the caller.
        pub pid: i32,
    }
}

/// Capability sets in words: effective, permitted, inheritable, once or twice.
type CapData = [u32; 6];

/// Bytes of capability sets that go with a version; `None` for unknown ones.
const fn cap_words(version: u32) -> Option<usize> {
    match version {
        0x1998_0330 => Some(3),
        0x2007_1026 | 0x2008_0522 => Some(6),
        _ => None,
    }
}

/// capget(2).
pub struct Capget;
impl Syscall for Capget {
    const SPEC: Spec = Spec { name: "capget", x64: Some(125), i386: Some(184), support: Full };
    type Args<A: Abi> = (GuestPtr<A, CapHeader>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (header, data): Self::Args<A>) -> SysResult {
        let version = t.mem.read(header.cast::<u32>())?;
        let words = cap_words(version);
        // The process is looked at when the version is known, and if there is something to tell.
        let mut h = match words {
            Some(_) if !data.is_null() => t.mem.read(header)?,
            _ => CapHeader { version, ..CapHeader::default() },
        };
        let mut sets = CapData::default();
        let out = if data.is_null() { 0 } else { sets.as_mut_ptr() as u64 };
        // SAFETY: the header is the host's structure too; there is room for the largest version.
        let r = unsafe { host::syscall(libc::SYS_capget, [(&raw mut h) as u64, out, 0, 0, 0, 0]) };
        if words.is_none() {
            t.mem.write(header.cast::<u32>(), h.version)?;
        }
        let r = r?;
        if !data.is_null() {
            t.mem.write_array(data, &sets[..words.unwrap_or(0)])?;
        }
        Ok(r)
    }
}

/// capset(2).
pub struct Capset;
impl Syscall for Capset {
    const SPEC: Spec = Spec { name: "capset", x64: Some(126), i386: Some(185), support: Full };
    type Args<A: Abi> = (GuestPtr<A, CapHeader>, GuestPtr<A, u32>);
    fn call<A: Abi>(t: &mut Task, (header, data): Self::Args<A>) -> SysResult {
        let Some(words) = cap_words(t.mem.read(header.cast::<u32>())?) else {
            t.mem.write(header.cast::<u32>(), 0x2008_0522)?;
            return Err(Errno::EINVAL);
        };
        let mut h = t.mem.read(header)?;
        let mut sets = CapData::default();
        let read = t.mem.read_array(data, words).map(|s| sets[..words].copy_from_slice(&s));
        let at = if read.is_ok() { sets.as_ptr() as u64 } else { BAD_ADDRESS };
        // SAFETY: both are the host's structures, or one no address at all.
        unsafe { host::syscall(libc::SYS_capset, [(&raw mut h) as u64, at, 0, 0, 0, 0]) }
    }
}
