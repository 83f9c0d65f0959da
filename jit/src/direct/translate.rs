//! A run of guest instructions as a run of the same instructions on the host.
//!
//! The run goes on behind conditional branches that aren't taken and at the targets of jumps, as long as there is no block yet where it comes to. A branch to an
//! instruction that is already in the run goes there.

use forklift_lift::{LiftEnv, LiftError, offset};
use forklift_x86::{Cond, CpuModel, Flow, Gpr, GuestAddr, Insns, MAX_INSN_LEN, Mode, flow};
use iced_x86::{Code as Op, Instruction, Mnemonic, OpKind, Register};

use super::TABLE;
use super::emit::Code;
use super::marks::{Marks, Recovery};
use super::policy::Policy;
use super::rewrite::{Rewriter, register, with_operand_of};
use crate::blocks::ExitKind;

/// Longest run. Unit: guest instructions.
const MAX_INSNS: usize = 48;
/// Most branches that a run goes on behind.
const MAX_BRANCHES: usize = 3;
/// Longest run of a block that compares its bytes.
const MAX_CHECKED: usize = 24;

/// A way out.
pub(super) struct Leaving {
    /// The displacement of the jump, to be filled in; for [`ExitKind::Indirect`], where the number of the exit goes.
    pub site: usize,
    pub kind: ExitKind,
    /// Guest address where it leads; for [`ExitKind::Indirect`], that of the branch.
    pub target: u64,
    /// Where in this very block it goes, if it does; for [`ExitKind::X87`], where the block goes on; for [`ExitKind::Indirect`], what undoes the branch's change
    /// of the stack pointer.
    pub inside: Option<u32>,
}

/// What becomes a block.
pub(super) struct Translation {
    pub code: Code,
    pub marks: Marks,
    pub leaving: Vec<Leaving>,
    pub ranges: Vec<(GuestAddr, GuestAddr)>,
    pub insns: usize,
    /// Guest address of the first instruction.
    start: u64,
    /// Guest addresses of the instructions and where they begin.
    starts: Vec<(u64, u32)>,
    /// The block is on a page that can't be watched: it compares its bytes each time that it is entered, and ends behind its first store.
    pub checked: bool,
    /// Where the block begins, behind its landing.
    pub entry: usize,
    /// The host's unit holds the guest's x87 registers here.
    x87: bool,
    pub(super) miss: u64,
    /// Of the guest's code.
    pub(super) mode: Mode,
}

/// What translating keeps from one block to the next.
pub(super) struct Translator {
    mode: Mode,
    policy: Policy,
    pub(super) rewriter: Rewriter,
}

/// What comes behind an instruction.
enum Then {
    /// The instruction behind it.
    Next,
    /// The same, if a branch isn't taken.
    Behind,
    /// The one at this address.
    At(u64),
    /// Nothing.
    End,
}

impl Translation {
    pub fn new() -> Self {
        let (code, marks) = (Code::new(), Marks::default());
        Self {
            code,
            marks,
            leaving: Vec::new(),
            ranges: Vec::new(),
            insns: 0,
            start: 0,
            starts: Vec::new(),
            checked: false,
            entry: 0,
            x87: false,
            miss: 0,
            mode: Mode::Bits64,
        }
    }

    /// Begins anew, with a block that will lie at `base`. `miss`: where indirect branches go whose target the table doesn't have.
    pub fn restart(&mut self, base: u64, miss: u64) {
        self.code.restart(base);
        self.marks.truncate(0);
        self.leaving.clear();
        self.ranges.clear();
        self.starts.clear();
        (self.insns, self.checked, self.entry, self.x87, self.miss) = (0, false, 0, false, miss);
    }

    pub(super) fn mark(&mut self, pc: u64, recovery: Recovery) {
        self.marks.add(self.code.at(), pc, recovery);
    }

    /// Whether a mark can tell `pc`: not if it is 2 GiB away.
    fn reaches(&self, pc: u64) -> bool {
        const MARGIN: u64 = 1 << 12;
        (pc.wrapping_sub(self.start) as i64).unsigned_abs() < (1 << 31) - MARGIN
    }

