//! `-d`: printing blocks when they are compiled: the guest's instructions, Cranelift's IR, the host's code.

use core::fmt;
use core::str::FromStr;
use std::sync::OnceLock;

use forklift_x86::{Block, GuestAddr};

/// What is printed of which blocks. Its text form is `KIND[,KIND…][@START-END…]` with kinds asm, clif, host and addresses in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// The guest's instructions.
    pub asm: bool,
    /// Cranelift's IR.
    pub clif: bool,
    /// The host's code.
    pub host: bool,
    /// Blocks that begin in one of these ranges (end excluded); all, if there is none.
    pub ranges: Vec<(GuestAddr, GuestAddr)>,
}

/// A value of `-d` that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDump(String);

impl fmt::Display for BadDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is neither asm, clif or host, nor a range like 401000-402000", self.0)
    }
}

impl std::error::Error for BadDump {}

fn range(s: &str) -> Option<(GuestAddr, GuestAddr)> {
    let (start, end) = s.split_once('-')?;
    let number = |s: &str| u64::from_str_radix(s.trim_start_matches("0x"), 16).ok().map(GuestAddr::new);
    Some((number(start)?, number(end)?))
}

impl FromStr for Dump {
    type Err = BadDump;

    fn from_str(s: &str) -> Result<Self, BadDump> {
        let mut parts = s.split('@');
        let mut out = Self::default();
        for kind in parts.next().unwrap_or_default().split(',') {
            match kind {
                "asm" => out.asm = true,
                "clif" => out.clif = true,
                "host" => out.host = true,
                _ => return Err(BadDump(kind.to_owned())),
            }
        }
        for part in parts {
            out.ranges.push(range(part).ok_or_else(|| BadDump(part.to_owned()))?);
        }
        Ok(out)
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = [(self.asm, "asm"), (self.clif, "clif"), (self.host, "host")].iter().filter(|k| k.0).map(|k| k.1).collect();
        f.write_str(&kinds.join(","))?;
        self.ranges.iter().try_for_each(|(s, e)| write!(f, "@{:x}-{:x}", s.get(), e.get()))
    }
}

/// What the JIT's callback prints, which has no room for it.
static OF_JIT: OnceLock<Dump> = OnceLock::new();

impl Dump {
    /// Whether anything is printed.
    pub const fn is_on(&self) -> bool {
        self.asm || self.clif || self.host
    }

    fn covers(&self, pc: GuestAddr) -> bool {
        self.ranges.is_empty() || self.ranges.iter().any(|&(s, e)| s <= pc && pc < e)
    }

    /// Prints the guest's part of a block.
    pub(crate) fn block(&self, block: &Block) {
        if self.asm && self.covers(block.start) {
            let text: String = block.insns.iter().map(|i| format!("  {:x}: {i}\n", i.ip())).collect();
            eprint!("block {} asm:\n{text}", block.start);
        }
    }

    /// The callback for the JIT, if it is to print anything.
    pub(crate) fn callback(&self) -> Option<fn(&forklift_jit::debug::Dump<'_>)> {
        if !self.clif && !self.host {
            return None;
        }
        // A second process image in one host process has the same options.
        let _ = OF_JIT.set(self.clone());
        Some(print)
    }
}

fn print(d: &forklift_jit::debug::Dump<'_>) {
    let Some(what) = OF_JIT.get().filter(|w| w.covers(d.pc)) else { return };
    if what.clif {
        eprint!("block {} clif:\n{}", d.pc, d.ir);
    }
    if what.host {
        eprint!("block {} host, {} bytes at {:#x}:\n{}", d.pc, d.code.len(), d.address, d.listing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let d: Dump = "asm,host@401000-402000@0x10-0x20".parse().unwrap();
        assert!(d.asm && d.host && !d.clif && d.covers(GuestAddr::new(0x401000)) && !d.covers(GuestAddr::new(0x402000)));
        assert_eq!(d.to_string().parse(), Ok(d));
        assert!("foo".parse::<Dump>().is_err());
    }
}
