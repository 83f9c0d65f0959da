//! The state of lifting one region, and the vocabulary that instructions are lifted with.
//!
//! What the guest's registers hold at the current point is known here as SSA values, or else lies in the state in memory. Invariants:
//! 1. Before anything that leaves the block or calls a helper that looks at the state, [`Lift::sync`] has stored what differs from memory.
//! 2. Cached values dominate the current point: code in a side path ([`Lift::side_path`]) works on a copy of the caches that is dropped with it.
//! 3. An instruction changes the caches only behind its last access that may fault.
//! 4. At anything that may fault, memory has the state from before one of the block's instructions, the *resume point*, and nothing that happened since
//!    can't be done again (no helper, no store but on the stack and before any load): the instruction that faults is found by interpretation from there on. [`Lift::guard`] sees to that, and
//!    gives the access the source location of the resume point. So a block without stores needs nothing stored before its loads. Where accesses are
//!    guarded ([`group`]), memory need not have that state: the pad stores it; nor with [`Faults::Lost`], but where an instruction is done by a call.

mod carried;
mod exits;
mod flags;
mod group;
mod halves;
mod headers;
mod later;
mod mem;
mod mmx;
mod operand;
mod order;
mod put_off;
mod regs;
mod upper;
mod vec;

use std::rc::Rc;

use cranelift_codegen::ir::{
    AbiParam, BlockArg, ExternalName, FuncRef, GlobalValueData, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef, Signature, SourceLoc, Type,
    UserExternalName, Value, ValueDef,
    immediates::Imm64,
    types::{I8, I16, I32, I64},
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use forklift_x86::{CcOp, Flow, GuestAddr, Mode, Width, flow};
use iced_x86::{EncodingKind, Instruction, Mnemonic, OpAccess};

use crate::region::Region;
use crate::{BlockKey, EXIT_NAMESPACE, Faults, Helper, HostCpu, LiftEnv, Lifted, LiftedExit, Needs, PARAM_REGS, TOKEN_NAMESPACE, Token, offset};

pub(crate) use flags::{FlagState, Lazy};
pub(crate) use halves::{Halves, is_vex, sources};
pub(crate) use headers::Seen;
pub(crate) use later::Later;
pub(crate) use mem::Addr;
pub(crate) use mmx::{MmxKnown, is_mmx, mmx_number};
pub(crate) use operand::Place;
use regs::Regs;
use vec::Xmms;
pub(crate) use vec::{vector_number, xmm_number};

/// The Cranelift type of an integer of this width.
pub(crate) const fn int(w: Width) -> Type {
    match w {
        Width::B1 => I8,
        Width::B2 => I16,
        Width::B4 => I32,
        Width::B8 => I64,
    }
}

/// Accesses to the state: never fault.
const STATE: MemFlagsData = MemFlagsData::trusted();

/// The context of lifting: a builder at the current point, and what is known there.
pub(crate) struct Lift<'a, 'b> {
    pub b: FunctionBuilder<'b>,
    pub key: BlockKey,
    /// Status flags that somebody may read behind the current instruction.
    pub live: u32,
    /// The code here computes with scalar doubles: registers are copied in halves.
    pub scalar: bool,
    /// Number of the current instruction.
    index: u32,
    env: &'a mut dyn LiftEnv,
    /// Whom code is made for.
    pub host: HostCpu,
    state: Value,
    known: Known,
    closed: bool,
    graph: headers::Graph,
    /// How the state is had at a fault.
    pub faults: Faults,
    /// Loops keep the state in registers, with guarded accesses or with nothing for faults.
    carries: bool,
    group: Option<group::Group>,
    stretch: Option<put_off::Stretch>,
    /// Whether somebody wants us to leave has been looked at just before.
    polled: bool,
    /// For each group, the number of its first instruction.
    groups: Vec<u32>,
    exits: Vec<LiftedExit>,
    tokens: Vec<Token>,
    exit_sig: SigRef,
    /// Of exits that go through the dispatcher: their registers are in memory only.
    bare_sig: Option<SigRef>,
    helper_sigs: [Option<SigRef>; 2],
    /// Finds which flags are live at an address.
    lookahead: crate::live::Lookahead,
}

/// What is known about the guest's state at the current point.
#[derive(Clone)]
struct Known {
    regs: Regs,
    xmm: Xmms,
    flags: FlagState,
    /// What has probably set the flags that memory has.
    memory_op: Option<CcOp>,
    mem_base: Option<Value>,
    x87: crate::ops::X87Known,
    mmx: MmxKnown,
    seg_base: [Option<Value>; 6],
    /// Values that are multiples of the third number (16 or 32) if the second is added.
    aligned: Vec<(Value, i32, i32)>,
    /// MXCSR says so.
    rounds_to_nearest: bool,
    /// Sums of addresses: `a + (b << shift)`.
    sums: Vec<((Value, Value, u32), Value)>,
    /// Zero extensions of addresses.
    widened: Vec<(Value, Value)>,
    /// Number of the instruction that interpretation resumes at after a fault.
    resume: u32,
    /// Something has happened since that can't be done again, or the state in memory is not that of the resume point any more.
    moved: bool,
    /// Guest memory has been read since.
    loaded: bool,
}

impl Known {
    /// Nothing but the registers.
    fn new(regs: Regs) -> Self {
        Self {
            regs,
            xmm: Xmms::default(),
            flags: FlagState::MEMORY,
            memory_op: None,
            mem_base: None,
            x87: crate::ops::X87Known::default(),
            mmx: MmxKnown::default(),
            seg_base: [None; 6],
            aligned: Vec::new(),
            rounds_to_nearest: false,
            sums: Vec::new(),
            widened: Vec::new(),
            resume: 0,
            moved: false,
            loaded: false,
        }
    }
}

/// What may fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Can be done again.
    Load,
    /// A store on the stack: can be done again as well, if nothing was read before that it may have overwritten.
    StackStore,
    /// Can't.
    Other,
}

