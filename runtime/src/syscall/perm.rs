//! Who may do what with a file: mode, owner, access, umask.

use super::show::{AccessFlags, AccessMode, AtFlags};
use super::sys::{int, sys};
use super::{Arg, Fd, Octal, Regs, Returns, Spec, Str, Support::Full, Syscall, View};
use crate::abi::Abi;
use crate::errno::{Errno, SysResult};
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Chmod, Fchmod, FchmodAt, FchmodAt2, Chown, Fchown, Lchown, Chown32, Fchown32, Lchown32, FchownAt, Access, FaccessAt, FaccessAt2, Umask,];

/// A user's or group's number in a call that has 16 bits for it on i386: there 65535 means "don't change".
#[derive(Clone, Copy, Debug)]
pub struct Id(pub u32);

impl Arg for Id {
    fn take(r: &mut Regs) -> Self {
        let v = r.word() as u32;
        match r.is_32() {
            true if v & 0xffff == 0xffff => Self(u32::MAX),
            true => Self(v & 0xffff),
            false => Self(v),
        }
    }
    fn show(&self, _: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0 as i32)
    }
}

/// chmod(2).
pub struct Chmod;
impl Syscall for Chmod {
    const SPEC: Spec = Spec { name: "chmod", x64: Some(90), i386: Some(15), support: Full };
    type Args<A: Abi> = (Str, Octal);
    fn call<A: Abi>(t: &mut Task, (path, mode): Self::Args<A>) -> SysResult {
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_fchmodat, [p.dir_arg(), p.arg(), mode.0.into()])
    }
}

/// fchmod(2).
pub struct Fchmod;
impl Syscall for Fchmod {
    const SPEC: Spec = Spec { name: "fchmod", x64: Some(91), i386: Some(94), support: Full };
    type Args<A: Abi> = (Fd, Octal);
    fn call<A: Abi>(t: &mut Task, (fd, mode): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fchmod, [int(t.fd(fd)?), mode.0.into()])
    }
}

/// fchmodat(2), which has no flags in the kernel.
pub struct FchmodAt;
impl Syscall for FchmodAt {
    const SPEC: Spec = Spec { name: "fchmodat", x64: Some(268), i386: Some(306), support: Full };
    type Args<A: Abi> = (Fd, Str, Octal);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode): Self::Args<A>) -> SysResult {
        let p = t.path_to(dir, path, Last::Target)?;
        sys(libc::SYS_fchmodat, [p.dir_arg(), p.arg(), mode.0.into()])
    }
}

/// Number of fchmodat2 on every architecture.
const SYS_FCHMODAT2: i64 = 452;

/// fchmodat2(2).
pub struct FchmodAt2;
impl Syscall for FchmodAt2 {
    const SPEC: Spec = Spec { name: "fchmodat2", x64: Some(452), i386: Some(452), support: Full };
    type Args<A: Abi> = (Fd, Str, Octal, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode, flags): Self::Args<A>) -> SysResult {
        let p = t.path_to(dir, path, Last::of_flags(flags.0))?;
        sys(SYS_FCHMODAT2, [p.dir_arg(), p.arg(), mode.0.into(), flags.0.into()])
    }
}

fn chown(t: &Task, dir: Fd, path: Str, uid: u32, gid: u32, flags: i32) -> SysResult {
    let p = t.path_to(dir, path, Last::of_flags(flags as u32))?;
    sys(libc::SYS_fchownat, [p.dir_arg(), p.arg(), uid.into(), gid.into(), int(flags)])
}

/// chown(2).
pub struct Chown;
impl Syscall for Chown {
    const SPEC: Spec = Spec { name: "chown", x64: Some(92), i386: Some(182), support: Full };
    type Args<A: Abi> = (Str, Id, Id);
    fn call<A: Abi>(t: &mut Task, (path, uid, gid): Self::Args<A>) -> SysResult {
        chown(t, Fd::CWD, path, uid.0, gid.0, 0)
    }
}

/// fchown(2).
pub struct Fchown;
impl Syscall for Fchown {
    const SPEC: Spec = Spec { name: "fchown", x64: Some(93), i386: Some(95), support: Full };
    type Args<A: Abi> = (Fd, Id, Id);
    fn call<A: Abi>(t: &mut Task, (fd, uid, gid): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fchown, [int(t.fd(fd)?), uid.0.into(), gid.0.into()])
    }
}

