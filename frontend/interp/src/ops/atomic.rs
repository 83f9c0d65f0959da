//! Exchanges that programs synchronise with: XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B. SDM vol. 2; vol. 3A, 9.1.2.2.

use forklift_x86::{CcKind, Exit, Gpr, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Lock, Mem, Place, by_width};
use crate::{Exec, Int, Memory, Op, Prim, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Xadd, Pick::By(xadd_form)),
            (Mnemonic::Cmpxchg, Pick::By(cmpxchg_form)),
            (Mnemonic::Cmpxchg8b, Pick::By(|i| Some(if i.has_lock_prefix() { cmpxchg8b::<Locked, M> } else { cmpxchg8b::<Plain, M> }))),
            (Mnemonic::Cmpxchg16b, Pick::By(|i| Some(if i.has_lock_prefix() { cmpxchg16b::<Locked, M> } else { cmpxchg16b::<Plain, M> }))),
        ]
    }
}

fn xadd_form<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), i.has_lock_prefix()) {
        (Form::Reg, _) => by_width!(xadd_reg, i, 0),
        (Form::Mem, false) => by_width!(xadd, i, 0, Mem),
        (Form::Mem, true) => by_width!(xadd, i, 0, Lock),
        _ => None,
    }
}

fn cmpxchg_form<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    match (form(i, 0), i.has_lock_prefix()) {
        (Form::Reg, _) => by_width!(cmpxchg_reg, i, 0),
        (Form::Mem, false) => by_width!(cmpxchg, i, 0, Plain),
        (Form::Mem, true) => by_width!(cmpxchg, i, 0, Locked),
        _ => None,
    }
}

/// How a value in memory is compared and exchanged.
trait Exchange {
    /// Writes `new` if the value at `addr` is `expected`, else writes back what is there. Returns what was there.
    fn exchange<T: Prim, M: Memory>(cx: &mut Exec<'_, M>, addr: u64, expected: T, new: T) -> Result<T, Exit>;
}

/// Two accesses.
struct Plain;
/// Atomically.
struct Locked;

impl Exchange for Plain {
    fn exchange<T: Prim, M: Memory>(cx: &mut Exec<'_, M>, addr: u64, expected: T, new: T) -> Result<T, Exit> {
        let seen = cx.load_to_update(addr)?;
        cx.store(addr, if seen == expected { new } else { seen })?;
        Ok(seen)
    }
}

impl Exchange for Locked {
    fn exchange<T: Prim, M: Memory>(cx: &mut Exec<'_, M>, addr: u64, expected: T, new: T) -> Result<T, Exit> {
        cx.compare_exchange(addr, expected, new)
    }
}

/// XADD: src = dest, dest = dest + src.
fn xadd<T: Int, D: Place, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = cx.gpr(op.reg[1]);
    let a: T = D::update(cx, op, |a: T| T::from_u64(a.to_u64().wrapping_add(b.to_u64())))?;
    cx.set_gpr(op.reg[1], a);
    cx.cpu.flags.set(CcKind::Add, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Ok(())
}

/// XADD of registers: if both are one, the sum stays.
fn xadd_reg<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (a, b): (T, T) = (cx.gpr(op.reg[0]), cx.gpr(op.reg[1]));
    cx.set_gpr(op.reg[1], a);
    cx.set_gpr(op.reg[0], T::from_u64(a.to_u64().wrapping_add(b.to_u64())));
    cx.cpu.flags.set(CcKind::Add, T::WIDTH, a.to_u64(), b.to_u64(), 0);
    Ok(())
}

/// CMPXCHG: the flags of rAX − dest; dest = src if they are equal, else rAX = dest. The destination counts as written in both cases.
fn cmpxchg<T: Int, E: Exchange, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (expected, new): (T, T) = (cx.gpr(Gpr::Rax as u8), cx.gpr(op.reg[1]));
    let seen = E::exchange(cx, cx.ea(op), expected, new)?;
    if seen != expected {
        cx.set_gpr(Gpr::Rax as u8, seen);
    }
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, expected.to_u64(), seen.to_u64(), 0);
    Ok(())
}

