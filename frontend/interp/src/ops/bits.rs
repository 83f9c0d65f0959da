//! Bit tests, bit scans, population count and CRC32. SDM vol. 1, 7.3.6; vol. 2.

use forklift_x86::{CcKind, CpuState, Exit, Feature, Gpr, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::exec::stack_fault;
use crate::place::{Imm, Lock, Mem, Place, Reg, Source, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Bt, Pick::By(|i| bit_form::<Test, M>(i))),
            (Mnemonic::Bts, Pick::By(|i| bit_form::<Set, M>(i))),
            (Mnemonic::Btr, Pick::By(|i| bit_form::<Reset, M>(i))),
            (Mnemonic::Btc, Pick::By(|i| bit_form::<Complement, M>(i))),
            (Mnemonic::Bsf, Pick::By(|i| from_source!(bsf, i, 0))),
            (Mnemonic::Bsr, Pick::By(|i| from_source!(bsr, i, 0))),
            (Mnemonic::Tzcnt, Pick::By(|i| from_source!(tzcnt, i, 0))),
            (Mnemonic::Lzcnt, Pick::By(|i| from_source!(lzcnt, i, 0))),
            (Mnemonic::Popcnt, Pick::By(|i| from_source!(popcnt, i, 0))),
            (Mnemonic::Crc32, Pick::By(|i| from_source!(crc32, i, 1))),
        ]
    }
}

/// Picks `$f::<T, S, M>` for a register destination and a source in register or memory; `T` is the width of operand `$k`.
macro_rules! from_source {
    ($f:ident, $i:expr, $k:expr) => {
        match form($i, 1) {
            Form::Reg => by_width!($f, $i, $k, Reg<1>),
            Form::Mem => by_width!($f, $i, $k, Mem),
            _ => None,
        }
    };
}
use from_source;

/// What BT and its kin do to the bit.
trait Action {
    /// Whether there is anything to write.
    const WRITES: bool;
    /// The operand with the bit that is set in `mask` changed.
    fn apply(v: u64, mask: u64) -> u64;
}

struct Test;
struct Set;
struct Reset;
struct Complement;

impl Action for Test {
    const WRITES: bool = false;
    fn apply(v: u64, _: u64) -> u64 {
        v
    }
}

impl Action for Set {
    const WRITES: bool = true;
    fn apply(v: u64, mask: u64) -> u64 {
        v | mask
    }
}

impl Action for Reset {
    const WRITES: bool = true;
    fn apply(v: u64, mask: u64) -> u64 {
        v & !mask
    }
}

impl Action for Complement {
    const WRITES: bool = true;
    fn apply(v: u64, mask: u64) -> u64 {
        v ^ mask
    }
}

fn bit_form<A: Action, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), form(i, 1), i.has_lock_prefix()) {
        (Form::Reg, Form::Reg, _) => by_width!(bit, i, 0, A, Reg<0>, Reg<1>),
        (Form::Reg, Form::Imm, _) => by_width!(bit, i, 0, A, Reg<0>, Imm),
        (Form::Mem, Form::Imm, false) => by_width!(bit, i, 0, A, Mem, Imm),
        (Form::Mem, Form::Imm, true) => by_width!(bit, i, 0, A, Lock, Imm),
        (Form::Mem, Form::Reg, false) => by_width!(bit_string, i, 0, A),
        (Form::Mem, Form::Reg, true) => by_width!(bit_string_locked, i, 0, A),
        _ => None,
    }
}

/// CF is the bit; the other flags stay (ZF by the manual, the rest as CPUs at hand do it).
#[inline(always)]
fn set_cf<M: Memory>(cx: &mut Exec<'_, M>, set: bool) {
    cx.cpu.flags.update(bits::CF, if set { bits::CF } else { 0 });
}

/// BT, BTS, BTR, BTC with the bit offset modulo the operand's width.
fn bit<T: Int, A: Action, D: Place, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let offset: T = S::get(cx, op)?;
    let mask = 1 << (offset.to_u64() & u64::from(T::BITS - 1));
    let old: T = if A::WRITES { D::update(cx, op, |v: T| T::from_u64(A::apply(v.to_u64(), mask)))? } else { D::get(cx, op)? };
    set_cf(cx, old.to_u64() & mask != 0);
    Ok(())
}

/// Linear address and mask of a bit in a bit string: the register is a signed offset from the memory operand.
#[inline(always)]
fn string_bit<T: Int, M: Memory>(cx: &Exec<'_, M>, op: &Op<M>) -> (u64, u64) {
    let offset = cx.gpr::<T>(op.reg[1]).to_i64();
    let units = offset >> T::BITS.trailing_zeros();
    let s = op.ea_shift;
    let at = cx.offset(op).wrapping_add_signed(units.wrapping_mul(T::BYTES as i64)) << s >> s;
    (cx.linear(op, at), 1 << (offset & i64::from(T::BITS - 1)))
}

