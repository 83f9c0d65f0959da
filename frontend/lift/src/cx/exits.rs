//! Leaving a block.

use cranelift_codegen::ir::{InstBuilder, SigRef, Signature, Value, condcodes::IntCC, types::I64};
use cranelift_codegen::isa::CallConv;
use forklift_x86::{Gpr, GuestAddr, Width};
use iced_x86::Instruction;

use super::{Lift, STATE, int};
use crate::contract::Fetch;
use crate::{INDIRECT_ENTRIES, LiftedExit, Needs, PARAM_REGS, offset};

impl Lift<'_, '_> {
    /// Leaves the block; the state is brought up to date first.
    pub fn leave(&mut self, exit: LiftedExit) {
        self.sync();
        let params = self.params();
        self.leave_with(exit, self.exit_sig, &params);
    }

    /// Leaves by an exit that goes through the dispatcher, with a state that is complete in memory already.
    pub fn leave_complete(&mut self, exit: LiftedExit) {
        let sig = *self.bare_sig.get_or_insert_with(|| self.b.import_signature(Signature::new(CallConv::Tail)));
        self.leave_with(exit, sig, &[]);
    }

    fn leave_with(&mut self, exit: LiftedExit, sig: SigRef, params: &[Value]) {
        self.close_group();
        let f = self.exit_ref(exit, sig);
        self.b.ins().return_call(f, params);
        self.closed = true;
    }

    /// Brings what the next block finds in memory up to date, but for the flags.
    pub(super) fn sync_for_block(&mut self) {
        let travels = |r| !self.key.needs.has(Needs::COMPLETE) && PARAM_REGS.contains(&r);
        let stays: Vec<Gpr> = Gpr::ALL.into_iter().filter(|r| !travels(*r)).collect();
        stays.into_iter().for_each(|r| self.sync_reg(r));
        self.sync_xmm();
    }

    /// Leaves for a known address. The flags are not stored if the code there sets them before anybody can see them.
    pub fn leave_to(&mut self, target: GuestAddr) {
        self.sync_for_block();
        if self.live_at(target) != 0 {
            self.sync_flags();
        }
        let params = self.params();
        self.leave_with(LiftedExit::Direct(target), self.exit_sig, &params);
    }

    /// Goes on at the address `target`, as wide as a word of the mode, by way of the branch `i`; `finish` does what else it does, before it leaves.
    ///
    /// If the address isn't canonical, the branch must fault before it has done anything: the interpreter does it.
    pub fn leave_indirect(&mut self, i: &Instruction, target: Value, finish: impl Fn(&mut Self)) {
        self.sync_for_block();
        self.sync_flags();
        let rip = self.zext(target, I64);
        let table = self.load_state(I64, offset::INDIRECT);
        let entry = self.table_entry(table, rip);
        let key = self.b.ins().load(I64, STATE, entry, 0);
        let hit = self.b.ins().icmp(IntCC::Equal, key, rip);
        let sig = self.exit_sig;
        self.fork(
            hit,
            |cx| {
                finish(cx);
                cx.sync_for_block();
                cx.sync_flags();
                let code = cx.b.ins().load(I64, STATE, entry, 8);
                let params = cx.params();
                cx.close_group();
                cx.b.ins().return_call_indirect(sig, code, &params);
                cx.closed = true;
            },
            |cx| {
                if cx.is_64() {
                    cx.check_canonical(i, rip);
                }
                finish(cx);
                cx.store_state(rip, offset::RIP);
                cx.sync_for_block();
                cx.sync_flags();
                let params = cx.params();
                cx.leave_with(LiftedExit::Indirect, cx.exit_sig, &params);
            },
        );
    }

    fn check_canonical(&mut self, i: &Instruction, rip: Value) {
        let shifted = self.b.ins().ishl_imm_u(rip, 16);
        let canonical = self.b.ins().sshr_imm_u(shifted, 16);
        let bad = self.b.ins().icmp(IntCC::NotEqual, canonical, rip);
        let pc = GuestAddr::new(i.ip());
        self.side_path(bad, |cx| cx.leave(LiftedExit::Step(pc)));
    }

    /// The address of the entry of the table of indirect branches; see [`IndirectEntry::index`](crate::IndirectEntry::index).
    fn table_entry(&mut self, table: Value, rip: Value) -> Value {
        const BITS: i64 = INDIRECT_ENTRIES.trailing_zeros() as i64;
        if self.host.x86 {
            let high = self.b.ins().ushr_imm_u(rip, BITS);
            let mixed = self.b.ins().bxor(rip, high);
            let index = self.b.ins().band_imm_u(mixed, INDIRECT_ENTRIES as i64 - 1);
            let at = self.b.ins().ishl_imm_u(index, 4);
            return self.b.ins().iadd(table, at);
        }
        // An operand may be shifted to the left in passing.
        let low = self.b.ins().ishl_imm_u(rip, BITS);
        let mixed = self.b.ins().bxor(rip, low);
        let at = self.b.ins().ushr_imm_u(mixed, BITS - 4);
        let at = self.b.ins().band_imm_u(at, (INDIRECT_ENTRIES as i64 - 1) << 4);
        self.b.ins().iadd(table, at)
    }

    /// Leaves a checked block if the `len` bytes at `addr` are not `expected` any more.
    pub fn check_bytes(&mut self, addr: GuestAddr, len: usize, expected: u64) {
        let w = Width::from_bytes(len).unwrap_or(Width::B1);
        let a = self.addr_const(addr);
        let v = self.load(int(w), a);
        let expected = self.iconst(w, expected);
        let stale = self.b.ins().icmp(IntCC::NotEqual, v, expected);
        self.side_path(stale, |cx| cx.leave_complete(LiftedExit::Stale));
    }

    /// As [`LiftEnv::fetch`](crate::LiftEnv::fetch).
    pub fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.env.fetch(addr, buf)
    }

    /// As [`LiftEnv::model`](crate::LiftEnv::model).
    pub fn model(&self) -> forklift_x86::CpuModel {
        self.env.model()
    }

    /// Which status flags may be read at `addr` before they are set.
    fn live_at(&mut self, addr: GuestAddr) -> u32 {
        if let Some(live) = self.live_in_region(addr) {
            return live;
        }
        self.lookahead.live_at(&mut Fetch(self.env), self.key.mode, addr)
    }
}