/// CMPXCHG of registers. The one that isn't written isn't touched at all: 32 bits don't zero-extend it.
fn cmpxchg_reg<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let (expected, seen): (T, T) = (cx.gpr(Gpr::Rax as u8), cx.gpr(op.reg[0]));
    if seen == expected {
        cx.set_gpr(op.reg[0], cx.gpr::<T>(op.reg[1]));
    } else {
        cx.set_gpr(Gpr::Rax as u8, seen);
    }
    cx.cpu.flags.set(CcKind::Sub, T::WIDTH, expected.to_u64(), seen.to_u64(), 0);
    Ok(())
}

/// ZF; the other flags stay.
fn set_zf<M: Memory>(cx: &mut Exec<'_, M>, set: bool) {
    cx.cpu.flags.update(bits::ZF, if set { bits::ZF } else { 0 });
}

/// CMPXCHG8B: compares EDX:EAX, exchanges with ECX:EBX.
fn cmpxchg8b<E: Exchange, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let pair = |high: Gpr, low: Gpr| cx.cpu.get(high) << 32 | cx.cpu.get(low) & 0xffff_ffff;
    let (expected, new) = (pair(Gpr::Rdx, Gpr::Rax), pair(Gpr::Rcx, Gpr::Rbx));
    let seen = E::exchange(cx, cx.ea(op), expected, new)?;
    if seen != expected {
        cx.cpu.set(Gpr::Rax, seen & 0xffff_ffff);
        cx.cpu.set(Gpr::Rdx, seen >> 32);
    }
    set_zf(cx, seen == expected);
    Ok(())
}

/// CMPXCHG16B: compares RDX:RAX, exchanges with RCX:RBX. #GP if not aligned to 16 bytes.
fn cmpxchg16b<E: Exchange, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let addr = cx.ea(op);
    cx.check_aligned(addr, 16)?;
    let pair = |high: Gpr, low: Gpr| u128::from(cx.cpu.get(high)) << 64 | u128::from(cx.cpu.get(low));
    let (expected, new) = (pair(Gpr::Rdx, Gpr::Rax), pair(Gpr::Rcx, Gpr::Rbx));
    let seen = E::exchange(cx, addr, expected, new)?;
    if seen != expected {
        cx.cpu.set(Gpr::Rax, seen as u64);
        cx.cpu.set(Gpr::Rdx, (seen >> 64) as u64);
    }
    set_zf(cx, seen == expected);
    Ok(())
}

#[cfg(test)]
mod tests {
    use forklift_x86::{Fault, Gpr, bits};

    use crate::Perm;
    use crate::testing::{DATA, Rig};

    #[test]
    fn xadd_exchanges_and_adds() {
        let r = Rig::new64(&[0xf0, 0x0f, 0xc1, 0x0b]).with(Gpr::Rbx, DATA).with(Gpr::Rcx, 0xffff_ffff).data(0, &[1]).ok();
        assert_eq!((r.get(Gpr::Rcx), r.peek(0, 4)), (1, vec![0; 4]));
        assert!(r.flag(bits::CF) && r.flag(bits::ZF));
        let r = Rig::new64(&[0x0f, 0xc0, 0xc0]).with(Gpr::Rax, 0x1281).ok();
        assert_eq!((r.get(Gpr::Rax), r.flag(bits::OF)), (0x1202, true));
        let r = Rig::new64(&[0x0f, 0xc1, 0xd1]).with(Gpr::Rdx, 3).with(Gpr::Rcx, u64::MAX).ok();
        assert_eq!((r.get(Gpr::Rcx), r.get(Gpr::Rdx)), (2, 0xffff_ffff));
    }

