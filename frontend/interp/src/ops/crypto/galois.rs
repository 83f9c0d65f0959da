//! PCLMULQDQ and GFNI. SDM vol. 2; the field is polynomials over GF(2) modulo x⁸ + x⁴ + x³ + x + 1, as in AES.

use iced_x86::Mnemonic;

use crate::Memory;
use crate::build::{Pick, Table};
use crate::ops::vec::{binary128, bind_xmm};
use crate::vector::V;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pclmulqdq, Pick::By(|i| bind_xmm!(run_binary, i, pclmulqdq))),
            (Mnemonic::Gf2p8mulb, Pick::By(|i| binary128!(gf2p8mulb, i))),
            (Mnemonic::Gf2p8affineqb, Pick::By(|i| bind_xmm!(run_binary, i, |a, b, imm| affine(a, b, imm, |v| v)))),
            (Mnemonic::Gf2p8affineinvqb, Pick::By(|i| bind_xmm!(run_binary, i, |a, b, imm| affine(a, b, imm, inverse)))),
        ]
    }
}

/// PCLMULQDQ: bits 0 and 4 of the immediate pick the quadwords.
fn pclmulqdq(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    let x = u128::from(a.lane::<u64>(usize::from(imm & 1)));
    let y = b.lane::<u64>(usize::from(imm >> 4 & 1));
    V::from_bits((0..64).filter(|i| y >> i & 1 != 0).fold(0, |p, i| p ^ x << i))
}

/// The product in the field.
pub(super) const fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut p, mut i) = (a, 0, 0);
    while i < 8 {
        if b >> i & 1 != 0 {
            p ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        i += 1;
    }
    p
}

/// The inverse in the field, which is the 254th power; 0 for 0.
pub(super) const fn inverse(a: u8) -> u8 {
    let (mut r, mut i) = (1, 0);
    while i < 254 {
        r = multiply(r, a);
        i += 1;
    }
    r
}

/// GF2P8MULB.
fn gf2p8mulb(a: V<16>, b: V<16>) -> V<16> {
    a.zip(b, multiply)
}

/// GF2P8AFFINEQB, GF2P8AFFINEINVQB: each byte, after `f`, times the matrix in its quadword of the second source, plus the immediate. The matrix's
/// first row is its highest byte.
fn affine(a: V<16>, b: V<16>, imm: u8, f: impl Fn(u8) -> u8) -> V<16> {
    V::from_fn(|i| {
        let (x, matrix) = (f(a.0[i]), b.lane::<u64>(i / 8).to_be_bytes());
        let product = (0..8).fold(0, |p, bit| p | ((matrix[bit] & x).count_ones() as u8 & 1) << bit);
        product ^ imm
    })
}
