//! Extended attributes.

use super::show::{Bytes, Filled, XattrFlags};
use super::sys::{PathArg, Text, int, sys};
use super::{Fd, Spec, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::SysResult;
use crate::mem::Access;
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Setxattr, Lsetxattr, Fsetxattr, Getxattr, Lgetxattr, Fgetxattr, Listxattr, Llistxattr, Flistxattr, Removexattr, Lremovexattr, Fremovexattr,];

/// XATTR_NAME_MAX and the zero.
const NAME_MAX: usize = 256;

/// What an attribute belongs to: the register for the host's call, and what keeps it alive.
enum Owner {
    Path(PathArg),
    Fd(i32),
}

impl Owner {
    fn arg(&self) -> u64 {
        match self {
            Self::Path(p) => p.arg(),
            Self::Fd(fd) => int(*fd),
        }
    }
}

/// What a path leads to, or the link at its end.
fn at(t: &Task, path: Str, last: Last) -> SysResult<Owner> {
    t.path_to(Fd::CWD, path, last).map(Owner::Path)
}

fn of(t: &Task, fd: Fd) -> SysResult<Owner> {
    t.fd(fd).map(Owner::Fd)
}

fn name(t: &Task, p: Str) -> SysResult<Text> {
    Text::new(t.mem.read_cstr(p.0, NAME_MAX))
}

/// XATTR_SIZE_MAX: the kernel cuts buffers that are to be filled to it. Unit: bytes.
const SIZE_MAX: u64 = 65536;

fn set<A>(t: &Task, nr: i64, owner: &Owner, key: Str, value: GuestPtr<A, u8>, size: u64, flags: u32) -> SysResult {
    let key = name(t, key)?;
    let b = t.mem.host_buf(value.addr(), size, Access::Read)?;
    sys(nr, [owner.arg(), key.arg(), b.ptr as u64, size, flags.into()])
}

fn get<A>(t: &Task, nr: i64, owner: &Owner, key: Str, value: GuestPtr<A, u8>, size: u64) -> SysResult {
    let key = name(t, key)?;
    let b = t.mem.host_buf(value.addr(), size.min(SIZE_MAX), Access::Write)?;
    sys(nr, [owner.arg(), key.arg(), b.ptr as u64, b.len as u64])
}

fn list<A>(t: &Task, nr: i64, owner: &Owner, out: GuestPtr<A, u8>, size: u64) -> SysResult {
    let b = t.mem.host_buf(out.addr(), size.min(SIZE_MAX), Access::Write)?;
    sys(nr, [owner.arg(), b.ptr as u64, b.len as u64])
}

fn remove(t: &Task, nr: i64, owner: &Owner, key: Str) -> SysResult {
    let key = name(t, key)?;
    sys(nr, [owner.arg(), key.arg()])
}

/// setxattr(2).
pub struct Setxattr;
impl Syscall for Setxattr {
    const SPEC: Spec = Spec { name: "setxattr", x64: Some(188), i386: Some(226), support: Full };
    type Args<A: Abi> = (Str, Str, Bytes<A>, XattrFlags);
    fn call<A: Abi>(t: &mut Task, (path, key, Bytes(value, size), flags): Self::Args<A>) -> SysResult {
        set(t, libc::SYS_setxattr, &at(t, path, Last::Target)?, key, value, size, flags.0)
    }
}

/// lsetxattr(2).
pub struct Lsetxattr;
impl Syscall for Lsetxattr {
    const SPEC: Spec = Spec { name: "lsetxattr", x64: Some(189), i386: Some(227), support: Full };
    type Args<A: Abi> = (Str, Str, Bytes<A>, XattrFlags);
    fn call<A: Abi>(t: &mut Task, (path, key, Bytes(value, size), flags): Self::Args<A>) -> SysResult {
        set(t, libc::SYS_lsetxattr, &at(t, path, Last::Link)?, key, value, size, flags.0)
    }
}

/// fsetxattr(2).
pub struct Fsetxattr;
impl Syscall for Fsetxattr {
    const SPEC: Spec = Spec { name: "fsetxattr", x64: Some(190), i386: Some(228), support: Full };
    type Args<A: Abi> = (Fd, Str, Bytes<A>, XattrFlags);
    fn call<A: Abi>(t: &mut Task, (fd, key, Bytes(value, size), flags): Self::Args<A>) -> SysResult {
        set(t, libc::SYS_fsetxattr, &of(t, fd)?, key, value, size, flags.0)
    }
}

