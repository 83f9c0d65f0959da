//! Packed multiplication, sums of absolute differences, horizontal minimum. SDM vol. 1, 9.4.1, 10.4.4, 11.4.2, 12.6, 12.8.

use iced_x86::Mnemonic;

use super::{binary, binary128, bind_xmm, unary128};
use crate::Memory;
use crate::build::{Pick, Table};
use crate::vector::V;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pmullw, Pick::By(|i| binary!(pmullw, i))),
            (Mnemonic::Pmulhw, Pick::By(|i| binary!(pmulhw, i))),
            (Mnemonic::Pmulhuw, Pick::By(|i| binary!(pmulhuw, i))),
            (Mnemonic::Pmulhrsw, Pick::By(|i| binary!(pmulhrsw, i))),
            (Mnemonic::Pmulld, Pick::By(|i| binary128!(pmulld, i))),
            (Mnemonic::Pmuludq, Pick::By(|i| binary!(pmuludq, i))),
            (Mnemonic::Pmuldq, Pick::By(|i| binary128!(pmuldq, i))),
            (Mnemonic::Pmaddwd, Pick::By(|i| binary!(pmaddwd, i))),
            (Mnemonic::Pmaddubsw, Pick::By(|i| binary!(pmaddubsw, i))),
            (Mnemonic::Psadbw, Pick::By(|i| binary!(psadbw, i))),
            (Mnemonic::Mpsadbw, Pick::By(|i| bind_xmm!(run_binary, i, mpsadbw))),
            (Mnemonic::Phminposuw, Pick::By(|i| unary128!(phminposuw, i))),
        ]
    }
}

/// PMULLW: low halves of the products.
fn pmullw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, u16::wrapping_mul)
}

/// PMULHW: high halves of the signed products.
fn pmulhw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: i16, b| ((i32::from(a) * i32::from(b)) >> 16) as i16)
}

/// PMULHUW: high halves of the unsigned products.
fn pmulhuw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u16, b| ((u32::from(a) * u32::from(b)) >> 16) as u16)
}

/// PMULHRSW: signed products of 1.15 fractions, rounded.
fn pmulhrsw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: i16, b| (((i32::from(a) * i32::from(b)) >> 14).wrapping_add(1) >> 1) as i16)
}

/// PMULLD.
fn pmulld<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, u32::wrapping_mul)
}

/// PMULUDQ: 64-bit products of the even doublewords.
fn pmuludq<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u64, b| u64::from(a as u32) * u64::from(b as u32))
}

/// PMULDQ: the same, signed.
fn pmuldq<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: i64, b| i64::from(a as i32) * i64::from(b as i32))
}

/// PMADDWD: sums of neighbouring signed products, which wrap if all four factors are −2^15.
fn pmaddwd<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    V::from_fn(|i| {
        let product = |k| i32::from(a.lane::<i16>(k)) * i32::from(b.lane::<i16>(k));
        product(2 * i).wrapping_add(product(2 * i + 1))
    })
}

/// PMADDUBSW: saturated sums of neighbouring products, dest unsigned, src signed.
fn pmaddubsw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    V::from_fn(|i| {
        let product = |k| i16::from(a.lane::<u8>(k)) * i16::from(b.lane::<i8>(k));
        product(2 * i).saturating_add(product(2 * i + 1))
    })
}

/// PSADBW: the sum of eight absolute differences in each quadword.
fn psadbw<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    V::from_fn(|q| (8 * q..8 * q + 8).map(|i| u64::from(a.lane::<u8>(i).abs_diff(b.lane(i)))).sum::<u64>())
}

/// MPSADBW: eight sums of four absolute differences, of one block of src with blocks that begin one byte apart in dest.
fn mpsadbw(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    let (from, block) = (usize::from(imm >> 2 & 1) * 4, usize::from(imm & 3) * 4);
    V::from_fn(|i| (0..4).map(|k| u16::from(a.lane::<u8>(from + i + k).abs_diff(b.lane(block + k)))).sum::<u16>())
}

/// PHMINPOSUW: the smallest word and the number of its first lane.
fn phminposuw(b: V<16>) -> V<16> {
    let (value, at) = (0..8).map(|i| (b.lane::<u16>(i), i as u16)).min().unwrap_or_default();
    V::ZERO.with(0, value).with(1, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_products() {
        let min = V::<8>::from_fn(|_| i16::MIN);
        assert_eq!(pmulhw(min, min), V::from_fn(|_| 0x4000i16));
        assert_eq!(pmulhrsw(min, min), min);
        assert_eq!(pmaddwd(min, min), V::from_fn(|_| i32::MIN));
        assert_eq!(pmaddubsw(V::<8>([255; 8]), V([0x80; 8])), V::from_fn(|_| i16::MIN));
        assert_eq!(pmuludq(V::<8>([0xff; 8]), V([0xff; 8])), V::from_fn(|_| 0xffff_fffe_0000_0001u64));
        assert_eq!(pmuldq(V::<8>([0xff; 8]), V([0xff; 8])), V::from_fn(|_| 1u64));
    }

    #[test]
    fn sums_of_differences() {
        let (a, b) = (V::<16>::from_fn(|i| i as u8), V::<16>::from_fn(|i| 15 - i as u8));
        assert_eq!(psadbw(a, b), V::from_fn(|_| 64u64));
        // Dest from byte 4, the third block of src: 7, 6, 5, 4.
        assert_eq!(mpsadbw(a, b, 0b110).lane::<u16>(0), 3 + 1 + 1 + 3);
        assert_eq!(phminposuw(V::from_fn(|i| [9u16, 3, 0x8000, 3, 7, 8, 9, 9][i])), V::ZERO.with(0, 3u16).with(1, 1u16));
    }
}
