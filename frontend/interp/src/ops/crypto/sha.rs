//! SHA-1 and SHA-256 steps. SDM vol. 2, "SHA1RNDS4" and on; FIPS 180-4.

use iced_x86::{Instruction, Mnemonic};

use crate::build::{Form, Pick, Table, form};
use crate::ops::vec::{VMem, VReg, VecSource, binary128, bind_xmm, run_binary};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, RunFn, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Sha1msg1, Pick::By(|i| binary128!(sha1msg1, i))),
            (Mnemonic::Sha1msg2, Pick::By(|i| binary128!(sha1msg2, i))),
            (Mnemonic::Sha1nexte, Pick::By(|i| binary128!(sha1nexte, i))),
            (Mnemonic::Sha1rnds4, Pick::By(|i| bind_xmm!(run_binary, i, sha1rnds4))),
            (Mnemonic::Sha256msg1, Pick::By(|i| binary128!(sha256msg1, i))),
            (Mnemonic::Sha256msg2, Pick::By(|i| binary128!(sha256msg2, i))),
            (Mnemonic::Sha256rnds2, Pick::By(sha256rnds2)),
        ]
    }
}

/// The doublewords, lowest first.
fn words(v: V<16>) -> [u32; 4] {
    std::array::from_fn(|i| v.lane(i))
}

fn vector(w: [u32; 4]) -> V<16> {
    V::from_fn(|i| w[i])
}

/// SHA1MSG1.
fn sha1msg1(a: V<16>, b: V<16>) -> V<16> {
    let ([a0, a1, a2, a3], [.., b2, b3]) = (words(a), words(b));
    vector([a0 ^ b2, a1 ^ b3, a2 ^ a0, a3 ^ a1])
}

/// SHA1MSG2.
fn sha1msg2(a: V<16>, b: V<16>) -> V<16> {
    let ([a0, a1, a2, a3], [b0, b1, b2, _]) = (words(a), words(b));
    let w16 = (a3 ^ b2).rotate_left(1);
    vector([(a0 ^ w16).rotate_left(1), (a1 ^ b0).rotate_left(1), (a2 ^ b1).rotate_left(1), w16])
}

/// SHA1NEXTE.
fn sha1nexte(a: V<16>, b: V<16>) -> V<16> {
    let e: u32 = a.lane(3);
    b.with(3, b.lane::<u32>(3).wrapping_add(e.rotate_left(30)))
}

/// SHA1RNDS4: four rounds, of the kind that the immediate names.
fn sha1rnds4(a: V<16>, b: V<16>, imm: u8) -> V<16> {
    let ([mut d, mut c, mut b_, mut a_], w) = (words(a), words(b));
    let mut e = 0u32;
    for i in 0..4 {
        let (f, k) = match imm & 3 {
            0 => (b_ & c ^ !b_ & d, 0x5a82_7999),
            1 => (b_ ^ c ^ d, 0x6ed9_eba1),
            2 => (b_ & c ^ b_ & d ^ c & d, 0x8f1b_bcdc),
            _ => (b_ ^ c ^ d, 0xca62_c1d6u32),
        };
        let next = f.wrapping_add(a_.rotate_left(5)).wrapping_add(w[3 - i]).wrapping_add(e).wrapping_add(k);
        (a_, b_, c, d, e) = (next, a_, b_.rotate_left(30), c, d);
    }
    vector([d, c, b_, a_])
}

/// SHA256MSG1.
fn sha256msg1(a: V<16>, b: V<16>) -> V<16> {
    let ([a0, a1, a2, a3], [b0, ..]) = (words(a), words(b));
    let s0 = |w: u32| w.rotate_right(7) ^ w.rotate_right(18) ^ w >> 3;
    vector([a0.wrapping_add(s0(a1)), a1.wrapping_add(s0(a2)), a2.wrapping_add(s0(a3)), a3.wrapping_add(s0(b0))])
}

/// SHA256MSG2.
fn sha256msg2(a: V<16>, b: V<16>) -> V<16> {
    let ([a0, a1, a2, a3], [.., b2, b3]) = (words(a), words(b));
    let s1 = |w: u32| w.rotate_right(17) ^ w.rotate_right(19) ^ w >> 10;
    let (w16, w17) = (a0.wrapping_add(s1(b2)), a1.wrapping_add(s1(b3)));
    vector([w16, w17, a2.wrapping_add(s1(w16)), a3.wrapping_add(s1(w17))])
}

/// SHA256RNDS2: two rounds, with the sums of words and constants in XMM0.
fn sha256rnds2<M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    fn run<S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
        let wk = words(V::<16>::read(cx.cpu, 0));
        run_binary::<V<16>, S, M>(cx, op, |a, b, _| rounds(a, b, wk))
    }
    Some(if form(i, 1) == Form::Mem { run::<VMem, M> } else { run::<VReg<1>, M> })
}

fn rounds(first: V<16>, second: V<16>, wk: [u32; 4]) -> V<16> {
    let ([mut h, mut g, mut d, mut c], [mut f, mut e, mut b, mut a]) = (words(first), words(second));
    for wk in &wk[..2] {
        let ch = e & f ^ !e & g;
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let maj = a & b ^ a & c ^ b & c;
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t = ch.wrapping_add(s1).wrapping_add(*wk).wrapping_add(h);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t), c, b, a, t.wrapping_add(maj).wrapping_add(s0));
    }
    vector([f, e, b, a])
}
