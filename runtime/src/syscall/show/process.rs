//! Processes, threads and signals; times; System V IPC.

use core::fmt;

use super::super::{Arg, Octal, Regs};
use super::{ShowAs, View, names};
use crate::abi::GuestWord;

names! {
    /// clone(2), without the signal.
    CloneFlags(u64) bits {
        CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_PIDFD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_THREAD, CLONE_NEWNS, CLONE_SYSVSEM, CLONE_SETTLS,
        CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID, CLONE_DETACHED, CLONE_UNTRACED, CLONE_CHILD_SETTID, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
        CLONE_NEWPID, CLONE_NEWNET, CLONE_IO, CLONE_CLEAR_SIGHAND = 0x1_0000_0000, CLONE_INTO_CGROUP = 0x2_0000_0000,
    };
    /// wait4(2), waitid(2).
    WaitOptions(i32) bits { WNOHANG, WUNTRACED, WEXITED, WCONTINUED, WNOWAIT, __WNOTHREAD, __WALL, __WCLONE };
    /// waitid(2).
    IdType(i32) choices { (0xffff_ffff) { P_ALL, P_PID, P_PGID, P_PIDFD } };
    /// `si_code` of SIGCHLD.
    ChildCode(i32) choices { (0xffff_ffff) { CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED } };
    /// getrusage(2).
    UsageOf(i32) choices { (0xffff_ffff) { RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD } };
    /// getrlimit(2), with x86's numbers.
    Resource(u32) choices { (0xffff_ffff) {
        RLIMIT_CPU = 0, RLIMIT_FSIZE = 1, RLIMIT_DATA = 2, RLIMIT_STACK = 3, RLIMIT_CORE = 4, RLIMIT_RSS = 5, RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7,
        RLIMIT_MEMLOCK = 8, RLIMIT_AS = 9, RLIMIT_LOCKS = 10, RLIMIT_SIGPENDING = 11, RLIMIT_MSGQUEUE = 12, RLIMIT_NICE = 13, RLIMIT_RTPRIO = 14, RLIMIT_RTTIME = 15,
    } };
    /// getpriority(2).
    PriorityOf(i32) choices { (0xffff_ffff) { PRIO_PROCESS, PRIO_PGRP, PRIO_USER } };
    /// sched_setscheduler(2).
    SchedPolicy(i32) choices { (0xbfff_ffff) { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE } } bits { SCHED_RESET_ON_FORK };
    /// prctl(2).
    PrctlOp(i32) choices { (0xffff_ffff) {
        PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_UNALIGN, PR_SET_UNALIGN, PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_GET_FPEMU,
        PR_SET_FPEMU, PR_GET_FPEXC, PR_SET_FPEXC, PR_GET_TIMING, PR_SET_TIMING, PR_SET_NAME, PR_GET_NAME, PR_GET_ENDIAN, PR_SET_ENDIAN, PR_GET_SECCOMP,
        PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_TSC, PR_SET_TSC, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
        PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_MCE_KILL, PR_MCE_KILL_GET, PR_SET_MM, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER,
        PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_SET_FP_MODE, PR_GET_FP_MODE, PR_CAP_AMBIENT,
        PR_SET_SPECULATION_CTRL = 53, PR_GET_SPECULATION_CTRL = 52, PR_SET_IO_FLUSHER = 57, PR_GET_IO_FLUSHER = 58, PR_SET_SYSCALL_USER_DISPATCH = 59,
        PR_SCHED_CORE = 62, PR_SET_MDWE = 65, PR_GET_MDWE = 66, PR_SET_VMA = 0x5356_4d41, PR_SET_PTRACER = 0x5961_6d61,
    } };
    /// arch_prctl(2).
    ArchOp(i32) choices { (0xffff_ffff) {
        ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004, ARCH_GET_CPUID = 0x1011, ARCH_SET_CPUID = 0x1012,
        ARCH_GET_XCOMP_SUPP = 0x1021, ARCH_GET_XCOMP_PERM = 0x1022, ARCH_REQ_XCOMP_PERM = 0x1023, ARCH_CET_STATUS = 0x3001, ARCH_SHSTK_STATUS = 0x5005,
    } };
    /// sigprocmask(2).
    SigHow(i32) choices { (0xffff_ffff) { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK } };
    /// Flags of sigaction(2).
    SigFlags(u32) bits {
        SA_RESTORER = 0x400_0000, SA_ONSTACK, SA_RESTART, SA_INTERRUPT = 0x2000_0000, SA_NODEFER, SA_RESETHAND, SA_SIGINFO, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_UNSUPPORTED = 0x400,
        SA_EXPOSE_TAGBITS = 0x800,
    };
    /// State of an alternate stack.
    StackFlags(u32) bits { SS_ONSTACK = 1, SS_DISABLE = 2, SS_AUTODISARM = 0x8000_0000 };
    /// setitimer(2).
    Itimer(i32) choices { (0xffff_ffff) { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF } };
    /// clock_nanosleep(2), timer_settime(2).
    TimerFlags(i32) bits { TIMER_ABSTIME };
    /// futex(2).
    FutexOp(u32) choices { (0x7f) {
        FUTEX_WAIT, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET,
        FUTEX_WAKE_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2 = 13,
    } } bits { FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME };
    /// getrandom(2).
    RandomFlags(u32) bits { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE = 4 };
    /// membarrier(2).
    BarrierCmd(i32) choices { (0xffff_ffff) { MEMBARRIER_CMD_QUERY = 0 } } bits {
        MEMBARRIER_CMD_GLOBAL = 1, MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4, MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8,
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 32, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 128, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 256,
    };
    /// Bits of [`IpcFlags`] that aren't permissions.
    IpcBits(u32) bits { IPC_CREAT, IPC_EXCL, SHM_HUGETLB, SHM_NORESERVE };
    /// semctl(2), msgctl(2), shmctl(2), with the kernel's bit for the present structures.
    IpcCmd(u32) choices { (0xff) {
        IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, GETPID, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL,
    } } bits { IPC_64 = 0x100 };
    /// shmat(2).
    ShmFlags(u32) bits { SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC };
    /// msgrcv(2).
    MsgqFlags(u32) bits { IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT, MSG_COPY };
}

/// Flags of semget(2) and its relatives: with permissions.
#[derive(Clone, Copy, Debug)]
pub struct IpcFlags(pub u32);

impl Arg for IpcFlags {
    fn take(r: &mut Regs) -> Self {
        Self(u32::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & !0o777 != 0 {
            write!(f, "{}|", IpcBits(self.0 & !0o777))?;
        }
        Octal(self.0 & 0o777).show(v, f)
    }
}

/// A word as an address.
pub struct Hexadecimal;

impl<W: GuestWord> ShowAs<W> for Hexadecimal {
    fn show_as(&value: &W, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:#x}]", value.into())
    }
}
