//! Typed arguments of system calls: taken from registers, and shown by `--strace`.

use core::fmt;

use forklift_x86::GuestAddr;

use super::show::{Quoted, View};
use crate::abi::{Abi, GuestPtr};

/// The argument registers of a call, taken one after the other.
pub struct Regs {
    vals: [u64; 6],
    next: usize,
    is_32: bool,
}

impl Regs {
    /// The registers of a call of ABI `A`.
    pub const fn new<A: Abi>(vals: [u64; 6]) -> Self {
        Self { vals, next: 0, is_32: A::IS_32 }
    }

    /// Whether the call is of the 32-bit ABI.
    pub const fn is_32(&self) -> bool {
        self.is_32
    }

    /// The next register, zero-extended.
    pub fn word(&mut self) -> u64 {
        let v = self.vals.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        if self.is_32 { v & 0xffff_ffff } else { v }
    }
}

/// One argument.
pub trait Arg: Sized {
    /// Whether it is shown when the call has returned, because the call fills what it points to.
    const LATE: bool = false;
    /// Takes it from the registers.
    fn take(r: &mut Regs) -> Self;
    /// Prints it for `--strace`. May read guest memory.
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// All arguments of a call: a tuple of at most six.
pub trait Args: Sized {
    /// Takes them from the registers.
    fn take(r: &mut Regs) -> Self;
    /// Prints those that are shown before the call, or behind it, each to its place.
    fn show(&self, v: &View<'_>, out: &mut Vec<String>);
}

macro_rules! args {
    ($($t:ident $v:ident)*) => {
        impl<$($t: Arg),*> Args for ($($t,)*) {
            fn take(_r: &mut Regs) -> Self {
                $(let $v = $t::take(_r);)*
                #[allow(clippy::unused_unit, reason = "the empty tuple of a call without arguments")]
                ($($v,)*)
            }
            fn show(&self, _view: &View<'_>, _out: &mut Vec<String>) {
                let ($($v,)*) = self;
                let mut _place = 0;
                $(show_one($v, _view, _out, _place); _place += 1;)*
            }
        }
    };
}

/// Shows an argument at its place if it is time for it: what comes late holds its place empty until the call has returned.
fn show_one<T: Arg>(arg: &T, view: &View<'_>, out: &mut Vec<String>, place: usize) {
    let text = || Shown(&|f| arg.show(view, f)).to_string();
    match (T::LATE, view.result) {
        (false, None) => out.push(text()),
        (true, None) => out.push(String::new()),
        (true, Some(_)) => out[place] = text(),
        (false, Some(_)) => {}
    }
}

/// Something that prints itself by a function.
pub(super) struct Shown<'a>(pub &'a dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

args! {}
args! { A a }
args! { A a B b }
args! { A a B b C c }
args! { A a B b C c D d }
args! { A a B b C c D d E e }
args! { A a B b C c D d E e G g }

/// `int`.
impl Arg for i32 {
    fn take(r: &mut Regs) -> Self {
        r.word() as Self
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `unsigned int`.
impl Arg for u32 {
    fn take(r: &mut Regs) -> Self {
        r.word() as Self
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `long`: sign-extended from the ABI's word.
impl Arg for i64 {
    fn take(r: &mut Regs) -> Self {
        let v = r.word();
        if r.is_32 { Self::from(v as i32) } else { v as Self }
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `unsigned long`, `size_t`: zero-extended from the ABI's word.
impl Arg for u64 {
    fn take(r: &mut Regs) -> Self {
        r.word()
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Arg for GuestAddr {
    fn take(r: &mut Regs) -> Self {
        Self::new(r.word())
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", GuestPtr::<(), ()>::new(*self))
    }
}

impl<A, T> Arg for GuestPtr<A, T> {
    fn take(r: &mut Regs) -> Self {
        Self::new(GuestAddr::new(r.word()))
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A 64-bit number: one register on x86-64, two (low, high) on i386.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split64(pub u64);

impl Split64 {
    /// As a signed number.
    pub const fn signed(self) -> i64 {
        self.0 as i64
    }
}

impl Arg for Split64 {
    fn take(r: &mut Regs) -> Self {
        let low = r.word();
        if r.is_32 { Self(low | r.word() << 32) } else { Self(low) }
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.signed())
    }
}

/// Bits, shown in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub u32);

impl Arg for Hex {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32)
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Permission bits, shown in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octal(pub u32);

impl fmt::Display for Octal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:02o}", self.0)
    }
}

impl Arg for Octal {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32)
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A file descriptor, or AT_FDCWD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

impl Fd {
    /// The current directory.
    pub const CWD: Self = Self(libc::AT_FDCWD);
}

impl Arg for Fd {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as i32)
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::CWD { f.write_str("AT_FDCWD") } else { write!(f, "{}", self.0) }
    }
}

/// A string that ends with a zero: shown quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str(pub GuestAddr);

impl Arg for Str {
    fn take(r: &mut Regs) -> Self {
        Self(GuestAddr::new(r.word()))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.mem.read_path(self.0) {
            Ok(s) => write!(f, "{}", Quoted(s.as_bytes())),
            Err(_) if self.0.get() == 0 => f.write_str("NULL"),
            Err(_) => write!(f, "{:#x}", self.0.get()),
        }
    }
}

/// A signal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sig(pub i32);

/// Names of signals 1–31, the same on all hosts.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP",
    "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl fmt::Display for Sig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 1..=31 => write!(f, "SIG{}", SIGNALS[n as usize - 1]),
            n @ 32..=64 => write!(f, "SIGRT_{}", n - 32),
            n => write!(f, "{n}"),
        }
    }
}

impl Arg for Sig {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as i32)
    }
    fn show(&self, _: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
