//! VEX instructions: AVX, AVX2, FMA, F16C and the rest. SDM vol. 1, chapter 14; vol. 2A, 2.3.
//!
//! Most of them do what an SSE instruction does, on each 128 bits, with the first source apart from the destination, and zero what is above. Those are
//! data ([`analogues`]): the operation of the SSE instruction runs on two scratch registers, once a lane, and the results are put together here. The
//! others have functions of their own, in the modules below.
//!
//! Memory operands needn't be aligned, but where an instruction says so.

mod analogues;
pub(super) mod broadcast;
pub(super) mod fma;
pub(super) mod gather;
pub(super) mod half;
pub(super) mod masked;
pub(super) mod moves;
pub(super) mod permute;
pub(super) mod tests_of_bits;
pub(super) mod variable;

use std::sync::LazyLock;

use forklift_x86::{CpuState, Exit, Fault};
use iced_x86::{Code, EncodingKind, Instruction, OpKind, Register};

use crate::build::{Form, form};
use crate::float::flag;
use crate::{Exec, Memory, Op, RunFn, Step};

/// How a VEX instruction uses the SSE instruction that it is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The same operands, and no vector register is written.
    Plain,
    /// The same operands; what is above 128 bits of a destination register becomes zero.
    Same,
    /// As `Plain`, but XMM0 is written.
    First,
    /// On 128 bits: the first source is copied to the destination, and the second is the SSE instruction's source.
    Merge,
    /// Each lane of two sources; an immediate is the same for all.
    Binary,
    /// Each lane of two sources; a lane's part of the immediate is so many bits above that of the one before.
    Step(u8),
    /// Each lane of one source.
    Unary,
    /// One source with so many bytes for each lane of the destination.
    Widen(u8),
    /// Each lane of one source gives 64 bits.
    Narrow,
    /// Each lane of the first source, the second being 128 bits for all.
    Count,
    /// Each lane of the source, in place, with an immediate.
    Shift,
}

impl Shape {
    /// Whether the instruction has such operands, if its mnemonic has several kinds.
    fn fits(self, i: &Instruction) -> bool {
        match self {
            Self::Same => i.op_count() == 2,
            Self::Merge => i.op_count() > 2,
            Self::Count => form(i, 2) != Form::Imm,
            Self::Shift => form(i, 2) == Form::Imm,
            _ => true,
        }
    }
}

/// The scratch registers, destination and source: no VEX instruction can name them.
const A: u8 = 30;
const B: u8 = 31;

/// Tells a comparison that it has 32 predicates: set in the immediate of the SSE operation.
pub(crate) const ALL_PREDICATES: u64 = 0x100;

/// Instruction and function of an SSE operation, and how it is used.
pub(crate) struct Analogue {
    pub(crate) shape: Shape,
    pub(crate) insn: Instruction,
}

type ByMnemonic = Vec<[Option<(Shape, Code)>; 2]>;

static BY_MNEMONIC: LazyLock<ByMnemonic> = LazyLock::new(|| {
    let mut all: ByMnemonic = vec![[None; 2]; super::MNEMONICS];
    for &(m, shape, code) in analogues::BY_MNEMONIC {
        let slots = &mut all[m as usize];
        slots[usize::from(slots[0].is_some())] = Some((shape, code));
    }
    all
});

/// The SSE instruction that `i` is like; its operands are the scratch registers where lanes or sources must be copied.
pub(crate) fn analogue(i: &Instruction) -> Option<Analogue> {
    if i.encoding() != EncodingKind::VEX {
        return None;
    }
    let exact = analogues::BY_CODE.iter().find(|e| e.0 == i.code()).map(|e| (e.1, e.2));
    let found = || BY_MNEMONIC[i.mnemonic() as usize].into_iter().flatten().find(|e| e.0.fits(i));
    let (shape, code) = exact.or_else(found)?;
    let mut insn = *i;
    insn.set_code(code);
    let immediate = form(i, i.op_count() - 1) == Form::Imm;
    match shape {
        Shape::Plain | Shape::Same | Shape::First => return Some(Analogue { shape, insn }),
        Shape::Merge => {
            insn.set_op1_kind(i.op2_kind());
            if i.op2_kind() == OpKind::Register {
                insn.set_op1_register(i.op2_register());
            }
        }
        Shape::Shift => insn.set_op1_kind(OpKind::Immediate8),
        _ => {
            insn.set_op1_kind(OpKind::Register);
            insn.set_op1_register(Register::XMM31);
        }
    }
    insn.set_op0_register(Register::XMM30);
    if immediate && shape != Shape::Shift {
        insn.set_op2_kind(OpKind::Immediate8);
    }
    Some(Analogue { shape, insn })
}

