//! Clocks, sleeping and timers, with the 64-bit times that i386 got later.

use forklift_x86::GuestAddr;

use super::show::{In, Itimer, Out, Sec, TimerFlags, Usec};
use super::{Arg, Regs, Restart, Spec, Support::Full, Syscall, View};
use crate::abi::{Abi, GuestPtr, KernelTimespec, TimePair};
use crate::errno::{Errno, SysResult};
use crate::guest_struct;
use crate::host;
use crate::mem::BAD_ADDRESS;
use crate::table;
use crate::task::{RestartBlock, Task};

table![
    Time,
    Stime,
    Times,
    Gettimeofday,
    Settimeofday,
    ClockGettime,
    ClockSettime,
    ClockGetres,
    ClockNanosleep,
    Nanosleep,
    ClockGettime64,
    ClockSettime64,
    ClockGetres64,
    ClockNanosleep64,
    RestartSyscall,
    Alarm,
    Getitimer,
    Setitimer,
    TimerCreate,
    TimerSettime,
    TimerGettime,
    TimerSettime64,
    TimerGettime64,
    TimerGetoverrun,
    TimerDelete,
    Adjtimex,
    ClockAdjtime,
    ClockAdjtime64,
];

/// A `clockid_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockId(pub i32);

impl Arg for ClockId {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as i32)
    }
    fn show(&self, _: &View<'_>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const NAMES: [&str; 8] =
            ["REALTIME", "MONOTONIC", "PROCESS_CPUTIME_ID", "THREAD_CPUTIME_ID", "MONOTONIC_RAW", "REALTIME_COARSE", "MONOTONIC_COARSE", "BOOTTIME"];
        match usize::try_from(self.0).ok().and_then(|i| NAMES.get(i)) {
            Some(n) => write!(f, "CLOCK_{n}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A host call with one clock and one timespec to fill.
fn ask_clock(nr: i64, clock: ClockId) -> SysResult<libc::timespec> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a timespec to fill.
    unsafe { host::syscall(nr, [clock.0 as u64, (&raw mut now) as u64, 0, 0, 0, 0]) }?;
    Ok(now)
}

/// Sets a clock to a time; `None` is one that can't be read, for the host's kernel to refuse when the clock is one that can be set.
fn set_clock(clock: ClockId, to: Option<libc::timespec>) -> SysResult {
    let at = to.as_ref().map_or(BAD_ADDRESS, |to| (&raw const *to) as u64);
    // SAFETY: a timespec to read, or no address at all.
    unsafe { host::syscall(libc::SYS_clock_settime, [clock.0 as u64, at, 0, 0, 0, 0]) }
}

macro_rules! clock_calls {
    ($($get:ident $set:ident $res:ident ($g:literal $gx:expr, $gi:literal) ($s:literal $sx:expr, $si:literal) ($r:literal $rx:expr, $ri:literal) $t:ty;)*) => { $(
        #[doc = concat!($g, "(2).")]
        pub struct $get;
        impl Syscall for $get {
            const SPEC: Spec = Spec { name: $g, x64: $gx, i386: Some($gi), support: Full };
            type Args<A: Abi> = (ClockId, GuestPtr<A, $t>);
            fn call<A: Abi>(t: &mut Task, (clock, out): Self::Args<A>) -> SysResult {
                t.mem.write(out, TimePair::from_host(ask_clock(libc::SYS_clock_gettime, clock)?))?;
                Ok(0)
            }
        }
        #[doc = concat!($r, "(2).")]
        pub struct $res;
        impl Syscall for $res {
            const SPEC: Spec = Spec { name: $r, x64: $rx, i386: Some($ri), support: Full };
            type Args<A: Abi> = (ClockId, GuestPtr<A, $t>);
            fn call<A: Abi>(t: &mut Task, (clock, out): Self::Args<A>) -> SysResult {
                t.mem.write_opt(out, TimePair::from_host(ask_clock(libc::SYS_clock_getres, clock)?))?;
                Ok(0)
            }
        }
        #[doc = concat!($s, "(2).")]
        pub struct $set;
        impl Syscall for $set {
            const SPEC: Spec = Spec { name: $s, x64: $sx, i386: Some($si), support: Full };
            type Args<A: Abi> = (ClockId, GuestPtr<A, $t>);
            fn call<A: Abi>(t: &mut Task, (clock, to): Self::Args<A>) -> SysResult {
                set_clock(clock, t.mem.read(to).ok().map(TimePair::to_host))
            }
        }
    )* };
}

clock_calls! {
    ClockGettime ClockSettime ClockGetres ("clock_gettime" Some(228), 265) ("clock_settime" Some(227), 264) ("clock_getres" Some(229), 266) A::Timespec;
    ClockGettime64 ClockSettime64 ClockGetres64 ("clock_gettime64" None, 403) ("clock_settime64" None, 404) ("clock_getres_time64" None, 406) KernelTimespec;
}

/// time(2).
pub struct Time;
impl Syscall for Time {
    const SPEC: Spec = Spec { name: "time", x64: Some(201), i386: Some(13), support: Full };
    type Args<A: Abi> = (Out<A, A::Word>,);
    fn call<A: Abi>(t: &mut Task, (Out(out, _),): Self::Args<A>) -> SysResult {
        use crate::abi::GuestWord;
        let now = ask_clock(libc::SYS_clock_gettime, ClockId(libc::CLOCK_REALTIME_COARSE))?.tv_sec as u64;
        t.mem.write_opt(out, A::Word::from_u64(now))?;
        Ok(now)
    }
}

/// stime(2).
pub struct Stime;
impl Syscall for Stime {
    const SPEC: Spec = Spec { name: "stime", x64: None, i386: Some(25), support: Full };
    type Args<A: Abi> = (In<A, i32>,);
    fn call<A: Abi>(t: &mut Task, (In(to, _),): Self::Args<A>) -> SysResult {
        set_clock(ClockId(libc::CLOCK_REALTIME), Some(libc::timespec { tv_sec: t.mem.read(to)?.into(), tv_nsec: 0 }))
    }
}

/// times(2): user, system, children's user, children's system ticks.
pub struct Times;
impl Syscall for Times {
    const SPEC: Spec = Spec { name: "times", x64: Some(100), i386: Some(43), support: Full };
    type Args<A: Abi> = (GuestPtr<A, A::Word>,);
    fn call<A: Abi>(t: &mut Task, (out,): Self::Args<A>) -> SysResult {
        use crate::abi::GuestWord;
        let mut tms = [0u64; 4];
        let host = if out.is_null() { 0 } else { tms.as_mut_ptr() as u64 };
        // SAFETY: four longs to fill, or a null pointer. An error is a tick count near the wrap, so no errno here.
        let ticks = unsafe { libc::syscall(libc::SYS_times, host) };
        if !out.is_null() {
            t.mem.write_array(out, &tms.map(A::Word::from_u64))?;
        }
        Ok(ticks as u64)
    }
}

guest_struct! {
    /// `struct timezone`.
    pub struct Timezone = 8 {
        /// Minutes west of Greenwich.
        pub west: i32,
        /// Kind of daylight saving.
        pub dst: i32,
    }
}

/// gettimeofday(2).
pub struct Gettimeofday;
impl Syscall for Gettimeofday {
    const SPEC: Spec = Spec { name: "gettimeofday", x64: Some(96), i386: Some(78), support: Full };
    type Args<A: Abi> = (Out<A, A::Timeval, Usec>, GuestPtr<A, Timezone>);
    fn call<A: Abi>(t: &mut Task, (Out(tv, _), tz): Self::Args<A>) -> SysResult {
        let mut zone = Timezone::default();
        let mut now = libc::timeval { tv_sec: 0, tv_usec: 0 };
        // SAFETY: the host's structures.
        unsafe { host::syscall(libc::SYS_gettimeofday, [(&raw mut now) as u64, (&raw mut zone) as u64, 0, 0, 0, 0]) }?;
        t.mem.write_opt(tv, A::Timeval::make(now.tv_sec, now.tv_usec))?;
        t.mem.write_opt(tz, zone)?;
        Ok(0)
    }
}

/// settimeofday(2).
pub struct Settimeofday;
impl Syscall for Settimeofday {
    const SPEC: Spec = Spec { name: "settimeofday", x64: Some(164), i386: Some(79), support: Full };
    type Args<A: Abi> = (In<A, A::Timeval, Usec>, GuestPtr<A, Timezone>);
    fn call<A: Abi>(t: &mut Task, (In(tv, _), tz): Self::Args<A>) -> SysResult {
        let now = t.mem.read_opt(tv)?.map(TimePair::get).map(|(tv_sec, tv_usec)| libc::timeval { tv_sec, tv_usec });
        let zone = t.mem.read_opt(tz)?;
        let now_at = now.as_ref().map_or(0, |n| (&raw const *n) as u64);
        let zone_at = zone.as_ref().map_or(0, |z| (&raw const *z) as u64);
        // SAFETY: the host's structures, or null.
        unsafe { host::syscall(libc::SYS_settimeofday, [now_at, zone_at, 0, 0, 0, 0]) }
    }
}

const fn is_valid(t: libc::timespec) -> bool {
    t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1_000_000_000
}

/// `a + b`, saturating.
pub(super) fn add(a: libc::timespec, b: libc::timespec) -> libc::timespec {
    let nsec = a.tv_nsec + b.tv_nsec;
    let sec = a.tv_sec.checked_add(b.tv_sec).and_then(|s| s.checked_add(nsec / 1_000_000_000));
    sec.map_or(libc::timespec { tv_sec: i64::MAX, tv_nsec: 0 }, |tv_sec| libc::timespec { tv_sec, tv_nsec: nsec % 1_000_000_000 })
}

/// `a - b`, at least zero.
fn sub(a: libc::timespec, b: libc::timespec) -> libc::timespec {
    let (sec, nsec) = (a.tv_sec - b.tv_sec, a.tv_nsec - b.tv_nsec);
    let (sec, nsec) = if nsec < 0 { (sec - 1, nsec + 1_000_000_000) } else { (sec, nsec) };
    if sec < 0 { libc::timespec { tv_sec: 0, tv_nsec: 0 } } else { libc::timespec { tv_sec: sec, tv_nsec: nsec } }
}

/// The time now on `clock`, plus `after`.
pub(super) fn deadline(clock: ClockId, after: libc::timespec) -> SysResult<libc::timespec> {
    Ok(add(ask_clock(libc::SYS_clock_gettime, clock)?, after))
}

/// Sleeps until `deadline`. An interruption gives ERESTARTNOHAND. Flags other than TIMER_ABSTIME are refused by some clocks.
fn sleep_until(t: &mut Task, clock: ClockId, flags: i32, deadline: libc::timespec) -> SysResult {
    let args = [clock.0 as u64, (flags | libc::TIMER_ABSTIME) as u64, (&raw const deadline) as u64, 0, 0, 0];
    // SAFETY: a timespec to read.
    unsafe { t.block(Restart::NoHand, libc::SYS_clock_nanosleep, args) }
}

/// A relative sleep that is to end at `deadline`. When it is interrupted, what is left is written to `rem`, and restart_syscall(2) sleeps on.
fn sleep_relative(t: &mut Task, clock: ClockId, flags: i32, deadline: libc::timespec, rem: GuestAddr, wide: bool) -> SysResult {
    match sleep_until(t, clock, flags, deadline) {
        Err(Errno::ERESTARTNOHAND) => {}
        r => return r,
    }
    if rem.get() != 0 {
        let left = sub(deadline, ask_clock(libc::SYS_clock_gettime, clock)?);
        match wide {
            true => t.mem.write_bytes(rem, crate::abi::Pod::bytes(&KernelTimespec::from_host(left)))?,
            false => t.mem.write_bytes(rem, crate::abi::Pod::bytes(&crate::abi::Timespec32::from_host(left)))?,
        }
    }
    t.restart_block = Some(RestartBlock::Sleep { clock: clock.0, deadline, rem, wide });
    Err(Errno::ERESTART_RESTARTBLOCK)
}

fn nanosleep<A, T: TimePair>(t: &mut Task, clock: ClockId, flags: i32, req: GuestPtr<A, T>, rem: GuestPtr<A, T>) -> SysResult {
    // The clock is judged first, then the request: EFAULT for one that can't be read says that the clock is right.
    let mut clock = clock;
    // SAFETY: no pointer that can be read.
    match unsafe { host::syscall(libc::SYS_clock_nanosleep, [clock.0 as u64, flags as u64, BAD_ADDRESS, 0, 0, 0]) } {
        Err(Errno::EFAULT) => {}
        r => return r,
    }
    let req = t.mem.read(req)?.to_host();
    if !is_valid(req) {
        return Err(Errno::EINVAL);
    }
    if flags & libc::TIMER_ABSTIME != 0 {
        return sleep_until(t, clock, flags, req);
    }
    if clock.0 == libc::CLOCK_REALTIME {
        // A relative sleep doesn't notice when the clock is set.
        clock = ClockId(libc::CLOCK_MONOTONIC);
    }
    let Ok(deadline) = deadline(clock, req) else {
        // SAFETY: a timespec to read. It is refused: nobody can sleep by a clock that has no time.
        return unsafe { host::syscall(libc::SYS_clock_nanosleep, [clock.0 as u64, flags as u64, (&raw const req) as u64, 0, 0, 0]) };
    };
    sleep_relative(t, clock, flags, deadline, rem.addr(), size_of::<T>() == size_of::<KernelTimespec>())
}

/// nanosleep(2).
pub struct Nanosleep;
impl Syscall for Nanosleep {
    const SPEC: Spec = Spec { name: "nanosleep", x64: Some(35), i386: Some(162), support: Full };
    type Args<A: Abi> = (In<A, A::Timespec, Sec>, GuestPtr<A, A::Timespec>);
    fn call<A: Abi>(t: &mut Task, (In(req, _), rem): Self::Args<A>) -> SysResult {
        nanosleep(t, ClockId(libc::CLOCK_MONOTONIC), 0, req, rem)
    }
}

/// clock_nanosleep(2).
pub struct ClockNanosleep;
impl Syscall for ClockNanosleep {
    const SPEC: Spec = Spec { name: "clock_nanosleep", x64: Some(230), i386: Some(267), support: Full };
    type Args<A: Abi> = (ClockId, TimerFlags, In<A, A::Timespec, Sec>, GuestPtr<A, A::Timespec>);
    fn call<A: Abi>(t: &mut Task, (clock, TimerFlags(flags), In(req, _), rem): Self::Args<A>) -> SysResult {
        nanosleep(t, clock, flags, req, rem)
    }
}

/// clock_nanosleep(2) with 64-bit times.
pub struct ClockNanosleep64;
impl Syscall for ClockNanosleep64 {
    const SPEC: Spec = Spec { name: "clock_nanosleep_time64", x64: None, i386: Some(407), support: Full };
    type Args<A: Abi> = (ClockId, TimerFlags, In<A, KernelTimespec, Sec>, GuestPtr<A, KernelTimespec>);
    fn call<A: Abi>(t: &mut Task, (clock, TimerFlags(flags), In(req, _), rem): Self::Args<A>) -> SysResult {
        nanosleep(t, clock, flags, req, rem)
    }
}

/// restart_syscall(2): goes on with a call that a signal without a handler interrupted.
pub struct RestartSyscall;
impl Syscall for RestartSyscall {
    const SPEC: Spec = Spec { name: "restart_syscall", x64: Some(219), i386: Some(0), support: Full };
    type Args<A: Abi> = ();
    fn call<A: Abi>(t: &mut Task, (): Self::Args<A>) -> SysResult {
        match t.restart_block.take() {
            Some(RestartBlock::Sleep { clock, deadline, rem, wide }) => sleep_relative(t, ClockId(clock), 0, deadline, rem, wide),
            Some(RestartBlock::Futex { args, deadline }) => super::futex::wait_until(t, args, deadline),
            None => Err(Errno::EINTR),
        }
    }
}

/// alarm(2).
pub struct Alarm;
impl Syscall for Alarm {
    const SPEC: Spec = Spec { name: "alarm", x64: Some(37), i386: Some(27), support: Full };
    type Args<A: Abi> = (u32,);
    fn call<A: Abi>(_: &mut Task, (seconds,): Self::Args<A>) -> SysResult {
        let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let old =
            set_itimer(libc::ITIMER_REAL, &libc::itimerval { it_interval: zero, it_value: libc::timeval { tv_sec: seconds.into(), tv_usec: 0 } })?.it_value;
        // As the kernel rounds: up, but never to 0 while the alarm is pending.
        let round_up = (old.tv_sec == 0 && old.tv_usec > 0) || old.tv_usec >= 500_000;
        Ok(old.tv_sec as u64 + u64::from(round_up))
    }
}

fn set_itimer(which: i32, new: &libc::itimerval) -> SysResult<libc::itimerval> {
    // SAFETY: zeroes are a value.
    let mut old: libc::itimerval = unsafe { core::mem::zeroed() };
    // SAFETY: the host's structures.
    unsafe { host::syscall(libc::SYS_setitimer, [which as u64, (&raw const *new) as u64, (&raw mut old) as u64, 0, 0, 0]) }?;
    Ok(old)
}

/// Two pairs of times one behind the other: interval, value.
type Pair<T> = [T; 2];

fn itimerval_to_guest<T: TimePair>(v: libc::itimerval) -> Pair<T> {
    [T::make(v.it_interval.tv_sec, v.it_interval.tv_usec), T::make(v.it_value.tv_sec, v.it_value.tv_usec)]
}

/// getitimer(2).
pub struct Getitimer;
impl Syscall for Getitimer {
    const SPEC: Spec = Spec { name: "getitimer", x64: Some(36), i386: Some(105), support: Full };
    type Args<A: Abi> = (Itimer, Out<A, Pair<A::Timeval>, Usec>);
    fn call<A: Abi>(t: &mut Task, (Itimer(which), Out(out, _)): Self::Args<A>) -> SysResult {
        // SAFETY: zeroes are a value.
        let mut v: libc::itimerval = unsafe { core::mem::zeroed() };
        // SAFETY: the host's structure to fill.
        unsafe { host::syscall(libc::SYS_getitimer, [which as u64, (&raw mut v) as u64, 0, 0, 0, 0]) }?;
        t.mem.write(out, itimerval_to_guest(v))?;
        Ok(0)
    }
}

/// setitimer(2).
pub struct Setitimer;
impl Syscall for Setitimer {
    const SPEC: Spec = Spec { name: "setitimer", x64: Some(38), i386: Some(104), support: Full };
    type Args<A: Abi> = (Itimer, In<A, Pair<A::Timeval>, Usec>, Out<A, Pair<A::Timeval>, Usec>);
    fn call<A: Abi>(t: &mut Task, (Itimer(which), In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        let part = |v: A::Timeval| {
            let (tv_sec, tv_usec) = v.get();
            libc::timeval { tv_sec, tv_usec }
        };
        // A null pointer disarms, as an old bug of the kernel promises.
        let new = t.mem.read_opt(new)?.map_or([part(A::Timeval::make(0, 0)); 2], |p| p.map(part));
        let before = set_itimer(which, &libc::itimerval { it_interval: new[0], it_value: new[1] })?;
        t.mem.write_opt(old, itimerval_to_guest(before))?;
        Ok(0)
    }
}

guest_struct! {
    /// `struct sigevent` of x86-64, as far as the kernel reads it.
    pub struct Sigevent64 = 64 {
        /// Handed to the handler.
        pub value: u64,
        /// Signal number.
        pub signo: i32,
        /// SIGEV_*.
        pub notify: i32,
        /// Thread for SIGEV_THREAD_ID.
        pub tid: i32,
        pad: [u8; 44],
    }
}

guest_struct! {
    /// `struct sigevent` of i386.
    pub struct Sigevent32 = 64 {
        /// Handed to the handler.
        pub value: u32,
        /// Signal number.
        pub signo: i32,
        /// SIGEV_*.
        pub notify: i32,
        /// Thread for SIGEV_THREAD_ID.
        pub tid: i32,
        pad: [u8; 48],
    }
}

/// Reads the ABI's `struct sigevent` as that of a 64-bit host.
pub(crate) fn read_sigevent<A: Abi>(t: &Task, at: GuestAddr) -> SysResult<Sigevent64> {
    if !A::IS_32 {
        return t.mem.read(GuestPtr::<A, Sigevent64>::new(at));
    }
    let e = t.mem.read(GuestPtr::<A, Sigevent32>::new(at))?;
    Ok(Sigevent64 { value: u64::from(e.value), signo: e.signo, notify: e.notify, tid: e.tid, ..Sigevent64::default() })
}

/// timer_create(2).
pub struct TimerCreate;
impl Syscall for TimerCreate {
    const SPEC: Spec = Spec { name: "timer_create", x64: Some(222), i386: Some(259), support: Full };
    type Args<A: Abi> = (ClockId, GuestAddr, Out<A, i32>);
    fn call<A: Abi>(t: &mut Task, (clock, event, Out(out, _)): Self::Args<A>) -> SysResult {
        let event = if event.get() == 0 { None } else { Some(read_sigevent::<A>(t, event)?) };
        let at = event.as_ref().map_or(0, |e| (&raw const *e) as u64);
        let mut id = 0i32;
        // Where the id can't be written, the host's kernel says so, after what it checks before.
        let writable = t.mem.read(out).and_then(|there| t.mem.write(out, there)).is_ok();
        let id_at = if writable { (&raw mut id) as u64 } else { BAD_ADDRESS };
        // SAFETY: the host's structures; all hosts are 64-bit ones and share the layout.
        unsafe { host::syscall(libc::SYS_timer_create, [clock.0 as u64, at, id_at, 0, 0, 0]) }?;
        t.mem.write(out, id)?;
        Ok(0)
    }
}

fn itimerspec_to_guest<T: TimePair>(v: &libc::itimerspec) -> Pair<T> {
    [T::from_host(v.it_interval), T::from_host(v.it_value)]
}

fn timer_gettime<A, T: TimePair>(t: &Task, id: i32, out: GuestPtr<A, Pair<T>>) -> SysResult {
    // SAFETY: zeroes are a value.
    let mut v: libc::itimerspec = unsafe { core::mem::zeroed() };
    // SAFETY: the host's structure to fill.
    unsafe { host::syscall(libc::SYS_timer_gettime, [id as u64, (&raw mut v) as u64, 0, 0, 0, 0]) }?;
    t.mem.write(out, itimerspec_to_guest(&v))?;
    Ok(0)
}

fn timer_settime<A, T: TimePair>(t: &Task, id: i32, flags: i32, new: GuestPtr<A, Pair<T>>, old: GuestPtr<A, Pair<T>>) -> SysResult {
    if new.is_null() {
        return Err(Errno::EINVAL);
    }
    let [it_interval, it_value] = t.mem.read(new)?.map(TimePair::to_host);
    let new = libc::itimerspec { it_interval, it_value };
    // SAFETY: zeroes are a value.
    let mut before: libc::itimerspec = unsafe { core::mem::zeroed() };
    let args = [id as u64, flags as u64, (&raw const new) as u64, (&raw mut before) as u64, 0, 0];
    // SAFETY: the host's structures.
    unsafe { host::syscall(libc::SYS_timer_settime, args) }?;
    t.mem.write_opt(old, itimerspec_to_guest(&before))?;
    Ok(0)
}

/// timer_settime(2).
pub struct TimerSettime;
impl Syscall for TimerSettime {
    const SPEC: Spec = Spec { name: "timer_settime", x64: Some(223), i386: Some(260), support: Full };
    type Args<A: Abi> = (i32, TimerFlags, In<A, Pair<A::Timespec>, Sec>, Out<A, Pair<A::Timespec>, Sec>);
    fn call<A: Abi>(t: &mut Task, (id, TimerFlags(flags), In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        timer_settime(t, id, flags, new, old)
    }
}

/// timer_settime(2) with 64-bit times.
pub struct TimerSettime64;
impl Syscall for TimerSettime64 {
    const SPEC: Spec = Spec { name: "timer_settime64", x64: None, i386: Some(409), support: Full };
    type Args<A: Abi> = (i32, TimerFlags, In<A, Pair<KernelTimespec>, Sec>, Out<A, Pair<KernelTimespec>, Sec>);
    fn call<A: Abi>(t: &mut Task, (id, TimerFlags(flags), In(new, _), Out(old, _)): Self::Args<A>) -> SysResult {
        timer_settime(t, id, flags, new, old)
    }
}

/// timer_gettime(2).
pub struct TimerGettime;
impl Syscall for TimerGettime {
    const SPEC: Spec = Spec { name: "timer_gettime", x64: Some(224), i386: Some(261), support: Full };
    type Args<A: Abi> = (i32, Out<A, Pair<A::Timespec>, Sec>);
    fn call<A: Abi>(t: &mut Task, (id, Out(out, _)): Self::Args<A>) -> SysResult {
        timer_gettime(t, id, out)
    }
}

/// timer_gettime(2) with 64-bit times.
pub struct TimerGettime64;
impl Syscall for TimerGettime64 {
    const SPEC: Spec = Spec { name: "timer_gettime64", x64: None, i386: Some(408), support: Full };
    type Args<A: Abi> = (i32, Out<A, Pair<KernelTimespec>, Sec>);
    fn call<A: Abi>(t: &mut Task, (id, Out(out, _)): Self::Args<A>) -> SysResult {
        timer_gettime(t, id, out)
    }
}

super::plain::plain_calls! {
    /// timer_getoverrun(2).
    TimerGetoverrun = "timer_getoverrun" (Some(225), Some(262)) SYS_timer_getoverrun (id: i32);
    /// timer_delete(2).
    TimerDelete = "timer_delete" (Some(226), Some(263)) SYS_timer_delete (id: i32);
}

/// `struct timex` of 64-bit Linux, the same on all hosts. i386's classic one has 32-bit words.
type Timex = [u64; 26];

fn clock_adjtime<A>(t: &Task, clock: ClockId, at: GuestPtr<A, Timex>) -> SysResult {
    let mut timex = t.mem.read(at)?;
    // SAFETY: `struct timex`, 208 bytes.
    let r = unsafe { host::syscall(libc::SYS_clock_adjtime, [clock.0 as u64, timex.as_mut_ptr() as u64, 0, 0, 0, 0]) }?;
    t.mem.write(at, timex)?;
    Ok(r)
}

/// The words of i386's `struct timex`, one by one, to 64-bit ones and back. Word 0 (modes) and the status word are `int`s in both.
fn adjtimex32<A>(t: &Task, clock: ClockId, at: GuestPtr<A, [u32; 32]>) -> SysResult {
    let mut narrow = t.mem.read(at)?;
    let mut wide = Timex::default();
    for i in 0..21 {
        wide[i] = i64::from(narrow[i] as i32) as u64;
    }
    // SAFETY: `struct timex`, 208 bytes.
    let r = unsafe { host::syscall(libc::SYS_clock_adjtime, [clock.0 as u64, wide.as_mut_ptr() as u64, 0, 0, 0, 0]) }?;
    for i in 0..21 {
        narrow[i] = wide[i] as u32;
    }
    t.mem.write(at, narrow)?;
    Ok(r)
}

/// adjtimex(2).
pub struct Adjtimex;
impl Syscall for Adjtimex {
    const SPEC: Spec = Spec { name: "adjtimex", x64: Some(159), i386: Some(124), support: Full };
    type Args<A: Abi> = (GuestPtr<A, Timex>,);
    fn call<A: Abi>(t: &mut Task, (at,): Self::Args<A>) -> SysResult {
        let clock = ClockId(libc::CLOCK_REALTIME);
        if A::IS_32 { adjtimex32(t, clock, at.cast()) } else { clock_adjtime(t, clock, at) }
    }
}

/// clock_adjtime(2).
pub struct ClockAdjtime;
impl Syscall for ClockAdjtime {
    const SPEC: Spec = Spec { name: "clock_adjtime", x64: Some(305), i386: Some(343), support: Full };
    type Args<A: Abi> = (ClockId, GuestPtr<A, Timex>);
    fn call<A: Abi>(t: &mut Task, (clock, at): Self::Args<A>) -> SysResult {
        if A::IS_32 { adjtimex32(t, clock, at.cast()) } else { clock_adjtime(t, clock, at) }
    }
}

/// clock_adjtime(2) with 64-bit times.
pub struct ClockAdjtime64;
impl Syscall for ClockAdjtime64 {
    const SPEC: Spec = Spec { name: "clock_adjtime64", x64: None, i386: Some(405), support: Full };
    type Args<A: Abi> = (ClockId, GuestPtr<A, Timex>);
    fn call<A: Abi>(t: &mut Task, (clock, at): Self::Args<A>) -> SysResult {
        clock_adjtime(t, clock, at)
    }
}
