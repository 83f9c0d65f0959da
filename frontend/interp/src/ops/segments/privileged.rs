//! Instructions that the kernel alone may use: #GP(0) for a program. SDM vol. 3A, 5.9; UMIP: 2.5; ICEBP.
//!
//! SGDT, SIDT, SLDT, STR and SMSW would be among them (UMIP), but Linux answers in the processor's place: [`super::umip`].

use forklift_x86::{Exit, Fault};
use iced_x86::Mnemonic;

use crate::Memory;
use crate::build::{Pick, Table};
use crate::ops::refuse;

pub(in crate::ops) const fn table<M: Memory>() -> Table<M> {
    const {
        &[
            (Mnemonic::Int1, Pick::One(|_, _| Err(Exit::Fault(Fault::Debug)))),
            (Mnemonic::Cli, Pick::One(refuse)),
            (Mnemonic::Sti, Pick::One(refuse)),
            (Mnemonic::In, Pick::One(refuse)),
            (Mnemonic::Out, Pick::One(refuse)),
            (Mnemonic::Lgdt, Pick::One(refuse)),
            (Mnemonic::Lidt, Pick::One(refuse)),
            (Mnemonic::Lldt, Pick::One(refuse)),
            (Mnemonic::Ltr, Pick::One(refuse)),
            (Mnemonic::Lmsw, Pick::One(refuse)),
            (Mnemonic::Clts, Pick::One(refuse)),
            (Mnemonic::Invd, Pick::One(refuse)),
            (Mnemonic::Wbinvd, Pick::One(refuse)),
            (Mnemonic::Invlpg, Pick::One(refuse)),
            (Mnemonic::Rdmsr, Pick::One(refuse)),
            (Mnemonic::Wrmsr, Pick::One(refuse)),
            (Mnemonic::Rdpmc, Pick::One(refuse)),
            (Mnemonic::Sysexit, Pick::One(refuse)),
            (Mnemonic::Sysexitq, Pick::One(refuse)),
            (Mnemonic::Sysret, Pick::One(refuse)),
            (Mnemonic::Sysretq, Pick::One(refuse)),
            (Mnemonic::Swapgs, Pick::One(refuse)),
        ]
    }
}
