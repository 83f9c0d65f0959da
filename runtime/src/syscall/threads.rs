//! Threads: what belongs to one alone: ids, segments, robust futexes, names, attributes.

use forklift_x86::{Gpr, GuestAddr, Seg};

use super::show::{ArchOp, Hexadecimal, Out, PrctlOp};
use super::{Spec, Support, Support::Full, Syscall};
use crate::abi::{Abi, GuestPtr, GuestWord};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::segments::{LDT_ENTRIES, TLS_COUNT, TLS_FIRST, UserDesc};
use crate::table;
use crate::task::{RobustList, Task};

table![SetTidAddress, SetRobustList, GetRobustList, SetThreadArea, GetThreadArea, ModifyLdt, ArchPrctl, Prctl];

/// set_tid_address(2).
pub struct SetTidAddress;
impl Syscall for SetTidAddress {
    const SPEC: Spec = Spec { name: "set_tid_address", x64: Some(218), i386: Some(258), support: Full };
    type Args<A: Abi> = (GuestAddr,);
    fn call<A: Abi>(t: &mut Task, (addr,): Self::Args<A>) -> SysResult {
        t.clear_child_tid = addr;
        Ok(t.tid as u64)
    }
}

/// set_robust_list(2).
pub struct SetRobustList;
impl Syscall for SetRobustList {
    const SPEC: Spec =
        Spec { name: "set_robust_list", x64: Some(273), i386: Some(311), support: Support::Partial("i386: not walked when the thread is killed by SIGKILL") };
    type Args<A: Abi> = (GuestAddr, u64);
    fn call<A: Abi>(t: &mut Task, (head, len): Self::Args<A>) -> SysResult {
        if len != 3 * A::WORD {
            return Err(Errno::EINVAL);
        }
        t.robust_list = RobustList { head, is_32: A::IS_32 };
        if !A::IS_32 && head.get() <= t.process.space().limit() {
            // Same layout, same addresses: the host's kernel does it, whatever ends the thread.
            // SAFETY: the kernel reads the list with its own checks.
            return unsafe { host::syscall(libc::SYS_set_robust_list, [head.get(), len, 0, 0, 0, 0]) };
        }
        Ok(0)
    }
}

/// get_robust_list(2).
pub struct GetRobustList;
impl Syscall for GetRobustList {
    const SPEC: Spec = Spec { name: "get_robust_list", x64: Some(274), i386: Some(312), support: Support::Partial("of the calling thread only") };
    type Args<A: Abi> = (i32, Out<A, A::Word, Hexadecimal>, Out<A, A::Word>);
    fn call<A: Abi>(t: &mut Task, (tid, Out(head, _), Out(len, _)): Self::Args<A>) -> SysResult {
        if tid != 0 && tid != t.tid {
            // SAFETY: no pointers, and no signal.
            let there = tid > 0 && unsafe { host::syscall(libc::SYS_kill, [tid as u64, 0, 0, 0, 0, 0]) } != Err(Errno::ESRCH);
            return Err(if there { Errno::EPERM } else { Errno::ESRCH });
        }
        t.mem.write(len, A::Word::from_u64(3 * A::WORD))?;
        t.mem.write(head, A::Word::from_u64(t.robust_list.head.get()))?;
        Ok(0)
    }
}

impl Task {
    /// Sets an entry of the thread's part of the GDT; an index of -1 means any free one. Returns the index.
    ///
    /// # Errors
    /// EINVAL, ESRCH.
    pub(crate) fn set_tls(&mut self, desc: UserDesc) -> SysResult<u32> {
        let empty = desc.is_empty() || desc.is_zero();
        if !empty && (desc.flag(0) == 0 || desc.contents() > 1 || desc.flag(5) != 0) {
            return Err(Errno::EINVAL);
        }
        let index = match desc.entry {
            u32::MAX => TLS_FIRST + self.mem.tls.0.iter().position(Option::is_none).ok_or(Errno::ESRCH)? as u32,
            n => n,
        };
        let slot = index.checked_sub(TLS_FIRST).filter(|&n| n < TLS_COUNT as u32).ok_or(Errno::EINVAL)?;
        self.mem.tls.0[slot as usize] = (!empty).then_some(UserDesc { entry: index, ..desc });
        self.reload_segments((index << 3 | 3) as u16);
        Ok(index)
    }
}

