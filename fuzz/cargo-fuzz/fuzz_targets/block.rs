//! Bytes as code, in the interpreter and in the JIT: both must do the same. The first byte's lowest bit selects the mode.

#![no_main]

use forklift_fuzz::cases::different;
use forklift_fuzz::generate::Sample;
use forklift_fuzz::{End, oracle};
use forklift_x86::Mode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, code)) = data.split_first() else { return };
    let mode = if first & 1 == 0 { Mode::Bits64 } else { Mode::Bits32 };
    let (Some(sample), Some(mut interpreter), Some(mut jit)) = (Sample::from_bytes(mode, code), oracle::interpreter(), oracle::jit()) else { return };
    let Ok(want) = interpreter.run(&sample.input) else { return };
    if want.end == End::Endless {
        return;
    }
    let Ok(got) = jit.run(&sample.input) else { return };
    let text = different(&want, &got, sample.defined.flags_at(want.end, want.cpu.rip), false);
    assert!(text.is_empty(), "the JIT differs from the interpreter:\n{text}");
});
