//! Mounts, namespaces, swap, accounting: what the host lets its caller do, handed over.

use super::process::CloneWord;
use super::show::{MountFlags, UmountFlags};
use super::sys::{PathArg, Text, int, sys};
use super::{Fd, Hex, Spec, Str, Support::Full, Support::Partial, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::mem::Access;
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Mount, Umount, Umount2, PivotRoot, Unshare, Setns, Swapon, Swapoff, Acct, OpenTree, MoveMount, Fsopen, Fsconfig, Fsmount, Fspick, MountSetattr, Sysfs,];

/// The page of options that mount(2) reads, if it is there.
const OPTIONS: usize = 4096;

/// A string that may be missing; longest as a path.
fn optional(t: &Task, s: Str) -> SysResult<Option<Text>> {
    if s.0.get() == 0 { Ok(None) } else { Text::new(t.mem.read_path(s.0)).map(Some) }
}

fn arg(s: Option<&Text>) -> u64 {
    s.map_or(0, Text::arg)
}

/// What is mounted: a path if it is a part of the tree already, else what the file system makes of it.
fn source_arg(t: &Task, source: Str, flags: u64) -> SysResult<Option<PathArg>> {
    if source.0.get() == 0 {
        return Ok(None);
    }
    if flags & (libc::MS_BIND | libc::MS_MOVE) != 0 {
        return t.path_to(Fd::CWD, source, Last::Target).map(Some);
    }
    Text::new(t.mem.read_path(source.0)).map(|s| Some(s.into()))
}

/// mount(2).
pub struct Mount;
impl Syscall for Mount {
    const SPEC: Spec = Spec { name: "mount", x64: Some(165), i386: Some(21), support: Full };
    type Args<A: Abi> = (Str, Str, Str, MountFlags, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (source, target, kind, MountFlags(flags), data): Self::Args<A>) -> SysResult {
        let kind = optional(t, kind)?;
        let source = source_arg(t, source, flags)?;
        let mut options = vec![0u8; OPTIONS];
        if !data.is_null() && t.mem.read_some(data.addr(), &mut options) == 0 {
            return Err(Errno::EFAULT);
        }
        let target = t.path_to(Fd::CWD, target, Last::Target)?;
        let data = if data.is_null() { 0 } else { options.as_ptr() as u64 };
        sys(libc::SYS_mount, [source.as_ref().map_or(0, PathArg::arg), target.arg(), arg(kind.as_ref()), flags, data])
    }
}

fn umount(t: &Task, target: Str, flags: u32) -> SysResult {
    let p = t.path_to(Fd::CWD, target, Last::target_unless(flags & libc::UMOUNT_NOFOLLOW as u32 != 0))?;
    sys(libc::SYS_umount2, [p.arg(), flags.into()])
}

/// umount(2), without flags.
pub struct Umount;
impl Syscall for Umount {
    const SPEC: Spec = Spec { name: "umount", x64: None, i386: Some(22), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (target,): Self::Args<A>) -> SysResult {
        umount(t, target, 0)
    }
}

/// umount2(2).
pub struct Umount2;
impl Syscall for Umount2 {
    const SPEC: Spec = Spec { name: "umount2", x64: Some(166), i386: Some(52), support: Full };
    type Args<A: Abi> = (Str, UmountFlags);
    fn call<A: Abi>(t: &mut Task, (target, flags): Self::Args<A>) -> SysResult {
        umount(t, target, flags.0)
    }
}

/// pivot_root(2).
pub struct PivotRoot;
impl Syscall for PivotRoot {
    const SPEC: Spec = Spec { name: "pivot_root", x64: Some(155), i386: Some(217), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (new, old): Self::Args<A>) -> SysResult {
        let (new, old) = (t.path_to(Fd::CWD, new, Last::Target)?, t.path_to(Fd::CWD, old, Last::Target)?);
        sys(libc::SYS_pivot_root, [new.arg(), old.arg()])
    }
}

/// unshare(2).
pub struct Unshare;
impl Syscall for Unshare {
    const SPEC: Spec = Spec { name: "unshare", x64: Some(272), i386: Some(310), support: Full };
    type Args<A: Abi> = (CloneWord,);
    fn call<A: Abi>(t: &mut Task, (flags,): Self::Args<A>) -> SysResult {
        t.stop_compiling();
        sys(libc::SYS_unshare, [flags.0.into()])
    }
}

/// setns(2).
pub struct Setns;
impl Syscall for Setns {
    const SPEC: Spec = Spec { name: "setns", x64: Some(308), i386: Some(346), support: Full };
    type Args<A: Abi> = (Fd, CloneWord);
    fn call<A: Abi>(t: &mut Task, (fd, kind): Self::Args<A>) -> SysResult {
        t.stop_compiling();
        sys(libc::SYS_setns, [int(t.fd(fd)?), kind.0.into()])
    }
}

/// swapon(2).
pub struct Swapon;
impl Syscall for Swapon {
    const SPEC: Spec = Spec { name: "swapon", x64: Some(167), i386: Some(87), support: Full };
    type Args<A: Abi> = (Str, Hex);
    fn call<A: Abi>(t: &mut Task, (path, flags): Self::Args<A>) -> SysResult {
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_swapon, [p.arg(), flags.0.into()])
    }
}

/// swapoff(2).
pub struct Swapoff;
impl Syscall for Swapoff {
    const SPEC: Spec = Spec { name: "swapoff", x64: Some(168), i386: Some(115), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_swapoff, [p.arg()])
    }
}

