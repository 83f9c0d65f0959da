//! How values in the guest's memory are shown: numbers, times, sets of signals, limits, how a process ended.

use core::fmt;

use super::super::Sig;
use super::ShowAs;
use crate::abi::{GuestWord, TimePair};

/// Numbers in brackets.
pub struct Numbers;

macro_rules! numbers {
    ($($t:ty)*) => { $(
        impl ShowAs<$t> for Numbers {
            fn show_as(value: &$t, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "[{value}]")
            }
        }
    )* };
}
numbers! { i32 i64 }

impl<W: GuestWord> ShowAs<W> for Numbers {
    fn show_as(&value: &W, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", value.into())
    }
}

impl<const N: usize> ShowAs<[i32; N]> for Numbers {
    fn show_as(value: &[i32; N], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{value:?}")
    }
}

/// Seconds and nanoseconds.
pub struct Sec;

/// Seconds and microseconds.
pub struct Usec;

impl<T: TimePair> ShowAs<T> for Sec {
    fn show_as(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sec, nsec) = value.get();
        write!(f, "{{tv_sec={sec}, tv_nsec={}}}", Nanoseconds(nsec))
    }
}

impl<T: TimePair> ShowAs<T> for Usec {
    fn show_as(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sec, usec) = value.get();
        write!(f, "{{tv_sec={sec}, tv_usec={usec}}}")
    }
}

/// The nanoseconds of utimensat may be words.
struct Nanoseconds(i64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            libc::UTIME_NOW => f.write_str("UTIME_NOW"),
            libc::UTIME_OMIT => f.write_str("UTIME_OMIT"),
            n => write!(f, "{n}"),
        }
    }
}

/// Two times: interval and value of a timer, or those of a file.
fn show_two<T, S: ShowAs<T>>([a, b]: &[T; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    S::show_as(a, f)?;
    f.write_str(", ")?;
    S::show_as(b, f)?;
    f.write_str("]")
}

impl<T: TimePair> ShowAs<[T; 2]> for Sec {
    fn show_as(value: &[T; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_two::<T, Self>(value, f)
    }
}

impl<T: TimePair> ShowAs<[T; 2]> for Usec {
    fn show_as(value: &[T; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_two::<T, Self>(value, f)
    }
}

/// A set of signals: their names, or `~` and the names of those that it lacks, whichever are fewer.
pub struct SigSet;

impl ShowAs<u64> for SigSet {
    fn show_as(value: &u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inverted = value.count_ones() > 32;
        let shown = if inverted { !value } else { *value };
        f.write_str(if inverted { "~[" } else { "[" })?;
        let mut sep = "";
        for sig in (1..=64).filter(|s| shown >> (s - 1) & 1 != 0) {
            let name = Sig(sig).to_string();
            write!(f, "{sep}{}", name.strip_prefix("SIG").unwrap_or(&name))?;
            sep = " ";
        }
        f.write_str("]")
    }
}

impl ShowAs<u32> for SigSet {
    fn show_as(value: &u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the set of 32 bits lacks can't be told from what it can't have.
        <Self as ShowAs<u64>>::show_as(&u64::from(*value), f)
    }
}

/// What wait(2) says of a process.
pub struct WaitStatus;

impl ShowAs<i32> for WaitStatus {
    fn show_as(&status: &i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if libc::WIFEXITED(status) {
            return write!(f, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", libc::WEXITSTATUS(status));
        }
        if libc::WIFSIGNALED(status) {
            let core = if libc::WCOREDUMP(status) { " && WCOREDUMP(s)" } else { "" };
            return write!(f, "[{{WIFSIGNALED(s) && WTERMSIG(s) == {}{core}}}]", Sig(libc::WTERMSIG(status)));
        }
        if libc::WIFSTOPPED(status) {
            return write!(f, "[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", Sig(libc::WSTOPSIG(status)));
        }
        if libc::WIFCONTINUED(status) { f.write_str("[{WIFCONTINUED(s)}]") } else { write!(f, "[{status:#x}]") }
    }
}

/// Times of `struct rusage`.
pub struct Rusage;

impl<W: GuestWord> ShowAs<[W; 18]> for Rusage {
    fn show_as(&[user, user_usec, system, system_usec, ..]: &[W; 18], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |sec: W, usec: W| format!("{{tv_sec={}, tv_usec={}}}", sec.signed(), usec.signed());
        write!(f, "{{ru_utime={}, ru_stime={}, ...}}", time(user, user_usec), time(system, system_usec))
    }
}

/// A soft and a hard limit.
pub struct Limit;

impl<W: GuestWord> ShowAs<[W; 2]> for Limit {
    fn show_as(value: &[W; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |w: W| if w.signed() == -1 { "RLIM_INFINITY".to_owned() } else { w.into().to_string() };
        write!(f, "{{rlim_cur={}, rlim_max={}}}", show(value[0]), show(value[1]))
    }
}