/// The immediate of a lane's operation.
pub(crate) fn lane_immediate(a: &Analogue, imm: u64, lane: u64) -> u64 {
    match (a.shape, a.insn.code()) {
        (Shape::Step(bits), _) => imm >> (u64::from(bits) * lane),
        (_, Code::Cmpps_xmm_xmmm128_imm8 | Code::Cmppd_xmm_xmmm128_imm8 | Code::Cmpss_xmm_xmmm32_imm8 | Code::Cmpsd_xmm_xmmm64_imm8) => imm | ALL_PREDICATES,
        _ => imm,
    }
}

/// The function for a shape.
pub(crate) fn runner<M: Memory>(shape: Shape) -> RunFn<M> {
    match shape {
        Shape::Plain => plain,
        Shape::Same => same,
        Shape::First => first,
        Shape::Merge => merge,
        Shape::Binary | Shape::Step(_) => |cx, op| by_lanes(cx, op, Lanes { first: Some(1), second: Some((2, 16)), result: 16 }),
        Shape::Unary => |cx, op| by_lanes(cx, op, Lanes { first: None, second: Some((1, 16)), result: 16 }),
        Shape::Widen(8) => |cx, op| by_lanes(cx, op, Lanes { first: None, second: Some((1, 8)), result: 16 }),
        Shape::Widen(4) => |cx, op| by_lanes(cx, op, Lanes { first: None, second: Some((1, 4)), result: 16 }),
        Shape::Widen(_) => |cx, op| by_lanes(cx, op, Lanes { first: None, second: Some((1, 2)), result: 16 }),
        Shape::Narrow => |cx, op| by_lanes(cx, op, Lanes { first: None, second: Some((1, 16)), result: 8 }),
        Shape::Count => |cx, op| by_lanes(cx, op, Lanes { first: Some(1), second: Some((2, 0)), result: 16 }),
        Shape::Shift => |cx, op| by_lanes(cx, op, Lanes { first: Some(1), second: None, result: 16 }),
    }
}

/// The value of a vector operand, zero beyond its size.
pub(super) type Wide = [u8; 32];

/// Size of the instruction's vectors: 16 or 32.
pub(crate) fn vector_bytes(i: &Instruction) -> usize {
    let wide = (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Register && i.op_register(k).is_ymm());
    if wide || i.memory_size().size() == 32 { 32 } else { 16 }
}

/// Vector register `slot`, its low 256 bits.
pub(super) fn read(cpu: &CpuState, slot: u8) -> Wide {
    cpu.vec[usize::from(slot & 31)].low()
}

/// Sets a vector register: the first `n` bytes of `v`, zeroes above.
pub(super) fn write(cpu: &mut CpuState, slot: u8, v: &[u8]) {
    let r = &mut cpu.vec[usize::from(slot & 31)].0;
    r[..v.len()].copy_from_slice(v);
    r[v.len()..].fill(0);
}

/// Operand `k`: a register, or as much memory as the instruction reads.
pub(super) fn operand<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, k: usize) -> Result<Wide, Exit> {
    let i = op.insn();
    if form(i, k as u32) != Form::Mem {
        return Ok(read(cx.cpu, op.reg[k]));
    }
    let mut v = [0; 32];
    let n = i.memory_size().size().min(32);
    let ea = cx.ea(op);
    cx.load_bytes(ea, &mut v[..n])?;
    Ok(v)
}

/// Whether `n` bytes may be written: exchanges that change nothing find out. That the end isn't canonical comes before all else.
pub(super) fn probe<M: Memory>(cx: &mut Exec<'_, M>, addr: u64, n: usize) -> Step {
    let room = 4096 - (addr & 4095);
    let second = addr.wrapping_add(room);
    let crosses = room < n as u64;
    if crosses && (second as i64) << 16 >> 16 != second as i64 {
        cx.compare_exchange::<u8>(second, 0, 0)?;
    }
    cx.compare_exchange::<u8>(addr, 0, 0)?;
    if crosses { cx.compare_exchange::<u8>(second, 0, 0).map(drop) } else { Ok(()) }
}

