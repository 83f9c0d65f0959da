//! Going from node to node of a region.
//!
//! A node with one way in is lifted where the way leads to it, with everything that is known there. A header is a block of its own, with parameters for the
//! registers that the loop around it uses: so they stay in host registers from round to round, and need no loads. All others lie in memory there. Where
//! accesses aren't guarded, what is carried is stored too, because it would be before the next access anyway.
//!
//! A region with headers is lifted twice. The first time is a probe: it shows which registers, and which pieces of them, are read that were there before, and
//! how a round leaves them.
//!
//! A way back is no exit, so a kick or an invalidation can't unlink it: it looks at `interrupt` in the state, and leaves if that is set.

use std::collections::HashMap;
use std::rc::Rc;

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, condcodes::IntCC, types::I32};
use forklift_x86::{Flow, Gpr, GuestAddr, Mode, Width, flow};
use iced_x86::{Instruction, Mnemonic};

use super::carried::FlagShape;
use super::regs::{CarriedReg, Regs};
use super::vec::CarriedXmm;
use super::{Known, Lift};
use crate::aligned::Operand;
use crate::live;
use crate::region::Region;
use crate::{Faults, LiftedExit, Needs, offset};

/// Most registers of a kind that are carried though the loop doesn't use them. x86-64 hosts have 16, of which three are taken; others have room for all.
const MOST: u32 = 12;

/// What a probe has seen.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// General purpose registers that were loaded from memory.
    pub(super) gprs: u16,
    /// The pieces of vector registers that were loaded from memory.
    pub(super) loaded: [u8; 16],
    /// General purpose registers that a round left in need of being stored.
    written: u16,
    /// General purpose registers that a round left as a whole.
    pub(super) whole: u16,
    /// The pieces of vector registers that a round left in need of being stored.
    pub(super) dirty: [u8; 16],
    /// The vector registers whose high half is zero whenever a header is reached.
    zero_highs: HashMap<usize, u16>,
    /// What flags headers are reached with by their shortest rounds, and how many nodes those have.
    flags: HashMap<usize, (usize, FlagShape)>,
}

/// What a header carries.
#[derive(Clone, Default)]
struct Shape {
    regs: Vec<CarriedReg>,
    xmms: Vec<CarriedXmm>,
    flags: Option<FlagShape>,
    /// Registers that are carried by their low half, with a zero above that memory has.
    zero_highs: u16,
}

/// The region and what has been lifted of it.
pub(super) struct Graph {
    region: Rc<Region>,
    headers: Vec<Option<(Block, Rc<Shape>)>>,
    /// The headers on the way to where we are, and how many nodes led to them.
    path: Vec<(usize, usize)>,
    /// How many nodes led to where we are.
    depth: usize,
    /// Whether something in the region computes with scalar doubles.
    scalar: bool,
    /// From the probe; `None`: this is it.
    known: Option<Seen>,
    pub(super) seen: Seen,
}

impl Graph {
    pub(super) fn new(region: Rc<Region>) -> Self {
        let scalar = region.insns().any(computes_scalar);
        Self { headers: vec![None; region.nodes.len()], scalar, region, path: Vec::new(), depth: 0, known: None, seen: Seen::default() }
    }

    /// Address of the instruction with this number.
    pub(super) fn address(&self, index: u32) -> GuestAddr {
        self.region.insns().nth(index as usize).map_or(self.region.nodes[0].start, |i| GuestAddr::new(i.ip()))
    }

    /// If the header `n` is on the way to where we are: how many nodes lie between.
    fn round(&self, n: usize) -> Option<usize> {
        self.path.iter().find(|(m, _)| *m == n).map(|(_, depth)| self.depth - depth)
    }

    /// Which registers to carry: of those that the region reads from memory, those that the loop uses, or all if the host has room for them.
    fn worth(used: u16, read: u16, faults: Faults) -> u16 {
        if faults == Faults::Lost || read.count_ones() <= MOST { read } else { used & read }
    }

