//! The runner: a cache of decoded blocks for one thread, and the loop over them.
//!
//! Invariants:
//! 1. A kept block's code bytes are watched ([`Memory::watch_code`]), or compared at each entry. Whoever learns of a write calls
//!    [`Interp::invalidate`] before running on.
//! 2. Links between blocks, and the table of recent blocks, are indices that are checked against the block's key before use, so invalidation needs not
//!    find them. The key of a block that may not be entered by a link (dropped, or to be compared) is no state's.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use forklift_x86::{Block, CpuModel, CpuState, Exit, Fault, Feature, Gpr, GuestAddr, Mode, bits, decode_block};
use iced_x86::{Mnemonic, Register};

use crate::build::writes_memory;
use crate::exec::NOT_CANONICAL;
use crate::fuse::fuse;
use crate::ops::{show_leaf, show_xcr};
use crate::{Exec, Memory, Op, compile_op, segmented};

/// Unit: guest instructions. The longest block that is kept; longer straight runs are rare.
pub const MAX_BLOCK: usize = 64;

/// Why [`Interp::run`] came back. The state is exact in all cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// An exception, a system call, or a write to watched code. `rip` is as the exception's class demands; for `CodeWrite` at the instruction, which
    /// has done nothing yet (step it after invalidating).
    Exit(Exit),
    /// The block at `rip` is about to run for the `hot`-th time, or has been hot before.
    Hot,
    /// The block at `rip` has not been seen yet, and [`Interp::set_asking`] wants to know.
    New,
    /// [`Memory::attention`] said so.
    Attention,
    /// The budget is used up.
    Budget,
}

struct Cached<M: Memory> {
    /// Address and mode as [`key_of`] has them, or [`NO_LINK`].
    key: u64,
    end: u64,
    runs: u32,
    /// The number of runs that makes it hot.
    hot: u32,
    /// Number of instructions; there are fewer operations if some are pairs.
    insns: u32,
    /// The block behind this one's end, and the one that was found elsewhere last.
    next: [u32; 2],
    ops: Box<[Op<M>]>,
    start: u64,
    mode: Mode,
    live: bool,
    /// The bytes, if they are to be compared at entry.
    source: Option<Box<[u8]>>,
}

/// The key of no state: neither an i386 nor a canonical address.
const NO_LINK: u64 = 1 << 62;

/// What tells the block for a state of the processor.
#[inline(always)]
const fn key_of(rip: u64, mode: Mode) -> u64 {
    match mode {
        Mode::Bits64 => rip,
        Mode::Bits32 => rip | 1 << 63,
    }
}

/// Size of the table of recent blocks, a power of two.
const RECENT: usize = 1 << 14;

/// Index in the table of recent blocks.
#[inline(always)]
const fn recent_slot(key: u64) -> usize {
    (key ^ key >> 14) as usize % RECENT
}

/// The interpreter of one thread.
pub struct Interp<M: Memory> {
    model: CpuModel,
    hot: u32,
    asking: bool,
    blocks: Vec<Cached<M>>,
    by_start: HashMap<(u64, Mode), u32, BuildHasherDefault<StartHash>>,
    /// Blocks by a hash of their key, for targets of indirect branches; one more than the index, so that nothing is written to begin with. Empty before `run`.
    recent: Box<[u32]>,
    free: Vec<u32>,
    executed: u64,
}

const NONE: u32 = u32::MAX;

/// As how many runs one counts with which the caller enters, mostly from translated code: going from there to here and back costs that much more.
const ENTRY: u32 = 8;
/// The number of runs that makes no block hot.
const NEVER: u32 = u32::MAX;

/// Hash of a block's address and mode. Looked up whenever control comes back from translated code, so it must be cheap; who picks bad addresses slows
/// down nobody but himself.
#[derive(Default)]
struct StartHash(u64);

impl Hasher for StartHash {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b.into()));
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    #[inline]
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

impl<M: Memory> Interp<M> {
    /// An interpreter for this CPU model. A block that is run for the `hot`-th time makes `run` return; `u32::MAX` means never.
    pub fn new(model: CpuModel, hot: u32) -> Self {
        Self { model, hot, asking: false, blocks: Vec::new(), by_start: HashMap::default(), recent: Box::default(), free: Vec::new(), executed: 0 }
    }

    /// Makes the block at `rip` hot after `runs` more runs, or as many as one needs that is new, if that is less: it is not compiled yet, or can't be.
    pub fn cool(&mut self, rip: u64, mode: Mode, runs: u32) {
        if let Some(b) = self.by_start.get(&(rip, mode)).and_then(|&i| self.blocks.get_mut(i as usize)) {
            b.runs = b.hot.saturating_sub(runs);
        }
    }

    /// Sets the number of runs that makes a block hot, for those that are decoded from now on.
    pub fn set_hot(&mut self, hot: u32) {
        self.hot = hot.max(1);
    }

