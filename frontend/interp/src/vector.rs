//! Values of vector registers, seen as lanes; and the register files that they live in.

use forklift_x86::{CpuState, Exit, Fault};

use crate::{Exec, Memory, Step};

/// The value of a vector register or operand of `N` bytes: 8 for MMX, 16 for SSE. Little-endian, lane 0 first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct V<const N: usize>(pub(crate) [u8; N]);

/// An element of a vector.
pub(crate) trait Lane: Copy {
    /// Size in bytes.
    const BYTES: usize;
    /// Lane `i` of `b`.
    fn get(b: &[u8], i: usize) -> Self;
    /// Sets lane `i` of `b`.
    fn put(self, b: &mut [u8], i: usize);
}

macro_rules! lane {
    ($($t:ty),*) => {$(
        impl Lane for $t {
            const BYTES: usize = size_of::<$t>();
            #[inline(always)]
            fn get(b: &[u8], i: usize) -> Self {
                let at = i * Self::BYTES;
                let mut lane = [0; Self::BYTES];
                lane.copy_from_slice(&b[at..at + Self::BYTES]);
                <$t>::from_le_bytes(lane)
            }
            #[inline(always)]
            fn put(self, b: &mut [u8], i: usize) {
                let at = i * Self::BYTES;
                b[at..at + Self::BYTES].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

lane!(u8, u16, u32, u64, i8, i16, i32, i64, u128);

impl<const N: usize> V<N> {
    pub(crate) const ZERO: Self = Self([0; N]);

    /// How many lanes of type `L` there are.
    #[inline(always)]
    pub(crate) const fn lanes<L: Lane>() -> usize {
        N / L::BYTES
    }

    /// Lane `i`.
    #[inline(always)]
    pub(crate) fn lane<L: Lane>(&self, i: usize) -> L {
        L::get(&self.0, i)
    }

    /// The same with lane `i` replaced.
    #[inline(always)]
    pub(crate) fn with<L: Lane>(mut self, i: usize, l: L) -> Self {
        l.put(&mut self.0, i);
        self
    }

    /// A vector of `f` of each lane number.
    #[inline(always)]
    pub(crate) fn from_fn<L: Lane>(mut f: impl FnMut(usize) -> L) -> Self {
        let mut v = Self::ZERO;
        for i in 0..Self::lanes::<L>() {
            f(i).put(&mut v.0, i);
        }
        v
    }

    /// `f` of each lane.
    #[inline(always)]
    pub(crate) fn map<L: Lane, R: Lane>(self, mut f: impl FnMut(L) -> R) -> Self {
        Self::from_fn(|i| f(self.lane(i)))
    }

    /// `f` of each pair of lanes.
    #[inline(always)]
    pub(crate) fn zip<L: Lane, R: Lane>(self, b: Self, mut f: impl FnMut(L, L) -> R) -> Self {
        Self::from_fn(|i| f(self.lane(i), b.lane(i)))
    }

    /// A bit per lane, lane 0 lowest.
    #[inline(always)]
    pub(crate) fn mask<L: Lane>(self, f: impl Fn(L) -> bool) -> u32 {
        (0..Self::lanes::<L>()).fold(0, |m, i| m | u32::from(f(self.lane(i))) << i)
    }
}

impl V<16> {
    /// The vector as a number.
    #[inline(always)]
    pub(crate) const fn bits(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The vector with the bits of a number.
    #[inline(always)]
    pub(crate) const fn from_bits(v: u128) -> Self {
        Self(v.to_le_bytes())
    }
}

impl<const N: usize> V<N> {
    /// The sign bits of the bytes, byte 0 lowest.
    #[inline(always)]
    pub(crate) fn byte_signs(self) -> u64 {
        // The product moves the top bit of byte i to bit 56 + i; none of the partial products meet.
        let signs = |q: u64| (q & 0x8080_8080_8080_8080).wrapping_mul(0x0002_0408_1020_4081) >> 56;
        (0..N / 8).fold(0, |m, i| m | signs(self.lane(i)) << (8 * i))
    }
}

/// A register file with values of this type.
pub(crate) trait VecReg: Copy {
    /// What must hold before an instruction may use the file.
    fn check<M: Memory>(cx: &mut Exec<'_, M>) -> Step;
    /// What an instruction that used the file leaves, whatever it did.
    fn finish(cpu: &mut CpuState);
    /// Value of register `slot`.
    fn read(cpu: &CpuState, slot: u8) -> Self;
    /// Sets register `slot`.
    fn write(self, cpu: &mut CpuState, slot: u8);
    /// Reads an operand in memory, as instructions that demand alignment do: SSE operands of 16 bytes are aligned, MMX operands needn't be.
    fn load<M: Memory>(cx: &mut Exec<'_, M>, addr: u64) -> Result<Self, Exit>;
}

/// The exception summary bit of the x87 status word: an unmasked exception is pending.
const X87_ES: u16 = 0x80;

/// MMX: SDM vol. 1, chapter 9. Any MMX instruction resets TOP and marks all registers used; a write sets sign and exponent to ones.
impl VecReg for V<8> {
    #[inline(always)]
    fn check<M: Memory>(cx: &mut Exec<'_, M>) -> Step {
        if cx.cpu.x87.sw & X87_ES != 0 { Err(Exit::Fault(Fault::X87)) } else { Ok(()) }
    }

    #[inline(always)]
    fn finish(cpu: &mut CpuState) {
        cpu.x87.top = 0;
        cpu.x87.used = 0xff;
    }

    #[inline(always)]
    fn read(cpu: &CpuState, slot: u8) -> Self {
        Self(cpu.x87.regs[usize::from(slot & 7)].mantissa.to_le_bytes())
    }

    #[inline(always)]
    fn write(self, cpu: &mut CpuState, slot: u8) {
        let r = &mut cpu.x87.regs[usize::from(slot & 7)];
        r.mantissa = u64::from_le_bytes(self.0);
        r.sign_exp = 0xffff;
    }

    #[inline(always)]
    fn load<M: Memory>(cx: &mut Exec<'_, M>, addr: u64) -> Result<Self, Exit> {
        cx.load(addr).map(|v: u64| Self(v.to_le_bytes()))
    }
}

/// SSE: the low 128 bits; the others stay.
impl VecReg for V<16> {
    #[inline(always)]
    fn check<M: Memory>(_: &mut Exec<'_, M>) -> Step {
        Ok(())
    }

    #[inline(always)]
    fn finish(_: &mut CpuState) {}

    #[inline(always)]
    fn read(cpu: &CpuState, slot: u8) -> Self {
        Self(cpu.vec[usize::from(slot & 31)].low())
    }

    #[inline(always)]
    fn write(self, cpu: &mut CpuState, slot: u8) {
        cpu.vec[usize::from(slot & 31)].set_low(self.0);
    }

    #[inline(always)]
    fn load<M: Memory>(cx: &mut Exec<'_, M>, addr: u64) -> Result<Self, Exit> {
        cx.check_aligned(addr, 16)?;
        cx.load(addr).map(Self::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes() {
        let v = V::<8>::from_fn(|i| i as u16);
        assert_eq!(v.0, [0, 0, 1, 0, 2, 0, 3, 0]);
        assert_eq!(v.lane::<u32>(1), 0x3_0002);
        assert_eq!(v.with(0, 0xffu8).zip(v, |a: u8, b| a ^ b).0, [0xff, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(v.mask(|l: u16| l & 1 != 0), 0b1010);
        let v = V::<16>::from_fn(|i| [0u8, 0x80, 0x7f, 0xff][i * 7 / 3 % 4]);
        assert_eq!(v.byte_signs(), u64::from(v.mask(|l: i8| l < 0)));
    }
}
