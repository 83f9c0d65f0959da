//! aarch64: `stp fp, lr, [sp, #-16]!; mov fp, sp`, pushes of callee-saved registers, `sub sp, sp, #N`, and the mirror image.

use core::ops::Range;

use super::{Frame, Hole};
use crate::host::{BR_X1, FRAME_ROOM};

/// Unit: bytes.
const INSN: usize = 4;
const STP_FP_LR: u32 = 0xa9bf_7bfd;
const MOV_FP_SP: u32 = 0x9100_03fd;
const LDP_FP_LR: u32 = 0xa8c1_7bfd;
const SUB_SP: u32 = 0xd100_03ff;
const ADD_SP: u32 = 0x9100_03ff;
const IMM12: u32 = 0xfff << 10;
const B: u32 = 0x1400_0000;

/// Pushes of callee-saved registers and the pops that undo them: the instructions without registers, and the bits that are registers.
const SAVES: [(u32, u32, u32); 4] = [
    // stp x, x, [sp, #-16]! / ldp x, x, [sp], #16
    (0xa9bf_03e0, 0xa8c1_03e0, 0x7c1f),
    // str x, [sp, #-16]! / ldr x, [sp], #16
    (0xf81f_0fe0, 0xf841_07e0, 0x1f),
    // stp d, d, [sp, #-16]! / ldp d, d, [sp], #16
    (0x6dbf_03e0, 0x6cc1_03e0, 0x7c1f),
    // str d, [sp, #-16]! / ldr d, [sp], #16
    (0xfc1f_0fe0, 0xfc41_07e0, 0x1f),
];

fn insn(code: &[u8], at: usize) -> Option<u32> {
    let bytes = code.get(at..at + INSN)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The pop that undoes the push `i`.
fn pop_of(i: u32) -> Option<u32> {
    SAVES.iter().find(|(push, _, regs)| i & !regs == *push).map(|(_, pop, regs)| pop | i & regs)
}

/// Smallest holes for jumps of both kinds. Unit: bytes.
pub(crate) const DIRECT: usize = INSN;
pub(crate) const TAIL: usize = INSN;

pub(super) fn parse(code: &[u8]) -> Option<Frame> {
    if insn(code, 0)? != STP_FP_LR || insn(code, INSN)? != MOV_FP_SP {
        return None;
    }
    let mut at = 2 * INSN;
    let mut undo = vec![LDP_FP_LR];
    while let Some(pop) = insn(code, at).and_then(pop_of) {
        undo.push(pop);
        at += INSN;
    }
    let sub = insn(code, at)?;
    let mut room = 16 * undo.len() as u32;
    if sub & !IMM12 == SUB_SP {
        undo.push(ADD_SP | sub & IMM12);
        room += (sub & IMM12) >> 10;
        at += INSN;
    }
    let epilogue = undo.iter().rev().flat_map(|i| i.to_le_bytes()).collect();
    (room <= FRAME_ROOM).then_some(Frame { entry: at, epilogue })
}

/// The `b` at `reloc`.
pub(super) fn direct_jump(code: &[u8], reloc: usize) -> Option<Range<usize>> {
    (insn(code, reloc)? >> 26 == B >> 26).then_some(reloc..reloc + INSN)
}

/// The `br x1` that ends at `end`.
pub(super) fn indirect_jump(code: &[u8], end: usize) -> Option<Range<usize>> {
    let start = end.checked_sub(INSN)?;
    (insn(code, start)? == BR_X1).then_some(start..end)
}

fn fill(code: &mut [u8], hole: Hole, jump: u32) -> usize {
    code[hole.clone()].fill(0);
    code[hole.start..hole.start + INSN].copy_from_slice(&jump.to_le_bytes());
    hole.start
}

/// Puts a jump into `hole` and returns the offset of its site, for `host::patch_jump`.
pub(crate) fn fill_direct(code: &mut [u8], hole: Hole, _base: usize) -> usize {
    fill(code, hole, B)
}

/// Puts an indirect jump into `hole` and returns the offset of its site, for `host::disarm_tail`.
pub(crate) fn fill_tail(code: &mut [u8], hole: Hole) -> usize {
    fill(code, hole, BR_X1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_with_spills_and_saves() {
        // stp fp, lr; mov fp, sp; str x23; stp x19, x20; sub sp, sp, #32; nop; and back.
        let words = [STP_FP_LR, MOV_FP_SP, 0xf81f_0ff7, 0xa9bf_53f3, 0xd100_83ff, 0xd503_201f, 0x9100_83ff, 0xa8c1_53f3, 0xf841_07f7, LDP_FP_LR, B];
        let code: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let f = Frame::parse(&code).unwrap();
        assert_eq!(f.entry, 5 * INSN);
        assert_eq!(f.direct(&code, 10 * INSN).unwrap(), 6 * INSN..11 * INSN);
    }
}
