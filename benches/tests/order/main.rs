//! Which accesses of code for aarch64 are ordered, read off the code itself: an emulator on an x86-64 host can't show a barrier that is missing.
//!
//! One case of each form with memory in the vectors, in both modes, is compiled for a process whose memory others see, and every guest access in the code is
//! looked at. A load must acquire, or have a barrier behind it before anything else is accessed; a store must release, or have one before it. Behind an
//! instruction with LOCK, and for MFENCE, there must be a full barrier.

mod arm;

use std::collections::HashSet;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use forklift_fuzz::vectors;
use forklift_jit::{FLAGS, barriers};
use forklift_lift::{BlockKey, Faults, HostCpu, LiftEnv, Lifter, Needs, TRAP_MEMORY};
use forklift_x86::{CcOp, CpuModel, GuestAddr, Mode, decode_one};
use iced_x86::{Instruction, Mnemonic, OpKind};

use arm::{Access, Barrier};

const VECTORS: &[u8] = include_bytes!("../../../tests/vectors/x86.bin");

struct Code {
    at: u64,
    bytes: Vec<u8>,
}

impl LiftEnv for Code {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let have = self.bytes.get(addr.get().wrapping_sub(self.at) as usize..).unwrap_or(&[]);
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

    fn flags_op(&self) -> CcOp {
        CcOp::RAW
    }
}

struct Compiler {
    isa: OwnedTargetIsa,
    lifter: Lifter,
}

/// Code, and the places in it that access guest memory. Unit: instructions.
struct Compiled {
    code: Vec<u32>,
    guest: HashSet<usize>,
}

impl Compiler {
    fn new() -> Self {
        let mut flags = settings::builder();
        FLAGS.iter().for_each(|(name, value)| flags.set(name, value).unwrap());
        let isa = cranelift_codegen::isa::lookup_by_name("aarch64").unwrap().finish(Flags::new(flags)).unwrap();
        Self { isa, lifter: Lifter::new(HostCpu::AARCH64) }
    }

    /// The block of one instruction; UD2 ends it.
    fn compile(&mut self, mode: Mode, at: GuestAddr, code: &[u8], needs: Needs, has_ldapr: bool) -> Compiled {
        let mut context = Context::for_function(Function::with_name_signature(UserFuncName::user(0, 0), forklift_lift::signature()));
        let key = BlockKey { start: at, mode, flat: true, checked: false, needs };
        let mut env = Code { at: at.get(), bytes: [code, &[0x0f, 0x0b]].concat() };
        self.lifter.lift(&mut context.func, self.isa.frontend_config(), key, Faults::Stored, &mut env).unwrap();
        context.compile(&*self.isa, &mut ControlPlane::default()).unwrap();
        let compiled = context.compiled_code().unwrap();
        let mut bytes = compiled.code_buffer().to_vec();
        barriers::narrow(compiled, &mut bytes, has_ldapr);
        let guest = compiled.buffer.traps().iter().filter(|t| t.code == TRAP_MEMORY).map(|t| t.offset as usize / 4).collect();
        Compiled { code: bytes.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect(), guest }
    }
}

/// Whether the instruction is a barrier by itself.
fn is_locked(i: &Instruction) -> bool {
    let swap = i.mnemonic() == Mnemonic::Xchg || matches!(i.mnemonic(), Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b);
    i.has_lock_prefix() || swap && has_memory(i)
}

/// Whether it may store nothing and is atomic.
fn compares(i: &Instruction) -> bool {
    matches!(i.mnemonic(), Mnemonic::Cmpxchg | Mnemonic::Cmpxchg8b) && is_locked(i)
}

/// Whether it stores selected elements.
fn is_masked(i: &Instruction) -> bool {
    matches!(i.mnemonic(), Mnemonic::Vmaskmovps | Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovd | Mnemonic::Vpmaskmovq) && i.op0_kind() == OpKind::Memory
}

fn has_memory(i: &Instruction) -> bool {
    (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Memory) || i.is_string_instruction() || i.is_stack_instruction()
}

impl Compiled {
    fn access(&self, at: usize) -> Option<Access> {
        self.guest.contains(&at).then(|| arm::access(self.code[at]).expect("a guest access that is none"))
    }

    /// Whether from `places` on there is a barrier at least as strong before the next guest access.
    fn has_barrier(&self, mut places: impl Iterator<Item = usize>, wanted: Barrier) -> bool {
        places.find_map(|at| if self.guest.contains(&at) { Some(false) } else { (arm::barrier(self.code[at])? >= wanted).then_some(true) }).unwrap_or(false)
    }

