//! What the data area holds: numbers of all kinds, by lines.

use crate::generate::Rng;
use crate::generate::number::{extended, integer, lane};
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE};

/// A data area.
pub fn image(rng: &mut Rng) -> Vec<u8> {
    let mut data = vec![0; DATA_SIZE];
    for line in data.chunks_exact_mut(64) {
        match rng.below(8) {
            0 => line.chunks_exact_mut(16).for_each(|c| {
                let r = extended(rng);
                c[..8].copy_from_slice(&r.mantissa.to_le_bytes());
                c[8..10].copy_from_slice(&r.sign_exp.to_le_bytes());
            }),
            1 => fill(line, || integer(rng)),
            // Addresses, for branches and stacks: of 64 bits, or of 32 and a zero.
            2 => fill(line, || CODE + rng.below(CODE_SIZE as u64)),
            3 => fill(line, || DATA + rng.below(DATA_SIZE as u64)),
            4 => line.iter_mut().for_each(|b| *b = rng.below(10) as u8 | (rng.below(10) as u8) << 4),
            _ => fill(line, || lane(rng)),
        }
    }
    data
}

fn fill(line: &mut [u8], mut next: impl FnMut() -> u64) {
    line.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&next().to_le_bytes()));
}
