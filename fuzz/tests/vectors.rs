//! What a real CPU did, in interpreter and JIT, on any host. `cargo xtask fuzz --record tests/vectors/x86.bin` records anew, where there is such a CPU.

use forklift_fuzz::vectors::{self, Player, Vectors};
use forklift_fuzz::{forms, oracle};
use forklift_x86::Mode;

const BOTH: &[Mode] = &[Mode::Bits64, Mode::Bits32];
const FILE: &[u8] = include_bytes!("../../tests/vectors/x86.bin");

fn play(player: &mut Player, every: usize, modes: &[Mode]) {
    for set in sets().iter().filter(|s| modes.contains(&s.mode)) {
        let done = vectors::replay(set, player, every);
        assert!(done.wrong.is_empty(), "{} differ:\n{}", done.wrong.len(), done.wrong.join("\n"));
        assert!(done.passed > 500);
    }
}

fn sets() -> Vec<Vectors> {
    vectors::read(FILE).expect("a file of vectors")
}

#[test]
fn the_interpreter_does_as_the_cpu() {
    play(&mut Player::Interpreter(oracle::interpreter_batches()), 1, BOTH);
}

/// Compiling takes long: a part of them. `cargo xtask fuzz --replay tests/vectors/x86.bin --oracle jit` has all.
#[test]
fn the_jit_does_as_the_cpu() {
    play(&mut Player::Jit(oracle::jit().expect("the JIT")), 13, BOTH);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "this host can't run code directly")]
fn direct_code_does_as_the_cpu() {
    play(&mut Player::Jit(oracle::direct().expect("direct code")), 1, BOTH);
}

#[test]
fn most_forms_have_twenty() {
    for set in &sets() {
        let mut counts = std::collections::HashMap::new();
        for (_, case, _) in &set.all {
            let i = forklift_x86::decode_one(set.mode, case.cpu.pc(), &case.code).expect("an instruction");
            *counts.entry(i.code()).or_insert(0) += 1;
        }
        // Loops and repeated strings often don't end, or change much.
        let few: Vec<_> = counts.iter().filter(|(_, n)| **n < 12).collect();
        assert!(few.is_empty(), "{few:?}");
        let forms = forms::known(set.mode).into_iter().filter(|&c| forms::exempt(c).is_none()).count();
        assert!(counts.len() + 50 > forms, "{} of {forms} forms", counts.len());
    }
}