/// getxattr(2).
pub struct Getxattr;
impl Syscall for Getxattr {
    const SPEC: Spec = Spec { name: "getxattr", x64: Some(191), i386: Some(229), support: Full };
    type Args<A: Abi> = (Str, Str, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (path, key, Filled(value, size)): Self::Args<A>) -> SysResult {
        get(t, libc::SYS_getxattr, &at(t, path, Last::Target)?, key, value, size)
    }
}

/// lgetxattr(2).
pub struct Lgetxattr;
impl Syscall for Lgetxattr {
    const SPEC: Spec = Spec { name: "lgetxattr", x64: Some(192), i386: Some(230), support: Full };
    type Args<A: Abi> = (Str, Str, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (path, key, Filled(value, size)): Self::Args<A>) -> SysResult {
        get(t, libc::SYS_lgetxattr, &at(t, path, Last::Link)?, key, value, size)
    }
}

/// fgetxattr(2).
pub struct Fgetxattr;
impl Syscall for Fgetxattr {
    const SPEC: Spec = Spec { name: "fgetxattr", x64: Some(193), i386: Some(231), support: Full };
    type Args<A: Abi> = (Fd, Str, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (fd, key, Filled(value, size)): Self::Args<A>) -> SysResult {
        get(t, libc::SYS_fgetxattr, &of(t, fd)?, key, value, size)
    }
}

/// listxattr(2).
pub struct Listxattr;
impl Syscall for Listxattr {
    const SPEC: Spec = Spec { name: "listxattr", x64: Some(194), i386: Some(232), support: Full };
    type Args<A: Abi> = (Str, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (path, Filled(out, size)): Self::Args<A>) -> SysResult {
        list(t, libc::SYS_listxattr, &at(t, path, Last::Target)?, out, size)
    }
}

/// llistxattr(2).
pub struct Llistxattr;
impl Syscall for Llistxattr {
    const SPEC: Spec = Spec { name: "llistxattr", x64: Some(195), i386: Some(233), support: Full };
    type Args<A: Abi> = (Str, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (path, Filled(out, size)): Self::Args<A>) -> SysResult {
        list(t, libc::SYS_llistxattr, &at(t, path, Last::Link)?, out, size)
    }
}

/// flistxattr(2).
pub struct Flistxattr;
impl Syscall for Flistxattr {
    const SPEC: Spec = Spec { name: "flistxattr", x64: Some(196), i386: Some(234), support: Full };
    type Args<A: Abi> = (Fd, Filled<A>);
    fn call<A: Abi>(t: &mut Task, (fd, Filled(out, size)): Self::Args<A>) -> SysResult {
        list(t, libc::SYS_flistxattr, &of(t, fd)?, out, size)
    }
}

/// removexattr(2).
pub struct Removexattr;
impl Syscall for Removexattr {
    const SPEC: Spec = Spec { name: "removexattr", x64: Some(197), i386: Some(235), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (path, key): Self::Args<A>) -> SysResult {
        remove(t, libc::SYS_removexattr, &at(t, path, Last::Target)?, key)
    }
}

/// lremovexattr(2).
pub struct Lremovexattr;
impl Syscall for Lremovexattr {
    const SPEC: Spec = Spec { name: "lremovexattr", x64: Some(198), i386: Some(236), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (path, key): Self::Args<A>) -> SysResult {
        remove(t, libc::SYS_lremovexattr, &at(t, path, Last::Link)?, key)
    }
}

/// fremovexattr(2).
pub struct Fremovexattr;
impl Syscall for Fremovexattr {
    const SPEC: Spec = Spec { name: "fremovexattr", x64: Some(199), i386: Some(237), support: Full };
    type Args<A: Abi> = (Fd, Str);
    fn call<A: Abi>(t: &mut Task, (fd, key): Self::Args<A>) -> SysResult {
        remove(t, libc::SYS_fremovexattr, &of(t, fd)?, key)
    }
}