    /// Whether [`run`](Self::run) comes back before it decodes a block.
    pub fn set_asking(&mut self, asking: bool) {
        self.asking = asking;
    }

    /// The blocks that are kept and don't change: address, mode and how often they were run, if not often enough to be hot.
    pub fn counts(&self) -> impl Iterator<Item = (GuestAddr, Mode, u32)> {
        self.blocks.iter().filter(|b| b.live && b.source.is_none()).map(|b| (GuestAddr::new(b.start), b.mode, b.runs))
    }

    /// Guest instructions executed so far, those of blocks left early included as if whole.
    pub const fn executed(&self) -> u64 {
        self.executed
    }

    /// Number of blocks that are kept.
    pub fn block_count(&self) -> usize {
        self.by_start.len()
    }

    /// The CPU model.
    pub const fn model(&self) -> CpuModel {
        self.model
    }

    /// Runs until something else must happen, at most about `budget` guest instructions (whole blocks).
    pub fn run(&mut self, cpu: &mut CpuState, mem: &mut M, budget: u64) -> Stop {
        self.run_on(cpu, mem, budget, false)
    }

    /// As [`run`](Self::run); with `force` the first block is run even if it is hot or new.
    pub fn run_on(&mut self, cpu: &mut CpuState, mem: &mut M, budget: u64, mut force: bool) -> Stop {
        let limit = self.executed.saturating_add(budget);
        if self.recent.is_empty() {
            self.recent = vec![0; RECENT].into();
        }
        let mut at = NONE;
        let mut weight = ENTRY;
        loop {
            if mem.attention() {
                return Stop::Attention;
            }
            if self.executed >= limit {
                return Stop::Budget;
            }
            if cpu.flags.rest & bits::TF != 0 {
                return Stop::Exit(self.trap_step(cpu, mem));
            }
            if cpu.segmented != 0 {
                match self.step(cpu, mem) {
                    Ok(()) => continue,
                    Err(exit) => return Stop::Exit(exit),
                }
            }
            at = match self.successor(at, cpu, mem, force) {
                Ok(found) => found,
                Err(stop) => return stop,
            };
            let Some(block) = self.blocks.get_mut(at as usize) else { continue };
            block.runs = block.runs.saturating_add(weight);
            weight = 1;
            if block.runs >= block.hot {
                // Hot it stays: whoever compiles it wants to know when it is reached again.
                block.runs = block.hot - 1;
                if block.hot != NEVER && !force {
                    return Stop::Hot;
                }
            }
            force = false;
            self.executed += u64::from(block.insns);
            if let Err(exit) = run_block(&mut Exec { cpu, mem, model: self.model }, &block.ops, block.end) {
                return Stop::Exit(exit);
            }
        }
    }

    /// Runs exactly one instruction (one iteration of a repeated one may be all it does), with no regard to the trap flag.
    pub fn step(&mut self, cpu: &mut CpuState, mem: &mut M) -> Result<(), Exit> {
        if cpu.segmented != 0 {
            self.executed += 1;
            return segmented::step(cpu, mem, self.model);
        }
        if let Some(len) = self.ask_machine(cpu, mem) {
            self.executed += 1;
            cpu.rip = if cpu.mode == Mode::Bits64 { cpu.rip.wrapping_add(len) } else { (cpu.rip as u32).wrapping_add(len as u32).into() };
            return Ok(());
        }
        let block = fetch_block(cpu, mem, 1)?;
        let op = compile_op(&block.insns[0], cpu.mode, self.model);
        self.executed += 1;
        run_block(&mut Exec { cpu, mem, model: self.model }, core::slice::from_ref(&op), block.end.get())
    }

    /// Runs CPUID and XGETBV of register 0, without `rip`; returns the instruction's length. Programs begin with them, and short ones have no other need of the
    /// decoder, whose tables are large.
    fn ask_machine(&self, cpu: &mut CpuState, mem: &mut M) -> Option<u64> {
        let mut bytes = [0; 3];
        let have = mem.fetch(cpu.pc(), &mut bytes);
        match bytes[..have] {
            [0x0f, 0xa2, ..] => {
                show_leaf(cpu, self.model);
                Some(2)
            }
            [0x0f, 0x01, 0xd0] if cpu.get(Gpr::Rcx) as u32 == 0 && self.model.has(Feature::Xsave) => {
                show_xcr(cpu, cpu.xcr0);
                Some(3)
            }
            _ => None,
        }
    }

    /// Drops blocks that overlap `[start, end)`.
    pub fn invalidate(&mut self, start: GuestAddr, end: GuestAddr) {
        for (i, b) in self.blocks.iter_mut().enumerate() {
            if b.live && b.start < end.get() && start.get() < b.end {
                (b.live, b.key) = (false, NO_LINK);
                b.ops = Box::default();
                self.by_start.remove(&(b.start, b.mode));
                self.free.push(i as u32);
            }
        }
    }

