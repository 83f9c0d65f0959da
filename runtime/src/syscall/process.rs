//! Processes: clone, exec, exit, wait.

use std::ffi::CString;

use forklift_x86::GuestAddr;

use super::show::{AtFlags, ChildCode, CloneFlags, IdType, In, Out, Rusage, ShowAs, Strings, WaitOptions, WaitStatus};
use super::{Arg, Fd, Regs, Restart, Sig, Spec, Str, Support, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::clone::{CloneArgs, MAX_PID_NS_LEVEL};
use crate::errno::{Errno, SysResult};
use crate::signal::info::{Info, InfoBytes};
use crate::table;
use crate::task::Task;

table![Clone, Clone3, Fork, Vfork, Execve, Execveat, Exit, Wait4, Waitpid, Waitid];

/// Bits of clone's flags that hold the signal.
const CSIGNAL: u64 = 0xff;

/// The last two arguments of clone(2), whose order depends on the ABI.
#[derive(Clone, Copy, Debug)]
pub struct TlsAndChild {
    tls: GuestAddr,
    child: GuestAddr,
}

impl Arg for TlsAndChild {
    fn take(r: &mut Regs) -> Self {
        let (a, b) = (GuestAddr::new(r.word()), GuestAddr::new(r.word()));
        if r.is_32() { Self { tls: a, child: b } } else { Self { tls: b, child: a } }
    }
    fn show(&self, _: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "child_tid={:#x}, tls={:#x}", self.child.get(), self.tls.get())
    }
}

/// Flags of clone(2), with the signal of the child's end in the lowest byte.
#[derive(Clone, Copy, Debug)]
pub struct CloneWord(pub u32);

impl Arg for CloneWord {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32)
    }
    fn show(&self, _: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (flags, sig) = (u64::from(self.0) & !CSIGNAL, Sig((u64::from(self.0) & CSIGNAL) as i32));
        match (flags, sig.0) {
            (_, 0) => write!(f, "{}", CloneFlags(flags)),
            (0, _) => write!(f, "{sig}"),
            _ => write!(f, "{}|{sig}", CloneFlags(flags)),
        }
    }
}

/// What differs if memory is shared by processes that run at the same time.
const CLONE_VM: &str = "with CLONE_VM alone, exit(2) of the parent's last thread waits for the child";

/// clone(2).
pub struct Clone;
impl Syscall for Clone {
    const SPEC: Spec = Spec { name: "clone", x64: Some(56), i386: Some(120), support: Support::Partial(CLONE_VM) };
    type Args<A: Abi> = (CloneWord, GuestAddr, GuestAddr, TlsAndChild);
    fn call<A: Abi>(t: &mut Task, (flags, stack, parent_tid, rest): Self::Args<A>) -> SysResult {
        let flags = u64::from(flags.0);
        let args = CloneArgs {
            flags: flags & !CSIGNAL,
            exit_signal: flags & CSIGNAL,
            stack: stack.get(),
            parent_tid,
            child_tid: rest.child,
            tls: rest.tls,
            pidfd: parent_tid,
            ..CloneArgs::default()
        };
        t.clone_task::<A>(&args)
    }
}

/// The first version of `struct clone_args`.
pub struct Clone3Args;

impl ShowAs<[u64; 8]> for Clone3Args {
    fn show_as(value: &[u64; 8], f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls] = value;
        write!(f, "{{flags={}", CloneFlags(*flags))?;
        for (name, address) in [("pidfd", pidfd), ("child_tid", child_tid), ("parent_tid", parent_tid)] {
            if *address != 0 {
                write!(f, ", {name}={address:#x}")?;
            }
        }
        write!(f, ", exit_signal={}, stack={stack:#x}, stack_size={stack_size:#x}, tls={tls:#x}}}", Sig(*exit_signal as i32))
    }
}