impl<'a, 'b> Lift<'a, 'b> {
    /// Starts a region: `b` is at the beginning of an empty function of the right signature.
    pub fn new(mut b: FunctionBuilder<'b>, key: BlockKey, env: &'a mut dyn LiftEnv, host: HostCpu, region: Rc<Region>) -> Self {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let params: [Value; PARAM_REGS.len()] = core::array::from_fn(|n| b.block_params(entry)[n]);
        // Locations are kept relative to the first one, and may not lie just before it.
        b.set_srcloc(SourceLoc::new(0));
        let state = b.ins().get_pinned_reg(I64);
        let exit_sig = b.import_signature(crate::signature());
        let complete = key.needs.has(Needs::COMPLETE);
        Self {
            b,
            key,
            live: 0,
            scalar: false,
            index: 0,
            env,
            host,
            state,
            known: Known { moved: !complete, ..Known::new(Regs::with_params(params, !complete)) },
            closed: false,
            graph: headers::Graph::new(region),
            faults: Faults::Stored,
            carries: false,
            group: None,
            stretch: None,
            polled: false,
            groups: Vec::new(),
            exits: Vec::new(),
            tokens: Vec::new(),
            exit_sig,
            bare_sig: None,
            helper_sigs: [None; 2],
            lookahead: crate::live::Lookahead::new(true),
        }
    }

    /// Whether the guest runs in 64-bit mode.
    pub fn is_64(&self) -> bool {
        self.key.mode == Mode::Bits64
    }

    /// Width of addresses and stack slots of the mode.
    pub fn word(&self) -> Width {
        if self.is_64() { Width::B8 } else { Width::B4 }
    }

    /// Ends the function and hands out its exits, its tokens and, as ranges, the code that the lookahead depended on.
    pub fn finish(self, target: cranelift_codegen::isa::TargetFrontendConfig) -> Lifted {
        let mut b = self.b;
        b.seal_all_blocks();
        b.finalize(target);
        Lifted { exits: self.exits, tokens: self.tokens, groups: self.groups, ranges: self.lookahead.into_ranges(), ..Lifted::default() }
    }

    /// Lifts instruction `index` of the region.
    pub fn insn(&mut self, index: u32, i: &Instruction) {
        self.index = index;
        // What the CPU model lacks is left to the interpreter, which raises #UD.
        let known = matches!(i.encoding(), EncodingKind::Legacy | EncodingKind::VEX) && self.env.model().permits(i.code());
        // MMX raises what is pending in the x87. Where that is the host's, nothing can be, since blocks run with all exceptions masked only.
        let safe = self.host.x86 || !is_mmx(i) && i.mnemonic() != Mnemonic::Emms;
        let lift = crate::ops::lookup(i.mnemonic()).filter(|_| known && safe);
        let done = lift.and_then(|f| f(self, i));
        if done.is_none() {
            self.unlifted(i);
        }
    }

