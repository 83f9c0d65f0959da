//! Guest memory: effective addresses, loads and stores.
//!
//! For an i386 guest the host address is `mem_base + zext(address)`, the address being computed modulo 2^32. A displacement of less than
//! [`WINDOW_SLACK`] is added behind that extension instead: where the sum would have wrapped, the access hits a guard beside the window and faults, and
//! the runtime steps the instruction by interpretation, which wraps.

use cranelift_codegen::ir::{
    AtomicRmwOp, BlockArg, InstBuilder, MemFlagsData, Type, Value,
    condcodes::IntCC,
    types::{I8, I16, I32, I64},
};
use forklift_x86::{Gpr, GuestAddr, Seg, Width};
use iced_x86::{Instruction, Register};

use super::order::Order;
use super::{Access, Lift, int};
use crate::contract::{LOAD_BARRIER, STORE_BARRIER, WINDOW_SLACK};
use crate::{Faults, LiftedExit, TRAP_ALIGNED, TRAP_MEMORY, offset};

/// What a 32-bit process can't map at the end of its address space, the kernel's own part. Unit: bytes.
const KERNELS: i64 = 8 << 10;

/// A host address: a value and a displacement.
#[derive(Clone, Copy)]
pub(crate) struct Addr {
    base: Value,
    disp: i32,
    /// Relative to rSP: on the guest's stack.
    stack: bool,
}

impl Addr {
    /// The address `n` bytes further on.
    pub const fn plus(self, n: i32) -> Self {
        Self { disp: self.disp.wrapping_add(n), ..self }
    }
}

/// An effective address of a guest, before the segment's base: a value of 32 or 64 bits and a displacement still to be added (modulo the width).
struct Effective {
    sum: Option<Value>,
    disp: i64,
    w: Width,
}

const GUEST: MemFlagsData = MemFlagsData::new().with_trap_code(Some(TRAP_MEMORY));

/// The same, and the host checks that the address is a multiple of 16.
const ALIGNED: MemFlagsData = MemFlagsData::new().with_trap_code(Some(TRAP_ALIGNED));

impl Lift<'_, '_> {
    /// Loads 16 bytes, and faults if they aren't aligned. Only with [`Faults::Guarded`].
    pub fn load_aligned(&mut self, ty: Type, a: Addr) -> Value {
        self.guard(Access::Load);
        self.b.ins().load(ty, ALIGNED, a.base, a.disp)
    }

    /// Stores 16 bytes, and faults if they aren't aligned. Only with [`Faults::Guarded`].
    pub fn store_aligned(&mut self, v: Value, a: Addr) {
        self.guard(if a.stack { Access::StackStore } else { Access::Other });
        self.b.ins().store(ALIGNED, v, a.base, a.disp);
    }

    /// Loads from guest memory.
    pub fn load(&mut self, ty: Type, a: Addr) -> Value {
        self.guard(Access::Load);
        match self.order(ty) {
            Order::Plain if matches!(ty, I8 | I16) && !self.host.x86 => {
                let ins = self.b.ins();
                let wide = if ty == I8 { ins.uload8(I32, GUEST, a.base, a.disp) } else { ins.uload16(I32, GUEST, a.base, a.disp) };
                self.b.ins().ireduce(ty, wide)
            }
            Order::Plain => self.b.ins().load(ty, GUEST, a.base, a.disp),
            Order::Instruction => {
                let at = self.host_value(a);
                let v = self.b.ins().atomic_load(ty.as_int(), GUEST, at);
                self.cast(v, ty)
            }
            Order::Barrier => {
                let v = self.b.ins().load(ty, GUEST, a.base, a.disp);
                self.barrier(LOAD_BARRIER);
                v
            }
        }
    }

    /// Loads an integer of width `w` as one of a wider type.
    pub fn load_extended(&mut self, ty: Type, w: Width, signed: bool, a: Addr) -> Value {
        if self.order(int(w)) != Order::Plain {
            let v = self.load(int(w), a);
            return if signed { self.sext(v, ty) } else { self.zext(v, ty) };
        }
        self.guard(Access::Load);
        let ins = self.b.ins();
        match (w, signed) {
            (Width::B1, false) => ins.uload8(ty, GUEST, a.base, a.disp),
            (Width::B1, true) => ins.sload8(ty, GUEST, a.base, a.disp),
            (Width::B2, false) => ins.uload16(ty, GUEST, a.base, a.disp),
            (Width::B2, true) => ins.sload16(ty, GUEST, a.base, a.disp),
            (Width::B4, false) => ins.uload32(GUEST, a.base, a.disp),
            (Width::B4, true) => ins.sload32(GUEST, a.base, a.disp),
            (Width::B8, _) => ins.load(ty, GUEST, a.base, a.disp),
        }
    }