    /// Where the instruction at `pc` begins, if it is in here.
    fn place_of(&self, pc: u64) -> Option<u32> {
        self.starts.iter().find(|s| s.0 == pc && !self.checked).map(|s| s.1)
    }

    fn leave(&mut self, opcode: &[u8], kind: ExitKind, target: u64) {
        let site = self.code.jump(opcode);
        let inside = if kind == ExitKind::Direct { self.place_of(target) } else { None };
        self.leaving.push(Leaving { site, kind, target, inside });
    }

    pub fn jump(&mut self, target: u64) {
        self.leave(&[0xe9], ExitKind::Direct, target);
    }

    fn step(&mut self, pc: u64) {
        self.mark(pc, Recovery::default());
        self.leave(&[0xe9], ExitKind::Step, pc);
    }

    /// What the table has for the address in r10 to rcx; the guest's r10 and rcx are in the state. `undo`: what to add to the stack pointer to have it as before
    /// the branch, which is at `pc`.
    fn look_up(&mut self, pc: u64, undo: i32) {
        self.code.store_u32(offset::EXIT, 0);
        self.leaving.push(Leaving { site: self.code.at() - 4, kind: ExitKind::Indirect, target: pc, inside: Some(undo as u32) });
        // movzx ecx, r10w; mov rcx, [r11 + 8 * rcx + TABLE]
        self.code.put(&[0x41, 0x0f, 0xb7, 0xca, 0x49, 0x8b, 0x8c, 0xcb]);
        self.code.put(&(TABLE as u32).to_le_bytes());
    }

    /// Behind a branch but for its change of `rip`: to the block at the address in r10.
    fn branch(&mut self, pc: u64, undo: i32) {
        self.mark(0, Recovery::branch());
        self.look_up(pc, undo);
        // jrcxz behind; jmp rcx
        self.code.put(&[0xe3, 0x02, 0xff, 0xe1]);
        self.code.jump_to(self.miss);
    }

    /// The call at `pc` of the block at the address in r10. If the table doesn't have it, the interpreter makes the call, as the address may not be one that
    /// can be called: nothing has been pushed then.
    fn call(&mut self, pc: u64, returns_to: u64) {
        let before = Recovery::default().and_restores(Gpr::R10).and_restores(Gpr::Rcx);
        self.mark(pc, before);
        self.look_up(pc, 8);
        self.code.put(&[0xe3, 0]);
        let hit = self.code.at();
        self.code.push(returns_to);
        self.mark(0, Recovery::branch());
        self.code.put(&[0xff, 0xe1]);
        self.code.bytes[hit - 1] = (self.code.at() - hit) as u8;
        self.mark(pc, before);
        self.code.store_r10(offset::RIP);
        self.code.restore(Gpr::R10);
        self.code.restore(Gpr::Rcx);
        self.leave(&[0xe9], ExitKind::Call, pc);
    }

    /// What the table has for `pc`: goes to the block there, if that is where r10 says, and r10 and rcx are those of `branch`.
    pub fn landing(&mut self, pc: u64) {
        if self.mode == Mode::Bits32 {
            return self.landing_narrow(pc);
        }
        self.mark(0, Recovery::branch());
        if let Ok(low) = i32::try_from(pc) {
            // lea rcx, [r10 - pc]
            self.code.put(&[0x49, 0x8d, 0x8a]);
            self.code.put(&low.wrapping_neg().to_le_bytes());
        } else {
            self.code.constant(Gpr::Rcx, pc.wrapping_neg());
            // lea rcx, [rcx + r10]
            self.code.put(&[0x4a, 0x8d, 0x0c, 0x11]);
        }
        // jrcxz behind the jump
        self.code.put(&[0xe3, 0x05]);
        self.code.jump_to(self.miss);
        self.code.restore(Gpr::Rcx);
        self.code.restore(Gpr::R10);
        self.mark(pc, Recovery::default());
        self.entry = self.code.at();
    }

