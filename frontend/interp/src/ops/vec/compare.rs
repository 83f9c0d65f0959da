//! Packed integer comparison: lanes of ones or zeroes. SDM vol. 1, 9.4.3, 12.8.6, 12.11.

use iced_x86::Mnemonic;

use super::{binary, binary128};
use crate::Memory;
use crate::build::{Pick, Table};
use crate::vector::V;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pcmpeqb, Pick::By(|i| binary!(pcmpeqb, i))),
            (Mnemonic::Pcmpeqw, Pick::By(|i| binary!(pcmpeqw, i))),
            (Mnemonic::Pcmpeqd, Pick::By(|i| binary!(pcmpeqd, i))),
            (Mnemonic::Pcmpeqq, Pick::By(|i| binary128!(pcmpeqq, i))),
            (Mnemonic::Pcmpgtb, Pick::By(|i| binary!(pcmpgtb, i))),
            (Mnemonic::Pcmpgtw, Pick::By(|i| binary!(pcmpgtw, i))),
            (Mnemonic::Pcmpgtd, Pick::By(|i| binary!(pcmpgtd, i))),
            (Mnemonic::Pcmpgtq, Pick::By(|i| binary128!(pcmpgtq, i))),
        ]
    }
}

/// A comparison of lanes of one type.
macro_rules! comparisons {
    ($($name:ident: $lane:ty => $f:expr;)*) => {$(
        fn $name<const N: usize>(a: V<N>, b: V<N>) -> V<N> {
            a.zip::<$lane, $lane>(b, |a, b| if $f(&a, &b) { !0 } else { 0 })
        }
    )*};
}

comparisons! {
    pcmpeqb: u8 => u8::eq;
    pcmpeqw: u16 => u16::eq;
    pcmpeqd: u32 => u32::eq;
    pcmpeqq: u64 => u64::eq;
    pcmpgtb: i8 => i8::gt;
    pcmpgtw: i16 => i16::gt;
    pcmpgtd: i32 => i32::gt;
    pcmpgtq: i64 => i64::gt;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_is_signed() {
        assert_eq!(pcmpgtb(V::<8>([0x80; 8]), V([0x7f; 8])).0, [0; 8]);
        assert_eq!(pcmpgtq(V::<8>::ZERO, V([0xff; 8])).0, [0xff; 8]);
        assert_eq!(pcmpeqd(V::<8>([1, 2, 3, 4, 5, 6, 7, 8]), V([1, 2, 3, 4, 5, 6, 7, 9])).0, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    }
}