/// Stores a vector, all of it or nothing.
pub(super) fn store<M: Memory>(cx: &mut Exec<'_, M>, addr: u64, v: &[u8]) -> Step {
    let room = 4096 - (addr & 4095) as usize;
    let Some((head, tail)) = v.split_at_checked(room).filter(|s| !s.1.is_empty()) else { return cx.store_bytes(addr, v) };
    // Both pages must be writable before one of them is written.
    probe(cx, addr, v.len())?;
    cx.store_bytes(addr.wrapping_add(room as u64), tail)?;
    cx.store_bytes(addr, head)
}

fn part<M: Memory>(op: &Op<M>, lane: usize) -> &Op<M> {
    let parts = op.parts();
    parts.get(lane).or(parts.first()).unwrap_or(op)
}

fn plain<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let p = part(op, 0);
    (p.run)(cx, p)
}

fn zero_above(cpu: &mut CpuState, slot: u8) {
    cpu.vec[usize::from(slot & 31)].0[16..].fill(0);
}

fn same<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    plain(cx, op)?;
    if op.insn().op0_register().is_vector_register() {
        zero_above(cx.cpu, op.reg[0]);
    }
    Ok(())
}

fn first<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    plain(cx, op)?;
    zero_above(cx.cpu, 0);
    Ok(())
}

/// Runs `f`, which may use the scratch registers.
fn with_scratch<M: Memory, R>(cx: &mut Exec<'_, M>, f: impl FnOnce(&mut Exec<'_, M>) -> R) -> R {
    let old = [A, B].map(|s| cx.cpu.xmm(s.into()));
    let r = f(cx);
    for (s, v) in [A, B].into_iter().zip(old) {
        cx.cpu.set_xmm(s.into(), v);
    }
    r
}

fn merge<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>) -> Step {
    let p = part(op, 0);
    let result = with_scratch(cx, |cx| {
        let a = cx.cpu.xmm(op.reg[1].into());
        cx.cpu.set_xmm(A.into(), a);
        (p.run)(cx, p).map(|()| cx.cpu.xmm(A.into()))
    })?;
    write(cx.cpu, op.reg[0], &result.to_le_bytes());
    Ok(())
}

/// What a lane's operation works on.
struct Lanes {
    /// The operand that is copied to the destination first.
    first: Option<usize>,
    /// The operand that is its source, and how many bytes of it a lane takes; 0: all take the same.
    second: Option<(usize, usize)>,
    /// How many bytes of the result count.
    result: usize,
}

/// Status flags of MXCSR.
const STATUS: u32 = 0x3f;

/// The exceptions of all lanes are those of one instruction: an unmasked one found before the operation hides those found after, in all lanes.
fn by_lanes<M: Memory>(cx: &mut Exec<'_, M>, op: &Op<M>, lanes: Lanes) -> Step {
    let a = lanes.first.map_or([0; 32], |k| read(cx.cpu, op.reg[k]));
    let b = match lanes.second {
        Some((k, _)) => operand(cx, op, k)?,
        None => [0; 32],
    };
    let step = lanes.second.map_or(0, |s| s.1);
    let count = op.vector_bytes() / 16;
    let before = cx.cpu.mxcsr;
    let (mut raised, mut failed, mut result) = (0, false, [0; 32]);
    let done = with_scratch(cx, |cx| {
        for lane in 0..count {
            cx.cpu.vec[usize::from(A)].0[..16].copy_from_slice(&a[16 * lane..16 * lane + 16]);
            cx.cpu.vec[usize::from(B)].0[..16].fill(0);
            let n = if step == 0 { 16 } else { step };
            cx.cpu.vec[usize::from(B)].0[..n].copy_from_slice(&b[step * lane..step * lane + n]);
            cx.cpu.mxcsr = before & !STATUS;
            let p = part(op, lane);
            match (p.run)(cx, p) {
                Ok(()) => {}
                Err(Exit::Fault(Fault::Simd)) => failed = true,
                Err(other) => return Err(other),
            }
            raised |= cx.cpu.mxcsr & STATUS;
            result[lanes.result * lane..lanes.result * (lane + 1)].copy_from_slice(&cx.cpu.vec[usize::from(A)].0[..lanes.result]);
        }
        Ok(())
    });
    cx.cpu.mxcsr = before;
    done?;
    let early = failed && raised & flag::PRE & !(before >> 7) != 0;
    cx.cpu.mxcsr |= if early { raised & flag::PRE } else { raised };
    if failed {
        return Err(Exit::Fault(Fault::Simd));
    }
    write(cx.cpu, op.reg[0], &result[..lanes.result * count]);
    Ok(())
}
