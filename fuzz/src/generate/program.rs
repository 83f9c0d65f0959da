//! Whole programs: a loop that calls functions, which call others.

use forklift_x86::bits;

use super::{COUNTER, Generator, POINTED, Program, Rng, Sample};
use crate::machine::{CODE, DATA};

/// Functions of a program at most.
const FUNCTIONS: u64 = 4;

impl Generator {
    /// A program of functions of up to `max` instructions between calls. The main one lies behind the others and is jumped to.
    pub fn program(&self, rng: &mut Rng, max: usize) -> Sample {
        let mut code = Program::new(self.mode);
        code.push(&[0xe9, 0, 0, 0, 0]);
        let mut functions = Vec::new();
        for _ in 0..1 + rng.below(FUNCTIONS) {
            let at = code.ip;
            // A caller leaves anything in the flags.
            code.undefined = bits::STATUS;
            self.append_calls(&mut code, rng, max, &functions);
            code.push(&[0xc3]);
            functions.push(at);
        }
        let start = code.ip;
        code.bytes[1..5].copy_from_slice(&((start - CODE - 5) as u32).to_le_bytes());
        code.undefined = 0;
        self.append_calls(&mut code, rng, max, &functions);
        self.append_calls(&mut code, rng, max, &functions);
        code.push_loop(start);
        let mut s = self.finish(code, rng);
        s.input.data[(POINTED - DATA) as usize + COUNTER as usize] = 1 + rng.below(20) as u8;
        s
    }

    /// Appends some instructions and a call of one of `functions`, direct or through a register, and some more.
    fn append_calls(&self, code: &mut Program, rng: &mut Rng, max: usize, functions: &[u64]) {
        self.append_skip(code, rng, max);
        self.append(code, rng, max);
        if functions.is_empty() {
            return;
        }
        let to = *rng.pick(functions);
        if rng.chance(3) {
            // mov eax, to; call rax
            code.push(&[&[0xb8], (to as u32).to_le_bytes().as_slice()].concat());
            code.push(&[0xff, 0xd0]);
        } else {
            let distance = to.wrapping_sub(code.ip + 5) as u32;
            code.push(&[&[0xe8], distance.to_le_bytes().as_slice()].concat());
        }
        code.undefined = bits::STATUS;
        self.append(code, rng, max);
    }
}
