//! PMOVSX, PMOVZX. SDM vol. 1, 12.8.10.

use iced_x86::{Instruction, Mnemonic};

use super::{Xmm, run_widen};
use crate::build::{Form, Pick, Table, form};
use crate::place::Mem;
use crate::vector::{Lane, V};
use crate::{Int, Memory, RunFn};

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Pmovsxbw, Pick::By(pick::<u64, i8, i16, M>)),
            (Mnemonic::Pmovsxbd, Pick::By(pick::<u32, i8, i32, M>)),
            (Mnemonic::Pmovsxbq, Pick::By(pick::<u16, i8, i64, M>)),
            (Mnemonic::Pmovsxwd, Pick::By(pick::<u64, i16, i32, M>)),
            (Mnemonic::Pmovsxwq, Pick::By(pick::<u32, i16, i64, M>)),
            (Mnemonic::Pmovsxdq, Pick::By(pick::<u64, i32, i64, M>)),
            (Mnemonic::Pmovzxbw, Pick::By(pick::<u64, u8, u16, M>)),
            (Mnemonic::Pmovzxbd, Pick::By(pick::<u32, u8, u32, M>)),
            (Mnemonic::Pmovzxbq, Pick::By(pick::<u16, u8, u64, M>)),
            (Mnemonic::Pmovzxwd, Pick::By(pick::<u64, u16, u32, M>)),
            (Mnemonic::Pmovzxwq, Pick::By(pick::<u32, u16, u64, M>)),
            (Mnemonic::Pmovzxdq, Pick::By(pick::<u64, u32, u64, M>)),
        ]
    }
}

/// An instruction that extends lanes `L` to lanes `W`, reading `T` in all.
fn pick<T: Int, L: Lane, W: Lane + From<L>, M: Memory>(i: &Instruction) -> Option<RunFn<M>> {
    Some(match form(i, 1) {
        Form::Mem => |cx, op| run_widen::<T, Mem, M>(cx, op, extend::<L, W>),
        _ => |cx, op| run_widen::<T, Xmm<1>, M>(cx, op, extend::<L, W>),
    })
}

/// The low lanes, extended by their type's sign.
fn extend<L: Lane, W: Lane + From<L>>(b: V<16>) -> V<16> {
    V::from_fn(|i| W::from(b.lane::<L>(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs() {
        let v = V::<16>::from_bits(0xff80_7f01);
        assert_eq!(extend::<i8, i16>(v).lane::<u64>(0), 0xffff_ff80_007f_0001);
        assert_eq!(extend::<u8, u32>(v).bits(), 0xff_0000_0080_0000_007f_0000_0001);
        assert_eq!(extend::<i32, i64>(v).bits(), 0xffff_ffff_ff80_7f01);
    }
}