    /// Where a checked block is entered: goes to the code's beginning if there is still `source` at `pc`, its only range.
    fn check(&mut self, pc: u64, source: &[u8]) {
        const USED: [Gpr; 3] = [Gpr::Rax, Gpr::Rcx, Gpr::Rdx];
        self.entry = self.code.at();
        self.mark(pc, Recovery::default());
        USED.into_iter().for_each(|r| self.code.save(r));
        let saved = USED.into_iter().fold(Recovery::default(), Recovery::and_restores);
        self.mark(pc, saved);
        // lahf; seto al
        self.code.put(&[0x9f, 0x0f, 0x90, 0xc0]);
        self.mark(pc, saved.and_flags_in_ax());
        self.code.constant(Gpr::Rdx, pc);
        let mut differs = Vec::new();
        for (at, piece) in pieces(source) {
            self.code.compare(at, piece);
            // jne
            self.code.put(&[0x0f, 0x85, 0, 0, 0, 0]);
            differs.push(self.code.at());
        }
        let go_on = |t: &mut Self| {
            // add al, 127; sahf
            t.code.put(&[0x04, 0x7f, 0x9e]);
            USED.into_iter().for_each(|r| t.code.restore(r));
            t.mark(pc, Recovery::default());
        };
        go_on(self);
        let body = self.code.base();
        self.code.jump_to(body);
        for field in differs {
            let distance = (self.code.at() - field) as u32;
            self.code.bytes[field - 4..field].copy_from_slice(&distance.to_le_bytes());
        }
        self.mark(pc, saved.and_flags_in_ax());
        go_on(self);
        self.leave(&[0xe9], ExitKind::Stale, pc);
    }

    /// Sees to it that the unit holds the guest's x87 registers.
    fn want_x87(&mut self, pc: u64) {
        if core::mem::replace(&mut self.x87, true) {
            return;
        }
        let start = self.code.at();
        self.code.save(Gpr::Rcx);
        self.mark(pc, Recovery::default().and_restores(Gpr::Rcx));
        // mov ecx, [r11 + X87_LIVE]; jrcxz +2; jmp over
        self.code.put(&[0x41, 0x8b, 0x8b]);
        self.code.put(&offset::X87_LIVE.to_le_bytes());
        self.code.put(&[0xe3, 0x02, 0xeb, 0]);
        let over = self.code.at();
        self.code.restore(Gpr::Rcx);
        self.leave(&[0xe9], ExitKind::X87, pc);
        if let Some(l) = self.leaving.last_mut() {
            l.inside = Some(start as u32);
        }
        self.code.bytes[over - 1] = (self.code.at() - over) as u8;
        self.code.restore(Gpr::Rcx);
    }
}

/// Pieces of 8 bytes of `source`, or of 4, 2 and 1 if it is shorter, and where they are.
fn pieces(source: &[u8]) -> Vec<(u32, &[u8])> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let left = source.len() - at;
        let (from, n) = match left {
            8.. => (at, 8),
            // The end once more.
            _ if source.len() >= 8 => (source.len() - 8, 8),
            4.. => (at, 4),
            2.. => (at, 2),
            _ => (at, 1),
        };
        all.push((from as u32, &source[from..from + n]));
        at = from + n;
    }
    all
}

/// How much is fetched at a time. Unit: bytes.
const WINDOW: usize = 128;

impl Translator {
    pub fn new(model: CpuModel, mode: Mode) -> Self {
        Self { mode, policy: Policy::new(model, mode), rewriter: Rewriter::new(mode) }
    }

    /// Translates what lies at `pc` into `t`. `exists`: whether there is a block at an address.
    ///
    /// # Errors
    /// Nothing can be fetched there.
    pub fn translate(&mut self, t: &mut Translation, pc: GuestAddr, env: &mut dyn LiftEnv, exists: &dyn Fn(u64) -> bool) -> Result<(), LiftError> {
        let mut source = Vec::new();
        self.run(t, pc, env, exists, &mut source)?;
        if t.checked {
            t.check(pc.get(), &source);
        }
        t.code.finish();
        Ok(())
    }

