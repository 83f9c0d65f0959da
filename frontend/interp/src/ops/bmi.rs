//! BMI1, BMI2 and ADX. SDM vol. 1, 5.1.16; vol. 2. TZCNT and LZCNT are with the bit scans.
//!
//! Flags that the manual leaves undefined become zero.

use forklift_x86::{Gpr, bits};
use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::place::{Imm, Mem, Reg, Source, by_width};
use crate::{Exec, Int, Memory, Op, RunFn, Step};

pub(super) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Andn, Pick::By(|i| second!(andn, i))),
            (Mnemonic::Bextr, Pick::By(|i| first!(bextr, i))),
            (Mnemonic::Bzhi, Pick::By(|i| first!(bzhi, i))),
            (Mnemonic::Blsi, Pick::By(|i| first!(blsi, i))),
            (Mnemonic::Blsmsk, Pick::By(|i| first!(blsmsk, i))),
            (Mnemonic::Blsr, Pick::By(|i| first!(blsr, i))),
            (Mnemonic::Mulx, Pick::By(|i| second!(mulx, i))),
            (Mnemonic::Pdep, Pick::By(|i| second!(pdep, i))),
            (Mnemonic::Pext, Pick::By(|i| second!(pext, i))),
            (Mnemonic::Rorx, Pick::By(rorx_form)),
            (Mnemonic::Sarx, Pick::By(|i| first!(sarx, i))),
            (Mnemonic::Shlx, Pick::By(|i| first!(shlx, i))),
            (Mnemonic::Shrx, Pick::By(|i| first!(shrx, i))),
            (Mnemonic::Adcx, Pick::By(|i| first!(adcx, i))),
            (Mnemonic::Adox, Pick::By(|i| first!(adox, i))),
        ]
    }
}

/// `$f::<T, S, M>` where operand 1 may be memory.
macro_rules! first {
    ($f:ident, $i:expr) => {
        if form($i, 1) == Form::Mem { by_width!($f, $i, 0, Mem) } else { by_width!($f, $i, 0, Reg<1>) }
    };
}
/// The same for operand 2.
macro_rules! second {
    ($f:ident, $i:expr) => {
        if form($i, 2) == Form::Mem { by_width!($f, $i, 0, Mem) } else { by_width!($f, $i, 0, Reg<2>) }
    };
}
use {first, second};

fn rorx_form<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    first!(rorx, i)
}

/// dest = `v`; ZF and SF are its, CF is given, OF is cleared.
fn finish<T: Int, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, v: T, cf: bool) -> Step {
    cx.set_gpr(op.reg[0], v);
    let zf = if v == T::default() { bits::ZF } else { 0 };
    let sf = if v.sign() { bits::SF } else { 0 };
    cx.cpu.flags.set_status(zf | sf | if cf { bits::CF } else { 0 });
    Ok(())
}

/// The low `n` bits.
const fn low_bits(n: u64) -> u64 {
    if n < 64 { (1 << n) - 1 } else { u64::MAX }
}

/// ANDN: !operand 1 & operand 2.
fn andn<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let a: T = cx.gpr(op.reg[1]);
    finish(cx, op, T::from_u64(!a.to_u64() & b.to_u64()), false)
}

/// BEXTR: bits from `control[7:0]` on, `control[15:8]` of them.
fn bextr<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    let control: u64 = cx.gpr(op.reg[2]);
    let (start, len) = (control & 0xff, control >> 8 & 0xff);
    let shifted = if start < 64 { v.to_u64() >> start } else { 0 };
    finish(cx, op, T::from_u64(shifted & low_bits(len)), false)
}

/// BZHI: the bits below the index; CF if the index is beyond the operand.
fn bzhi<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    let n = cx.gpr::<u64>(op.reg[2]) & 0xff;
    finish(cx, op, T::from_u64(v.to_u64() & low_bits(n)), n >= u64::from(T::BITS))
}

/// BLSI: the lowest bit that is set.
fn blsi<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    finish(cx, op, T::from_u64(v.to_u64() & v.to_u64().wrapping_neg()), v != T::default())
}

