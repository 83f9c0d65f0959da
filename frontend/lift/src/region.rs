//! Which instructions a translation is made of: a region, a graph of basic blocks.
//!
//! If the start is the head of a loop, the region is that loop: the nodes that may be reached from the start and may reach it again, inner loops among them.
//! Otherwise it is a straight way: on behind a direct jump forward and behind a conditional branch forward that isn't taken. A branch backward is the end of
//! a loop: what is behind it runs once, and is left to a region of its own; so is a loop on the way.
//!
//! A node that control reaches in more than one way is a *header*: see `cx/headers.rs`.

use std::collections::VecDeque;

use forklift_x86::{Block, Flow, Gpr, GuestAddr, bits, decode_block, flow};
use iced_x86::{Instruction, InstructionInfoFactory, OpAccess, Register};

use crate::aligned::{Operand, steady};
use crate::contract::Fetch;
use crate::cx::vector_number;
use crate::live::{self, Lookahead};
use crate::{BlockKey, LiftEnv, LiftError};

/// Longest straight way. Unit: guest instructions.
const MAX_INSNS: usize = 32;
/// Most basic blocks in a straight way.
const MAX_PARTS: usize = 4;
/// Largest loop that is looked for, counting what turns out not to belong to it. Unit: guest instructions.
const MAX_LOOP_INSNS: usize = 160;
/// The same. Unit: basic blocks.
const MAX_LOOP_NODES: usize = 24;
/// How far a node may lie from the start, both ways. Unit: bytes.
const REACH: u64 = 1 << 20;

/// A basic block.
pub(crate) struct Node {
    pub start: GuestAddr,
    /// Where control goes behind the last instruction, if that doesn't branch.
    pub end: GuestAddr,
    pub insns: Vec<Instruction>,
    /// Number of the first instruction in the region.
    pub first: u32,
    /// For each instruction, the status flags that may be read behind it.
    pub live: Vec<u32>,
    /// The status flags that may be read at the start.
    pub live_in: u32,
    /// Control comes here in more than one way.
    pub header: bool,
    /// For a header: the registers that the innermost loop around it uses.
    pub used: Used,
    /// For a header: its smallest loop.
    pub inner: Option<Inner>,
}

/// A loop with one way back.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    /// The node that leads back.
    pub latch: usize,
    pub nodes: Vec<bool>,
    /// The operands that are aligned all the time or never.
    pub steady: Vec<Operand>,
}

/// Registers, as bits.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Used {
    /// General purpose registers that are read or written.
    pub gprs: u16,
    /// Vector registers that are read or written.
    pub vectors: u16,
}

/// The nodes, the start first.
pub(crate) struct Region {
    pub nodes: Vec<Node>,
}

impl Node {
    fn new(b: Block) -> Self {
        let live = Vec::new();
        Self { start: b.start, end: b.end, insns: b.insns, first: 0, live, live_in: 0, header: false, used: Used::default(), inner: None }
    }

    /// Where control may go on from here, as far as is known.
    fn successors(&self) -> [Option<GuestAddr>; 2] {
        let Some(last) = self.insns.last() else { return [None, None] };
        match flow(last) {
            Flow::Next => [Some(self.end), None],
            Flow::Jump(t) => [Some(t), None],
            Flow::Branch(t) => [Some(t), Some(self.end)],
            Flow::Barrier if last.is_string_instruction() => [Some(self.end), None],
            _ => [None, None],
        }
    }

    pub fn range(&self) -> (GuestAddr, GuestAddr) {
        (self.start, self.end)
    }

    fn contains(&self, at: GuestAddr) -> bool {
        (self.start.get()..self.end.get()).contains(&at.get())
    }
}

