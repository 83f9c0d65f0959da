//! Case files: what single instructions do, one line a case, checked against every oracle.
//!
//! ```text
//! insn 64 "shl eax,cl"  D3 E0
//!   eax=1 cl=33  => eax=2 cf=0        # count masked to 5 bits
//!   eax=1 cl=0 cf=1 => eax=1 cf=1     # count 0: flags untouched
//! insn 32 "div cl"  F6 F1
//!   ax=7 cl=0 => #DE
//! ```
//!
//! A header has the mode, the text (compared with what the decoder makes of the bytes, but for blanks and case) and the bytes. A case has what it
//! starts from, `=>`, and what must have changed. Everything starts as zero, but for the stack pointer ([`STACK`](crate::machine::STACK)).
//!
//! Places: registers of any width (`al`, `r8d`; as a result in 64-bit mode `eax=v` means that all of `rax` is `v`), `cf pf af zf sf of df ac id`, `xmm0`, `ymm0`, `mm0`,
//! `st0`, `top`, `fcw`, `fsw` (without TOP), `used` (abridged tag word), `mxcsr`, `fsbase`, `gsbase`, `rip`, and data by offset: `d8[0x10]`, `d16 d32 d64 d80 d128`.
//!
//! Values: `1`, `-1`, `~0`, `0xff`; `data`, `ro`, `code`, `stack` and `none` (unmapped), with `+n` or `-n`; lanes from the lowest, `u8(…) u16 u32 u64 f32 f64`;
//! for 80 bits `1.5`, `-0.0`, `inf`, or `0x3fff:0x8000000000000000`.
//!
//! `=> ?` has the real CPU fill the results in when cases are blessed (`cargo xtask bless`).
//!
//! Results: a fault (`#DE`, `#PF`, `#PF(address)`), or `syscall`, `int80`; else execution goes on behind the instruction unless `rip` is given. Registers, vectors
//! and data that are not listed must be unchanged. So must flags which the instruction can't change; others, x87 and MXCSR are compared where they are listed.

mod check;
mod fill;
mod parse;
mod place;
mod places;
mod value;

pub use check::{Mismatch, check, different};
pub use fill::fill;
pub use parse::{Case, Expect, Group, SyntaxError, parse};
pub use place::Place;
pub use places::places;
pub use value::Value;