/// set_thread_area(2).
pub struct SetThreadArea;
impl Syscall for SetThreadArea {
    const SPEC: Spec = Spec { name: "set_thread_area", x64: None, i386: Some(243), support: Full };
    type Args<A: Abi> = (GuestPtr<A, UserDesc>,);
    fn call<A: Abi>(t: &mut Task, (p,): Self::Args<A>) -> SysResult {
        let desc = t.mem.read(p)?;
        let index = t.set_tls(desc)?;
        if desc.entry == u32::MAX {
            t.mem.write(p.cast::<u32>(), index)?;
        }
        Ok(0)
    }
}

/// get_thread_area(2).
pub struct GetThreadArea;
impl Syscall for GetThreadArea {
    const SPEC: Spec = Spec { name: "get_thread_area", x64: None, i386: Some(244), support: Full };
    type Args<A: Abi> = (GuestPtr<A, UserDesc>,);
    fn call<A: Abi>(t: &mut Task, (p,): Self::Args<A>) -> SysResult {
        let index: u32 = t.mem.read(p.cast())?;
        let slot = index.checked_sub(TLS_FIRST).filter(|&n| n < TLS_COUNT as u32).ok_or(Errno::EINVAL)?;
        // What an empty descriptor decodes to: not present, read-only, 16-bit.
        let none = UserDesc { entry: index, base: 0, limit: 0, flags: 0b10_1000 };
        let desc = t.mem.tls.0[slot as usize].unwrap_or(none);
        t.mem.write(p, desc)?;
        Ok(0)
    }
}

/// modify_ldt(2).
pub struct ModifyLdt;
impl Syscall for ModifyLdt {
    const SPEC: Spec = Spec { name: "modify_ldt", x64: Some(154), i386: Some(123), support: Full };
    type Args<A: Abi> = (i32, GuestPtr<A, u8>, u64);
    fn call<A: Abi>(t: &mut Task, (func, p, count): Self::Args<A>) -> SysResult {
        match func {
            0 => read_ldt(t, p, count),
            1 | 0x11 => write_ldt(t, p, count, func == 1),
            2 => {
                let n = count.min(128);
                t.mem.write_array(p, &vec![0u8; n as usize])?;
                Ok(n)
            }
            _ => Err(Errno::ENOSYS),
        }
    }
}

fn read_ldt<A>(t: &Task, p: GuestPtr<A, u8>, count: u64) -> SysResult {
    let entries: Vec<u64> = {
        let ldt = t.process.space().ldt();
        let Some((&last, _)) = ldt.last_key_value() else { return Ok(0) };
        (0..=last).map(|i| ldt.get(&i).map_or(0, UserDesc::raw)).collect()
    };
    let bytes: Vec<u8> = entries.iter().flat_map(|e| e.to_le_bytes()).collect();
    let count = count.min(u64::from(LDT_ENTRIES) * 8);
    let mut out = bytes;
    out.resize(count as usize, 0);
    t.mem.write_array(p, &out)?;
    Ok(count)
}

fn write_ldt<A>(t: &mut Task, p: GuestPtr<A, u8>, count: u64, old_mode: bool) -> SysResult {
    if count != size_of::<UserDesc>() as u64 {
        return Err(Errno::EINVAL);
    }
    let desc: UserDesc = t.mem.read(p.cast())?;
    if desc.entry >= LDT_ENTRIES || (desc.contents() == 3 && (old_mode || desc.flag(5) == 0)) {
        return Err(Errno::EINVAL);
    }
    let (base, limit) = (desc.base, desc.limit);
    let empty = desc.is_empty() || (old_mode && base == 0 && limit == 0);
    // 16-bit segments are there as in a kernel that has them configured.
    let index = desc.entry as u16;
    {
        let mut ldt = t.process.space().ldt();
        if empty {
            ldt.remove(&index)
        } else {
            ldt.insert(index, desc)
        };
    }
    t.reload_segments(index << 3 | 7);
    Ok(0)
}

