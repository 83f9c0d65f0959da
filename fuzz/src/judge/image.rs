//! What images of the x87 state in memory have that vendors fill differently: FOP, FIP, FDP, their selectors, and bytes without meaning.

use std::ops::Range;

use iced_x86::{Instruction, Mnemonic as M};

use super::access::accesses;
use crate::batch::{Case, LINE, Outcome};
use crate::machine::DATA;

/// Makes those bytes 0 in both outcomes of `case`, if its instruction `i` stores such an image. Of a line that one of them didn't change, nothing is known.
pub fn without_pointers(case: &Case, i: &Instruction, outcomes: [&Outcome; 2]) -> Option<[Outcome; 2]> {
    let parts = pointers(i)?;
    let image = accesses(i, &case.cpu).first()?.linear() & case.cpu.mode.addr_mask();
    let start = image.wrapping_sub(DATA) as usize;
    let is_part = |at: usize| parts.iter().any(|p| p.contains(&at.wrapping_sub(start)));
    let mut both = outcomes.map(Outcome::clone);
    let lines = both.each_ref().map(|o| o.lines.iter().map(|l| l.at).collect::<Vec<_>>());
    for o in &mut both {
        o.lines.retain(|l| lines.iter().all(|all| all.contains(&l.at)) || !(0..LINE).any(|n| is_part(l.at as usize + n)));
        for l in &mut o.lines {
            let at = l.at as usize;
            l.bytes.iter_mut().enumerate().filter(|(n, _)| is_part(at + n)).for_each(|(_, b)| *b = 0);
        }
    }
    Some(both)
}

/// Where in the image. SDM vol. 1, figures 8-9 to 8-12, table 10-2.
fn pointers(i: &Instruction) -> Option<Vec<Range<usize>>> {
    let environment = || if i.memory_size().size() % 4 == 2 { 6..14 } else { 12..28 };
    Some(match i.mnemonic() {
        M::Fnstenv | M::Fnsave => vec![environment()],
        // With the mask of MXCSR's bits.
        M::Fxsave | M::Fxsave64 => vec![5..24, 28..32],
        _ => return None,
    })
}