    /// As [`Self::translate`], but for what comes behind the instructions. `source`: their bytes, of a checked block.
    fn run(&mut self, t: &mut Translation, pc: GuestAddr, env: &mut dyn LiftEnv, exists: &dyn Fn(u64) -> bool, source: &mut Vec<u8>) -> Result<(), LiftError> {
        let mut buf = [0; WINDOW];
        let (mut at, mut start, mut branches) = (pc.get(), pc.get(), 0);
        t.start = at;
        'run: loop {
            let (first, have) = (at, env.fetch(GuestAddr::new(at), &mut buf));
            let mut insns = Insns::new(self.mode, GuestAddr::new(first), &buf[..have]);
            loop {
                let skip = at.wrapping_sub(first) as usize;
                if at != first && skip.saturating_add(MAX_INSN_LEN) > have {
                    continue 'run;
                }
                let Some((i, bytes)) = insns.at(skip) else {
                    if t.insns == 0 {
                        return Err(LiftError::Fetch(GuestAddr::new(at)));
                    }
                    t.jump(at);
                    break 'run;
                };
                t.insns += 1;
                let then = self.one(t, &i, bytes);
                if t.checked {
                    source.extend_from_slice(bytes);
                    at = i.next_ip();
                    match then {
                        Then::Next if t.insns < MAX_CHECKED && !self.rewriter.writes_memory(&i) => continue,
                        Then::Next | Then::Behind => t.jump(at),
                        Then::At(target) => t.jump(target),
                        Then::End => {}
                    }
                    break 'run;
                }
                let next = match then {
                    Then::Next => i.next_ip(),
                    Then::At(target) if !t.reaches(target) => {
                        t.jump(target);
                        at = i.next_ip();
                        break 'run;
                    }
                    Then::Behind | Then::At(_) if branches == MAX_BRANCHES => {
                        t.jump(if let Then::At(target) = then { target } else { i.next_ip() });
                        at = i.next_ip();
                        break 'run;
                    }
                    Then::Behind => {
                        branches += 1;
                        i.next_ip()
                    }
                    Then::At(target) => {
                        branches += 1;
                        target
                    }
                    Then::End => {
                        at = i.next_ip();
                        break 'run;
                    }
                };
                let goes_on = t.insns < MAX_INSNS && (matches!(then, Then::Next) || !exists(next)) && t.place_of(next).is_none();
                if next != i.next_ip() || !goes_on {
                    t.ranges.push((GuestAddr::new(start), GuestAddr::new(i.next_ip())));
                    start = next;
                }
                at = next;
                if !goes_on {
                    t.jump(next);
                    return Ok(());
                }
            }
        }
        t.ranges.push((GuestAddr::new(start), GuestAddr::new(at)));
        Ok(())
    }

    /// Appends one instruction.
    fn one(&mut self, t: &mut Translation, i: &Instruction, raw: &[u8]) -> Then {
        t.mark(i.ip(), Recovery::default());
        t.starts.push((i.ip(), t.code.at() as u32));
        let flow = if i.is_invalid() { Flow::Fault } else { flow(i) };
        match flow {
            Flow::Next | Flow::Barrier if matches!(i.mnemonic(), Mnemonic::Nop | Mnemonic::Endbr64 | Mnemonic::Endbr32) => Then::Next,
            Flow::Next | Flow::Barrier if self.plain(t, i, raw) => Then::Next,
            Flow::Next | Flow::Barrier | Flow::Fault => Then::step(t, i),
            _ if self.mode == Mode::Bits32 => self.branch_narrow(t, i, raw, flow),
            Flow::Jump(target) if i.op0_kind() == OpKind::NearBranch64 => Then::At(target.get()),
            Flow::Branch(target) if is_conditional(i) => conditional(t, i, raw, target.get()),
            Flow::Call(target) if i.op0_kind() == OpKind::NearBranch64 && t.reaches(target.get()) => {
                t.code.push(i.next_ip());
                t.mark(target.get(), Recovery::default());
                t.jump(target.get());
                Then::End
            }
            Flow::Return if matches!(i.code(), Op::Retnq | Op::Retnq_imm16) => ret(t, i),
            Flow::IndirectJump if i.code() == Op::Jmp_rm64 && i.segment_prefix() != Register::GS => self.indirect(t, i, None),
            Flow::IndirectCall if i.code() == Op::Call_rm64 && i.segment_prefix() != Register::GS => self.indirect(t, i, Some(i.next_ip())),
            Flow::Gate if i.code() == Op::Syscall && i.len() == 2 => {
                t.leave(&[0xe9], ExitKind::Syscall, i.ip());
                Then::End
            }
            _ => Then::step(t, i),
        }
    }

    /// Appends a branch of 32-bit code.
    fn branch_narrow(&mut self, t: &mut Translation, i: &Instruction, raw: &[u8], flow: Flow) -> Then {
        match flow {
            Flow::Jump(target) if i.op0_kind() == OpKind::NearBranch32 => Then::At(target.get()),
            Flow::Branch(target) if is_conditional(i) => conditional(t, i, raw, target.get()),
            Flow::Call(target) if i.op0_kind() == OpKind::NearBranch32 && t.reaches(target.get()) => {
                t.code.push_narrow(i.next_ip() as u32);
                t.mark(target.get(), Recovery::default());
                t.jump(target.get());
                Then::End
            }
            Flow::Return if matches!(i.code(), Op::Retnd | Op::Retnd_imm16) => {
                t.code.load_top(Gpr::R10);
                t.code.move_stack_up(4 + if i.op_count() > 0 { i32::from(i.immediate16()) } else { 0 });
                t.mark(0, Recovery::narrow_target());
                t.branch_narrow();
                Then::End
            }
            Flow::IndirectJump if i.code() == Op::Jmp_rm32 => self.indirect(t, i, None),
            Flow::IndirectCall if i.code() == Op::Call_rm32 => self.indirect(t, i, Some(i.next_ip())),
            Flow::Gate if i.code() == Op::Int_imm8 && raw == [0xcd, 0x80] => {
                t.leave(&[0xe9], ExitKind::Syscall, i.ip());
                Then::End
            }
            _ => Then::step(t, i),
        }
    }

    /// Appends an instruction that is no branch, unless the interpreter must do it.
    fn plain(&mut self, t: &mut Translation, i: &Instruction, raw: &[u8]) -> bool {
        let kind = self.policy.of(i);
        if !kind.is_copied() {
            return false;
        }
        if kind.wants_x87() {
            t.want_x87(i.ip());
            t.mark(i.ip(), Recovery::default());
        }
        if self.rewriter.emit(&mut t.code, &mut t.marks, i, Some(raw)).is_none() {
            return false;
        }
        if kind.is_x87() {
            self.point(t, i, raw);
        }
        true
    }

    /// Leaves the addresses of an x87 instruction and of its operand in the state.
    fn point(&mut self, t: &mut Translation, i: &Instruction, raw: &[u8]) {
        let next = i.next_ip();
        t.mark(next, Recovery::default());
        t.code.save(Gpr::Rcx);
        t.mark(next, Recovery::default().and_restores(Gpr::Rcx));
        if i.op_count() > 0 && (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Memory) {
            if let Some(mut lea) = with_operand_of(Op::Lea_r64_m, Register::RCX, i) {
                lea.set_segment_prefix(Register::None);
                lea.set_ip(next);
                let rcx = Recovery::default().and_restores(Gpr::Rcx);
                // An address always has a form: a move, or LEA through a register that stands in.
                let _ = self.rewriter.holding(rcx, |r| r.emit(&mut t.code, &mut t.marks, &lea, None));
                t.mark(next, Recovery::default().and_restores(Gpr::Rcx));
            }
            t.code.store_rcx(offset::X87_FDP);
            let segment = forklift_x86::Seg::from_iced(i.memory_segment()).unwrap_or(forklift_x86::Seg::Ds);
            t.code.copy_selector(offset::seg_sel(segment), offset::X87_SW + 6);
        }
        t.code.copy_selector(offset::seg_sel(forklift_x86::Seg::Cs), offset::X87_SW + 4);
        t.code.restore(Gpr::Rcx);
        t.mark(next, Recovery::default());
        t.code.store_u32(offset::X87_FIP, i.ip() as u32);
        t.code.store_u32(offset::X87_FIP + 4, (i.ip() >> 32) as u32);
        let escape = raw.iter().position(|b| b & 0xf8 == 0xd8).unwrap_or(0);
        let fop = u16::from(raw[escape] & 7) << 8 | u16::from(raw.get(escape + 1).copied().unwrap_or(0));
        t.code.store_u16(offset::X87_SW + 2, fop);
    }

    /// JMP and CALL to where a register or memory says.
    fn indirect(&mut self, t: &mut Translation, i: &Instruction, returns_to: Option<u64>) -> Then {
        let before = t.code.at();
        let narrow = self.mode == Mode::Bits32;
        let held = if narrow { Recovery::default() } else { Recovery::default().and_restores(Gpr::R10) };
        if !narrow {
            t.code.save(Gpr::R10);
            t.code.save(Gpr::Rcx);
        }
        let (code, to) = if self.mode == Mode::Bits64 { (Op::Mov_r64_rm64, register(Gpr::R10)) } else { (Op::Mov_r32_rm32, Register::R10D) };
        let load = if i.op0_kind() == OpKind::Register { Instruction::with2(code, to, i.op0_register()).ok() } else { with_operand_of(code, to, i) };
        let loaded = load.and_then(|mut load| {
            load.set_len(0);
            load.set_ip(i.ip());
            self.rewriter.holding(held, |r| r.emit(&mut t.code, &mut t.marks, &load, None))
        });
        if loaded.is_none() {
            t.code.bytes.truncate(before);
            t.step(i.ip());
            return Then::End;
        }
        match returns_to {
            Some(address) if narrow => {
                t.code.push_narrow(address as u32);
                t.mark(0, Recovery::narrow_target());
                t.branch_narrow();
            }
            None if narrow => t.branch_narrow(),
            Some(address) => t.call(i.ip(), address),
            None => t.branch(i.ip(), 0),
        }
        Then::End
    }
}

