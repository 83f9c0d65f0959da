//! PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. SDM vol. 2B, 4.1.

use forklift_x86::{Exit, Gpr, bits};
use iced_x86::{Code, Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pcmpestri, Pick::By(|i| explicit(i, Output::Index))),
            (Mnemonic::Pcmpestri64, Pick::By(|i| explicit(i, Output::Index))),
            (Mnemonic::Pcmpestrm, Pick::By(|i| explicit(i, Output::Mask))),
            (Mnemonic::Pcmpestrm64, Pick::By(|i| explicit(i, Output::Mask))),
            (Mnemonic::Pcmpistri, Pick::By(|i| pick(i, run::<Implicit, true, true, M>, run::<Implicit, false, true, M>))),
            (Mnemonic::Pcmpistrm, Pick::By(|i| pick(i, run::<Implicit, true, false, M>, run::<Implicit, false, false, M>))),
        ]
    }
}

#[derive(Clone, Copy)]
enum Output {
    Index,
    Mask,
}

/// The explicit lengths are in RAX and RDX with REX.W, in EAX and EDX without.
fn explicit<M: Memory>(i: &Instruction, output: Output) -> Option<RunFn<M>> {
    let wide = matches!(i.code(), Code::Pcmpestri64_xmm_xmmm128_imm8 | Code::Pcmpestrm64_xmm_xmmm128_imm8);
    match (wide, output) {
        (false, Output::Index) => pick(i, run::<Explicit<32>, true, true, M>, run::<Explicit<32>, false, true, M>),
        (false, Output::Mask) => pick(i, run::<Explicit<32>, true, false, M>, run::<Explicit<32>, false, false, M>),
        (true, Output::Index) => pick(i, run::<Explicit<64>, true, true, M>, run::<Explicit<64>, false, true, M>),
        (true, Output::Mask) => pick(i, run::<Explicit<64>, true, false, M>, run::<Explicit<64>, false, false, M>),
    }
}

fn pick<M: Memory>(i: &Instruction, mem: RunFn<M>, reg: RunFn<M>) -> Option<RunFn<M>> {
    Some(if form(i, 1) == Form::Mem { mem } else { reg })
}

/// How long a string is, in elements.
trait Length {
    /// `second`: the length of operand 1, not of operand 0.
    fn length<M: Memory>(cx: &Exec<'_, M>, s: &Text, second: bool) -> usize;
}

/// Up to the first zero.
struct Implicit;
/// The absolute value of a register of `BITS` bits.
struct Explicit<const BITS: u32>;

impl Length for Implicit {
    fn length<M: Memory>(_: &Exec<'_, M>, s: &Text, _: bool) -> usize {
        match s.capacity {
            16 => equal_bytes(s.bytes, 0).trailing_zeros().min(16) as usize,
            n => (0..n).find(|&i| s.at(i) == 0).unwrap_or(n),
        }
    }
}

impl<const BITS: u32> Length for Explicit<BITS> {
    fn length<M: Memory>(cx: &Exec<'_, M>, s: &Text, second: bool) -> usize {
        let v = cx.cpu.get(if second { Gpr::Rdx } else { Gpr::Rax });
        let v = (v as i64) << (64 - BITS) >> (64 - BITS);
        v.unsigned_abs().min(s.capacity as u64) as usize
    }
}

/// An operand. Its elements: bits 0–1 of the immediate say whether they are words and whether they are signed.
struct Text {
    bytes: u128,
    signed: bool,
    /// 8 words or 16 bytes.
    capacity: usize,
}

impl Text {
    fn new(v: V<16>, imm: u8) -> Self {
        Self { bytes: v.bits(), signed: imm & 2 != 0, capacity: if imm & 1 != 0 { 8 } else { 16 } }
    }

    fn at(&self, i: usize) -> i32 {
        match (self.capacity, self.signed) {
            (8, false) => i32::from((self.bytes >> (16 * (i & 7))) as u16),
            (8, true) => i32::from((self.bytes >> (16 * (i & 7))) as i16),
            (_, false) => i32::from((self.bytes >> (8 * (i & 15))) as u8),
            (_, true) => i32::from((self.bytes >> (8 * (i & 15))) as i8),
        }
    }
}

/// A bit for each of the 16 bytes in which `a` and `b` are equal.
fn equal_bytes(a: u128, b: u128) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let half = |x: u64| {
        // The high bit of each byte that is zero; the multiplication collects them in the highest byte.
        let zero = !(((x & LOW) + LOW) | x | LOW);
        ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    };
    half((a ^ b) as u64) | half(((a ^ b) >> 64) as u64) << 8
}

/// A bit for each byte of `s` that is the element `e`.
fn equal_to(s: &Text, e: i32) -> u32 {
    match s.capacity {
        16 => equal_bytes(s.bytes, u128::from(e as u8) * 0x0101_0101_0101_0101_0101_0101_0101_0101),
        _ => matches(s, |x| x == e),
    }
}

