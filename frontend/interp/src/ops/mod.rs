//! Semantic functions, a file per family, and the table that finds them by mnemonic.
//!
//! A family is `pub(super) const fn table<M: Memory>() -> Table<M>`. Each mnemonic stands in one family only: a test checks it.

mod arith;
mod x87;

use forklift_x86::{Exit, Fault};

use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

/// More than iced has mnemonics.
const MNEMONICS: usize = 2048;

type Lookup<M> = [Option<Pick<M>>; MNEMONICS];

/// All families, a line each.
const fn families<M: Memory>() -> &'static [Table<M>] {
    const {
        &[
            arith::table(),
            x87::arith::table(),
            x87::compare::table(),
            x87::control::table(),
            x87::moves::table(),
            x87::unary::table(), //
        ]
    }
}

const fn by_mnemonic<M: Memory>() -> Lookup<M> {
    let mut all = [None; MNEMONICS];
    let families = families::<M>();
    let mut f = 0;
    while f < families.len() {
        let mut e = 0;
        while e < families[f].len() {
            let (mnemonic, pick) = families[f][e];
            assert!(all[mnemonic as usize].is_none(), "a mnemonic stands in two families");
            all[mnemonic as usize] = Some(pick);
            e += 1;
        }
        f += 1;
    }
    all
}

/// What interprets each mnemonic.
pub(crate) fn table<M: Memory>() -> &'static Lookup<M> {
    const { &by_mnemonic::<M>() }
}

/// What is not interpreted, and what is no instruction: #UD.
pub(crate) fn invalid<M: Memory>(_: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    Err(Exit::Fault(Fault::InvalidOpcode))
}
