//! A fast hash of bytes, against accidents: to tell files apart and to notice damage. Nobody may rely on it against an adversary.

const K: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0xaef1_7502_b3d3_8f4d, 0xe703_7ed1_a0b4_28db];

/// High and low half of a product, folded.
const fn mix(a: u64, b: u64) -> u64 {
    let p = a as u128 * b as u128;
    p as u64 ^ (p >> 64) as u64
}

fn word(bytes: &[u8]) -> u64 {
    let mut w = [0; 8];
    w[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(w)
}

/// The hash of `bytes`; one of many, by `seed`.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut lanes = [seed ^ K[0], seed.rotate_left(32) ^ K[1]];
    let mut chunks = bytes.chunks_exact(32);
    for c in &mut chunks {
        lanes[0] = mix(lanes[0] ^ word(&c[..8]), K[2] ^ word(&c[8..16]));
        lanes[1] = mix(lanes[1] ^ word(&c[16..24]), K[3] ^ word(&c[24..]));
    }
    for c in chunks.remainder().chunks(8) {
        lanes[0] = mix(lanes[0] ^ word(c), K[3]).wrapping_add(K[1]);
    }
    mix(lanes[0] ^ bytes.len() as u64, lanes[1] ^ K[2])
}

/// 32 hexadecimal digits that tell `bytes`.
pub(super) fn name(bytes: &[u8]) -> String {
    format!("{:016x}{:016x}", hash(bytes, 1), hash(bytes, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_counts() {
        let bytes: Vec<u8> = (0..100u32).map(|i| (i * 7) as u8).collect();
        let h = hash(&bytes, 0);
        for i in 0..800 {
            let mut other = bytes.clone();
            other[i / 8] ^= 1 << (i % 8);
            assert_ne!(hash(&other, 0), h);
        }
        assert_ne!(hash(&bytes[..99], 0), h);
        assert_ne!(hash(&bytes, 1), h);
        assert_ne!(hash(&[0; 8], 0), hash(&[0; 16], 0));
    }
}