/// lchown(2).
pub struct Lchown;
impl Syscall for Lchown {
    const SPEC: Spec = Spec { name: "lchown", x64: Some(94), i386: Some(16), support: Full };
    type Args<A: Abi> = (Str, Id, Id);
    fn call<A: Abi>(t: &mut Task, (path, uid, gid): Self::Args<A>) -> SysResult {
        chown(t, Fd::CWD, path, uid.0, gid.0, libc::AT_SYMLINK_NOFOLLOW)
    }
}

/// chown32(2).
pub struct Chown32;
impl Syscall for Chown32 {
    const SPEC: Spec = Spec { name: "chown32", x64: None, i386: Some(212), support: Full };
    type Args<A: Abi> = (Str, u32, u32);
    fn call<A: Abi>(t: &mut Task, (path, uid, gid): Self::Args<A>) -> SysResult {
        chown(t, Fd::CWD, path, uid, gid, 0)
    }
}

/// fchown32(2).
pub struct Fchown32;
impl Syscall for Fchown32 {
    const SPEC: Spec = Spec { name: "fchown32", x64: None, i386: Some(207), support: Full };
    type Args<A: Abi> = (Fd, u32, u32);
    fn call<A: Abi>(t: &mut Task, (fd, uid, gid): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fchown, [int(t.fd(fd)?), uid.into(), gid.into()])
    }
}

/// lchown32(2).
pub struct Lchown32;
impl Syscall for Lchown32 {
    const SPEC: Spec = Spec { name: "lchown32", x64: None, i386: Some(198), support: Full };
    type Args<A: Abi> = (Str, u32, u32);
    fn call<A: Abi>(t: &mut Task, (path, uid, gid): Self::Args<A>) -> SysResult {
        chown(t, Fd::CWD, path, uid, gid, libc::AT_SYMLINK_NOFOLLOW)
    }
}

/// fchownat(2).
pub struct FchownAt;
impl Syscall for FchownAt {
    const SPEC: Spec = Spec { name: "fchownat", x64: Some(260), i386: Some(298), support: Full };
    type Args<A: Abi> = (Fd, Str, u32, u32, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, uid, gid, flags): Self::Args<A>) -> SysResult {
        chown(t, dir, path, uid, gid, flags.0 as i32)
    }
}

fn access(t: &Task, dir: Fd, path: Str, mode: u32, flags: u32) -> SysResult {
    if mode & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let p = t.path_to(dir, path, Last::of_flags(flags))?;
    match flags {
        0 => sys(libc::SYS_faccessat, [p.dir_arg(), p.arg(), mode.into()]),
        _ => sys(libc::SYS_faccessat2, [p.dir_arg(), p.arg(), mode.into(), flags.into()]),
    }
}

/// access(2).
pub struct Access;
impl Syscall for Access {
    const SPEC: Spec = Spec { name: "access", x64: Some(21), i386: Some(33), support: Full };
    type Args<A: Abi> = (Str, AccessMode);
    fn call<A: Abi>(t: &mut Task, (path, mode): Self::Args<A>) -> SysResult {
        access(t, Fd::CWD, path, mode.0, 0)
    }
}

/// faccessat(2), which has no flags in the kernel.
pub struct FaccessAt;
impl Syscall for FaccessAt {
    const SPEC: Spec = Spec { name: "faccessat", x64: Some(269), i386: Some(307), support: Full };
    type Args<A: Abi> = (Fd, Str, AccessMode);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode): Self::Args<A>) -> SysResult {
        access(t, dir, path, mode.0, 0)
    }
}

/// faccessat2(2).
pub struct FaccessAt2;
impl Syscall for FaccessAt2 {
    const SPEC: Spec = Spec { name: "faccessat2", x64: Some(439), i386: Some(439), support: Full };
    type Args<A: Abi> = (Fd, Str, AccessMode, AccessFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode, flags): Self::Args<A>) -> SysResult {
        access(t, dir, path, mode.0, flags.0)
    }
}

/// umask(2).
pub struct Umask;
impl Syscall for Umask {
    const SPEC: Spec = Spec { name: "umask", x64: Some(95), i386: Some(60), support: Full };
    const RETURNS: Returns = Returns::Mode;
    type Args<A: Abi> = (Octal,);
    fn call<A: Abi>(_: &mut Task, (mask,): Self::Args<A>) -> SysResult {
        sys(libc::SYS_umask, [mask.0.into()])
    }
}
