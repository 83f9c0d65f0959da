//! The exception flags of MXCSR after translated code: which may differ from the CPU's, and after what.

use forklift_x86::Exit;
use iced_x86::{Instruction, Mnemonic as M};

use crate::batch::Outcome;
use crate::machine::End;

const INVALID: u32 = 1;
const DENORMAL: u32 = 2;
const PRECISION: u32 = 0x20;
const ALL: u32 = 0x3f;
/// Bit 3 of ROUNDxx's immediate: an inexact result isn't reported.
const QUIET: u64 = 8;

/// Other hosts than x86-64 keep none of them.
const HOST_HAS_THEM: bool = cfg!(target_arch = "x86_64");

/// Gives `got` the exception flags of `want` where `insns`, translated, need not keep them. Whether any differed.
pub fn forgive(insns: &[Instruction], want: &Outcome, got: &mut Outcome) -> bool {
    let different = (want.cpu.mxcsr ^ got.cpu.mxcsr) & ALL;
    let excused = different & if HOST_HAS_THEM { want.cpu.mxcsr & missing(insns) | got.cpu.mxcsr & added(insns, got.end) } else { ALL };
    got.cpu.mxcsr ^= excused;
    excused != 0
}

/// Flags that translated code may have left clear: what nothing uses isn't computed.
fn missing(insns: &[Instruction]) -> u32 {
    match insns {
        // All of its results are used. A quiet NaN is invalid for COMISx; hosts compare as UCOMISx does.
        [i] if matches!(i.mnemonic(), M::Comiss | M::Comisd | M::Vcomiss | M::Vcomisd) => INVALID,
        [_] => 0,
        _ => ALL,
    }
}

/// Flags that translated code may have set.
fn added(insns: &[Instruction], end: End) -> u32 {
    // Of the half that was done before the other half's access.
    let cut_off = if matches!(end, End::Exit(Exit::Fault(_))) { ALL } else { 0 };
    insns.iter().fold(cut_off, |flags, i| flags | added_by(i))
}

fn added_by(i: &Instruction) -> u32 {
    use M::*;
    match i.mnemonic() {
        // What doesn't fit is rounded all the same.
        Cvtpd2dq | Cvttpd2dq | Vcvtpd2dq | Vcvttpd2dq | Cvtpd2pi | Cvttpd2pi => PRECISION,
        Cvtss2si | Cvtsd2si | Vcvtss2si | Vcvtsd2si => PRECISION,
        // Whether it fits is found out by a comparison.
        Cvttss2si | Cvttsd2si | Vcvttss2si | Vcvttsd2si => DENORMAL,
        Roundss | Roundsd | Roundps | Roundpd | Vroundss | Vroundsd | Vroundps | Vroundpd if i.immediate(i.op_count() - 1) & QUIET != 0 => PRECISION,
        // Both operations are done in all lanes.
        Addsubps | Addsubpd | Vaddsubps | Vaddsubpd | Vfmaddsub132ps | Vfmaddsub213ps | Vfmaddsub231ps | Vfmaddsub132pd | Vfmaddsub213pd | Vfmaddsub231pd
        | Vfmsubadd132ps | Vfmsubadd213ps | Vfmsubadd231ps | Vfmsubadd132pd | Vfmsubadd213pd | Vfmsubadd231pd => ALL,
        _ => 0,
    }
}
