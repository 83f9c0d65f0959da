//! How `--strace` shows arguments: in the manner of strace(1).
//!
//! The types by which a call's arguments are decoded say how they look. [`mod@names`] has the types for flags and choices, each a table; here are the types for what
//! lies behind pointers:
//! * [`In`] and [`Out`]: a pointer to a value that the call reads, or fills. Their third parameter says how the value is shown.
//! * [`Bytes`], [`Filled`]: a buffer and its length. [`Vectors`], [`FilledVectors`]: an array of buffers and how many.
//!
//! What the call fills is shown when it has returned ([`Arg::LATE`]), and as an address if it failed.

mod data;
mod files;
mod memory;
pub mod names;
mod net;
mod process;
mod values;

use core::fmt;
use core::marker::PhantomData;

use forklift_x86::GuestAddr;

use super::{Arg, Regs};
use crate::abi::{GuestPtr, Pod};
use crate::errno::SysResult;
use crate::mem::GuestMem;

pub(super) use data::{Array, Bytes, Filled, FilledArray, FilledVectors, Quoted, Strings, Vectors, show_vectors};
pub(super) use files::*;
pub(super) use memory::*;
pub(super) use names::{Names, names};
pub(super) use net::*;
pub(super) use process::*;
pub(super) use values::{Limit, Numbers, Rusage, Sec, SigSet, Usec, WaitStatus};

/// What an argument is shown with.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The guest's memory.
    pub mem: &'a GuestMem,
    /// What the call gave, once it has.
    pub result: Option<SysResult>,
}

impl View<'_> {
    /// The call's result if it succeeded.
    pub fn value(&self) -> Option<u64> {
        self.result.and_then(Result::ok)
    }
}

/// How a value of type `T` in the guest's memory is shown.
pub trait ShowAs<T> {
    /// Prints it.
    fn show_as(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

fn show_value<A, T: Pod, S: ShowAs<T>>(p: GuestPtr<A, T>, mem: &GuestMem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match mem.read_opt(p) {
        Ok(Some(v)) => S::show_as(&v, f),
        _ => write!(f, "{p:?}"),
    }
}

/// A pointer to a value that the call reads.
pub struct In<A, T, S = Numbers>(pub GuestPtr<A, T>, pub PhantomData<S>);

/// A pointer to a value that the call fills.
pub struct Out<A, T, S = Numbers>(pub GuestPtr<A, T>, pub PhantomData<S>);

fn pointer<A, T>(r: &mut Regs) -> GuestPtr<A, T> {
    GuestPtr::new(GuestAddr::new(r.word()))
}

impl<A, T: Pod, S: ShowAs<T>> Arg for In<A, T, S> {
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), PhantomData)
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_value::<A, T, S>(self.0, v.mem, f)
    }
}

impl<A, T: Pod, S: ShowAs<T>> Arg for Out<A, T, S> {
    const LATE: bool = true;
    fn take(r: &mut Regs) -> Self {
        Self(pointer(r), PhantomData)
    }
    fn show(&self, v: &View<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v.value() {
            Some(_) => show_value::<A, T, S>(self.0, v.mem, f),
            None => write!(f, "{:?}", self.0),
        }
    }
}
