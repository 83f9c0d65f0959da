//! Translation and dispatch by themselves: `cargo bench --workspace --bench micro`.
//!
//! Translation is per guest instruction, of code as compilers make it; dispatch per way from one block to the next. Guests are 64-bit ones in this process's
//! memory, whose addresses are the host's.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use forklift_jit::{Config, How, Jit, JitExit, Thread};
use forklift_lift::{JitState, LiftEnv};
use forklift_x86::{CcOp, CodeFetch, CpuModel, CpuState, Gpr, GuestAddr, Mode, decode_block};
use iced_x86::Instruction;
use iced_x86::code_asm::*;

/// Longest block, as the runtime has it. Unit: guest instructions.
const MAX_INSNS: usize = 32;
/// How often a way is gone in one run.
const WAYS: u32 = 10_000;
const SIZE: usize = 64 << 10;

/// Memory of a guest, with code from its start on.
struct Guest {
    base: u64,
    code: usize,
}

impl Guest {
    fn new(assemble: impl FnOnce(&mut CodeAssembler)) -> Self {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, which stays.
        let base = unsafe { libc::mmap(core::ptr::null_mut(), SIZE, prot, flags, -1, 0) } as u64;
        let mut a = CodeAssembler::new(64).unwrap();
        assemble(&mut a);
        let code = a.assemble(base).unwrap();
        assert!(code.len() < SIZE / 2);
        // SAFETY: within the mapping.
        unsafe { core::ptr::copy_nonoverlapping(code.as_ptr(), base as *mut u8, code.len()) };
        Self { base, code: code.len() }
    }

    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let Some(offset) = addr.get().checked_sub(self.base).filter(|o| *o < self.code as u64) else { return 0 };
        let n = buf.len().min(self.code - offset as usize);
        // SAFETY: within the mapping.
        unsafe { core::ptr::copy_nonoverlapping(addr.get() as *const u8, buf.as_mut_ptr(), n) };
        n
    }

    /// Where its blocks begin, and how many instructions they have together.
    fn blocks(&self) -> (Vec<GuestAddr>, u64) {
        let (mut at, mut starts, mut insns) = (GuestAddr::new(self.base), Vec::new(), 0);
        while let Ok(block) = decode_block(&mut Code(self), at, Mode::Bits64, MAX_INSNS) {
            starts.push(at);
            insns += block.insns.len() as u64;
            at = block.end;
        }
        (starts, insns)
    }
}

/// What the translators read.
struct Code<'a>(&'a Guest);

impl CodeFetch for Code<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.0.read(addr, buf)
    }
}

impl LiftEnv for Code<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.0.read(addr, buf)
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        i.ip()
    }

    fn model(&self) -> CpuModel {
        CpuModel::V3
    }

    fn flags_op(&self) -> CcOp {
        CcOp::RAW
    }
}

/// Functions as compilers make them: a frame, loads and stores, arithmetic, a branch, a call.
fn ordinary(a: &mut CodeAssembler) -> Result<(), IcedError> {
    for n in 0..16 {
        let (mut here, mut skip) = (a.create_label(), a.create_label());
        a.set_label(&mut here)?;
        a.push(rbx)?;
        a.mov(rbx, rdi)?;
        a.sub(rsp, 32)?;
        a.mov(eax, dword_ptr(rbx + 4 * n))?;
        a.lea(rcx, ptr(rax + rax * 4 + 7))?;
        a.mov(dword_ptr(rsp + 8), ecx)?;
        a.test(eax, eax)?;
        a.je(skip)?;
        a.imul_3(eax, ecx, 0x1234_5671)?;
        a.xor(eax, dword_ptr(rbx + 8))?;
        a.shr(eax, 3)?;
        a.movzx(edx, al)?;
        a.add(dword_ptr(rbx + 12), edx)?;
        a.cmp(eax, ecx)?;
        a.cmovb(eax, ecx)?;
        a.call(here)?;
        a.set_label(&mut skip)?;
        a.movsd_2(xmm0, qword_ptr(rbx + 16))?;
        a.mulsd(xmm0, xmm1)?;
        a.addsd(xmm0, qword_ptr(rsp + 16))?;
        a.add(rsp, 32)?;
        a.pop(rbx)?;
        a.ret()?;
    }
    Ok(())
}

fn jit(direct: bool) -> Arc<Jit> {
    Jit::new(Config { direct, ..Config::new(Mode::Bits64) }).unwrap()
}

