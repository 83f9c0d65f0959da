//! x86-64: `push rbp; mov rbp, rsp; sub rsp, N; mov [rsp + …], saved…` and its mirror image.

use core::ops::Range;

use super::{Frame, Hole};
use crate::host::FRAME_ROOM;

const PUSH_RBP_MOV_RBP_RSP: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
const MOV_RSP_RBP_POP_RBP: [u8; 4] = [0x48, 0x89, 0xec, 0x5d];
const JMP_REL32: u8 = 0xe9;
const JMP_R10: [u8; 3] = [0x41, 0xff, 0xe2];
const INT3: u8 = 0xcc;
/// NOPs of one, two and three bytes.
const NOPS: [&[u8]; 4] = [&[], &[0x90], &[0x66, 0x90], &[0x0f, 0x1f, 0x00]];
/// Unit: bytes. What a core fetches at once on all of them is at least what lies in one line of a cache.
const LINE: usize = 64;

/// Smallest holes for jumps of both kinds. Unit: bytes.
pub(crate) const DIRECT: usize = 9;
pub(crate) const TAIL: usize = JMP_R10.len();

pub(super) fn parse(code: &[u8]) -> Option<Frame> {
    let mut at = 4;
    if *code.get(..at)? != PUSH_RBP_MOV_RBP_RSP {
        return None;
    }
    let (room, sub_len) = sub_rsp(&code[at..]);
    let mut add = code[at..at + sub_len].to_vec();
    if let Some(modrm) = add.get_mut(2) {
        *modrm = 0xc4;
    }
    at += sub_len;
    let mut epilogue = Vec::with_capacity(16);
    while let Some(len) = save(&code[at..]) {
        let restore = epilogue.len();
        epilogue.extend_from_slice(&code[at..at + len]);
        epilogue[restore + 1] = 0x8b;
        at += len;
    }
    epilogue.extend(add);
    epilogue.extend(MOV_RSP_RBP_POP_RBP);
    (room <= FRAME_ROOM).then_some(Frame { entry: at, epilogue })
}

/// Operand and length of `sub rsp, imm` at the start of `code`; nothing if it is something else.
fn sub_rsp(code: &[u8]) -> (u32, usize) {
    match *code {
        [0x48, 0x83, 0xec, imm, ..] => (u32::from(imm), 4),
        [0x48, 0x81, 0xec, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]), 7),
        _ => (0, 0),
    }
}

/// Length of `mov [rsp + disp], reg` at the start of `code`, if `reg` is rbx, r12, r13 or r14. A body can't begin with a store of one of those: it has
/// not set them yet.
fn save(code: &[u8]) -> Option<usize> {
    let [rex, 0x89, modrm, 0x24, ..] = *code else { return None };
    let saved = matches!((rex, modrm >> 3 & 7), (0x48, 3) | (0x4c, 4..=6));
    let len = match modrm >> 6 {
        0 => 4,
        1 => 5,
        2 => 8,
        _ => return None,
    };
    (saved && modrm & 7 == 4 && len <= code.len()).then_some(len)
}

/// The `jmp rel32` whose operand is at `reloc`.
pub(super) fn direct_jump(code: &[u8], reloc: usize) -> Option<Range<usize>> {
    let start = reloc.checked_sub(1)?;
    (code.get(start) == Some(&JMP_REL32) && reloc + 4 <= code.len()).then_some(start..reloc + 4)
}

/// The `jmp r10` that ends at `end`.
pub(super) fn indirect_jump(code: &[u8], end: usize) -> Option<Range<usize>> {
    let start = end.checked_sub(JMP_R10.len())?;
    (*code.get(start..end)? == JMP_R10).then_some(start..end)
}

/// Puts a jump into `hole` of the block `code`, which will lie at address `base`, and returns the offset of its site, for `host::patch_jump`.
///
/// The hole has room for the jump and four bytes, so it can always be moved such that the site is within a cache line.
pub(crate) fn fill_direct(code: &mut [u8], hole: Hole, base: usize) -> usize {
    let operand = base + hole.start + 1;
    let pad = if operand % LINE + 4 > LINE { LINE - operand % LINE } else { 0 };
    let jump = hole.start + pad;
    code[hole.start..jump].copy_from_slice(NOPS[pad]);
    code[jump] = JMP_REL32;
    code[jump + 5..hole.end].fill(INT3);
    jump + 1
}

/// Puts an indirect jump into `hole` and returns the offset of its site, for `host::disarm_tail`.
pub(crate) fn fill_tail(code: &mut [u8], hole: Hole) -> usize {
    let end = hole.start + JMP_R10.len();
    code[hole.start..end].copy_from_slice(&JMP_R10);
    code[end..hole.end].fill(INT3);
    hole.start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_with_spills_and_saves() {
        let mut code = PUSH_RBP_MOV_RBP_RSP.to_vec();
        code.extend([0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0x1c, 0x24, 0x4c, 0x89, 0x64, 0x24, 0x08]);
        let entry = code.len();
        code.extend([0x90; 3]);
        let hole = code.len();
        code.extend([0x48, 0x8b, 0x1c, 0x24, 0x4c, 0x8b, 0x64, 0x24, 0x08, 0x48, 0x83, 0xc4, 0x20, 0x48, 0x89, 0xec, 0x5d, 0xe9, 0, 0, 0, 0]);
        let f = Frame::parse(&code).unwrap();
        assert_eq!(f.entry, entry);
        assert_eq!(f.direct(&code, code.len() - 4).unwrap(), hole..code.len());
        code[hole + 3] = 0x25;
        assert!(f.direct(&code, code.len() - 4).is_err());
    }

    #[test]
    fn site_never_crosses_a_line() {
        for base in 0..64 {
            let mut code = [0; 9];
            let site = fill_direct(&mut code, 0..9, base);
            assert!((base + site) % 64 <= 60);
            assert_eq!(code[site - 1], JMP_REL32);
            assert!(site + 4 <= 9);
        }
    }

    #[test]
    fn too_much_room() {
        let mut code = PUSH_RBP_MOV_RBP_RSP.to_vec();
        code.extend([0x48, 0x81, 0xec, 0x10, 0x10, 0, 0]);
        assert!(Frame::parse(&code).is_err());
    }
}