    /// An instruction that isn't lifted: a call of the step helper, or an exit to the interpreter if it may change the flow or what a block depends on.
    fn unlifted(&mut self, i: &Instruction) {
        let string = i.is_string_instruction();
        match flow(i) {
            Flow::Next | Flow::Barrier if string => self.step(i),
            Flow::Next if !crate::ops::changes_mode(i, self.host.x86) => self.step(i),
            _ => self.leave(LiftedExit::Step(GuestAddr::new(i.ip()))),
        }
    }

    /// Has the interpreter run `i`.
    pub fn step(&mut self, i: &Instruction) {
        self.sync();
        let value = if self.is_probe() { 0 } else { self.env.token(i) };
        let token = self.token(Token { at: GuestAddr::new(i.ip()), value });
        let stop = self.call_helper(Helper::Step, Some(token));
        self.known.moved = true;
        self.forget_written(i);
        self.side_path(stop, |cx| cx.leave_complete(LiftedExit::Dispatch));
    }

    /// A number that isn't known before the block is placed.
    fn token(&mut self, token: Token) -> Value {
        let index = self.tokens.len() as u32;
        self.tokens.push(token);
        let name = self.b.func.declare_imported_user_function(UserExternalName { namespace: TOKEN_NAMESPACE, index });
        let data = GlobalValueData::Symbol { name: ExternalName::user(name), offset: Imm64::new(0), colocated: false, tls: false };
        let symbol = self.b.create_global_value(data);
        self.b.ins().symbol_value(I64, symbol)
    }

    /// Forgets what the step helper may have changed.
    fn forget_written(&mut self, i: &Instruction) {
        let mut info = iced_x86::InstructionInfoFactory::new();
        for r in info.info(i).used_registers() {
            let written = !matches!(r.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess);
            if written && let Some(g) = forklift_x86::Gpr::from_iced(r.register()) {
                self.known.regs.forget(g);
            }
        }
        self.known.xmm = Xmms::default();
        self.known.x87.forget();
        self.forget_mmx();
        self.known.seg_base = [None; 6];
        // A rotation through CF by the whole width shows no change, but processors set OF.
        if i.rflags_modified() != 0 || matches!(i.mnemonic(), Mnemonic::Rcl | Mnemonic::Rcr) {
            self.known.flags = FlagState::MEMORY;
        }
    }

    /// Calls a helper that does nothing but tell of the flags in memory. Elsewhere than on x86-64 it leaves all registers alone, so that loops which hardly ever call it
    /// can use them all; its result lies in the state.
    fn ask_helper(&mut self, h: Helper, arg: Option<Value>) -> Value {
        if self.host.x86 {
            return self.call_helper(h, arg);
        }
        self.close_group();
        let mut sig = Signature::new(CallConv::PreserveAll);
        sig.params.extend([AbiParam::new(I64); 2]);
        let sig = self.b.import_signature(sig);
        let f = self.helper_address(h);
        self.b.ins().call_indirect(sig, f, &[self.state, arg.unwrap_or(self.state)]);
        self.load_state(I64, offset::X87_SCRATCH)
    }

    /// Calls a helper with the state and perhaps one more argument.
    fn call_helper(&mut self, h: Helper, arg: Option<Value>) -> Value {
        self.close_group();
        let n = usize::from(arg.is_some());
        let sig = self.helper_sigs[n].unwrap_or_else(|| self.b.import_signature(helper_signature(1 + n)));
        self.helper_sigs[n] = Some(sig);
        let f = self.helper_address(h);
        let args = [self.state, arg.unwrap_or(self.state)];
        let call = self.b.ins().call_indirect(sig, f, &args[..=n]);
        self.b.inst_results(call)[0]
    }

    /// Emits `f` on a cold path that is taken if `cond` is not zero, and goes on where it isn't. `f` must close the path.
    pub fn side_path(&mut self, cond: Value, f: impl FnOnce(&mut Self)) {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(cond, cold, &[] as &[BlockArg], next, &[] as &[BlockArg]);
        self.b.switch_to_block(cold);
        self.on_copy(f);
        self.b.switch_to_block(next);
    }

