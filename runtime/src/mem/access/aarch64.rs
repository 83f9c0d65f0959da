//! The accesses on an aarch64 host. See the parent module for the invariants.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::Mutex;

/// Whether accesses are ordered as x86's are, because others see guest memory.
static ORDERED: AtomicBool = AtomicBool::new(false);

/// From now on accesses are ordered.
pub(crate) fn order() {
    ORDERED.store(true, Ordering::SeqCst);
}

/// Whether they are.
#[inline(always)]
pub(crate) fn is_ordered() -> bool {
    ORDERED.load(Ordering::Relaxed)
}

/// Behind a load: nothing that follows overtakes it.
#[inline(always)]
pub(crate) fn loaded() {
    if is_ordered() {
        fence(Ordering::Acquire);
    }
}

/// Before a store: it overtakes no other one. (Loads before it have been looked after by [`loaded`].)
#[inline(always)]
pub(crate) fn storing() {
    if is_ordered() {
        // SAFETY: a barrier.
        unsafe { asm!("dmb ishst", options(nostack, preserves_flags)) };
    }
}

/// Before and behind an atomic access: nothing overtakes it, and it nothing.
#[inline(always)]
pub(crate) fn locked() {
    if is_ordered() {
        fence(Ordering::SeqCst);
    }
}

/// Integers that can be loaded from and stored to raw addresses, fault-safe.
pub(crate) trait Raw: Copy {
    /// Loads from `p`; `None` on a fault.
    ///
    /// # Safety
    /// `p` is an address in the guest's part of the address space, so that no Rust object lies there.
    unsafe fn load(p: usize) -> Option<Self>;
    /// Stores to `p`; `None` on a fault, with memory unchanged.
    ///
    /// # Safety
    /// As for [`load`](Self::load).
    unsafe fn store(p: usize, v: Self) -> Option<()>;
    /// Stores `new` if `old` is there, atomically; returns what was there.
    ///
    /// # Safety
    /// As for [`load`](Self::load).
    unsafe fn cas(p: usize, old: Self, new: Self) -> Option<Self>;
}

/// The host has no atomic access to an operand that isn't aligned: those exclude one another only.
static UNALIGNED: Mutex<()> = Mutex::new(());

/// # Safety
/// As for [`Raw::load`].
#[cold]
unsafe fn cas_unaligned<T: Raw + PartialEq>(p: usize, old: T, new: T) -> Option<T> {
    let _guard = UNALIGNED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // SAFETY: the caller's contract.
    unsafe {
        let was = T::load(p)?;
        if was == old {
            T::store(p, new)?;
        }
        Some(was)
    }
}

/// An access: label 3 ends it; the fixup sets `{e}`; the table entry.
macro_rules! guarded {
    ($insn:literal) => {
        concat!(
            "mov {e:w}, #0\n2: ",
            $insn,
            "\n3:\n",
            ".pushsection .text.fl_fixup,\"ax\"\n4: mov {e:w}, #1\nb 3b\n.popsection\n",
            ".pushsection fl_extable,\"aR\"\n.balign 4\n.long 2b - .\n.long 4b - .\n.popsection"
        )
    };
}

/// Compare-and-swap by exclusive load and store: two table entries.
macro_rules! guarded_cas {
    ($load:literal, $cmp:literal, $store:literal) => {
        concat!(
            "mov {e:w}, #0\n2: ",
            $load,
            "\n",
            $cmp,
            "\nb.ne 3f\n5: ",
            $store,
            "\ncbnz {s:w}, 2b\n3:\n",
            ".pushsection .text.fl_fixup,\"ax\"\n4: mov {e:w}, #1\nb 3b\n.popsection\n",
            ".pushsection fl_extable,\"aR\"\n.balign 4\n.long 2b - .\n.long 4b - .\n.long 5b - .\n.long 4b - .\n.popsection"
        )
    };
}

macro_rules! raw {
    ($t:ty, $reg:ty, $load:literal, $store:literal, $cas_load:literal, $cmp:literal, $cas_store:literal) => {
        impl Raw for $t {
            #[inline(always)]
            unsafe fn load(p: usize) -> Option<Self> {
                let (v, e): ($reg, u32);
                // SAFETY: a fault is caught through the table; a good address is the guest's, by the caller's contract.
                unsafe { asm!(guarded!($load), p = in(reg) p, v = out(reg) v, e = out(reg) e, options(nostack, readonly)) };
                (e == 0).then_some(v as Self)
            }

            #[inline(always)]
            unsafe fn store(p: usize, v: Self) -> Option<()> {
                let e: u32;
                // SAFETY: as in `load`.
                unsafe { asm!(guarded!($store), p = in(reg) p, v = in(reg) v as $reg, e = out(reg) e, options(nostack)) };
                (e == 0).then_some(())
            }

            unsafe fn cas(p: usize, old: Self, new: Self) -> Option<Self> {
                if p % size_of::<Self>() != 0 {
                    // SAFETY: the caller's contract.
                    return unsafe { cas_unaligned(p, old, new) };
                }
                let (was, e): ($reg, u32);
                // SAFETY: as in `load`.
                unsafe {
                    asm!(
                        guarded_cas!($cas_load, $cmp, $cas_store),
                        p = in(reg) p, o = in(reg) old as $reg, n = in(reg) new as $reg, v = out(reg) was, s = out(reg) _, e = out(reg) e,
                        options(nostack)
                    );
                }
                (e == 0).then_some(was as Self)
            }
        }
    };
}