    fn shape(&self, n: usize, mode: Mode, faults: Faults) -> Shape {
        let used = self.region.nodes[n].used;
        let Some(seen) = &self.known else { return Shape::default() };
        // Without guards, carrying what a round sets before it reads it costs nothing.
        let set = if faults == Faults::Lost { seen.written } else { 0 };
        let gprs = Self::worth(used.gprs, seen.gprs | set, faults);
        let carried = |r: Gpr| gprs & 1 << r.index() != 0;
        let low = |r: Gpr| mode == Mode::Bits32 && seen.whole & 1 << r.index() == 0;
        let regs = Gpr::ALL.into_iter().filter(|r| carried(*r)).map(|reg| CarriedReg { reg, low: low(reg) }).collect();
        let loaded = seen.loaded.iter().enumerate().fold(0, |all, (n, l)| all | u16::from(*l != 0) << n);
        let vectors = Self::worth(used.vectors, loaded, faults) | used.vectors;
        let vectors = (0..16).filter(|n| vectors & 1 << n != 0);
        let xmms: Vec<_> = vectors
            .flat_map(|n| CarriedXmm::of(n, seen.loaded[n], if faults == Faults::Stored { 0 } else { seen.dirty[n] }, faults == Faults::Guarded))
            .collect();
        let flags = seen.flags.get(&n).filter(|_| faults != Faults::Stored).map(|(_, f)| f.with(carried));
        let zero_highs = seen.zero_highs.get(&n).filter(|_| faults == Faults::Lost).copied().unwrap_or(0);
        let zero_highs = xmms.iter().filter_map(CarriedXmm::low_of).fold(0, |bits, n| bits | 1 << n) & zero_highs;
        Shape { regs, xmms, flags, zero_highs }
    }
}

impl Lift<'_, '_> {
    /// Lifts the region, from its start. `seen`: what a probe has seen.
    pub fn start(&mut self, seen: Option<Seen>, faults: Faults) {
        (self.faults, self.carries) = (faults, faults != Faults::Stored && seen.is_some());
        self.lookahead = live::Lookahead::new(faults != Faults::Lost);
        self.graph.known = seen;
        if self.graph.region.has_headers() && !self.is_64() {
            self.mem_base();
        }
        if self.graph.region.nodes[0].header { self.arrive(0) } else { self.node(0) }
    }

    /// What this probe has seen.
    pub fn seen(&mut self) -> Seen {
        core::mem::take(&mut self.graph.seen)
    }

    /// Whether this is a probe.
    pub(super) fn is_probe(&self) -> bool {
        self.graph.known.is_none() && self.graph.region.has_headers()
    }

    /// The status flags that may be read at a node's start.
    pub(super) fn live_in_region(&self, at: GuestAddr) -> Option<u32> {
        self.graph.region.node_at(at).map(|n| self.graph.region.nodes[n].live_in)
    }

    /// Goes on at a known address.
    pub fn go_to(&mut self, target: GuestAddr) {
        match self.graph.region.node_at(target) {
            Some(n) if self.graph.region.nodes[n].header => self.arrive(n),
            Some(n) if n != 0 => self.node(n),
            _ => self.leave_to(target),
        }
    }

    /// Before a conditional branch that may lead back, and has done nothing yet: leaves if somebody wants that. So the way back itself is one instruction.
    pub fn poll_before(&mut self, i: &Instruction) {
        let Flow::Branch(target) = flow(i) else { return };
        let is_back = |t| self.graph.region.node_at(t).is_some_and(|n| self.graph.round(n).is_some());
        if !self.host.x86 && (is_back(target) || is_back(GuestAddr::new(i.next_ip()))) {
            self.poll(GuestAddr::new(i.ip()));
            self.polled = true;
        }
    }

    /// Goes to `target` if `taken` isn't zero, else to `next`.
    pub fn branch(&mut self, taken: Value, target: GuestAddr, next: GuestAddr) {
        self.close_group();
        let inside = [target, next].map(|t| self.graph.region.node_at(t).is_some());
        if inside == [false, false] {
            self.sync_for_block();
        }
        let blocks = [target, next].map(|t| (self.b.create_block(), t));
        if inside[0] != inside[1] {
            self.b.set_cold_block(blocks[usize::from(inside[0])].0);
        }
        self.b.ins().brif(taken, blocks[0].0, &[] as &[BlockArg], blocks[1].0, &[] as &[BlockArg]);
        let polled = core::mem::take(&mut self.polled);
        for (block, to) in blocks {
            self.b.switch_to_block(block);
            self.polled = polled;
            self.on_copy(|cx| cx.go_to(to));
        }
        (self.closed, self.polled) = (true, false);
    }

    /// Lifts node `n` and what follows.
    fn node(&mut self, n: usize) {
        self.graph.depth += 1;
        self.polled = false;
        self.node_insns(n);
        self.graph.depth -= 1;
    }

