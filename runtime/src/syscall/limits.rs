//! Limits, accounting and scheduling of a process, and what the system says about itself.

use super::plain::plain_calls;
use super::show::{BarrierCmd, Filled, In, Limit, Out, PriorityOf, RandomFlags, Resource, Rusage, SchedPolicy, Sec, UsageOf};
use super::{Hex, Restart, Spec, Support::Full, Support::Refused, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::host;
use crate::mem::{Access, BAD_ADDRESS, MAX_RW_COUNT};
use crate::table;
use crate::task::Task;

table![
    Getrlimit,
    Ugetrlimit,
    Setrlimit,
    Prlimit64,
    Getrusage,
    Getpriority,
    Setpriority,
    Nice,
    SchedYield,
    SchedGetaffinity,
    SchedSetaffinity,
    SchedGetparam,
    SchedSetparam,
    SchedGetscheduler,
    SchedSetscheduler,
    SchedGetPriorityMax,
    SchedGetPriorityMin,
    SchedRrGetInterval,
    SchedRrGetInterval64,
    SchedSetattr,
    SchedGetattr,
    Getcpu,
    IoprioGet,
    IoprioSet,
    Sysinfo,
    Getrandom,
    Personality,
    Sethostname,
    Setdomainname,
    Syslog,
    Membarrier,
    Kcmp,
    Iopl,
    Ioperm,
    Rseq,
    Seccomp,
    Ptrace,
    Bpf,
    PerfEventOpen,
    Userfaultfd,
    Vhangup,
    IoUringSetup,
    IoUringEnter,
    IoUringRegister,
];

plain_calls! {
    /// getpriority(2), with the kernel's 20 − nice.
    Getpriority = "getpriority" (Some(140), Some(96)) SYS_getpriority (which: PriorityOf, who: i32);
    /// setpriority(2).
    Setpriority = "setpriority" (Some(141), Some(97)) SYS_setpriority (which: PriorityOf, who: i32, nice: i32);
    /// sched_yield(2).
    SchedYield = "sched_yield" (Some(24), Some(158)) SYS_sched_yield ();
    /// sched_getscheduler(2).
    SchedGetscheduler = "sched_getscheduler" (Some(145), Some(157)) SYS_sched_getscheduler (pid: i32);
    /// sched_get_priority_max(2).
    SchedGetPriorityMax = "sched_get_priority_max" (Some(146), Some(159)) SYS_sched_get_priority_max (policy: SchedPolicy);
    /// sched_get_priority_min(2).
    SchedGetPriorityMin = "sched_get_priority_min" (Some(147), Some(160)) SYS_sched_get_priority_min (policy: SchedPolicy);
    /// ioprio_get(2).
    IoprioGet = "ioprio_get" (Some(252), Some(290)) SYS_ioprio_get (which: i32, who: i32);
    /// ioprio_set(2).
    IoprioSet = "ioprio_set" (Some(251), Some(289)) SYS_ioprio_set (which: i32, who: i32, prio: i32);
    /// membarrier(2).
    Membarrier = "membarrier" (Some(324), Some(375)) SYS_membarrier (cmd: BarrierCmd, flags: u32, cpu: i32);
    /// kcmp(2).
    Kcmp = "kcmp" (Some(312), Some(349)) SYS_kcmp (pid1: i32, pid2: i32, kind: i32, idx1: u64, idx2: u64);
    /// vhangup(2).
    Vhangup = "vhangup" (Some(153), Some(111)) SYS_vhangup ();
}

/// Defines calls that are always refused: `Type = "name" (x64, i386) ERRNO "reason";`
macro_rules! refused_calls {
    ($($call:ident = $name:literal ($x64:literal, $i386:literal) $errno:ident $why:literal;)*) => {
        $(
            #[doc = concat!($name, "(2): refused. ", $why)]
            pub struct $call;
            impl Syscall for $call {
                const SPEC: Spec = Spec { name: $name, x64: Some($x64), i386: Some($i386), support: Refused(concat!(stringify!($errno), ": ", $why)) };
                type Args<A: Abi> = (u64, u64, u64, u64, u64);
                fn call<A: Abi>(_: &mut Task, _: Self::Args<A>) -> SysResult {
                    Err(Errno::$errno)
                }
            }
        )*
    };
}

refused_calls! {
    Iopl = "iopl" (172, 110) EPERM "ports of the host's hardware are not the guest's";
    Ioperm = "ioperm" (173, 101) EPERM "ports of the host's hardware are not the guest's";
    Rseq = "rseq" (334, 386) ENOSYS "the kernel would restart at addresses of guest code, which doesn't run there";
    Seccomp = "seccomp" (317, 354) EINVAL "a filter would see forklift's own calls";
    Ptrace = "ptrace" (101, 26) EPERM "the registers of a traced forklift aren't those of its guest";
    Bpf = "bpf" (321, 357) EPERM "programs for the kernel hold pointers in the host's layout";
    PerfEventOpen = "perf_event_open" (298, 336) EACCES "counters would count forklift";
    Userfaultfd = "userfaultfd" (323, 374) ENOSYS "faults on guest memory are forklift's own";
    IoUringSetup = "io_uring_setup" (425, 425) ENOSYS "rings hold guest pointers that the kernel would take as the host's";
    IoUringEnter = "io_uring_enter" (426, 426) ENOSYS "there are no rings";
    IoUringRegister = "io_uring_register" (427, 427) ENOSYS "there are no rings";
}

/// nice(2), gone from newer hosts.
pub struct Nice;
impl Syscall for Nice {
    const SPEC: Spec = Spec { name: "nice", x64: None, i386: Some(34), support: Full };
    type Args<A: Abi> = (i32,);
    fn call<A: Abi>(_: &mut Task, (by,): Self::Args<A>) -> SysResult {
        // SAFETY: no pointers.
        let now = 20 - unsafe { host::syscall(libc::SYS_getpriority, [0; 6]) }? as i32;
        let to = now.saturating_add(by.clamp(-40, 40)).clamp(-20, 19);
        // SAFETY: no pointers.
        unsafe { host::syscall(libc::SYS_setpriority, [0, 0, to as u64, 0, 0, 0]) }.map_err(|e| if e == Errno::EACCES { Errno::EPERM } else { e })
    }
}

/// A soft and a hard limit with 64 bits.
type Limits = [u64; 2];

/// prlimit64(2) of the host for the calling process.
fn own_limit(resource: u32, new: Option<&Limits>) -> SysResult<Limits> {
    let mut old = Limits::default();
    let new = new.map_or(0, |n| n.as_ptr() as u64);
    // SAFETY: the host's structures.
    unsafe { host::syscall(libc::SYS_prlimit64, [0, resource.into(), new, old.as_mut_ptr() as u64, 0, 0]) }?;
    Ok(old)
}

/// Limits in the ABI's words; `max` is what a larger one looks like.
fn write_limits<A: Abi>(t: &Task, out: GuestPtr<A, [A::Word; 2]>, l: Limits, max: u64) -> SysResult {
    let word = |v: u64| A::Word::from_u64(if A::IS_32 { v.min(max) } else { v });
    t.mem.write(out, l.map(word))?;
    Ok(0)
}

/// getrlimit(2). i386's old one shows at most 2^31 − 1.
pub struct Getrlimit;
impl Syscall for Getrlimit {
    const SPEC: Spec = Spec { name: "getrlimit", x64: Some(97), i386: Some(76), support: Full };
    type Args<A: Abi> = (Resource, Out<A, [A::Word; 2], Limit>);
    fn call<A: Abi>(t: &mut Task, (Resource(resource), Out(out, _)): Self::Args<A>) -> SysResult {
        write_limits::<A>(t, out, own_limit(resource, None)?, 0x7fff_ffff)
    }
}

/// getrlimit(2) of i386 with an unsigned infinity.
pub struct Ugetrlimit;
impl Syscall for Ugetrlimit {
    const SPEC: Spec = Spec { name: "ugetrlimit", x64: None, i386: Some(191), support: Full };
    type Args<A: Abi> = (Resource, Out<A, [A::Word; 2], Limit>);
    fn call<A: Abi>(t: &mut Task, (Resource(resource), Out(out, _)): Self::Args<A>) -> SysResult {
        write_limits::<A>(t, out, own_limit(resource, None)?, 0xffff_ffff)
    }
}

/// setrlimit(2).
pub struct Setrlimit;
impl Syscall for Setrlimit {
    const SPEC: Spec = Spec { name: "setrlimit", x64: Some(160), i386: Some(75), support: Full };
    type Args<A: Abi> = (Resource, In<A, [A::Word; 2], Limit>);
    fn call<A: Abi>(t: &mut Task, (Resource(resource), In(new, _)): Self::Args<A>) -> SysResult {
        let widen = |w: A::Word| match w.into() {
            0xffff_ffff if A::IS_32 => u64::MAX,
            v => v,
        };
        own_limit(resource, Some(&t.mem.read(new)?.map(widen)))?;
        Ok(0)
    }
}

/// prlimit64(2).
pub struct Prlimit64;
impl Syscall for Prlimit64 {
    const SPEC: Spec = Spec { name: "prlimit64", x64: Some(302), i386: Some(340), support: Full };
    type Args<A: Abi> = (i32, Resource, In<A, Limits, Limit>, Out<A, Limits, Limit>);
    fn call<A: Abi>(t: &mut Task, (pid, Resource(resource), In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        let new = t.mem.read_opt(new)?;
        let mut before = Limits::default();
        let new_at = new.as_ref().map_or(0, |n| n.as_ptr() as u64);
        let old_at = if old.is_null() { 0 } else { before.as_mut_ptr() as u64 };
        // SAFETY: the host's structures.
        unsafe { host::syscall(libc::SYS_prlimit64, [pid as u64, resource.into(), new_at, old_at, 0, 0]) }?;
        t.mem.write_opt(old, before)?;
        Ok(0)
    }
}

/// getrusage(2): two times and fourteen words.
pub struct Getrusage;
impl Syscall for Getrusage {
    const SPEC: Spec = Spec { name: "getrusage", x64: Some(98), i386: Some(77), support: Full };
    type Args<A: Abi> = (UsageOf, Out<A, [A::Word; 18], Rusage>);
    fn call<A: Abi>(t: &mut Task, (UsageOf(who), Out(out, _)): Self::Args<A>) -> SysResult {
        let mut usage = [0u64; 18];
        // SAFETY: `struct rusage` of a 64-bit host: 18 longs.
        unsafe { host::syscall(libc::SYS_getrusage, [who as u64, usage.as_mut_ptr() as u64, 0, 0, 0, 0]) }?;
        t.mem.write(out, usage.map(A::Word::from_u64))?;
        Ok(0)
    }
}

/// Longest affinity mask of any host. Unit: bytes.
const MAX_MASK: usize = 1024;

/// A task's affinity mask and its length, from the host, which wants room for `len` bytes to be enough.
fn affinity(pid: i32, len: usize) -> SysResult<([u8; MAX_MASK], usize)> {
    let mut mask = [0u8; MAX_MASK];
    // SAFETY: at least as much room.
    let n = unsafe { host::syscall(libc::SYS_sched_getaffinity, [pid as u64, len.min(MAX_MASK) as u64, mask.as_mut_ptr() as u64, 0, 0, 0]) }?;
    Ok((mask, n as usize))
}

/// sched_getaffinity(2). The kernel works on masks in longs of the host; i386 sees the same bytes, in longs of its own.
pub struct SchedGetaffinity;
impl Syscall for SchedGetaffinity {
    const SPEC: Spec = Spec { name: "sched_getaffinity", x64: Some(204), i386: Some(242), support: Full };
    type Args<A: Abi> = (i32, u32, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (pid, len, out): Self::Args<A>) -> SysResult {
        if u64::from(len) % A::WORD != 0 {
            return Err(Errno::EINVAL);
        }
        // Too little room is found before the task is looked for.
        affinity(0, (len as usize).next_multiple_of(8))?;
        let (mask, n) = affinity(pid, MAX_MASK)?;
        let used = mask[..n].iter().rposition(|&b| b != 0).map_or(1, |i| i + 1).next_multiple_of(A::WORD as usize);
        if (len as usize) < used {
            return Err(Errno::EINVAL);
        }
        let n = n.min(len as usize);
        t.mem.write_array(out, &mask[..n])?;
        Ok(n as u64)
    }
}

/// sched_setaffinity(2).
pub struct SchedSetaffinity;
impl Syscall for SchedSetaffinity {
    const SPEC: Spec = Spec { name: "sched_setaffinity", x64: Some(203), i386: Some(241), support: Full };
    type Args<A: Abi> = (i32, u32, GuestPtr<A, u8>);
    fn call<A: Abi>(t: &mut Task, (pid, len, mask): Self::Args<A>) -> SysResult {
        // No more is read than the host's masks have, in whole words of a 32-bit program.
        let word = if A::IS_32 { 4 } else { 1 };
        let len = (len as usize).min(affinity(0, MAX_MASK)?.1).next_multiple_of(word);
        let mut bytes = t.mem.read_array(mask, len)?;
        bytes.resize(len.next_multiple_of(8), 0);
        // SAFETY: that many bytes.
        unsafe { host::syscall(libc::SYS_sched_setaffinity, [pid as u64, bytes.len() as u64, bytes.as_ptr() as u64, 0, 0, 0]) }
    }
}

/// sched_getparam(2).
pub struct SchedGetparam;
impl Syscall for SchedGetparam {
    const SPEC: Spec = Spec { name: "sched_getparam", x64: Some(143), i386: Some(155), support: Full };
    type Args<A: Abi> = (i32, Out<A, i32>);
    fn call<A: Abi>(t: &mut Task, (pid, Out(out, _)): Self::Args<A>) -> SysResult {
        if out.is_null() {
            return Err(Errno::EINVAL);
        }
        let mut prio = 0i32;
        // SAFETY: `struct sched_param` is an int.
        unsafe { host::syscall(libc::SYS_sched_getparam, [pid as u64, (&raw mut prio) as u64, 0, 0, 0, 0]) }?;
        t.mem.write(out, prio)?;
        Ok(0)
    }
}

/// sched_setparam(2).
pub struct SchedSetparam;
impl Syscall for SchedSetparam {
    const SPEC: Spec = Spec { name: "sched_setparam", x64: Some(142), i386: Some(154), support: Full };
    type Args<A: Abi> = (i32, In<A, i32>);
    fn call<A: Abi>(t: &mut Task, (pid, In(param, _)): Self::Args<A>) -> SysResult {
        if param.is_null() || pid < 0 {
            return Err(Errno::EINVAL);
        }
        let prio = t.mem.read(param)?;
        // SAFETY: `struct sched_param` is an int.
        unsafe { host::syscall(libc::SYS_sched_setparam, [pid as u64, (&raw const prio) as u64, 0, 0, 0, 0]) }
    }
}

/// sched_setscheduler(2).
pub struct SchedSetscheduler;
impl Syscall for SchedSetscheduler {
    const SPEC: Spec = Spec { name: "sched_setscheduler", x64: Some(144), i386: Some(156), support: Full };
    type Args<A: Abi> = (i32, SchedPolicy, In<A, i32>);
    fn call<A: Abi>(t: &mut Task, (pid, SchedPolicy(policy), In(param, _)): Self::Args<A>) -> SysResult {
        if param.is_null() || pid < 0 || policy < 0 {
            return Err(Errno::EINVAL);
        }
        let prio = t.mem.read(param)?;
        // SAFETY: `struct sched_param` is an int.
        unsafe { host::syscall(libc::SYS_sched_setscheduler, [pid as u64, policy as u64, (&raw const prio) as u64, 0, 0, 0]) }
    }
}

fn rr_interval<A, T: TimePair>(t: &Task, pid: i32, out: GuestPtr<A, T>) -> SysResult {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a timespec to fill.
    unsafe { host::syscall(libc::SYS_sched_rr_get_interval, [pid as u64, (&raw mut ts) as u64, 0, 0, 0, 0]) }?;
    t.mem.write(out, T::from_host(ts))?;
    Ok(0)
}

/// sched_rr_get_interval(2).
pub struct SchedRrGetInterval;
impl Syscall for SchedRrGetInterval {
    const SPEC: Spec = Spec { name: "sched_rr_get_interval", x64: Some(148), i386: Some(161), support: Full };
    type Args<A: Abi> = (i32, Out<A, A::Timespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (pid, Out(out, _)): Self::Args<A>) -> SysResult {
        rr_interval(t, pid, out)
    }
}

/// sched_rr_get_interval(2) with 64-bit times.
pub struct SchedRrGetInterval64;
impl Syscall for SchedRrGetInterval64 {
    const SPEC: Spec = Spec { name: "sched_rr_get_interval_time64", x64: None, i386: Some(423), support: Full };
    type Args<A: Abi> = (i32, Out<A, KernelTimespec, Sec>);
    fn call<A: Abi>(t: &mut Task, (pid, Out(out, _)): Self::Args<A>) -> SysResult {
        rr_interval(t, pid, out)
    }
}

/// The most of `struct sched_attr` that is handed on. Unit: bytes.
const SCHED_ATTR_MAX: usize = 4096;

/// sched_setattr(2): the structure is the same everywhere and begins with its size.
pub struct SchedSetattr;
impl Syscall for SchedSetattr {
    const SPEC: Spec = Spec { name: "sched_setattr", x64: Some(314), i386: Some(351), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u32>, u32);
    fn call<A: Abi>(t: &mut Task, (pid, attr, flags): Self::Args<A>) -> SysResult {
        if attr.is_null() {
            return Err(Errno::EINVAL);
        }
        let mut bytes = t.mem.read(attr).and_then(|size| {
            let size = match size as usize {
                0 => 48,
                // Too much, which the host's kernel says.
                n if n > SCHED_ATTR_MAX => 4,
                n => n.max(4),
            };
            t.mem.read_array(attr.cast::<u8>(), size)
        });
        let at = bytes.as_mut().map_or(BAD_ADDRESS, |b| b.as_mut_ptr() as u64);
        // SAFETY: a structure with its size inside, which is written if that is wrong; or no address at all.
        let r = unsafe { host::syscall(libc::SYS_sched_setattr, [pid as u64, at, flags.into(), 0, 0, 0]) };
        if let (Err(Errno::E2BIG), Ok(bytes)) = (r, bytes) {
            t.mem.write_array(attr.cast::<u8>(), &bytes[..4])?;
        }
        r
    }
}

/// sched_getattr(2).
pub struct SchedGetattr;
impl Syscall for SchedGetattr {
    const SPEC: Spec = Spec { name: "sched_getattr", x64: Some(315), i386: Some(352), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u8>, u32, u32);
    fn call<A: Abi>(t: &mut Task, (pid, out, size, flags): Self::Args<A>) -> SysResult {
        if out.is_null() || size as usize > SCHED_ATTR_MAX {
            return Err(Errno::EINVAL);
        }
        let mut bytes = vec![0u8; SCHED_ATTR_MAX];
        let args = [pid as u64, bytes.as_mut_ptr() as u64, size.into(), flags.into(), 0, 0];
        // SAFETY: room for the most that `size` may be.
        let r = unsafe { host::syscall(libc::SYS_sched_getattr, args) }?;
        let used = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).min(size) as usize;
        t.mem.write_array(out, &bytes[..used])?;
        Ok(r)
    }
}

/// getcpu(2).
pub struct Getcpu;
impl Syscall for Getcpu {
    const SPEC: Spec = Spec { name: "getcpu", x64: Some(309), i386: Some(318), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u32>, GuestPtr<A, u32>, u64);
    fn call<A: Abi>(t: &mut Task, (cpu, node, _): Self::Args<A>) -> SysResult {
        let mut got = [0u32; 2];
        // SAFETY: two ints to fill.
        unsafe { host::syscall(libc::SYS_getcpu, [got.as_mut_ptr() as u64, (&raw mut got[1]) as u64, 0, 0, 0, 0]) }?;
        t.mem.write_opt(cpu, got[0])?;
        t.mem.write_opt(node, got[1])?;
        Ok(0)
    }
}

guest_struct! {
    /// `struct sysinfo` of x86-64.
    pub struct Sysinfo64 = 112 {
        words: [u64; 10],
        procs: u16,
        pad: [u8; 6],
        high: [u64; 2],
        unit: u32,
        tail: u32,
    }
}

guest_struct! {
    /// `struct sysinfo` of i386.
    pub struct Sysinfo32 = 64 {
        words: [u32; 10],
        procs: u16,
        pad: u16,
        high: [u32; 2],
        unit: u32,
        tail: [u8; 8],
    }
}

/// sysinfo(2). The 32-bit structure counts memory in pages where bytes would not fit.
pub struct Sysinfo;
impl Syscall for Sysinfo {
    const SPEC: Spec = Spec { name: "sysinfo", x64: Some(99), i386: Some(116), support: Full };
    type Args<A: Abi> = (GuestPtr<A, Sysinfo64>,);
    fn call<A: Abi>(t: &mut Task, (out,): Self::Args<A>) -> SysResult {
        let mut s = Sysinfo64::default();
        // SAFETY: the host's structure, 112 bytes.
        unsafe { host::syscall(libc::SYS_sysinfo, [(&raw mut s) as u64, 0, 0, 0, 0, 0]) }?;
        if !A::IS_32 {
            t.mem.write(out, s)?;
            return Ok(0);
        }
        // Words 4–9 and `high` are memory sizes in units.
        let (words, high, mut unit) = (s.words, s.high, u64::from(s.unit));
        let mut shift = 0;
        if words[4].max(words[8]) > 0xffff_ffff {
            while unit < 4096 {
                unit <<= 1;
                shift += 1;
            }
        }
        let mut n = Sysinfo32 { procs: s.procs, unit: unit as u32, high: high.map(|v| (v >> shift) as u32), ..Sysinfo32::default() };
        let mut narrow = [0u32; 10];
        for (i, (to, from)) in narrow.iter_mut().zip(words).enumerate() {
            *to = if i >= 4 { (from >> shift) as u32 } else { from as u32 };
        }
        n.words = narrow;
        t.mem.write(out.cast(), n)?;
        Ok(0)
    }
}

/// getrandom(2).
pub struct Getrandom;
impl Syscall for Getrandom {
    const SPEC: Spec = Spec { name: "getrandom", x64: Some(318), i386: Some(355), support: Full };
    type Args<A: Abi> = (Filled<A>, RandomFlags);
    fn call<A: Abi>(t: &mut Task, (Filled(buf, len), flags): Self::Args<A>) -> SysResult {
        let b = t.mem.host_buf(buf.addr(), len.min(MAX_RW_COUNT), Access::Write)?;
        // SAFETY: the guest's memory.
        unsafe { t.block(Restart::Sys, libc::SYS_getrandom, [b.ptr as u64, b.len as u64, flags.0.into(), 0, 0, 0]) }
    }
}

/// personality(2): remembered, and the machine's name follows it. Address-space layout and the like are forklift's own.
pub struct Personality;
impl Syscall for Personality {
    const SPEC: Spec = Spec { name: "personality", x64: Some(135), i386: Some(136), support: Full };
    type Args<A: Abi> = (Hex,);
    fn call<A: Abi>(t: &mut Task, (persona,): Self::Args<A>) -> SysResult {
        use std::sync::atomic::Ordering;
        let word = t.process.personality();
        let old = if persona.0 == u32::MAX { word.load(Ordering::Relaxed) } else { word.swap(persona.0, Ordering::Relaxed) };
        Ok(old.into())
    }
}

fn set_name<A: Abi>(t: &Task, nr: i64, name: GuestPtr<A, u8>, len: i32) -> SysResult {
    let n = usize::try_from(len).unwrap_or(usize::MAX);
    let bytes = if n <= 64 { t.mem.read_array(name, n)? } else { Vec::new() };
    // SAFETY: `len` bytes, or a length that the kernel refuses.
    unsafe { host::syscall(nr, [bytes.as_ptr() as u64, len as u64, 0, 0, 0, 0]) }
}

/// sethostname(2).
pub struct Sethostname;
impl Syscall for Sethostname {
    const SPEC: Spec = Spec { name: "sethostname", x64: Some(170), i386: Some(74), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u8>, i32);
    fn call<A: Abi>(t: &mut Task, (name, len): Self::Args<A>) -> SysResult {
        set_name(t, libc::SYS_sethostname, name, len)
    }
}

/// setdomainname(2).
pub struct Setdomainname;
impl Syscall for Setdomainname {
    const SPEC: Spec = Spec { name: "setdomainname", x64: Some(171), i386: Some(121), support: Full };
    type Args<A: Abi> = (GuestPtr<A, u8>, i32);
    fn call<A: Abi>(t: &mut Task, (name, len): Self::Args<A>) -> SysResult {
        set_name(t, libc::SYS_setdomainname, name, len)
    }
}

/// syslog(2).
pub struct Syslog;
impl Syscall for Syslog {
    const SPEC: Spec = Spec { name: "syslog", x64: Some(103), i386: Some(103), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u8>, i32);
    fn call<A: Abi>(t: &mut Task, (what, buf, len): Self::Args<A>) -> SysResult {
        let b = t.mem.host_buf(buf.addr(), u64::try_from(len).unwrap_or(0), Access::Write)?;
        let ptr = if buf.is_null() { 0 } else { b.ptr as u64 };
        // SAFETY: the guest's memory.
        unsafe { t.block(Restart::Sys, libc::SYS_syslog, [what as u64, ptr, len as u64, 0, 0, 0]) }
    }
}