/// arch_prctl(2).
pub struct ArchPrctl;
impl Syscall for ArchPrctl {
    const SPEC: Spec = Spec { name: "arch_prctl", x64: Some(158), i386: Some(384), support: Support::Partial("segment bases; CPUID can't be turned off") };
    type Args<A: Abi> = (ArchOp, GuestAddr);
    fn call<A: Abi>(t: &mut Task, (ArchOp(code), addr): Self::Args<A>) -> SysResult {
        const SET_GS: i32 = 0x1001;
        const SET_FS: i32 = 0x1002;
        const GET_FS: i32 = 0x1003;
        const GET_GS: i32 = 0x1004;
        const GET_CPUID: i32 = 0x1011;
        const SET_CPUID: i32 = 0x1012;
        const TASK_SIZE: u64 = (1 << 47) - 4096;
        let seg = if matches!(code, SET_GS | GET_GS) { Seg::Gs } else { Seg::Fs };
        match code {
            GET_CPUID => Ok(1),
            SET_CPUID if addr.get() != 0 => Ok(0),
            SET_CPUID => Err(Errno::ENODEV),
            SET_FS | SET_GS if !A::IS_32 => {
                if addr.get() >= TASK_SIZE {
                    return Err(Errno::EPERM);
                }
                let cpu = t.cpu_mut();
                cpu.seg_sel[seg.index()] = 0;
                cpu.seg_base[seg.index()] = addr.get();
                Ok(0)
            }
            GET_FS | GET_GS if !A::IS_32 => {
                let base = t.cpu().seg_base[seg.index()];
                t.mem.write(GuestPtr::<A, u64>::new(addr), base)?;
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

/// prctl(2).
pub struct Prctl;
impl Syscall for Prctl {
    const SPEC: Spec =
        Spec { name: "prctl", x64: Some(157), i386: Some(172), support: Support::Partial("no seccomp, no PR_SET_MM, RDTSC can't be turned off") };
    type Args<A: Abi> = (PrctlOp, u64, u64, u64, u64);
    fn call<A: Abi>(t: &mut Task, (PrctlOp(op), a, b, c, d): Self::Args<A>) -> SysResult {
        const SET_VMA: i32 = 0x5356_4d41;
        const SET_PTRACER: i32 = 0x5961_6d61;
        const SET_IO_FLUSHER: i32 = 57;
        const GET_IO_FLUSHER: i32 = 58;
        let pass = |args: [u64; 4]| {
            // SAFETY: pointers among the arguments are ours.
            unsafe { host::syscall(libc::SYS_prctl, [op as u64, args[0], args[1], args[2], args[3], 0]) }
        };
        match op {
            libc::PR_SET_NAME => {
                let mut name = [0u8; 16];
                let n = t.mem.read_some(GuestAddr::new(a), &mut name[..15]);
                if n < 15 && !name[..n].contains(&0) {
                    return Err(Errno::EFAULT);
                }
                pass([name.as_ptr() as u64, 0, 0, 0])
            }
            libc::PR_GET_NAME => {
                let mut name = [0u8; 16];
                pass([name.as_mut_ptr() as u64, 0, 0, 0])?;
                t.mem.write(GuestPtr::<A, [u8; 16]>::new(GuestAddr::new(a)), name)?;
                Ok(0)
            }
            libc::PR_GET_PDEATHSIG | libc::PR_GET_CHILD_SUBREAPER => {
                let mut v = 0i32;
                pass([(&raw mut v) as u64, 0, 0, 0])?;
                t.mem.write(GuestPtr::<A, i32>::new(GuestAddr::new(a)), v)?;
                Ok(0)
            }
            libc::PR_GET_TID_ADDRESS => {
                // A 64-bit kernel writes its own pointer, whoever asks.
                t.mem.write(GuestPtr::<A, u64>::new(GuestAddr::new(a)), t.clear_child_tid.get())?;
                Ok(0)
            }
            // RDTSC is for everybody.
            libc::PR_GET_TSC => {
                t.mem.write(GuestPtr::<A, i32>::new(GuestAddr::new(a)), libc::PR_TSC_ENABLE)?;
                Ok(0)
            }
            libc::PR_SET_TSC if a == libc::PR_TSC_ENABLE as u64 => Ok(0),
            libc::PR_SET_CHILD_SUBREAPER => {
                crate::engine::warm::forbid();
                pass([a, b, c, d])
            }
            libc::PR_SET_PDEATHSIG
            | libc::PR_GET_DUMPABLE
            | libc::PR_SET_DUMPABLE
            | libc::PR_GET_KEEPCAPS
            | libc::PR_SET_KEEPCAPS
            | libc::PR_GET_TIMING
            | libc::PR_SET_TIMING
            | libc::PR_GET_SECUREBITS
            | libc::PR_SET_SECUREBITS
            | libc::PR_GET_TIMERSLACK
            | libc::PR_SET_TIMERSLACK
            | libc::PR_SET_NO_NEW_PRIVS
            | libc::PR_GET_NO_NEW_PRIVS
            | libc::PR_CAPBSET_READ
            | libc::PR_CAPBSET_DROP
            | libc::PR_CAP_AMBIENT
            | libc::PR_SET_THP_DISABLE
            | libc::PR_GET_THP_DISABLE
            | libc::PR_MCE_KILL
            | libc::PR_MCE_KILL_GET
            | libc::PR_GET_SECCOMP
            | SET_IO_FLUSHER
            | GET_IO_FLUSHER
            | SET_PTRACER => pass([a, b, c, d]),
            // Naming anonymous memory is for whoever looks at the host's maps.
            SET_VMA if a == 0 => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// `FUTEX_WAITERS`, `FUTEX_OWNER_DIED`, `FUTEX_TID_MASK`.
const WAITERS: u32 = 0x8000_0000;
const OWNER_DIED: u32 = 0x4000_0000;
const TID_MASK: u32 = 0x3fff_ffff;
/// Longest list that is walked.
const ROBUST_LIMIT: usize = 2048;

impl Task {
    /// Wakes waiters on a futex that other processes may share.
    fn wake_futex(&self, addr: GuestAddr, count: u64) {
        // SAFETY: the kernel checks the address.
        let _ = unsafe { host::syscall(libc::SYS_futex, [self.mem.host_futex(addr), libc::FUTEX_WAKE as u64, count, 0, 0, 0]) };
    }

    /// Marks the robust futexes that this thread holds, which the host's kernel can't do for a 32-bit list.
    pub(crate) fn release_robust(&self) {
        if self.robust_list.is_32 && self.robust_list.head.get() != 0 {
            // A list that can't be read is left as it is, as in the kernel.
            let _ = self.walk_robust_list();
        }
    }

    /// What the kernel does for a thread that ends: robust futexes, clear_child_tid.
    pub(crate) fn release_thread(&mut self) {
        self.release_robust();
        let addr = core::mem::take(&mut self.clear_child_tid);
        if addr.get() != 0 && crate::task::thread_count() > 1 {
            let _ = self.mem.write_bytes(addr, &[0; 4]);
            self.wake_futex(addr, 1);
        }
    }

    fn walk_robust_list(&self) -> SysResult<()> {
        let word = |at: u64| self.mem.read(GuestPtr::<crate::abi::I386, u32>::new(GuestAddr::new(at & 0xffff_ffff)));
        let head = self.robust_list.head.get();
        let offset = word(head + 4)?;
        let pending = word(head + 8)?;
        let mut entry = word(head)?;
        for _ in 0..ROBUST_LIMIT {
            if u64::from(entry & !1) == head {
                break;
            }
            let next = word(u64::from(entry & !1));
            if entry & !1 != pending & !1 {
                self.futex_death((entry & !1).wrapping_add(offset), entry & 1 != 0)?;
            }
            entry = next?;
        }
        if pending & !1 != 0 { self.futex_death((pending & !1).wrapping_add(offset), pending & 1 != 0) } else { Ok(()) }
    }

    /// A lock whose owner ends: marks it, and wakes a waiter.
    fn futex_death(&self, addr: u32, pi: bool) -> SysResult<()> {
        let at = GuestAddr::new(addr.into());
        let mut value: u32 = self.mem.read(GuestPtr::<crate::abi::I386, u32>::new(at))?;
        while value & TID_MASK == self.tid as u32 {
            let seen = self.mem.compare_exchange(at, value, value & WAITERS | OWNER_DIED)?;
            if seen == value {
                if value & WAITERS != 0 && !pi {
                    self.wake_futex(at, 1);
                }
                break;
            }
            value = seen;
        }
        Ok(())
    }

    /// The stack pointer of a new thread or process, if one was given.
    pub(crate) fn set_stack(&mut self, sp: u64) {
        if sp != 0 {
            self.cpu_mut().set(Gpr::Rsp, sp);
        }
    }
}
