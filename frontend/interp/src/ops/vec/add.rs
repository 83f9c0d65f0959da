//! Packed addition, subtraction, minimum, maximum, average, absolute value. SDM vol. 1, 9.4.1, 10.4.4, 11.4.2, 12.6, 12.8.

use iced_x86::Mnemonic;

use super::{binary, binary128, unary};
use crate::Memory;
use crate::build::{Pick, Table};
use crate::vector::V;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Paddb, Pick::By(|i| binary!(paddb, i))),
            (Mnemonic::Paddw, Pick::By(|i| binary!(paddw, i))),
            (Mnemonic::Paddd, Pick::By(|i| binary!(paddd, i))),
            (Mnemonic::Paddq, Pick::By(|i| binary!(paddq, i))),
            (Mnemonic::Paddsb, Pick::By(|i| binary!(paddsb, i))),
            (Mnemonic::Paddsw, Pick::By(|i| binary!(paddsw, i))),
            (Mnemonic::Paddusb, Pick::By(|i| binary!(paddusb, i))),
            (Mnemonic::Paddusw, Pick::By(|i| binary!(paddusw, i))),
            (Mnemonic::Psubb, Pick::By(|i| binary!(psubb, i))),
            (Mnemonic::Psubw, Pick::By(|i| binary!(psubw, i))),
            (Mnemonic::Psubd, Pick::By(|i| binary!(psubd, i))),
            (Mnemonic::Psubq, Pick::By(|i| binary!(psubq, i))),
            (Mnemonic::Psubsb, Pick::By(|i| binary!(psubsb, i))),
            (Mnemonic::Psubsw, Pick::By(|i| binary!(psubsw, i))),
            (Mnemonic::Psubusb, Pick::By(|i| binary!(psubusb, i))),
            (Mnemonic::Psubusw, Pick::By(|i| binary!(psubusw, i))),
            (Mnemonic::Pminub, Pick::By(|i| binary!(pminub, i))),
            (Mnemonic::Pminsw, Pick::By(|i| binary!(pminsw, i))),
            (Mnemonic::Pminsb, Pick::By(|i| binary128!(pminsb, i))),
            (Mnemonic::Pminuw, Pick::By(|i| binary128!(pminuw, i))),
            (Mnemonic::Pminsd, Pick::By(|i| binary128!(pminsd, i))),
            (Mnemonic::Pminud, Pick::By(|i| binary128!(pminud, i))),
            (Mnemonic::Pmaxub, Pick::By(|i| binary!(pmaxub, i))),
            (Mnemonic::Pmaxsw, Pick::By(|i| binary!(pmaxsw, i))),
            (Mnemonic::Pmaxsb, Pick::By(|i| binary128!(pmaxsb, i))),
            (Mnemonic::Pmaxuw, Pick::By(|i| binary128!(pmaxuw, i))),
            (Mnemonic::Pmaxsd, Pick::By(|i| binary128!(pmaxsd, i))),
            (Mnemonic::Pmaxud, Pick::By(|i| binary128!(pmaxud, i))),
            (Mnemonic::Pavgb, Pick::By(|i| binary!(pavgb, i))),
            (Mnemonic::Pavgw, Pick::By(|i| binary!(pavgw, i))),
            (Mnemonic::Pabsb, Pick::By(|i| unary!(pabsb, i))),
            (Mnemonic::Pabsw, Pick::By(|i| unary!(pabsw, i))),
            (Mnemonic::Pabsd, Pick::By(|i| unary!(pabsd, i))),
            (Mnemonic::Psignb, Pick::By(|i| binary!(psignb, i))),
            (Mnemonic::Psignw, Pick::By(|i| binary!(psignw, i))),
            (Mnemonic::Psignd, Pick::By(|i| binary!(psignd, i))),
            (Mnemonic::Phaddw, Pick::By(|i| binary!(phaddw, i))),
            (Mnemonic::Phaddd, Pick::By(|i| binary!(phaddd, i))),
            (Mnemonic::Phaddsw, Pick::By(|i| binary!(phaddsw, i))),
            (Mnemonic::Phsubw, Pick::By(|i| binary!(phsubw, i))),
            (Mnemonic::Phsubd, Pick::By(|i| binary!(phsubd, i))),
            (Mnemonic::Phsubsw, Pick::By(|i| binary!(phsubsw, i))),
        ]
    }
}

/// Functions that combine the lanes of dest and src by a function of the lane type.
macro_rules! lanewise {
    ($($name:ident: $lane:ty => $f:expr;)*) => {$(
        fn $name<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
            a.zip::<$lane, $lane>(b, $f)
        }
    )*};
}