/// clone3(2).
pub struct Clone3;
impl Syscall for Clone3 {
    const SPEC: Spec = Spec { name: "clone3", x64: Some(435), i386: Some(435), support: Support::Partial("no set_tid and no CLONE_INTO_CGROUP with CLONE_VM") };
    type Args<A: Abi> = (In<A, [u64; 8], Clone3Args>, u64);
    fn call<A: Abi>(t: &mut Task, (In(p, _), size): Self::Args<A>) -> SysResult {
        const V0: u64 = 64;
        const V2: u64 = 88;
        const INTO_CGROUP: u64 = 0x2_0000_0000;
        const LEGACY: u64 = 0xffff_ffff;
        const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
        const DETACHED: u64 = 0x40_0000;
        const NEWTIME: u64 = 0x80;
        if size < V0 {
            return Err(Errno::EINVAL);
        }
        if size > GuestAddr::PAGE_SIZE {
            return Err(Errno::E2BIG);
        }
        let [flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls] = t.mem.read(p)?;
        let mut more = [0u8; 24];
        let known = size.min(V2) - V0;
        t.mem.read_bytes(p.addr().wrapping_add(V0), &mut more[..known as usize])?;
        let mut beyond = vec![0u8; size.saturating_sub(V2) as usize];
        t.mem.read_bytes(p.addr().wrapping_add(V2), &mut beyond)?;
        if beyond.iter().any(|&b| b != 0) {
            return Err(Errno::E2BIG);
        }
        let word = |i: usize| u64::from_le_bytes(core::array::from_fn(|j| more[8 * i + j]));
        let (set_tid, set_tid_size, cgroup) = (word(0), word(1), word(2));
        if set_tid_size > MAX_PID_NS_LEVEL as u64
            || (set_tid == 0) != (set_tid_size == 0)
            || exit_signal > 64
            || (flags & INTO_CGROUP != 0 && (cgroup > i32::MAX as u64 || size < V2))
        {
            return Err(Errno::EINVAL);
        }
        let mut tids = [0i32; MAX_PID_NS_LEVEL];
        for (i, tid) in tids.iter_mut().enumerate().take(set_tid_size as usize) {
            *tid = t.mem.read(GuestPtr::<A, i32>::new(GuestAddr::new(set_tid)).index(i as u64))?;
        }
        if flags & INTO_CGROUP != 0 {
            t.fd(Fd(cgroup as i32))?;
        }
        let unknown = flags & !(LEGACY | CLEAR_SIGHAND | INTO_CGROUP) | flags & (DETACHED | CSIGNAL & !NEWTIME);
        if unknown != 0 || (stack == 0) != (stack_size == 0) || !t.mem.is_address(GuestAddr::new(stack), stack_size) {
            return Err(Errno::EINVAL);
        }
        let a = GuestAddr::new;
        let stack = stack.wrapping_add(stack_size);
        t.clone_task::<A>(&CloneArgs {
            flags,
            exit_signal,
            stack,
            parent_tid: a(parent_tid),
            child_tid: a(child_tid),
            tls: a(tls),
            pidfd: a(pidfd),
            set_tid: tids,
            set_tid_size: set_tid_size as usize,
            cgroup,
        })
    }
}

/// fork(2).
pub struct Fork;
impl Syscall for Fork {
    const SPEC: Spec = Spec { name: "fork", x64: Some(57), i386: Some(2), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        t.clone_task::<A>(&CloneArgs { exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() })
    }
}