    /// Emits `then` and `otherwise` on two paths, which both leave the block.
    pub fn fork(&mut self, cond: Value, then: impl FnOnce(&mut Self), otherwise: impl FnOnce(&mut Self)) {
        self.close_group();
        let (yes, no) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(cond, yes, &[] as &[BlockArg], no, &[] as &[BlockArg]);
        self.b.switch_to_block(yes);
        self.on_copy(then);
        self.b.switch_to_block(no);
        self.on_copy(otherwise);
        self.closed = true;
    }

    /// Emits `f` on a path that joins the others again: what becomes known there is forgotten.
    pub fn detour(&mut self, f: impl FnOnce(&mut Self)) {
        self.close_group();
        let known = self.known.clone();
        f(self);
        self.close_group();
        self.known = known;
    }

    /// Registers have changed in memory, and perhaps guest memory, which can't be done again.
    pub fn changed_in_memory(&mut self, regs: &[forklift_x86::Gpr]) {
        regs.iter().for_each(|r| self.known.regs.forget(*r));
        self.known.x87.forget();
        self.known.moved = true;
    }

    /// The flags have changed in memory.
    pub fn flags_changed_in_memory(&mut self) {
        self.known.flags = FlagState::MEMORY;
    }

    fn on_copy(&mut self, f: impl FnOnce(&mut Self)) {
        let (known, group, stretch) = (self.known.clone(), self.group.take(), self.stretch.clone());
        f(self);
        debug_assert!(self.closed && self.group.is_none(), "a side path must leave");
        self.closed = false;
        (self.known, self.group, self.stretch) = (known, group, stretch);
    }

    pub(crate) fn load_state(&mut self, ty: Type, offset: i32) -> Value {
        self.b.ins().load(ty, STATE, self.state, offset)
    }

    pub(crate) fn store_state(&mut self, v: Value, offset: i32) {
        self.close_group();
        self.known.moved = true;
        self.b.ins().store(STATE, v, self.state, offset);
    }

    /// Host address of a field of the state.
    pub fn state_address(&mut self, offset: i32) -> Value {
        self.b.ins().iadd_imm_s(self.state, i64::from(offset))
    }

    /// The entry of the table of helpers.
    pub fn helper_address(&mut self, h: Helper) -> Value {
        let table = self.load_state(I64, offset::HELPERS);
        self.b.ins().load(I64, STATE, table, 8 * h as i32)
    }

    /// What is known about the x87.
    pub fn known_x87(&mut self) -> &mut crate::ops::X87Known {
        &mut self.known.x87
    }

    /// Something has happened that can't be done again.
    pub fn note_change(&mut self) {
        self.known.moved = true;
    }

    /// Before a call that may fault by itself: interpretation would resume at the current instruction.
    pub fn resume_here(&mut self) {
        self.known.moved = true;
        self.store_resume_point(Access::Other);
    }

    /// Brings the state in memory up to date.
    pub fn sync(&mut self) {
        self.sync_regs();
        self.sync_xmm();
        self.sync_flags();
    }

    /// Before an access that may fault: see invariant 4.
    fn guard(&mut self, access: Access) {
        if access != Access::Load {
            self.settle();
        }
        match self.faults {
            Faults::Guarded if self.carries => self.join_group(access),
            _ => self.guard_by_memory(access),
        }
    }

    /// The same, without a group.
    fn guard_by_memory(&mut self, access: Access) {
        if access != Access::Load {
            self.settle();
        }
        match self.faults {
            Faults::Lost => self.b.set_srcloc(SourceLoc::new(self.index)),
            _ => self.store_resume_point(access),
        }
    }

    /// The same, by storing the state.
    fn store_resume_point(&mut self, access: Access) {
        self.close_group();
        if self.known.moved || self.carries {
            self.sync();
            (self.known.resume, self.known.moved, self.known.loaded) = (self.index, false, false);
        }
        self.b.set_srcloc(SourceLoc::new(self.known.resume));
        match access {
            Access::Load => self.known.loaded = true,
            Access::StackStore if !self.known.loaded => {}
            _ => self.known.moved = true,
        }
    }

    /// The same, except for the flags.
    pub fn sync_but_flags(&mut self) {
        self.sync_regs();
        self.sync_xmm();
    }

