//! The two kernel interfaces that a guest may use, as types: [`X64`] (`syscall`) and [`I386`] (`int 0x80`, `sysenter`).
//!
//! Guest structures are declared with [`guest_struct!`](crate::guest_struct): packed, with every padding byte as a field, so that their layout is the
//! guest's on every host, and that no uninitialised byte of forklift can leak into the guest. Structures used by many syscalls are here; others lie in
//! the file of their syscall area.

use core::fmt;
use core::marker::PhantomData;

use forklift_x86::{GuestAddr, Mode};

/// A type that is nothing but bytes: any pattern is a value, and there is no padding.
///
/// # Safety
/// Implementors have no padding, no invalid bit patterns and no pointers. Use [`guest_struct!`](crate::guest_struct).
pub unsafe trait Pod: Copy + 'static {
    /// A value of all zeroes.
    fn zeroed() -> Self {
        // SAFETY: any bit pattern is a value of a Pod type.
        unsafe { core::mem::zeroed() }
    }

    /// The bytes of the value.
    fn bytes(&self) -> &[u8] {
        // SAFETY: no padding, so that all bytes are initialised.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }

    /// The bytes of the value, to be overwritten.
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: any bit pattern is a value.
        unsafe { core::slice::from_raw_parts_mut((&raw mut *self).cast(), size_of::<Self>()) }
    }
}

macro_rules! pod {
    ($($t:ty)*) => { $(
        // SAFETY: a primitive integer.
        unsafe impl Pod for $t {}
    )* };
}
pod! { u8 i8 u16 i16 u32 i32 u64 i64 u128 }
// SAFETY: arrays have no padding between elements.
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}