/// Decodes the region of `key`.
pub(crate) fn region(env: &mut dyn LiftEnv, key: BlockKey, lookahead: &mut Lookahead) -> Result<Region, LiftError> {
    let mut first = decode_block(&mut Fetch(env), key.start, key.mode, MAX_INSNS).map_err(LiftError::Fetch)?;
    let nodes = if key.checked {
        cut_behind_store(&mut first);
        vec![Node::new(first)]
    } else {
        loop_at(env, key, first.clone()).unwrap_or_else(|| way(env, key, first))
    };
    let mut region = Region::new(nodes);
    if key.checked {
        // It is to be checked at each round.
        region.nodes[0].header = false;
    } else if region.has_headers() {
        region.find_used();
    }
    region.find_live(lookahead.is_shown(), &mut |at| lookahead.live_at(&mut Fetch(env), key.mode, at));
    Ok(region)
}

/// Ends a checked block behind its first store, which may change what follows.
fn cut_behind_store(block: &mut Block) {
    let mut info = InstructionInfoFactory::new();
    let first = block.insns.iter().position(|i| info.info(i).used_memory().iter().any(|m| writes(m.access())));
    if let Some(last) = first.filter(|n| n + 1 < block.insns.len()) {
        block.insns.truncate(last + 1);
        block.end = GuestAddr::new(block.insns[last].next_ip());
    }
}

fn writes(a: OpAccess) -> bool {
    !matches!(a, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess)
}

/// The straight way from `first` on.
fn way(env: &mut dyn LiftEnv, key: BlockKey, first: Block) -> Vec<Node> {
    let mut nodes = vec![Node::new(first)];
    let mut insns = nodes[0].insns.len();
    while let Some(at) = nodes.last().and_then(goes_on) {
        let ahead = at.get().wrapping_sub(key.start.get());
        let new = nodes.iter().all(|n| !n.contains(at));
        if ahead >= REACH || !new || nodes.len() >= MAX_PARTS || insns >= MAX_INSNS {
            break;
        }
        let Ok(more) = decode_block(&mut Fetch(env), at, key.mode, MAX_INSNS - insns) else { break };
        insns += more.insns.len();
        nodes.push(Node::new(more));
    }
    let begins_loop = |n: usize| nodes[n..].iter().flat_map(Node::successors).flatten().any(|t| t == nodes[n].start);
    let end = (1..nodes.len()).find(|n| begins_loop(*n)).unwrap_or(nodes.len());
    nodes.truncate(end);
    nodes
}

/// Where the way goes on behind `n`.
fn goes_on(n: &Node) -> Option<GuestAddr> {
    let ip = n.insns.last()?.ip();
    match n.successors() {
        [Some(t), Some(next)] => (t.get() > ip).then_some(next),
        [to, _] if flow(n.insns.last()?) != Flow::Next => to,
        _ => None,
    }
}

/// The loop that begins with `first`, if there is one.
fn loop_at(env: &mut dyn LiftEnv, key: BlockKey, first: Block) -> Option<Vec<Node>> {
    let nodes = explore(env, key, first);
    let in_loop = reaching(&nodes, 0, |_| true);
    let closed = nodes[0].successors().into_iter().flatten().any(|t| nodes.iter().zip(&in_loop).any(|(n, l)| *l && n.start == t));
    closed.then(|| nodes.into_iter().zip(in_loop).filter(|(_, l)| *l).map(|(n, _)| n).collect())
}

/// What may be reached from `first`, the nearest first.
fn explore(env: &mut dyn LiftEnv, key: BlockKey, first: Block) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut insns = first.insns.len();
    let mut queue = VecDeque::new();
    add(&mut nodes, Node::new(first), &mut queue);
    while let Some(at) = queue.pop_front() {
        let near = at.get().wrapping_sub(key.start.get()).wrapping_add(REACH) < 2 * REACH;
        if !near || nodes.len() >= MAX_LOOP_NODES || insns >= MAX_LOOP_INSNS || nodes.iter().any(|n| n.start == at) || split(&mut nodes, at) {
            continue;
        }
        let Ok(more) = decode_block(&mut Fetch(env), at, key.mode, MAX_LOOP_INSNS - insns) else { continue };
        insns += more.insns.len();
        add(&mut nodes, Node::new(more), &mut queue);
    }
    nodes
}

