//! Bytes through the decoder and the interpreter's pre-decoding, and one step: none may panic. The first byte's lowest bit selects the mode.

#![no_main]

use forklift_fuzz::{Input, oracle};
use forklift_interp::{FlatMemory, compile_op};
use forklift_x86::{GuestAddr, MAX_INSN_LEN, Mode, decode_one};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, code)) = data.split_first() else { return };
    let mode = if first & 1 == 0 { Mode::Bits64 } else { Mode::Bits32 };
    let Some(i) = decode_one(mode, GuestAddr::new(0x1000), code) else { return };
    assert!((1..=MAX_INSN_LEN).contains(&i.len()));
    drop(compile_op::<FlatMemory>(&i, mode, oracle::newest()));
    if let Some(mut interpreter) = oracle::interpreter() {
        // Only that it comes to an end: what it does is the target `block`'s to judge.
        let _ = interpreter.run(&Input::new(mode, &code[..i.len()]));
    }
});