raw!(u8, u32, "ldrb {v:w}, [{p}]", "strb {v:w}, [{p}]", "ldaxrb {v:w}, [{p}]", "cmp {v:w}, {o:w}", "stlxrb {s:w}, {n:w}, [{p}]");
raw!(u16, u32, "ldrh {v:w}, [{p}]", "strh {v:w}, [{p}]", "ldaxrh {v:w}, [{p}]", "cmp {v:w}, {o:w}", "stlxrh {s:w}, {n:w}, [{p}]");
raw!(u32, u32, "ldr {v:w}, [{p}]", "str {v:w}, [{p}]", "ldaxr {v:w}, [{p}]", "cmp {v:w}, {o:w}", "stlxr {s:w}, {n:w}, [{p}]");
raw!(u64, u64, "ldr {v}, [{p}]", "str {v}, [{p}]", "ldaxr {v}, [{p}]", "cmp {v}, {o}", "stlxr {s:w}, {n}, [{p}]");

impl Raw for u128 {
    #[inline(always)]
    unsafe fn load(p: usize) -> Option<Self> {
        let (lo, hi, e): (u64, u64, u32);
        // SAFETY: as above.
        unsafe { asm!(guarded!("ldp {l}, {h}, [{p}]"), p = in(reg) p, l = out(reg) lo, h = out(reg) hi, e = out(reg) e, options(nostack, readonly)) };
        (e == 0).then_some(Self::from(lo) | Self::from(hi) << 64)
    }

    #[inline(always)]
    unsafe fn store(p: usize, v: Self) -> Option<()> {
        let e: u32;
        // SAFETY: as above.
        unsafe {
            asm!(guarded!("stp {l}, {h}, [{p}]"), p = in(reg) p, l = in(reg) v as u64, h = in(reg) (v >> 64) as u64, e = out(reg) e, options(nostack));
        }
        (e == 0).then_some(())
    }

    /// `p` must be aligned to 16.
    unsafe fn cas(p: usize, old: Self, new: Self) -> Option<Self> {
        let (lo, hi, e): (u64, u64, u32);
        // SAFETY: as above.
        unsafe {
            asm!(
                guarded_cas!("ldaxp {v}, {vh}, [{p}]", "cmp {v}, {o}\nccmp {vh}, {oh}, #0, eq", "stlxp {s:w}, {n}, {nh}, [{p}]"),
                p = in(reg) p, o = in(reg) old as u64, oh = in(reg) (old >> 64) as u64, n = in(reg) new as u64, nh = in(reg) (new >> 64) as u64,
                v = out(reg) lo, vh = out(reg) hi, s = out(reg) _, e = out(reg) e, options(nostack)
            );
        }
        (e == 0).then_some(Self::from(lo) | Self::from(hi) << 64)
    }
}

/// Copies `len` bytes upwards and returns how many could *not* be copied.
///
/// # Safety
/// Each of `dst` and `src` is guest memory or a valid buffer of forklift of `len` bytes.
pub(crate) unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let left: usize;
    // SAFETY: by contract. A fault in the loop of words falls through to the loop of bytes; a fault there ends the copy.
    unsafe {
        asm!(
            "cmp {n}, #8", "b.lo 6f",
            "2: ldr {t}, [{s}]", "3: str {t}, [{d}]",
            "add {s}, {s}, #8", "add {d}, {d}, #8", "sub {n}, {n}, #8", "cmp {n}, #8", "b.hs 2b",
            "6: cbz {n}, 9f",
            "7: ldrb {t:w}, [{s}]", "8: strb {t:w}, [{d}]",
            "add {s}, {s}, #1", "add {d}, {d}, #1", "sub {n}, {n}, #1", "b 6b",
            "9:",
            ".pushsection fl_extable,\"aR\"", ".balign 4",
            ".long 2b - .", ".long 6b - .", ".long 3b - .", ".long 6b - .", ".long 7b - .", ".long 9b - .", ".long 8b - .", ".long 9b - .",
            ".popsection",
            s = inout(reg) src => _, d = inout(reg) dst => _, n = inout(reg) len => left, t = out(reg) _, options(nostack)
        );
    }
    left
}