    /// Drops all blocks.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.by_start.clear();
        self.free.clear();
    }

    /// One step with the trap flag set: #DB behind the instruction, unless it faults itself. A load of SS takes the next instruction with it.
    fn trap_step(&mut self, cpu: &mut CpuState, mem: &mut M) -> Exit {
        let shadow = delays_traps(cpu, mem);
        match self.step(cpu, mem).and_then(|()| if shadow { self.step(cpu, mem) } else { Ok(()) }) {
            Ok(()) => Exit::Fault(Fault::Debug),
            Err(exit) => exit,
        }
    }

    /// The block at `rip`, which was reached from block `from`.
    #[inline(always)]
    fn successor(&mut self, from: u32, cpu: &mut CpuState, mem: &mut M, force: bool) -> Result<u32, Stop> {
        let key = key_of(cpu.rip, cpu.mode);
        // One after the other, so that the host predicts the way instead of waiting for `rip`.
        let next = self.blocks.get(from as usize).map_or([NONE; 2], |f| f.next);
        if self.is_at(next[0], key) {
            Ok(next[0])
        } else if self.is_at(next[1], key) {
            Ok(next[1])
        } else {
            self.relink(from, key, cpu, mem, force)
        }
    }

    #[inline(always)]
    fn is_at(&self, i: u32, key: u64) -> bool {
        self.blocks.get(i as usize).is_some_and(|b| b.key == key)
    }

    /// The block at `rip` for which there is no link yet, or another one.
    #[inline(never)]
    fn relink(&mut self, from: u32, key: u64, cpu: &mut CpuState, mem: &mut M, force: bool) -> Result<u32, Stop> {
        let mut found = self.recent[recent_slot(key)].wrapping_sub(1);
        if !self.is_at(found, key) {
            found = self.find(cpu, mem, force)?;
            self.recent[recent_slot(key)] = found + 1;
        }
        if let Some(f) = self.blocks.get_mut(from as usize) {
            f.next[usize::from(cpu.rip != f.end)] = found;
        }
        Ok(found)
    }

    #[inline(never)]
    fn find(&mut self, cpu: &mut CpuState, mem: &mut M, force: bool) -> Result<u32, Stop> {
        if let Some(&i) = self.by_start.get(&(cpu.rip, cpu.mode)) {
            if self.is_current(i, mem) {
                return Ok(i);
            }
            let b = &self.blocks[i as usize];
            let (start, end) = (GuestAddr::new(b.start), GuestAddr::new(b.end));
            self.invalidate(start, end);
        }
        if self.asking && !force {
            return Err(Stop::New);
        }
        self.decode(cpu, mem).map_err(Stop::Exit)
    }

    fn is_current(&self, i: u32, mem: &mut M) -> bool {
        let b = &self.blocks[i as usize];
        let Some(source) = &b.source else { return true };
        let mut now = [0; MAX_BLOCK * forklift_x86::MAX_INSN_LEN];
        mem.fetch(GuestAddr::new(b.start), &mut now[..source.len()]) == source.len() && now[..source.len()] == **source
    }

    fn decode(&mut self, cpu: &mut CpuState, mem: &mut M) -> Result<u32, Exit> {
        // Watched before it is read, so that no write falls between.
        let checked = mem.watch_code(cpu.pc(), cpu.pc().wrapping_add(1));
        let mut block = fetch_block(cpu, mem, MAX_BLOCK)?;
        let checked = mem.watch_code(block.start, block.end) || checked;
        if checked {
            end_behind_store(&mut block);
        }
        let source = checked.then(|| source_bytes(&block, mem));
        let start = block.start.get();
        let cached = Cached {
            key: if source.is_some() { NO_LINK } else { key_of(start, block.mode) },
            end: block.end.get(),
            runs: 0,
            hot: self.hot,
            insns: block.insns.len() as u32,
            next: [NONE; 2],
            ops: compile_block(&block, self.model),
            start,
            mode: block.mode,
            live: true,
            source,
        };
        let key = (cached.start, cached.mode);
        let i = match self.free.pop() {
            Some(i) => {
                self.blocks[i as usize] = cached;
                i
            }
            None => {
                self.blocks.push(cached);
                self.blocks.len() as u32 - 1
            }
        };
        self.by_start.insert(key, i);
        Ok(i)
    }
}

/// Ends a block that is compared at its entry behind its first store, which may change what follows.
fn end_behind_store(block: &mut Block) {
    let store = block.insns.iter().position(writes_memory);
    if let Some(n) = store.filter(|n| n + 1 < block.insns.len()) {
        block.end = GuestAddr::new(block.insns[n].next_ip());
        block.insns.truncate(n + 1);
    }
}

