//! A disagreement, shrunk and in words.

use std::fmt::Write as _;

use forklift_x86::{GuestAddr, Mode, decode_one};
use iced_x86::Instruction;

use crate::judge::Difference;
use crate::machine::Input;

/// A disagreement between oracles.
pub struct Mismatch {
    /// What it is about: the form's name, or the block's first instruction that matters. One of each is shown.
    pub key: String,
    /// All there is to say.
    pub text: String,
    /// What it comes from.
    pub input: Input,
}

impl Mismatch {
    /// `who` differs from the real CPU (or who stands for it), as `differences` say.
    pub fn new(key: String, who: [&str; 2], input: Input, differences: &[Difference]) -> Self {
        let mut text = format!("{key}: {} differs from {}\n", who[1], who[0]);
        for i in instructions(&input) {
            let _ = writeln!(text, "  {:#x}  {i}", i.ip());
        }
        let code: Vec<_> = input.code.iter().map(|b| format!("{b:02X}")).collect();
        let _ = writeln!(text, "  bytes {}", code.join(" "));
        let _ = writeln!(text, "  from  {}", crate::cases::places(&input).join(" "));
        for d in differences {
            let _ = writeln!(text, "  {:<18} {:>40}  {:>40}", d.field, d.values[0], d.values[1]);
        }
        Self { key, text, input }
    }

    /// As a case file has it, if it is one instruction: the results are left to the real CPU (`cargo xtask bless`).
    pub fn case(&self) -> Option<String> {
        let [i] = instructions(&self.input)[..] else { return None };
        let bits = self.input.cpu.mode.bitness();
        let code: Vec<_> = self.input.code.iter().map(|b| format!("{b:02X}")).collect();
        Some(format!("insn {bits} \"{i}\"  {}\n  {} => ?\n", code.join(" "), crate::cases::places(&self.input).join(" ")))
    }
}

/// The code as instructions, one behind the other.
pub fn instructions(input: &Input) -> Vec<Instruction> {
    list(input.cpu.mode, input.cpu.rip, &input.code)
}

fn list(mode: Mode, mut ip: u64, mut code: &[u8]) -> Vec<Instruction> {
    let mut all = Vec::new();
    while let Some(i) = decode_one(mode, GuestAddr::new(ip), code) {
        let len = i.len().max(1);
        all.push(i);
        (ip, code) = (ip + len as u64, &code[len.min(code.len())..]);
    }
    all
}
