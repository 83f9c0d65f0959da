//! AES, carry-less multiplication, Galois field and SHA instructions. SDM vol. 1, 12.13, 5.19 and on; vol. 2. Their VEX forms are these on each 128 bits.

pub(super) mod aes;
pub(super) mod galois;
pub(super) mod sha;