fn compile_block<M: Memory>(block: &Block, model: CpuModel) -> Box<[Op<M>]> {
    let mut ops: Vec<Op<M>> = Vec::with_capacity(block.insns.len());
    if let [body @ .., first, branch] = &block.insns[..]
        && let Some(pair) = fuse(first, branch, block.mode, model)
    {
        ops.extend(body.iter().map(|i| compile_op(i, block.mode, model)));
        ops.push(pair);
    } else {
        ops.extend(block.insns.iter().map(|i| compile_op(i, block.mode, model)));
    }
    ops.into()
}

fn source_bytes<M: Memory>(block: &Block, mem: &mut M) -> Box<[u8]> {
    let mut bytes = vec![0; block.byte_len() as usize];
    let n = mem.fetch(block.start, &mut bytes);
    bytes.truncate(n);
    bytes.into()
}

fn fetch_block<M: Memory>(cpu: &mut CpuState, mem: &mut M, max: usize) -> Result<Block, Exit> {
    decode_block(mem, cpu.pc(), cpu.mode, max).map_err(|addr| {
        cpu.cr2 = addr.get();
        cpu.error_code = Fault::PF_USER | Fault::PF_FETCH;
        Exit::Fault(Fault::Page)
    })
}

/// Whether a single step doesn't trap behind the instruction at `rip`: MOV and POP of SS. SDM vol. 3A, 7.8.3.
fn delays_traps<M: Memory>(cpu: &mut CpuState, mem: &mut M) -> bool {
    let mut bytes = [0; forklift_x86::MAX_INSN_LEN];
    let have = mem.fetch(GuestAddr::new(segmented::linear(cpu)), &mut bytes);
    let insn = segmented::decode(cpu, &bytes[..have]);
    matches!(insn.mnemonic(), Mnemonic::Mov | Mnemonic::Pop) && insn.op0_register() == Register::SS
}

/// Runs one pre-decoded operation by itself, whatever `rip` was. `Ok`: `rip` says where to go on.
pub fn run_op<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Result<(), Exit> {
    run_block(cx, core::slice::from_ref(op), op.next_ip())
}

/// Runs a block's operations. On a fault `rip` is set to the operation's address.
#[inline(always)]
fn run_block<M: Memory>(cx: &mut Exec<'_, M>, ops: &[Op<M>], end: u64) -> Result<(), Exit> {
    let Some((last, body)) = ops.split_last() else { return Ok(()) };
    for op in body {
        if let Err(exit) = (op.run)(cx, op) {
            return Err(leave(cx, op, exit));
        }
    }
    cx.cpu.rip = end;
    (last.run)(cx, last).map_err(|exit| leave(cx, last, exit))
}

/// Sets `rip` as the exit's class demands. Returns what the exit is: a memory operand through rsp or rbp that isn't canonical is #SS, all of it or its end.
#[cold]
fn leave<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, exit: Exit) -> Exit {
    cx.cpu.rip = match exit {
        Exit::Fault(Fault::Breakpoint | Fault::Overflow | Fault::Debug) | Exit::Gate(_) => op.next_ip(),
        Exit::Fault(_) | Exit::CodeWrite => op.ip,
    };
    if cx.cpu.error_code != NOT_CANONICAL || !matches!(exit, Exit::Fault(Fault::GeneralProtection | Fault::Stack)) {
        return exit;
    }
    cx.cpu.error_code = 0;
    let of_stack = [Gpr::Rsp as u8, Gpr::Rbp as u8].contains(&op.base) && usize::from(op.seg) == CpuState::FLAT;
    if of_stack { Exit::Fault(Fault::Stack) } else { exit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FlatMemory, Perm};

    /// Each round adds what the round has just written into the instruction behind the store.
    #[test]
    fn a_block_sees_what_it_writes_ahead_of_itself() {
        // L: mov [rdi], dl; add al, 0 (rdi points to the 0); sub edx, 1; jnz L; int3
        let code = vec![0x88, 0x17, 0x04, 0x00, 0x83, 0xea, 0x01, 0x75, 0xf7, 0xcc];
        let mut mem = FlatMemory::new();
        mem.map(0x1000, code, Perm::RWX);
        let mut cpu = CpuState::new(Mode::Bits64);
        cpu.rip = 0x1000;
        cpu.set(Gpr::Rdi, 0x1003);
        cpu.set(Gpr::Rdx, 20);
        let model = CpuModel::ALL[CpuModel::ALL.len() - 1];
        let stop = Interp::new(model, u32::MAX).run(&mut cpu, &mut mem, 1000);
        assert_eq!(stop, Stop::Exit(Exit::Fault(Fault::Breakpoint)));
        assert_eq!(cpu.get(Gpr::Rax), (1..=20).sum::<u64>());
    }
}
