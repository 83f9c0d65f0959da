//! Names of files: hard and symbolic links, renaming, removing, nodes.

use std::os::unix::ffi::OsStrExt;

use super::show::{AtFlags, FileMode, Filled, RenameFlags, UnlinkFlags};
use super::sys::{Text, ptr_mut, sys};
use super::{Fd, Spec, Str, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr};
use crate::errno::{Errno, SysResult};
use crate::paths::Last;
use crate::table;
use crate::task::Task;

table![Link, LinkAt, Symlink, SymlinkAt, Readlink, ReadlinkAt, Rename, RenameAt, RenameAt2, Unlink, UnlinkAt, Mknod, MknodAt,];

fn link(t: &Task, from: (Fd, Str), to: (Fd, Str), flags: u32) -> SysResult {
    let last = Last::target_unless(flags & libc::AT_SYMLINK_FOLLOW as u32 == 0);
    let (f, o) = (t.path_to(from.0, from.1, last)?, t.path(to.0, to.1)?);
    sys(libc::SYS_linkat, [f.dir_arg(), f.arg(), o.dir_arg(), o.arg(), flags.into()])
}

/// link(2).
pub struct Link;
impl Syscall for Link {
    const SPEC: Spec = Spec { name: "link", x64: Some(86), i386: Some(9), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (from, to): Self::Args<A>) -> SysResult {
        link(t, (Fd::CWD, from), (Fd::CWD, to), 0)
    }
}

/// linkat(2).
pub struct LinkAt;
impl Syscall for LinkAt {
    const SPEC: Spec = Spec { name: "linkat", x64: Some(265), i386: Some(303), support: Full };
    type Args<A: Abi> = (Fd, Str, Fd, Str, AtFlags);
    fn call<A: Abi>(t: &mut Task, (from_dir, from, to_dir, to, flags): Self::Args<A>) -> SysResult {
        link(t, (from_dir, from), (to_dir, to), flags.0)
    }
}

fn symlink(t: &Task, target: Str, dir: Fd, path: Str) -> SysResult {
    let target = Text::new(t.mem.read_path(target.0))?;
    let p = t.path(dir, path)?;
    sys(libc::SYS_symlinkat, [target.arg(), p.dir_arg(), p.arg()])
}

/// symlink(2).
pub struct Symlink;
impl Syscall for Symlink {
    const SPEC: Spec = Spec { name: "symlink", x64: Some(88), i386: Some(83), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (target, path): Self::Args<A>) -> SysResult {
        symlink(t, target, Fd::CWD, path)
    }
}

/// symlinkat(2).
pub struct SymlinkAt;
impl Syscall for SymlinkAt {
    const SPEC: Spec = Spec { name: "symlinkat", x64: Some(266), i386: Some(304), support: Full };
    type Args<A: Abi> = (Str, Fd, Str);
    fn call<A: Abi>(t: &mut Task, (target, dir, path): Self::Args<A>) -> SysResult {
        symlink(t, target, dir, path)
    }
}

fn readlink<A: Abi>(t: &Task, dir: Fd, path: Str, buf: GuestPtr<A, u8>, size: i32) -> SysResult {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    let name = t.mem.read_path(path.0)?;
    let mut target = [0u8; 4096];
    let len = match t.own_exe_link(&name) {
        Some(exe) => {
            let bytes = exe.as_os_str().as_bytes();
            let len = bytes.len().min(target.len());
            target[..len].copy_from_slice(&bytes[..len]);
            len
        }
        None => {
            let p = t.host_path(dir, &name)?;
            sys(libc::SYS_readlinkat, [p.dir_arg(), p.arg(), ptr_mut(&mut target), target.len() as u64])? as usize
        }
    };
    let len = len.min(size as usize);
    t.mem.write_bytes(buf.addr(), &target[..len])?;
    Ok(len as u64)
}

/// readlink(2).
pub struct Readlink;
impl Syscall for Readlink {
    const SPEC: Spec = Spec { name: "readlink", x64: Some(89), i386: Some(85), support: Full };
    type Args<A: Abi> = (Str, Filled<A, i32>);
    fn call<A: Abi>(t: &mut Task, (path, Filled(buf, size)): Self::Args<A>) -> SysResult {
        readlink(t, Fd::CWD, path, buf, size)
    }
}