    /// What is wrong with the accesses of `i`, made for others to see.
    fn judge(&self, i: &Instruction, needs: Needs, has_ldapr: bool) -> Option<String> {
        // Of 32 bytes, or of the elements that a mask selects.
        let (series, masked) = (i.memory_size().size() == 32 || is_masked(i), is_masked(i));
        let mut within = false;
        for at in (0..self.code.len()).filter(|at| self.guest.contains(at)) {
            let access = self.access(at)?;
            let wide = access.bytes() == 16;
            let fine = match access {
                Access::Atomic => true,
                Access::Load(_) if is_locked(i) => true,
                Access::Load(_) => self.has_barrier(at + 1..self.code.len(), Barrier::Loads) && (wide || needs.has(Needs::UNALIGNED)),
                Access::Acquire(n) => !needs.has(Needs::UNALIGNED) || n == 1,
                Access::AcquirePc(n) => has_ldapr && (!needs.has(Needs::UNALIGNED) || n == 1),
                Access::Store(_) if series && within => true,
                Access::Store(_) => self.has_barrier((0..at).rev(), Barrier::Stores) && (wide || masked || needs.has(Needs::UNALIGNED)),
                Access::Release(n) => !needs.has(Needs::UNALIGNED) || n == 1,
            };
            let strong = !(has_ldapr && matches!(access, Access::Acquire(_)));
            within = matches!(access, Access::Store(_));
            if !fine || !strong {
                return Some(format!("{access:?} at {at}"));
            }
        }
        let atomic = (0..self.code.len()).filter(|at| self.access(*at) == Some(Access::Atomic)).max();
        match atomic {
            Some(_) if compares(i) && !self.has_barrier((0..self.guest.iter().copied().min()?).rev(), Barrier::Full) => {
                Some("no barrier before a comparison".into())
            }
            Some(at) if is_locked(i) && !self.has_barrier(at + 1..self.code.len(), Barrier::Full) => Some("no barrier behind a locked instruction".into()),
            None if i.mnemonic() == Mnemonic::Mfence && !self.code.iter().any(|w| arm::barrier(*w) == Some(Barrier::Full)) => Some("no barrier".into()),
            _ => None,
        }
    }
}

/// One case of each form.
fn forms(mode: Mode) -> Vec<(GuestAddr, Vec<u8>, Instruction)> {
    let mut seen = HashSet::new();
    let sets = vectors::read(VECTORS).expect("a file of vectors");
    let cases = sets.iter().filter(|s| s.mode == mode).flat_map(|s| &s.all);
    let decoded = cases.filter_map(|(_, c, _)| Some((c.cpu.pc(), c.code.clone(), decode_one(mode, c.cpu.pc(), &c.code)?)));
    decoded.filter(|(_, _, i)| has_memory(i) || i.mnemonic() == Mnemonic::Mfence).filter(|(_, _, i)| seen.insert((i.code(), i.has_lock_prefix()))).collect()
}

fn check(mode: Mode, needs: Needs, has_ldapr: bool) {
    let (mut compiler, mut accesses, mut wrong) = (Compiler::new(), 0, Vec::new());
    for (at, code, i) in forms(mode) {
        let compiled = compiler.compile(mode, at, &code, needs, has_ldapr);
        accesses += compiled.guest.len();
        wrong.extend(compiled.judge(&i, needs, has_ldapr).map(|what| format!("{i}: {what}")));
    }
    assert!(wrong.is_empty(), "{} of {accesses} accesses:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accesses > 700, "only {accesses}");
}

#[test]
fn accesses_of_64_bit_code() {
    check(Mode::Bits64, Needs::ORDERED.with(Needs::FLUSHING), true);
}

#[test]
fn accesses_of_32_bit_code() {
    check(Mode::Bits32, Needs::ORDERED, false);
}

#[test]
fn unaligned_accesses_of_64_bit_code() {
    check(Mode::Bits64, Needs::ORDERED.with(Needs::UNALIGNED), false);
}

#[test]
fn unaligned_accesses_of_32_bit_code() {
    check(Mode::Bits32, Needs::ORDERED.with(Needs::UNALIGNED), true);
}

/// Nobody else looks, or not at vectors.
#[test]
fn what_nobody_sees_is_not_ordered() {
    let mut compiler = Compiler::new();
    let mut barriers = |code: &[u8], needs| {
        let c = compiler.compile(Mode::Bits64, GuestAddr::new(0x40_1000), code, needs, true);
        let ordered = |at: usize| !matches!(c.access(at), None | Some(Access::Load(_) | Access::Store(_))) || arm::barrier(c.code[at]).is_some();
        (0..c.code.len()).filter(|at| ordered(*at)).count()
    };
    let weak = Needs::ORDERED.with(Needs::WEAK_VECTORS);
    // mov rax, [rdi]; mov [rdi], eax; movaps xmm0, [rdi]; movss [rdi], xmm0.
    let codes: [&[u8]; 4] = [&[0x48, 0x8b, 0x07], &[0x89, 0x07], &[0x0f, 0x28, 0x07], &[0xf3, 0x0f, 0x11, 0x07]];
    assert_eq!(codes.map(|c| barriers(c, Needs::NONE)), [0; 4]);
    assert_eq!(codes.map(|c| barriers(c, Needs::ORDERED)), [1; 4]);
    assert_eq!(codes.map(|c| barriers(c, weak)), [1, 1, 0, 0]);
}