/// What an access to a bit string ends with: through rsp or rbp, #SS where the bit's own address isn't canonical.
#[cold]
fn string_fault<M: Memory>(op: &Op<M>, exit: Exit) -> Exit {
    let of_stack = [Gpr::Rsp as u8, Gpr::Rbp as u8].contains(&op.base) && usize::from(op.seg) == CpuState::FLAT;
    if of_stack { stack_fault(exit) } else { exit }
}

/// The same in a bit string in memory. SDM vol. 1, 3.1.1.9 of vol. 2A, "Bit(BitBase, BitOffset)".
fn bit_string<T: Int, A: Action, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (addr, mask) = string_bit::<T, M>(cx, op);
    let old: T = if A::WRITES { cx.load_to_update(addr) } else { cx.load(addr) }.map_err(|e| string_fault(op, e))?;
    if A::WRITES {
        cx.store(addr, T::from_u64(A::apply(old.to_u64(), mask)))?;
    }
    set_cf(cx, old.to_u64() & mask != 0);
    Ok(())
}

fn bit_string_locked<T: Int, A: Action, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (addr, mask) = string_bit::<T, M>(cx, op);
    let old: T = cx.atomic_update(addr, |v: T| T::from_u64(A::apply(v.to_u64(), mask))).map_err(|e| string_fault(op, e))?;
    set_cf(cx, old.to_u64() & mask != 0);
    Ok(())
}

/// BSF: dest = index of the lowest bit that is set. A source of zero leaves the destination as it was.
fn bsf<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    if v != T::default() {
        cx.set_gpr(op.reg[0], T::from_u64(u64::from(v.to_u64().trailing_zeros())));
    }
    cx.cpu.flags.set(CcKind::Result, T::WIDTH, v.to_u64(), 0, 0);
    Ok(())
}

/// BSR: dest = index of the highest bit that is set.
fn bsr<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    if v != T::default() {
        cx.set_gpr(op.reg[0], T::from_u64(u64::from(63 - v.to_u64().leading_zeros())));
    }
    cx.cpu.flags.set(CcKind::Result, T::WIDTH, v.to_u64(), 0, 0);
    Ok(())
}

/// ZF: the count is 0; CF: the source is. The others are undefined, and stay.
fn count_flags<T: Int, M: Memory>(cx: &mut Exec<'_, M>, count: u32, source: T) {
    let zf = if count == 0 { bits::ZF } else { 0 };
    let cf = if source == T::default() { bits::CF } else { 0 };
    cx.cpu.flags.update(bits::ZF | bits::CF, zf | cf);
}

/// TZCNT: dest = number of zeroes below the lowest bit that is set. Without BMI1 the F3 prefix is ignored.
fn tzcnt<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if !cx.model.has(Feature::Bmi1) {
        return bsf::<T, S, M>(cx, op);
    }
    let v: T = S::get(cx, op)?;
    let n = v.to_u64().trailing_zeros().min(T::BITS);
    cx.set_gpr(op.reg[0], T::from_u64(n.into()));
    count_flags(cx, n, v);
    Ok(())
}

/// LZCNT: dest = number of zeroes above the highest bit that is set. Without it the F3 prefix is ignored.
fn lzcnt<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    if !cx.model.has(Feature::Lzcnt) {
        return bsr::<T, S, M>(cx, op);
    }
    let v: T = S::get(cx, op)?;
    let n = v.to_u64().leading_zeros() - (64 - T::BITS);
    cx.set_gpr(op.reg[0], T::from_u64(n.into()));
    count_flags(cx, n, v);
    Ok(())
}

/// POPCNT: dest = number of bits set. ZF if there are none; the other flags are cleared.
fn popcnt<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    cx.set_gpr(op.reg[0], T::from_u64(u64::from(v.to_u64().count_ones())));
    cx.cpu.flags.set_status(if v == T::default() { bits::ZF } else { 0 });
    Ok(())
}

/// The polynomial of CRC32, 0x11EDC6F41, bits reversed.
const CASTAGNOLI: u32 = 0x82f6_3b78;

/// The CRC of each byte.
const CRC_OF_BYTE: [u32; 256] = {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut c, mut k) = (i as u32, 0);
        while k < 8 {
            c = c >> 1 ^ if c & 1 != 0 { CASTAGNOLI } else { 0 };
            k += 1;
        }
        t[i] = c;
        i += 1;
    }
    t
};

/// CRC32: the checksum in dest goes on over the bytes of the source. No flags.
fn crc32<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    let seed: u32 = cx.gpr(op.reg[0]);
    let crc = v.to_u64().to_le_bytes()[..T::BYTES].iter().fold(seed, |c, &b| c >> 8 ^ CRC_OF_BYTE[usize::from(c as u8 ^ b)]);
    cx.set_gpr(op.reg[0], u64::from(crc));
    Ok(())
}

#[cfg(test)]
mod tests {
    use forklift_x86::{Fault, Gpr, bits};

    use crate::testing::{DATA, Rig};