    /// Stores to guest memory.
    pub fn store(&mut self, v: Value, a: Addr) {
        self.guard(if a.stack { Access::StackStore } else { Access::Other });
        match self.order(self.type_of(v)) {
            Order::Plain => _ = self.b.ins().store(GUEST, v, a.base, a.disp),
            Order::Instruction => {
                let (at, v) = (self.host_value(a), self.cast(v, self.type_of(v).as_int()));
                self.b.ins().atomic_store(GUEST, v, at);
            }
            Order::Barrier => {
                self.barrier(STORE_BARRIER);
                self.b.ins().store(GUEST, v, a.base, a.disp);
            }
        }
    }

    /// Flags and address for an atomic access, behind which [`Lift::locked`] must be called.
    pub fn atomic(&mut self, a: Addr) -> (MemFlagsData, Value) {
        self.guard_by_memory(Access::Other);
        (GUEST, self.host_value(a))
    }

    /// A host address as one value.
    pub fn host_value(&mut self, a: Addr) -> Value {
        self.add_const(a.base, i64::from(a.disp))
    }

    /// Notes that from here on `a` is a multiple of `size`, 16 or 32; returns whether that is news.
    pub fn note_aligned(&mut self, a: Addr, size: i32) -> bool {
        let news = !self.is_aligned(a, size);
        if news {
            let (base, at) = self.base_and_distance(a);
            self.known.aligned.push((base, at, size));
        }
        news
    }

    /// Whether `a` is known to be a multiple of `size`.
    fn is_aligned(&self, a: Addr, size: i32) -> bool {
        let (base, at) = self.base_and_distance(a);
        self.known.aligned.iter().any(|(b, d, s)| *b == base && *s >= size && at.wrapping_sub(*d) & (size - 1) == 0)
    }

    fn base_and_distance(&self, a: Addr) -> (Value, i32) {
        let (base, c) = self.as_sum(a.base);
        (base, (c as i32).wrapping_add(a.disp))
    }

    /// Stores what lies behind a store that has just been made, if it can't fault where that didn't. The two aren't ordered, being of one instruction.
    pub fn store_behind(&mut self, v: Value, a: Addr) {
        self.b.ins().store(GUEST, v, a.base, a.disp);
    }

