//! What emitted code finds behind the pinned register.

use core::mem::{offset_of, size_of};

use forklift_x86::{CpuState, Flags, Gpr, Seg, SegCache, Vec512, X87, X87Reg};

/// The guest registers that travel between blocks as parameters, in the order of the parameters.
///
/// The order puts the guest's rdi, rsi, rdx and rcx into the same registers of an x86-64 host (`CallConv::Tail` passes rdi rsi rdx rcx r8 r9).
pub const PARAM_REGS: [Gpr; 6] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::Rcx, Gpr::Rax, Gpr::Rsp];

/// The state of one guest thread, as emitted code addresses it: the pinned register (r15, x21) points here.
///
/// # Invariants
/// 1. Whenever control is at a block's first instruction, at an exit, or in a helper, `cpu` is complete: all registers and
///    the flags (if anything can read them), those of [`PARAM_REGS`] too. They travel in host registers *as well*, which saves the loads, not the stores; without [`Needs::COMPLETE`](crate::Needs::COMPLETE), between blocks they may be in host registers only.
///    At an instruction that faults, it is what it was at the resume point, or the pad makes it that, or it is lost; see [`contract`](crate::contract).
///    Only `cpu.rip` is not kept; see [`LiftedExit`](crate::LiftedExit) and [`Lifted::pcs`](crate::Lifted::pcs).
/// 2. `indirect` points to [`INDIRECT_ENTRIES`] entries; see [`IndirectEntry`].
/// 3. `helpers` points to [`HELPERS`](crate::HELPERS) addresses of functions, indexed by [`Helper`](crate::Helper).
#[derive(Clone, Debug)]
#[repr(C)]
pub struct JitState {
    /// The guest's processor.
    pub cpu: CpuState,
    /// Host address of guest address 0; 0 for an x86-64 guest. Emitted code adds it for i386 guests only.
    pub mem_base: u64,
    /// Host address of the thread's table of indirect branch targets, or of the table that misses always.
    pub indirect: u64,
    /// Host address of the table of helper functions.
    pub helpers: u64,
    /// While a helper runs: the host address in emitted code that it returns to, otherwise 0. Written by the helpers' thunks.
    pub helper_return: u64,
    /// Not 0: leave emitted code at the end of the running block. Set by a kick (see the crate jit), looked at by the entry trampoline.
    pub interrupt: u32,
    /// Not 0: the host's x87 unit holds the guest's, and what `cpu.x87` has of registers, tags, control and status word is stale. Only while emitted code runs.
    pub x87_live: u32,
    /// Address of the function behind [`Helper::Step`](crate::Helper::Step), which the thunk of that helper calls.
    pub step: u64,
    /// A place for operands of the x87 stubs: see [`X87`](crate::X87). On hosts other than x86-64, for the results of [`Helper::Status`](crate::Helper::Status) and
    /// [`Helper::Cond`](crate::Helper::Cond).
    pub x87_scratch: u64,
    /// For whoever owns the state; the JIT leaves it alone.
    pub owner: u64,
    /// While direct code runs (see the crate jit): the host's stack pointer.
    pub host_sp: u64,
    /// Where direct code is entered.
    pub target: u64,
    /// RFLAGS, when direct code is entered and when it is left.
    pub rflags: u64,
    /// Why direct code was left.
    pub exit: u32,
    /// Not 0: direct code has targets in the second table of indirect branches.
    pub kept: u32,
    /// Lifted code was left because an access of this block wasn't aligned: the block's number, plus one.
    pub misaligned: u32,
}

/// Number of entries of the table of indirect branch targets, a power of two. Unit: entries of 16 bytes.
pub const INDIRECT_ENTRIES: u64 = 4096;

/// One entry of the direct-mapped table that indirect branches look into: 16 bytes.
///
/// An entry that holds nothing has a key that belongs to another index: entry 0 has key 1, all others have key 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct IndirectEntry {
    /// Guest address of a block.
    pub rip: u64,
    /// Where a `return_call_indirect` to that block must go.
    pub code: u64,
}

impl IndirectEntry {
    /// Index of the entry for the guest address `rip`.
    pub const fn index(rip: u64) -> u64 {
        (rip ^ rip >> 12) & (INDIRECT_ENTRIES - 1)
    }

    /// The entry at `index`, holding nothing.
    pub const fn empty(index: u64) -> Self {
        Self { rip: (index == 0) as u64, code: 0 }
    }
}

/// Offsets of fields in [`JitState`], as displacements of loads and stores.
pub mod offset {
    use super::*;

    const fn disp(offset: usize) -> i32 {
        offset as i32
    }

