//! The instructions, one file per family, and the table that finds them.

mod arith;
mod avx;
mod bits;
mod bmi;
mod branch;
mod crypto;
mod data;
mod flagops;
mod fma;
mod host;
mod lanes;
mod masked;
mod mmx;
mod muldiv;
mod mxcsr;
mod shift;
mod sse_convert;
mod sse_float;
mod sse_int;
mod sse_move;
mod sse_product;
mod sse_shuffle;
mod sse_string;
mod stack;
mod string;
mod x87;

use std::sync::OnceLock;

use iced_x86::{Instruction, Mnemonic};

use crate::cx::Lift;
pub use host::HostCpu;
pub(crate) use host::sum_of_lanes;
pub(crate) use x87::X87Known;

/// Lifts one instruction. `None` if this form isn't lifted; nothing has been emitted then but values without effect.
pub(crate) type LiftFn = fn(&mut Lift<'_, '_>, &Instruction) -> Option<()>;

const FAMILIES: &[&[(Mnemonic, LiftFn)]] = &[
    arith::OPS,
    avx::OPS,
    bits::OPS,
    bmi::OPS,
    branch::OPS,
    crypto::SHA,
    data::OPS,
    flagops::OPS,
    fma::OPS,
    masked::OPS,
    mmx::OPS,
    muldiv::OPS,
    shift::OPS,
    stack::OPS,
    string::OPS,
    x87::OPS,
];

/// Operations on vectors: the legacy mnemonic, that of the VEX encodings, and the function for both.
type VectorOps = &'static [(Mnemonic, Mnemonic, LiftFn)];

const VECTOR_FAMILIES: &[VectorOps] =
    &[crypto::OPS, mxcsr::OPS, sse_convert::OPS, sse_float::OPS, sse_int::OPS, sse_move::OPS, sse_product::OPS, sse_shuffle::OPS, sse_string::OPS];

fn all() -> impl Iterator<Item = (Mnemonic, LiftFn)> {
    let vector = VECTOR_FAMILIES.iter().copied().flatten().flat_map(|(legacy, vex, f)| [(*legacy, *f), (*vex, *f)]);
    FAMILIES.iter().copied().flatten().copied().chain(vector)
}

/// The function that lifts a mnemonic.
pub(crate) fn lookup(m: Mnemonic) -> Option<LiftFn> {
    static TABLE: OnceLock<Vec<Option<LiftFn>>> = OnceLock::new();
    TABLE.get_or_init(table).get(m as usize).copied().flatten()
}

fn table() -> Vec<Option<LiftFn>> {
    let mut table = vec![None; Mnemonic::values().len()];
    for (m, f) in all() {
        debug_assert!(table[m as usize].is_none(), "{m:?} is in two tables");
        table[m as usize] = Some(f);
    }
    table
}

/// Every mnemonic that is lifted, in some of its forms at least.
pub fn lifted_mnemonics() -> impl Iterator<Item = Mnemonic> {
    all().map(|(m, _)| m)
}

/// Whether `i`, which isn't lifted, changes or reads what the host's processor keeps while emitted code runs, or what blocks are selected by.
pub(crate) fn changes_mode(i: &Instruction, x87_stubs: bool) -> bool {
    use Mnemonic as M;
    let x87 = x87_stubs && matches!(i.mnemonic(), M::Fldcw | M::Fldenv | M::Frstor);
    x87 || matches!(
        i.mnemonic(),
        M::Ldmxcsr
            | M::Vldmxcsr
            | M::Stmxcsr
            | M::Vstmxcsr
            | M::Fxsave
            | M::Fxsave64
            | M::Fxrstor
            | M::Fxrstor64
            | M::Xsave
            | M::Xsave64
            | M::Xsavec
            | M::Xsavec64
            | M::Xsaveopt
            | M::Xsaveopt64
            | M::Xrstor
            | M::Xrstor64
            | M::Wrfsbase
            | M::Wrgsbase
    )
}