    fn exit_ref(&mut self, exit: LiftedExit, signature: SigRef) -> FuncRef {
        use cranelift_codegen::ir::{ExtFuncData, ExternalName, UserExternalName};
        let name = UserExternalName::new(EXIT_NAMESPACE, self.exits.len() as u32);
        self.exits.push(exit);
        let name = ExternalName::user(self.b.func.declare_imported_user_function(name));
        self.b.import_function(ExtFuncData { name, signature, colocated: true, patchable: false })
    }

    /// A constant of an integer type.
    pub fn iconst(&mut self, w: Width, v: u64) -> Value {
        self.b.ins().iconst(int(w), w.truncate(v) as i64)
    }

    /// The value if it is a constant.
    pub fn as_const(&self, v: Value) -> Option<u64> {
        let ValueDef::Result(inst, 0) = self.b.func.dfg.value_def(v) else { return None };
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u64),
            _ => None,
        }
    }

    /// `v` as the sum of a value and a constant.
    fn as_sum(&self, v: Value) -> (Value, i64) {
        let ValueDef::Result(inst, 0) = self.b.func.dfg.value_def(v) else { return (v, 0) };
        match self.b.func.dfg.insts[inst] {
            InstructionData::Binary { opcode: Opcode::Iadd, args: [x, c] } => self.as_const(c).map_or((v, 0), |c| (x, c as i64)),
            InstructionData::Binary { opcode: Opcode::Isub, args: [x, c] } => self.as_const(c).map_or((v, 0), |c| (x, (c as i64).wrapping_neg())),
            _ => (v, 0),
        }
    }

    /// `v + n`, folding constants.
    pub fn add_const(&mut self, v: Value, n: i64) -> Value {
        let ty = self.type_of(v);
        let w = Width::from_bytes(ty.bytes() as usize).unwrap_or(Width::B8);
        let (x, c) = self.as_sum(v);
        let sum = w.sign_extend(c.wrapping_add(n) as u64);
        match self.as_const(x) {
            Some(k) => self.iconst(w, k.wrapping_add(sum as u64)),
            None if sum == 0 => x,
            None => self.b.ins().iadd_imm_s(x, sum),
        }
    }

    /// The type of a value.
    pub fn type_of(&self, v: Value) -> Type {
        self.b.func.dfg.value_type(v)
    }

    /// `v` as an unsigned number in `ty`, whichever is wider.
    pub fn zext(&mut self, v: Value, ty: Type) -> Value {
        match self.type_of(v).bits().cmp(&ty.bits()) {
            core::cmp::Ordering::Less => match (self.as_const(v), self.loaded_wide(v)) {
                (Some(c), _) => self.b.ins().iconst(ty, c as i64),
                (_, Some(wide)) => self.zext(wide, ty),
                _ => self.b.ins().uextend(ty, v),
            },
            core::cmp::Ordering::Equal => v,
            core::cmp::Ordering::Greater => self.b.ins().ireduce(ty, v),
        }
    }

    /// The zero extension of a value that is what has been loaded from memory and extended, or the low part of that.
    fn loaded_wide(&self, v: Value) -> Option<Value> {
        let def = |v| if let ValueDef::Result(inst, 0) = self.b.func.dfg.value_def(v) { Some(self.b.func.dfg.insts[inst]) } else { None };
        let mut wide = v;
        loop {
            match def(wide)? {
                InstructionData::Unary { opcode: Opcode::Ireduce, arg } => wide = arg,
                InstructionData::Load { opcode: Opcode::Uload8, .. } if wide != v => return Some(wide),
                InstructionData::Load { opcode: Opcode::Uload16, .. } if wide != v && self.type_of(v) == I16 => return Some(wide),
                _ => return None,
            }
        }
    }

    /// `v` as a signed number in `ty`, whichever is wider.
    pub fn sext(&mut self, v: Value, ty: Type) -> Value {
        if self.type_of(v).bits() < ty.bits() { self.b.ins().sextend(ty, v) } else { self.zext(v, ty) }
    }
}

fn helper_signature(args: usize) -> Signature {
    let mut sig = Signature::new(CallConv::SystemV);
    sig.params.extend(core::iter::repeat_n(AbiParam::new(I64), args));
    sig.returns.push(AbiParam::new(I64));
    sig
}