/// Adds a node, which ends where another one begins.
fn add(nodes: &mut Vec<Node>, mut node: Node, queue: &mut VecDeque<GuestAddr>) {
    let next = node.insns.iter().skip(1).position(|i| nodes.iter().any(|n| n.start.get() == i.ip()));
    if let Some(at) = next {
        node.insns.truncate(at + 1);
        node.end = GuestAddr::new(node.insns[at].next_ip());
    }
    queue.extend(node.successors().into_iter().flatten());
    nodes.push(node);
    // It may branch into its own middle: `queue` has that address.
}

/// If a node has an instruction at `at`, makes it the first one of a node of its own.
fn split(nodes: &mut Vec<Node>, at: GuestAddr) -> bool {
    let place = nodes.iter().enumerate().find_map(|(n, node)| node.insns.iter().position(|i| i.ip() == at.get()).map(|k| (n, k)));
    let Some((n, k)) = place else { return false };
    let node = &mut nodes[n];
    let insns = node.insns.split_off(k);
    let tail = Block { start: at, end: node.end, mode: forklift_x86::Mode::Bits64, insns };
    node.end = at;
    nodes.push(Node::new(tail));
    true
}

/// Which nodes may reach `to`, `to` among them, by ways through nodes for which `within` holds.
fn reaching(nodes: &[Node], to: usize, within: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut reached = vec![false; nodes.len()];
    reached[to] = true;
    let mut changed = true;
    while changed {
        changed = false;
        for (n, node) in nodes.iter().enumerate().filter(|(n, _)| within(*n)) {
            let leads = || node.successors().into_iter().flatten().any(|t| nodes.iter().zip(&reached).any(|(m, r)| *r && m.start == t));
            if !reached[n] && leads() {
                reached[n] = true;
                changed = true;
            }
        }
    }
    reached
}

impl Region {
    fn new(mut nodes: Vec<Node>) -> Self {
        let mut first = 0;
        let mut ways = vec![0; nodes.len()];
        ways[0] = 1;
        for n in &mut nodes {
            n.first = first;
            first += n.insns.len() as u32;
        }
        for t in nodes.iter().flat_map(Node::successors).flatten() {
            if let Some(to) = nodes.iter().position(|n| n.start == t) {
                ways[to] += 1;
            }
        }
        for (n, w) in nodes.iter_mut().zip(ways) {
            n.header = w > 1;
        }
        Self { nodes }
    }

    /// Whether any node is a header.
    pub fn has_headers(&self) -> bool {
        self.nodes.iter().any(|n| n.header)
    }

    /// The node that starts at `at`.
    pub fn node_at(&self, at: GuestAddr) -> Option<usize> {
        self.nodes.iter().position(|n| n.start == at)
    }

    /// All instructions, by their numbers.
    pub fn insns(&self) -> impl Iterator<Item = &Instruction> {
        self.nodes.iter().flat_map(|n| &n.insns)
    }

    /// The code that the region comes from, that at the start first.
    pub fn ranges(&self) -> impl Iterator<Item = (GuestAddr, GuestAddr)> {
        self.nodes.iter().map(Node::range)
    }

    /// Where node `n` may go on within the region.
    pub fn next(&self, n: usize) -> impl Iterator<Item = usize> {
        self.nodes[n].successors().into_iter().flatten().filter_map(|t| self.node_at(t))
    }