    fn node_insns(&mut self, n: usize) {
        let region = Rc::clone(&self.graph.region);
        let node = &region.nodes[n];
        self.scalar = node.insns.iter().any(computes_scalar) || self.graph.scalar && !node.insns.iter().any(computes_packed);
        for (k, i) in node.insns.iter().enumerate() {
            self.live = node.live[k];
            self.insn(node.first + k as u32, i);
            if self.closed {
                return;
            }
            if !self.may_add() || node.insns.get(k + 1).is_none_or(|next| !live::touches_memory(next)) {
                self.end_group();
            }
        }
        self.go_to(node.end);
    }

    /// Goes to the header `n`, and lifts it if this is the first way there.
    fn arrive(&mut self, n: usize) {
        self.close_group();
        let back = self.graph.round(n).is_some();
        if self.trusts_steady() {
            self.check_steady(n, back);
        }
        if self.is_probe() {
            self.note_arrival(n);
        }
        let known = self.graph.headers[n].clone();
        let (block, shape) = known.clone().unwrap_or_else(|| (self.b.create_block(), Rc::new(self.graph.shape(n, self.key.mode, self.faults))));
        if self.carries {
            self.sync_but(&shape)
        } else {
            self.sync_but_flags()
        }
        let node = &self.graph.region.nodes[n];
        let (at, live) = (node.start, node.live_in);
        debug_assert_eq!(shape.zero_highs & !self.zero_highs(), 0, "the probe has seen zeros there");
        let mut flags = Vec::new();
        match shape.flags.filter(|_| live != 0) {
            Some(shape) => flags = self.flag_args(&shape),
            None if live != 0 => self.sync_flags(),
            None => {}
        }
        if back && !core::mem::take(&mut self.polled) {
            self.poll(at);
        }
        let mut args: Vec<Value> = self.carried(&shape);
        args.extend(flags);
        let list: Vec<BlockArg> = args.iter().map(|v| BlockArg::from(*v)).collect();
        self.b.ins().jump(block, list.iter());
        self.closed = true;
        if known.is_none() {
            self.graph.headers[n] = Some((block, Rc::clone(&shape)));
            self.header(n, block, &shape, &args);
        }
    }

    /// Whether operands of a loop are looked at before it, and not where they are.
    fn trusts_steady(&self) -> bool {
        !self.host.x86 && self.is_64() && !self.key.checked && !self.key.needs.has(Needs::NANS)
    }

    /// The node of the current instruction.
    fn here(&self) -> Option<usize> {
        self.graph.region.nodes.iter().position(|n| (n.first..n.first + n.insns.len() as u32).contains(&self.index))
    }

    /// Before the smallest loop with the header `n` is entered: leaves if an operand of it is not aligned. `back`: control has been at the header before.
    fn check_steady(&mut self, n: usize, back: bool) {
        let region = Rc::clone(&self.graph.region);
        let node = &region.nodes[n];
        let Some(inner) = node.inner.as_ref().filter(|i| !(back && self.here() == Some(i.latch))) else { return };
        let low: Vec<Value> = inner.steady.iter().map(|o| self.steady_address(*o)).collect();
        let Some(all) = low.into_iter().reduce(|a, b| self.b.ins().bor(a, b)) else { return };
        let odd = self.b.ins().band_imm_u(all, 15);
        self.side_path(odd, |cx| {
            cx.sync();
            cx.leave_complete(LiftedExit::Again(node.start));
        });
    }

    /// The address of an operand, modulo 16.
    fn steady_address(&mut self, o: Operand) -> Value {
        let base = o.base.map(|r| self.reg64(r));
        let index = o.index.map(|r| self.reg64(r)).map(|v| self.b.ins().ishl_imm_u(v, i64::from(o.shift)));
        let sum = base.into_iter().chain(index).reduce(|a, b| self.b.ins().iadd(a, b));
        let sum = sum.unwrap_or(self.state);
        self.add_const(sum, o.disp)
    }

    /// Whether the operand in memory of `i` has been looked at before a loop that we are in.
    pub fn is_steady(&self, i: &Instruction) -> bool {
        if !self.trusts_steady() {
            return false;
        }
        let (Some(o), Some(here)) = (Operand::of(i), self.here()) else { return false };
        let mut loops = self.graph.path.iter().filter_map(|(h, _)| self.graph.region.nodes[*h].inner.as_ref());
        loops.any(|l| l.nodes[here] && l.steady.contains(&o))
    }

