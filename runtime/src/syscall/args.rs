//! Typed arguments of system calls: taken from registers, and shown by `--strace`.

use core::fmt;

use forklift_x86::GuestAddr;

use crate::abi::{Abi, GuestPtr};
use crate::mem::GuestMem;

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
    /// Takes it from the registers.
    fn take(r: &mut Regs) -> Self;
    /// Prints it for `--strace`. May read guest memory.
    fn show(&self, mem: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// All arguments of a call: a tuple of at most six.
pub trait Args: Sized {
    /// Takes them from the registers.
    fn take(r: &mut Regs) -> Self;
    /// Prints them, separated by commas.
    fn show(&self, mem: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

macro_rules! args {
    ($($t:ident $v:ident)*) => {
        impl<$($t: Arg),*> Args for ($($t,)*) {
            fn take(_r: &mut Regs) -> Self {
                $(let $v = $t::take(_r);)*
                #[allow(clippy::unused_unit, reason = "the empty tuple of a call without arguments")]
                ($($v,)*)
            }
            fn show(&self, _mem: &GuestMem, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let ($($v,)*) = self;
                let mut _sep = "";
                $(_f.write_str(_sep)?; $v.show(_mem, _f)?; _sep = ", ";)*
                Ok(())
            }
        }
    };
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
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `unsigned int`.
impl Arg for u32 {
    fn take(r: &mut Regs) -> Self {
        r.word() as Self
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `long`: sign-extended from the ABI's word.
impl Arg for i64 {
    fn take(r: &mut Regs) -> Self {
        let v = r.word();
        if r.is_32 { Self::from(v as i32) } else { v as Self }
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `unsigned long`, `size_t`: zero-extended from the ABI's word.
impl Arg for u64 {
    fn take(r: &mut Regs) -> Self {
        r.word()
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self > 0xffff_ffff { write!(f, "{self:#x}") } else { write!(f, "{self}") }
    }
}

impl Arg for GuestAddr {
    fn take(r: &mut Regs) -> Self {
        Self::new(r.word())
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<A, T> Arg for GuestPtr<A, T> {
    fn take(r: &mut Regs) -> Self {
        Self::new(GuestAddr::new(r.word()))
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Permission bits, shown in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octal(pub u32);

impl Arg for Octal {
    fn take(r: &mut Regs) -> Self {
        Self(r.word() as u32)
    }
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:o}", self.0)
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
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    fn show(&self, mem: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match mem.read_path(self.0) {
            Ok(s) => write!(f, "\"{}\"", s.as_bytes().escape_ascii()),
            Err(_) if self.0.get() == 0 => f.write_str("NULL"),
            Err(_) => write!(f, "{}", self.0),
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
    fn show(&self, _: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