/// Declares a structure of the guest's kernel ABI: packed (write the padding as fields), `Copy`, [`Pod`]. With `= N` its size is checked.
#[macro_export]
macro_rules! guest_struct {
    ($(#[$m:meta])* $v:vis struct $name:ident $(= $size:literal)? { $($(#[$fm:meta])* $fv:vis $f:ident : $t:ty),* $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C, packed)]
        $v struct $name { $($(#[$fm])* $fv $f: $t),* }
        const _: () = { const fn is_pod<T: $crate::abi::Pod>() {} $(is_pod::<$t>();)* $(assert!(size_of::<$name>() == $size);)? };
        // SAFETY: packed, and all fields are Pod (checked above).
        unsafe impl $crate::abi::Pod for $name {}
        impl Default for $name { fn default() -> Self { $crate::abi::Pod::zeroed() } }
    };
}

guest_struct! {
    /// `struct timespec` and `struct timeval` of x86-64.
    pub struct Timespec64 = 16 {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: i64,
    }
}

guest_struct! {
    /// `struct __kernel_timespec` as the calls for 64-bit times take it: from 32-bit programs the upper half of the nanoseconds is padding.
    pub struct KernelTimespec = 16 {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: u32,
        /// Ignored.
        pub pad: u32,
    }
}

guest_struct! {
    /// `struct old_timespec32` and, with microseconds, `struct old_timeval32`.
    pub struct Timespec32 = 8 {
        /// Seconds.
        pub sec: i32,
        /// Nanoseconds (microseconds in a timeval).
        pub nsec: i32,
    }
}

/// `timespec` or `timeval` of an ABI, as a pair of numbers.
pub trait TimePair: Pod {
    /// Seconds and the fraction, in the structure's own unit.
    fn get(self) -> (i64, i64);
    /// The pair as the guest's structure; seconds are truncated to its width.
    fn make(sec: i64, frac: i64) -> Self;

    /// As the host's timespec, not checked.
    fn to_host(self) -> libc::timespec {
        let (tv_sec, tv_nsec) = self.get();
        libc::timespec { tv_sec, tv_nsec }
    }

    /// From the host's timespec.
    fn from_host(t: libc::timespec) -> Self {
        Self::make(t.tv_sec, t.tv_nsec)
    }
}

impl TimePair for Timespec64 {
    fn get(self) -> (i64, i64) {
        (self.sec, self.nsec)
    }
    fn make(sec: i64, nsec: i64) -> Self {
        Self { sec, nsec }
    }
}

impl TimePair for KernelTimespec {
    fn get(self) -> (i64, i64) {
        (self.sec, self.nsec.into())
    }
    fn make(sec: i64, nsec: i64) -> Self {
        Self { sec, nsec: nsec as u32, pad: 0 }
    }
}

impl TimePair for Timespec32 {
    fn get(self) -> (i64, i64) {
        (self.sec.into(), self.nsec.into())
    }
    fn make(sec: i64, nsec: i64) -> Self {
        Self { sec: sec as i32, nsec: nsec as i32 }
    }
}

/// An unsigned machine word of an ABI.
pub trait GuestWord: Pod + Into<u64> + fmt::Debug {
    /// Truncates.
    fn from_u64(v: u64) -> Self;
    /// As a signed number.
    fn signed(self) -> i64;
}

impl GuestWord for u32 {
    fn from_u64(v: u64) -> Self {
        v as Self
    }
    fn signed(self) -> i64 {
        (self as i32).into()
    }
}

impl GuestWord for u64 {
    fn from_u64(v: u64) -> Self {
        v
    }
    fn signed(self) -> i64 {
        self as i64
    }
}

/// A kernel interface: which word, which structures. Syscalls are generic over it.
pub trait Abi: Sized + Copy + fmt::Debug + 'static {
    /// `unsigned long`, pointers and `size_t`.
    type Word: GuestWord;
    /// `struct timespec` of the ABI's classic calls.
    type Timespec: TimePair;
    /// `struct timeval` of the ABI's classic calls.
    type Timeval: TimePair;
    /// The mode that code of this ABI runs in.
    const MODE: Mode;
    /// Size of a word in bytes.
    const WORD: u64 = size_of::<Self::Word>() as u64;
    /// Whether this is the 32-bit one.
    const IS_32: bool = size_of::<Self::Word>() == 4;
}

/// x86-64: `syscall`.
#[derive(Clone, Copy, Debug)]
pub struct X64;

/// i386: `int 0x80` and `sysenter`.
#[derive(Clone, Copy, Debug)]
pub struct I386;

impl Abi for X64 {
    type Word = u64;
    type Timespec = Timespec64;
    type Timeval = Timespec64;
    const MODE: Mode = Mode::Bits64;
}

impl Abi for I386 {
    type Word = u32;
    type Timespec = Timespec32;
    type Timeval = Timespec32;
    const MODE: Mode = Mode::Bits32;
}

/// The address of a `T` in the guest, in the layout of ABI `A`. It can't be dereferenced: [`GuestMem`](crate::mem::GuestMem) reads and writes through it.
pub struct GuestPtr<A, T> {
    addr: GuestAddr,
    layout: PhantomData<fn() -> (A, T)>,
}

impl<A, T> Clone for GuestPtr<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<A, T> Copy for GuestPtr<A, T> {}

impl<A, T> fmt::Debug for GuestPtr<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() { f.write_str("NULL") } else { write!(f, "{:#x}", self.addr.get()) }
    }
}

impl<A, T> GuestPtr<A, T> {
    /// The pointer with this address.
    pub const fn new(addr: GuestAddr) -> Self {
        Self { addr, layout: PhantomData }
    }

    /// The address.
    pub const fn addr(self) -> GuestAddr {
        self.addr
    }

    /// Whether it is the null pointer.
    pub const fn is_null(self) -> bool {
        self.addr.get() == 0
    }

    /// `None` for the null pointer.
    pub const fn non_null(self) -> Option<Self> {
        if self.is_null() { None } else { Some(self) }
    }

    /// The pointer `bytes` further on, wrapping, to something else.
    pub const fn offset<U>(self, bytes: u64) -> GuestPtr<A, U> {
        GuestPtr::new(self.addr.wrapping_add(bytes))
    }

    /// The same address as a pointer to another type.
    pub const fn cast<U>(self) -> GuestPtr<A, U> {
        GuestPtr::new(self.addr)
    }
}

impl<A, T: Pod> GuestPtr<A, T> {
    /// Element `i` of an array.
    pub const fn index(self, i: u64) -> Self {
        self.offset(i.wrapping_mul(size_of::<T>() as u64))
    }
}