    /// A general purpose register.
    pub const fn gpr(r: Gpr) -> i32 {
        disp(offset_of!(JitState, cpu) + offset_of!(CpuState, gpr) + 8 * r.index())
    }

    /// The low 128 bits of a vector register.
    pub const fn xmm(i: usize) -> i32 {
        disp(offset_of!(JitState, cpu) + offset_of!(CpuState, vec) + size_of::<Vec512>() * i)
    }

    /// Bits 128–255 of a vector register.
    pub const fn upper(i: usize) -> i32 {
        xmm(i) + 16
    }

    /// The base of a segment.
    pub const fn seg_base(s: Seg) -> i32 {
        disp(offset_of!(JitState, cpu) + offset_of!(CpuState, seg_base) + 8 * s.index())
    }

    /// The access rights of a loaded segment; 0 after a null selector.
    pub const fn seg_access(s: Seg) -> i32 {
        disp(offset_of!(JitState, cpu) + offset_of!(CpuState, seg_cache) + size_of::<SegCache>() * s.index() + offset_of!(SegCache, access))
    }

    const FLAGS: usize = offset_of!(JitState, cpu) + offset_of!(CpuState, flags);

    /// `cpu.rip`.
    pub const RIP: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, rip));
    /// `cpu.flags.a`.
    pub const CC_A: i32 = disp(FLAGS + offset_of!(Flags, a));
    /// `cpu.flags.b`.
    pub const CC_B: i32 = disp(FLAGS + offset_of!(Flags, b));
    /// `cpu.flags.c`.
    pub const CC_C: i32 = disp(FLAGS + offset_of!(Flags, c));
    /// `cpu.flags.op`, 32 bits.
    pub const CC_OP: i32 = disp(FLAGS + offset_of!(Flags, op));
    /// `cpu.flags.rest`, 32 bits.
    pub const CC_REST: i32 = disp(FLAGS + offset_of!(Flags, rest));
    /// `mem_base`.
    pub const MEM_BASE: i32 = disp(offset_of!(JitState, mem_base));
    /// `indirect`.
    pub const INDIRECT: i32 = disp(offset_of!(JitState, indirect));
    /// `helpers`.
    pub const HELPERS: i32 = disp(offset_of!(JitState, helpers));
    /// `helper_return`.
    pub const HELPER_RETURN: i32 = disp(offset_of!(JitState, helper_return));
    /// `interrupt`, 32 bits.
    pub const INTERRUPT: i32 = disp(offset_of!(JitState, interrupt));
    /// `x87_live`, 32 bits.
    pub const X87_LIVE: i32 = disp(offset_of!(JitState, x87_live));
    /// `x87_scratch`.
    pub const X87_SCRATCH: i32 = disp(offset_of!(JitState, x87_scratch));
    const X87_REGS: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, regs));
    /// An MMX register, and behind it sign and exponent of the x87's, 16 bits.
    pub const fn mmx(i: usize) -> i32 {
        X87_REGS + disp(size_of::<X87Reg>() * i)
    }
    /// `cpu.x87.top`, 32 bits.
    pub const X87_TOP: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, top));
    /// `cpu.x87.used`, 8 bits.
    pub const X87_USED: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, used));
    /// `cpu.x87.sw`, and behind it `fop`, `fcs` and `fds`, 16 bits each.
    pub const X87_SW: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, sw));
    /// `cpu.x87.fip`.
    pub const X87_FIP: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, fip));
    /// `cpu.x87.fdp`.
    pub const X87_FDP: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, x87) + offset_of!(X87, fdp));
    /// The selector of a segment, 16 bits.
    pub const fn seg_sel(s: Seg) -> i32 {
        disp(offset_of!(JitState, cpu) + offset_of!(CpuState, seg_sel) + 2 * s.index())
    }
    /// `host_sp`.
    pub const HOST_SP: i32 = disp(offset_of!(JitState, host_sp));
    /// `target`.
    pub const TARGET: i32 = disp(offset_of!(JitState, target));
    /// `rflags`.
    pub const RFLAGS: i32 = disp(offset_of!(JitState, rflags));
    /// `exit`, 32 bits.
    pub const EXIT: i32 = disp(offset_of!(JitState, exit));
    /// `kept`, 32 bits.
    pub const KEPT: i32 = disp(offset_of!(JitState, kept));
    /// `step`.
    pub const STEP: i32 = disp(offset_of!(JitState, step));
    /// `cpu.mxcsr`, 32 bits.
    pub const MXCSR: i32 = disp(offset_of!(JitState, cpu) + offset_of!(CpuState, mxcsr));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_entries_never_match() {
        for i in 0..INDIRECT_ENTRIES {
            assert_ne!(IndirectEntry::index(IndirectEntry::empty(i).rip), i);
        }
    }
}