impl Then {
    fn step(t: &mut Translation, i: &Instruction) -> Self {
        t.step(i.ip());
        Self::End
    }
}

/// Whether it is Jcc, JRCXZ or LOOP; not XBEGIN, which no CPU model has. Of 32-bit code, those that count with 32 bits.
fn is_conditional(i: &Instruction) -> bool {
    if i.op0_kind() == OpKind::NearBranch32 {
        return i.is_jcc_short_or_near() || matches!(i.code(), Op::Jecxz_rel8_32 | Op::Loop_rel8_32_ECX | Op::Loope_rel8_32_ECX | Op::Loopne_rel8_32_ECX);
    }
    i.op0_kind() == OpKind::NearBranch64 && (i.is_jcc_short_or_near() || i.is_jcx_short() || i.is_loop() || i.is_loopcc())
}

/// Jcc, JRCXZ, LOOP.
fn conditional(t: &mut Translation, i: &Instruction, raw: &[u8], target: u64) -> Then {
    if i.is_jcc_short_or_near() {
        let condition = Cond::from_iced(i.condition_code()).map_or(0, |c| c as u8);
        t.leave(&[0x0f, 0x80 | condition], ExitKind::Direct, target);
    } else {
        // These have a short form only, and write no flags.
        if i.op0_kind() == OpKind::NearBranch32 {
            // As wide as in the guest.
            t.code.put(&[0x67]);
        }
        t.code.put(&raw[..raw.len() - 1]);
        t.code.put(&[2]);
        t.mark(i.next_ip(), Recovery::default());
        t.code.put(&[0xeb, 0]);
        let over = t.code.at();
        t.mark(target, Recovery::default());
        t.jump(target);
        t.code.bytes[over - 1] = (t.code.at() - over) as u8;
    }
    Then::Behind
}

