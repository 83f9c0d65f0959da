//! The accesses on an x86-64 host. See the parent module for the invariants.

use core::arch::asm;
use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

/// Accesses are ordered by themselves.
pub(crate) const fn order() {}

/// Nothing else has to see to it.
pub(crate) const fn is_ordered() -> bool {
    false
}

/// Behind a load.
pub(crate) const fn loaded() {}

/// Before a store.
pub(crate) const fn storing() {}

/// Before and behind an atomic access.
pub(crate) const fn locked() {}

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

/// The tail of an access: label 3 ends it; the fixup sets `{e}`; the table entry.
macro_rules! guarded {
    ($($insn:literal),+) => {
        concat!(
            "xor {e:e}, {e:e}\n2:\n", $($insn, "\n",)+ "3:\n",
            ".pushsection .text.fl_fixup,\"ax\"\n4: mov {e:e}, 1\njmp 3b\n.popsection\n",
            ".pushsection fl_extable,\"aR\"\n.balign 4\n.long 2b - .\n.long 4b - .\n.popsection"
        )
    };
}

macro_rules! raw {
    ($t:ty, $reg:ty, $class:ident, $load:literal, $store:literal, $cas:literal) => {
        impl Raw for $t {
            #[inline(always)]
            unsafe fn load(p: usize) -> Option<Self> {
                let (v, e): ($reg, u32);
                // SAFETY: a fault is caught through the table; a good address is the guest's, by the caller's contract.
                unsafe { asm!(guarded!($load), p = in(reg) p, v = out($class) v, e = out(reg) e, options(nostack, readonly)) };
                (e == 0).then_some(v as Self)
            }

            #[inline(always)]
            unsafe fn store(p: usize, v: Self) -> Option<()> {
                let e: u32;
                // SAFETY: as in `load`.
                unsafe { asm!(guarded!($store), p = in(reg) p, v = in($class) v as $reg, e = out(reg) e, options(nostack)) };
                (e == 0).then_some(())
            }

            #[inline]
            unsafe fn cas(p: usize, old: Self, new: Self) -> Option<Self> {
                let (was, e): (u64, u32);
                // SAFETY: as in `load`.
                unsafe {
                    asm!(guarded!($cas), p = in(reg) p, v = in($class) new as $reg, inout("rax") old as u64 => was, e = out(reg) e, options(nostack));
                }
                (e == 0).then_some(was as Self)
            }
        }
    };
}

raw!(u8, u32, reg, "movzx {v:e}, byte ptr [{p}]", "mov byte ptr [{p}], {v:l}", "lock cmpxchg byte ptr [{p}], {v:l}");
raw!(u16, u32, reg, "movzx {v:e}, word ptr [{p}]", "mov word ptr [{p}], {v:x}", "lock cmpxchg word ptr [{p}], {v:x}");
raw!(u32, u32, reg, "mov {v:e}, dword ptr [{p}]", "mov dword ptr [{p}], {v:e}", "lock cmpxchg dword ptr [{p}], {v:e}");
raw!(u64, u64, reg, "mov {v}, qword ptr [{p}]", "mov qword ptr [{p}], {v}", "lock cmpxchg qword ptr [{p}], {v}");

impl Raw for u128 {
    #[inline(always)]
    unsafe fn load(p: usize) -> Option<Self> {
        let (v, e): (__m128i, u32);
        // SAFETY: as above.
        unsafe { asm!(guarded!("movups {v}, xmmword ptr [{p}]"), p = in(reg) p, v = out(xmm_reg) v, e = out(reg) e, options(nostack, readonly)) };
        let mut out = 0u128;
        // SAFETY: a local of 16 bytes.
        unsafe { _mm_storeu_si128((&raw mut out).cast(), v) };
        (e == 0).then_some(out)
    }

    #[inline(always)]
    unsafe fn store(p: usize, v: Self) -> Option<()> {
        let e: u32;
        // SAFETY: a local of 16 bytes.
        let v = unsafe { _mm_loadu_si128((&raw const v).cast()) };
        // SAFETY: as above.
        unsafe { asm!(guarded!("movups xmmword ptr [{p}], {v}"), p = in(reg) p, v = in(xmm_reg) v, e = out(reg) e, options(nostack)) };
        (e == 0).then_some(())
    }

    /// Needs CMPXCHG16B, which every host has that Cranelift's SSE4.1 demand lets in. `p` must be aligned to 16.
    unsafe fn cas(p: usize, old: Self, new: Self) -> Option<Self> {
        let (mut lo, mut hi) = (old as u64, (old >> 64) as u64);
        let e: u32;
        // SAFETY: as above; rbx, which asm may not name as an operand, is put back.
        unsafe {
            asm!(
                "xchg rbx, {nb}",
                guarded!("lock cmpxchg16b xmmword ptr [{p}]"),
                "mov rbx, {nb}",
                p = in(reg) p, nb = inout(reg) new as u64 => _, inout("rax") lo, inout("rdx") hi, in("rcx") (new >> 64) as u64, e = out(reg) e,
                options(nostack)
            );
        }
        (e == 0).then_some(u128::from(lo) | u128::from(hi) << 64)
    }
}

/// Copies `len` bytes upwards and returns how many could *not* be copied.
///
/// # Safety
/// Each of `dst` and `src` is guest memory or a valid buffer of forklift of `len` bytes.
pub(crate) unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let left: usize;
    // SAFETY: by contract; a fault ends the copy with rcx bytes left.
    unsafe {
        asm!(
            "2: rep movsb", "3:",
            ".pushsection fl_extable,\"aR\"", ".balign 4", ".long 2b - .", ".long 3b - .", ".popsection",
            inout("rdi") dst => _, inout("rsi") src => _, inout("rcx") len => left, options(nostack)
        );
    }
    left
}