/// readlinkat(2).
pub struct ReadlinkAt;
impl Syscall for ReadlinkAt {
    const SPEC: Spec = Spec { name: "readlinkat", x64: Some(267), i386: Some(305), support: Full };
    type Args<A: Abi> = (Fd, Str, Filled<A, i32>);
    fn call<A: Abi>(t: &mut Task, (dir, path, Filled(buf, size)): Self::Args<A>) -> SysResult {
        readlink(t, dir, path, buf, size)
    }
}

fn rename(t: &Task, from: (Fd, Str), to: (Fd, Str), flags: u32) -> SysResult {
    let new = if flags & (libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE) == 0 { Last::New } else { Last::Link };
    let (f, o) = (t.path(from.0, from.1)?, t.path_to(to.0, to.1, new)?);
    sys(libc::SYS_renameat2, [f.dir_arg(), f.arg(), o.dir_arg(), o.arg(), flags.into()])
}

/// rename(2).
pub struct Rename;
impl Syscall for Rename {
    const SPEC: Spec = Spec { name: "rename", x64: Some(82), i386: Some(38), support: Full };
    type Args<A: Abi> = (Str, Str);
    fn call<A: Abi>(t: &mut Task, (from, to): Self::Args<A>) -> SysResult {
        rename(t, (Fd::CWD, from), (Fd::CWD, to), 0)
    }
}

/// renameat(2).
pub struct RenameAt;
impl Syscall for RenameAt {
    const SPEC: Spec = Spec { name: "renameat", x64: Some(264), i386: Some(302), support: Full };
    type Args<A: Abi> = (Fd, Str, Fd, Str);
    fn call<A: Abi>(t: &mut Task, (from_dir, from, to_dir, to): Self::Args<A>) -> SysResult {
        rename(t, (from_dir, from), (to_dir, to), 0)
    }
}

/// renameat2(2).
pub struct RenameAt2;
impl Syscall for RenameAt2 {
    const SPEC: Spec = Spec { name: "renameat2", x64: Some(316), i386: Some(353), support: Full };
    type Args<A: Abi> = (Fd, Str, Fd, Str, RenameFlags);
    fn call<A: Abi>(t: &mut Task, (from_dir, from, to_dir, to, flags): Self::Args<A>) -> SysResult {
        rename(t, (from_dir, from), (to_dir, to), flags.0)
    }
}

/// unlink(2).
pub struct Unlink;
impl Syscall for Unlink {
    const SPEC: Spec = Spec { name: "unlink", x64: Some(87), i386: Some(10), support: Full };
    type Args<A: Abi> = (Str,);
    fn call<A: Abi>(t: &mut Task, (path,): Self::Args<A>) -> SysResult {
        let p = t.path(Fd::CWD, path)?;
        sys(libc::SYS_unlinkat, [p.dir_arg(), p.arg(), 0])
    }
}

/// unlinkat(2).
pub struct UnlinkAt;
impl Syscall for UnlinkAt {
    const SPEC: Spec = Spec { name: "unlinkat", x64: Some(263), i386: Some(301), support: Full };
    type Args<A: Abi> = (Fd, Str, UnlinkFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, flags): Self::Args<A>) -> SysResult {
        let p = t.path(dir, path)?;
        sys(libc::SYS_unlinkat, [p.dir_arg(), p.arg(), flags.0.into()])
    }
}

/// mknod(2).
pub struct Mknod;
impl Syscall for Mknod {
    const SPEC: Spec = Spec { name: "mknod", x64: Some(133), i386: Some(14), support: Full };
    type Args<A: Abi> = (Str, FileMode, u32);
    fn call<A: Abi>(t: &mut Task, (path, mode, dev): Self::Args<A>) -> SysResult {
        let p = t.path(Fd::CWD, path)?;
        sys(libc::SYS_mknodat, [p.dir_arg(), p.arg(), mode.0.into(), dev.into()])
    }
}

/// mknodat(2).
pub struct MknodAt;
impl Syscall for MknodAt {
    const SPEC: Spec = Spec { name: "mknodat", x64: Some(259), i386: Some(297), support: Full };
    type Args<A: Abi> = (Fd, Str, FileMode, u32);
    fn call<A: Abi>(t: &mut Task, (dir, path, mode, dev): Self::Args<A>) -> SysResult {
        let p = t.path(dir, path)?;
        sys(libc::SYS_mknodat, [p.dir_arg(), p.arg(), mode.0.into(), dev.into()])
    }
}