lanewise! {
    paddb: u8 => u8::wrapping_add;
    paddw: u16 => u16::wrapping_add;
    paddd: u32 => u32::wrapping_add;
    paddq: u64 => u64::wrapping_add;
    paddsb: i8 => i8::saturating_add;
    paddsw: i16 => i16::saturating_add;
    paddusb: u8 => u8::saturating_add;
    paddusw: u16 => u16::saturating_add;
    psubb: u8 => u8::wrapping_sub;
    psubw: u16 => u16::wrapping_sub;
    psubd: u32 => u32::wrapping_sub;
    psubq: u64 => u64::wrapping_sub;
    psubsb: i8 => i8::saturating_sub;
    psubsw: i16 => i16::saturating_sub;
    psubusb: u8 => u8::saturating_sub;
    psubusw: u16 => u16::saturating_sub;
    pminub: u8 => Ord::min;
    pminsw: i16 => Ord::min;
    pminsb: i8 => Ord::min;
    pminuw: u16 => Ord::min;
    pminsd: i32 => Ord::min;
    pminud: u32 => Ord::min;
    pmaxub: u8 => Ord::max;
    pmaxsw: i16 => Ord::max;
    pmaxsb: i8 => Ord::max;
    pmaxuw: u16 => Ord::max;
    pmaxsd: i32 => Ord::max;
    pmaxud: u32 => Ord::max;
    pavgb: u8 => |a, b| ((u16::from(a) + u16::from(b) + 1) >> 1) as u8;
    pavgw: u16 => |a, b| ((u32::from(a) + u32::from(b) + 1) >> 1) as u16;
    psignb: i8 => |a, b| a.wrapping_mul(b.signum());
    psignw: i16 => |a, b| a.wrapping_mul(b.signum());
    psignd: i32 => |a, b| a.wrapping_mul(b.signum());
}

/// PABSB: the most negative value stays.
fn pabsb<const N: usize>(b: V<N>) -> V<N> {
    b.map(i8::wrapping_abs)
}

/// PABSW.
fn pabsw<const N: usize>(b: V<N>) -> V<N> {
    b.map(i16::wrapping_abs)
}

/// PABSD.
fn pabsd<const N: usize>(b: V<N>) -> V<N> {
    b.map(i32::wrapping_abs)
}

/// `f` of neighbouring lanes: those of dest give the low half of the result, those of src the high half.
macro_rules! horizontal {
    ($($name:ident: $lane:ty => $f:expr;)*) => {$(
        fn $name<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
            let half = V::<N>::lanes::<$lane>() / 2;
            V::from_fn::<$lane>(|i| {
                let (v, k) = if i < half { (&a, 2 * i) } else { (&b, 2 * (i - half)) };
                $f(v.lane::<$lane>(k), v.lane::<$lane>(k + 1))
            })
        }
    )*};
}

horizontal! {
    phaddw: i16 => i16::wrapping_add;
    phaddd: i32 => i32::wrapping_add;
    phaddsw: i16 => i16::saturating_add;
    phsubw: i16 => i16::wrapping_sub;
    phsubd: i32 => i32::wrapping_sub;
    phsubsw: i16 => i16::saturating_sub;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(w: [i16; 4]) -> V<8> {
        V::from_fn(|i| w[i])
    }

    #[test]
    fn saturation() {
        let (a, b) = (words([i16::MAX, i16::MIN, -1, 5]), words([1, -1, 1, 3]));
        assert_eq!(paddsw(a, b), words([i16::MAX, i16::MIN, 0, 8]));
        assert_eq!(paddusw(a, b), words([i16::MIN, -1, -1, 8]));
        assert_eq!(psubsw(b, a), words([-32766, i16::MAX, 2, -2]));
        assert_eq!(psubusw(b, a), words([0, 0x7fff, 0, 0]));
    }

    #[test]
    fn signs_of_the_most_negative_value() {
        let min = words([i16::MIN; 4]);
        assert_eq!(pabsw(min), min);
        assert_eq!(psignw(min, words([-1, 0, 1, i16::MIN])), words([i16::MIN, 0, i16::MIN, i16::MIN]));
        assert_eq!(pminsw(min, words([0; 4])), min);
        assert_eq!(pmaxub(min, words([0x00ff; 4])), words([-32513; 4]));
    }

    #[test]
    fn averages_round_up_and_do_not_overflow() {
        assert_eq!(pavgb(V::<8>([255; 8]), V([254; 8])).0, [255; 8]);
        assert_eq!(pavgw(words([-1; 4]), words([-1; 4])), words([-1; 4]));
    }

    #[test]
    fn horizontal_order() {
        assert_eq!(phaddw(words([1, 2, 3, 4]), words([5, 6, i16::MAX, 1])), words([3, 7, 11, i16::MIN]));
        assert_eq!(phsubsw(words([1, 2, i16::MIN, 1]), words([5, 6, 0, i16::MIN])), words([-1, i16::MIN, -1, i16::MAX]));
    }
}
