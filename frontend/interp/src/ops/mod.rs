//! Semantic functions, a file per family, and the table that finds them by mnemonic.
//!
//! A family is `pub(super) const fn table<M: Memory>() -> Table<M>`. Each mnemonic stands in one family only, but for those that
//! name unlike instructions (MOVSD and CMPSD, moves of segment registers, far jumps): two families have those, each with a `Pick` that refuses the
//! other's forms.

mod arith;
mod atomic;
mod bcd;
mod bits;
mod bmi;
mod control;
mod crypto;
mod logic;
mod machine;
mod misc;
mod moves;
mod muldiv;
mod segments;
mod shift;
mod stack;
mod state;
mod string;
mod vec;
pub(crate) mod vex;
pub(crate) mod x87;

use forklift_x86::{Exit, Fault, Gpr, Seg};
use iced_x86::Mnemonic;

use crate::build::{Pick, Table};
use crate::{Exec, Memory, Op, Step};

pub(crate) use misc::show_leaf;
pub(crate) use state::show_xcr;

/// More than iced has mnemonics.
const MNEMONICS: usize = 2048;

type Lookup<M> = [[Option<Pick<M>>; 2]; MNEMONICS];

/// All families, a line each.
const fn families<M: Memory>() -> &'static [Table<M>] {
    const {
        &[
            arith::table(),
            logic::table(),
            moves::table(),
            shift::table(),
            muldiv::table(),
            stack::table(),
            control::table(),
            misc::table(),
            atomic::table(),
            bcd::table(),
            bits::table(),
            bmi::table(),
            crypto::aes::table(),
            crypto::galois::table(),
            crypto::sha::table(),
            machine::table(),
            vec::amd::table(),
            segments::table(),
            segments::far::table(),
            segments::privileged::table(),
            segments::query::table(),
            segments::umip::table(),
            state::table(),
            string::table(),
            x87::arith::table(),
            x87::compare::table(),
            x87::control::table(),
            x87::env::table(),
            x87::moves::table(),
            x87::transcendental::table(),
            x87::unary::table(),
            vec::moves::table(),
            vec::logic::table(),
            vec::add::table(),
            vec::approx::table(),
            vec::compare::table(),
            vec::multiply::table(),
            vec::shift::table(),
            vec::shuffle::table(),
            vec::extract::table(),
            vec::extend::table(),
            vec::float::table(),
            vec::fcompare::table(),
            vec::convert::table(),
            vec::control::table(),
            vec::strings::table(),
            vex::broadcast::table(),
            vex::fma::table(),
            vex::gather::table(),
            vex::half::table(),
            vex::masked::table(),
            vex::moves::table(),
            vex::permute::table(),
            vex::tests_of_bits::table(),
            vex::variable::table(),
        ]
    }
}

/// Whether two families have the mnemonic.
const fn is_shared(m: Mnemonic) -> bool {
    use Mnemonic as N;
    matches!(m, N::Movsd | N::Cmpsd | N::Mov | N::Push | N::Pop | N::Jmp | N::Call)
}

const fn by_mnemonic<M: Memory>() -> Lookup<M> {
    let mut all = [[None; 2]; MNEMONICS];
    let families = families::<M>();
    let mut f = 0;
    while f < families.len() {
        let mut e = 0;
        while e < families[f].len() {
            let (mnemonic, pick) = families[f][e];
            let shared = is_shared(mnemonic) && all[mnemonic as usize][0].is_some();
            assert!(all[mnemonic as usize][shared as usize].is_none(), "a mnemonic stands in two families");
            all[mnemonic as usize][shared as usize] = Some(pick);
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

/// An access through FS or GS in 32-bit mode: its one part, unless the selector is null. (A repeated instruction that has nothing to do accesses nothing.)
pub(crate) fn through_segment<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let i = op.insn();
    let usable = Seg::ALL.get(usize::from(op.seg)).is_some_and(|&s| cx.cpu.segment(s).is_usable());
    let idle = i.is_string_instruction() && (i.has_rep_prefix() || i.has_repne_prefix()) && cx.cpu.get(Gpr::Rcx) << op.ea_shift == 0;
    match op.parts() {
        [part] if usable || idle => (part.run)(cx, part),
        _ => Err(cx.general_protection(0)),
    }
}

/// What a program may not do: #GP(0).
pub(crate) fn refuse<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    Err(cx.general_protection(0))
}

/// The same of an instruction that waits for the x87: what is pending comes first.
pub(crate) fn refuse_waiting<M: Memory>(cx: &mut Exec<'_, M>, _: &Op<M>) -> Step {
    if cx.cpu.x87.is_pending() { Err(Exit::Fault(Fault::X87)) } else { Err(cx.general_protection(0)) }
}