fn translate(jit: &Jit, pc: GuestAddr, guest: &Guest, how: How) {
    let mut env = Code(guest);
    if jit.is_direct() { jit.compile_directly(pc, &mut env, how) } else { jit.compile(pc, false, &mut env) }.unwrap();
}

/// Nothing here has steps: it leaves.
extern "C" fn no_step(state: &mut JitState, token: u64) -> u64 {
    state.cpu.rip = token;
    1
}

fn short<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(30);
    group
}

fn translation(c: &mut Criterion) {
    let guest = Guest::new(|a| ordinary(a).unwrap());
    let (starts, insns) = guest.blocks();
    let end = GuestAddr::new(guest.base + SIZE as u64);
    let mut group = short(c, "translation");
    group.throughput(Throughput::Elements(insns));
    group.bench_function("decode", |b| {
        b.iter(|| starts.iter().for_each(|&pc| _ = black_box(decode_block(&mut Code(&guest), pc, Mode::Bits64, MAX_INSNS))));
    });
    for (name, direct) in [("direct", true), ("lifted", false)] {
        let jit = jit(direct);
        if direct && !jit.is_direct() {
            continue;
        }
        group.bench_function(name, |b| {
            b.iter(|| {
                jit.invalidate(starts[0], end);
                // Regions of lifted code overlap: this is per instruction of the blocks that they are made for.
                starts.iter().for_each(|&pc| translate(&jit, pc, &guest, How::Plain));
            });
        });
    }
    group.finish();
}

/// A guest, and what runs it from its start until it halts.
struct Looping {
    guest: Guest,
    jit: Arc<Jit>,
    thread: Thread,
}

impl Looping {
    fn new(direct: bool, assemble: impl FnOnce(&mut CodeAssembler)) -> Self {
        let (guest, jit) = (Guest::new(assemble), jit(direct));
        let thread = Thread::new(&jit, CpuState::new(Mode::Bits64), 0, no_step).unwrap();
        Self { guest, jit, thread }
    }

    fn run(&mut self) {
        self.thread.cpu().rip = self.guest.base;
        self.thread.cpu().set(Gpr::Rsp, self.guest.base + SIZE as u64 - 4096);
        loop {
            match self.thread.run() {
                JitExit::Cold => {
                    let pc = self.thread.cpu().pc();
                    let how = if self.thread.lands_at(pc) { How::Lands } else { How::Plain };
                    translate(&self.jit, pc, &self.guest, how);
                }
                JitExit::Step => return,
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A loop with something in it that ends blocks.
fn looped(a: &mut CodeAssembler, body: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) -> Result<(), IcedError> {
    let mut top = a.create_label();
    a.mov(ecx, WAYS)?;
    a.set_label(&mut top)?;
    body(a)?;
    a.dec(ecx)?;
    a.jne(top)?;
    a.hlt()
}

/// An indirect jump to what follows.
fn jump(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let mut next = a.create_label();
    a.lea(rax, ptr(next))?;
    a.jmp(rax)?;
    a.set_label(&mut next)
}

/// A call of a function that returns at once.
fn call(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut function, mut next) = (a.create_label(), a.create_label());
    a.jmp(next)?;
    a.set_label(&mut function)?;
    a.ret()?;
    a.set_label(&mut next)?;
    a.call(function)
}

/// What a loop has in it.
type Body = fn(&mut CodeAssembler) -> Result<(), IcedError>;

const BODIES: [(&str, Body); 3] = [("branch", |_| Ok(())), ("indirect jump", jump), ("call and return", call)];

fn dispatch(c: &mut Criterion) {
    let mut group = short(c, "dispatch");
    for (name, direct) in [("direct", true), ("lifted", false)] {
        if direct && !jit(true).is_direct() {
            continue;
        }
        group.throughput(Throughput::Elements(u64::from(WAYS)));
        for (what, body) in BODIES {
            let mut l = Looping::new(direct, |a| looped(a, body).unwrap());
            l.run();
            group.bench_function(format!("{name}, {what}"), |b| b.iter(|| l.run()));
        }
        group.throughput(Throughput::Elements(1));
        let mut l = Looping::new(direct, |a| a.hlt().unwrap());
        group.bench_function(format!("{name}, in and out"), |b| b.iter(|| l.run()));
    }
    group.finish();
}

criterion_group!(benches, translation, dispatch);
criterion_main!(benches);
