//! Calls that are refused on purpose, each with its reason. Those that the kernel itself doesn't have any more are here as well, so that nobody misses them.

use super::{Spec, Support::Refused, Syscall};
use crate::abi::Abi;
use crate::errno::{Errno, SysResult};
use crate::table;
use crate::task::Task;

/// Defines calls: `Type = "name" (x64 number, i386 number) ERRNO "why";`
macro_rules! refused {
    ($($call:ident = $name:literal ($x64:expr, $i386:expr) $errno:ident $why:expr;)*) => {
        $(
            #[doc = concat!($name, "(2): refused.")]
            pub struct $call;
            impl Syscall for $call {
                const SPEC: Spec = Spec { name: $name, x64: $x64, i386: $i386, support: Refused($why) };
                type Args<A: Abi> = (u64, u64, u64, u64, u64, u64);
                fn call<A: Abi>(_: &mut Task, _: Self::Args<A>) -> SysResult {
                    Err(Errno::$errno)
                }
            }
        )*
        table![$($call),*];
    };
}

const GONE: &str = "ENOSYS: the kernel has it no more, or never had it";
const RINGS: &str = "ENOSYS: its structures hold pointers that the kernel follows later; programs fall back to plain calls";
const LANDLOCK: &str = "ENOSYS: would bind forklift itself to the guest's rules";
const MODULES: &str = "EPERM: modules of the host's kernel are not the guest's";
const KEYS: &str = "ENOSYS: keyrings belong to forklift's user, not to the guest";
const NUMA: &str = "ENOSYS: placement on nodes is left to the host";
const HOST_ONLY: &str = "EPERM: concerns the host as a whole";
const LATER: &str = "ENOSYS: newer than what programs depend on";