    /// Which nodes control can reach from the start only by way of `h`.
    fn dominated(&self, h: usize) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut todo = if h == 0 { vec![] } else { vec![0] };
        while let Some(n) = todo.pop() {
            if !core::mem::replace(&mut seen[n], true) {
                todo.extend(self.next(n).filter(|m| *m != h));
            }
        }
        seen.into_iter().map(|s| !s).collect()
    }

    /// The nodes of the loop with the head `h`, if it is one.
    fn loop_of(&self, h: usize) -> Option<Vec<bool>> {
        let below = self.dominated(h);
        let all = reaching(&self.nodes, h, |n| below[n]);
        (0..self.nodes.len()).any(|n| all[n] && self.next(n).any(|m| m == h)).then_some(all)
    }

    /// The smallest loop with the head `h`.
    fn inner_loop(&self, h: usize) -> Option<Inner> {
        let below = self.dominated(h);
        let loops = (0..self.nodes.len()).filter(|n| below[*n] && self.next(*n).any(|m| m == h)).map(|latch| {
            let mut nodes = if latch == h { vec![false; self.nodes.len()] } else { reaching(&self.nodes, latch, |n| below[n] && n != h) };
            nodes[h] = true;
            (latch, nodes)
        });
        let (latch, nodes) = loops.min_by_key(|(_, nodes)| nodes.iter().filter(|l| **l).count())?;
        let steady = steady(self.nodes.iter().zip(&nodes).filter(|(_, l)| **l).flat_map(|(n, _)| &n.insns));
        Some(Inner { latch, nodes, steady })
    }

    /// For each header, which registers the innermost loop around it uses.
    fn find_used(&mut self) {
        let mut info = InstructionInfoFactory::new();
        let each: Vec<Used> = self.nodes.iter().map(|n| used(&mut info, &n.insns)).collect();
        let loops: Vec<Vec<bool>> = (0..self.nodes.len()).filter(|n| self.nodes[*n].header).filter_map(|n| self.loop_of(n)).collect();
        for n in (0..self.nodes.len()).filter(|n| self.nodes[*n].header).collect::<Vec<_>>() {
            self.nodes[n].inner = self.inner_loop(n);
        }
        for n in 0..self.nodes.len() {
            let inner = loops.iter().filter(|l| l[n]).min_by_key(|l| l.iter().filter(|m| **m).count());
            let own = |m: &usize| inner.is_none_or(|l| l[*m]);
            self.nodes[n].used = (0..self.nodes.len()).filter(own).fold(Used::default(), |a, m| a.or(each[m]));
        }
    }
}

/// The status flags that may be read.
impl Region {
    /// Finds them. `outside` tells which may be read at an address outside.
    fn find_live(&mut self, shown: bool, outside: &mut dyn FnMut(GuestAddr) -> u32) {
        let mut changed = true;
        while changed {
            changed = false;
            for n in (0..self.nodes.len()).rev() {
                let behind = self.live_behind(n, outside);
                let (live, live_in) = liveness(&self.nodes[n].insns, behind, shown);
                let node = &mut self.nodes[n];
                changed |= live_in != node.live_in;
                (node.live, node.live_in) = (live, live_in);
            }
        }
    }

    fn live_behind(&self, n: usize, outside: &mut dyn FnMut(GuestAddr) -> u32) -> u32 {
        let mut at = |t: GuestAddr| self.node_at(t).map_or_else(|| outside(t), |n| self.nodes[n].live_in);
        match self.nodes[n].successors() {
            [None, None] => bits::STATUS,
            [a, b] => a.into_iter().chain(b).fold(0, |live, t| live | at(t)),
        }
    }
}

/// The flags that are live behind each instruction, and before the first, from those live behind the last.
fn liveness(insns: &[Instruction], mut behind: u32, shown: bool) -> (Vec<u32>, u32) {
    let mut live = vec![0; insns.len()];
    for (i, slot) in insns.iter().zip(&mut live).rev() {
        *slot = behind;
        behind = live::before(i, behind, shown);
    }
    (live, behind)
}

impl Used {
    fn or(self, o: Self) -> Self {
        Self { gprs: self.gprs | o.gprs, vectors: self.vectors | o.vectors }
    }
}

/// The registers that `insns` use.
fn used(info: &mut InstructionInfoFactory, insns: &[Instruction]) -> Used {
    let mut used = Used::default();
    for r in insns.iter().flat_map(|i| info.info(i).used_registers().to_vec()).map(|r| r.register()).filter(|r| *r != Register::None) {
        if let Some(g) = Gpr::from_iced(r) {
            used.gprs |= 1 << g.index();
        } else if let Some(n) = vector_number(r) {
            used.vectors |= 1 << n;
        }
    }
    used
}
