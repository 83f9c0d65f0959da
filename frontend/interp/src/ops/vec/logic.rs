//! Bitwise logic. SDM vol. 1, 10.4.2.

use forklift_x86::bits;
use iced_x86::Mnemonic;

use super::{VMem, VReg, VecSource, binary, binary128};
use crate::build::{Form, Pick, Table, form};
use crate::vector::{V, VecReg};
use crate::{Exec, Memory, Op, Step};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pand, Pick::By(|i| binary!(and, i))),
            (Mnemonic::Pandn, Pick::By(|i| binary!(andn, i))),
            (Mnemonic::Por, Pick::By(|i| binary!(or, i))),
            (Mnemonic::Pxor, Pick::By(|i| binary!(xor, i))),
            (Mnemonic::Andps, Pick::By(|i| binary128!(and, i))),
            (Mnemonic::Andpd, Pick::By(|i| binary128!(and, i))),
            (Mnemonic::Andnps, Pick::By(|i| binary128!(andn, i))),
            (Mnemonic::Andnpd, Pick::By(|i| binary128!(andn, i))),
            (Mnemonic::Orps, Pick::By(|i| binary128!(or, i))),
            (Mnemonic::Orpd, Pick::By(|i| binary128!(or, i))),
            (Mnemonic::Xorps, Pick::By(|i| binary128!(xor, i))),
            (Mnemonic::Xorpd, Pick::By(|i| binary128!(xor, i))),
            (Mnemonic::Ptest, Pick::By(|i| if form(i, 1) == Form::Mem { Some(ptest::<VMem, M>) } else { Some(ptest::<VReg<1>, M>) })),
        ]
    }
}

/// PAND, ANDPS, ANDPD.
fn and<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u64, b| a & b)
}

/// PANDN, ANDNPS, ANDNPD: the destination is complemented.
fn andn<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u64, b| !a & b)
}

/// POR, ORPS, ORPD.
fn or<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u64, b| a | b)
}

/// PXOR, XORPS, XORPD.
fn xor<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
    a.zip(b, |a: u64, b| a ^ b)
}

/// PTEST: ZF if dest & src is zero, CF if !dest & src is zero; the other status flags are cleared.
fn ptest<S: VecSource, M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let b = S::get::<V<16>, M>(cx, op)?.bits();
    let a = V::<16>::read(cx.cpu, op.reg[0]).bits();
    let zf = if a & b == 0 { bits::ZF } else { 0 };
    let cf = if !a & b == 0 { bits::CF } else { 0 };
    cx.cpu.flags.set_status(zf | cf);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rig;

    #[test]
    fn the_destination_is_complemented() {
        assert_eq!(andn(V::<8>([0xf0; 8]), V([0x3c; 8])).0, [0x0c; 8]);
    }

    #[test]
    fn ptest_sets_two_flags_and_clears_the_others() {
        let status = |a: u128, b: u128| {
            let mut r = Rig::new64(&[0x66, 0x0f, 0x38, 0x17, 0xc1]).flags(bits::STATUS); // ptest xmm0, xmm1
            r.cpu.set_xmm(0, a);
            r.cpu.set_xmm(1, b);
            r.ok().status()
        };
        assert_eq!(status(1 << 100, 1 << 100), bits::CF);
        assert_eq!(status(1, 2), bits::ZF);
        assert_eq!(status(1, 3), 0);
        assert_eq!(status(0, 0), bits::ZF | bits::CF);
    }
}