refused! {
    IoSetup = "io_setup" (Some(206), Some(245)) ENOSYS RINGS;
    IoDestroy = "io_destroy" (Some(207), Some(246)) ENOSYS RINGS;
    IoGetevents = "io_getevents" (Some(208), Some(247)) ENOSYS RINGS;
    IoSubmit = "io_submit" (Some(209), Some(248)) ENOSYS RINGS;
    IoCancel = "io_cancel" (Some(210), Some(249)) ENOSYS RINGS;
    IoPgetevents = "io_pgetevents" (Some(333), Some(385)) ENOSYS RINGS;
    IoPgeteventsTime64 = "io_pgetevents_time64" (None, Some(416)) ENOSYS RINGS;
    LandlockCreateRuleset = "landlock_create_ruleset" (Some(444), Some(444)) ENOSYS LANDLOCK;
    LandlockAddRule = "landlock_add_rule" (Some(445), Some(445)) ENOSYS LANDLOCK;
    LandlockRestrictSelf = "landlock_restrict_self" (Some(446), Some(446)) ENOSYS LANDLOCK;
    InitModule = "init_module" (Some(175), Some(128)) EPERM MODULES;
    DeleteModule = "delete_module" (Some(176), Some(129)) EPERM MODULES;
    FinitModule = "finit_module" (Some(313), Some(350)) EPERM MODULES;
    KexecLoad = "kexec_load" (Some(246), Some(283)) EPERM HOST_ONLY;
    KexecFileLoad = "kexec_file_load" (Some(320), None) EPERM HOST_ONLY;
    Reboot = "reboot" (Some(169), Some(88)) EPERM HOST_ONLY;
    Quotactl = "quotactl" (Some(179), Some(131)) ENOSYS "ENOSYS: its structures are not translated";
    QuotactlFd = "quotactl_fd" (Some(443), Some(443)) ENOSYS "ENOSYS: its structures are not translated";
    AddKey = "add_key" (Some(248), Some(286)) ENOSYS KEYS;
    RequestKey = "request_key" (Some(249), Some(287)) ENOSYS KEYS;
    Keyctl = "keyctl" (Some(250), Some(288)) ENOSYS KEYS;
    Mbind = "mbind" (Some(237), Some(274)) ENOSYS NUMA;
    SetMempolicy = "set_mempolicy" (Some(238), Some(276)) ENOSYS NUMA;
    GetMempolicy = "get_mempolicy" (Some(239), Some(275)) ENOSYS NUMA;
    MigratePages = "migrate_pages" (Some(256), Some(294)) ENOSYS NUMA;
    MovePages = "move_pages" (Some(279), Some(317)) ENOSYS NUMA;
    SetMempolicyHomeNode = "set_mempolicy_home_node" (Some(450), Some(450)) ENOSYS NUMA;
    RemapFilePages = "remap_file_pages" (Some(216), Some(257)) ENOSYS "ENOSYS: mmap does the same";
    LookupDcookie = "lookup_dcookie" (Some(212), Some(253)) ENOSYS GONE;
    Sysctl = "_sysctl" (Some(156), Some(149)) ENOSYS GONE;
    Uselib = "uselib" (Some(134), Some(86)) ENOSYS GONE;
    CreateModule = "create_module" (Some(174), Some(127)) ENOSYS GONE;
    GetKernelSyms = "get_kernel_syms" (Some(177), Some(130)) ENOSYS GONE;
    QueryModule = "query_module" (Some(178), Some(167)) ENOSYS GONE;
    Nfsservctl = "nfsservctl" (Some(180), Some(169)) ENOSYS GONE;
    Getpmsg = "getpmsg" (Some(181), Some(188)) ENOSYS GONE;
    Putpmsg = "putpmsg" (Some(182), Some(189)) ENOSYS GONE;
    AfsSyscall = "afs_syscall" (Some(183), Some(137)) ENOSYS GONE;
    Tuxcall = "tuxcall" (Some(184), None) ENOSYS GONE;
    Security = "security" (Some(185), None) ENOSYS GONE;
    EpollCtlOld = "epoll_ctl_old" (Some(214), None) ENOSYS GONE;
    EpollWaitOld = "epoll_wait_old" (Some(215), None) ENOSYS GONE;
    SetThreadAreaX64 = "set_thread_area" (Some(205), None) ENOSYS GONE;
    GetThreadAreaX64 = "get_thread_area" (Some(211), None) ENOSYS GONE;
    Vserver = "vserver" (Some(236), Some(273)) ENOSYS GONE;
    Break = "break" (None, Some(17)) ENOSYS GONE;
    Stty = "stty" (None, Some(31)) ENOSYS GONE;
    Gtty = "gtty" (None, Some(32)) ENOSYS GONE;
    Ftime = "ftime" (None, Some(35)) ENOSYS GONE;
    Prof = "prof" (None, Some(44)) ENOSYS GONE;
    Lock = "lock" (None, Some(53)) ENOSYS GONE;
    Mpx = "mpx" (None, Some(56)) ENOSYS GONE;
    Ulimit = "ulimit" (None, Some(58)) ENOSYS GONE;
    Profil = "profil" (None, Some(98)) ENOSYS GONE;
    Idle = "idle" (None, Some(112)) ENOSYS GONE;
    Bdflush = "bdflush" (None, Some(134)) ENOSYS GONE;
    Vm86old = "vm86old" (None, Some(113)) ENOSYS "ENOSYS: as on a 64-bit kernel, which has no virtual 8086 mode";
    Vm86 = "vm86" (None, Some(166)) ENOSYS "ENOSYS: as on a 64-bit kernel, which has no virtual 8086 mode";
    MemfdSecret = "memfd_secret" (Some(447), Some(447)) ENOSYS "ENOSYS: as on kernels that were not told to have it";
    ProcessMadvise = "process_madvise" (Some(440), Some(440)) ENOSYS "ENOSYS: advice about another process's host memory is not the guest's to give";
    Cachestat = "cachestat" (Some(451), Some(451)) ENOSYS LATER;
    MapShadowStack = "map_shadow_stack" (Some(453), Some(453)) ENOSYS "ENOSYS: the guest's CPU has no shadow stacks";
    FutexWake = "futex_wake" (Some(454), Some(454)) ENOSYS LATER;
    FutexWait = "futex_wait" (Some(455), Some(455)) ENOSYS LATER;
    FutexRequeue = "futex_requeue" (Some(456), Some(456)) ENOSYS LATER;
    Statmount = "statmount" (Some(457), Some(457)) ENOSYS LATER;
    Listmount = "listmount" (Some(458), Some(458)) ENOSYS LATER;
    LsmGetSelfAttr = "lsm_get_self_attr" (Some(459), Some(459)) ENOSYS LATER;
    LsmSetSelfAttr = "lsm_set_self_attr" (Some(460), Some(460)) ENOSYS LATER;
    LsmListModules = "lsm_list_modules" (Some(461), Some(461)) ENOSYS LATER;
    Mseal = "mseal" (Some(462), Some(462)) ENOSYS LATER;
    Setxattrat = "setxattrat" (Some(463), Some(463)) ENOSYS LATER;
    Getxattrat = "getxattrat" (Some(464), Some(464)) ENOSYS LATER;
    Listxattrat = "listxattrat" (Some(465), Some(465)) ENOSYS LATER;
    Removexattrat = "removexattrat" (Some(466), Some(466)) ENOSYS LATER;
    OpenTreeAttr = "open_tree_attr" (Some(467), Some(467)) ENOSYS LATER;
}