/// vfork(2).
pub struct Vfork;
impl Syscall for Vfork {
    const SPEC: Spec = Spec { name: "vfork", x64: Some(58), i386: Some(190), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        let flags = (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
        t.clone_task::<A>(&CloneArgs { flags, exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() })
    }
}

/// Longest single string of argv or envp (MAX_ARG_STRLEN), and most strings. Unit: bytes; strings.
const MAX_STRING: usize = 131_072;
const MAX_STRINGS: u64 = 0x7fff_ffff;

/// A vector of strings that ends with a null pointer; a null pointer itself counts as an empty one.
fn strings<A: Abi>(t: &Task, p: GuestPtr<A, A::Word>) -> SysResult<Vec<CString>> {
    let mut out = Vec::new();
    if p.is_null() {
        return Ok(out);
    }
    for i in 0..MAX_STRINGS {
        let at = t.mem.read_word(p.index(i))?;
        if at == 0 {
            return Ok(out);
        }
        let s = t.mem.read_cstr(GuestAddr::new(at), MAX_STRING);
        out.push(s.map_err(|e| if e == Errno::ENAMETOOLONG { Errno::E2BIG } else { e })?);
    }
    Err(Errno::E2BIG)
}

/// Executes a program. Its file is opened before the strings are looked at, and judged behind.
fn exec<A: Abi>(t: &mut Task, path: CString, argv: GuestPtr<A, A::Word>, envp: GuestPtr<A, A::Word>) -> SysResult {
    match strings(t, argv).and_then(|argv| Ok((argv, strings(t, envp)?))) {
        Ok((argv, envp)) => t.exec(path, argv, &envp),
        Err(e) => {
            crate::loader::open_exec(t.process.config.root.as_deref(), &path).map_err(|e| e.errno())?;
            Err(e)
        }
    }
}

/// execve(2).
pub struct Execve;
impl Syscall for Execve {
    const SPEC: Spec = Spec { name: "execve", x64: Some(59), i386: Some(11), support: Full };
    type Args<A: Abi> = (Str, Strings<A>, Strings<A>);
    fn call<A: Abi>(t: &mut Task, (path, Strings(argv), Strings(envp)): Self::Args<A>) -> SysResult {
        let path = t.mem.read_path(path.0)?;
        let path = t.host_exec_path(Fd::CWD, path, false)?;
        exec(t, path, argv, envp)
    }
}

/// execveat(2).
pub struct Execveat;
impl Syscall for Execveat {
    const SPEC: Spec = Spec { name: "execveat", x64: Some(322), i386: Some(358), support: Full };
    type Args<A: Abi> = (Fd, Str, Strings<A>, Strings<A>, AtFlags);
    fn call<A: Abi>(t: &mut Task, (dir, path, Strings(argv), Strings(envp), flags): Self::Args<A>) -> SysResult {
        let flags = flags.0 as i32;
        let mut path = t.mem.read_path(path.0)?;
        if path.is_empty() && flags & libc::AT_EMPTY_PATH == 0 {
            return Err(Errno::ENOENT);
        }
        if flags & !(libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW) != 0 {
            return Err(Errno::EINVAL);
        }
        if path.is_empty() && dir == Fd::CWD {
            path = c".".to_owned();
        }
        let path = t.host_exec_path(dir, path, flags & libc::AT_SYMLINK_NOFOLLOW != 0)?;
        exec(t, path, argv, envp)
    }
}

/// exit(2): of one thread.
pub struct Exit;
impl Syscall for Exit {
    const SPEC: Spec = Spec { name: "exit", x64: Some(60), i386: Some(1), support: Full };
    type Args<A: Abi> = (i32,);
    fn call<A: Abi>(t: &mut Task, (status,): Self::Args<A>) -> SysResult {
        t.end(status & 0xff);
        t.set_keep_registers();
        Ok(0)
    }
}

/// `struct rusage`: 18 longs.
type Usage<A> = [<A as Abi>::Word; 18];

fn write_usage<A: Abi>(t: &Task, p: GuestPtr<A, Usage<A>>, usage: &[u64; 18]) -> SysResult<()> {
    t.mem.write_opt(p, usage.map(A::Word::from_u64))
}

fn wait4<A: Abi>(t: &mut Task, pid: i32, status: GuestPtr<A, i32>, options: i32, usage: GuestPtr<A, Usage<A>>) -> SysResult {
    let (mut s, mut u) = (0i32, [0u64; 18]);
    let args = [pid as u64, (&raw mut s) as u64, options as u32 as u64, (&raw mut u) as u64, 0, 0];
    // SAFETY: both results are ours.
    let found = unsafe { t.block(Restart::Sys, libc::SYS_wait4, args) }?;
    if found != 0 {
        t.mem.write_opt(status, s)?;
        write_usage(t, usage, &u)?;
    }
    Ok(found)
}

/// wait4(2).
pub struct Wait4;
impl Syscall for Wait4 {
    const SPEC: Spec = Spec { name: "wait4", x64: Some(61), i386: Some(114), support: Full };
    type Args<A: Abi> = (i32, Out<A, i32, WaitStatus>, WaitOptions, Out<A, Usage<A>, Rusage>);
    fn call<A: Abi>(t: &mut Task, (pid, Out(status, _), WaitOptions(options), Out(usage, _)): Self::Args<A>) -> SysResult {
        wait4(t, pid, status, options, usage)
    }
}

/// waitpid(2) of i386.
pub struct Waitpid;
impl Syscall for Waitpid {
    const SPEC: Spec = Spec { name: "waitpid", x64: None, i386: Some(7), support: Full };
    type Args<A: Abi> = (i32, Out<A, i32, WaitStatus>, WaitOptions);
    fn call<A: Abi>(t: &mut Task, (pid, Out(status, _), WaitOptions(options)): Self::Args<A>) -> SysResult {
        wait4(t, pid, status, options, GuestPtr::new(GuestAddr::default()))
    }
}

/// Where waitid(2) says what became of a child.
pub struct ChildInfo<A>(GuestPtr<A, InfoBytes>);

impl<A: Abi> Arg for ChildInfo<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(GuestPtr::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match v.mem.read_opt(self.0) {
            Ok(Some(info)) if v.value().is_some() => show_child(&if A::IS_32 { Info::from_i386(&info) } else { Info(info.bytes) }, f),
            _ => write!(f, "{:?}", self.0),
        }
    }
}

