//! Many elements at once.
//!
//! Invariants:
//! 1. Only where nothing wraps around, and where an element that is read isn't one that the same transfer has written: source and destination don't overlap, or the
//!    destination is behind. Comparisons only forward.
//! 2. A transfer lies in one page on each side. If it faults nothing has been done, and the caller goes on one by one up to the exact element.

use forklift_x86::{Gpr, GuestAddr, bits};

use crate::{Exec, Int, Memory, Op};

use super::element::{compare, destination, source};
use super::{Until, advance, register, set_register};

/// Unit: bytes of one transfer at most.
pub(super) const BUFFER: usize = 1024;

/// Unit: bytes of one transfer of an instruction that mostly ends early.
const SEARCH: usize = 64;

/// Unit: bytes. Shorter transfers are not better than single elements.
const MIN: u64 = 16;

/// Bytes of whole elements of a transfer that begins with the one at linear address `at`, which is reached through index register `r`: at most `limit`, by the invariants, and 0 if
/// that is too few.
fn room<T: Int, M: Memory>(cx: &Exec<'_, M>, op: &Op<M>, r: Gpr, at: u64, limit: u64) -> u64 {
    let (size, index, offset) = (T::BYTES as u64, register(cx, op, r), GuestAddr::new(at).page_offset());
    let (to_page_end, to_wrap) = if goes_down(cx) {
        // From behind the element down to the beginning of its page.
        (if offset + size <= GuestAddr::PAGE_SIZE { offset + size } else { 0 }, index.saturating_add(size))
    } else {
        (GuestAddr::PAGE_SIZE - offset, (u64::MAX >> op.ea_shift) - index)
    };
    let n = limit.min(to_page_end).min(to_wrap) & !(size - 1);
    if n >= MIN { n } else { 0 }
}

fn goes_down<M: Memory>(cx: &Exec<'_, M>) -> bool {
    cx.cpu.flags.rest & bits::DF != 0
}

/// Where the lowest byte is of a transfer of `n` bytes that begins with the element at `at`.
fn lowest<T: Int, M: Memory>(cx: &Exec<'_, M>, at: u64, n: u64) -> GuestAddr {
    GuestAddr::new(if goes_down(cx) { at - (n - T::BYTES as u64) } else { at })
}

/// Bytes that `count` elements take, at most `most`.
fn bytes<T: Int>(count: u64, most: usize) -> u64 {
    count.saturating_mul(T::BYTES as u64).min(most as u64)
}

/// Records `n` elements as done; whether any were.
fn done<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, n: u64, indices: &[Gpr]) -> Option<bool> {
    for &r in indices {
        advance::<T, M>(cx, op, r, n);
    }
    let count = register(cx, op, Gpr::Rcx);
    set_register(cx, op, Gpr::Rcx, count.wrapping_sub(n));
    Some(true)
}

pub(super) fn movs<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
    let (from, to) = (source(cx, op), destination(cx, op));
    let behind = if goes_down(cx) { to > from } else { to < from };
    let apart = if behind { u64::MAX } else { from.abs_diff(to) };
    let n = room::<T, M>(cx, op, Gpr::Rsi, from, bytes::<T>(count, BUFFER).min(apart));
    let n = room::<T, M>(cx, op, Gpr::Rdi, to, n);
    if n == 0 {
        return None;
    }
    let mut buffer = [0; BUFFER];
    let part = buffer.get_mut(..n as usize)?;
    let (from, to) = (lowest::<T, M>(cx, from, n), lowest::<T, M>(cx, to, n));
    cx.mem.read_bytes(from, part).ok()?;
    cx.mem.write_bytes(to, part).ok()?;
    done::<T, M>(cx, op, n / T::BYTES as u64, &[Gpr::Rsi, Gpr::Rdi])
}

pub(super) fn stos<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
    let to = destination(cx, op);
    let n = room::<T, M>(cx, op, Gpr::Rdi, to, bytes::<T>(count, BUFFER));
    if n == 0 {
        return None;
    }
    let mut buffer = [0; BUFFER];
    let part = buffer.get_mut(..n as usize)?;
    let v = cx.gpr::<T>(Gpr::Rax as u8).to_u64().to_le_bytes();
    if v != [0; 8] {
        part.chunks_exact_mut(T::BYTES).for_each(|e| e.copy_from_slice(&v[..T::BYTES]));
    }
    cx.mem.write_bytes(lowest::<T, M>(cx, to, n), part).ok()?;
    done::<T, M>(cx, op, n / T::BYTES as u64, &[Gpr::Rdi])
}

pub(super) fn scas<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
    let to = destination(cx, op);
    let n = if goes_down(cx) { 0 } else { room::<T, M>(cx, op, Gpr::Rdi, to, bytes::<T>(count, SEARCH)) };
    let mut buffer = [0; SEARCH];
    let part = buffer.get_mut(..n as usize).filter(|p| !p.is_empty())?;
    cx.mem.read_bytes(GuestAddr::new(to), part).ok()?;
    let a: T = cx.gpr(Gpr::Rax as u8);
    search::<T, U, M>(cx, op, part.chunks_exact(T::BYTES).map(|b| (a, value(b))), &[Gpr::Rdi])
}

pub(super) fn cmps<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, count: u64) -> Option<bool> {
    let (from, to) = (source(cx, op), destination(cx, op));
    let n = if goes_down(cx) { 0 } else { room::<T, M>(cx, op, Gpr::Rsi, from, bytes::<T>(count, SEARCH)) };
    let n = room::<T, M>(cx, op, Gpr::Rdi, to, n) as usize;
    let mut buffers = [[0; SEARCH]; 2];
    let [a, b] = &mut buffers;
    let (a, b) = (a.get_mut(..n).filter(|p| !p.is_empty())?, b.get_mut(..n)?);
    cx.mem.read_bytes(GuestAddr::new(from), a).ok()?;
    cx.mem.read_bytes(GuestAddr::new(to), b).ok()?;
    let pairs = a.chunks_exact(T::BYTES).zip(b.chunks_exact(T::BYTES));
    search::<T, U, M>(cx, op, pairs.map(|(a, b)| (value(a), value(b))), &[Gpr::Rsi, Gpr::Rdi])
}

/// Compares pairs until one ends the repetition. There is at least one.
fn search<T: Int, U: Until, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, pairs: impl Iterator<Item = (T, T)>, indices: &[Gpr]) -> Option<bool> {
    let (mut n, mut goes_on, mut last) = (0, true, None);
    for (a, b) in pairs {
        (n, last) = (n + 1, Some((a, b)));
        goes_on = U::goes_on(a == b);
        if !goes_on {
            break;
        }
    }
    let (a, b) = last?;
    compare(cx, a, b);
    done::<T, M>(cx, op, n, indices)?;
    Some(goes_on)
}

fn value<T: Int>(bytes: &[u8]) -> T {
    let mut b = [0; 8];
    b[..bytes.len()].copy_from_slice(bytes);
    T::from_u64(u64::from_le_bytes(b))
}
