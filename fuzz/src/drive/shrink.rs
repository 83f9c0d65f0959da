//! Making a disagreement smaller: whatever can be zero, or left out, and it still shows.

use forklift_x86::{CpuState, Gpr, X87};

use crate::machine::{CODE, DATA_SIZE, Input};

/// Keeps a change if the disagreement still shows.
type Attempt<'a> = &'a mut dyn FnMut(&mut Input, &dyn Fn(&mut Input));

/// The smallest input found that `still` holds for; `input` is one.
pub fn shrink(mut input: Input, still: &mut dyn FnMut(&Input) -> bool) -> Input {
    let mut attempt = |input: &mut Input, change: &dyn Fn(&mut Input)| {
        let mut smaller = input.clone();
        change(&mut smaller);
        if smaller != *input && still(&smaller) {
            *input = smaller;
        }
    };
    instructions(&mut input, &mut attempt);
    attempt(&mut input, &|i| i.cpu.rip = CODE);
    attempt(&mut input, &|i| i.cpu.x87 = X87::default());
    attempt(&mut input, &|i| i.cpu.mxcsr = CpuState::MXCSR_DEFAULT);
    attempt(&mut input, &|i| i.cpu.flags = forklift_x86::Flags::default());
    attempt(&mut input, &|i| i.cpu.seg_base = [0; 7]);
    attempt(&mut input, &|i| i.cpu.vec = CpuState::new(i.cpu.mode).vec);
    for n in 0..16 {
        attempt(&mut input, &|i| i.cpu.vec[n].0 = [0; 64]);
        attempt(&mut input, &|i| i.cpu.vec[n].0[16..].fill(0));
        for lane in 0..8 {
            attempt(&mut input, &|i| i.cpu.vec[n].0[4 * lane..4 * lane + 4].fill(0));
        }
    }
    for n in 0..8 {
        attempt(&mut input, &|i| i.cpu.x87.regs[n] = Default::default());
        attempt(&mut input, &|i| i.cpu.x87.used &= !(1 << n));
    }
    attempt(&mut input, &|i| i.cpu.x87.sw = 0);
    for r in Gpr::ALL {
        attempt(&mut input, &|i| i.cpu.set(r, 0));
        attempt(&mut input, &|i| i.cpu.set(r, i.cpu.get(r).min(1)));
        attempt(&mut input, &|i| i.cpu.set(r, i.cpu.get(r) & 0xff));
        attempt(&mut input, &|i| i.cpu.set(r, i.cpu.get(r) & 0xffff_ffff));
    }
    let mut size = DATA_SIZE;
    while size >= 1 {
        for at in (0..DATA_SIZE).step_by(size) {
            let end = (at + size).min(DATA_SIZE);
            if input.data[at..end].iter().any(|&b| b != 0) {
                attempt(&mut input, &|i| i.data[at..end].fill(0));
            }
        }
        size /= 4;
    }
    input
}

/// Replaces instructions by nothing: behind the last that matters, code ends; before, NOPs of one byte would change addresses less than leaving out.
fn instructions(input: &mut Input, attempt: Attempt<'_>) {
    let all = super::mismatch::instructions(input);
    if all.len() < 2 {
        return;
    }
    let whole = input.code.clone();
    for i in all.iter().rev() {
        let (at, len) = ((i.ip() - input.cpu.rip) as usize, i.len());
        attempt(input, &|input| input.code.truncate(at));
        attempt(input, &|input| {
            if let Some(bytes) = input.code.get_mut(at..at + len) {
                bytes.fill(0x90);
            }
        });
    }
    // Without the NOPs, if branches allow that.
    if input.code != whole {
        attempt(input, &|input| input.code.retain(|&b| b != 0x90));
    }
}