fn show_child(info: &Info, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
    let [pid, uid, status] = info.child();
    let status_shown = if info.code() == libc::CLD_EXITED { status.to_string() } else { Sig(status).to_string() };
    match info.signo() {
        0 => f.write_str("{}"),
        signo => write!(f, "{{si_signo={}, si_code={}, si_pid={pid}, si_uid={uid}, si_status={status_shown}}}", Sig(signo), ChildCode(info.code())),
    }
}

/// waitid(2).
pub struct Waitid;
impl Syscall for Waitid {
    const SPEC: Spec = Spec { name: "waitid", x64: Some(247), i386: Some(284), support: Full };
    type Args<A: Abi> = (IdType, i32, ChildInfo<A>, WaitOptions, Out<A, Usage<A>, Rusage>);
    fn call<A: Abi>(t: &mut Task, (IdType(kind), id, ChildInfo(out), WaitOptions(options), Out(usage, _)): Self::Args<A>) -> SysResult {
        let (mut info, mut u) = (Info([0; 128]), [0u64; 18]);
        let args = [kind as u64, id as u64, info.0.as_mut_ptr() as u64, options as u32 as u64, (&raw mut u) as u64, 0];
        // SAFETY: both results are ours.
        let result = unsafe { t.block(Restart::Sys, libc::SYS_waitid, args) };
        if result.is_ok() && info.signo() != 0 {
            write_usage(t, usage, &u)?;
        }
        if !out.is_null() {
            // The kernel writes six fields and leaves the rest; with an error, too.
            let bytes = if A::IS_32 { info.to_i386().bytes } else { info.0 };
            let len = if A::IS_32 { 24 } else { 32 };
            t.mem.write_bytes(out.addr(), &bytes[..len])?;
        }
        result
    }
}