    #[test]
    fn register_bit_offsets_wrap() {
        let r = Rig::new64(&[0x0f, 0xab, 0xc8]).with(Gpr::Rcx, 33).flags(bits::ZF | bits::CF).ok();
        assert_eq!((r.get(Gpr::Rax), r.status()), (2, bits::ZF));
        let r = Rig::new64(&[0x48, 0x0f, 0xba, 0xf0, 0x7f]).with(Gpr::Rax, u64::MAX).ok();
        assert_eq!((r.get(Gpr::Rax), r.flag(bits::CF)), (u64::MAX >> 1, true));
    }

    #[test]
    fn bit_strings_reach_both_ways() {
        let r = Rig::new64(&[0x0f, 0xab, 0x08]).with(Gpr::Rax, DATA + 16).with(Gpr::Rcx, 100).ok();
        assert_eq!(r.peek(16 + 12, 1), [1 << 4]);
        let r = Rig::new64(&[0x0f, 0xbb, 0x08]).with(Gpr::Rax, DATA + 16).with(Gpr::Rcx, -1i64 as u64).data(12, &[0, 0, 0, 0xff]).ok();
        assert_eq!((r.peek(15, 1), r.flag(bits::CF)), (vec![0x7f], true));
        // The offset is signed at operand size.
        let r = Rig::new64(&[0x66, 0x0f, 0xa3, 0x08]).with(Gpr::Rax, DATA + 16).with(Gpr::Rcx, 0xfff0).data(14, &[1]).ok();
        assert!(r.flag(bits::CF));
    }

    #[test]
    fn bt_needs_no_write_and_bts_does() {
        use crate::Perm;
        let mut r = Rig::new64(&[0x0f, 0xba, 0x20, 0x03]).with(Gpr::Rax, DATA);
        r.mem.protect(DATA, Perm::R);
        r.ok();
        let mut r = Rig::new64(&[0x0f, 0xba, 0x28, 0x03]).with(Gpr::Rax, DATA).flags(bits::CF);
        r.mem.protect(DATA, Perm::R);
        assert_eq!(r.exits(Fault::Page).status(), bits::CF);
    }

    #[test]
    fn locked_forms() {
        let r = Rig::new64(&[0xf0, 0x48, 0x0f, 0xb3, 0x08]).with(Gpr::Rax, DATA).with(Gpr::Rcx, 65).data(8, &[0xff]).ok();
        assert_eq!((r.peek(8, 1), r.flag(bits::CF)), (vec![0xfd], true));
        let r = Rig::new64(&[0xf0, 0x0f, 0xba, 0x38, 0x21]).with(Gpr::Rax, DATA).ok();
        assert_eq!(r.peek(0, 1), [2]);
    }

    #[test]
    fn scans() {
        let r = Rig::new64(&[0x48, 0x0f, 0xbc, 0xc1]).with(Gpr::Rcx, 1 << 40).ok();
        assert_eq!((r.get(Gpr::Rax), r.flag(bits::ZF)), (40, false));
        let r = Rig::new64(&[0x66, 0x0f, 0xbd, 0xc1]).with(Gpr::Rax, 0x1234_5678).with(Gpr::Rcx, 0xf_0100).ok();
        assert_eq!(r.get(Gpr::Rax), 0x1234_0008);
        let r = Rig::new64(&[0x0f, 0xbd, 0xc1]).with(Gpr::Rax, u64::MAX).ok();
        assert_eq!((r.get(Gpr::Rax), r.flag(bits::ZF)), (u64::MAX, true));
        let r = Rig::new64(&[0xf3, 0x0f, 0xbd, 0xc1]).with(Gpr::Rcx, 0x100).ok();
        assert_eq!(r.get(Gpr::Rax), 23);
        // Without LZCNT it executes as BSR.
        let mut r = Rig::new64(&[0xf3, 0x0f, 0xbd, 0xc1]).with(Gpr::Rcx, 0x100);
        r.interp = crate::Interp::new(forklift_x86::CpuModel::V2, u32::MAX);
        assert_eq!(r.ok().get(Gpr::Rax), 8);
    }

    #[test]
    fn counts() {
        let r = Rig::new64(&[0xf3, 0x48, 0x0f, 0xb8, 0x01]).with(Gpr::Rcx, DATA).data(0, &[0xff, 1, 0, 0, 0, 0, 0, 0x80]).flags(bits::STATUS).ok();
        assert_eq!((r.get(Gpr::Rax), r.status()), (10, 0));
        assert_eq!(Rig::new64(&[0xf3, 0x0f, 0xb8, 0xc1]).ok().status(), bits::ZF);
    }

    #[test]
    fn checksum() {
        // CRC-32C of "123456789" is 0xe3069283.
        let mut r = Rig::new64(&[0xf2, 0x48, 0x0f, 0x38, 0xf1, 0x01, 0xf2, 0x0f, 0x38, 0xf0, 0x41, 0x08]);
        r = r.with(Gpr::Rcx, DATA).with(Gpr::Rax, 0xaaaa_aaaa_ffff_ffff).data(0, b"123456789");
        assert_eq!((r.step(), r.step()), (Ok(()), Ok(())));
        assert_eq!(r.get(Gpr::Rax), 0xe306_9283 ^ 0xffff_ffff);
    }
}