    #[test]
    fn cmpxchg_of_registers() {
        let high = 0xaaaa_aaaa_0000_0000;
        let r = Rig::new64(&[0x0f, 0xb1, 0xd1]).with(Gpr::Rax, high | 5).with(Gpr::Rcx, high | 6).with(Gpr::Rdx, high | 7).ok();
        assert_eq!((r.get(Gpr::Rax), r.get(Gpr::Rcx), r.flag(bits::ZF), r.flag(bits::CF)), (6, high | 6, false, true));
        let r = Rig::new64(&[0x0f, 0xb1, 0xd1]).with(Gpr::Rax, high | 5).with(Gpr::Rcx, high | 5).with(Gpr::Rdx, high | 7).ok();
        assert_eq!((r.get(Gpr::Rax), r.get(Gpr::Rcx), r.flag(bits::ZF)), (high | 5, 7, true));
    }

    #[test]
    fn cmpxchg_in_memory_writes_always() {
        for lock in [&[][..], &[0xf0]] {
            let code = [lock, &[0x66, 0x0f, 0xb1, 0x0b]].concat();
            let r = Rig::new64(&code).with(Gpr::Rbx, DATA).with(Gpr::Rax, 0x1_0102).with(Gpr::Rcx, 0x55).data(0, &[2, 1]).ok();
            assert_eq!((r.peek(0, 2), r.flag(bits::ZF)), (vec![0x55, 0], true));
            let mut r = Rig::new64(&code).with(Gpr::Rbx, DATA).with(Gpr::Rax, 1).data(0, &[2, 1]);
            r.mem.protect(DATA, Perm::R);
            assert_eq!(r.exits(Fault::Page).get(Gpr::Rax), 1);
        }
    }

    #[test]
    fn what_is_updated_faults_as_a_write() {
        // add [rbx], ecx; lock add [rbx], ecx; inc dword [rbx]; cmpxchg [rbx], ecx; bts [rbx], ecx.
        for code in [&[0x01, 0x0b][..], &[0xf0, 0x01, 0x0b], &[0xff, 0x03], &[0x0f, 0xb1, 0x0b], &[0x0f, 0xab, 0x0b]] {
            let r = Rig::new64(code).with(Gpr::Rbx, 8).exits(Fault::Page);
            assert_eq!(r.cpu.error_code, Fault::PF_USER | Fault::PF_WRITE);
        }
    }

    #[test]
    fn pairs() {
        for lock in [&[][..], &[0xf0]] {
            let code = [lock, &[0x0f, 0xc7, 0x0f]].concat();
            let r = Rig::new64(&code).with(Gpr::Rdi, DATA + 1).with(Gpr::Rax, 1).with(Gpr::Rbx, 3).with(Gpr::Rcx, 4).flags(bits::STATUS);
            let r = r.data(1, &[1]).ok();
            assert_eq!((r.peek(1, 8), r.status()), (vec![3, 0, 0, 0, 4, 0, 0, 0], bits::STATUS));
            let r = Rig::new64(&code).with(Gpr::Rdi, DATA).with(Gpr::Rdx, !0).data(0, &[1, 0, 0, 0, 2]).ok();
            assert_eq!((r.get(Gpr::Rax), r.get(Gpr::Rdx), r.flag(bits::ZF)), (1, 2, false));
        }
    }

    #[test]
    fn wide_pairs_are_aligned() {
        let code = [0xf0, 0x48, 0x0f, 0xc7, 0x0f];
        let r = Rig::new64(&code).with(Gpr::Rdi, DATA + 16).with(Gpr::Rbx, 3).with(Gpr::Rcx, !0).ok();
        assert_eq!(r.peek(16, 16), [&[3, 0, 0, 0, 0, 0, 0, 0], &[0xff; 8][..]].concat());
        Rig::new64(&code).with(Gpr::Rdi, DATA + 8).exits(Fault::GeneralProtection);
    }
}