fn run<L: Length, const MEM: bool, const INDEX: bool, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let imm = op.imm as u8;
    let first = Text::new(V::read(cx.cpu, op.reg[0]), imm);
    let second = Text::new(if MEM { memory(cx, op)? } else { V::read(cx.cpu, op.reg[1]) }, imm);
    let lengths = (L::length(cx, &first, false), L::length(cx, &second, true));
    let n = first.capacity;
    let result = polarity(aggregate(&first, &second, lengths, imm), lengths.1, n, imm);
    if INDEX {
        cx.cpu.set(Gpr::Rcx, index(result, n, imm));
    } else {
        mask(result, n, imm).write(cx.cpu, 0);
    }
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    let (sf, zf) = (flag(lengths.0 < n, bits::SF), flag(lengths.1 < n, bits::ZF));
    cx.cpu.flags.set_status(sf | zf | flag(result != 0, bits::CF) | flag(result & 1 != 0, bits::OF));
    Ok(())
}

/// The memory operand needn't be aligned.
fn memory<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<V<16>, Exit> {
    cx.load(cx.ea(op)).map(V::from_bits)
}

/// IntRes1: a bit for each element of the second operand, by the operation in bits 2–3 of the immediate.
fn aggregate(first: &Text, second: &Text, (len1, len2): (usize, usize), imm: u8) -> u32 {
    let valid = (1 << len2) - 1;
    match imm >> 2 & 3 {
        0 => valid & (0..len1).fold(0, |r, i| r | equal_to(second, first.at(i))),
        1 => valid & (0..len1 / 2).fold(0, |r, i| r | matches(second, |e| first.at(2 * i) <= e && e <= first.at(2 * i + 1))),
        2 => each(first, second, len1, len2),
        _ => ordered(first, second, len1, len2),
    }
}

/// A bit for each element that `f` holds for.
fn matches(s: &Text, f: impl Fn(i32) -> bool) -> u32 {
    (0..s.capacity).fold(0, |r, j| r | u32::from(f(s.at(j))) << j)
}

/// Equal each: two invalid elements count as equal.
fn each(first: &Text, second: &Text, len1: usize, len2: usize) -> u32 {
    let n = first.capacity;
    let (both, all) = ((1 << len1.min(len2)) - 1, (1 << n) - 1);
    let equal = match n {
        16 => equal_bytes(first.bytes, second.bytes),
        _ => (0..n).fold(0, |r, j| r | u32::from(first.at(j) == second.at(j)) << j),
    };
    equal & both | all & !((1 << len1.max(len2)) - 1)
}

/// Equal ordered: where the first operand begins in the second, or in what can be seen of it.
fn ordered(first: &Text, second: &Text, len1: usize, len2: usize) -> u32 {
    let n = first.capacity;
    let (valid, all) = ((1u32 << len2) - 1, (1u32 << n) - 1);
    // Element i of the first must be at j + i; behind the end nothing is asked.
    (0..len1).fold(all, |r, i| r & ((equal_to(second, first.at(i)) & valid) >> i | all & !(all >> i)))
}

/// IntRes2: bits 4–5 of the immediate negate all bits, or those of valid elements.
fn polarity(result: u32, len2: usize, n: usize, imm: u8) -> u32 {
    match imm >> 4 & 3 {
        1 => result ^ ((1 << n) - 1),
        3 => result ^ ((1 << len2) - 1),
        _ => result,
    }
}

/// The lowest or (bit 6 of the immediate) highest element that is set; their number if there is none.
fn index(result: u32, n: usize, imm: u8) -> u64 {
    match (result, imm & 0x40 != 0) {
        (0, _) => n as u64,
        (_, false) => u64::from(result.trailing_zeros()),
        (_, true) => u64::from(result.ilog2()),
    }
}

/// A bit or (bit 6 of the immediate) an element of ones for each element that is set.
fn mask(result: u32, n: usize, imm: u8) -> V<16> {
    let set = |i: usize| result >> i & 1 != 0;
    match (imm & 0x40 != 0, n) {
        (false, _) => V::from_bits(u128::from(result)),
        (true, 8) => V::from_fn(|i| if set(i) { u16::MAX } else { 0 }),
        (true, _) => V::from_fn(|i| if set(i) { u8::MAX } else { 0 }),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Rig;
    use forklift_x86::{Gpr, bits};

    fn text(s: &str) -> u128 {
        let mut b = [0; 16];
        b[..s.len()].copy_from_slice(s.as_bytes());
        u128::from_le_bytes(b)
    }

    fn istri(a: &str, b: &str, imm: u8) -> (u64, u32) {
        let mut r = Rig::new64(&[0x66, 0x0f, 0x3a, 0x63, 0xc1, imm]); // pcmpistri xmm0, xmm1, imm
        r.cpu.set_xmm(0, text(a));
        r.cpu.set_xmm(1, text(b));
        let r = r.ok();
        (r.get(Gpr::Rcx), r.status())
    }

    #[test]
    fn searches() {
        assert_eq!(istri("xyz", "lazy dog", 0x00), (2, bits::CF | bits::ZF | bits::SF)); // any of
        assert_eq!(istri("09", "abc123", 0x04), (3, bits::CF | bits::ZF | bits::SF)); // range
        assert_eq!(istri("dog", "lazy dog, dog", 0x0c), (5, bits::CF | bits::ZF | bits::SF)); // substring
        assert_eq!(istri("dog", "lazy dog, dog", 0x4c), (10, bits::CF | bits::ZF | bits::SF)); // the last one
        assert_eq!(istri("same", "samba", 0x18), (3, bits::CF | bits::ZF | bits::SF)); // first difference
        assert_eq!(istri("q", "lazy", 0x00), (16, bits::ZF | bits::SF));
    }
}
