//! x86-64: a guard is `test r, r; jz pad`.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

/// Whether emitted code is patched.
pub(crate) const PATCHED: bool = true;

const TEST: usize = 3;
const JZ: [u8; 2] = [0x0f, 0x84];
const JMP: u8 = 0xe9;
/// One instruction as long as a guard.
const NOP: [u8; 9] = [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];

/// Where the guard at `at` leads to.
fn target(code: &[u8], at: usize) -> Option<usize> {
    let g = code.get(at..at + NOP.len())?;
    // REX.W, and REX.R and REX.B alike; the same register twice.
    let test = matches!(g[0], 0x48 | 0x4d) && g[1] == 0x85 && g[2] >> 6 == 3 && g[2] >> 3 & 7 == g[2] & 7;
    let rel = i32::from_le_bytes([g[5], g[6], g[7], g[8]]);
    let to = usize::try_from((at + NOP.len()) as i64 + i64::from(rel)).ok()?;
    (test && g[TEST..TEST + 2] == JZ && to < code.len()).then_some(to)
}

/// See [`super::Guards::pad`].
pub(super) fn pad(code: &mut Vec<u8>, access: usize, guard: usize) -> Option<u32> {
    let pad = target(code, guard)?;
    let moves = moves(code.get(access..guard)?, access, guard + NOP.len())?;
    if moves.is_empty() {
        return u32::try_from(pad).ok();
    }
    let stub = code.len();
    code.extend(moves);
    let rel = pad as i64 - (code.len() + 5) as i64;
    code.push(JMP);
    code.extend(i32::try_from(rel).ok()?.to_le_bytes());
    u32::try_from(stub).ok()
}

/// See [`super::Guards::remove`].
pub(super) fn remove(code: &mut [u8], guard: usize) -> Option<()> {
    target(code, guard)?;
    code[guard..guard + NOP.len()].copy_from_slice(&NOP);
    Some(())
}

/// See [`super::align`].
pub(super) fn align(code: &mut [u8], at: usize) -> Option<()> {
    let i = Decoder::with_ip(64, code.get(at..)?, 0, DecoderOptions::NONE).decode();
    use Mnemonic as M;
    let integer = matches!(i.mnemonic(), M::Movdqu | M::Vmovdqu);
    if !integer && !matches!(i.mnemonic(), M::Movups | M::Movupd | M::Vmovups | M::Vmovupd) || i.memory_size().size() != 16 {
        return None;
    }
    // Where the mandatory prefix is, and the opcode.
    let (prefix, opcode) = match code[at] {
        0xc5 => (at + 1, at + 2),
        0xc4 => (at + 2, at + 3),
        _ => (at, at + code[at..].iter().position(|b| *b == 0x0f)? + 1),
    };
    match (integer, code[at]) {
        // From F3 to 66.
        (true, 0xc4 | 0xc5) => code[prefix] ^= 3,
        (true, 0xf3) => code[prefix] = 0x66,
        (false, _) => code[opcode] += 0x18,
        _ => return None,
    }
    Some(())
}

/// The moves in `code`, which begins with an access at offset `from`; `end` is behind the guard.
fn moves(code: &[u8], from: usize, end: usize) -> Option<Vec<u8>> {
    let mut d = Decoder::with_ip(64, code, from as u64, DecoderOptions::NONE);
    let mut moves = Vec::new();
    let mut first = true;
    while d.can_decode() {
        let at = d.position();
        let i = d.decode();
        if i.is_invalid() || !goes_on(&i, from as u64..end as u64) {
            return None;
        }
        if !core::mem::take(&mut first) && is_move(&i) {
            moves.extend_from_slice(&code[at..d.position()]);
        }
    }
    Some(moves)
}

/// Whether control goes on behind `i`, or away from `here`.
fn goes_on(i: &Instruction, here: core::ops::Range<u64>) -> bool {
    match i.flow_control() {
        FlowControl::Next => true,
        FlowControl::ConditionalBranch => !here.contains(&i.near_branch_target()),
        _ => false,
    }
}

/// Whether `i` may be a move of the register allocator: between registers, or from or to the stack.
fn is_move(i: &Instruction) -> bool {
    use Mnemonic as M;
    let moves = matches!(i.mnemonic(), M::Mov | M::Movaps | M::Movups | M::Movapd | M::Movupd | M::Movdqa | M::Movdqu | M::Movss | M::Movsd)
        || matches!(i.mnemonic(), M::Vmovaps | M::Vmovups | M::Vmovapd | M::Vmovupd | M::Vmovdqa | M::Vmovdqu | M::Vmovss | M::Vmovsd);
    let plain = |n| match i.op_kind(n) {
        OpKind::Register => true,
        OpKind::Memory => i.memory_base() == Register::RSP && i.memory_index() == Register::None,
        _ => false,
    };
    moves && (0..i.op_count()).all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_forms() {
        for (from, to) in [
            ("c5fa6f01", "vmovdqa xmm0,[rcx]"),
            ("c4417a7f0c24", "vmovdqa [r12],xmm9"),
            ("c5f811443108", "vmovaps [rcx+rsi+8],xmm0"),
            ("c5f91001", "vmovapd xmm0,[rcx]"),
            ("f3410f6f0424", "movdqa xmm0,[r12]"),
            ("66440f1101", "movapd [rcx],xmm8"),
            ("0f1001", "movaps xmm0,[rcx]"),
        ] {
            let mut code: Vec<u8> = (0..from.len()).step_by(2).map(|n| u8::from_str_radix(&from[n..n + 2], 16).unwrap()).collect();
            align(&mut code, 0).unwrap();
            let i = Decoder::new(64, &code, DecoderOptions::NONE).decode();
            let text = i.to_string().replace("xmmword ptr ", "").replace('h', "");
            assert_eq!((text.as_str(), i.len()), (to, code.len()));
        }
        assert!(align(&mut [0xc5, 0xf9, 0xfe, 0x01], 0).is_none());
    }

    /// `load; mov rbx, rcx; add rax, 1; jc out; test r15, r15; jz pad; …; pad`
    #[test]
    fn moves_go_before_the_pad() {
        let mut code = vec![0x48, 0x8b, 0x06, 0x48, 0x89, 0xcb, 0x48, 0x83, 0xc0, 0x01, 0x72, 0x40, 0x4d, 0x85, 0xff, 0x0f, 0x84, 1, 0, 0, 0, 0x90, 0xc3];
        assert_eq!(pad(&mut code, 0, 12), Some(23));
        assert_eq!(code[23..], [0x48, 0x89, 0xcb, 0xe9, 0xf7, 0xff, 0xff, 0xff]);
        // Nothing lies between the addition and the guard that moves anything.
        assert_eq!(pad(&mut code, 6, 12), Some(22));
        remove(&mut code, 12).unwrap();
        assert_eq!(code[12..21], NOP);
        assert!(pad(&mut code, 0, 12).is_none());
    }

    #[test]
    fn a_way_around_the_guard_is_refused() {
        // `load; jmp …` and `load; jc` to behind the `test`.
        for branch in [[0xeb, 0x10], [0x72, 0x03]] {
            let mut code = vec![0x48, 0x8b, 0x06, branch[0], branch[1], 0x4d, 0x85, 0xff, 0x0f, 0x84, 0, 0, 0, 0, 0xc3];
            assert!(pad(&mut code, 0, 5).is_none());
        }
    }
}
