//! The context that a semantic function works in: state, memory, effective addresses, stack.

use forklift_x86::{CpuModel, CpuState, Exit, Fault, Gpr, GuestAddr, Mode, Seg};

use crate::{Int, MemFault, Memory, Op, Prim};

/// What stands for the error code of an access to an address that isn't canonical until the runner, which knows whether it is #GP or #SS, sets it to 0.
pub(crate) const NOT_CANONICAL: u32 = u32::MAX;

/// A processor in execution.
pub struct Exec<'a, M: Memory> {
    /// The state.
    pub cpu: &'a mut CpuState,
    /// Memory and what else is around.
    pub mem: &'a mut M,
    /// What the guest may use.
    pub model: CpuModel,
}

impl<M: Memory> Exec<'_, M> {
    /// The linear address of the memory operand.
    #[inline(always)]
    pub fn ea(&self, op: &Op<M>) -> u64 {
        self.linear(op, self.offset(op))
    }

    /// The effective address of the memory operand, without the segment base (what LEA gives, before truncation to the operand size).
    #[inline(always)]
    pub fn offset(&self, op: &Op<M>) -> u64 {
        let g = &self.cpu.gpr;
        let a = g[usize::from(op.base)].wrapping_add(g[usize::from(op.index)] << op.scale).wrapping_add(op.disp);
        a << op.ea_shift >> op.ea_shift
    }

    /// The linear address of `offset` in the segment of the memory operand.
    #[inline(always)]
    pub fn linear(&self, op: &Op<M>, offset: u64) -> u64 {
        offset.wrapping_add(self.cpu.seg_base[usize::from(op.seg)]) << op.linear_shift >> op.linear_shift
    }

    /// Reads memory at a linear address.
    #[inline(always)]
    pub fn load<T: Prim>(&mut self, addr: u64) -> Result<T, Exit> {
        match self.mem.read(GuestAddr::new(addr)) {
            Ok(v) => Ok(v),
            Err(f) => Err(self.mem_fault(f)),
        }
    }

    /// Reads memory that is written next. What can't be written faults as a write, also where it can't even be read.
    #[inline(always)]
    pub fn load_to_update<T: Prim>(&mut self, addr: u64) -> Result<T, Exit> {
        match self.mem.read(GuestAddr::new(addr)) {
            Ok(v) => Ok(v),
            Err(_) => self.touch(addr),
        }
    }

    /// Reads memory by a write of what is there.
    #[cold]
    pub(crate) fn touch<T: Prim>(&mut self, addr: u64) -> Result<T, Exit> {
        self.compare_exchange(addr, T::from_u128(0), T::from_u128(0))
    }

    /// Writes memory at a linear address.
    #[inline(always)]
    pub fn store<T: Prim>(&mut self, addr: u64, v: T) -> Result<(), Exit> {
        match self.mem.write(GuestAddr::new(addr), v) {
            Ok(()) => Ok(()),
            Err(f) => Err(self.mem_fault(f)),
        }
    }

    /// Atomically replaces the value at a linear address by `f` of it; returns the old value.
    pub fn atomic_update<T: Prim>(&mut self, addr: u64, mut f: impl FnMut(T) -> T) -> Result<T, Exit> {
        let mut old: T = self.load_to_update(addr)?;
        loop {
            let seen = self.compare_exchange(addr, old, f(old))?;
            if seen == old {
                return Ok(old);
            }
            old = seen;
        }
    }

    /// Atomic compare and exchange at a linear address; returns what was there.
    pub fn compare_exchange<T: Prim>(&mut self, addr: u64, old: T, new: T) -> Result<T, Exit> {
        let r = self.mem.compare_exchange(GuestAddr::new(addr), old, new);
        r.map_err(|f| self.mem_fault(f))
    }

    /// Reads `buf.len()` bytes at a linear address.
    pub fn load_bytes(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Exit> {
        let r = self.mem.read_bytes(GuestAddr::new(addr), buf);
        r.map_err(|f| self.mem_fault(f))
    }

    /// Writes `buf` at a linear address; a part may have been written when it fails.
    pub fn store_bytes(&mut self, addr: u64, buf: &[u8]) -> Result<(), Exit> {
        let r = self.mem.write_bytes(GuestAddr::new(addr), buf);
        r.map_err(|f| self.mem_fault(f))
    }

    /// Records a memory fault in the state.
    #[cold]
    #[inline(never)]
    pub fn mem_fault(&mut self, f: MemFault) -> Exit {
        if let Exit::Fault(fault) = f.exit {
            self.cpu.error_code = f.error_code;
            if fault == Fault::Page {
                self.cpu.cr2 = f.addr.get();
            } else if fault == Fault::GeneralProtection {
                self.cpu.error_code = NOT_CANONICAL;
            }
        }
        f.exit
    }

    /// #GP with this error code.
    #[cold]
    pub fn general_protection(&mut self, error_code: u32) -> Exit {
        self.cpu.error_code = error_code;
        Exit::Fault(Fault::GeneralProtection)
    }

    /// #GP(0) unless `addr` is a multiple of `bytes`, as for the aligned SSE forms.
    pub fn check_aligned(&mut self, addr: u64, bytes: u64) -> Result<(), Exit> {
        if addr & (bytes - 1) == 0 { Ok(()) } else { Err(self.general_protection(0)) }
    }

    /// Value of a GPR slot at width `T`; in a byte operand 16–19 are AH, CH, DH, BH.
    #[inline(always)]
    pub fn gpr<T: Int>(&self, slot: u8) -> T {
        if T::BITS == 8 && slot >= 16 {
            return T::from_u64(self.cpu.gpr[usize::from(slot & 3)] >> 8);
        }
        T::from_u64(self.cpu.gpr[usize::from(slot & 15)])
    }

    /// Sets a GPR slot: 32 bits zero-extend, 8 and 16 bits merge.
    #[inline(always)]
    pub fn set_gpr<T: Int>(&mut self, slot: u8, v: T) {
        let v = v.to_u64();
        if T::BITS == 8 && slot >= 16 {
            let r = &mut self.cpu.gpr[usize::from(slot & 3)];
            *r = *r & !0xff00 | v << 8;
            return;
        }
        let r = &mut self.cpu.gpr[usize::from(slot & 15)];
        *r = if T::BITS >= 32 { v } else { *r & !T::WIDTH.mask() | v };
    }

    /// The linear address of a stack pointer value.
    #[inline(always)]
    pub fn stack_addr(&self, sp: u64) -> u64 {
        match self.cpu.mode {
            Mode::Bits64 => sp,
            Mode::Bits32 => sp.wrapping_add(self.cpu.seg_base[Seg::Ss.index()]) & 0xffff_ffff,
        }
    }

    /// Pushes a value of 2, 4 or 8 bytes.
    #[inline(always)]
    pub fn push<T: Int>(&mut self, v: T) -> Result<(), Exit> {
        let sp = self.cpu.get(Gpr::Rsp).wrapping_sub(T::BYTES as u64) & self.cpu.mode.addr_mask();
        self.store(self.stack_addr(sp), v).map_err(stack_fault)?;
        self.cpu.set(Gpr::Rsp, sp);
        Ok(())
    }

    /// Reads the value on top of the stack, `skip` bytes above rsp, without popping it.
    #[inline(always)]
    pub fn peek<T: Int>(&mut self, skip: u64) -> Result<T, Exit> {
        let sp = self.cpu.get(Gpr::Rsp).wrapping_add(skip) & self.cpu.mode.addr_mask();
        self.load(self.stack_addr(sp)).map_err(stack_fault)
    }

    /// Adds `bytes` to the stack pointer.
    #[inline(always)]
    pub fn drop_stack(&mut self, bytes: u64) {
        let sp = self.cpu.get(Gpr::Rsp).wrapping_add(bytes) & self.cpu.mode.addr_mask();
        self.cpu.set(Gpr::Rsp, sp);
    }

    /// Pops a value of 2, 4 or 8 bytes.
    #[inline(always)]
    pub fn pop<T: Int>(&mut self) -> Result<T, Exit> {
        let v = self.peek(0)?;
        self.drop_stack(T::BYTES as u64);
        Ok(v)
    }
}

/// What an access to the stack ends with: an address that isn't canonical is #SS there.
#[cold]
pub(crate) fn stack_fault(exit: Exit) -> Exit {
    if exit == Exit::Fault(Fault::GeneralProtection) { Exit::Fault(Fault::Stack) } else { exit }
}