/// BLSMSK: ones up to the lowest bit that is set.
fn blsmsk<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    finish(cx, op, T::from_u64(v.to_u64() ^ v.to_u64().wrapping_sub(1)), v == T::default())
}

/// BLSR: all but the lowest bit that is set.
fn blsr<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v: T = S::get(cx, op)?;
    finish(cx, op, T::from_u64(v.to_u64() & v.to_u64().wrapping_sub(1)), v == T::default())
}

/// MULX: operand 0 and 1 = high and low half of RDX × operand 2; if they are one register, it gets the high half. No flags.
fn mulx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b: T = S::get(cx, op)?;
    let product = cx.gpr::<T>(Gpr::Rdx as u8).to_u128() * b.to_u128();
    cx.set_gpr(op.reg[1], T::from_u128(product));
    cx.set_gpr(op.reg[0], T::from_u128(product >> T::BITS));
    Ok(())
}

/// PDEP: the low bits of operand 1 go to the places that are set in operand 2. No flags.
fn pdep<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mask = S::get::<T, M>(cx, op)?.to_u64();
    let from = cx.gpr::<T>(op.reg[1]).to_u64();
    let places = (0..64).filter(|i| mask >> i & 1 != 0);
    let v = places.enumerate().fold(0, |v, (k, i)| v | (from >> k & 1) << i);
    cx.set_gpr(op.reg[0], T::from_u64(v));
    Ok(())
}

/// PEXT: the reverse.
fn pext<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let mask = S::get::<T, M>(cx, op)?.to_u64();
    let from = cx.gpr::<T>(op.reg[1]).to_u64();
    let places = (0..64).filter(|i| mask >> i & 1 != 0);
    let v = places.enumerate().fold(0, |v, (k, i)| v | (from >> i & 1) << k);
    cx.set_gpr(op.reg[0], T::from_u64(v));
    Ok(())
}

/// A count modulo the width.
fn count<T: Int>(n: u64) -> u32 {
    n as u32 & (T::BITS - 1)
}

/// RORX. No flags.
fn rorx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = S::get::<T, M>(cx, op)?.to_u128();
    let n = count::<T>(Imm::get::<u64, M>(cx, op)?);
    cx.set_gpr(op.reg[0], T::from_u128((v | v << T::BITS) >> n));
    Ok(())
}

/// SARX. No flags.
fn sarx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = S::get::<T, M>(cx, op)?.to_i64();
    let n = count::<T>(cx.gpr(op.reg[2]));
    cx.set_gpr(op.reg[0], T::from_u64((v >> n) as u64));
    Ok(())
}

/// SHLX. No flags.
fn shlx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = S::get::<T, M>(cx, op)?.to_u64();
    let n = count::<T>(cx.gpr(op.reg[2]));
    cx.set_gpr(op.reg[0], T::from_u64(v << n));
    Ok(())
}

/// SHRX. No flags.
fn shrx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let v = S::get::<T, M>(cx, op)?.to_u64();
    let n = count::<T>(cx.gpr(op.reg[2]));
    cx.set_gpr(op.reg[0], T::from_u64(v >> n));
    Ok(())
}

/// dest += source + `flag`, which becomes the carry; the other flags stay.
fn add_with<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, flag: u32) -> Step {
    let b = S::get::<T, M>(cx, op)?.to_u128();
    let carry = cx.cpu.flags.status() & flag != 0;
    let sum = cx.gpr::<T>(op.reg[0]).to_u128() + b + u128::from(carry);
    cx.set_gpr(op.reg[0], T::from_u128(sum));
    cx.cpu.flags.update(flag, if sum >> T::BITS != 0 { flag } else { 0 });
    Ok(())
}

/// ADCX.
fn adcx<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    add_with::<T, S, M>(cx, op, bits::CF)
}

/// ADOX.
fn adox<T: Int, S: Source, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    add_with::<T, S, M>(cx, op, bits::OF)
}