    /// Before a store of 32 bytes in two halves: faults if either would. Only at the end of a page may one of them fault and the other not; there both
    /// are tried, by additions of zero.
    pub fn make_writable(&mut self, a: Addr) {
        const LAST: i64 = 4096 - 32;
        if self.is_aligned(a, 32) {
            return;
        }
        self.guard_by_memory(if a.stack { Access::StackStore } else { Access::Other });
        let v = self.host_value(a);
        let within = self.b.ins().band_imm_u(v, 4095);
        let crosses = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, within, LAST);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(crosses, cold, &[] as &[BlockArg], next, &[] as &[BlockArg]);
        self.b.switch_to_block(cold);
        let zero = self.b.ins().iconst(I8, 0);
        for at in [0, 31] {
            let v = self.b.ins().iadd_imm_s(v, at);
            self.b.ins().atomic_rmw(I8, GUEST, AtomicRmwOp::Add, v, zero);
        }
        self.b.ins().jump(next, &[] as &[BlockArg]);
        self.b.switch_to_block(next);
    }

    /// The host address of the memory operand of `i`. `None` for 16-bit addressing, and for CS, through which nothing can be written.
    pub fn addr(&mut self, i: &Instruction) -> Option<Addr> {
        if i.memory_segment() == Register::CS {
            return None;
        }
        let e = self.effective(i)?;
        let segment = Seg::from_iced(i.memory_segment())?;
        self.check_not_null(i, segment);
        let seg = self.segment_base(segment);
        let stack = seg.is_none() && i.memory_index() == Register::None && Gpr::from_iced(i.memory_base()) == Some(Gpr::Rsp);
        Some(Addr { stack, ..self.host(e, seg) })
    }

    /// The host address of an element of a gather `i`, which has a base register, from its index of 64 bits.
    pub fn addr_of_element(&mut self, i: &Instruction, index: Value) -> Option<Addr> {
        if i.memory_segment() == Register::CS {
            return None;
        }
        let base = Gpr::from_iced(i.memory_base())?;
        let w = Width::from_bytes(i.memory_base().size()).filter(|w| *w >= Width::B4)?;
        let (base, index) = (self.reg(base, w), self.zext(index, int(w)));
        let sum = self.sum(base, index, i.memory_index_scale().trailing_zeros());
        let segment = Seg::from_iced(i.memory_segment())?;
        self.check_not_null(i, segment);
        let seg = self.segment_base(segment);
        Some(self.host(Effective { sum: Some(sum), disp: w.sign_extend(i.memory_displacement64()), w }, seg))
    }

    /// Loads from guest memory if `wanted` isn't zero; else the result is anything.
    pub fn load_if(&mut self, ty: Type, wanted: Value, a: Addr) -> Value {
        let (at, harmless) = (self.host_value(a), self.state);
        let at = self.b.ins().select(wanted, at, harmless);
        self.load(ty, Addr { base: at, disp: 0, stack: false })
    }

    /// The address in DS that `v`, of the mode's width, gives.
    pub fn linear(&mut self, v: Value) -> Addr {
        let seg = self.segment_base(Seg::Ds);
        self.host(Effective { sum: Some(v), disp: 0, w: self.word() }, seg)
    }

    /// A fixed guest address.
    pub fn addr_const(&mut self, a: forklift_x86::GuestAddr) -> Addr {
        self.host(Effective { sum: None, disp: a.get() as i64, w: self.word() }, None)
    }

    /// The effective address of the memory operand of `i` as LEA gives it, 32 or 64 bits wide.
    pub fn lea(&mut self, i: &Instruction) -> Option<Value> {
        let e = self.effective(i)?;
        Some(match e.sum {
            None => self.iconst(e.w, e.disp as u64),
            Some(v) => self.add_const(v, e.disp),
        })
    }

    /// The host address `disp` bytes from where a register of the mode's width points, in the stack segment.
    pub fn stack_addr(&mut self, r: Gpr, disp: i64) -> Addr {
        let sum = self.reg_word(r);
        let seg = self.segment_base(Seg::Ss);
        let stack = seg.is_none() && r == Gpr::Rsp;
        Addr { stack, ..self.host(Effective { sum: Some(sum), disp, w: self.word() }, seg) }
    }

    fn effective(&mut self, i: &Instruction) -> Option<Effective> {
        let (base, index) = (i.memory_base(), i.memory_index());
        if matches!(base, Register::RIP | Register::EIP) {
            let w = if base == Register::RIP { Width::B8 } else { Width::B4 };
            return Some(Effective { sum: None, disp: i.memory_displacement64() as i64, w });
        }
        let w = self.address_width(i)?;
        let part = |cx: &mut Self, r| Gpr::from_iced(r).map(|g| cx.reg(g, w));
        let shift = i.memory_index_scale().trailing_zeros();
        let disp = w.sign_extend(i.memory_displacement64());
        let sum = match (part(self, base), part(self, index)) {
            // There is no access to a sum of three, and Cranelift adds negative constants by way of a register.
            (Some(b), Some(x)) if !self.host.x86 && w == Width::B8 && (-4095..0).contains(&disp) => {
                let less = self.iconst(w, disp.unsigned_abs());
                let b = self.b.ins().isub(b, less);
                return Some(Effective { sum: Some(self.sum(b, x, shift)), disp: 0, w });
            }
            (Some(b), Some(x)) => Some(self.sum(b, x, shift)),
            (None, Some(x)) if shift != 0 => Some(self.b.ins().ishl_imm_u(x, i64::from(shift))),
            (b, x) => b.or(x),
        };
        Some(Effective { sum, disp, w })
    }

    /// 32 or 64 bits; `None` for 16.
    fn address_width(&self, i: &Instruction) -> Option<Width> {
        match (i.memory_base(), i.memory_index()) {
            (Register::None, Register::None) => match i.memory_displ_size() {
                8 => Some(Width::B8),
                4 => Some(Width::B4),
                _ => None,
            },
            (Register::None, r) | (r, _) if r.is_gpr32() => Some(Width::B4),
            (Register::None, r) | (r, _) if r.is_gpr64() => Some(Width::B8),
            _ => None,
        }
    }

    /// In 32-bit mode FS or GS may hold a null selector, through which every access is #GP: the interpreter raises it.
    fn check_not_null(&mut self, i: &Instruction, s: Seg) {
        if self.is_64() || !matches!(s, Seg::Fs | Seg::Gs) || self.known.seg_base[s.index()].is_some() {
            return;
        }
        let access = self.load_state(I32, offset::seg_access(s));
        let null = self.b.ins().icmp_imm_s(IntCC::Equal, access, 0);
        let pc = GuestAddr::new(i.ip());
        self.side_path(null, |cx| cx.leave(LiftedExit::Step(pc)));
    }

    /// The base of a segment, if it is not known to be zero.
    fn segment_base(&mut self, s: Seg) -> Option<Value> {
        let flat = if self.is_64() { !matches!(s, Seg::Fs | Seg::Gs) } else { self.key.flat && !matches!(s, Seg::Fs | Seg::Gs) };
        if flat {
            return None;
        }
        let ty = int(self.word());
        let v = match self.known.seg_base[s.index()] {
            Some(v) => v,
            None => self.load_state(ty, offset::seg_base(s)),
        };
        self.known.seg_base[s.index()] = Some(v);
        Some(v)
    }

    fn host(&mut self, e: Effective, seg: Option<Value>) -> Addr {
        if self.is_64() { self.host_64(e, seg) } else { self.host_32(e, seg) }
    }

    fn host_64(&mut self, e: Effective, seg: Option<Value>) -> Addr {
        let (sum, disp) = match (e.sum, e.w) {
            (Some(v), Width::B8) => (Some(v), e.disp),
            (Some(v), _) => {
                let v = self.add_const(v, e.disp);
                (Some(self.zext(v, I64)), 0)
            }
            (None, w) => (None, w.truncate(e.disp as u64) as i64),
        };
        let sum = match (sum, seg) {
            (Some(a), Some(s)) => Some(self.b.ins().iadd(s, a)),
            (a, s) => a.or(s),
        };
        self.with_disp(sum, disp)
    }

    fn host_32(&mut self, e: Effective, seg: Option<Value>) -> Addr {
        let base = self.mem_base();
        let sum = match (e.sum, seg) {
            (Some(a), Some(s)) => Some(self.b.ins().iadd(s, a)),
            (a, s) => a.or(s),
        };
        let Some(sum) = sum else {
            return self.with_disp(Some(base), e.disp & 0xffff_ffff);
        };
        // If a fault there can't be interpreted, it must be one: nothing is mapped in the last 8 KiB, nor in the first 64.
        let lowest = if self.faults == Faults::Lost { -KERNELS } else { 1 - WINDOW_SLACK as i64 };
        let small = (lowest..WINDOW_SLACK as i64).contains(&e.disp);
        let sum = if small { sum } else { self.add_const(sum, e.disp) };
        let wide = self.widen(sum);
        let base = self.sum(base, wide, 0);
        Addr { base, disp: if small { e.disp as i32 } else { 0 }, stack: false }
    }

    /// `v` zero-extended to 64 bits: the whole register if `v` is the low half of one (32-bit mode).
    fn widen(&mut self, v: Value) -> Value {
        if let Some(r) = self.register_with_low(v) {
            return self.reg64(r);
        }
        if let Some((_, wide)) = self.known.widened.iter().find(|(narrow, _)| *narrow == v) {
            return *wide;
        }
        let wide = self.zext(v, I64);
        self.known.widened.push((v, wide));
        wide
    }

    /// `a + (b << shift)`, computed once: so the same address is the same value.
    fn sum(&mut self, a: Value, b: Value, shift: u32) -> Value {
        let (a, b) = if shift == 0 && b < a { (b, a) } else { (a, b) };
        if let Some((_, sum)) = self.known.sums.iter().find(|(of, _)| *of == (a, b, shift)) {
            return *sum;
        }
        let x = if shift == 0 { b } else { self.b.ins().ishl_imm_u(b, i64::from(shift)) };
        let sum = self.b.ins().iadd(a, x);
        self.known.sums.push(((a, b, shift), sum));
        sum
    }

    fn with_disp(&mut self, sum: Option<Value>, disp: i64) -> Addr {
        // There is room for the second half of a vector.
        match (sum, i32::try_from(disp).ok().filter(|d| *d < i32::MAX - 64)) {
            (Some(base), Some(disp)) => Addr { base, disp, stack: false },
            (None, _) => Addr { base: self.b.ins().iconst(I64, disp), disp: 0, stack: false },
            (Some(v), None) => {
                let d = self.b.ins().iconst(I64, disp);
                Addr { base: self.b.ins().iadd(v, d), disp: 0, stack: false }
            }
        }
    }

    pub(super) fn mem_base(&mut self) -> Value {
        let v = match self.known.mem_base {
            Some(v) => v,
            None => self.load_state(I64, offset::MEM_BASE),
        };
        self.known.mem_base = Some(v);
        v
    }
}