    /// Notes how the header `n` is reached.
    fn note_arrival(&mut self, n: usize) {
        let round = self.graph.round(n);
        let flags = self.flag_shape();
        let zero_highs = self.zero_highs();
        let seen = &mut self.graph.seen;
        *seen.zero_highs.entry(n).or_insert(u16::MAX) &= zero_highs;
        if round.is_some() {
            seen.whole |= self.known.regs.wholes();
            seen.written |= self.known.regs.dirty();
            seen.dirty.iter_mut().enumerate().for_each(|(n, d)| *d |= self.known.xmm.dirty(n));
        }
        let nodes = round.unwrap_or(usize::MAX);
        if let Some(flags) = flags.filter(|_| seen.flags.get(&n).is_none_or(|(least, _)| nodes < *least)) {
            seen.flags.insert(n, (nodes, flags));
        }
    }

    /// Stores what `shape` doesn't carry, flags aside.
    fn sync_but(&mut self, shape: &Shape) {
        for r in Gpr::ALL {
            if !shape.regs.iter().any(|c| c.reg == r) {
                self.sync_reg(r);
            }
        }
        self.sync_xmm_but(&shape.xmms);
    }

    fn carried(&mut self, shape: &Shape) -> Vec<Value> {
        let mut values: Vec<Value> = shape.regs.iter().map(|c| self.carried_reg(*c)).collect();
        values.extend(shape.xmms.iter().map(|c| self.carried_xmm(*c)));
        values
    }

    /// Lifts the header `n`; `like` has values of the types of its parameters.
    fn header(&mut self, n: usize, block: Block, shape: &Shape, like: &[Value]) {
        self.b.switch_to_block(block);
        let params: Vec<Value> = like.iter().map(|a| self.b.append_block_param(block, self.b.func.dfg.value_type(*a))).collect();
        let mem_base = self.known.mem_base;
        let memory_op = self.graph.known.as_ref().and_then(|seen| seen.flags.get(&n)).map(|(_, f)| f.op());
        self.known = Known { memory_op, mem_base, resume: self.graph.region.nodes[n].first, ..Known::new(Regs::default()) };
        for (c, v) in shape.regs.iter().zip(&params) {
            self.set_carried_reg(*c, *v, self.carries);
        }
        let params = &params[shape.regs.len()..];
        for (c, v) in shape.xmms.iter().zip(params) {
            self.set_carried_xmm(*c, *v, self.carries);
        }
        self.set_zero_highs(shape.zero_highs);
        let params = &params[shape.xmms.len()..];
        if let Some(flags) = shape.flags.filter(|_| !params.is_empty()) {
            self.set_carried_flags(&flags, params);
        }
        self.closed = false;
        self.graph.path.push((n, self.graph.depth));
        self.node(n);
        self.graph.path.pop();
    }

    /// Leaves if somebody wants that.
    fn poll(&mut self, at: GuestAddr) {
        let mut interrupt = self.load_state(I32, offset::INTERRUPT);
        // One comparison with memory.
        if self.host.x86 {
            interrupt = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, interrupt, 1);
        }
        self.side_path(interrupt, |cx| {
            cx.sync();
            let rip = cx.iconst(Width::B8, at.get());
            cx.store_state(rip, offset::RIP);
            cx.leave_complete(LiftedExit::Dispatch);
        });
    }
}

fn computes_scalar(i: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(i.mnemonic(), M::Addsd | M::Subsd | M::Mulsd | M::Divsd | M::Sqrtsd | M::Cvtsi2sd | M::Cvtss2sd | M::Ucomisd | M::Comisd)
        || matches!(i.mnemonic(), M::Vaddsd | M::Vsubsd | M::Vmulsd | M::Vdivsd | M::Vsqrtsd | M::Vcvtsi2sd | M::Vcvtss2sd | M::Vucomisd | M::Vcomisd)
}

fn computes_packed(i: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(i.mnemonic(), M::Addpd | M::Subpd | M::Mulpd | M::Divpd | M::Vaddpd | M::Vsubpd | M::Vmulpd | M::Vdivpd)
        || matches!(i.mnemonic(), M::Addps | M::Subps | M::Mulps | M::Divps | M::Vaddps | M::Vsubps | M::Vmulps | M::Vdivps)
}
