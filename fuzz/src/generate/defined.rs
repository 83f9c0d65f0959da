//! Which status flags mean something at each instruction of a piece of code: those that the manual leaves undefined don't, until they are set.

use forklift_x86::{Exit, bits};
use iced_x86::{FlowControl, Instruction};

use super::{flag_bits, is_repeated_comparison, surely_written};
use crate::drive::instructions;
use crate::machine::{End, Input};

/// What is undefined before each instruction, and behind the last.
pub struct Defined {
    insns: Vec<Instruction>,
    /// One more than there are instructions.
    undefined: Vec<u32>,
}

impl Defined {
    /// Of the code of `input`. `None` if it reads what is undefined, so that its result isn't certain.
    pub fn of(input: &Input) -> Option<Self> {
        let mut d = Self::new(instructions(input));
        while d.spread() {}
        let certain = d.insns.iter().zip(&d.undefined).all(|(i, undefined)| flag_bits(i.rflags_read()) & undefined == 0);
        certain.then_some(d)
    }

    /// With the same flags undefined everywhere.
    pub(super) fn everywhere(insns: Vec<Instruction>, undefined: u32) -> Self {
        Self { undefined: vec![undefined; insns.len() + 1], insns }
    }

    /// All is defined at the start. A function is called with anything in the flags, and returns so.
    fn new(insns: Vec<Instruction>) -> Self {
        let mut d = Self { undefined: vec![0; insns.len() + 1], insns };
        let jumped_to: Vec<usize> = d.insns.iter().filter_map(|i| d.position(jump_target(i)?)).collect();
        let called = d.insns.iter().filter(|i| i.is_call_near()).filter_map(|i| d.position(i.near_branch_target()));
        let unknown = (1..=d.insns.len()).filter(|n| match d.insns[n - 1].flow_control() {
            FlowControl::Call | FlowControl::IndirectCall => true,
            // Called through a register.
            FlowControl::Return | FlowControl::UnconditionalBranch => !jumped_to.contains(n),
            _ => false,
        });
        for n in called.chain(unknown).collect::<Vec<_>>() {
            d.undefined[n] = bits::STATUS;
        }
        d
    }

    fn position(&self, ip: u64) -> Option<usize> {
        self.insns.iter().position(|i| i.ip() == ip).or_else(|| (self.insns.last()?.next_ip() == ip).then_some(self.insns.len()))
    }

    /// Lets what is undefined behind each instruction be so before those that follow it; whether that is news.
    fn spread(&mut self) -> bool {
        let before = self.undefined.clone();
        for (n, i) in self.insns.iter().enumerate() {
            let behind = self.undefined[n] & !flag_bits(surely_written(i)) | flag_bits(i.rflags_undefined());
            let goes_on = matches!(i.flow_control(), FlowControl::Next | FlowControl::ConditionalBranch);
            for to in jump_target(i).and_then(|t| self.position(t)).into_iter().chain(goes_on.then_some(n + 1)) {
                self.undefined[to] |= behind;
            }
        }
        self.undefined != before
    }

    /// Bits of RFLAGS that are defined where a run ended so, at `rip`: before an instruction, or behind the last; elsewhere none is known to be.
    pub fn flags_at(&self, end: End, rip: u64) -> u32 {
        let Some(n) = self.position(rip) else { return 0 };
        let defined = bits::STATUS & !self.undefined[n] | bits::DF;
        let cut_off = matches!(end, End::Exit(Exit::Fault(_))) && self.insns.get(n).is_some_and(is_repeated_comparison);
        if cut_off { defined & !bits::STATUS } else { defined }
    }
}

/// Where a branch that is no call goes, if the code says it.
fn jump_target(i: &Instruction) -> Option<u64> {
    matches!(i.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch).then(|| i.near_branch_target())
}

#[cfg(test)]
mod tests {
    use forklift_x86::Mode;

    use super::*;
    use crate::machine::CODE;

    fn defined(code: &[u8]) -> Option<Defined> {
        Defined::of(&Input::new(Mode::Bits64, code))
    }

    #[test]
    fn what_nothing_sets_stays_undefined() {
        // mul ecx; cmp eax, ecx
        let with = defined(&[0xf7, 0xe1, 0x39, 0xc8]).expect("certain");
        assert_eq!(with.flags_at(End::Done, CODE + 2) & bits::STATUS, bits::CF | bits::OF);
        assert_eq!(with.flags_at(End::Done, CODE + 4) & bits::STATUS, bits::STATUS);
        // The same without the comparison.
        let without = defined(&[0xf7, 0xe1, 0x90, 0x90]).expect("certain");
        assert_eq!(without.flags_at(End::Done, CODE + 4) & bits::STATUS, bits::CF | bits::OF);
        // mul ecx; sete al
        assert!(defined(&[0xf7, 0xe1, 0x0f, 0x94, 0xc0]).is_none());
    }

    #[test]
    fn ways_that_meet_have_what_either_has() {
        // jc +2; mul ecx; nop
        let d = defined(&[0x72, 0x02, 0xf7, 0xe1, 0x90]).expect("certain");
        assert_eq!(d.flags_at(End::Done, CODE + 4) & bits::STATUS, bits::CF | bits::OF);
        // call +0; nop
        let d = defined(&[0xe8, 0, 0, 0, 0, 0x90]).expect("certain");
        assert_eq!(d.flags_at(End::Done, CODE + 5) & bits::STATUS, 0);
    }
}
