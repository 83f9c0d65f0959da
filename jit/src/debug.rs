//! Looking at emitted code: text of each block, and where it lies.

use std::fmt::Write as _;

use forklift_x86::GuestAddr;

/// What a block was made from and into.
pub struct Dump<'a> {
    /// Guest address of the block.
    pub pc: GuestAddr,
    /// Its Cranelift IR.
    pub ir: &'a str,
    /// Cranelift's listing of its host code, before frames were stripped.
    pub listing: &'a str,
    /// Host address of the code.
    pub address: u64,
    /// The code as it is run, exits not yet linked.
    pub code: &'a [u8],
}

/// A [`Config::dump`](crate::Config::dump) that writes everything to standard error.
pub fn to_stderr(d: &Dump<'_>) {
    let bytes = d.code.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    });
    eprintln!("block {} at {:#x}\n{}\n{}\n{bytes}\n", d.pc, d.address, d.ir, d.listing);
}

/// Host code at `address` as text.
#[cfg(target_arch = "x86_64")]
pub(crate) fn disassembly(code: &[u8], address: u64) -> String {
    let lines = iced_x86::Decoder::with_ip(64, code, address, iced_x86::DecoderOptions::NONE);
    lines.into_iter().fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "  {:x}  {i}", i.ip());
        text
    })
}

/// Is told what lies where in the arena. Called with the JIT's lock held, on the thread that has compiled; never in a signal handler.
pub trait Observer: Send + Sync {
    /// The block that begins at the guest's `pc` lies at `address`, as this code, exits not yet linked. What was there before is gone.
    fn block(&self, pc: GuestAddr, address: u64, code: &[u8]);

    /// Code that all blocks use, which stays.
    fn shared(&self, name: &str, address: u64, code: &[u8]);
}
