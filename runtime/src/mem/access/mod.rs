//! Loads, stores, compare-and-swap and copies that survive a bad address.
//!
//! Each host instruction here that touches guest memory has an entry in the section `fl_extable`: two signed 32-bit offsets, each relative to its own
//! place, of the instruction and of a fixup. The handler of SIGSEGV and SIGBUS looks the program counter up ([`fixup`]) and goes on at the fixup, which
//! makes the access return `None`. Nothing is unwound.
//!
//! Where the host doesn't order accesses as x86 does, they are made so by `loaded`, `storing` and `locked` around them, once `order` was called.
//!
//! Invariants:
//! 1. Every instruction that accesses guest memory in the sibling modules lies at a label that has an entry.
//! 2. A fixup only sets the error register and jumps behind the access; it needs no state that the access has changed.
//! 3. An access of up to 16 bytes is one instruction where the host has one, so that a fault leaves memory unchanged.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{Raw, copy, is_ordered, loaded, locked, order, storing};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{Raw, copy, is_ordered, loaded, locked, order, storing};

/// One entry of the table.
#[repr(C)]
struct Entry {
    insn: i32,
    fixup: i32,
}

unsafe extern "C" {
    static __start_fl_extable: Entry;
    static __stop_fl_extable: Entry;
}

/// Where to go on after a fault at host address `pc`; `None` if the fault isn't in an access of this module.
///
/// Async-signal-safe: reads a constant table, one after the other (the linker doesn't sort it).
pub(crate) fn fixup(pc: usize) -> Option<usize> {
    let (start, stop) = (&raw const __start_fl_extable, &raw const __stop_fl_extable);
    // SAFETY: the linker defines both symbols as the bounds of one section, which holds nothing but entries.
    let table = unsafe { core::slice::from_raw_parts(start, (stop as usize - start as usize) / size_of::<Entry>()) };
    let at = |field: &i32| (core::ptr::from_ref(field) as usize).wrapping_add_signed(*field as isize);
    table.iter().find(|e| at(&e.insn) == pc).map(|e| at(&e.fixup))
}