/// acct(2).
pub struct Acct;
impl Syscall for Acct {
    const SPEC: Spec = Spec { name: "acct", x64: Some(163), i386: Some(51), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        if path.0.get() == 0 {
            return sys(libc::SYS_acct, [0]);
        }
        let p = t.path_to(Fd::CWD, path, Last::Target)?;
        sys(libc::SYS_acct, [p.arg()])
    }
}

/// open_tree(2).
pub struct OpenTree;
impl Syscall for OpenTree {
    const SPEC: Spec = Spec { name: "open_tree", x64: Some(428), i386: Some(428), support: Full };
    type Args<A: Abi> = (Fd, Str, Hex);
    fn call<A: Abi>(t: &mut Task, (dir, path, flags): Self::Args<A>) -> SysResult {
        let p = t.path_to(dir, path, Last::of_flags(flags.0))?;
        sys(libc::SYS_open_tree, [p.dir_arg(), p.arg(), flags.0.into()])
    }
}

/// move_mount(2).
pub struct MoveMount;
impl Syscall for MoveMount {
    const SPEC: Spec = Spec { name: "move_mount", x64: Some(429), i386: Some(429), support: Full };
    type Args<A: Abi> = (Fd, Str, Fd, Str, Hex);
    fn call<A: Abi>(t: &mut Task, (from_dir, from, to_dir, to, flags): Self::Args<A>) -> SysResult {
        const F_SYMLINKS: u32 = 1;
        const T_SYMLINKS: u32 = 0x10;
        let last = |follow: u32| Last::target_unless(flags.0 & follow == 0);
        let (f, o) = (t.path_to(from_dir, from, last(F_SYMLINKS))?, t.path_to(to_dir, to, last(T_SYMLINKS))?);
        sys(libc::SYS_move_mount, [f.dir_arg(), f.arg(), o.dir_arg(), o.arg(), flags.0.into()])
    }
}

/// fsopen(2).
pub struct Fsopen;
impl Syscall for Fsopen {
    const SPEC: Spec = Spec { name: "fsopen", x64: Some(430), i386: Some(430), support: Full };
    type Args<A: Abi> = (Str, Hex);
    fn call<A: Abi>(t: &mut Task, (kind, flags): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fsopen, [Text::new(t.mem.read_path(kind.0))?.arg(), flags.0.into()])
    }
}

/// FSCONFIG_SET_BINARY: the only command whose value isn't a string.
const SET_BINARY: u32 = 2;

/// fsconfig(2).
pub struct Fsconfig;
impl Syscall for Fsconfig {
    const SPEC: Spec = Spec { name: "fsconfig", x64: Some(431), i386: Some(431), support: Partial("FSCONFIG_SET_BINARY is refused with EOPNOTSUPP") };
    type Args<A: Abi> = (Fd, u32, Str, Str, i32);
    fn call<A: Abi>(t: &mut Task, (fd, command, key, value, aux): Self::Args<A>) -> SysResult {
        if command == SET_BINARY {
            return Err(Errno::EOPNOTSUPP);
        }
        let (key, value) = (optional(t, key)?, optional(t, value)?);
        sys(libc::SYS_fsconfig, [int(t.fd(fd)?), command.into(), arg(key.as_ref()), arg(value.as_ref()), int(aux)])
    }
}

/// fsmount(2).
pub struct Fsmount;
impl Syscall for Fsmount {
    const SPEC: Spec = Spec { name: "fsmount", x64: Some(432), i386: Some(432), support: Full };
    type Args<A: Abi> = (Fd, Hex, Hex);
    fn call<A: Abi>(t: &mut Task, (fd, flags, attributes): Self::Args<A>) -> SysResult {
        sys(libc::SYS_fsmount, [int(t.fd(fd)?), flags.0.into(), attributes.0.into()])
    }
}

/// fspick(2).
pub struct Fspick;
impl Syscall for Fspick {
    const SPEC: Spec = Spec { name: "fspick", x64: Some(433), i386: Some(433), support: Full };
    type Args<A: Abi> = (Fd, Str, Hex);
    fn call<A: Abi>(t: &mut Task, (dir, path, flags): Self::Args<A>) -> SysResult {
        const FSPICK_SYMLINK_NOFOLLOW: u32 = 2;
        let p = t.path_to(dir, path, Last::target_unless(flags.0 & FSPICK_SYMLINK_NOFOLLOW != 0))?;
        sys(libc::SYS_fspick, [p.dir_arg(), p.arg(), flags.0.into()])
    }
}

/// mount_setattr(2).
pub struct MountSetattr;
impl Syscall for MountSetattr {
    const SPEC: Spec = Spec { name: "mount_setattr", x64: Some(442), i386: Some(442), support: Full };
    type Args<A: Abi> = (Fd, Str, Hex, GuestPtr<A, u8>, u64);
    fn call<A: Abi>(t: &mut Task, (dir, path, flags, attr, size): Self::Args<A>) -> SysResult {
        let p = t.path_to(dir, path, Last::of_flags(flags.0))?;
        let b = t.mem.host_buf(attr.addr(), size, Access::Read)?;
        sys(libc::SYS_mount_setattr, [p.dir_arg(), p.arg(), flags.0.into(), b.ptr as u64, size])
    }
}

/// sysfs(2): names and numbers of file systems. Not on every host.
pub struct Sysfs;
impl Syscall for Sysfs {
    const SPEC: Spec =
        Spec { name: "sysfs", x64: Some(139), i386: Some(135), support: super::Support::Refused("ENOSYS: not on every host; /proc/filesystems says it") };
    type Args<A: Abi> = (u64, u64, u64);
    fn call<A: Abi>(_: &mut Task, _: Self::Args<A>) -> SysResult {
        Err(Errno::ENOSYS)
    }
}
