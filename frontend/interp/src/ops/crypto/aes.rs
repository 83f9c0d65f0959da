//! AESENC and its kin. SDM vol. 1, 12.13; FIPS 197. The state is stored by columns: byte r + 4c is row r of column c.

use iced_x86::Mnemonic;

use super::galois::{inverse, multiply};
use crate::Memory;
use crate::build::{Pick, Table};
use crate::ops::vec::{binary128, bind_xmm, unary128};
use crate::vector::V;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Aesenc, Pick::By(|i| binary128!(aesenc, i))),
            (Mnemonic::Aesenclast, Pick::By(|i| binary128!(aesenclast, i))),
            (Mnemonic::Aesdec, Pick::By(|i| binary128!(aesdec, i))),
            (Mnemonic::Aesdeclast, Pick::By(|i| binary128!(aesdeclast, i))),
            (Mnemonic::Aesimc, Pick::By(|i| unary128!(inverse_mix_columns, i))),
            (Mnemonic::Aeskeygenassist, Pick::By(|i| bind_xmm!(run_unary, i, aeskeygenassist))),
        ]
    }
}

/// The S-box: the inverse, then an affine map.
const SUB: [u8; 256] = {
    let (mut t, mut i) = ([0; 256], 0);
    while i < 256 {
        let v = inverse(i as u8);
        t[i] = v ^ v.rotate_left(1) ^ v.rotate_left(2) ^ v.rotate_left(3) ^ v.rotate_left(4) ^ 0x63;
        i += 1;
    }
    t
};

/// Its inverse.
const INVERSE_SUB: [u8; 256] = {
    let (mut t, mut i) = ([0; 256], 0);
    while i < 256 {
        t[SUB[i] as usize] = i as u8;
        i += 1;
    }
    t
};

/// ShiftRows: row r moves r columns to the left.
fn shift_rows(v: V<16>) -> V<16> {
    V::from_fn(|i| v.0[(i + 4 * (i % 4)) % 16])
}

fn inverse_shift_rows(v: V<16>) -> V<16> {
    V::from_fn(|i| v.0[(i + 16 - 4 * (i % 4)) % 16])
}

/// Each column times the circulant matrix whose first row is `row`.
fn mix(v: V<16>, row: [u8; 4]) -> V<16> {
    V::from_fn(|i| (0..4).fold(0, |sum, k| sum ^ multiply(v.0[i / 4 * 4 + (i + k) % 4], row[k])))
}

fn inverse_mix_columns(v: V<16>) -> V<16> {
    mix(v, [14, 11, 13, 9])
}

fn xor(a: V<16>, b: V<16>) -> V<16> {
    a.zip(b, |a: u64, b| a ^ b)
}

fn aesenclast(a: V<16>, key: V<16>) -> V<16> {
    xor(shift_rows(a).map(|b: u8| SUB[usize::from(b)]), key)
}

fn aesenc(a: V<16>, key: V<16>) -> V<16> {
    xor(mix(aesenclast(a, V::ZERO), [2, 3, 1, 1]), key)
}

fn aesdeclast(a: V<16>, key: V<16>) -> V<16> {
    xor(inverse_shift_rows(a).map(|b: u8| INVERSE_SUB[usize::from(b)]), key)
}

fn aesdec(a: V<16>, key: V<16>) -> V<16> {
    xor(inverse_mix_columns(aesdeclast(a, V::ZERO)), key)
}

/// AESKEYGENASSIST: SubWord, and its rotation plus the round constant, of doublewords 1 and 3.
fn aeskeygenassist(b: V<16>, rcon: u8) -> V<16> {
    let sub = b.map(|b: u8| SUB[usize::from(b)]);
    V::from_fn(|i| {
        let word: u32 = sub.lane(i | 1);
        if i % 2 == 0 { word } else { word.rotate_right(8) ^ u32::from(rcon) }
    })
}