/// RET.
fn ret(t: &mut Translation, i: &Instruction) -> Then {
    let popped = 8 + if i.op_count() > 0 { i32::from(i.immediate16()) } else { 0 };
    t.code.save(Gpr::Rcx);
    t.code.save(Gpr::R10);
    if i.code() == Op::Retnq {
        // pop r10
        t.code.put(&[0x41, 0x5a]);
    } else {
        // mov r10, [rsp]; lea rsp, [rsp + 8 + imm]
        t.code.put(&[0x4c, 0x8b, 0x14, 0x24]);
        t.mark(i.ip(), Recovery::default().and_restores(Gpr::R10));
        t.code.put(&[0x48, 0x8d, 0xa4, 0x24]);
        t.code.put(&popped.to_le_bytes());
    }
    t.branch(i.ip(), -popped);
    Then::End
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_all() {
        let source: Vec<u8> = (0..40).collect();
        for n in 1..source.len() {
            let mut seen = vec![false; n];
            for (at, piece) in pieces(&source[..n]) {
                assert!(matches!(piece.len(), 1 | 2 | 4 | 8));
                assert_eq!(piece, &source[at as usize..at as usize + piece.len()]);
                seen[at as usize..at as usize + piece.len()].fill(true);
            }
            assert!(seen.into_iter().all(|s| s), "{n} bytes");
        }
    }

    #[test]
    fn patched_displacements_lie_in_one_line() {
        let mut t = Translation::new();
        for base in 0..64 {
            t.restart(0x1000 + base, 0);
            t.jump(0);
            t.leave(&[0x0f, 0x84], ExitKind::Direct, 0);
            for l in &t.leaving {
                assert!((0x1000 + base + l.site as u64) % 64 <= 60);
            }
        }
    }

    /// Code at one place.
    struct At(u64, Vec<u8>);

    impl LiftEnv for At {
        fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
            let have = self.1.get(addr.get().wrapping_sub(self.0) as usize..).unwrap_or_default();
            let n = have.len().min(buf.len());
            buf[..n].copy_from_slice(&have[..n]);
            n
        }

        fn token(&mut self, _: &Instruction) -> u64 {
            0
        }

        fn model(&self) -> CpuModel {
            CpuModel::V3
        }

        fn flags_op(&self) -> forklift_x86::CcOp {
            forklift_x86::CcOp::RAW
        }
    }

    fn translated(pc: u64, bytes: &[u8]) -> Translation {
        let mut t = Translation::new();
        t.restart(0x40_0000_0000, 0x40_0000_0000);
        Translator::new(CpuModel::V3, Mode::Bits64).translate(&mut t, GuestAddr::new(pc), &mut At(pc, bytes.to_vec()), &|_| false).unwrap();
        t
    }

    /// The guest's r10 is in the state from where the target is in r10.
    #[test]
    fn the_target_of_a_jump_is_not_the_guests_r10() {
        // jmp [r11 + 8]
        let t = translated(0x1000, &[0x41, 0xff, 0x63, 0x08]);
        let host: Vec<_> = iced_x86::Decoder::with_ip(64, &t.code.bytes, 0, 0).into_iter().collect();
        let load = host.iter().position(|i| i.to_string().starts_with("mov r10,[")).unwrap();
        let behind = host[load].next_ip() as u32;
        let recovery = t.marks.to_traps(GuestAddr::new(0x1000)).filter(|m| m.code <= behind).last().unwrap().pad;
        assert!(recovery >> Gpr::R10.index() & 1 != 0);
    }

    /// The places of marks are differences of 32 bits.
    #[test]
    fn a_far_jump_ends_a_block() {
        // jmp +0x7fff_fff0; what is there isn't looked at, and a call of as far away is the interpreter's.
        for from in [0x1000, 0x10_0000_0000] {
            let t = translated(from, &[0xe9, 0xf0, 0xff, 0xff, 0x7f]);
            assert_eq!((t.insns, t.leaving.len(), t.leaving[0].target), (1, 1, from + 5 + 0x7fff_fff0));
            let t = translated(from, &[0xe8, 0xf0, 0xff, 0xff, 0x7f]);
            assert!(t.leaving.len() == 1 && t.leaving[0].kind == ExitKind::Step);
            let near = translated(from, &[0xe8, 0, 0, 0, 0x40]);
            assert!(near.leaving[0].kind == ExitKind::Direct);
        }
    }
}
