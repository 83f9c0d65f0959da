//! Buffers, arrays of them, arrays of values, vectors of strings.

use core::fmt;
use core::marker::PhantomData;

use forklift_x86::GuestAddr;

use super::super::{Arg, Regs};
use super::{ShowAs, View, pointer};
use crate::abi::{Abi, GuestPtr, Pod};
use crate::mem::GuestMem;

/// Most bytes of a buffer, and elements of an array, that are shown.
const SHOWN: u64 = 32;

/// Bytes in quotes.
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    /// C's escapes, octal numbers as short as what follows allows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (i, &b) in self.0.iter().enumerate() {
            match b {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                b'\r' => f.write_str("\\r")?,
                0x0b => f.write_str("\\v")?,
                0x0c => f.write_str("\\f")?,
                b' '..=b'~' => write!(f, "{}", b as char)?,
                _ if self.0.get(i + 1).is_some_and(u8::is_ascii_digit) => write!(f, "\\{b:03o}")?,
                _ => write!(f, "\\{b:o}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The beginning of `len` bytes at `addr`, or the address if they can't be read.
fn show_bytes(mem: &GuestMem, addr: GuestAddr, len: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buf = [0u8; SHOWN as usize];
    let shown = &mut buf[..len.min(SHOWN) as usize];
    if addr.get() == 0 && len == 0 {
        return f.write_str("NULL");
    }
    if mem.read_bytes(addr, shown).is_err() {
        return write!(f, "{:?}", GuestPtr::<(), u8>::new(addr));
    }
    write!(f, "{}{}", Quoted(shown), if len > SHOWN { "..." } else { "" })
}

/// A buffer that the call reads, and its length.
pub struct Bytes<A, N = u64>(pub GuestPtr<A, u8>, pub N);

/// A buffer that the call fills, and its length. The result is how much it filled.
pub struct Filled<A, N = u64>(pub GuestPtr<A, u8>, pub N);

/// A length in a register.
pub trait Length: Arg + Copy + fmt::Display {
    /// As a number of bytes; none for a negative one.
    fn bytes(self) -> u64;
}
impl Length for u64 {
    fn bytes(self) -> u64 {
        self
    }
}
impl Length for i64 {
    fn bytes(self) -> u64 {
        self.try_into().unwrap_or(0)
    }
}
impl Length for u32 {
    fn bytes(self) -> u64 {
        self.into()
    }
}
impl Length for i32 {
    fn bytes(self) -> u64 {
        self.try_into().unwrap_or(0)
    }
}

impl<A, N: Length> Arg for Bytes<A, N> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), N::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_bytes(v.mem, self.0.addr(), self.1.bytes(), f)?;
        write!(f, ", {}", self.1)
    }
}

impl<A, N: Length> Arg for Filled<A, N> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), N::take(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(n) => show_bytes(v.mem, self.0.addr(), n.min(self.1.bytes()), f)?,
            None => write!(f, "{:?}", self.0)?,
        }
        write!(f, ", {}", self.1)
    }
}

/// Shows `count` buffers of an array, of which `filled` bytes are of interest if that is given.
pub fn show_vectors<A: Abi>(mem: &GuestMem, p: GuestPtr<A, u8>, count: u64, filled: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(words) = mem.read_array(p.cast::<A::Word>(), 2 * count.min(SHOWN) as usize) else { return write!(f, "{p:?}") };
    let mut left = filled;
    f.write_str("[")?;
    for (i, pair) in words.chunks_exact(2).enumerate() {
        let (base, len) = (GuestAddr::new(pair[0].into()), pair[1].into());
        f.write_str(if i > 0 { ", {iov_base=" } else { "{iov_base=" })?;
        let n = left.map_or(len, |l| l.min(len));
        left = left.map(|l| l - n);
        show_bytes(mem, base, n, f)?;
        write!(f, ", iov_len={len}}}")?;
    }
    f.write_str(if count > SHOWN { ", ...]" } else { "]" })
}

/// An array of buffers that the call reads, and their number.
pub struct Vectors<A>(pub GuestPtr<A, u8>, pub u64);

/// An array of buffers that the call fills, and their number. The result is how much it filled.
pub struct FilledVectors<A>(pub GuestPtr<A, u8>, pub u64);

impl<A: Abi> Arg for Vectors<A> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), r.word())
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_vectors(v.mem, self.0, self.1, None, f)?;
        write!(f, ", {}", self.1)
    }
}

impl<A: Abi> Arg for FilledVectors<A> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), r.word())
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(n) => show_vectors(v.mem, self.0, self.1, Some(n), f)?,
            None => write!(f, "{:?}", self.0)?,
        }
        write!(f, ", {}", self.1)
    }
}

fn show_array<A, T: Pod, S: ShowAs<T>>(mem: &GuestMem, p: GuestPtr<A, T>, count: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(values) = mem.read_array(p, count.min(SHOWN) as usize) else { return write!(f, "{p:?}") };
    if p.is_null() {
        return f.write_str("NULL");
    }
    f.write_str("[")?;
    for (i, v) in values.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        S::show_as(v, f)?;
    }
    f.write_str(if count > SHOWN { ", ...]" } else { "]" })
}

/// An array that the call reads, and the number of its elements.
pub struct Array<A, T, N, S>(pub GuestPtr<A, T>, pub N, pub PhantomData<S>);

/// An array that the call fills, and the most elements it takes. The result is how many there are.
pub struct FilledArray<A, T, N, S>(pub GuestPtr<A, T>, pub N, pub PhantomData<S>);

impl<A, T: Pod, N: Length, S: ShowAs<T>> Arg for Array<A, T, N, S> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), N::take(r), PhantomData)
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_array::<A, T, S>(v.mem, self.0, self.1.bytes(), f)?;
        write!(f, ", {}", self.1)
    }
}

impl<A, T: Pod, N: Length, S: ShowAs<T>> Arg for FilledArray<A, T, N, S> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), N::take(r), PhantomData)
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(n) => show_array::<A, T, S>(v.mem, self.0, n.min(self.1.bytes()), f)?,
            None => write!(f, "{:?}", self.0)?,
        }
        write!(f, ", {}", self.1)
    }
}

/// A vector of strings that ends with a null pointer: an argv.
pub struct Strings<A: Abi>(pub GuestPtr<A, A::Word>);

impl<A: Abi> Arg for Strings<A> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r))
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_null() {
            return f.write_str("NULL");
        }
        f.write_str("[")?;
        for i in 0..SHOWN {
            let sep = if i > 0 { ", " } else { "" };
            match v.mem.read_word::<A>(self.0.index(i)) {
                Ok(0) => return f.write_str("]"),
                Ok(at) => match v.mem.read_path(GuestAddr::new(at)) {
                    Ok(s) => write!(f, "{sep}{}", Quoted(s.as_bytes()))?,
                    Err(_) => write!(f, "{sep}{at:#x}")?,
                },
                Err(_) => return write!(f, "{sep}{:?}]", self.0),
            }
        }
        f.write_str(", ...]")
    }
}
